//! ObserverEndsNoReign: An observer that has promised a later epoch ends no leader's reign.

use super::invariant::Invariant;
use super::scene::{Scene, Searched};

/// An observer that has promised a later epoch ends no leader's reign, however long that has lasted: what an
/// observer promises decides nothing.
///
/// Source: DSN'11 §IV counts the promises of a quorum; Learner.registerWithLeader.
pub(super) const OBSERVER_ENDS_NO_REIGN: Invariant = Invariant {
    name: "ObserverEndsNoReign",
    claim: "An observer that has promised a later epoch ends no leader's reign.",
    source: "DSN'11 §IV, where the promises of a quorum count; Learner.registerWithLeader",
    holds: |model, world| holds(&Searched(&model.init, world)),
};

pub(super) fn holds<S: Scene>(scene: &S) -> bool {
    !scene.ghost().broken.observer_deposed
}
