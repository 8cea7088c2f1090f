//! PrefixConsistency: Of any two delivered sequences one is a prefix of the other.

use super::Invariant;
use crate::models::Ensemble;
use crate::world::World;

/// Of any two delivered sequences one is a prefix of the other.
///
/// Source: DSN'11 §II (Total order, Agreement); Zab.tla PrefixConsistency.
pub(super) const PREFIX_CONSISTENCY: Invariant = Invariant {
    name: "PrefixConsistency",
    claim: "Of any two delivered sequences one is a prefix of the other.",
    source: "DSN'11 §II (Total order, Agreement); Zab.tla PrefixConsistency",
    holds,
};

fn holds(_: &Ensemble, world: &World) -> bool {
    !world.ghost().broken.prefix
}
