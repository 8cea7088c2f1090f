//! The property DiffWithinLimit.

use super::invariant::property;
use super::scene::Scene;

property! {
    DIFF_WITHIN_LIMIT = "DiffWithinLimit":
        "No learner is sent more committed transactions one by one than its leader's limit.",
    source: "snapshotSizeFactor of ZooKeeper",
    over scenes: holds
}

pub(crate) fn holds<S: Scene>(scene: &S) -> bool {
    !scene.ghost().broken.oversized_diff
}
