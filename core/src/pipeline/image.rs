//! The replicated state as one value: taken from a running service, read from and written to
//! snapshots and SNAP streams.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher};

use super::settings::Settings;
use crate::ids::{SessionId, Zxid};
use crate::tree::store::{Meta, View, Walk};
use crate::tree::{AclId, AclTable, DataTree, path};
use crate::wire::record::{Acl, StatPersisted};
use crate::wire::snapshot::{NodeRef, NodeSource};
use crate::wire::state::Reach;

/// A consistent view of sessions, lists and znodes. Cheap to clone; it does not change any more,
/// and may be read by another thread.
///
/// While it exists, each page of the tree that is written to is kept twice: drop it when done.
#[derive(Clone)]
pub struct TreeImage {
    sessions: Arc<BTreeMap<SessionId, i32>>,
    acls: Arc<AclTable>,
    znodes: View,
    digest: i64,
    applied: Zxid,
    reach: Reach,
    /// The tree itself, if the image was read and not taken.
    tree: Option<Arc<DataTree>>,
}

/// Data, stat and list of a znode.
type Content = (Option<Vec<u8>>, StatPersisted, Arc<[Acl]>);

/// Walks the znodes of an image, parents before their children, and lets go of what it has passed.
pub struct ImageNodes(Walk);

impl NodeSource for ImageNodes {
    fn next_node(&mut self) -> Option<NodeRef<'_>> {
        let entry = self.0.next()?;
        let meta = entry.node.meta();
        let stat = StatPersisted {
            czxid: meta.czxid,
            mzxid: meta.mzxid,
            ctime: meta.ctime,
            mtime: meta.mtime,
            version: meta.version,
            cversion: meta.cversion,
            aversion: meta.aversion,
            ephemeral_owner: meta.ephemeral_owner,
            pzxid: meta.pzxid,
        };
        let path = if entry.path == path::ROOT { "" } else { entry.path };
        Some(NodeRef { path, data: entry.node.data(), acl: meta.acl.index(), stat })
    }
}

impl TreeImage {
    pub(super) fn take(
        tree: &DataTree,
        sessions: &BTreeMap<SessionId, i32>,
        applied: Zxid,
        reach: Reach,
    ) -> Self {
        TreeImage {
            sessions: Arc::new(sessions.clone()),
            acls: Arc::new(tree.acls().clone()),
            znodes: tree.view(),
            digest: tree.digest(),
            applied,
            reach,
            tree: None,
        }
    }

    /// Every session with its timeout (ms), in order.
    pub fn sessions(&self) -> impl ExactSizeIterator<Item = (SessionId, i32)> {
        self.sessions.iter().map(|(session, timeout_ms)| (*session, *timeout_ms))
    }

    /// Every list with its number, in order.
    pub fn acls(&self) -> impl ExactSizeIterator<Item = (i64, &[Acl])> {
        self.acls.iter().map(|(id, list)| (id.index(), &**list))
    }

    /// How many znodes there are, the root included.
    pub fn node_count(&self) -> usize {
        self.znodes.len()
    }

    /// Every znode.
    pub fn nodes(&self) -> ImageNodes {
        ImageNodes(self.znodes.clone().into_walk())
    }

    /// As [`nodes`](Self::nodes), giving memory back on the way.
    pub fn into_nodes(self) -> ImageNodes {
        ImageNodes(self.znodes.into_walk())
    }

    /// The digest of the tree.
    pub fn digest(&self) -> i64 {
        self.digest
    }

    /// The last transaction whose effects are in the image.
    pub fn applied(&self) -> Zxid {
        self.applied
    }

    /// How far effects of later transactions may be in it.
    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// This image, known to reach up to a transaction.
    pub fn reaching(self, reach: Reach) -> Self {
        let reach = match reach {
            Reach::UpTo(zxid) if zxid <= self.applied => Reach::Exact,
            reach => reach,
        };
        TreeImage { reach, ..self }
    }

    pub(super) fn session_table(&self) -> BTreeMap<SessionId, i32> {
        (*self.sessions).clone()
    }

    /// The tree to go on with.
    pub(super) fn to_tree(&self, settings: &Settings) -> DataTree {
        if let Some(tree) = &self.tree {
            return (**tree).clone();
        }
        let mut builder = ImageBuilder::new(settings);
        for (index, list) in self.acls() {
            builder.push_list(index, list);
        }
        let mut nodes = self.nodes();
        while let Some(node) = nodes.next_node() {
            // What came out of a tree fits into one.
            let _ = builder.node(node.path, node.data, node.acl, node.stat);
        }
        builder.release_lists();
        builder.tree
    }

    /// This image as if it had been read by a server with these settings.
    ///
    /// # Errors
    /// It is no image.
    #[cfg(feature = "recording")]
    pub fn read_again(&self, settings: &Settings) -> Result<Self, ImageError> {
        let mut builder = ImageBuilder::new(settings);
        for (session, timeout_ms) in self.sessions() {
            builder.session(session, timeout_ms);
        }
        for (index, list) in self.acls() {
            builder.acl(index, list)?;
        }
        let mut nodes = self.nodes();
        while let Some(node) = nodes.next_node() {
            builder.node(node.path, node.data, node.acl, node.stat)?;
        }
        Ok(builder.finish(self.applied)?.reaching(self.reach))
    }

    /// Everything by path, for comparisons.
    fn contents(&self) -> BTreeMap<String, Content> {
        let mut contents = BTreeMap::new();
        let mut walk = self.znodes.clone().into_walk();
        let mut nodes = self.nodes();
        while let (Some(entry), Some(node)) = (walk.next(), nodes.next_node()) {
            let acl = Arc::clone(self.acls.get(entry.node.meta().acl));
            contents.insert(node.path.to_string(), (node.data.map(<[u8]>::to_vec), node.stat, acl));
        }
        contents
    }
}

impl PartialEq for TreeImage {
    fn eq(&self, other: &Self) -> bool {
        (self.applied, self.reach, self.digest, self.node_count())
            == (other.applied, other.reach, other.digest, other.node_count())
            && self.sessions == other.sessions
            && self.contents() == other.contents()
    }
}

impl Eq for TreeImage {}

impl Hash for TreeImage {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.applied.hash(state);
        self.reach.hash(state);
        self.sessions.hash(state);
        self.contents().hash(state);
    }
}

impl fmt::Debug for TreeImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TreeImage")
            .field("applied", &self.applied)
            .field("reach", &self.reach)
            .field("sessions", &self.sessions)
            .field("znodes", &self.node_count())
            .field("digest", &self.digest)
            .finish()
    }
}

/// Why something that was read is no image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ImageError {
    /// The znode comes before its parent, or has none.
    NoParent {
        /// The znode's path.
        path: String,
    },
    /// No znode can have this path.
    BadPath {
        /// The path.
        path: String,
    },
    /// A list has a number that is not positive: −1 is not in the table, and there is no other.
    BadAclIndex {
        /// The number.
        index: i64,
    },
    /// The root is missing.
    NoRoot,
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ImageError::NoParent { path } => write!(f, "znode {path:?} comes before its parent"),
            ImageError::BadPath { path } => write!(f, "no znode can have the path {path:?}"),
            ImageError::BadAclIndex { index } => write!(f, "ACL number {index} is not positive"),
            ImageError::NoRoot => f.write_str("the root is missing"),
        }
    }
}

impl core::error::Error for ImageError {}

/// Puts an image together from what a snapshot or a SNAP stream holds: sessions, lists and znodes
/// in any order, except that lists come before the znodes that use them and parents before their
/// children.
#[derive(Clone, Debug)]
pub struct ImageBuilder {
    sessions: BTreeMap<SessionId, i32>,
    lists: BTreeMap<i64, AclId>,
    tree: DataTree,
    has_root: bool,
    missing_lists: u64,
}

impl ImageBuilder {
    /// Nothing has been read.
    pub fn new(settings: &Settings) -> Self {
        ImageBuilder {
            sessions: BTreeMap::new(),
            lists: BTreeMap::new(),
            tree: DataTree::bare(settings.hash_key, settings.extended_types),
            has_root: false,
            missing_lists: 0,
        }
    }

    /// A session and its timeout, ms. A later entry of the same session counts.
    pub fn session(&mut self, session: SessionId, timeout_ms: i32) {
        self.sessions.insert(session, timeout_ms);
    }

    /// A list and its number.
    ///
    /// # Errors
    /// [`ImageError::BadAclIndex`].
    pub fn acl(&mut self, index: i64, list: &[Acl]) -> Result<(), ImageError> {
        if index <= 0 {
            return Err(ImageError::BadAclIndex { index });
        }
        self.push_list(index, list);
        Ok(())
    }

    fn push_list(&mut self, index: i64, list: &[Acl]) {
        let id = self.tree.acquire_acl(list);
        if let Some(before) = self.lists.insert(index, id) {
            self.tree.release_acl(before);
        }
    }

    /// A znode. A later one with the same path replaces it.
    ///
    /// A list that is missing (ZooKeeper's own snapshots can lack some, until the log is replayed)
    /// becomes one that allows nothing: see [`missing_lists`](Self::missing_lists).
    ///
    /// # Errors
    /// [`ImageError::NoParent`], [`ImageError::BadPath`].
    pub fn node(
        &mut self,
        path: &str,
        data: Option<&[u8]>,
        acl: i64,
        stat: StatPersisted,
    ) -> Result<(), ImageError> {
        let path = if path.is_empty() { path::ROOT } else { path };
        self.has_root |= path == path::ROOT;
        let acl = match self.lists.get(&acl) {
            Some(id) => {
                self.tree.acquire_acl_again(*id);
                *id
            }
            None if acl == -1 => AclId::OPEN,
            None => {
                self.missing_lists += 1;
                self.tree.acquire_acl(&[Acl { perms: 0, ..Acl::open() }])
            }
        };
        let meta = Meta {
            czxid: stat.czxid,
            mzxid: stat.mzxid,
            pzxid: stat.pzxid,
            ctime: stat.ctime,
            mtime: stat.mtime,
            ephemeral_owner: stat.ephemeral_owner,
            version: stat.version,
            cversion: stat.cversion,
            aversion: stat.aversion,
            acl,
            ..Meta::default()
        };
        if self.tree.place(path, meta, data) {
            return Ok(());
        }
        self.tree.release_acl(acl);
        let path = path.to_string();
        let has_parent = path::parent(&path).is_some_and(|parent| self.tree.get(parent).is_some());
        Err(if has_parent || !path.starts_with('/') {
            ImageError::BadPath { path }
        } else {
            ImageError::NoParent { path }
        })
    }

    /// From now on only znodes use the lists: one that the last of them gives up is forgotten.
    fn release_lists(&mut self) {
        for id in core::mem::take(&mut self.lists).into_values() {
            self.tree.release_acl(id);
        }
    }

    /// How many znodes named a list that was not there.
    pub fn missing_lists(&self) -> u64 {
        self.missing_lists
    }

    /// Everything has been read; `applied` is the last transaction whose effects are known to be
    /// in it. The system's znodes are added where they are missing (snapshots of old versions).
    ///
    /// # Errors
    /// [`ImageError::NoRoot`].
    pub fn finish(mut self, applied: Zxid) -> Result<TreeImage, ImageError> {
        if !self.has_root {
            return Err(ImageError::NoRoot);
        }
        self.release_lists();
        self.tree.complete();
        let mut image = TreeImage::take(&self.tree, &self.sessions, applied, Reach::Exact);
        image.tree = Some(Arc::new(self.tree));
        Ok(image)
    }
}
