//! Every decision of a Quorate server, as pure functions.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod auth;
pub mod config;
pub mod election;
pub mod ids;
mod input;
#[cfg(debug_assertions)]
mod invariants;
mod mutation;
mod output;
pub mod payload;
mod peer;
pub mod pipeline;
pub mod quorum;
mod recovered;
pub mod session;
mod status;
mod storage;
pub mod timer;
pub mod tree;
pub mod watch;
pub mod wire;
pub mod zab;

pub use input::{ClientOf, Input};
#[cfg(feature = "mutants")]
pub use mutation::Mutation;
pub use output::{Output, Outputs, Reason, ReplyOf};
pub use peer::QuorumPeer;
pub use recovered::{Inconsistent, Recovered};
pub use status::{LearnerStatus, Status, ZabState};
