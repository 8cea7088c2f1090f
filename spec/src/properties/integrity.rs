//! Integrity: Only what a primary proposed, or a disk held from the start, is delivered.

use super::Invariant;
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
    ghost.delivered.iter().all(|txn| ghost.proposed.contains(txn) || model.preloaded(*txn))
}
