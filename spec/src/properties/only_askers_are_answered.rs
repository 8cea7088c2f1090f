//! OnlyAskersAreAnswered: A server that has a leader and does not ask is not answered.

use super::invariant::Invariant;
use super::scene::{Scene, Searched};

/// A notification of a server that has a leader is not answered. Otherwise an observer that has a leader and
/// a voter that looks for one answer each other without end.
///
/// Source: `FastLeaderElection.WorkerReceiver`, which answers whatever a server without a vote says.
pub(super) const ONLY_ASKERS_ARE_ANSWERED: Invariant = Invariant {
    name: "OnlyAskersAreAnswered",
    claim: "A notification of a server that has a leader is not answered.",
    source: "FastLeaderElection.WorkerReceiver, which answers whatever a server without a vote says",
    holds: |model, world| holds(&Searched(&model.init, world)),
};

pub(super) fn holds<S: Scene>(scene: &S) -> bool {
    !scene.ghost().broken.needless_answer
}
