//! A statement about every reachable state.

use crate::models::ensemble::Ensemble;
use crate::world::World;

/// A statement about every reachable state.
#[derive(Clone, Copy, Debug)]
pub struct Invariant {
    /// The property's name.
    pub name: &'static str,
    /// What it says, in one sentence.
    pub claim: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// Whether a state satisfies it.
    pub holds: fn(&Ensemble, &World) -> bool,
}
