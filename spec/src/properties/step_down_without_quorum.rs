//! StepDownWithoutQuorum: A leader of which no quorum was heard for more than syncLimit checks no longer
//! leads.

use super::invariant::Invariant;
use super::scene::{Scene, Searched};

/// A leader of which no quorum was heard for more than syncLimit checks no longer leads: with a syncLimit of
/// 1, after the second alarm.
///
/// Source: recovery rule 1: step down without a quorum; `Leader.lead`.
pub(super) const STEP_DOWN_WITHOUT_QUORUM: Invariant = Invariant {
    name: "StepDownWithoutQuorum",
    claim: "A leader of which no quorum was heard for more than syncLimit checks no longer leads.",
    source: "recovery rule 1: step down without a quorum; Leader.lead",
    holds: |model, world| holds(&Searched(&model.init, world)),
};

pub(super) fn holds<S: Scene>(scene: &S) -> bool {
    !scene.ghost().broken.leads_unheard
}
