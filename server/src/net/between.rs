//! What the two ports between servers have in common: how far a connection is, and strangers.

use std::fmt::Display;
use std::net::SocketAddr;
use std::time::Instant;

use mio::Registry;
use quorate_core::ids::{Link, ServerId};
use tracing::debug;

use super::engine::{Conn, Engine, Protocol};
use super::listener::Accepted;
use super::stranger::Greeting;

/// Accepted connections that have not introduced themselves. For one more the oldest is closed, lest
/// silent ones keep the other servers out.
pub(super) const MAX_UNKNOWN: usize = 64;

/// How far a connection is; `K` says what it is to the port once both ends know each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage<K> {
    /// This server dialed; the connection is not established yet.
    Dialing(K, Instant),
    /// The other end dialed and has not introduced itself.
    Unknown(Instant),
    /// Both ends know each other.
    Up(K),
}

/// The server at the other end.
pub(super) trait Known: Copy {
    /// Which server that is.
    fn server(self) -> ServerId;
}

impl Known for ServerId {
    fn server(self) -> ServerId {
        self
    }
}

impl Known for Link {
    fn server(self) -> ServerId {
        self.server
    }
}

impl<K: Known> Stage<K> {
    /// When the connection is given up.
    pub(super) fn deadline(self) -> Option<Instant> {
        match self {
            Stage::Dialing(_, due) | Stage::Unknown(due) => Some(due),
            Stage::Up(_) => None,
        }
    }

    /// Whether this server dialed and the connection is not established yet.
    pub(super) fn is_dialing(self) -> bool {
        matches!(self, Stage::Dialing(..))
    }

    /// What the log calls the other end, at this address.
    pub(super) fn who(self, peer: SocketAddr) -> String {
        match self {
            Stage::Dialing(known, _) | Stage::Up(known) => format!("server {} ({peer})", known.server()),
            Stage::Unknown(_) => peer.to_string(),
        }
    }
}

/// A connection between servers: it begins with a greeting.
pub(super) trait Greets: Protocol {
    /// What the connection said first.
    fn greeting(&self) -> &Greeting;
}

impl<P: Greets> Engine<P> {
    /// Take over a connection that was accepted. The oldest unknown one goes for it, if there are too many.
    pub(super) fn take_in(
        &mut self,
        now: Instant,
        accepted: Accepted,
        hosts: &[String],
        new: P,
        registry: &Registry,
    ) {
        if let Some(oldest) = self.oldest_unknown(MAX_UNKNOWN)
            && let Some(conn) = self.remove(oldest)
        {
            self.stranger_left(now, &conn, "too many connections that have not said who they are");
        }
        let peer = accepted.peer;
        if let Err(error) = self.insert(accepted, hosts, new, registry) {
            self.refusals.log(now, peer, error);
        }
    }

    /// A connection is gone that has not introduced itself.
    pub(super) fn stranger_left(&mut self, now: Instant, conn: &Conn<P>, why: impl Display) {
        if conn.is_closed() && conn.greeting().is_empty() {
            // A probe: something wants to know whether there is a port.
            debug!("{} port: {}: closed without a word", self.kind().name(), conn.peer);
        } else {
            self.refusals.log(now, conn.peer, format_args!("said nothing useful: {why}"));
        }
    }
}
