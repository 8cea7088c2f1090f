//! What a peer tells about itself: `srvr`, `mntr`, metrics, properties.

use alloc::vec::Vec;

use crate::election::ServerState;
use crate::ids::{Epoch, ServerId, Zxid};

/// The phase of ZAB a server is in (names of `QuorumPeer.ZabState`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ZabState {
    /// Looking for a leader.
    Election,
    /// Agreeing on a new epoch.
    Discovery,
    /// Agreeing on its initial history.
    Synchronization,
    /// In service.
    Broadcast,
}

/// A read-only view of a peer.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Status {
    /// This server.
    pub id: ServerId,
    /// The server's state in the election's words.
    pub state: ServerState,
    /// The server's phase of ZAB.
    pub zab: ZabState,
    /// The leader it leads or follows as.
    pub leader: Option<ServerId>,
    /// The newest epoch promised.
    pub accepted_epoch: Epoch,
    /// The epoch whose history it has.
    pub current_epoch: Epoch,
    /// The last transaction in its log.
    pub last_zxid: Zxid,
    /// Where its state stands.
    pub applied: Zxid,
    /// The logical clock of the election.
    pub round: u64,
    /// On a leader: `sync` requests that wait for what was proposed before them.
    pub pending_syncs: usize,
    /// On a leader: requests of learners that wait for its own disk.
    pub parked_requests: usize,
    /// On a leader: the connected learners, whether they vote, whether they are in service.
    pub learners: Vec<LearnerStatus>,
}

/// A leader's learner.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LearnerStatus {
    /// Which server.
    pub id: ServerId,
    /// A follower (votes) or an observer.
    pub voter: bool,
    /// Synchronised and serving.
    pub in_service: bool,
}
