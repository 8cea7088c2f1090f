//! Serving without a leader: reads from the state as it is, in sessions that only this server knows
//! (`ReadOnlyZooKeeperServer`, with local sessions).
//!
//! Clients that did not say that this will do are turned away without an answer, and so is who
//! comes back to a session of the ensemble: whether that one still lives, only a leader can say.
//! When a leader is found every client is disconnected and its session here is forgotten.

use super::connection::Asked;
use super::tree_service::{Fx, TreeService};
use crate::ids::{Now, Touch};
use crate::payload::ServingRole;
use crate::wire::client::{OpCode, Response};

impl TreeService {
    /// Whether only reads are served.
    pub(super) fn is_read_only(&self) -> bool {
        self.role == Some(ServingRole::ReadOnly)
    }

    /// Whether the sessions of this server's clients are known to it alone.
    pub(super) fn has_local_sessions(&self) -> bool {
        self.local.is_some()
    }

    /// Begin a session of this server, or go on with it; `false` if it does not exist (any more).
    pub(super) fn attach_locally(&mut self, now: Now, touch: Touch, is_new: bool) -> bool {
        let Some(tracker) = &mut self.local else { return false };
        // Nobody waits for the end of such a session, so it is enough to look here.
        for expired in tracker.expire(now.elapsed_ms) {
            tracker.remove(expired);
        }
        if is_new {
            tracker.track(now.elapsed_ms, touch, None);
        }
        tracker.touch(now.elapsed_ms, touch)
    }

    /// The session was heard from.
    pub(super) fn touch_locally(&mut self, now: Now, touch: Touch) {
        if let Some(tracker) = &mut self.local
            && !tracker.touch(now.elapsed_ms, touch)
        {
            // Forgotten while its connection was too slow to be closed: it speaks, so it lives.
            tracker.track(now.elapsed_ms, touch, None);
        }
    }

    /// Whether a request needs a leader. The end of a session does not, if the session is its own.
    pub(super) fn needs_leader(&self, op: OpCode) -> bool {
        self.is_read_only() && (op.is_write() || op == OpCode::Sync) && op != OpCode::CloseSession
    }

    /// A client ends its session.
    pub(super) fn close_locally(&mut self, asked: Asked, fx: &mut Fx) {
        let conn = asked.conn;
        if let (Some(tracker), Some(connection)) = (&mut self.local, self.clients.connections.get(&conn)) {
            tracker.remove(connection.session);
        }
        self.reply(asked, Ok(Response::Empty), fx);
        self.close(conn, fx);
    }
}
