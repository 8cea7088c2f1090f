//! Everything that can happen next in a world.

use std::fmt;

use super::link::Side;

/// One atomic step of the whole ensemble: one input of one server, with everything it causes, or
/// one fault.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Action {
    /// A server's process starts on what its disk holds.
    Start(usize),
    /// The oracle: this server leads.
    Lead(usize),
    /// The oracle: the first server follows the second, and connects.
    Follow(usize, usize),
    /// A vote arrives.
    Vote {
        /// The server that voted.
        from: usize,
        /// The server that hears the vote.
        to: usize,
    },
    /// The pause for a better vote is over.
    Decide(usize),
    /// A LOOKING server says its vote again.
    Resend(usize),
    /// A server's attempt to connect to the leader it elected succeeds.
    Connect(usize),
    /// The oldest packet under way on a connection arrives at this end.
    Deliver(usize, Side),
    /// This end of a connection sees that it is down.
    Down(usize, Side),
    /// A client hands a server a transaction.
    Submit(usize),
    /// A client asks a server for `sync`.
    Ask(usize),
    /// The oldest pending storage operation of a server becomes durable.
    Sync(usize),
    /// The snapshot that a server writes in the background is complete.
    Snapshot(usize),
    /// Discovery or synchronisation took too long.
    PhaseLimit(usize),
    /// Two liveness checks of a server pass with nothing heard between them.
    Silence(usize),
    /// A server dies; this many of its pending storage operations took effect.
    Crash(usize, usize),
    /// A stranger introduces itself to this server in the name of another (see `Setting::forged`), and goes.
    Forge(usize),
    /// A connection breaks.
    Cut(usize),
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = |i: &usize| i + 1;
        match self {
            Action::Start(i) => write!(f, "{} starts", id(i)),
            Action::Lead(i) => write!(f, "oracle: {} leads", id(i)),
            Action::Follow(i, j) => write!(f, "oracle: {} follows {}", id(i), id(j)),
            Action::Vote { from, to } => write!(f, "{} hears {}'s vote", id(to), id(from)),
            Action::Decide(i) => write!(f, "{} decides", id(i)),
            Action::Resend(i) => write!(f, "{} says its vote again", id(i)),
            Action::Connect(i) => write!(f, "{} connects to its leader", id(i)),
            Action::Deliver(c, side) => write!(f, "connection {c}: the {side:?} reads a packet"),
            Action::Down(c, side) => write!(f, "connection {c}: the {side:?} sees it down"),
            Action::Submit(i) => write!(f, "a client submits to {}", id(i)),
            Action::Ask(i) => write!(f, "a client asks {} for sync", id(i)),
            Action::Sync(i) => write!(f, "{}'s disk completes an operation", id(i)),
            Action::Snapshot(i) => write!(f, "{}'s snapshot is on disk", id(i)),
            Action::PhaseLimit(i) => write!(f, "{} gives up its phase", id(i)),
            Action::Silence(i) => write!(f, "{} hears nothing for too long", id(i)),
            Action::Crash(i, kept) => write!(f, "{} dies with {kept} pending writes done", id(i)),
            Action::Forge(i) => write!(f, "a stranger introduces itself to {}", id(i)),
            Action::Cut(c) => write!(f, "connection {c} breaks"),
        }
    }
}
