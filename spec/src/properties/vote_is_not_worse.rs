//! VoteIsNotWorse: Nobody votes for a server with less than it has itself.

use super::invariant::Invariant;
use super::scene::{Scene, Searched};

/// Nobody who looks for a leader votes for a server with less than it has itself, by epoch, then zxid,
/// then server id. Whoever a quorum votes for is then the best of that quorum, as long as nobody's history
/// has changed since: which is why this can be said of any run, and ElectedIsBestOfQuorum of elections
/// only.
///
/// Source: `FastLeaderElection.totalOrderPredicate`.
pub(super) const VOTE_IS_NOT_WORSE: Invariant = Invariant {
    name: "VoteIsNotWorse",
    claim: "Nobody votes for a server with less than it has itself.",
    source: "FastLeaderElection.totalOrderPredicate",
    holds: |model, world| holds(&Searched(&model.init, world)),
};

pub(super) fn holds<S: Scene>(scene: &S) -> bool {
    !scene.ghost().broken.worse_vote
}
