//! The property SyncFlushes.

use super::invariant::property;
use super::scene::Scene;

property! {
    /// That is everything that any server has delivered, as long as the leader has not been replaced without
    /// knowing it: a sync asks no quorum.
    SYNC_FLUSHES = "SyncFlushes":
        "A sync is answered once its server has applied all that its leader had proposed when it was asked.",
    source: "Leader.processSync, LearnerHandler; the programmer's guide on sync",
    over scenes: holds
}

pub(crate) fn holds<S: Scene>(scene: &S) -> bool {
    !scene.ghost().broken.sync_overtaken
}
