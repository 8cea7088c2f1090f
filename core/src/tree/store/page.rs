//! A page: a few znodes with their names and data packed together, the unit that is copied while a view
//! exists.
//!
//! ```text
//!   records  [meta|parent|children|span] x SLOTS   fixed size, addressed by slot
//!   heap     name data name data name data …       one allocation, no gaps, spans point into it
//!   large    slot → Arc<name data>                 only for blobs above INLINE_MAX; copies of the page share
//!                                                  it
//! ```
//!
//! Packing saves an allocation (and its malloc header) per znode and makes a copy of the page two `memcpy`s.

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use super::meta::Meta;

/// Znodes per page. Small: a page is copied for each first write after a view was taken, and the copies are
/// the extra memory of a snapshot. Large: the fixed cost of a page (about 80 bytes with allocator overhead)
/// is shared by more znodes.
pub(super) const SLOTS: usize = 16;

/// Longest name + data kept in the page's heap. Longer ones get an allocation of their own, so that copying a
/// page stays cheap. `SLOTS * INLINE_MAX` must fit the 16-bit offsets of [`Span`].
pub(super) const INLINE_MAX: usize = 512;

/// Heap sizes are multiples of this: few different sizes fit into each other's holes, so that the allocator's
/// fragmentation stays small when data changes length.
const HEAP_STEP: usize = 128;

const _: () = assert!(SLOTS * INLINE_MAX <= u16::MAX as usize);
const _: () = assert!(SLOTS <= u32::BITS as usize);

/// Where the name and the data of a record are.
#[derive(Clone, Copy, Default)]
struct Span {
    /// Offset in the heap; meaningless for large blobs.
    start: u16,
    /// Bytes of name at `start`; meaningless for large blobs.
    name_len: u16,
    /// Bytes of data after the name; meaningless for large blobs.
    data_len: u16,
    place: Place,
    /// The data is null, which `ZooKeeper` distinguishes from empty.
    null: bool,
}

impl Span {
    fn end(self) -> usize {
        usize::from(self.start) + usize::from(self.name_len) + usize::from(self.data_len)
    }
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    /// No znode in this slot.
    #[default]
    Free,
    /// In the page's heap.
    Inline,
    /// In an allocation of its own.
    Large,
}

/// One znode, except its name and data.
#[derive(Clone, Copy, Default)]
pub(super) struct Record {
    pub(super) meta: Meta,
    pub(super) parent: u32,
    pub(super) num_children: u32,
    span: Span,
}

/// Name and data of a znode that is too big for the heap.
#[derive(Clone)]
struct Large {
    bytes: Arc<[u8]>,
    name_len: u32,
}

/// See the module's documentation.
#[derive(Default)]
pub(super) struct Page {
    records: [Record; SLOTS],
    heap: Vec<u8>,
    large: Option<Box<[Option<Large>; SLOTS]>>,
    /// Number of slots in use.
    live: u32,
}

impl Clone for Page {
    fn clone(&self) -> Self {
        let mut heap = Vec::with_capacity(heap_size(self.heap.len()));
        heap.extend_from_slice(&self.heap);
        Self { records: self.records, heap, large: self.large.clone(), live: self.live }
    }
}

impl Page {
    pub(super) fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// The record in `slot`, if there is a znode.
    pub(super) fn get(&self, slot: usize) -> Option<&Record> {
        Some(&self.records[slot]).filter(|record| record.span.place != Place::Free)
    }

    /// The record in `slot`, which must hold a znode.
    pub(super) fn record(&self, slot: usize) -> &Record {
        let record = &self.records[slot];
        assert!(record.span.place != Place::Free, "slot {slot} holds no znode");
        record
    }

    /// As [`Page::record`], to be changed.
    pub(super) fn record_mut(&mut self, slot: usize) -> &mut Record {
        let record = &mut self.records[slot];
        assert!(record.span.place != Place::Free, "slot {slot} holds no znode");
        record
    }

    /// The last path component of the znode in `slot`.
    pub(super) fn name(&self, slot: usize) -> &[u8] {
        let span = self.record(slot).span;
        if span.place == Place::Inline {
            &self.heap[usize::from(span.start)..][..usize::from(span.name_len)]
        } else {
            let large = self.large(slot);
            &large.bytes[..large.name_len as usize]
        }
    }

    /// The data of the znode in `slot`; `None` is null.
    pub(super) fn data(&self, slot: usize) -> Option<&[u8]> {
        let span = self.record(slot).span;
        if span.null {
            None
        } else if span.place == Place::Inline {
            Some(
                &self.heap[usize::from(span.start) + usize::from(span.name_len)..]
                    [..usize::from(span.data_len)],
            )
        } else {
            let large = self.large(slot);
            Some(&large.bytes[large.name_len as usize..])
        }
    }

    /// Puts a znode without children into `slot`, which must be free.
    pub(super) fn insert(&mut self, slot: usize, parent: u32, meta: Meta, name: &[u8], data: Option<&[u8]>) {
        assert!(self.records[slot].span.place == Place::Free, "slot {slot} is taken");
        self.live += 1;
        self.records[slot] = Record { meta, parent, num_children: 0, span: Span::default() };
        self.put(slot, name, data);
        if self.live as usize == SLOTS {
            self.trim(0);
        }
    }

    /// Frees `slot`, which must hold a znode.
    pub(super) fn remove(&mut self, slot: usize) {
        self.take(slot);
        self.records[slot] = Record::default();
        self.live -= 1;
    }

    /// Replaces the data of the znode in `slot`.
    pub(super) fn set_data(&mut self, slot: usize, data: Option<&[u8]>) {
        let span = self.record(slot).span;
        let bytes = data.unwrap_or_default();
        let fits = usize::from(span.name_len) + bytes.len() <= INLINE_MAX;
        if span.place == Place::Inline && fits {
            self.resize(slot, bytes.len());
            let at = usize::from(span.start) + usize::from(span.name_len);
            self.heap[at..at + bytes.len()].copy_from_slice(bytes);
            self.records[slot].span.null = data.is_none();
        } else if !fits && span.place == Place::Large && self.overwrite_large(slot, bytes) {
            self.records[slot].span.null = data.is_none();
        } else {
            let name = self.name(slot).to_vec();
            self.take(slot);
            self.put(slot, &name, data);
        }
    }

    fn large(&self, slot: usize) -> &Large {
        let table = self.large.as_deref().expect("a page with a large blob has a table of them");
        table[slot].as_ref().expect("the span says that the blob is large")
    }

    /// Puts data of the same length in the place of large data, unless a copy of the page shares that.
    fn overwrite_large(&mut self, slot: usize, data: &[u8]) -> bool {
        let table = self.large.as_deref_mut().expect("a page with a large blob has a table of them");
        let Large { bytes, name_len } = table[slot].as_mut().expect("the span says that the blob is large");
        let at = *name_len as usize;
        match Arc::get_mut(bytes) {
            Some(bytes) if bytes.len() == at + data.len() => {
                bytes[at..].copy_from_slice(data);
                true
            }
            _ => false,
        }
    }

    /// Stores name and data for `slot`, which has none.
    fn put(&mut self, slot: usize, name: &[u8], data: Option<&[u8]>) {
        let bytes = data.unwrap_or_default();
        let null = data.is_none();
        let len = name.len() + bytes.len();
        self.records[slot].span = if len <= INLINE_MAX {
            self.reserve(len);
            let start = narrow(self.heap.len());
            self.heap.extend_from_slice(name);
            self.heap.extend_from_slice(bytes);
            Span {
                start,
                name_len: narrow(name.len()),
                data_len: narrow(bytes.len()),
                place: Place::Inline,
                null,
            }
        } else {
            // One allocation: a Vec would be copied into another.
            let mut blob: Arc<[u8]> = core::iter::repeat_n(0, len).collect();
            let (to_name, to_data) =
                Arc::get_mut(&mut blob).expect("nobody else has it yet").split_at_mut(name.len());
            to_name.copy_from_slice(name);
            to_data.copy_from_slice(bytes);
            let name_len = u32::try_from(name.len()).expect("a name fits a jute string");
            self.large.get_or_insert_default()[slot] = Some(Large { bytes: blob, name_len });
            Span { place: Place::Large, null, ..Span::default() }
        };
    }

    /// Drops name and data of `slot` and leaves it without.
    fn take(&mut self, slot: usize) {
        let span = self.record(slot).span;
        if span.place == Place::Inline {
            let (start, end) = (usize::from(span.start), span.end());
            self.heap.copy_within(end.., start);
            self.heap.truncate(self.heap.len() - (end - start));
            self.shift(slot, end, |offset| offset - narrow(end - start));
            self.trim(2 * HEAP_STEP);
        } else if let Some(table) = &mut self.large {
            table[slot] = None;
            if table.iter().all(Option::is_none) {
                self.large = None;
            }
        }
        self.records[slot].span = Span::default();
    }

    /// Gives the inline data of `slot` a new length. What it contains is up to the caller.
    fn resize(&mut self, slot: usize, data_len: usize) {
        let span = self.records[slot].span;
        let (end, old, total) = (span.end(), usize::from(span.data_len), self.heap.len());
        if data_len > old {
            let more = data_len - old;
            self.reserve(more);
            self.heap.resize(total + more, 0);
            self.heap.copy_within(end..total, end + more);
            self.shift(slot, end, |offset| offset + narrow(more));
        } else if data_len < old {
            let less = old - data_len;
            self.heap.copy_within(end.., end - less);
            self.heap.truncate(total - less);
            self.shift(slot, end, |offset| offset - narrow(less));
            self.trim(2 * HEAP_STEP);
        }
        self.records[slot].span.data_len = narrow(data_len);
    }

    /// Moves the spans of the other znodes that start at `from` or behind it.
    fn shift(&mut self, slot: usize, from: usize, moved: impl Fn(u16) -> u16) {
        for (other, record) in self.records.iter_mut().enumerate() {
            let span = &mut record.span;
            if other != slot && span.place == Place::Inline && usize::from(span.start) >= from {
                span.start = moved(span.start);
            }
        }
    }

    /// Makes room for `more` bytes. A page that is being filled is expected to get more blobs of the same
    /// size, so that filling it costs one allocation.
    fn reserve(&mut self, more: usize) {
        let needed = self.heap.len() + more;
        if self.heap.capacity() < needed {
            let live = (self.live as usize).max(1);
            let expected = (SLOTS - live) * (needed / live);
            let goal = heap_size((needed + expected).min(SLOTS * INLINE_MAX));
            self.heap.reserve_exact(goal - self.heap.len());
        }
    }

    /// Gives memory back when there is more than `slack` bytes too much of it.
    fn trim(&mut self, slack: usize) {
        let enough = heap_size(self.heap.len());
        if self.heap.capacity() > enough + slack {
            self.heap.shrink_to(enough);
        }
    }
}

/// The capacity for a heap of `len` bytes.
fn heap_size(len: usize) -> usize {
    len.next_multiple_of(HEAP_STEP)
}

/// A length or offset within a page's heap.
fn narrow(n: usize) -> u16 {
    u16::try_from(n).expect("a page's heap is smaller than 64 KiB")
}
