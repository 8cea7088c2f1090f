//! The property CommittedSurvives.

use super::invariant::property;
use super::scene::Scene;

property! {
    COMMITTED_SURVIVES = "CommittedSurvives":
        "What any server has delivered is on the disks of a quorum, and in the history of the newest \
         established leader.",
    source: "recovery rule 2: committed is never lost; DSN'11 §IV",
    over scenes: holds
}

pub(crate) fn holds<S: Scene>(scene: &S) -> bool {
    let newest = scene.ghost().newest.map(|(epoch, _)| epoch);
    let leader_has = (0..scene.servers()).all(|i| {
        let epoch = scene.established(i);
        epoch.is_none() || epoch != newest || scene.applied_has_delivered(i)
    });
    leader_has && scene.is_quorum(&|i| scene.disk_has_delivered(i))
}
