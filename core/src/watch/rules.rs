//! The rules of watches as pure functions: which ones fire, and which ones stay (`WatchManager`).
//!
//! Rules are broken on purpose here, and nowhere in the tables themselves (see `mutation.rs`).

use super::table::{Mode, Modes, WatchTable};
use crate::ids::ConnId;
use crate::mutation::mutated;

/// The modes that are used up when a watch fires: a standard watch fires once, the others stay.
#[inline]
pub(super) fn used_up(table: &WatchTable) -> Modes {
    if mutated!(table, OneShotStays) {
        return Modes::default();
    }
    let standard = Modes::only(Mode::Standard);
    if mutated!(table, PersistentFiresOnce) { standard.or(Modes::only(Mode::Persistent)) } else { standard }
}

/// Always in a shipped build: a persistent recursive watch sees what happens below its path.
#[inline]
pub(super) fn recursive_sees_below(table: &WatchTable) -> bool {
    !mutated!(table, RecursiveNotBelow)
}

/// Whether a connection that watches a znode's children is told that it was deleted: unless it was `told`
/// because it watches the data.
#[inline]
pub(super) fn is_told_of_deletion(table: &WatchTable, told: &[ConnId], conn: ConnId) -> bool {
    told.binary_search(&conn).is_err() || mutated!(table, DeletionToldTwice)
}
