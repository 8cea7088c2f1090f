//! MemoryMatchesDisk: A running server has in memory exactly what its disk will hold once it has caught up.

use super::Invariant;
use crate::models::Ensemble;
use crate::world::World;

/// A running server has in memory exactly what its disk will hold once it has caught up.
///
/// Source: ZOOKEEPER-2845, 5094.
pub(super) const MEMORY_MATCHES_DISK: Invariant = Invariant {
    name: "MemoryMatchesDisk",
    claim: "A running server has in memory exactly what its disk will hold once it has caught up.",
    source: "ZOOKEEPER-2845, 5094",
    holds,
};

fn holds(_: &Ensemble, world: &World) -> bool {
    world.servers().all(|server| {
        let Some(peer) = &server.peer else { return true };
        let mut disk = server.disk.clone();
        for _ in 0..disk.pending.len() {
            disk.sync();
        }
        let status = peer.status();
        let applied = peer.service().applied().iter().copied();
        let tail = peer.history().after(peer.history().applied()).copied();
        let epochs = (status.accepted_epoch, status.current_epoch);
        (disk.durable.accepted_epoch, disk.durable.current_epoch) == epochs
            && disk.durable.history().into_iter().eq(applied.chain(tail))
    })
}
