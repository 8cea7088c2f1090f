//! The property NoOffence.

use super::invariant::property;
use super::scene::Scene;

property! {
    /// That is a packet outside its phase, a proposal after a gap, a commit out of order.
    NO_OFFENCE = "NoOffence":
        "Among Quorate servers none ever sends what the receiver must refuse.",
    source: "Zab.tla ShouldNotBeTriggered; ZOOKEEPER-4394, 4925",
    over scenes: holds
}

pub(crate) fn holds<S: Scene>(scene: &S) -> bool {
    !scene.ghost().broken.offence
}
