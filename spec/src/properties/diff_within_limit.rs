//! DiffWithinLimit: No learner is sent more committed transactions one by one than its leader's limit.

use super::Invariant;
use crate::models::Ensemble;
use crate::world::World;

/// No learner is sent more committed transactions one by one than its leader's limit.
///
/// Source: `snapshotSizeFactor` of ZooKeeper; a DIFF must not be longer than the state is big.
pub(super) const DIFF_WITHIN_LIMIT: Invariant = Invariant {
    name: "DiffWithinLimit",
    claim: "No learner is sent more committed transactions one by one than its leader's limit.",
    source: "snapshotSizeFactor of ZooKeeper",
    holds,
};

fn holds(_: &Ensemble, world: &World) -> bool {
    !world.ghost().broken.oversized_diff
}
