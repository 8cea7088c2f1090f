//! Leadership: An epoch has at most one established leader.

use super::Invariant;
use crate::models::Ensemble;
use crate::world::World;

/// An epoch has at most one established leader.
///
/// Source: DSN'11 §IV; Zab.tla Leadership1.
pub(super) const LEADERSHIP: Invariant = Invariant {
    name: "Leadership",
    claim: "An epoch has at most one established leader.",
    source: "DSN'11 §IV; Zab.tla Leadership1",
    holds,
};

fn holds(_: &Ensemble, world: &World) -> bool {
    !world.ghost().broken.leadership
}
