//! What operators ask for: counts for `srvr`, `stat`, `mntr`, `cons`.

use core::ops::Bound;

use super::connection::{Connection, Stage};
use super::counters::Counters;
use super::tree_service::TreeService;
use crate::ids::{ConnId, SessionId, Zxid};
use crate::payload::ServingRole;
use crate::session::ExpiryQueue;
use crate::tree::{DataTree, Owned};
use crate::watch::WatchTable;

/// Counts of one moment.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ServiceStatus {
    /// In which capacity clients are served; `None`: they are not.
    pub role: Option<ServingRole>,
    /// The zxid that clients see.
    pub applied: Zxid,
    /// Znodes, the root included.
    pub znodes: usize,
    /// Ephemeral znodes.
    pub ephemerals: usize,
    /// Bytes of all paths and data.
    pub data_size: u64,
    /// Watches, as `mntr` counts them.
    pub watches: usize,
    /// Sessions of the whole ensemble.
    pub sessions: usize,
    /// Sessions of this server alone, while it serves reads only.
    pub local_sessions: usize,
    /// Client connections of this server.
    pub connections: usize,
    /// Requests of this server's clients that are not answered yet.
    pub outstanding: usize,
    /// Leader: changes that are proposed and not applied.
    pub proposed_changes: usize,
    /// The digest of the tree.
    pub digest: i64,
    /// What has happened so far.
    pub counters: Counters,
}

impl TreeService {
    /// Counts of this moment; cheap.
    pub fn status(&self) -> ServiceStatus {
        ServiceStatus {
            role: self.role,
            applied: self.state.applied,
            znodes: self.state.tree.len(),
            ephemerals: self.state.tree.owned().ephemeral_count(),
            data_size: self.state.tree.data_size(),
            watches: self.clients.watches.len(),
            sessions: self.state.sessions.len(),
            local_sessions: self.local.as_ref().map_or(0, |tracker| tracker.queue().len()),
            connections: self.clients.connections.len(),
            outstanding: self.clients.queues.len(),
            proposed_changes: self.leading.as_ref().map_or(0, |leading| leading.outstanding.len()),
            digest: self.state.tree.digest(),
            counters: self.counters,
        }
    }

    /// Every session with its timeout (ms), in order.
    pub fn sessions(&self) -> impl ExactSizeIterator<Item = (SessionId, i32)> {
        self.state.sessions.iter().map(|(session, timeout_ms)| (*session, *timeout_ms))
    }

    /// Sessions with their timeouts (ms), in order, after this one.
    pub fn sessions_after(&self, last: Option<SessionId>) -> impl Iterator<Item = (SessionId, i32)> {
        let from = last.map_or(Bound::Unbounded, Bound::Excluded);
        self.state
            .sessions
            .range((from, Bound::Unbounded))
            .map(|(session, timeout_ms)| (*session, *timeout_ms))
    }

    /// When sessions expire that are not heard from any more: on a leader the ensemble's, on a server
    /// that serves reads only its own.
    pub fn expiry(&self) -> Option<&ExpiryQueue> {
        let tracker = self.leading.as_ref().map(|leading| &leading.tracker).or(self.local.as_ref());
        tracker.map(|tracker| tracker.queue())
    }

    /// The sessions that a leader knows, closing or not, in order.
    pub fn tracked(&self) -> impl Iterator<Item = SessionId> {
        self.leading.iter().flat_map(|leading| leading.tracker.sessions())
    }

    /// The znodes.
    pub fn tree(&self) -> &DataTree {
        &self.state.tree
    }

    /// Which znodes belong to sessions.
    pub fn owned(&self) -> &Owned {
        self.state.tree.owned()
    }

    /// The data and existence watches of this server's clients.
    pub fn data_watches(&self) -> &WatchTable {
        self.clients.watches.data()
    }

    /// What the watches of this server's clients take, in bytes.
    pub fn watch_bytes(&self) -> usize {
        self.clients.watches.bytes()
    }

    /// What the watches of one connection take, in bytes.
    pub fn watch_bytes_of(&self, conn: ConnId) -> usize {
        self.clients.watches.bytes_of(conn)
    }

    /// The sessions that are served over a connection to this server.
    pub fn served_sessions(&self) -> impl Iterator<Item = SessionId> {
        let served = |connection: &&Connection| connection.stage == Stage::Established;
        self.clients.connections.values().filter(served).map(|connection| connection.session)
    }

    /// The session of a connection.
    pub fn session_of(&self, conn: ConnId) -> Option<SessionId> {
        self.clients.connections.get(&conn).map(|connection| connection.session)
    }

    /// The tree's digest after every 128th zxid, oldest first; what was applied since the start.
    pub fn digests(&self) -> impl Iterator<Item = (Zxid, i64)> {
        self.state.digests.iter().copied()
    }
}
