//! MemoryMatchesDisk: A running server has in memory exactly what its disk will hold once it has caught up.

use super::invariant::Invariant;
use super::scene::{Scene, Searched};

/// A running server has in memory exactly what its disk will hold once it has caught up.
///
/// Source: ZOOKEEPER-2845, 5094.
pub(super) const MEMORY_MATCHES_DISK: Invariant = Invariant {
    name: "MemoryMatchesDisk",
    claim: "A running server has in memory exactly what its disk will hold once it has caught up.",
    source: "ZOOKEEPER-2845, 5094",
    holds: |model, world| holds(&Searched(&model.init, world)),
};

pub(super) fn holds<S: Scene>(scene: &S) -> bool {
    (0..scene.servers()).all(|i| scene.memory_matches_disk(i))
}
