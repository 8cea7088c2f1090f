//! EpochsMonotone: acceptedEpoch and currentEpoch on a disk never go back, and currentEpoch is not ahead.

use super::invariant::Invariant;
use super::scene::{Scene, Searched};

/// acceptedEpoch and currentEpoch on a disk never go back, and currentEpoch is not ahead.
///
/// Source: DSN'11 §IV (f.p, f.a).
pub(super) const EPOCHS_MONOTONE: Invariant = Invariant {
    name: "EpochsMonotone",
    claim: "acceptedEpoch and currentEpoch on a disk never go back, and currentEpoch is not ahead.",
    source: "DSN'11 §IV (f.p, f.a)",
    holds: |model, world| holds(&Searched(&model.init, world)),
};

pub(super) fn holds<S: Scene>(scene: &S) -> bool {
    let ordered = |(accepted, current)| current <= accepted;
    !scene.ghost().broken.epoch_monotone && (0..scene.servers()).all(|i| ordered(scene.epochs_on_disk(i)))
}
