//! Leadership: An epoch has at most one established leader.

use super::invariant::Invariant;
use super::scene::{Scene, Searched};

/// An epoch has at most one established leader: over the whole run for the newest established epoch,
/// among those that lead at the same time for an older one.
///
/// Source: DSN'11 §IV; Zab.tla Leadership1.
pub(super) const LEADERSHIP: Invariant = Invariant {
    name: "Leadership",
    claim: "An epoch has at most one established leader.",
    source: "DSN'11 §IV; Zab.tla Leadership1",
    holds: |model, world| holds(&Searched(&model.init, world)),
};

pub(super) fn holds<S: Scene>(scene: &S) -> bool {
    let mut reigns: Vec<u32> = (0..scene.servers()).filter_map(|i| scene.established(i)).collect();
    reigns.sort_unstable();
    !scene.ghost().broken.leadership && reigns.windows(2).all(|pair| pair[0] != pair[1])
}
