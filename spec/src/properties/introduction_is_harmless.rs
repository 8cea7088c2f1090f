//! The property IntroductionIsHarmless.

use super::invariant::property;
use super::scene::Scene;

property! {
    /// FOLLOWERINFO proves nothing. The limit is [`EPOCH_LEAP`](quorate_core::ids::EPOCH_LEAP).
    INTRODUCTION_IS_HARMLESS = "IntroductionIsHarmless":
        "A process that introduces itself takes no living connection, ends no reign shorter than initLimit, \
         and moves the epoch by no more than EPOCH_LEAP.",
    source: "the quorum port without authentication; Learner.registerWithLeader",
    over scenes: holds
}

pub(crate) fn holds<S: Scene>(scene: &S) -> bool {
    !scene.ghost().broken.harmful_introduction
}
