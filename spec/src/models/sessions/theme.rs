//! What a session does in a search.

use quorate_core::wire::client::Request;

use crate::models::clients::menu::MENUS;

/// What may happen from one beginning on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Theme {
    /// At which server each client begins.
    pub homes: [usize; 2],
    /// How many writes each client sends.
    pub asks: [u8; 2],
    /// Whether the first client's last write creates an ephemeral. The others are setData.
    pub creates: bool,
    /// Crashes of servers, and cuts between them.
    pub faults: u8,
    /// How often another leader may be elected.
    pub elections: u8,
    /// How often the first client's connection is cut.
    pub cuts: u8,
    /// Whether time passes.
    pub passes: bool,
    /// How often a leader greets its learners.
    pub pings: u8,
    /// Whether the last server is an observer.
    pub observer: bool,
    /// Whether what a server writes is on its disk at once.
    pub instant: bool,
}

/// A client's next write.
pub(crate) fn write(left: &Theme, client: usize) -> Request {
    let creates = client == 0 && left.creates && left.asks[0] == 1;
    let choice = if creates { &MENUS[0][4] } else { &MENUS[1][0] };
    (choice.request)()
}
