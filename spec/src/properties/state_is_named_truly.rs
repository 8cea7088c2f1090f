//! StateIsNamedTruly: Only an established leader sends a state under the start of its epoch.

use super::invariant::Invariant;
use super::scene::{Scene, Searched};

/// Only an established leader sends a state under the start of its epoch: that name tells a later leader that
/// the state is a history which a quorum had. Before, a state is named after its last transaction.
///
/// Source: LearnerHandler.syncFollower, which takes such a learner for one that was established with.
pub(super) const STATE_IS_NAMED_TRULY: Invariant = Invariant {
    name: "StateIsNamedTruly",
    claim: "Only an established leader sends a state under the start of its epoch.",
    source: "LearnerHandler.syncFollower, isPeerNewEpochZxid",
    holds: |model, world| holds(&Searched(&model.init, world)),
};

pub(super) fn holds<S: Scene>(scene: &S) -> bool {
    !scene.ghost().broken.premature_name
}
