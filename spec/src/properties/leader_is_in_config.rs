//! The property LeaderIsInConfig.

use super::invariant::property;
use crate::models::ensemble::Ensemble;
use crate::world::World;

property! {
    LEADER_IS_IN_CONFIG = "LeaderIsInConfig":
        "No server follows one that is no voter of the follower's configuration, or that has weight 0 there.",
    source: "ZOOKEEPER-2988; QuorumHierarchical, weight 0",
    over worlds: holds
}

fn holds(_: &Ensemble, world: &World) -> bool {
    world.peers().all(|(_, peer)| {
        let may = |leader| peer.membership().is_voter(leader) && peer.membership().may_lead(leader);
        peer.status().leader.is_none_or(may)
    })
}
