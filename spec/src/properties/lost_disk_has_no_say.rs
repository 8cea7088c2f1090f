//! LostDiskHasNoSay: A server that may have lost its disk votes for nobody and promises nothing until a
//! leader has given it a history.

use super::invariant::Invariant;
use super::scene::{Scene, Searched};

/// A server that may have lost its disk votes for nobody and promises nothing until a leader has given it a
/// history: what it had acknowledged may have been committed, what it had promised may have counted.
///
/// Source: recovery rule 2 where a disk does not come back; `db.autocreate=false` and the `initialize` file.
pub(super) const LOST_DISK_HAS_NO_SAY: Invariant = Invariant {
    name: "LostDiskHasNoSay",
    claim: "A server that may have lost its disk votes for nobody and promises nothing until a leader has given it a history.",
    source: "recovery rule 2 where a disk does not come back; db.autocreate=false and the initialize file",
    holds: |model, world| holds(&Searched(&model.init, world)),
};

pub(super) fn holds<S: Scene>(scene: &S) -> bool {
    !scene.ghost().broken.lost_disk_spoke
}
