//! Integrity: Only what a primary proposed, or a disk held from the start, is delivered.

use quorate_core::ids::Zxid;

use super::Invariant;
use crate::byte::Byte;
use crate::models::Ensemble;
use crate::world::World;

/// Only what a primary proposed, or a disk held from the start, is delivered.
///
/// Source: DSN'11 §II.
pub(super) const INTEGRITY: Invariant = Invariant {
    name: "Integrity",
    claim: "Only what a primary proposed, or a disk held from the start, is delivered.",
    source: "DSN'11 §II",
    holds,
};

fn holds(model: &Ensemble, world: &World) -> bool {
    let ghost = world.ghost();
    // Proposals are sorted by zxid.
    let proposed = |txn: &(Zxid, Byte)| ghost.proposed.binary_search_by_key(&txn.0, |(z, _)| *z);
    let from_primary = |txn: &(Zxid, Byte)| proposed(txn).is_ok_and(|k| ghost.proposed[k] == *txn);
    ghost.delivered.iter().all(|txn| from_primary(txn) || model.preloaded(*txn))
}
