//! CommittedSurvives: What any server has delivered is on the disks of a quorum, and in the history of the newest established leader.

use super::Invariant;
use crate::models::Ensemble;
use crate::world::World;

/// What any server has delivered is on the disks of a quorum, and in the history of the newest established leader.
///
/// Source: recovery rule 2: committed is never lost; DSN'11 §IV.
pub(super) const COMMITTED_SURVIVES: Invariant = Invariant {
    name: "CommittedSurvives",
    claim: "What any server has delivered is on the disks of a quorum, and in the history of the newest established leader.",
    source: "recovery rule 2: committed is never lost; DSN'11 §IV",
    holds,
};

fn holds(_: &Ensemble, world: &World) -> bool {
    let delivered = &world.ghost().delivered;
    let disks: Vec<_> = world.servers().map(|server| server.disk.durable.history()).collect();
    let on_disk = |i: i64| disks[(i - 1) as usize].starts_with(delivered);
    let newest = world.ghost().newest.map(|(epoch, _)| epoch);
    let leader_has = world.peers().all(|(_, peer)| {
        let epoch = peer.established_epoch();
        epoch.is_none() || epoch != newest || peer.service().applied().starts_with(delivered)
    });
    leader_has && world.config(0).is_quorum(|id| on_disk(id.0))
}
