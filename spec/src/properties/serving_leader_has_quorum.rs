//! ServingLeaderHasQuorum: A leader that serves is connected to a quorum that has its history.

use super::invariant::Invariant;
use super::scene::{Scene, Searched};

/// A leader that serves is connected to a quorum that has its history.
///
/// Source: recovery rule 1: step down without a quorum.
pub(super) const SERVING_LEADER_HAS_QUORUM: Invariant = Invariant {
    name: "ServingLeaderHasQuorum",
    claim: "A leader that serves is connected to a quorum that has its history.",
    source: "recovery rule 1: step down without a quorum",
    holds: |model, world| holds(&Searched(&model.init, world)),
};

pub(super) fn holds<S: Scene>(scene: &S) -> bool {
    (0..scene.servers()).all(|i| {
        if scene.established(i).is_none() {
            return true;
        }
        let learners = scene.learners(i);
        scene.is_quorum(&|j| j == i || learners.iter().any(|(k, l)| *k == j && l.voter && l.in_service))
    })
}
