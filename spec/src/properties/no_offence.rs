//! NoOffence: Among Quorate servers nobody ever sends what the receiver must refuse.

use super::invariant::Invariant;
use super::scene::{Scene, Searched};

/// Among Quorate servers nobody ever sends what the receiver must refuse: a packet outside its
/// phase, a proposal after a gap, a commit out of order.
///
/// Source: Zab.tla ShouldNotBeTriggered; ZOOKEEPER-4394, 4925.
pub(super) const NO_OFFENCE: Invariant = Invariant {
    name: "NoOffence",
    claim: "Among Quorate servers nobody ever sends what the receiver must refuse.",
    source: "Zab.tla ShouldNotBeTriggered; ZOOKEEPER-4394, 4925",
    holds: |model, world| holds(&Searched(&model.init, world)),
};

pub(super) fn holds<S: Scene>(scene: &S) -> bool {
    !scene.ghost().broken.offence
}
