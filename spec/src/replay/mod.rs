//! Recordings of real servers, run again: the same steps through the same `QuorumPeer::step`.
//!
//! What is looked at, step by step:
//!
//! - *the replay*: every input leads to the outputs and the state that it led to in the server
//!   (fingerprints);
//! - *the shell's contract*: a link delivers, in order, exactly what the other end sent, and nothing after
//!   its end. A vote that is heard was said; a completion comes after the sync. A start finds on disk the
//!   effect of a prefix of what was asked of it;
//! - *the properties of ZAB* ([`properties`](crate::properties)), over the states of all servers together.
//!   The recordings are merged so that everything is sent before it is received. Among the orders that this
//!   leaves open, the one of the servers' clocks is taken. Besides: servers that have applied the same
//!   transactions have the same tree;
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
mod scene;
mod server;
mod summary;
mod wires;

use std::path::PathBuf;

pub use clients::{Judged, RULES, Rule};
pub use error::{Broken, Failure, ReplayError};
pub use file::{Recording, load};
pub use summary::Summary;

use merged::{Happened, Merged};

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
