//! The property LocalPrimaryOrder.

use super::invariant::property;
use super::scene::Scene;

property! {
    LOCAL_PRIMARY_ORDER = "LocalPrimaryOrder":
        "What one primary proposed is delivered in the order it was proposed, without holes.",
    source: "DSN'11 §III, stated so that it can fail",
    over scenes: holds
}

pub(crate) fn holds<S: Scene>(scene: &S) -> bool {
    let delivered = &scene.ghost().delivered;
    let follows = |next: usize| {
        let before = next.checked_sub(1).map_or(scene.floor(), |before| delivered[before].0);
        before.may_be_followed_by(delivered[next].0)
    };
    (scene.judged()..delivered.len()).all(follows)
}
