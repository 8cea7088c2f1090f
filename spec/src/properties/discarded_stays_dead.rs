//! DiscardedStaysDead: A proposal that an established epoch does not contain is never delivered.

use super::invariant::Invariant;
use super::scene::{Scene, Searched};

/// A proposal that an established epoch does not contain is never delivered.
///
/// Source: recovery rule 3: discarded never comes back.
pub(super) const DISCARDED_STAYS_DEAD: Invariant = Invariant {
    name: "DiscardedStaysDead",
    claim: "A proposal that an established epoch does not contain is never delivered.",
    source: "recovery rule 3: discarded never comes back",
    holds: |model, world| holds(&Searched(&model.init, world)),
};

pub(super) fn holds<S: Scene>(scene: &S) -> bool {
    let ghost = scene.ghost();
    let unjudged = &ghost.delivered[scene.judged()..];
    ghost.discarded.is_empty() || unjudged.iter().all(|(zxid, _)| !ghost.discarded.contains(zxid))
}
