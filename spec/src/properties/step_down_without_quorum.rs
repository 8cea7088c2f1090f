//! The property StepDownWithoutQuorum.

use super::invariant::property;
use super::scene::Scene;

property! {
    /// With a syncLimit of 1, that is after the second alarm.
    STEP_DOWN_WITHOUT_QUORUM = "StepDownWithoutQuorum":
        "A leader of which no quorum was heard for more than syncLimit checks no longer leads.",
    source: "recovery rule 1: step down without a quorum; Leader.lead",
    over scenes: holds
}

pub(crate) fn holds<S: Scene>(scene: &S) -> bool {
    !scene.ghost().broken.leads_unheard
}
