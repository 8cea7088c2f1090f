//! Reading znodes, and watching what was read.

use std::future::IntoFuture;

use quorate_core::wire::client::{PathRequest, Request, Response, WatchRequest};
use quorate_core::wire::error_code::ErrorCode;
use quorate_core::wire::record::{Acl, Stat};

use super::node::{Node, own};
use crate::client::answer::{Answer, Watched};
use crate::client::handle::Client;
use crate::client::watch::Wish;
use crate::error::{ErrorKind, Result, done};
use crate::session::{Outcome, Refusal, WatchKinds};

/// The names of a znode's children, and its Stat.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Children {
    /// The names, in no order.
    pub names: Vec<String>,
    /// The Stat of the znode itself.
    pub stat: Stat,
}

fn node(outcome: Outcome) -> Result<Node, ErrorKind> {
    match done(outcome)? {
        Response::Data { data, stat } => Ok(Node { data: own(data), stat }),
        _ => Err(ErrorKind::Unexpected),
    }
}

fn stat_if_there(outcome: Outcome) -> Result<Option<Stat>, ErrorKind> {
    match done(outcome) {
        Ok(Response::Stat(stat)) => Ok(Some(stat)),
        Ok(_) => Err(ErrorKind::Unexpected),
        Err(ErrorKind::Refused(Refusal::Server(code))) if code == ErrorCode::NoNode.to_i32() => Ok(None),
        Err(kind) => Err(kind),
    }
}

fn children(outcome: Outcome) -> Result<Children, ErrorKind> {
    match done(outcome)? {
        Response::Children2 { children, stat } => Ok(Children { names: children, stat }),
        _ => Err(ErrorKind::Unexpected),
    }
}

fn acl(outcome: Outcome) -> Result<(Vec<Acl>, Stat), ErrorKind> {
    match done(outcome)? {
        Response::Acl { acl, stat } => Ok((acl, stat)),
        _ => Err(ErrorKind::Unexpected),
    }
}

fn count(outcome: Outcome) -> Result<u32, ErrorKind> {
    match done(outcome)? {
        Response::ChildrenNumber(count) => u32::try_from(count).map_err(|_| ErrorKind::Unexpected),
        _ => Err(ErrorKind::Unexpected),
    }
}

/// One kind of read, which can be watched.
macro_rules! read {
    ($(#[$doc:meta])* $name:ident -> $value:ty = $request:ident, $read:ident, $kind:expr, $absent:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        #[must_use = "nothing is read before `.await`"]
        pub struct $name<'a> {
            client: &'a Client,
            path: String,
        }

        impl $name<'_> {
            /// Watch what is read: the second value is a future of the next change.
            pub fn watch(self) -> Watched<$value> {
                let (wish, watch) = Wish::once(&self.path, $kind, $absent);
                let request = Request::$request(WatchRequest { path: self.path.clone(), watch: true });
                Watched::new(self.client.send(request, Some(self.path), $read, false, Some(wish)), watch)
            }
        }

        impl IntoFuture for $name<'_> {
            type Output = Result<$value>;
            type IntoFuture = Answer<$value>;

            fn into_future(self) -> Answer<$value> {
                let request = Request::$request(WatchRequest { path: self.path.clone(), watch: false });
                self.client.submit(request, Some(self.path), $read)
            }
        }
    };
}

read! {
    /// Reads a znode: made by [`Client::get`].
    Get -> Node = GetData, node, WatchKinds::DATA, WatchKinds::NONE
}

read! {
    /// Looks for a znode: made by [`Client::exists`].
    Exists -> Option<Stat> = Exists, stat_if_there, WatchKinds::DATA, WatchKinds::EXIST
}

read! {
    /// Lists a znode's children: made by [`Client::children`].
    GetChildren -> Children = GetChildren2, children, WatchKinds::CHILD, WatchKinds::NONE
}

impl Client {
    /// Data and Stat of a znode; [`Get::watch`] also waits for its next change or deletion.
    pub fn get(&self, path: impl Into<String>) -> Get<'_> {
        Get { client: self, path: path.into() }
    }

    /// The Stat of a znode if it is there; [`Exists::watch`] also waits for its creation, change or deletion.
    pub fn exists(&self, path: impl Into<String>) -> Exists<'_> {
        Exists { client: self, path: path.into() }
    }

    /// The names of a znode's children; [`GetChildren::watch`] also waits until one comes or goes.
    pub fn children(&self, path: impl Into<String>) -> GetChildren<'_> {
        GetChildren { client: self, path: path.into() }
    }

    /// The ACL of a znode, and its Stat.
    pub fn acl(&self, path: impl Into<String>) -> Answer<(Vec<Acl>, Stat)> {
        let path = path.into();
        self.submit(Request::GetAcl(PathRequest { path: path.clone() }), Some(path), acl)
    }

    /// How many znodes live below a znode, at any depth.
    pub fn count_below(&self, path: impl Into<String>) -> Answer<u32> {
        let path = path.into();
        self.submit(Request::GetAllChildrenNumber(PathRequest { path: path.clone() }), Some(path), count)
    }
}
