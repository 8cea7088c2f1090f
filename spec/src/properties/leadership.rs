//! The property Leadership.

use super::invariant::property;
use super::scene::Scene;

property! {
    /// Over the whole run for the newest established epoch; among those that lead at the same time for an
    /// older one.
    LEADERSHIP = "Leadership":
        "An epoch has at most one established leader.",
    source: "DSN'11 §IV; Zab.tla Leadership1",
    over scenes: holds
}

pub(crate) fn holds<S: Scene>(scene: &S) -> bool {
    let mut reigns: Vec<u32> = (0..scene.servers()).filter_map(|i| scene.established(i)).collect();
    reigns.sort_unstable();
    !scene.ghost().broken.leadership && reigns.windows(2).all(|pair| pair[0] != pair[1])
}
