//! The family links of znodes and the allocation of their ids: owner-only state that no view needs, so no
//! copy-on-write.
//!
//! Children form a list in order of creation: `next` ends with [`NONE`], the first child's `prev` is the last
//! child. Adding or removing a child costs the same for one child and for a million.

use alloc::vec::Vec;

/// The id that stands for no znode.
pub(super) const NONE: u32 = u32::MAX;

/// Links per chunk. Chunks, so that growing never moves old links.
const CHUNK: usize = 2048;

#[derive(Clone, Copy)]
struct Link {
    /// Hash of the full path, for the index.
    hash: u32,
    first_child: u32,
    /// The next sibling; of a free id, the next free id.
    next: u32,
    prev: u32,
}

/// See the module's documentation.
#[derive(Clone)]
pub(super) struct Links {
    chunks: Vec<Vec<Link>>,
    /// Ids given out so far, free ones included.
    end: u32,
    /// First of the list of free ids.
    free: u32,
}

impl Links {
    pub(super) fn new() -> Self {
        Self { chunks: Vec::new(), end: 0, free: NONE }
    }

    /// Ids are below this.
    pub(super) fn end(&self) -> u32 {
        self.end
    }

    pub(super) fn hash(&self, id: u32) -> u32 {
        self.link(id).hash
    }

    pub(super) fn first_child(&self, id: u32) -> u32 {
        self.link(id).first_child
    }

    pub(super) fn next_sibling(&self, id: u32) -> u32 {
        self.link(id).next
    }

    /// A new id without relatives, or one that was freed before.
    pub(super) fn allocate(&mut self, hash: u32) -> u32 {
        let link = Link { hash, first_child: NONE, next: NONE, prev: NONE };
        if self.free != NONE {
            let id = self.free;
            self.free = self.link(id).next;
            *self.link_mut(id) = link;
            return id;
        }
        let id = self.end;
        assert!(id != NONE, "no more than 2^32 - 1 znodes");
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(link),
            _ => self.chunks.push(alloc::vec![link]),
        }
        self.end += 1;
        id
    }

    /// Gives `id` back; it must have been unlinked.
    pub(super) fn free(&mut self, id: u32) {
        let next = self.free;
        *self.link_mut(id) = Link { hash: 0, first_child: NONE, next, prev: NONE };
        self.free = id;
    }

    /// Makes `child` the last child of `parent`.
    pub(super) fn link_child(&mut self, parent: u32, child: u32) {
        let first = self.first_child(parent);
        if first == NONE {
            self.link_mut(parent).first_child = child;
            self.link_mut(child).prev = child;
        } else {
            let last = self.link(first).prev;
            self.link_mut(last).next = child;
            self.link_mut(first).prev = child;
            self.link_mut(child).prev = last;
        }
        self.link_mut(child).next = NONE;
    }

    /// Takes `child` out of the children of `parent`.
    pub(super) fn unlink_child(&mut self, parent: u32, child: u32) {
        let Link { next, prev, .. } = *self.link(child);
        let first = self.first_child(parent);
        if child == first {
            self.link_mut(parent).first_child = next;
        } else {
            self.link_mut(prev).next = next;
        }
        if next != NONE {
            self.link_mut(next).prev = prev;
        } else if child != first {
            self.link_mut(first).prev = prev;
        }
    }

    fn link(&self, id: u32) -> &Link {
        &self.chunks[id as usize / CHUNK][id as usize % CHUNK]
    }

    fn link_mut(&mut self, id: u32) -> &mut Link {
        &mut self.chunks[id as usize / CHUNK][id as usize % CHUNK]
    }
}
