//! Leadership: An epoch has at most one established leader.

use super::Invariant;
use crate::models::Ensemble;
use crate::world::World;

/// An epoch has at most one established leader: over the whole run for the newest established epoch,
/// among those that lead at the same time for an older one.
///
/// Source: DSN'11 §IV; Zab.tla Leadership1.
pub(super) const LEADERSHIP: Invariant = Invariant {
    name: "Leadership",
    claim: "An epoch has at most one established leader.",
    source: "DSN'11 §IV; Zab.tla Leadership1",
    holds,
};

fn holds(_: &Ensemble, world: &World) -> bool {
    let mut reigns: Vec<u32> = world.peers().filter_map(|(_, peer)| peer.established_epoch()).collect();
    reigns.sort_unstable();
    !world.ghost().broken.leadership && reigns.windows(2).all(|pair| pair[0] != pair[1])
}
