//! The property OnlyAskersAreAnswered.

use super::invariant::property;
use super::scene::Scene;

property! {
    /// Otherwise an observer that has a leader and a voter that looks for one answer each other without end.
    ONLY_ASKERS_ARE_ANSWERED = "OnlyAskersAreAnswered":
        "A notification of a server that has a leader is not answered.",
    source: "FastLeaderElection.WorkerReceiver, which answers whatever a server without a vote says",
    over scenes: holds
}

pub(crate) fn holds<S: Scene>(scene: &S) -> bool {
    !scene.ghost().broken.needless_answer
}
