//! The stateright models: worlds to begin with, properties to hold, states worth reaching.

mod ballots;
pub mod buckets;
mod catalogue;
pub mod clients;
mod comparison;
mod deep;
mod dirty;
mod disks;
pub(crate) mod ensemble;
mod faults;
mod groups;
mod harsh;
mod java;
mod joins;
mod leases;
pub mod links;
mod model_spec;
mod observers;
pub mod paxos;
mod prepared;
mod protocol;
pub mod recipes;
mod recovery;
pub mod road;
mod searched;
mod served;
pub mod service;
pub mod sessions;
mod strangers;
mod sync;
mod syncs;
mod worlds;

pub use catalogue::{Expected, ModelSpec, Variant, catalogue, election, zab};
pub(crate) use catalogue::{ensemble, setting_of};
pub use comparison::started;
pub use deep::{DeepSpec, deep};
pub use ensemble::{Ensemble, Goal, Reachable};
#[cfg(test)]
pub(crate) use worlds::setting;
