//! The property Integrity.

use quorate_core::ids::Zxid;

use super::invariant::property;
use super::scene::Scene;

property! {
    INTEGRITY = "Integrity":
        "Only what a primary proposed, or a disk held from the start, is delivered.",
    source: "DSN'11 §II",
    over scenes: holds
}

pub(crate) fn holds<S: Scene>(scene: &S) -> bool {
    let ghost = scene.ghost();
    // Proposals are sorted by zxid.
    let proposed = |txn: &(Zxid, S::Txn)| ghost.proposed.binary_search_by_key(&txn.0, |(z, _)| *z);
    let from_primary = |txn: &(Zxid, S::Txn)| proposed(txn).is_ok_and(|k| ghost.proposed[k] == *txn);
    let unjudged = &ghost.delivered[scene.judged()..];
    unjudged.iter().all(|txn| from_primary(txn) || scene.preloaded(*txn))
}
