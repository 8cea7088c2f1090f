//! The property PrimaryIntegrity.

use super::invariant::property;
use super::scene::Scene;

property! {
    PRIMARY_INTEGRITY = "PrimaryIntegrity":
        "A primary has delivered everything of earlier epochs that is ever delivered before it proposes.",
    source: "DSN'11 §III (Global primary order, Primary integrity)",
    over scenes: holds
}

pub(crate) fn holds<S: Scene>(scene: &S) -> bool {
    !scene.ghost().broken.primary_integrity
}
