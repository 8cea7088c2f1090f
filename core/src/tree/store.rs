//! The container of znodes: compact, indexed by full path, with children lists and cheap consistent views.
//!
//! This is the container only. What a create or a delete means for versions, zxids, ephemerals, quotas,
//! watches or the digest is decided above. The store keeps what it is told, and knows the parent and the
//! children of each znode.
//!
//! ```text
//!   path ─ hash ─► index ─► id ─┬► pages   name, data, Meta, parent, number of children
//!                               │          shared with views, copied on write
//!                               └► links   children lists, hashes, free ids
//!                                          the owner's alone
//! ```
//!
//! - **Names are stored once.** A znode knows its parent and its last path component. A look-up hashes the
//!   full path, and then compares component by component upwards.
//! - **No operation takes long.** Nothing is ever rebuilt as a whole. The index grows table by table, pages
//!   and links chunk by chunk. A child is added to or removed from a million others in constant time.
//! - **[`Store::view`] stops no other work.** It shares the pages (one reference count per 2,048 znodes). A
//!   later write first copies the page of 16 znodes it touches. Creates and deletes touch two pages: the
//!   znode's and its parent's.
//! - **Peaks are remembered.** Pages of removed znodes are freed. Links (16 bytes per znode) and index (about
//!   11 bytes) are kept for the next znodes. They stay as large as the greatest number of znodes has made
//!   them.
//! - **No randomness inside.** The key of the hash is given. Nothing observable depends on it: [`Children`]
//!   come in order of creation.
//!
//! Equality and [`Hash`] look at contents (paths, [`Meta`], data), never at ids or at the order in which the
//! contents came to be.

mod index;
mod links;
mod meta;
mod node;
mod page;
mod pages;
mod path_hash;
#[cfg(test)]
mod tests;
mod view;

use alloc::{string::String, vec::Vec};
use core::{
    fmt,
    hash::{Hash, Hasher},
    iter,
};

pub(crate) use self::path_hash::{PrefixHash, sip13};
pub use self::view::{Entry, View, Walk};
use meta::ROOT;
pub use meta::{Meta, NodeId};
pub use node::Node;

use self::{
    index::Index,
    links::{Links, NONE},
    page::Page,
    pages::Pages,
    path_hash::path_hash,
};

/// Why [`Store::insert`] did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InsertError {
    /// There is a znode with this path.
    Exists,
    /// There is no znode that could be the parent.
    NoParent,
    /// The path does not start with a slash, or its last component is empty.
    Malformed,
}

/// Why [`Store::remove`] did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemoveError {
    /// There is no znode with this path.
    NoNode,
    /// The znode has children.
    NotEmpty,
    /// The root cannot be removed.
    Root,
}

/// See the module's documentation.
///
/// `clone` shares the pages, as a view does, and copies index and links.
#[derive(Clone)]
pub struct Store {
    key: [u64; 2],
    len: usize,
    index: Index,
    links: Links,
    pages: Pages,
}

impl Store {
    /// A store with nothing but the root, whose data is empty. `key` should be secret, since clients choose
    /// the paths.
    pub fn new(key: [u64; 2], root: Meta) -> Self {
        let mut store =
            Self { key, len: 1, index: Index::new(), links: Links::new(), pages: Pages::default() };
        let id = store.links.allocate(0);
        assert!(id == ROOT, "the first id is the root's");
        let (page, slot) = store.pages.make_room(id);
        page.insert(slot, ROOT, root, b"", Some(b""));
        store
    }

    /// Number of znodes, the root included.
    #[expect(clippy::len_without_is_empty, reason = "there is always the root")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The id of the znode with this path. Both `/` and the empty path are the root.
    pub fn find(&self, path: &str) -> Option<NodeId> {
        if path.is_empty() || path == "/" {
            return Some(NodeId::ROOT);
        }
        self.find_hashed(path, self.hash_of(path))
    }

    /// The znode with this path.
    pub fn get(&self, path: &str) -> Option<Node<'_>> {
        self.find(path).map(|id| self.node(id))
    }

    /// The znode with this path, to be changed.
    pub fn get_mut(&mut self, path: &str) -> Option<NodeMut<'_>> {
        self.find(path).map(|id| self.node_mut(id))
    }

    /// The znode with this id, which must exist.
    pub fn node(&self, id: NodeId) -> Node<'_> {
        let (page, slot) = self.pages.at(id.0);
        Node::new(page, slot)
    }

    /// The znode with this id, which must exist, to be changed. This alone is what makes a page be copied if
    /// a view shares it.
    pub fn node_mut(&mut self, id: NodeId) -> NodeMut<'_> {
        let (page, slot) = self.pages.at_mut(id.0);
        page.record(slot); // refuses an id without znode
        NodeMut { page, slot }
    }

    /// Adds a znode as the last child of its parent, which must exist. `data` is `None` for null, which is
    /// not the same as empty.
    pub fn insert(&mut self, path: &str, meta: Meta, data: Option<&[u8]>) -> Result<NodeId, InsertError> {
        if path.is_empty() || path == "/" {
            return Err(InsertError::Exists);
        }
        let (directory, name) = path.rsplit_once('/').ok_or(InsertError::Malformed)?;
        if name.is_empty() || !path.starts_with('/') {
            return Err(InsertError::Malformed);
        }
        if directory == "/" {
            return Err(InsertError::NoParent); // of "//name": only the empty directory is the root
        }
        let parent = self.find(directory).ok_or(InsertError::NoParent)?;
        let hash = self.hash_of(path);
        if self.find_hashed(path, hash).is_some() {
            return Err(InsertError::Exists);
        }

        let id = self.links.allocate(hash);
        let (page, slot) = self.pages.make_room(id);
        page.insert(slot, parent.0, meta, name.as_bytes(), data);
        let (page, slot) = self.pages.at_mut(parent.0);
        page.record_mut(slot).num_children += 1;
        self.links.link_child(parent.0, id);
        self.index.insert(hash, id, |id| self.links.hash(id));
        self.len += 1;
        Ok(NodeId(id))
    }

    /// Removes a znode without children. Returns its parent, which will want to know.
    pub fn remove(&mut self, path: &str) -> Result<NodeId, RemoveError> {
        let id = self.find(path).ok_or(RemoveError::NoNode)?.0;
        if id == ROOT {
            return Err(RemoveError::Root);
        }
        let (page, slot) = self.pages.at(id);
        let record = page.record(slot);
        if record.num_children > 0 {
            return Err(RemoveError::NotEmpty);
        }

        let parent = record.parent;
        let (page, slot) = self.pages.at_mut(parent);
        page.record_mut(slot).num_children -= 1;
        let (page, slot) = self.pages.at_mut(id);
        page.remove(slot);
        self.pages.drop_if_empty(id);
        self.index.remove(self.links.hash(id), id);
        self.links.unlink_child(parent, id);
        self.links.free(id);
        self.len -= 1;
        Ok(NodeId(parent))
    }

    /// The parent of a znode, which must exist; the root has none.
    pub fn parent(&self, id: NodeId) -> Option<NodeId> {
        let (page, slot) = self.pages.at(id.0);
        let parent = NodeId(page.record(slot).parent);
        (id != NodeId::ROOT).then_some(parent)
    }

    /// The full path of a znode, which must exist.
    pub fn path(&self, id: NodeId) -> String {
        let lineage: Vec<Node<'_>> =
            iter::successors(Some(id), |&id| self.parent(id)).map(|id| self.node(id)).collect();
        if lineage.len() == 1 {
            return String::from("/");
        }
        let mut path = String::new();
        for node in lineage.iter().rev().skip(1) {
            path.push('/');
            path.push_str(node.name());
        }
        path
    }

    /// The children of a znode, which must exist, in order of creation.
    pub fn children(&self, id: NodeId) -> Children<'_> {
        Children { store: self, next: self.links.first_child(id.0), left: self.node(id).num_children() }
    }

    /// The whole store as it is now, for another thread to read at leisure.
    pub fn view(&self) -> View {
        View::new(self.pages.share(), self.len, self.links.end())
    }

    fn hash_of(&self, path: &str) -> u32 {
        path_hash(self.key, path.as_bytes())
    }

    /// As [`Store::find`] for a path that is not the root's.
    fn find_hashed(&self, path: &str, hash: u32) -> Option<NodeId> {
        self.index.find(hash, |id| self.has_path(id, path.as_bytes())).map(NodeId)
    }

    /// Whether the znode `id` has this path, which is not the root's.
    fn has_path(&self, id: u32, path: &[u8]) -> bool {
        let (mut id, mut rest) = (id, path);
        while id != ROOT {
            let (page, slot) = self.pages.at(id);
            let Some(directory) = rest.strip_suffix(page.name(slot)).and_then(|rest| rest.strip_suffix(b"/"))
            else {
                return false;
            };
            rest = directory;
            id = page.record(slot).parent;
        }
        rest.is_empty()
    }

    /// Ids and paths in order of paths: an order that depends on nothing else.
    fn sorted(&self) -> Vec<(String, NodeId)> {
        let mut all = alloc::vec![(String::from("/"), NodeId::ROOT)];
        let mut done = 0;
        while let Some(&(_, id)) = all.get(done) {
            all.extend(self.children(id).map(|(id, _)| (self.path(id), id)));
            done += 1;
        }
        all.sort_unstable();
        all
    }
}

impl PartialEq for Store {
    fn eq(&self, other: &Self) -> bool {
        let in_other =
            |(path, id): &(String, NodeId)| other.get(path).is_some_and(|node| node == self.node(*id));
        self.len == other.len && self.sorted().iter().all(in_other)
    }
}

impl Eq for Store {}

impl Hash for Store {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.len.hash(state);
        for (path, id) in self.sorted() {
            let node = self.node(id);
            (path, node.meta(), node.data()).hash(state);
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.sorted().into_iter().map(|(path, id)| (path, self.node(id)))).finish()
    }
}

/// A znode to be changed. Its name and its place in the tree never change.
pub struct NodeMut<'a> {
    page: &'a mut Page,
    slot: usize,
}

impl NodeMut<'_> {
    /// The znode as it is now.
    pub fn as_node(&self) -> Node<'_> {
        Node::new(self.page, self.slot)
    }

    /// What is stored besides name and data.
    pub fn meta_mut(&mut self) -> &mut Meta {
        &mut self.page.record_mut(self.slot).meta
    }

    /// Replaces the data; `None` is null.
    pub fn set_data(&mut self, data: Option<&[u8]>) {
        self.page.set_data(self.slot, data);
    }
}

/// The children of a znode: ids and names.
#[derive(Clone)]
pub struct Children<'a> {
    store: &'a Store,
    next: u32,
    left: u32,
}

impl<'a> Iterator for Children<'a> {
    type Item = (NodeId, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == NONE {
            return None;
        }
        let id = NodeId(self.next);
        self.next = self.store.links.next_sibling(id.0);
        self.left -= 1;
        Some((id, self.store.node(id).name()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

impl ExactSizeIterator for Children<'_> {}
