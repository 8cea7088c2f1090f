//! Values under small numbers that are used again.

/// A vector with holes.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    slots: Vec<Option<T>>,
    free: Vec<usize>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Slab { slots: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    /// The number the next value gets.
    pub(crate) fn vacant(&self) -> usize {
        self.free.last().copied().unwrap_or(self.slots.len())
    }

    /// Put a value in, at [`Slab::vacant`].
    pub(crate) fn insert(&mut self, value: T) -> usize {
        match self.free.pop() {
            Some(index) => {
                self.slots[index] = Some(value);
                index
            }
            None => {
                self.slots.push(Some(value));
                self.slots.len() - 1
            }
        }
    }

    /// Take a value out; its number becomes free.
    pub(crate) fn remove(&mut self, index: usize) -> Option<T> {
        let value = self.slots.get_mut(index)?.take()?;
        self.free.push(index);
        Some(value)
    }

    /// The value under a number.
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        self.slots.get(index)?.as_ref()
    }

    /// The value under a number.
    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.slots.get_mut(index)?.as_mut()
    }

    /// Every value with its number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        self.iter_from(0)
    }

    /// The values under this number and those above it.
    pub(crate) fn iter_from(&self, from: usize) -> impl Iterator<Item = (usize, &T)> {
        let slots = self.slots.iter().enumerate().skip(from);
        slots.filter_map(|(index, slot)| Some((index, slot.as_ref()?)))
    }

    /// Every value.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().flatten()
    }

    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn behaves_like_a_map(steps in proptest::collection::vec((any::<bool>(), 0usize..8), 0..60)) {
            let mut slab = Slab::default();
            let mut map = BTreeMap::new();
            for (n, (insert, index)) in steps.into_iter().enumerate() {
                if insert {
                    let expected = slab.vacant();
                    prop_assert_eq!(slab.insert(n), expected);
                    prop_assert_eq!(map.insert(expected, n), None);
                } else {
                    prop_assert_eq!(slab.remove(index), map.remove(&index));
                }
                prop_assert_eq!(slab.len(), map.len());
                let pairs: Vec<_> = slab.iter().map(|(i, v)| (i, *v)).collect();
                prop_assert_eq!(pairs, map.iter().map(|(i, v)| (*i, *v)).collect::<Vec<_>>());
            }
        }
    }
}
