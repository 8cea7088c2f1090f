//! What an operator asks about the clients' connections.

use std::time::Instant;

use super::ClientPort;
use super::conn::Client;
use super::operations::Operations;
use super::stats::{ConnectionExpiry, ConnectionLine, Counts, Totals};
use crate::net::engine::Conn;

impl ClientPort {
    /// Open connections.
    pub(crate) fn len(&self) -> usize {
        self.engine.len()
    }

    /// TLS handshakes under way.
    pub(crate) fn handshakes(&self) -> usize {
        self.engine.handshakes_under_way()
    }

    /// Requests not yet answered.
    pub(crate) fn outstanding(&self) -> usize {
        self.flow.requests()
    }

    /// The sums over all connections.
    pub(crate) fn totals(&self) -> Totals {
        self.totals
    }

    /// How long requests took, operation by operation.
    pub(crate) fn operations(&self) -> &Operations {
        &self.operations
    }

    /// Begin the sums anew.
    pub(crate) fn reset_totals(&mut self) {
        self.totals.reset();
        self.operations = Operations::default();
    }

    /// Begin the counts of every connection anew.
    pub(crate) fn reset_connections(&mut self) {
        for conn in self.engine.iter_mut() {
            conn.counts = Counts::default();
        }
    }

    /// The connections from this place on, each with its place.
    pub(crate) fn connections_from(&self, place: usize) -> impl Iterator<Item = (usize, ConnectionLine<'_>)> {
        self.engine.iter_from(place).map(|(index, conn)| (index, conn.line()))
    }

    /// When each connection is closed if it stays silent, earliest first, and at how many moments that is.
    /// They are rounded up to `nio.sessionlessCnxnTimeout`, as ZooKeeper shows them.
    pub(crate) fn expiries(&self, now: Instant, wall_ms: i64) -> (usize, Vec<ConnectionExpiry>) {
        let sessionless = self.settings.sessionless;
        let step = sessionless.as_millis().max(1) as i64;
        let expiry = |(_, conn): (usize, &Conn<Client>)| {
            let left = conn.due(sessionless).saturating_duration_since(now).as_millis() as i64;
            let due_ms = (wall_ms + left) / step * step + step;
            ConnectionExpiry { due_ms, together: 0, peer: conn.peer, session: conn.session() }
        };
        let mut all: Vec<ConnectionExpiry> = self.engine.iter().map(expiry).collect();
        all.sort_by_key(|expiry| expiry.due_ms);
        let mut sets = 0;
        for set in all.chunk_by_mut(|a, b| a.due_ms == b.due_ms) {
            sets += 1;
            let together = set.len();
            set.iter_mut().for_each(|expiry| expiry.together = together);
        }
        (sets, all)
    }

    /// What all connections hold, in bytes: unfinished frames, requests in process, unsent answers.
    pub(crate) fn memory(&self) -> usize {
        self.flow.memory()
    }
}
