//! What a disk held when the process started, and whether it makes sense.

use alloc::collections::VecDeque;
use core::fmt;

use crate::ids::{Epoch, LAST_EPOCH, Zxid};
use crate::payload::Payload;
use crate::zab::SnapshotOf;

/// The durable state of a server.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "recording", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "recording",
    serde(bound(
        serialize = "P: serde::Serialize, SnapshotOf<P>: serde::Serialize",
        deserialize = "P: serde::Deserialize<'de>, SnapshotOf<P>: serde::Deserialize<'de>"
    ))
)]
pub struct Recovered<P: Payload> {
    /// `acceptedEpoch`.
    pub accepted_epoch: Epoch,
    /// `currentEpoch`.
    pub current_epoch: Epoch,
    /// The newest snapshot and where it stands.
    pub snapshot: Option<(Zxid, SnapshotOf<P>)>,
    /// The snapshot may contain effects of transactions up to here: ZooKeeper writes snapshots while
    /// it applies. What is at or before it cannot be taken out of the state again.
    pub reaches: Zxid,
    /// The log after the snapshot, oldest first.
    pub entries: VecDeque<(Zxid, P)>,
    /// Whether an empty history is the truth (a first start) and not a lost disk. A server that
    /// has lost its disk does not vote until a leader has given it a history.
    pub trusted: bool,
}

/// Stored data that contradicts itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Inconsistent {
    /// `acceptedEpoch` must not be before `currentEpoch`.
    AcceptedBeforeCurrent {
        /// The stored acceptedEpoch.
        accepted: Epoch,
        /// The stored currentEpoch.
        current: Epoch,
    },
    /// A transaction of an epoch that this server has not even promised.
    LogAfterAccepted {
        /// The last zxid.
        last: Zxid,
        /// The stored acceptedEpoch.
        accepted: Epoch,
    },
    /// There is no epoch left that a leader could begin.
    NoEpochLeft {
        /// The stored acceptedEpoch.
        accepted: Epoch,
    },
    /// The snapshot has effects of transactions that are not in the log: it is unknown which.
    SnapshotAheadOfLog {
        /// The snapshot may have effects of transactions up to here.
        reaches: Zxid,
        /// The last transaction of the log.
        last: Zxid,
    },
    /// The log has a hole.
    Gap {
        /// The transaction before the hole.
        before: Zxid,
        /// The transaction after it.
        after: Zxid,
    },
}

impl fmt::Display for Inconsistent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Inconsistent::AcceptedBeforeCurrent { accepted, current } => {
                write!(f, "acceptedEpoch ({accepted}) is older than currentEpoch ({current})")
            }
            Inconsistent::LogAfterAccepted { last, accepted } => {
                write!(f, "the last transaction ({last}) is of a later epoch than acceptedEpoch ({accepted})")
            }
            Inconsistent::NoEpochLeft { accepted } => {
                write!(
                    f,
                    "acceptedEpoch ({accepted}) is at the end of the epochs: no leader can begin another; with all servers \
                     of the ensemble stopped, set it on each to its currentEpoch"
                )
            }
            Inconsistent::SnapshotAheadOfLog { reaches, last } => {
                write!(
                    f,
                    "the snapshot may have effects of transactions up to {reaches}, but the log ends with {last}"
                )
            }
            Inconsistent::Gap { before, after } => {
                write!(f, "the log goes from {before} to {after}: transactions are missing")
            }
        }
    }
}

impl core::error::Error for Inconsistent {}

impl<P: Payload> Recovered<P> {
    /// An empty disk at a first start.
    pub fn first_start() -> Self {
        Recovered {
            accepted_epoch: 0,
            current_epoch: 0,
            snapshot: None,
            reaches: Zxid::ZERO,
            entries: VecDeque::new(),
            trusted: true,
        }
    }

    /// Where the snapshot stands.
    pub fn base(&self) -> Zxid {
        self.snapshot.as_ref().map_or(Zxid::ZERO, |(zxid, _)| *zxid)
    }

    /// The last transaction.
    pub fn last(&self) -> Zxid {
        self.entries.back().map_or(self.base(), |(zxid, _)| *zxid)
    }

    /// Refuse data that no correct run leaves behind.
    ///
    /// The last transaction may be of a later epoch than currentEpoch: history is written before
    /// the epoch it belongs to (ZOOKEEPER-4643).
    ///
    /// # Errors
    /// [`Inconsistent`] says what contradicts what.
    pub fn check(&self) -> Result<(), Inconsistent> {
        if self.accepted_epoch < self.current_epoch {
            let (accepted, current) = (self.accepted_epoch, self.current_epoch);
            return Err(Inconsistent::AcceptedBeforeCurrent { accepted, current });
        }
        if self.accepted_epoch >= LAST_EPOCH {
            return Err(Inconsistent::NoEpochLeft { accepted: self.accepted_epoch });
        }
        let last = self.last();
        if self.reaches > last {
            return Err(Inconsistent::SnapshotAheadOfLog { reaches: self.reaches, last });
        }
        if last.epoch() > self.accepted_epoch {
            return Err(Inconsistent::LogAfterAccepted { last, accepted: self.accepted_epoch });
        }
        let mut before = self.base();
        for (after, _) in &self.entries {
            if !before.may_be_followed_by(*after) {
                return Err(Inconsistent::Gap { before, after: *after });
            }
            before = *after;
        }
        Ok(())
    }
}
