//! Which table a change fires, and what its watchers are told.

use alloc::vec::Vec;

use super::rules;
use super::table::{Mode, Modes, WatchTable};
use crate::ids::ConnId;
use crate::tree::path::parent;
use crate::wire::client::{EventType, WatcherType};

/// One notification: to whom, what, about which path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Told<'a> {
    /// The watching connection.
    pub conn: ConnId,
    /// What it is told.
    pub event: EventType,
    /// The path of the znode that it is about.
    pub path: &'a str,
}

/// The watches of one server's connections (`DataTree`'s two `WatchManager`s).
///
/// Persistent watches are in both tables, persistent recursive ones in the data table only: they
/// are told of creations, deletions and data, never of children.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct WatchManager {
    data: WatchTable,
    child: WatchTable,
}

impl WatchManager {
    /// No watches. `key` is the key of path hashes.
    pub fn new(key: [u64; 2]) -> Self {
        WatchManager { data: WatchTable::new(key), child: WatchTable::new(key) }
    }

    /// Break this rule.
    #[cfg(feature = "mutants")]
    pub fn breaking(mut self, mutation: Option<crate::mutation::Mutation>) -> Self {
        self.data.mutation = mutation;
        self.child.mutation = mutation;
        self
    }

    /// Watch a znode's data and existence, once.
    pub fn watch_data(&mut self, path: &str, conn: ConnId) {
        self.data.add(path, conn, Mode::Standard);
    }

    /// Watch a znode's children, once.
    pub fn watch_children(&mut self, path: &str, conn: ConnId) {
        self.child.add(path, conn, Mode::Standard);
    }

    /// Watch a znode until further notice.
    pub fn watch_persistently(&mut self, path: &str, conn: ConnId) {
        self.data.add(path, conn, Mode::Persistent);
        self.child.add(path, conn, Mode::Persistent);
    }

    /// Watch a znode and everything below it until further notice.
    pub fn watch_recursively(&mut self, path: &str, conn: ConnId) {
        self.data.add(path, conn, Mode::PersistentRecursive);
    }

    /// A znode was created: its watchers, then those of its parent's children.
    pub fn created(&mut self, path: &str, mut tell: impl FnMut(Told<'_>)) {
        for conn in self.data.fire(path) {
            tell(Told { conn, event: EventType::NodeCreated, path });
        }
        self.children_changed(path, tell);
    }

    /// A znode was deleted: its watchers (once, even if they watch data and children), then those
    /// of its parent's children.
    pub fn deleted(&mut self, path: &str, mut tell: impl FnMut(Told<'_>)) {
        let told = self.data.fire(path);
        let also: Vec<ConnId> = self.child.fire(path);
        let also = also.into_iter().filter(|conn| rules::is_told_of_deletion(&self.data, &told, *conn));
        for conn in told.iter().copied().chain(also) {
            tell(Told { conn, event: EventType::NodeDeleted, path });
        }
        self.children_changed(path, tell);
    }

    /// A znode's data was set.
    pub fn data_changed(&mut self, path: &str, mut tell: impl FnMut(Told<'_>)) {
        for conn in self.data.fire(path) {
            tell(Told { conn, event: EventType::NodeDataChanged, path });
        }
    }

    fn children_changed(&mut self, path: &str, mut tell: impl FnMut(Told<'_>)) {
        let Some(parent) = parent(path) else { return };
        for conn in self.child.fire(parent) {
            tell(Told { conn, event: EventType::NodeChildrenChanged, path: parent });
        }
    }

    /// Whether `conn` has a watch of this type at `path`.
    pub fn contains(&self, path: &str, conn: ConnId, which: WatcherType) -> bool {
        let data = self.data.modes(path, conn);
        match which {
            WatcherType::Children => self.child.modes(path, conn).has(Mode::Standard),
            WatcherType::Data => data.has(Mode::Standard),
            WatcherType::Any => !data.is_empty() || !self.child.modes(path, conn).is_empty(),
            WatcherType::Persistent => data.has(Mode::Persistent),
            WatcherType::PersistentRecursive => data.has(Mode::PersistentRecursive),
        }
    }

    /// Remove the watches of this type that `conn` has at `path`. Says whether there were any.
    pub fn remove(&mut self, path: &str, conn: ConnId, which: WatcherType) -> bool {
        let standard = Modes::only(Mode::Standard);
        match which {
            WatcherType::Children => self.child.remove(path, conn, standard),
            WatcherType::Data => self.data.remove(path, conn, standard),
            WatcherType::Any => {
                let child = self.child.remove(path, conn, Modes::ALL);
                self.data.remove(path, conn, Modes::ALL) || child
            }
            WatcherType::Persistent => {
                let persistent = Modes::only(Mode::Persistent);
                let child = self.child.remove(path, conn, persistent);
                self.data.remove(path, conn, persistent) || child
            }
            WatcherType::PersistentRecursive => {
                self.data.remove(path, conn, Modes::only(Mode::PersistentRecursive))
            }
        }
    }

    /// `conn` is gone.
    pub fn remove_watcher(&mut self, conn: ConnId) {
        self.data.remove_watcher(conn);
        self.child.remove_watcher(conn);
    }

    /// The table of data and existence watches, which is all that ZooKeeper's words about watches show.
    pub fn data(&self) -> &WatchTable {
        &self.data
    }

    /// How many watches there are, as `mntr` counts them: pairs of path and connection, per table.
    pub fn len(&self) -> usize {
        self.data.len() + self.child.len()
    }

    /// What all watches take, in bytes; a path that several connections watch counts for each.
    pub fn bytes(&self) -> usize {
        self.data.bytes() + self.child.bytes()
    }

    /// What the watches of `conn` take, in bytes.
    pub fn bytes_of(&self, conn: ConnId) -> usize {
        self.data.bytes_of(conn) + self.child.bytes_of(conn)
    }

    /// Whether there is no watch.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty() && self.child.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};
    use alloc::vec;

    const A: ConnId = ConnId(1);
    const B: ConnId = ConnId(2);

    fn collect(fire: impl FnOnce(&mut dyn FnMut(Told<'_>))) -> Vec<(ConnId, EventType, String)> {
        let mut all = vec![];
        fire(&mut |told| all.push((told.conn, told.event, told.path.to_string())));
        all
    }

    #[test]
    fn a_deletion_is_told_once_per_connection() {
        let mut watches = WatchManager::new([0, 0]);
        watches.watch_data("/a", A);
        watches.watch_children("/a", A);
        watches.watch_children("/a", B);
        watches.watch_children("/", B);
        let told = collect(|tell| watches.deleted("/a", tell));
        let expected = [
            (A, EventType::NodeDeleted, "/a"),
            (B, EventType::NodeDeleted, "/a"),
            (B, EventType::NodeChildrenChanged, "/"),
        ];
        assert_eq!(told, expected.map(|(c, k, p)| (c, k, p.to_string())));
        assert!(watches.is_empty());
    }

    #[test]
    fn persistent_watches_see_everything_recursive_ones_no_children() {
        let mut watches = WatchManager::new([0, 0]);
        watches.watch_persistently("/a", A);
        watches.watch_recursively("/a", B);
        let told = collect(|tell| watches.created("/a/x", tell));
        let expected = [(B, EventType::NodeCreated, "/a/x"), (A, EventType::NodeChildrenChanged, "/a")];
        assert_eq!(told, expected.map(|(c, k, p)| (c, k, p.to_string())));
        let told = collect(|tell| watches.data_changed("/a", tell));
        assert_eq!(told.len(), 2);
        assert!(watches.contains("/a", A, WatcherType::Persistent));
        assert!(!watches.contains("/a", A, WatcherType::Data));
        assert!(watches.remove("/a", A, WatcherType::Any));
        assert!(!watches.remove("/a", A, WatcherType::Any));
        assert!(watches.remove("/a", B, WatcherType::PersistentRecursive));
        assert!(watches.is_empty());
    }

    #[test]
    fn types_are_kept_apart() {
        let mut watches = WatchManager::new([0, 0]);
        watches.watch_children("/a", A);
        assert!(!watches.remove("/a", A, WatcherType::Data));
        assert!(!watches.contains("/a", B, WatcherType::Any));
        assert!(watches.remove("/a", A, WatcherType::Children));
        assert_eq!(watches.len(), 0);
    }
}
