//! What is counted of a connection between a learner and its leader.

use std::net::SocketAddr;

use quorate_core::ids::{ServerId, Zxid};
use quorate_core::wire::quorum::WirePayload;
use quorate_core::zab::Packet;

use crate::clock::wall_ms;

/// Counts of one connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LinkCounts {
    /// Milliseconds since 1970 when the connection was made.
    established_ms: i64,
    received: u64,
    sent: u64,
    requests: u64,
    last_sent: Zxid,
    acked: Option<Zxid>,
}

impl LinkCounts {
    /// Of a connection that is made now.
    pub(super) fn begin() -> LinkCounts {
        LinkCounts { established_ms: wall_ms(), ..LinkCounts::default() }
    }

    /// Begin anew to count packets.
    pub(super) fn reset(&mut self) {
        (self.received, self.sent, self.requests) = (0, 0, 0);
    }

    /// A packet has come.
    pub(super) fn received<P: WirePayload>(&mut self, packet: &Packet<P>) {
        self.received += 1;
        match packet {
            Packet::Request { .. } => self.requests += 1,
            Packet::Ack { zxid } => self.acked = self.acked.max(Some(*zxid)),
            _ => {}
        }
    }

    /// A packet goes out.
    pub(super) fn sent<P: WirePayload>(&mut self, packet: &Packet<P>) {
        self.sent += 1;
        if let Packet::Proposal { zxid, .. } | Packet::Inform { zxid, .. } | Packet::Snap { zxid, .. } =
            packet
        {
            self.last_sent = *zxid;
        }
    }

    /// The counts as values that outlive the connection.
    pub(super) fn reading(&self, server: ServerId, peer: SocketAddr, unsent: usize) -> LinkReading {
        let LinkCounts { established_ms, received, sent, requests, last_sent, acked } = *self;
        LinkReading { server, peer, established_ms, received, sent, requests, unsent, last_sent, acked }
    }
}

/// A connection of the quorum port, as operators see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LinkReading {
    /// The server at the other end.
    pub(crate) server: ServerId,
    /// That server's address.
    pub(crate) peer: SocketAddr,
    /// Milliseconds since 1970 when the connection was made.
    pub(crate) established_ms: i64,
    /// Packets received.
    pub(crate) received: u64,
    /// Packets sent.
    pub(crate) sent: u64,
    /// Requests of that server's clients among those received.
    pub(crate) requests: u64,
    /// Bytes that wait to be sent.
    pub(crate) unsent: usize,
    /// The last transaction that was sent.
    pub(crate) last_sent: Zxid,
    /// The last transaction that a voter has acknowledged; observers acknowledge none.
    pub(crate) acked: Option<Zxid>,
}
