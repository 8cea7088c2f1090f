//! EpochsMonotone: acceptedEpoch and currentEpoch on a disk never go back, and currentEpoch is not ahead.

use super::Invariant;
use crate::models::Ensemble;
use crate::world::World;

/// acceptedEpoch and currentEpoch on a disk never go back, and currentEpoch is not ahead.
///
/// Source: DSN'11 §IV (f.p, f.a).
pub(super) const EPOCHS_MONOTONE: Invariant = Invariant {
    name: "EpochsMonotone",
    claim: "acceptedEpoch and currentEpoch on a disk never go back, and currentEpoch is not ahead.",
    source: "DSN'11 §IV (f.p, f.a)",
    holds,
};

fn holds(_: &Ensemble, world: &World) -> bool {
    let ordered = |d: &crate::world::Durable| d.current_epoch <= d.accepted_epoch;
    !world.ghost().broken.epoch_monotone && world.servers().all(|s| ordered(&s.disk.durable))
}
