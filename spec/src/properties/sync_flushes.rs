//! SyncFlushes: A sync is answered once its server has applied all that its leader had proposed when it was
//! asked.

use super::invariant::Invariant;
use super::scene::{Scene, Searched};

/// A sync is answered once its server has applied all that its leader had proposed when it was asked.
///
/// That is everything that anybody has delivered, as long as that leader has not been replaced without
/// knowing it: a sync asks no quorum.
///
/// Source: `Leader.processSync`, `LearnerHandler`; the programmer's guide on `sync`.
pub(super) const SYNC_FLUSHES: Invariant = Invariant {
    name: "SyncFlushes",
    claim: "A sync is answered once its server has applied all that its leader had proposed when it was asked.",
    source: "Leader.processSync, LearnerHandler; the programmer's guide on sync",
    holds: |model, world| holds(&Searched(&model.init, world)),
};

pub(super) fn holds<S: Scene>(scene: &S) -> bool {
    !scene.ghost().broken.sync_overtaken
}
