//! The rules of ZAB as pure functions, by phase. The leader's and the learner's files say when each applies.
//!
//! Rules are broken on purpose here, and nowhere in those files (see `mutation.rs`).

pub(crate) mod broadcast;
pub(crate) mod discovery;
pub(crate) mod history;
pub(crate) mod liveness;
pub(crate) mod quorum;
pub(crate) mod synchronization;

#[cfg(test)]
mod tests;
