//! One table of watches: which connections watch which paths, and in which modes.

use alloc::collections::{BTreeMap, BTreeSet, BinaryHeap};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::ops::Bound;

use super::rules;
use crate::ids::ConnId;
use crate::tree::path_map::PathMap;

/// How long a watch lasts and how far it sees.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Mode {
    /// The watch fires once.
    Standard,
    /// The watch stays until it is removed.
    Persistent,
    /// Stays until removed, and sees every descendant.
    PersistentRecursive,
}

/// A set of modes: one connection may watch a path in several (since ZooKeeper 3.9,
/// ZOOKEEPER-4466).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Modes(u8);

impl Modes {
    /// Every mode.
    pub const ALL: Modes = Modes(7);

    /// The set of this mode alone.
    pub const fn only(mode: Mode) -> Self {
        Modes(1 << mode as u8)
    }

    /// Whether `mode` is among them.
    pub const fn has(self, mode: Mode) -> bool {
        self.0 & Self::only(mode).0 != 0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    const fn and(self, other: Modes) -> Modes {
        Modes(self.0 & other.0)
    }

    pub(super) const fn or(self, other: Modes) -> Modes {
        Modes(self.0 | other.0)
    }

    const fn without(self, other: Modes) -> Modes {
        Modes(self.0 & !other.0)
    }
}

/// What a watch takes beside its path, in bytes: entries by path and by connection.
const OVERHEAD: usize = 128;

/// The paths that one connection watches.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Watched {
    paths: BTreeSet<Arc<str>>,
    /// What they take, as if no other connection watched them.
    bytes: usize,
}

/// Watches by path and by connection.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct WatchTable {
    /// Per path the connections, in order, that watch it.
    watchers: PathMap<Vec<(ConnId, Modes)>>,
    paths: BTreeMap<ConnId, Watched>,
    /// What all connections' watches take together, in bytes.
    bytes: usize,
    /// Pairs of path and connection.
    len: usize,
    /// Those with [`Mode::PersistentRecursive`]: without any, ancestors need not be looked up.
    recursive: usize,
    /// The rule this table breaks.
    #[cfg(feature = "mutants")]
    pub(super) mutation: Option<crate::mutation::Mutation>,
}

impl WatchTable {
    /// No watches. `key` is the key of path hashes.
    pub fn new(key: [u64; 2]) -> Self {
        WatchTable {
            watchers: PathMap::new(key),
            paths: BTreeMap::new(),
            bytes: 0,
            len: 0,
            recursive: 0,
            #[cfg(feature = "mutants")]
            mutation: None,
        }
    }

    /// How many pairs of path and connection there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no watch.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What all watches take, in bytes; a path that several connections watch counts for each.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// What the watches of `conn` take, in bytes.
    pub fn bytes_of(&self, conn: ConnId) -> usize {
        self.paths.get(&conn).map_or(0, |watched| watched.bytes)
    }

    /// How many paths are watched.
    pub fn path_count(&self) -> usize {
        self.watchers.len()
    }

    /// How many connections watch something.
    pub fn watcher_count(&self) -> usize {
        self.paths.len()
    }

    /// The watches by connection and path, after this one.
    pub fn after(&self, last: Option<(ConnId, &str)>) -> impl Iterator<Item = (ConnId, &Arc<str>)> {
        let (from, rest) = match last {
            None => (Bound::Unbounded, None),
            Some((conn, path)) => (Bound::Excluded(conn), Some(self.paths_after(conn, path))),
        };
        let rest = rest.into_iter().flatten();
        let later = self.paths.range((from, Bound::Unbounded));
        let later = later.flat_map(|(conn, watched)| watched.paths.iter().map(|path| (*conn, path)));
        rest.map(move |path| (last.map_or(ConnId(0), |(conn, _)| conn), path)).chain(later)
    }

    fn paths_after(&self, conn: ConnId, path: &str) -> impl Iterator<Item = &Arc<str>> {
        let range = (Bound::Excluded(path), Bound::Unbounded);
        self.paths.get(&conn).map(|watched| watched.paths.range::<str, _>(range)).into_iter().flatten()
    }

    /// `conn` watches `path`, additionally in this mode.
    pub fn add(&mut self, path: &str, conn: ConnId, mode: Mode) {
        let added = Modes::only(mode);
        let shared = match self.watchers.key(path) {
            Some(shared) => Arc::clone(shared),
            None => {
                let shared: Arc<str> = path.into();
                self.watchers.insert(Arc::clone(&shared), Vec::new());
                shared
            }
        };
        let Some(list) = self.watchers.get_mut(path) else { return };
        let before = match list.binary_search_by_key(&conn, |(conn, _)| *conn) {
            Ok(i) => {
                let before = list[i].1;
                list[i].1 = before.or(added);
                before
            }
            Err(i) => {
                list.insert(i, (conn, added));
                self.len += 1;
                let watched = self.paths.entry(conn).or_default();
                watched.paths.insert(shared);
                watched.bytes += size(path);
                self.bytes += size(path);
                Modes::default()
            }
        };
        if mode == Mode::PersistentRecursive && !before.has(mode) {
            self.recursive += 1;
        }
    }

    /// The modes in which `conn` watches `path`.
    pub fn modes(&self, path: &str, conn: ConnId) -> Modes {
        let list = self.watchers.get(path).map(Vec::as_slice).unwrap_or_default();
        match list.binary_search_by_key(&conn, |(conn, _)| *conn) {
            Ok(i) => list[i].1,
            Err(_) => Modes::default(),
        }
    }

    /// `conn` does not watch `path` in these modes any more. Says whether it did in one of them.
    pub fn remove(&mut self, path: &str, conn: ConnId, modes: Modes) -> bool {
        let Some(list) = self.watchers.get_mut(path) else { return false };
        let Ok(i) = list.binary_search_by_key(&conn, |(conn, _)| *conn) else { return false };
        let removed = list[i].1.and(modes);
        list[i].1 = list[i].1.without(modes);
        if removed.has(Mode::PersistentRecursive) {
            self.recursive -= 1;
        }
        if list[i].1.is_empty() {
            list.remove(i);
            self.len -= 1;
            if list.is_empty() {
                self.watchers.remove(path);
            }
            self.forget_path(conn, path);
        }
        !removed.is_empty()
    }

    /// `conn` is gone.
    pub fn remove_watcher(&mut self, conn: ConnId) {
        let Some(watched) = self.paths.remove(&conn) else { return };
        self.bytes -= watched.bytes;
        for path in watched.paths {
            self.remove(&path, conn, Modes::ALL);
        }
    }

    /// Something happened at `path`: whom it concerns, in order, once each. Standard watches are
    /// used up by it.
    pub fn fire(&mut self, path: &str) -> Vec<ConnId> {
        let mut told = Vec::new();
        if self.len == 0 {
            return told;
        }
        let mut used_up = Vec::new();
        let spent = rules::used_up(self);
        if let Some(list) = self.watchers.get_mut(path) {
            told.extend(list.iter().map(|(conn, _)| *conn));
            list.retain_mut(|(conn, modes)| {
                *modes = modes.without(spent);
                if modes.is_empty() {
                    used_up.push(*conn);
                }
                !modes.is_empty()
            });
            if list.is_empty() {
                self.watchers.remove(path);
            }
        }
        self.len -= used_up.len();
        for conn in used_up {
            self.forget_path(conn, path);
        }
        if self.recursive > 0 && rules::recursive_sees_below(self) {
            let exact = told.len();
            for list in self.watchers.above(path) {
                told.extend(list.iter().filter(|(_, m)| m.has(Mode::PersistentRecursive)).map(|(c, _)| *c));
            }
            if told.len() > exact {
                told.sort_unstable();
                told.dedup();
            }
        }
        told
    }

    fn forget_path(&mut self, conn: ConnId, path: &str) {
        if let Some(watched) = self.paths.get_mut(&conn)
            && watched.paths.remove(path)
        {
            watched.bytes -= size(path);
            self.bytes -= size(path);
            if watched.paths.is_empty() {
                self.paths.remove(&conn);
            }
        }
    }
}

/// What a watch of this path takes, in bytes.
fn size(path: &str) -> usize {
    path.len() + OVERHEAD
}

/// A walk over a table by path. The walk may be left and gone on with while the table changes. What is there
/// from its beginning to its end is visited once.
///
/// The paths are only kept per connection in order; this merges them.
#[derive(Clone, Debug)]
pub struct WalkByPath {
    /// The next path of every connection.
    next: BinaryHeap<Reverse<(Arc<str>, ConnId)>>,
}

impl WalkByPath {
    /// Before the first path.
    pub fn new(table: &WatchTable) -> Self {
        let first = |(conn, watched): (&ConnId, &Watched)| {
            watched.paths.first().map(|path| Reverse((Arc::clone(path), *conn)))
        };
        WalkByPath { next: table.paths.iter().filter_map(first).collect() }
    }

    /// The next watch.
    pub fn next(&mut self, table: &WatchTable) -> Option<(Arc<str>, ConnId)> {
        while let Some(Reverse((path, conn))) = self.next.pop() {
            if let Some(later) = table.paths_after(conn, &path).next() {
                self.next.push(Reverse((Arc::clone(later), conn)));
            }
            if table.paths.get(&conn).is_some_and(|watched| watched.paths.contains(&path)) {
                return Some((path, conn));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use alloc::vec;
    use proptest::prelude::*;

    const A: ConnId = ConnId(1);
    const B: ConnId = ConnId(2);

    #[test]
    fn standard_watches_fire_once() {
        let mut table = WatchTable::new([0, 0]);
        table.add("/a", B, Mode::Standard);
        table.add("/a", A, Mode::Standard);
        table.add("/a", A, Mode::Standard);
        assert_eq!(table.len(), 2);
        assert_eq!(table.fire("/a"), vec![A, B]);
        assert_eq!(table.fire("/a"), vec![]);
        assert!(table.is_empty() && table.watcher_count() == 0 && table.path_count() == 0);
        assert_eq!(table.bytes(), 0);
    }

    #[test]
    fn modes_do_not_replace_each_other() {
        let mut table = WatchTable::new([0, 0]);
        table.add("/a", A, Mode::Persistent);
        table.add("/a", A, Mode::Standard);
        assert_eq!(table.fire("/a"), vec![A]);
        assert_eq!(table.fire("/a"), vec![A]);
        assert!(table.remove("/a", A, Modes::only(Mode::Persistent)));
        assert!(!table.remove("/a", A, Modes::ALL));
        assert_eq!(table.fire("/a"), vec![]);
    }

    #[test]
    fn recursive_watches_see_descendants_once() {
        let mut table = WatchTable::new([0, 0]);
        table.add("/", A, Mode::PersistentRecursive);
        table.add("/a", A, Mode::PersistentRecursive);
        table.add("/a/b", B, Mode::Persistent);
        assert_eq!(table.fire("/a/b"), vec![A, B]);
        assert_eq!(table.fire("/a/b/c"), vec![A]);
        assert_eq!(table.fire("/x"), vec![A]);
        table.remove_watcher(A);
        assert_eq!(table.fire("/a/b"), vec![B]);
        assert_eq!(table.recursive, 0);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Add(String, u64, Mode),
        Remove(String, u64, Mode),
        Gone(u64),
        Fire(String),
    }

    fn step() -> impl Strategy<Value = Step> {
        let path = || prop_oneof![Just("/"), Just("/a"), Just("/a/b"), Just("/c")].prop_map(String::from);
        let mode =
            || prop_oneof![Just(Mode::Standard), Just(Mode::Persistent), Just(Mode::PersistentRecursive)];
        prop_oneof![
            5 => (path(), 0..3u64, mode()).prop_map(|(p, c, m)| Step::Add(p, c, m)),
            2 => (path(), 0..3u64, mode()).prop_map(|(p, c, m)| Step::Remove(p, c, m)),
            1 => (0..3u64).prop_map(Step::Gone),
            3 => path().prop_map(Step::Fire),
        ]
    }

    proptest! {
        /// Against a set of (path, connection, mode).
        #[test]
        fn is_a_set_of_triples(steps in proptest::collection::vec(step(), 0..60)) {
            let mut table = WatchTable::new([3, 4]);
            let mut model: BTreeSet<(String, ConnId, Mode)> = BTreeSet::new();
            for step in steps {
                match step {
                    Step::Add(path, conn, mode) => {
                        table.add(&path, ConnId(conn), mode);
                        model.insert((path, ConnId(conn), mode));
                    }
                    Step::Remove(path, conn, mode) => {
                        let did = table.remove(&path, ConnId(conn), Modes::only(mode));
                        prop_assert_eq!(did, model.remove(&(path, ConnId(conn), mode)));
                    }
                    Step::Gone(conn) => {
                        table.remove_watcher(ConnId(conn));
                        model.retain(|(_, c, _)| *c != ConnId(conn));
                    }
                    Step::Fire(path) => {
                        let below = |p: &str| path == p || p == "/" || path.starts_with(&alloc::format!("{p}/"));
                        let told: BTreeSet<ConnId> = model
                            .iter()
                            .filter(|(p, _, m)| *p == path || *m == Mode::PersistentRecursive && below(p))
                            .map(|(_, c, _)| *c)
                            .collect();
                        prop_assert_eq!(table.fire(&path), told.into_iter().collect::<Vec<_>>());
                        model.retain(|(p, _, m)| *p != path || *m != Mode::Standard);
                    }
                }
                let pairs: BTreeSet<_> = model.iter().map(|(p, c, _)| (p, c)).collect();
                for conn in (0..3).map(ConnId) {
                    let bytes = pairs.iter().filter(|(_, c)| **c == conn).map(|(path, _)| size(path)).sum::<usize>();
                    prop_assert_eq!(table.bytes_of(conn), bytes);
                }
                prop_assert_eq!(table.bytes(), pairs.iter().map(|(path, _)| size(path)).sum::<usize>());
                let mut walk = WalkByPath::new(&table);
                let mut last: Option<(ConnId, Arc<str>)> = None;
                let mut by_conn = BTreeSet::new();
                for (path, conn) in &pairs {
                    let walked = walk.next(&table);
                    prop_assert_eq!(walked, Some((path.as_str().into(), **conn)));
                    by_conn.insert((**conn, Arc::<str>::from(path.as_str())));
                }
                prop_assert_eq!(walk.next(&table), None);
                for pair in by_conn {
                    let next = table.after(last.as_ref().map(|(conn, path)| (*conn, &**path))).next();
                    prop_assert_eq!(next.map(|(conn, path)| (conn, Arc::clone(path))), Some(pair.clone()));
                    last = Some(pair);
                }
                prop_assert_eq!(table.after(last.as_ref().map(|(c, p)| (*c, &**p))).next(), None);
                prop_assert_eq!(table.len(), pairs.len());
                prop_assert_eq!(table.path_count(), pairs.iter().map(|(p, _)| p).collect::<BTreeSet<_>>().len());
                prop_assert_eq!(table.watcher_count(), pairs.iter().map(|(_, c)| c).collect::<BTreeSet<_>>().len());
                let recursive = model.iter().filter(|(_, _, m)| *m == Mode::PersistentRecursive).count();
                prop_assert_eq!(table.recursive, recursive);
            }
        }
    }
}
