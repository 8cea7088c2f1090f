//! The leader's view of one learner: how far it has come, what it has acknowledged.

use crate::ids::{Epoch, Link, Now, Zxid};
use crate::rename::{Names, Rename};
use crate::zab::lease::{Arrivals, Loyalty};

/// One connected learner.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct LearnerHandler {
    pub(crate) link: Link,
    /// Whether it votes: only then do its acknowledgements count.
    pub(crate) voter: bool,
    pub(crate) stage: Stage,
    /// How many ticks began since it was heard from, or took something in while it is being
    /// synchronised.
    pub(crate) silent: u32,
    /// Since when the learner is known to follow, by the pings it has answered.
    pub(crate) loyalty: Loyalty,
    /// How old what is read from it may be.
    pub(crate) arrivals: Arrivals,
    /// What the learner has asked and is not answered, in bytes. That is requests that wait for the leader's
    /// own disk, syncs, and questions about sessions.
    pub(crate) asked: usize,
}

/// How far a learner has come.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Stage {
    /// Connected, has not introduced itself.
    Connected,
    /// Introduced itself, waits for the new epoch.
    Introduced {
        /// The newest epoch it has promised.
        accepted: Epoch,
    },
    /// Was told the new epoch.
    EpochSent,
    /// Promised it; waits for a quorum of promises.
    EpochAcked(Promise),
    /// Was sent the leader's history up to NEWLEADER; gets proposals, commits are held back.
    Synchronizing {
        /// Commits up to here have been sent.
        committed: Zxid,
        /// Proposals acknowledged up to here; counts only from the next stage on.
        acked: Zxid,
    },
    /// Has that history on disk; waits for a quorum that has it.
    Synchronized {
        /// Commits up to here have been sent.
        committed: Zxid,
        /// Proposals acknowledged up to here.
        acked: Zxid,
    },
    /// In service.
    InService {
        /// Proposals acknowledged up to here.
        acked: Zxid,
    },
}

/// What a learner has, as it says when it promises an epoch (ACKEPOCH).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Promise {
    /// The epoch whose history it has. `None`: the promise does not count, because the learner had promised
    /// the epoch before or cannot vouch for what it says.
    pub current: Option<Epoch>,
    /// The last transaction of its log; zero from a learner that needs the whole state.
    pub last: Zxid,
}

impl LearnerHandler {
    pub(crate) fn new(link: Link, now: Now) -> Self {
        LearnerHandler {
            link,
            voter: false,
            stage: Stage::Connected,
            silent: 0,
            loyalty: Loyalty::default(),
            arrivals: Arrivals::begin(now),
            asked: 0,
        }
    }

    /// Whether it gets proposals: from the moment its synchronisation was cut.
    pub fn forwarding(&self) -> bool {
        matches!(
            self.stage,
            Stage::Synchronizing { .. } | Stage::Synchronized { .. } | Stage::InService { .. }
        )
    }

    /// Whether it serves clients.
    pub fn in_service(&self) -> bool {
        matches!(self.stage, Stage::InService { .. })
    }

    /// Whether it has the leader's initial history on disk.
    pub fn has_initial_history(&self) -> bool {
        matches!(self.stage, Stage::Synchronized { .. } | Stage::InService { .. })
    }

    /// Whether it has this proposal, and everything before it, on disk.
    pub fn has(&self, zxid: Zxid) -> bool {
        match self.stage {
            Stage::Synchronized { acked, .. } | Stage::InService { acked } => acked >= zxid,
            _ => false,
        }
    }
}

impl Rename for LearnerHandler {
    fn rename(&self, names: Names<'_>) -> Self {
        LearnerHandler { link: self.link.rename(names), ..self.clone() }
    }
}
