//! The property ObserverEndsNoReign.

use super::invariant::property;
use super::scene::Scene;

property! {
    /// However long a leader has led: what an observer promises decides nothing.
    OBSERVER_ENDS_NO_REIGN = "ObserverEndsNoReign":
        "An observer that has promised a later epoch ends no leader's reign.",
    source: "DSN'11 §IV, where the promises of a quorum count; Learner.registerWithLeader",
    over scenes: holds
}

pub(crate) fn holds<S: Scene>(scene: &S) -> bool {
    !scene.ghost().broken.observer_deposed
}
