//! A frozen picture of the store, and the walk that a snapshot takes through it.

use alloc::{collections::BTreeMap, collections::BTreeSet, string::String, sync::Arc, vec::Vec};

use super::meta::{ROOT, str_of};
use super::node::Node;
use super::page::{Page, SLOTS};
use super::pages::{Chunk, IDS_PER_CHUNK};

/// The store as it was when [`super::Store::view`] was called. `Send`: hand it to another thread.
///
/// A view costs nothing by itself. A page that the owner writes to afterwards is kept twice. It is so until
/// the view lets go of the old copy, or the [`Walk`] that came from it does.
#[derive(Clone)]
pub struct View {
    chunks: Vec<Arc<Chunk>>,
    len: usize,
    /// Ids are below this.
    end: u32,
}

impl View {
    pub(super) fn new(chunks: Vec<Arc<Chunk>>, len: usize, end: u32) -> Self {
        Self { chunks, len, end }
    }

    /// Number of znodes, the root included.
    #[expect(clippy::len_without_is_empty, reason = "there is always the root")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Visits every znode once, parents before their children, in no other promised order. The walk gives
    /// memory back as it goes: pages it has passed are let go.
    pub fn into_walk(self) -> Walk {
        let chunks = self.chunks.into_iter().map(Some).collect();
        Walk {
            chunks,
            end: self.end,
            next: 0,
            waiting: Vec::new(),
            early: BTreeSet::new(),
            parents: BTreeMap::new(),
            path: String::new(),
            directory: None,
        }
    }
}

/// A walk through a [`View`]. It can be left at any point, so the consumer sets the pace.
///
/// The order is that of ids, which is nearly that of memory. Only a parent with a higher id than its child
/// (because it reuses a freed id) is visited early.
pub struct Walk {
    /// Chunks not passed yet.
    chunks: Vec<Option<Arc<Chunk>>>,
    end: u32,
    /// All ids below have been visited.
    next: u32,
    /// To be visited before going on, last one first: a znode below its unvisited ancestors.
    waiting: Vec<u32>,
    /// Visited although not below `next`.
    early: BTreeSet<u32>,
    /// Pages from passed chunks that hold parents, by page number: their names are needed for paths yet to
    /// come.
    parents: BTreeMap<u32, Arc<Page>>,
    /// Path of the current znode.
    path: String,
    /// The parent of the current znode, and how much of `path` is the parent's path with a slash.
    directory: Option<(u32, usize)>,
}

/// A znode met on a [`Walk`].
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    /// The full path; `/` for the root.
    pub path: &'a str,
    /// The znode.
    pub node: Node<'a>,
}

impl Walk {
    /// The next znode, or `None` at the end.
    #[expect(
        clippy::should_implement_trait,
        reason = "the entry borrows from the walk, which no iterator can express"
    )]
    pub fn next(&mut self) -> Option<Entry<'_>> {
        let id = self.advance()?;
        self.go_to(id);
        let (page, slot) = self.page(id)?;
        let path = if id == ROOT { "/" } else { &self.path };
        Some(Entry { path, node: Node::new(page, slot) })
    }

    /// Chooses the next znode to visit.
    fn advance(&mut self) -> Option<u32> {
        if let Some(id) = self.waiting.pop() {
            self.note_early(id);
            return Some(id);
        }
        while self.next < self.end {
            let id = self.next;
            self.next += 1;
            if id > 0 && (id as usize).is_multiple_of(IDS_PER_CHUNK) {
                self.leave_chunk(id as usize / IDS_PER_CHUNK - 1);
            }
            let Some(parent) = self.page(id).map(|(page, slot)| page.record(slot).parent) else { continue };
            if !self.early.remove(&id) {
                return Some(self.climb(id, parent));
            }
        }
        None
    }

    /// Puts off `id` and those of its ancestors that have not been visited, except the topmost, which is
    /// returned.
    fn climb(&mut self, id: u32, parent: u32) -> u32 {
        let (mut id, mut parent) = (id, parent);
        while id != ROOT && parent >= self.next && !self.early.contains(&parent) {
            self.waiting.push(id);
            id = parent;
            let (page, slot) = self.page(id).expect("the parent of a znode exists");
            parent = page.record(slot).parent;
        }
        self.note_early(id);
        id
    }

    fn note_early(&mut self, id: u32) {
        if id >= self.next {
            self.early.insert(id);
        }
    }

    /// Sets `path` to the path of `id`.
    fn go_to(&mut self, id: u32) {
        if id == ROOT {
            return;
        }
        let (page, slot) = self.page(id).expect("the walk visits znodes that exist");
        let parent = page.record(slot).parent;
        let mut path = core::mem::take(&mut self.path);
        let len = match self.directory {
            Some((directory, len)) if directory == parent => len,
            _ => self.write_directory(parent, &mut path),
        };
        self.directory = Some((parent, len));
        path.truncate(len);
        let (page, slot) = self.page(id).expect("the walk visits znodes that exist");
        path.push_str(str_of(page.name(slot)));
        self.path = path;
    }

    /// Writes the path of `id` and a slash; tells its length.
    fn write_directory(&self, id: u32, path: &mut String) -> usize {
        let mut ancestors = Vec::new();
        let mut at = id;
        while at != ROOT {
            let (page, slot) =
                self.page(at).expect("ancestors exist and are visited before their descendants");
            ancestors.push((page, slot));
            at = page.record(slot).parent;
        }
        path.clear();
        path.push('/');
        for (page, slot) in ancestors.into_iter().rev() {
            path.push_str(str_of(page.name(slot)));
            path.push('/');
        }
        path.len()
    }

    /// The page of `id`, if such a znode exists and is still needed.
    fn page(&self, id: u32) -> Option<(&Page, usize)> {
        let (page, slot) = match &self.chunks[id as usize / IDS_PER_CHUNK] {
            Some(chunk) => chunk.at(id),
            None => (self.parents.get(&(id / SLOTS as u32)), id as usize % SLOTS),
        };
        let page = page?;
        page.get(slot)?;
        Some((page, slot))
    }

    /// Lets go of a chunk, all of which has been visited, except pages that hold parents.
    fn leave_chunk(&mut self, number: usize) {
        let Some(chunk) = self.chunks[number].take() else { return };
        for (index, page) in chunk.pages().enumerate() {
            let Some(page) = page else { continue };
            let is_parent = |slot| page.get(slot).is_some_and(|record| record.num_children > 0);
            if (0..SLOTS).any(is_parent) {
                let number = (number * IDS_PER_CHUNK / SLOTS + index) as u32;
                self.parents.insert(number, Arc::clone(page));
            }
        }
    }
}
