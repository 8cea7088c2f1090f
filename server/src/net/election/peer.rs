//! What the election port knows of the other servers: the link with each.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use quorate_core::election::{ElectionLink, Notification};
use quorate_core::ids::ServerId;
use quorate_core::wire::election::{Address, InitialMessage};

use crate::config::HostPort;
use crate::timer::Durations;

/// What the port knows from the configuration.
#[derive(Clone, Debug)]
pub(crate) struct ElectionSettings {
    /// This server.
    pub(crate) me: ServerId,
    /// Where this server's election port is: on one address or on several.
    pub(crate) own: Vec<HostPort>,
    /// How long an attempt to connect may take (`cnxTimeout`).
    pub(crate) dial_limit: Duration,
    /// The configuration's text, which every vote carries.
    pub(crate) config_text: Vec<u8>,
    /// How long a dialer may take to introduce itself.
    pub(crate) handshake_limit: Duration,
    /// How long pauses between attempts are.
    pub(crate) durations: Durations,
}

/// Another server.
pub(super) struct Peer {
    pub(super) link: ElectionLink<Notification>,
    /// The connection in use.
    pub(super) conn: Option<usize>,
    /// The number of the newest connection that was in use.
    pub(super) newest: Option<u64>,
    /// When the pause before the next attempt to connect ends.
    pub(super) pause: Option<Instant>,
}

/// The other servers, none of them connected.
pub(super) fn peers<'a>(
    me: ServerId,
    others: impl Iterator<Item = &'a ServerId>,
) -> BTreeMap<ServerId, Peer> {
    let peer = |id: &ServerId| {
        let link = ElectionLink::new(me, *id);
        (*id, Peer { link, conn: None, newest: None, pause: None })
    };
    others.map(peer).collect()
}

impl ElectionSettings {
    /// Introduce this server to one that it has dialed.
    pub(super) fn write_initial_message(&self, out: &mut Vec<u8>) {
        let own: Vec<Address> = self.own.iter().map(|place| Address::new(&place.host, place.port)).collect();
        InitialMessage::write(self.me, &own, out);
    }
}
