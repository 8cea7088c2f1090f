//! PrefixConsistency: Of any two delivered sequences one is a prefix of the other.

use super::invariant::Invariant;
use super::scene::{Scene, Searched};

/// Of any two delivered sequences one is a prefix of the other.
///
/// Source: DSN'11 §II (Total order, Agreement); Zab.tla PrefixConsistency.
pub(super) const PREFIX_CONSISTENCY: Invariant = Invariant {
    name: "PrefixConsistency",
    claim: "Of any two delivered sequences one is a prefix of the other.",
    source: "DSN'11 §II (Total order, Agreement); Zab.tla PrefixConsistency",
    holds: |model, world| holds(&Searched(&model.init, world)),
};

pub(super) fn holds<S: Scene>(scene: &S) -> bool {
    !scene.ghost().broken.prefix
}
