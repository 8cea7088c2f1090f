//! DiscardedStaysDead: A proposal that an established epoch does not contain is never delivered.

use super::Invariant;
use crate::models::Ensemble;
use crate::world::World;

/// A proposal that an established epoch does not contain is never delivered.
///
/// Source: recovery rule 3: discarded never comes back.
pub(super) const DISCARDED_STAYS_DEAD: Invariant = Invariant {
    name: "DiscardedStaysDead",
    claim: "A proposal that an established epoch does not contain is never delivered.",
    source: "recovery rule 3: discarded never comes back",
    holds,
};

fn holds(_: &Ensemble, world: &World) -> bool {
    let ghost = world.ghost();
    ghost.delivered.iter().all(|(zxid, _)| !ghost.discarded.contains(zxid))
}
