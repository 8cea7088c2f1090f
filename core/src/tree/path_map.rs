//! A hash table keyed by path: keyed hashing, equality and hash by contents.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::store::{PrefixHash, sip13};

/// Values by path. Clients choose the paths, so the hash is keyed (by the configuration's seed).
#[derive(Clone)]
pub struct PathMap<V> {
    key: [u64; 2],
    table: HashTable<(Arc<str>, V)>,
}

impl<V> PathMap<V> {
    /// An empty table.
    pub fn new(key: [u64; 2]) -> Self {
        PathMap { key, table: HashTable::new() }
    }

    /// How many paths have a value.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether no path has a value.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The path's value.
    pub fn get(&self, path: &str) -> Option<&V> {
        if self.table.is_empty() {
            return None;
        }
        let hash = sip13(self.key, path.as_bytes());
        self.table.find(hash, |(other, _)| **other == *path).map(|(_, value)| value)
    }

    /// The values of the paths above this one, the root's first. The bytes of the path are hashed
    /// once for all of them.
    pub fn above(&self, path: &str) -> impl Iterator<Item = &V> {
        let is_below_root = path.len() > 1 && path.starts_with('/') && !self.table.is_empty();
        let mut hash = PrefixHash::new(self.key, path.as_bytes());
        let slashes = path.bytes().enumerate().skip(1).filter(|(_, byte)| *byte == b'/').map(|(i, _)| i);
        let ends = is_below_root.then(|| core::iter::once(1).chain(slashes));
        ends.into_iter().flatten().filter_map(move |end| {
            let (hash, above) = (hash.up_to(end), &path[..end]);
            self.table.find(hash, |(other, _)| **other == *above).map(|(_, value)| value)
        })
    }

    /// The path's value, to be changed.
    pub fn get_mut(&mut self, path: &str) -> Option<&mut V> {
        if self.table.is_empty() {
            return None;
        }
        let hash = sip13(self.key, path.as_bytes());
        self.table.find_mut(hash, |(other, _)| **other == *path).map(|(_, value)| value)
    }

    /// Give the path a value; the one it had is returned.
    pub fn insert(&mut self, path: Arc<str>, value: V) -> Option<V> {
        let key = self.key;
        let hash = sip13(key, path.as_bytes());
        match self.table.entry(hash, |(other, _)| *other == path, |(path, _)| sip13(key, path.as_bytes())) {
            Entry::Occupied(mut entry) => Some(core::mem::replace(&mut entry.get_mut().1, value)),
            Entry::Vacant(entry) => {
                entry.insert((path, value));
                None
            }
        }
    }

    /// Give the path a value; the path as it is stored, to be shared, and the value it had.
    pub fn put(&mut self, path: &str, value: V) -> (Arc<str>, Option<V>) {
        let key = self.key;
        let hash = sip13(key, path.as_bytes());
        match self.table.entry(hash, |(other, _)| **other == *path, |(path, _)| sip13(key, path.as_bytes())) {
            Entry::Occupied(mut entry) => {
                let (path, before) = entry.get_mut();
                (Arc::clone(path), Some(core::mem::replace(before, value)))
            }
            Entry::Vacant(entry) => {
                let path: Arc<str> = path.into();
                entry.insert((Arc::clone(&path), value));
                (path, None)
            }
        }
    }

    /// Take the path's value out if it is one of these, and the path as it is stored.
    pub fn remove_if(&mut self, path: &str, chosen: impl FnOnce(&V) -> bool) -> Option<(Arc<str>, V)> {
        let hash = sip13(self.key, path.as_bytes());
        let entry = self.table.find_entry(hash, |(other, _)| **other == *path).ok()?;
        chosen(&entry.get().1).then(|| entry.remove().0)
    }

    /// Take the path's value out, and the path as it is stored.
    pub fn remove(&mut self, path: &str) -> Option<(Arc<str>, V)> {
        let hash = sip13(self.key, path.as_bytes());
        let entry = self.table.find_entry(hash, |(other, _)| **other == *path).ok()?;
        Some(entry.remove().0)
    }

    /// The stored path equal to `path`, to be shared.
    pub fn key(&self, path: &str) -> Option<&Arc<str>> {
        let hash = sip13(self.key, path.as_bytes());
        self.table.find(hash, |(other, _)| **other == *path).map(|(path, _)| path)
    }

    /// Forget everything.
    pub fn clear(&mut self) {
        self.table.clear();
    }

    /// Everything, in order of paths. For tests, models and reports: it sorts.
    pub fn sorted(&self) -> Vec<(&Arc<str>, &V)> {
        let mut all: Vec<_> = self.table.iter().map(|(path, value)| (path, value)).collect();
        all.sort_unstable_by_key(|(path, _)| *path);
        all
    }
}

impl<V: PartialEq> PartialEq for PathMap<V> {
    fn eq(&self, other: &Self) -> bool {
        self.sorted() == other.sorted()
    }
}

impl<V: Eq> Eq for PathMap<V> {}

impl<V: Hash> Hash for PathMap<V> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.sorted().hash(state);
    }
}

impl<V: fmt::Debug> fmt::Debug for PathMap<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.sorted()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use alloc::string::String;
    use proptest::prelude::*;

    #[test]
    fn what_is_above_a_path() {
        let mut map = PathMap::new([1, 2]);
        for path in ["/", "/a", "/a/b", "/a/bc", "/b"] {
            map.put(path, path);
        }
        let above = |path: &str| map.above(path).copied().collect::<Vec<_>>();
        assert_eq!(above("/a/b/c/d"), ["/", "/a", "/a/b"]);
        assert_eq!(above("/a/bc"), ["/", "/a"]);
        assert_eq!(above("/a"), ["/"]);
        for path in ["/", "", "a/b"] {
            assert_eq!(above(path), Vec::<&str>::new());
        }
    }

    proptest! {
        #[test]
        fn is_a_map(steps in proptest::collection::vec(("[a-d]{0,2}", any::<Option<u8>>()), 0..60)) {
            let mut map = PathMap::new([1, 2]);
            let mut model: BTreeMap<String, u8> = BTreeMap::new();
            for (path, value) in steps {
                prop_assert_eq!(map.get(&path), model.get(&path));
                match value {
                    Some(value) if value % 2 == 0 => {
                        let (stored, before) = map.put(&path, value);
                        prop_assert_eq!(&*stored, path.as_str());
                        prop_assert_eq!(before, model.insert(path, value));
                    }
                    Some(value) => prop_assert_eq!(map.insert(path.as_str().into(), value), model.insert(path, value)),
                    None if model.get(&path).is_some_and(|value| value % 3 == 0) => {
                        prop_assert!(map.remove_if(&path, |value| value % 3 != 0).is_none());
                        let removed = map.remove_if(&path, |value| value % 3 == 0);
                        prop_assert_eq!(removed.map(|(_, v)| v), model.remove(&path));
                    }
                    None => prop_assert_eq!(map.remove(&path).map(|(_, v)| v), model.remove(&path)),
                }
                prop_assert_eq!(map.len(), model.len());
            }
            let sorted: Vec<(String, u8)> =
                map.sorted().into_iter().map(|(p, v)| (String::from(&**p), *v)).collect();
            prop_assert_eq!(sorted, model.into_iter().collect::<Vec<_>>());
        }
    }
}
