//! DiffWithinLimit: No learner is sent more committed transactions one by one than its leader's limit.

use super::invariant::Invariant;
use super::scene::{Scene, Searched};

/// No learner is sent more committed transactions one by one than its leader's limit.
///
/// Source: `snapshotSizeFactor` of ZooKeeper; a DIFF must not be longer than the state is big.
pub(super) const DIFF_WITHIN_LIMIT: Invariant = Invariant {
    name: "DiffWithinLimit",
    claim: "No learner is sent more committed transactions one by one than its leader's limit.",
    source: "snapshotSizeFactor of ZooKeeper",
    holds: |model, world| holds(&Searched(&model.init, world)),
};

pub(super) fn holds<S: Scene>(scene: &S) -> bool {
    !scene.ghost().broken.oversized_diff
}
