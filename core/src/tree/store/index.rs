//! The path index: from the hash of a full path to the ids of the znodes that have it.
//!
//! Linear hashing over small tables: one more table is split off as the index grows. So no insert ever moves
//! more than a couple of thousand entries. (One big table would stop the owner for tens of milliseconds at
//! each doubling.) Entries are four bytes; the caller compares the path.

use alloc::vec::Vec;
use core::mem;

use hashbrown::HashTable;

/// Mean number of entries per table. Tables then hold between half and twice as many, which fits hashbrown's
/// sizes: 896 and 1,792 entries fill tables of 1,024 and 2,048 buckets.
const PER_TABLE: usize = 850;

/// See the module's documentation.
#[derive(Clone)]
pub(super) struct Index {
    tables: Vec<HashTable<u32>>,
    len: usize,
}

impl Index {
    pub(super) fn new() -> Self {
        Self { tables: alloc::vec![HashTable::new()], len: 0 }
    }

    /// The id with this hash for which `is_it` holds.
    pub(super) fn find(&self, hash: u32, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        self.tables[self.table_of(hash)].find(spread(hash), |&id| is_it(id)).copied()
    }

    /// Adds an id that is not there. `hash_of` tells the hashes of the others, should they have to move.
    pub(super) fn insert(&mut self, hash: u32, id: u32, hash_of: impl Fn(u32) -> u32) {
        let table = self.table_of(hash);
        self.tables[table].insert_unique(spread(hash), id, |&id| spread(hash_of(id)));
        self.len += 1;
        if self.len > self.tables.len() * PER_TABLE {
            self.split(hash_of);
        }
    }

    /// Removes an id that is there.
    pub(super) fn remove(&mut self, hash: u32, id: u32) {
        let table = self.table_of(hash);
        let entry = self.tables[table].find_entry(spread(hash), |&other| other == id);
        entry.expect("every znode is in the index").remove();
        self.len -= 1;
    }

    /// With 2^k + s tables, the first s tables have been split and look at one more bit of the hash.
    fn table_of(&self, hash: u32) -> usize {
        let half = 1 << self.tables.len().ilog2();
        let wide = hash as usize & (2 * half - 1);
        if wide < self.tables.len() { wide } else { wide & (half - 1) }
    }

    /// Splits the next table in turn.
    fn split(&mut self, hash_of: impl Fn(u32) -> u32) {
        let half = 1 << self.tables.len().ilog2();
        let from = self.tables.len() - half;
        let old = mem::take(&mut self.tables[from]);
        self.tables.push(HashTable::new());
        let moving = old.iter().filter(|&&id| self.table_of(hash_of(id)) != from).count();
        self.tables[from].reserve(old.len() - moving, |_| unreachable!("an empty table has nothing to move"));
        self.tables[from + half].reserve(moving, |_| unreachable!("an empty table has nothing to move"));
        for id in old {
            let hash = hash_of(id);
            let table = self.table_of(hash);
            self.tables[table].insert_unique(spread(hash), id, |&id| spread(hash_of(id)));
        }
    }
}

/// hashbrown wants good bits at both ends of 64, also for entries of one table, which share the low bits of
/// their hashes.
fn spread(hash: u32) -> u64 {
    let product = u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    product ^ (product >> 32)
}
