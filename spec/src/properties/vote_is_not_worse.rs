//! The property VoteIsNotWorse.

use super::invariant::property;
use super::scene::Scene;

property! {
    /// That is by epoch, then zxid, then server id, while a server looks for a leader. The server that a
    /// quorum votes for is then the best of that quorum, as long as no history has changed since. So this
    /// can be said of any run, and ElectedIsBestOfQuorum of elections only.
    VOTE_IS_NOT_WORSE = "VoteIsNotWorse":
        "No server votes for one that has less than the voter has.",
    source: "FastLeaderElection.totalOrderPredicate",
    over scenes: holds
}

pub(crate) fn holds<S: Scene>(scene: &S) -> bool {
    !scene.ghost().broken.worse_vote
}
