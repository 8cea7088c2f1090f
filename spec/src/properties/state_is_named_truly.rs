//! The property StateIsNamedTruly.

use super::invariant::property;
use super::scene::Scene;

property! {
    /// That name tells a later leader that the state is a history which a quorum had. Before, a state is
    /// named after its last transaction.
    STATE_IS_NAMED_TRULY = "StateIsNamedTruly":
        "Only an established leader sends a state under the start of its epoch.",
    source: "LearnerHandler.syncFollower, isPeerNewEpochZxid",
    over scenes: holds
}

pub(crate) fn holds<S: Scene>(scene: &S) -> bool {
    !scene.ghost().broken.premature_name
}
