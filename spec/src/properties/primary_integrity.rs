//! PrimaryIntegrity: A primary has delivered everything of earlier epochs that is ever delivered before it proposes.

use super::Invariant;
use crate::models::Ensemble;
use crate::world::World;

/// A primary has delivered everything of earlier epochs that is ever delivered before it proposes.
///
/// Source: DSN'11 §III (Global primary order, Primary integrity).
pub(super) const PRIMARY_INTEGRITY: Invariant = Invariant {
    name: "PrimaryIntegrity",
    claim: "A primary has delivered everything of earlier epochs that is ever delivered before it proposes.",
    source: "DSN'11 §III (Global primary order, Primary integrity)",
    holds,
};

fn holds(_: &Ensemble, world: &World) -> bool {
    !world.ghost().broken.primary_integrity
}
