//! A znode of the store, to be looked at.

use core::fmt;

use crate::tree::store::meta::Meta;
use crate::tree::store::meta::str_of;
use crate::tree::store::page::Page;

/// A znode to be looked at.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    page: &'a Page,
    slot: usize,
}

impl<'a> Node<'a> {
    pub(super) fn new(page: &'a Page, slot: usize) -> Self {
        page.record(slot); // refuses an id without znode
        Self { page, slot }
    }

    /// The last component of the path; empty for the root.
    pub fn name(&self) -> &'a str {
        str_of(self.page.name(self.slot))
    }

    /// What is stored besides name and data.
    pub fn meta(&self) -> &'a Meta {
        &self.page.record(self.slot).meta
    }

    /// The data; `None` is null.
    pub fn data(&self) -> Option<&'a [u8]> {
        self.page.data(self.slot)
    }

    /// Number of children.
    pub fn num_children(&self) -> u32 {
        self.page.record(self.slot).num_children
    }
}

/// Contents are compared, not places: name, [`Meta`], data and number of children.
impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        (self.name(), self.meta(), self.data(), self.num_children())
            == (other.name(), other.meta(), other.data(), other.num_children())
    }
}

impl Eq for Node<'_> {}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Node");
        debug.field("name", &self.name()).field("meta", self.meta()).field("data", &self.data());
        debug.field("num_children", &self.num_children()).finish()
    }
}
