//! The property PrefixConsistency.

use super::invariant::property;
use super::scene::Scene;

property! {
    PREFIX_CONSISTENCY = "PrefixConsistency":
        "Of any two delivered sequences one is a prefix of the other.",
    source: "DSN'11 §II (Total order, Agreement); Zab.tla PrefixConsistency",
    over scenes: holds
}

pub(crate) fn holds<S: Scene>(scene: &S) -> bool {
    !scene.ghost().broken.prefix
}
