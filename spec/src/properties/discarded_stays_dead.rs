//! The property DiscardedStaysDead.

use super::invariant::property;
use super::scene::Scene;

property! {
    DISCARDED_STAYS_DEAD = "DiscardedStaysDead":
        "A proposal that an established epoch does not contain is never delivered.",
    source: "recovery rule 3: discarded never comes back",
    over scenes: holds
}

pub(crate) fn holds<S: Scene>(scene: &S) -> bool {
    let ghost = scene.ghost();
    let unjudged = &ghost.delivered[scene.judged()..];
    ghost.discarded.is_empty() || unjudged.iter().all(|(zxid, _)| !ghost.discarded.contains(zxid))
}
