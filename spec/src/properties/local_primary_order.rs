//! LocalPrimaryOrder: What one primary proposed is delivered in the order it was proposed, without holes.

use super::invariant::Invariant;
use super::scene::{Scene, Searched};

/// What one primary proposed is delivered in the order it was proposed, without holes.
///
/// Source: DSN'11 §III, stated so that it can fail.
pub(super) const LOCAL_PRIMARY_ORDER: Invariant = Invariant {
    name: "LocalPrimaryOrder",
    claim: "What one primary proposed is delivered in the order it was proposed, without holes.",
    source: "DSN'11 §III, stated so that it can fail",
    holds: |model, world| holds(&Searched(&model.init, world)),
};

pub(super) fn holds<S: Scene>(scene: &S) -> bool {
    let delivered = &scene.ghost().delivered;
    let follows = |next: usize| {
        let before = next.checked_sub(1).map_or(scene.floor(), |before| delivered[before].0);
        before.may_be_followed_by(delivered[next].0)
    };
    (scene.judged()..delivered.len()).all(follows)
}
