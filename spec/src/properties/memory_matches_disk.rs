//! The property MemoryMatchesDisk.

use super::invariant::property;
use super::scene::Scene;

property! {
    MEMORY_MATCHES_DISK = "MemoryMatchesDisk":
        "A running server has in memory exactly what its disk will hold once it has caught up.",
    source: "ZOOKEEPER-2845, 5094",
    over scenes: holds
}

pub(crate) fn holds<S: Scene>(scene: &S) -> bool {
    (0..scene.servers()).all(|i| scene.memory_matches_disk(i))
}
