//! One server's client connections, and the requests of each session in the order they came.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::IpAddr;

use bytes::Bytes;

use crate::ids::{ConnId, SessionId, Zxid};
use crate::wire::client::{OpCode, Request};
use crate::wire::error_code::ErrorCode;
use crate::wire::record::Id;
use crate::wire::txn::TxnHeader;

/// How far a connection has come.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Stage {
    /// The session is being created, or the leader is asked about it. Frames wait.
    Pending(VecDeque<Bytes>),
    /// Requests are served.
    Established,
}

/// A client's connection.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Connection {
    pub(super) address: IpAddr,
    pub(super) session: SessionId,
    /// Negotiated, ms.
    pub(super) timeout_ms: i32,
    /// Whether (and what) the client said about read-only servers: the response says as much.
    pub(super) read_only: Option<bool>,
    /// Whether it is the session's first connection (or comes back to a session).
    pub(super) new_session: bool,
    /// Everything the client has shown to be; shared with the requests that were sent under it.
    pub(super) auth: Arc<[Id]>,
    pub(super) stage: Stage,
}

/// A request that is not answered yet.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Pending {
    /// The connection it came from; it may be gone.
    pub(super) conn: ConnId,
    pub(super) xid: i32,
    pub(super) op: OpCode,
    /// A transaction up to here is not this request's, but an earlier one's of its session: some clients
    /// count their requests anew behind each connection.
    pub(super) after: Zxid,
    pub(super) work: Work,
}

/// The request that is answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) conn: ConnId,
    pub(super) xid: i32,
    /// The operation that it named, known or not.
    pub(super) op: i32,
}

impl Pending {
    /// What its answer refers to.
    pub(super) fn asked(&self) -> Asked {
        Asked { conn: self.conn, xid: self.xid, op: self.op.to_i32() }
    }
}

/// What a pending request waits for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Work {
    /// A transaction of this session and xid.
    Commit {
        /// The operations of a multi: a transaction does not tell create2 from create.
        parts: Vec<OpCode>,
    },
    /// The leader's word that everything before this `sync` is here.
    Sync { path: Option<String> },
    /// The requests before it: then it is read locally, with the identities it came with.
    Read { request: Request, auth: Arc<[Id]> },
    /// The requests before it: it has failed already.
    Failed(ErrorCode),
}

/// The unanswered requests of every session, in order. A session's later requests wait for its
/// earlier ones; other sessions do not.
///
/// Requests stay when their connection goes: their transactions still come, and a later request
/// with the same xid (some clients start again at 1) must not be taken for them.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Queues {
    sessions: BTreeMap<SessionId, VecDeque<Pending>>,
    len: usize,
}

impl Queues {
    /// Whether the session waits for something.
    pub(super) fn is_waiting(&self, session: SessionId) -> bool {
        self.sessions.contains_key(&session)
    }

    pub(super) fn push(&mut self, session: SessionId, pending: Pending) {
        self.sessions.entry(session).or_default().push_back(pending);
        self.len += 1;
    }

    /// Take out the request that this transaction answers: the oldest of its session, if the
    /// transaction was proposed later, the xid is the same, and it is of its kind or says that it failed.
    pub(super) fn take_committed(&mut self, header: &TxnHeader) -> Option<Pending> {
        self.take_if(header.client_id, |pending| {
            header.zxid > pending.after
                && pending.xid == header.cxid
                && matches!(&pending.work, Work::Commit { .. })
                && (header.op == pending.op.to_i32() || header.op == OpCode::Error.to_i32())
        })
    }

    /// Take out the `sync` with this xid, if it is the oldest request of its session.
    pub(super) fn take_synced(&mut self, session: SessionId, cxid: i32) -> Option<Pending> {
        self.take_if(session, |pending| pending.xid == cxid && matches!(pending.work, Work::Sync { .. }))
    }

    /// Take out the oldest request if nothing but its turn is missing.
    pub(super) fn take_ready(&mut self, session: SessionId) -> Option<Pending> {
        self.take_if(session, |pending| matches!(pending.work, Work::Read { .. } | Work::Failed(_)))
    }

    fn take_if(&mut self, session: SessionId, wanted: impl Fn(&Pending) -> bool) -> Option<Pending> {
        let queue = self.sessions.get_mut(&session)?;
        if !queue.front().is_some_and(wanted) {
            return None;
        }
        let taken = queue.pop_front();
        if queue.is_empty() {
            self.sessions.remove(&session);
        }
        self.len -= 1;
        taken
    }

    /// The session has ended.
    pub(super) fn remove(&mut self, session: SessionId) {
        self.len -= self.sessions.remove(&session).map_or(0, |queue| queue.len());
    }

    /// How many requests are not answered.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn clear(&mut self) {
        *self = Queues::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client has moved here while its first write is under way, and counts from 1 again.
    #[test]
    fn an_earlier_transaction_of_the_same_number_is_no_answer() {
        let session = SessionId(7);
        let pending = Pending {
            conn: ConnId(1),
            xid: 1,
            op: OpCode::SetData,
            after: Zxid::new(1, 4),
            work: Work::Commit { parts: Vec::new() },
        };
        let mut queues = Queues::default();
        queues.push(session, pending);
        let op = OpCode::SetData.to_i32();
        let header =
            |counter| TxnHeader { client_id: session, cxid: 1, zxid: Zxid::new(1, counter), time: 0, op };
        assert_eq!(queues.take_committed(&header(4)), None);
        assert!(queues.take_committed(&header(5)).is_some());
    }
}
