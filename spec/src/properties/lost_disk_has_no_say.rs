//! The property LostDiskHasNoSay.

use super::invariant::property;
use super::scene::Scene;

property! {
    /// What it had acknowledged may have been committed, what it had promised may have counted.
    LOST_DISK_HAS_NO_SAY = "LostDiskHasNoSay":
        "A server that may have lost its disk casts no vote and promises nothing until a leader has given it \
         a history.",
    source: "recovery rule 2 where a disk does not come back; db.autocreate=false and the initialize file",
    over scenes: holds
}

pub(crate) fn holds<S: Scene>(scene: &S) -> bool {
    !scene.ghost().broken.lost_disk_spoke
}
