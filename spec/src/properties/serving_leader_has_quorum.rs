//! The property ServingLeaderHasQuorum.

use super::invariant::property;
use super::scene::Scene;

property! {
    SERVING_LEADER_HAS_QUORUM = "ServingLeaderHasQuorum":
        "A leader that serves is connected to a quorum that has its history.",
    source: "recovery rule 1: step down without a quorum",
    over scenes: holds
}

pub(crate) fn holds<S: Scene>(scene: &S) -> bool {
    (0..scene.servers()).all(|i| {
        if scene.established(i).is_none() {
            return true;
        }
        let learners = scene.learners(i);
        scene.is_quorum(&|j| j == i || learners.iter().any(|(k, l)| *k == j && l.voter && l.in_service))
    })
}
