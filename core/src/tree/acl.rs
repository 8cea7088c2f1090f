//! The access control lists of the tree, each stored once and named by a number.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec;

use crate::wire::record::Acl;

/// Names a list of the [`AclTable`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct AclId(pub(super) u32);

impl AclId {
    /// Everything for every client: what the system's own znodes have. It is in no table on disk,
    /// where its index is −1.
    pub const OPEN: AclId = AclId(0);

    /// The index that snapshots use.
    pub const fn index(self) -> i64 {
        if self.0 == 0 { -1 } else { self.0 as i64 }
    }
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Entry {
    list: Arc<[Acl]>,
    /// How many znodes have it.
    users: u32,
}

/// Lists by number and numbers by list (`ReferenceCountedACLCache`). A list that no znode uses any more
/// is forgotten.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct AclTable {
    open: Arc<[Acl]>,
    entries: BTreeMap<AclId, Entry>,
    ids: BTreeMap<Arc<[Acl]>, AclId>,
    last: u32,
}

impl Default for AclTable {
    fn default() -> Self {
        AclTable { open: vec![Acl::open()].into(), entries: BTreeMap::new(), ids: BTreeMap::new(), last: 0 }
    }
}

impl AclTable {
    /// The list, which a znode must be using (or [`AclId::OPEN`]).
    pub fn get(&self, id: AclId) -> &Arc<[Acl]> {
        self.entries.get(&id).map_or(&self.open, |entry| &entry.list)
    }

    /// One more user of this list, new or known.
    pub fn acquire(&mut self, list: &[Acl]) -> AclId {
        if let Some(id) = self.ids.get(list) {
            let id = *id;
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.users += 1;
            }
            return id;
        }
        // Numbers come back only after four billion lists; then those in use are skipped.
        loop {
            self.last = self.last.checked_add(1).unwrap_or(1);
            if !self.entries.contains_key(&AclId(self.last)) {
                break;
            }
        }
        let (id, list): (_, Arc<[Acl]>) = (AclId(self.last), list.into());
        self.ids.insert(Arc::clone(&list), id);
        self.entries.insert(id, Entry { list, users: 1 });
        id
    }

    /// One more user of a list that has users (or of [`AclId::OPEN`]).
    pub fn acquire_again(&mut self, id: AclId) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.users += 1;
        }
    }

    /// One znode less uses this list; a list that no znode uses is forgotten.
    pub fn release(&mut self, id: AclId) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.users -= 1;
        if entry.users == 0
            && let Some(entry) = self.entries.remove(&id)
        {
            self.ids.remove(&entry.list);
        }
    }

    /// Every list in use, in order of numbers; [`AclId::OPEN`] is not among them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (AclId, &Arc<[Acl]>)> {
        self.entries.iter().map(|(id, entry)| (*id, &entry.list))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn the_open_list_needs_no_entry() {
        let table = AclTable::default();
        assert_eq!(&**table.get(AclId::OPEN), &[Acl::open()]);
        assert_eq!(AclId::OPEN.index(), -1);
        assert_eq!(table.iter().len(), 0);
    }

    proptest! {
        #[test]
        fn lists_live_as_long_as_they_are_used(steps in proptest::collection::vec((0..4i32, any::<bool>()), 0..60)) {
            let mut table = AclTable::default();
            let mut held: Vec<(AclId, i32)> = Vec::new();
            for (perms, acquire) in steps {
                if acquire {
                    held.push((table.acquire(&[Acl::new(perms, "world", "anyone")]), perms));
                } else if let Some(i) = held.iter().position(|(_, p)| *p == perms) {
                    table.release(held.swap_remove(i).0);
                }
                for (id, perms) in &held {
                    prop_assert_eq!(table.get(*id)[0].perms, *perms);
                }
                let mut distinct: Vec<i32> = held.iter().map(|(_, p)| *p).collect();
                distinct.sort_unstable();
                distinct.dedup();
                prop_assert_eq!(table.iter().len(), distinct.len());
            }
        }
    }
}
