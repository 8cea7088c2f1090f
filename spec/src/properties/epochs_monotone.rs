//! The property EpochsMonotone.

use super::invariant::property;
use super::scene::Scene;

property! {
    EPOCHS_MONOTONE = "EpochsMonotone":
        "acceptedEpoch and currentEpoch on a disk never go back, and currentEpoch is not ahead.",
    source: "DSN'11 §IV (f.p, f.a)",
    over scenes: holds
}

pub(crate) fn holds<S: Scene>(scene: &S) -> bool {
    let ordered = |(accepted, current)| current <= accepted;
    !scene.ghost().broken.epoch_monotone && (0..scene.servers()).all(|i| ordered(scene.epochs_on_disk(i)))
}
