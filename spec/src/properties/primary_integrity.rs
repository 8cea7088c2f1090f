//! PrimaryIntegrity: A primary has delivered everything of earlier epochs that is ever delivered before it
//! proposes.

use super::invariant::Invariant;
use super::scene::{Scene, Searched};

/// A primary has delivered everything of earlier epochs that is ever delivered before it proposes.
///
/// Source: DSN'11 §III (Global primary order, Primary integrity).
pub(super) const PRIMARY_INTEGRITY: Invariant = Invariant {
    name: "PrimaryIntegrity",
    claim: "A primary has delivered everything of earlier epochs that is ever delivered before it proposes.",
    source: "DSN'11 §III (Global primary order, Primary integrity)",
    holds: |model, world| holds(&Searched(&model.init, world)),
};

pub(super) fn holds<S: Scene>(scene: &S) -> bool {
    !scene.ghost().broken.primary_integrity
}
