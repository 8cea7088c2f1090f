//! IntroductionIsHarmless: Whoever introduces itself takes no living connection, ends no reign shorter than
//! initLimit, and moves the epoch by no more than EPOCH_LEAP.

use super::invariant::Invariant;
use super::scene::{Scene, Searched};

/// Whoever introduces itself takes the place of no learner that is connected and alive, ends the reign of no
/// leader that has led for less than initLimit, and moves the epoch by no more than
/// [`EPOCH_LEAP`](quorate_core::ids::EPOCH_LEAP): FOLLOWERINFO proves nothing.
///
/// Source: the quorum port without authentication; Learner.registerWithLeader.
pub(super) const INTRODUCTION_IS_HARMLESS: Invariant = Invariant {
    name: "IntroductionIsHarmless",
    claim: "Whoever introduces itself takes no living connection, ends no reign shorter than initLimit, and moves the epoch by no more than EPOCH_LEAP.",
    source: "the quorum port without authentication; Learner.registerWithLeader",
    holds: |model, world| holds(&Searched(&model.init, world)),
};

pub(super) fn holds<S: Scene>(scene: &S) -> bool {
    !scene.ghost().broken.harmful_introduction
}
