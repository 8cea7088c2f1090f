//! Paxos beside ZAB: the protocols that ZAB is compared with, as models.
//!
//! A protocol here is a hand-written stateright `Model` like [`super::Ensemble`]: states that are
//! hashed as packed bytes, one property that always holds, no cut.
//! Failure model: processes stop or are slow, messages are lost, delayed and reordered where a file
//! does not say otherwise, nothing is forged.

pub mod ballot;
pub mod duel;
pub mod fast;
pub mod multi;
pub mod single;
pub mod tables;

pub use crate::models::protocol::{Checked, Claim, Protocol, Salted};
