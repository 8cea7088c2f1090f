//! ServingLeaderHasQuorum: A leader that serves is connected to a quorum that has its history.

use super::Invariant;
use crate::models::Ensemble;
use crate::world::World;

/// A leader that serves is connected to a quorum that has its history.
///
/// Source: recovery rule 1: step down without a quorum.
pub(super) const SERVING_LEADER_HAS_QUORUM: Invariant = Invariant {
    name: "ServingLeaderHasQuorum",
    claim: "A leader that serves is connected to a quorum that has its history.",
    source: "recovery rule 1: step down without a quorum",
    holds,
};

fn holds(_: &Ensemble, world: &World) -> bool {
    world.peers().all(|(_, peer)| {
        let with_it = |id| {
            let learners = peer.status().learners;
            id == peer.config().id || learners.iter().any(|l| l.id == id && l.voter && l.in_service)
        };
        peer.established_epoch().is_none() || peer.config().is_quorum(with_it)
    })
}
