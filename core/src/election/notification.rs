//! The one message of the election port.

use super::vote::Vote;
use crate::rename::{Names, Rename};

/// A server's state as the election knows it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "recording", derive(serde::Serialize, serde::Deserialize))]
pub enum ServerState {
    /// Searching for a leader.
    Looking,
    /// Following one.
    Following,
    /// Being one.
    Leading,
    /// Watching one without a vote.
    Observing,
}

/// What a server tells another about its vote.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "recording", derive(serde::Serialize, serde::Deserialize))]
pub struct Notification {
    /// The sender's state.
    pub state: ServerState,
    /// The sender's vote.
    pub vote: Vote,
    /// The sender's logical clock: the round the vote belongs to (`electionEpoch`).
    pub round: u64,
}

impl Rename for Notification {
    fn rename(&self, names: Names<'_>) -> Self {
        Notification { vote: self.vote.rename(names), ..*self }
    }
}
