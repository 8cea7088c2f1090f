//! Recordings of real servers, run again: the same steps through the same `QuorumPeer::step`.
//!
//! What is looked at, step by step:
//!
//! - *the replay*: every input leads to the outputs and the state that it led to in the server
//!   (fingerprints);
//! - *the shell's contract*: a link delivers, in order, exactly what the other end sent, and nothing after
//!   its end; a vote that is heard was said; a completion comes after the sync; a start finds on disk the
//!   effect of a prefix of what was asked of it;
//! - *the properties of ZAB* ([`properties`](crate::properties)), over the states of all servers together.
//!   The recordings are merged so that everything is sent before it is received; among the orders that leave
//!   open, the one of the servers' clocks is taken. Besides: servers that have applied the same transactions
//!   have the same tree;
//! - *the answers*: each client is told what the independent [`judge`](crate::judge) says, which does the
//!   delivered transactions' requests; in the end each server has its znodes.
//! - *the clients*: each reply and event that left a server, against what had arrived and what is committed
//!   (`clients`).
//!
//! Recordings may begin in the middle of an ensemble's life: then what was in the snapshots that the first
//! starts found is taken as given. Recordings of every voter are needed, all from the same moment on.

mod answers;
mod chain;
mod clients;
mod error;
mod file;
mod merged;
mod server;
mod wires;

use std::path::PathBuf;

use quorate_core::ids::Zxid;
use quorate_core::recording::Record;

pub use clients::{Judged, RULES, Rule};
pub use error::{Broken, Failure, ReplayError};
pub use file::{Recording, load};

use merged::{Happened, Merged};

/// What was replayed without anything being broken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// Servers.
    pub servers: usize,
    /// Starts of their processes.
    pub starts: usize,
    /// Steps.
    pub steps: u64,
    /// States whose fingerprints were compared.
    pub states: u64,
    /// Packets of the quorum port that were received as they had been sent.
    pub packets: u64,
    /// Votes that were heard as they had been said.
    pub votes: u64,
    /// Transactions that were delivered.
    pub delivered: usize,
    /// Answers of clients' requests that are what the judge says.
    pub answers: u64,
    /// Connections of which the other end is in no recording (it may be behind a proxy).
    pub unpaired: usize,
    /// What clients were told.
    pub clients: Judged,
    /// Recordings that end within a record, as a killed process leaves them.
    pub torn: usize,
}

/// Read these recordings (files, or directories of them) and run them again together.
///
/// # Errors
/// What cannot be read, or the first thing that is broken.
pub fn replay(paths: &[PathBuf], progress: &mut dyn FnMut(&Summary)) -> Result<Summary, ReplayError> {
    let recordings = load(paths)?;
    replay_all(&recordings, progress)
}

/// Run recordings again that were read.
///
/// # Errors
/// As [`replay`].
pub fn replay_all(
    recordings: &[Recording],
    progress: &mut dyn FnMut(&Summary),
) -> Result<Summary, ReplayError> {
    let mut merged = Merged::new(recordings)?;
    let mut records = 0u64;
    while let Happened::Step = merged.advance()? {
        records += 1;
        if records.is_multiple_of(1 << 18) {
            progress(&merged.summary());
        }
    }
    Ok(merged.summary())
}

/// Where the newest snapshot of those stands that the first starts found: nothing before is compared.
fn floor(recordings: &[Recording]) -> Zxid {
    let mut seen = Vec::new();
    let mut floor = Zxid::ZERO;
    for recording in recordings {
        if !seen.contains(&recording.id()) {
            seen.push(recording.id());
            floor = floor.max(recording.header.recovered.base());
        }
    }
    floor
}

/// One word for a record that is out of place.
fn kind(record: &Record) -> &'static str {
    match record {
        Record::Header(_) => "a header",
        Record::Step { .. } => "a step",
        Record::State { .. } => "a state",
        Record::Opened { .. } => "an opened connection",
        Record::Synced(_) => "a sync",
        Record::End => "the end",
    }
}
