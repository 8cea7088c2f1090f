//! All pages, by id of the znode: two levels of shared pointers, so that sharing everything is cheap and so
//! is each first copy.
//!
//! ```text
//!   id = chunk · (PAGES · SLOTS) + page · SLOTS + slot
//!   Vec<Arc<Chunk>> ─► [Option<Arc<Page>>; PAGES] ─► Page
//! ```
//!
//! Sharing costs one reference count per chunk (2,048 znodes). After that, the first write in a chunk costs
//! PAGES reference counts, and the first write in a page one copy of the page. Both are microseconds.

use alloc::{sync::Arc, vec::Vec};
use core::array;

use super::page::{Page, SLOTS};

/// Pages per chunk.
const PAGES: usize = 128;

/// Ids per chunk.
pub(super) const IDS_PER_CHUNK: usize = PAGES * SLOTS;

/// See the module's documentation.
#[derive(Clone, Default)]
pub(super) struct Pages {
    chunks: Vec<Arc<Chunk>>,
}

/// Neighbouring pages; `None` where no znode is.
#[derive(Clone)]
pub(super) struct Chunk {
    pages: [Option<Arc<Page>>; PAGES],
}

impl Pages {
    /// The page of a znode and its slot there. The znode must exist.
    pub(super) fn at(&self, id: u32) -> (&Page, usize) {
        let (chunk, page, slot) = split(id);
        let page = self.chunks[chunk].pages[page].as_deref().expect("a znode has a page");
        (page, slot)
    }

    /// As [`Pages::at`], and the page is no longer shared with any view.
    pub(super) fn at_mut(&mut self, id: u32) -> (&mut Page, usize) {
        let (chunk, page, slot) = split(id);
        let page = Arc::make_mut(&mut self.chunks[chunk]).pages[page].as_mut().expect("a znode has a page");
        (Arc::make_mut(page), slot)
    }

    /// As [`Pages::at_mut`] for a znode that is about to be inserted. Ids grow by one or have been used
    /// before.
    pub(super) fn make_room(&mut self, id: u32) -> (&mut Page, usize) {
        let (chunk, page, slot) = split(id);
        if chunk == self.chunks.len() {
            self.chunks.push(Arc::new(Chunk { pages: array::from_fn(|_| None) }));
        }
        let page = Arc::make_mut(&mut self.chunks[chunk]).pages[page].get_or_insert_default();
        (Arc::make_mut(page), slot)
    }

    /// Drops the page of a znode that was just removed, if it was the last one there.
    pub(super) fn drop_if_empty(&mut self, id: u32) {
        let (chunk, page, _) = split(id);
        let page = &mut Arc::make_mut(&mut self.chunks[chunk]).pages[page];
        if page.as_ref().is_some_and(|page| page.is_empty()) {
            *page = None;
        }
    }

    /// The chunks, as they are now and will stay for the caller.
    pub(super) fn share(&self) -> Vec<Arc<Chunk>> {
        self.chunks.clone()
    }
}

impl Chunk {
    /// The page that holds `id`, which is in this chunk, and the slot of `id` there.
    pub(super) fn at(&self, id: u32) -> (Option<&Arc<Page>>, usize) {
        let (_, page, slot) = split(id);
        (self.pages[page].as_ref(), slot)
    }

    /// The pages, in order.
    pub(super) fn pages(&self) -> impl Iterator<Item = Option<&Arc<Page>>> {
        self.pages.iter().map(Option::as_ref)
    }
}

/// Chunk, page in the chunk, slot in the page.
fn split(id: u32) -> (usize, usize, usize) {
    let id = id as usize;
    (id / IDS_PER_CHUNK, id / SLOTS % PAGES, id % SLOTS)
}
