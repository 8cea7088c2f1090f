//! What the clients of the model ask for.

use bytes::Bytes;
use quorate_core::wire::client::{
    AddWatchMode, AddWatchRequest, CreateRequest, DeleteRequest, Request, SetDataRequest, WatchRequest,
};
use quorate_core::wire::record::Acl;

use super::theme::Theme;

/// A request.
pub struct Ask {
    /// The request in words.
    pub words: &'static str,
    /// The request.
    pub request: fn() -> Request,
}

/// What there is before any client asks.
pub const BEGIN: fn() -> Request = || new("/a", 0);

fn new(path: &str, flags: i32) -> Request {
    let (path, data, acl) = (path.into(), Some(Bytes::new()), vec![Acl::open()]);
    Request::Create(CreateRequest { path, data, acl, flags })
}

fn set(path: &str) -> Request {
    Request::SetData(SetDataRequest { path: path.into(), data: Some(Bytes::new()), version: -1 })
}

fn watch(path: &str) -> WatchRequest {
    WatchRequest { path: path.into(), watch: true }
}

const EPHEMERAL: i32 = 1;

/// The first client: it watches, owns an ephemeral, and goes from server to server.
pub const WATCHER: &[Ask] = &[
    Ask { words: "getData /a, watching", request: || Request::GetData(watch("/a")) },
    Ask { words: "exists /a/b, watching", request: || Request::Exists(watch("/a/b")) },
    Ask { words: "getChildren /a, watching", request: || Request::GetChildren(watch("/a")) },
    Ask {
        words: "addWatch /a/b, persistent",
        request: || {
            Request::AddWatch(AddWatchRequest { path: "/a/b".into(), mode: AddWatchMode::Persistent })
        },
    },
    Ask { words: "create ephemeral /a/b", request: || new("/a/b", EPHEMERAL) },
    Ask { words: "setData /a", request: || set("/a") },
    Ask { words: "sync", request: || Request::Sync(Some("/".into())) },
    Ask { words: "closeSession", request: || Request::CloseSession },
    Ask {
        words: "addWatch /a, persistent",
        request: || Request::AddWatch(AddWatchRequest { path: "/a".into(), mode: AddWatchMode::Persistent }),
    },
    Ask {
        words: "addWatch /a, persistent recursive",
        request: || {
            let mode = AddWatchMode::PersistentRecursive;
            Request::AddWatch(AddWatchRequest { path: "/a".into(), mode })
        },
    },
];

/// The second client: it writes, where it is.
pub const WRITER: &[Ask] = &[
    Ask { words: "setData /a", request: || set("/a") },
    Ask { words: "create /a/b", request: || new("/a/b", 0) },
    Ask {
        words: "delete /a/b",
        request: || Request::Delete(DeleteRequest { path: "/a/b".into(), version: -1 }),
    },
];

/// The menu of each client.
pub const MENUS: [&[Ask]; 2] = [WATCHER, WRITER];

/// Watches: set, fired, carried to another server.
const WATCHES: Theme = Theme { menus: [&[0, 1, 2, 3], &[0, 1, 2]], asks: [2, 2], cuts: 1, silence: false };

/// Sessions: moved, closed, expired, with an ephemeral.
const SESSIONS: Theme = Theme { menus: [&[4, 5, 7], &[2]], asks: [2, 1], cuts: 1, silence: true };

/// A client's own order: reads and syncs behind writes, its own and another's.
const ORDER: Theme = Theme { menus: [&[1, 4, 5, 6, 8], &[0]], asks: [3, 1], cuts: 0, silence: false };

/// A watch on everything below, carried to another server.
const BELOW: Theme = Theme { menus: [&[9], &[0, 1, 2]], asks: [1, 2], cuts: 1, silence: false };

/// Every theme.
pub const THEMES: &[Theme] = &[WATCHES, SESSIONS, ORDER, BELOW];
