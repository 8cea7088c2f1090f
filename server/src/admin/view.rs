//! What answers are made from, at one moment of the loop, and what they set back.

use std::time::Instant;

use quorate_core::QuorumPeer;
use quorate_core::ids::Now;
use quorate_core::pipeline::ClientTxn;

use super::answer::Source;
use super::metrics::Metrics;
use crate::config::ServerConfig;
use crate::net::ClientPort;

/// What an answer is made from, at one moment.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    /// The configuration.
    pub(crate) config: &'a ServerConfig,
    /// The state machine.
    pub(crate) peer: &'a QuorumPeer<ClientTxn>,
    /// The client port.
    pub(crate) port: &'a ClientPort,
    /// What the loop has counted.
    pub(crate) metrics: &'a Metrics,
    /// The time, for sockets.
    pub(crate) at: Instant,
    /// The time, for sessions.
    pub(crate) now: Now,
}

impl<'a> View<'a> {
    /// What lists are read from.
    pub(crate) fn source(&self) -> Source<'a> {
        Source { service: self.peer.service(), port: self.port, now: self.now }
    }
}

/// What the loop is to set, mostly back to zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reset {
    /// The server's totals.
    Server,
    /// Those of every connection.
    Connections,
    /// Those of the connections with other servers.
    Links,
    /// The mask of the trace, to this.
    TraceMask(i64),
}
