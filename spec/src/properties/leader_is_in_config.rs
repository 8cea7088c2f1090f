//! LeaderIsInConfig: Nobody follows a server that is no voter of its own configuration.

use super::Invariant;
use crate::models::Ensemble;
use crate::world::World;

/// Nobody follows a server that is no voter of its own configuration.
///
/// Source: ZOOKEEPER-2988.
pub(super) const LEADER_IS_IN_CONFIG: Invariant = Invariant {
    name: "LeaderIsInConfig",
    claim: "Nobody follows a server that is no voter of its own configuration.",
    source: "ZOOKEEPER-2988",
    holds,
};

fn holds(_: &Ensemble, world: &World) -> bool {
    world.peers().all(|(_, peer)| peer.status().leader.is_none_or(|leader| peer.config().is_voter(leader)))
}
