//! What a replay has seen.

use quorate_core::ids::Zxid;
use quorate_core::recording::Record;

use crate::replay::clients::Judged;
use crate::replay::file::Recording;

/// What was replayed without anything being broken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// How many servers were replayed.
    pub servers: usize,
    /// Starts of their processes.
    pub starts: usize,
    /// How many steps were replayed.
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

/// Where the newest snapshot of those stands that the first starts found: nothing before is compared.
pub(super) fn floor(recordings: &[Recording]) -> Zxid {
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
pub(super) fn kind(record: &Record) -> &'static str {
    match record {
        Record::Header(_) => "a header",
        Record::Step { .. } => "a step",
        Record::State { .. } => "a state",
        Record::Opened { .. } => "an opened connection",
        Record::Synced(_) => "a sync",
        Record::End => "the end",
    }
}
