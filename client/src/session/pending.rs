//! Requests that were sent, and those that wait to be sent.

use alloc::borrow::ToOwned;
use alloc::string::String;

use bytes::Bytes;
use quorate_core::wire::client::{AddWatchMode, OpCode, Request};

use crate::session::io::{OpId, WatchKinds};

/// An operation that waits for a connection.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Unsent {
    pub(super) id: Option<OpId>,
    pub(super) op: OpCode,
    pub(super) body: Bytes,
    pub(super) effect: Effect,
    pub(super) absolute: bool,
}

/// A request that waits for its reply.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Sent {
    pub(super) xid: i32,
    /// `None`: the outcome is told to no one.
    pub(super) id: Option<OpId>,
    pub(super) op: OpCode,
    pub(super) effect: Effect,
    /// Whether its paths are those of the servers.
    pub(super) absolute: bool,
}

/// What a reply changes in the session.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Effect {
    /// Nothing.
    None,
    /// Sets watches on this path of the servers, and others if the znode is not there.
    Watch { path: String, kinds: WatchKinds, absent: WatchKinds },
    /// Removes watches from this path of the servers.
    Unwatch { path: String, kinds: WatchKinds },
    /// A multi has this number of results.
    Parts(usize),
    /// The session is closed.
    Close,
}

impl Effect {
    pub(super) fn of(request: &Request) -> Effect {
        let watch = |path: &str, kinds, absent| Effect::Watch { path: path.to_owned(), kinds, absent };
        match request {
            Request::Exists(r) if r.watch => watch(&r.path, WatchKinds::DATA, WatchKinds::EXIST),
            Request::GetData(r) if r.watch => watch(&r.path, WatchKinds::DATA, WatchKinds::NONE),
            Request::GetChildren(r) | Request::GetChildren2(r) if r.watch => {
                watch(&r.path, WatchKinds::CHILD, WatchKinds::NONE)
            }
            Request::AddWatch(r) => {
                let kinds = match r.mode {
                    AddWatchMode::Persistent => WatchKinds::PERSISTENT,
                    AddWatchMode::PersistentRecursive => WatchKinds::RECURSIVE,
                };
                watch(&r.path, kinds, WatchKinds::NONE)
            }
            Request::RemoveWatches(r) => {
                Effect::Unwatch { path: r.path.clone(), kinds: WatchKinds::of(r.watcher) }
            }
            Request::Multi(parts) => Effect::Parts(parts.len()),
            Request::MultiRead(parts) => Effect::Parts(parts.len()),
            _ => Effect::None,
        }
    }
}

/// Whether an operation is the user's: the rest is the session's own, or a server's.
pub(super) const fn is_users(op: OpCode) -> bool {
    op.is_for_clients()
        && !matches!(
            op,
            OpCode::Ping | OpCode::CloseSession | OpCode::SetWatches | OpCode::SetWatches2 | OpCode::Sasl
        )
}
