//! Every decision of a Quorate server, as pure functions.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod config;
pub mod election;
pub mod ids;
mod input;
mod output;
pub mod payload;
pub mod quorum;
pub mod timer;
pub mod wire;
pub mod zab;

pub use input::{ClientOf, Input};
pub use output::{Output, Outputs, Reason, ReplyOf};
