//! What a create, a delete and a set do to stats, owners, lists and digest: the rules of `DataTree`.

use alloc::sync::Arc;
use alloc::vec;
use core::fmt;

use super::acl::{AclId, AclTable};
use super::owner::{Owned, Owner};
use super::path::{self, parent};
use super::store::{Meta, Node, NodeId, RemoveError, Store};
use super::{digest, path::ROOT};
use crate::ids::Zxid;
use crate::wire::error_code::ErrorCode;
use crate::wire::record::{Acl, Stat, perms};

/// The tree of znodes with everything that is derived from it.
///
/// It does as it is told by committed transactions: versions and names have been decided when the
/// transaction was prepared. A change that is not possible is an error and changes nothing, with
/// the exceptions that the replay of fuzzy snapshots needs (`replay.rs`).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct DataTree {
    pub(super) store: Store,
    pub(super) acls: AclTable,
    owned: Owned,
    digest: u64,
    bytes: u64,
    extended_types: bool,
}

/// A znode to be created.
#[derive(Clone, Copy, Debug)]
pub struct NewZnode<'a> {
    /// The full path.
    pub path: &'a str,
    /// The data; `None` is null.
    pub data: Option<&'a [u8]>,
    /// The access control list.
    pub acl: &'a [Acl],
    /// Why it may go by itself.
    pub owner: Owner,
    /// What the parent's persisted cversion becomes, unless it is higher already; −1: one more
    /// than it is.
    pub parent_cversion: i32,
}

/// What is gone after a deletion and watchers must still be judged by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deleted {
    /// The znode's list.
    pub acl: Arc<[Acl]>,
}

/// Why a change was not made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TreeError {
    /// There is no such znode, or no parent for it.
    NoNode,
    /// There is such a znode already.
    NodeExists,
    /// The znode has children.
    NotEmpty,
    /// The path cannot be that of a znode.
    BadPath,
}

impl TreeError {
    /// What a client is told.
    pub const fn code(self) -> ErrorCode {
        match self {
            TreeError::NoNode => ErrorCode::NoNode,
            TreeError::NodeExists => ErrorCode::NodeExists,
            TreeError::NotEmpty => ErrorCode::NotEmpty,
            TreeError::BadPath => ErrorCode::BadArguments,
        }
    }
}

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.code().fmt(f)
    }
}

impl core::error::Error for TreeError {}

impl DataTree {
    /// The tree that a new ensemble starts with: `/`, `/zookeeper`, `/zookeeper/quota`, and
    /// `/zookeeper/config`, which only administrators may write.
    ///
    /// `key` keys the hashes of paths; `extended_types` is `zookeeper.extendedTypesEnabled`.
    pub fn new(key: [u64; 2], extended_types: bool) -> Self {
        let mut tree = Self::bare(key, extended_types);
        tree.complete();
        tree
    }

    /// Add those of the system's znodes that are missing.
    pub(crate) fn complete(&mut self) {
        for path in path::SYSTEM {
            if self.store.find(path).is_some() {
                continue;
            }
            let mut meta = Meta::default();
            if path == path::CONFIG {
                meta.acl = self.acls.acquire(&[Acl { perms: perms::READ, ..Acl::open() }]);
                meta.aversion = -1;
            }
            self.place(path, meta, Some(b""));
        }
    }

    /// A tree with nothing but a root: what a snapshot is read into.
    pub(crate) fn bare(key: [u64; 2], extended_types: bool) -> Self {
        let meta = Meta { content_crc: digest::content_crc(ROOT, Some(b"")), ..Meta::default() };
        DataTree {
            store: Store::new(key, meta),
            acls: AclTable::default(),
            owned: Owned::default(),
            digest: digest::of_node(ROOT, &meta),
            bytes: 0,
            extended_types,
        }
    }

    /// Put a znode with this stat where it belongs, leaving its parent's stat alone. The list
    /// named by `meta` must have been acquired. The root and a znode that is there already are
    /// replaced. `false`: it has no parent, or no path; nothing was done.
    pub(crate) fn place(&mut self, path: &str, mut meta: Meta, data: Option<&[u8]>) -> bool {
        meta.content_crc = digest::content_crc(path, data);
        let id = match self.store.find(path) {
            Some(id) => {
                let before = *self.store.node(id).meta();
                self.digest = self.digest.wrapping_sub(digest::of_node(path, &before));
                self.bytes -= size(path, self.store.node(id).data());
                self.owned.remove(self.owner(&before), path);
                self.acls.release(before.acl);
                let mut node = self.store.node_mut(id);
                *node.meta_mut() = meta;
                node.set_data(data);
                id
            }
            None => match self.store.insert(path, meta, data) {
                Ok(id) => id,
                Err(_) => return false,
            },
        };
        debug_assert!(self.store.node(id).meta() == &meta);
        self.added(&meta, path, data);
        true
    }

    /// Create a znode; its stat.
    ///
    /// # Errors
    /// NONODE without a parent, NODEEXISTS if it is there (see `replay.rs` for what happens then).
    pub fn create(&mut self, new: NewZnode<'_>, zxid: Zxid, time: i64) -> Result<Stat, TreeError> {
        let parent_path = parent(new.path).ok_or(TreeError::BadPath)?;
        let meta = Meta {
            czxid: zxid,
            mzxid: zxid,
            pzxid: zxid,
            ctime: time,
            mtime: time,
            ephemeral_owner: new.owner.to_raw(),
            acl: self.acls.acquire(new.acl),
            content_crc: digest::content_crc(new.path, new.data),
            ..Meta::default()
        };
        let Ok(id) = self.store.insert(new.path, meta, new.data) else {
            self.acls.release(meta.acl);
            return Err(self.not_created(&new, parent_path));
        };
        self.added(&meta, new.path, new.data);
        if let Some(parent_id) = self.store.parent(id) {
            self.raise_cversion(parent_id, parent_path, new.parent_cversion, zxid);
        }
        Ok(self.stat(&self.store.node(id)))
    }

    /// Why the store did not take the new znode; one that is there is given the new one's list.
    fn not_created(&mut self, new: &NewZnode<'_>, parent_path: &str) -> TreeError {
        if self.store.find(parent_path).is_none() {
            return TreeError::NoNode;
        }
        let Some(id) = self.store.find(new.path) else { return TreeError::BadPath };
        self.create_again(id, new.acl);
        TreeError::NodeExists
    }

    /// The store has one more znode.
    fn added(&mut self, meta: &Meta, path: &str, data: Option<&[u8]>) {
        self.digest = self.digest.wrapping_add(digest::of_node(path, meta));
        self.bytes += size(path, data);
        self.owned.add(self.owner(meta), path);
    }

    /// A child was created: the parent's cversion and pzxid never go down.
    pub(super) fn raise_cversion(&mut self, id: NodeId, path: &str, cversion: i32, zxid: Zxid) {
        self.change(id, path, |meta| {
            let new = if cversion == -1 { meta.cversion.wrapping_add(1) } else { cversion };
            if new > meta.cversion {
                meta.cversion = new;
                meta.pzxid = zxid;
            }
        });
    }

    /// Delete a znode.
    ///
    /// # Errors
    /// NONODE if it or its parent is not there, NOTEMPTY if it has children. The parent's pzxid
    /// rises all the same, as ZooKeeper has it.
    pub fn delete(&mut self, path: &str, zxid: Zxid) -> Result<Deleted, TreeError> {
        let parent_path = parent(path).ok_or(TreeError::BadPath)?;
        let parent_id = self.store.find(parent_path).ok_or(TreeError::NoNode)?;
        self.change(parent_id, parent_path, |meta| meta.pzxid = meta.pzxid.max(zxid));
        let node = self.store.get(path).ok_or(TreeError::NoNode)?;
        let (meta, size) = (*node.meta(), size(path, node.data()));
        self.store.remove(path).map_err(|error| match error {
            RemoveError::NoNode => TreeError::NoNode,
            RemoveError::NotEmpty => TreeError::NotEmpty,
            RemoveError::Root => TreeError::BadPath,
        })?;
        self.digest = self.digest.wrapping_sub(digest::of_node(path, &meta));
        self.bytes -= size;
        self.owned.remove(self.owner(&meta), path);
        let acl = Arc::clone(self.acls.get(meta.acl));
        self.acls.release(meta.acl);
        Ok(Deleted { acl })
    }

    /// Replace a znode's data; its stat.
    ///
    /// # Errors
    /// NONODE.
    pub fn set_data(
        &mut self,
        path: &str,
        data: Option<&[u8]>,
        version: i32,
        zxid: Zxid,
        time: i64,
    ) -> Result<Stat, TreeError> {
        let id = self.store.find(path).ok_or(TreeError::NoNode)?;
        self.bytes -= size(path, self.store.node(id).data());
        self.bytes += size(path, data);
        let content_crc = digest::content_crc(path, data);
        self.change(id, path, |meta| {
            meta.mzxid = zxid;
            meta.mtime = time;
            meta.version = version;
            meta.content_crc = content_crc;
        });
        self.store.node_mut(id).set_data(data);
        Ok(self.stat(&self.store.node(id)))
    }

    /// Replace a znode's list.
    ///
    /// # Errors
    /// NONODE.
    pub fn set_acl(&mut self, path: &str, acl: &[Acl], version: i32) -> Result<(), TreeError> {
        let id = self.store.find(path).ok_or(TreeError::NoNode)?;
        let new = self.acls.acquire(acl);
        let mut old = new;
        self.change(id, path, |meta| {
            old = core::mem::replace(&mut meta.acl, new);
            meta.aversion = version;
        });
        self.acls.release(old);
        Ok(())
    }

    /// Change a znode's stat and keep the digest right.
    pub(super) fn change(&mut self, id: NodeId, path: &str, change: impl FnOnce(&mut Meta)) {
        let mut node = self.store.node_mut(id);
        let meta = node.meta_mut();
        let before = digest::of_node(path, meta);
        change(meta);
        let after = digest::of_node(path, meta);
        self.digest = self.digest.wrapping_sub(before).wrapping_add(after);
    }

    /// The znode; the empty path is the root, too.
    pub fn get(&self, path: &str) -> Option<Node<'_>> {
        self.store.get(path)
    }

    /// The znode's list.
    pub fn acl(&self, node: &Node<'_>) -> &Arc<[Acl]> {
        self.acls.get(node.meta().acl)
    }

    /// What the znode's owner field means.
    pub fn owner(&self, meta: &Meta) -> Owner {
        Owner::from_raw(meta.ephemeral_owner, self.extended_types)
    }

    /// The stat that clients see: cversion counts deletions, too, and the owner is shown if it is
    /// a session.
    pub fn stat(&self, node: &Node<'_>) -> Stat {
        let meta = node.meta();
        let children = node.num_children() as i32;
        Stat {
            czxid: meta.czxid,
            mzxid: meta.mzxid,
            ctime: meta.ctime,
            mtime: meta.mtime,
            version: meta.version,
            cversion: meta.cversion.wrapping_mul(2).wrapping_sub(children),
            aversion: meta.aversion,
            ephemeral_owner: match self.owner(meta) {
                Owner::Session(session) => session.0,
                _ => 0,
            },
            data_length: node.data().map_or(0, |data| data.len() as i32),
            num_children: children,
            pzxid: meta.pzxid,
        }
    }

    /// The names of a znode's children.
    pub fn children(&self, path: &str) -> Option<impl ExactSizeIterator<Item = &str>> {
        let id = self.store.find(path)?;
        Some(self.store.children(id).map(|(_, name)| name))
    }

    /// How many znodes live below this one, at any depth.
    pub fn descendant_count(&self, path: &str) -> Option<usize> {
        let root = self.store.find(path)?;
        if root == NodeId::ROOT {
            return Some(self.store.len() - 1);
        }
        let mut count = 0;
        let mut waiting = vec![root];
        while let Some(id) = waiting.pop() {
            let before = waiting.len();
            waiting.extend(self.store.children(id).map(|(id, _)| id));
            count += waiting.len() - before;
        }
        Some(count)
    }

    /// Number of znodes, the root included.
    #[expect(clippy::len_without_is_empty, reason = "there is always the root")]
    pub fn len(&self) -> usize {
        self.store.len()
    }

    /// Bytes of all paths and data.
    pub fn data_size(&self) -> u64 {
        self.bytes
    }

    /// The digest of the whole tree.
    pub fn digest(&self) -> i64 {
        self.digest as i64
    }

    /// What belongs to sessions, and what expires.
    pub fn owned(&self) -> &Owned {
        &self.owned
    }

    /// Every list in use.
    pub fn acls(&self) -> &AclTable {
        &self.acls
    }

    /// The znodes as they are now, for another thread to read.
    pub fn view(&self) -> super::store::View {
        self.store.view()
    }

    /// A list for [`place`](Self::place).
    pub(crate) fn acquire_acl(&mut self, list: &[Acl]) -> AclId {
        self.acls.acquire(list)
    }

    /// A list that is in the table already, for one more [`place`](Self::place).
    pub(crate) fn acquire_acl_again(&mut self, id: AclId) {
        self.acls.acquire_again(id);
    }

    /// A list that was acquired and is not needed.
    pub(crate) fn release_acl(&mut self, id: AclId) {
        self.acls.release(id);
    }
}

fn size(path: &str, data: Option<&[u8]>) -> u64 {
    let path = if path == ROOT { "" } else { path };
    (path.len() + data.map_or(0, <[u8]>::len)) as u64
}

#[cfg(test)]
#[path = "data_tree_tests.rs"]
mod tests;
