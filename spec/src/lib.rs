//! What must be true of Quorate's core, and the machinery that checks it.
//!
//! [`world::World`] is a whole ensemble in one value whose transitions are calls of the shipped
//! `QuorumPeer::step`; [`properties`] are predicates over its states; [`models`] are bounded worlds
//! that a search exhausts.

pub mod byte;
pub mod deep;
mod explorer;
pub mod fall;
pub mod hash;
pub mod liveness;
pub mod models;
#[cfg(feature = "mutants")]
pub mod mutants;
pub mod properties;
pub mod replay;
pub mod search;
pub mod simulate;
pub mod story;
pub mod transcript;
mod words;
pub mod world;
