//! A vote and the total order on votes (Fast Leader Election).

use crate::ids::{Epoch, ServerId, Zxid};
use crate::rename::{Names, Rename};

/// The server that should lead, and what is known of its history.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "recording", derive(serde::Serialize, serde::Deserialize))]
pub struct Vote {
    /// The proposed leader.
    pub leader: ServerId,
    /// The last transaction in its log; `None` from a server with no trusted history (an empty
    /// disk that was not marked as a first start) and from observers: such votes never count.
    pub zxid: Option<Zxid>,
    /// The proposed leader's current epoch.
    pub peer_epoch: Epoch,
}

impl Vote {
    /// Whether this vote beats `other`: by epoch, then zxid, then server id
    /// (`FastLeaderElection.totalOrderPredicate`).
    pub fn beats(&self, other: &Vote) -> bool {
        (self.peer_epoch, self.zxid, self.leader) > (other.peer_epoch, other.zxid, other.leader)
    }

    /// The vote of a server that has none: it loses against every other.
    pub const fn none() -> Self {
        Vote { leader: ServerId(i64::MIN), zxid: None, peer_epoch: 0 }
    }
}

impl Rename for Vote {
    fn rename(&self, names: Names<'_>) -> Self {
        let leader = if *self == Vote::none() { self.leader } else { names(self.leader) };
        Vote { leader, ..*self }
    }
}
