//! Something that was computed once and can be computed again.

use core::hash::{Hash, Hasher};

/// A value that follows from the rest of a state, and so is no part of the state's identity.
#[derive(Clone, Debug)]
pub(crate) struct Cached<T>(Option<T>);

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Cached(None)
    }
}

impl<T> Cached<T> {
    /// The value, computed if it is not there.
    pub(crate) fn get_or_insert_with(&mut self, compute: impl FnOnce() -> T) -> &T {
        self.0.get_or_insert_with(compute)
    }

    /// What it follows from has changed.
    pub(crate) fn clear(&mut self) {
        self.0 = None;
    }
}

impl<T> PartialEq for Cached<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T> Eq for Cached<T> {}

impl<T> Hash for Cached<T> {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}
