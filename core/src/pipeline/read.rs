//! Requests that are answered from this server's own state (`FinalRequestProcessor`).
//!
//! Paths are not validated here: `""` is the root (though watches on it never fire, as in ZooKeeper), and
//! whatever does not exist is NONODE.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use bytes::Bytes;

use super::request::user_name;
use super::rules::clients as rules;
use super::tree_service::{Fx, TreeService};
use crate::auth;
use crate::auth::Rights;
use crate::ids::ConnId;
use crate::tree::path::ROOT;
use crate::tree::store::Node;
use crate::wire::client::{AddWatchMode, MultiResult, ReadOp, Request, Response, WatchRequest};
use crate::wire::error_code::ErrorCode;
use crate::wire::record::{ClientInfo, Id, perms};

type Answer = Result<Response, ErrorCode>;

/// What the results of one `multiRead` may come to at most, in bytes; less where `jute.maxbuffer`
/// is small. Naming one large znode many times must not make an answer that does not fit a frame.
const MAX_RESULTS: usize = 32 << 20;

impl TreeService {
    pub(super) fn read(&mut self, conn: ConnId, request: &Request, ids: &[Id], fx: &mut Fx) -> Answer {
        match request {
            Request::Ping => Ok(Response::Empty),
            Request::Exists(r) => self.exists(conn, r, ids),
            Request::GetData(r) => {
                let node = self.readable(&r.path, ids)?;
                let data = node.data().map(Bytes::copy_from_slice);
                let stat = self.state.tree.stat(&node);
                if r.watch {
                    self.clients.watches.watch_data(&r.path, conn);
                }
                Ok(Response::Data { data, stat })
            }
            Request::GetChildren(r) => self.children(conn, r, ids).map(Response::Children),
            Request::GetChildren2(r) => {
                let children = self.children(conn, r, ids)?;
                let node = self.state.tree.get(&r.path).ok_or(ErrorCode::NoNode)?;
                Ok(Response::Children2 { children, stat: self.state.tree.stat(&node) })
            }
            Request::GetAcl(r) => {
                let node = self.state.tree.get(&r.path).ok_or(ErrorCode::NoNode)?;
                let acl = self.state.tree.acl(&node);
                self.check_acl(acl, perms::READ | perms::ADMIN, ids)?;
                let acl = if self.settings.skip_acl { acl.to_vec() } else { auth::shown_acl(acl, ids) };
                Ok(Response::Acl { acl, stat: self.state.tree.stat(&node) })
            }
            Request::GetAllChildrenNumber(r) => {
                self.readable(&r.path, ids)?;
                let count = self.state.tree.descendant_count(&r.path).ok_or(ErrorCode::NoNode)?;
                Ok(Response::ChildrenNumber(i32::try_from(count).unwrap_or(i32::MAX)))
            }
            Request::GetEphemerals(prefix) => {
                Ok(Response::Children(self.ephemerals(conn, prefix.as_deref())))
            }
            Request::MultiRead(parts) => self.read_parts(parts, ids).map(Response::Multi),
            Request::SetWatches(r) | Request::SetWatches2(r) => {
                self.set_watches(conn, r, ids, fx);
                Ok(Response::Empty)
            }
            Request::AddWatch(r) => {
                match r.mode {
                    AddWatchMode::Persistent => self.clients.watches.watch_persistently(&r.path, conn),
                    AddWatchMode::PersistentRecursive => {
                        self.clients.watches.watch_recursively(&r.path, conn)
                    }
                }
                Ok(Response::Error(0))
            }
            Request::CheckWatches(r) => {
                let found = self.clients.watches.contains(&r.path, conn, r.watcher);
                if found { Ok(Response::Empty) } else { Err(ErrorCode::NoWatcher) }
            }
            Request::RemoveWatches(r) => {
                let found = self.clients.watches.remove(&r.path, conn, r.watcher);
                if found { Ok(Response::Empty) } else { Err(ErrorCode::NoWatcher) }
            }
            Request::WhoAmI => {
                let info =
                    |id: &Id| ClientInfo { auth_scheme: id.scheme.clone(), user: user_name(id).to_string() };
                Ok(Response::WhoAmI(ids.iter().map(info).collect()))
            }
            Request::Sync(path) if rules::sync_is_local(&self.settings) => Ok(Response::Sync(path.clone())),
            // Everything else is a transaction, or has been dealt with.
            _ => Err(ErrorCode::Unimplemented),
        }
    }

    /// A znode that is not there is watched all the same: for its creation.
    fn exists(&mut self, conn: ConnId, r: &WatchRequest, ids: &[Id]) -> Answer {
        if r.path.contains('\0') {
            return Err(ErrorCode::BadArguments);
        }
        let stat = match self.readable(&r.path, ids) {
            Ok(node) => Ok(Response::Stat(self.state.tree.stat(&node))),
            Err(ErrorCode::NoNode) => Err(ErrorCode::NoNode),
            Err(refused) => return Err(refused),
        };
        if r.watch && rules::exists_watches(&self.settings, stat.is_ok()) {
            self.clients.watches.watch_data(&r.path, conn);
        }
        stat
    }

    fn children(&mut self, conn: ConnId, r: &WatchRequest, ids: &[Id]) -> Result<Vec<String>, ErrorCode> {
        self.readable(&r.path, ids)?;
        let names = self.state.tree.children(&r.path).ok_or(ErrorCode::NoNode)?;
        let names = names.map(String::from).collect();
        if r.watch {
            self.clients.watches.watch_children(&r.path, conn);
        }
        Ok(names)
    }

    /// The session's own znodes whose paths start with the prefix. Nothing, and what is nothing or `/` once
    /// the characters up to U+0020 around it are left out, means all; any other prefix counts as it is
    /// written.
    fn ephemerals(&self, conn: ConnId, prefix: Option<&str>) -> Vec<String> {
        let Some(connection) = self.clients.connections.get(&conn) else { return Vec::new() };
        let means_all = |prefix: &str| matches!(prefix.trim_matches(|c| c <= ' '), "" | ROOT);
        let prefix = prefix.filter(|prefix| !means_all(prefix)).unwrap_or(ROOT);
        let paths = self.state.tree.owned().of_session(connection.session);
        paths.filter(|path| path.starts_with(prefix)).map(|path| String::from(&**path)).collect()
    }

    /// The results of a `multiRead`; MARSHALLINGERROR once they are too long for one answer.
    fn read_parts(&self, parts: &[ReadOp], ids: &[Id]) -> Result<Vec<MultiResult>, ErrorCode> {
        let limit = self.settings.max_field.saturating_mul(16).min(MAX_RESULTS);
        let mut results = Vec::with_capacity(parts.len());
        let mut size = 0;
        let mut rights = Rights::new(ids, self.settings.skip_acl);
        for part in parts {
            let result = self.read_part(part, &mut rights);
            let result = result.unwrap_or_else(|code| MultiResult::Error(code.to_i32()));
            size += encoded_size(&result);
            if size > limit {
                return Err(ErrorCode::MarshallingError);
            }
            results.push(result);
        }
        Ok(results)
    }

    fn read_part(&self, part: &ReadOp, rights: &mut Rights<'_>) -> Result<MultiResult, ErrorCode> {
        let (ReadOp::GetData(r) | ReadOp::GetChildren(r)) = part;
        let node = self.state.tree.get(&r.path).ok_or(ErrorCode::NoNode)?;
        if !rights.allow(self.state.tree.acl(&node), perms::READ) {
            return Err(ErrorCode::NoAuth);
        }
        match part {
            ReadOp::GetData(_) => {
                let data = node.data().map(Bytes::copy_from_slice);
                Ok(MultiResult::GetData { data, stat: self.state.tree.stat(&node) })
            }
            ReadOp::GetChildren(r) => {
                let names = self.state.tree.children(&r.path).ok_or(ErrorCode::NoNode)?;
                Ok(MultiResult::GetChildren(names.map(String::from).collect()))
            }
        }
    }

    /// The znode, if it is there and may be read.
    fn readable(&self, path: &str, ids: &[Id]) -> Result<Node<'_>, ErrorCode> {
        let node = self.state.tree.get(path).ok_or(ErrorCode::NoNode)?;
        self.check_acl(self.state.tree.acl(&node), perms::READ, ids)?;
        Ok(node)
    }

    pub(super) fn check_acl(
        &self,
        acl: &[crate::wire::record::Acl],
        wanted: i32,
        ids: &[Id],
    ) -> Result<(), ErrorCode> {
        if self.settings.skip_acl || auth::is_allowed(acl, wanted, ids) {
            Ok(())
        } else {
            Err(ErrorCode::NoAuth)
        }
    }
}

/// About how many bytes a result takes: at most 100, and what depends on the tree.
fn encoded_size(result: &MultiResult) -> usize {
    100 + match result {
        MultiResult::GetData { data, .. } => data.as_ref().map_or(0, Bytes::len),
        MultiResult::GetChildren(names) => names.iter().map(|name| 4 + name.len()).sum(),
        _ => 0,
    }
}
