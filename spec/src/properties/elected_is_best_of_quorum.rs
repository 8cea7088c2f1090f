//! The property ElectedIsBestOfQuorum.

use super::invariant::property;
use crate::models::ensemble::Ensemble;
use crate::world::World;

property! {
    ELECTED_IS_BEST_OF_QUORUM = "ElectedIsBestOfQuorum":
        "A server that decided has a leader whose own vote no voter of some quorum beats.",
    source: "FastLeaderElection; not: best of its followers, which is false (ZOOKEEPER-3109)",
    over worlds: holds
}

fn holds(_: &Ensemble, world: &World) -> bool {
    // `None` for a server that never came to be: no server decides with its help.
    let key = |i: i64| {
        let disk = &world.servers().nth((i - 1) as usize)?.disk.durable;
        Some((disk.current_epoch, disk.last(), i))
    };
    world.peers().all(|(_, peer)| {
        let Some(leader) = peer.status().leader else { return true };
        peer.membership().is_quorum(|id| key(id.0).is_some() && key(id.0) <= key(leader.0))
    })
}
