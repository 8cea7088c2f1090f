//! The messages of the quorum port, each with only its own fields.
//!
//! The fat `QuorumPacket` form that travels is [`wire::quorum`](crate::wire)'s business.
//! Source: ZooKeeper's learner protocol 1.0 (`Leader`, `LearnerHandler`, `Learner`); the phases are
//! those of "Zab: High-performance broadcast for primary-backup systems" (DSN'11, §IV).

use alloc::vec::Vec;

use bytes::Bytes;

use crate::ids::{Epoch, ServerId, SessionId, Touch, Zxid};
use crate::payload::{Payload, Service};

/// The request a REQUEST packet carries.
pub type RequestOf<P> = <<P as Payload>::Service as Service>::Request;
/// The state a SNAP packet carries.
pub type SnapshotOf<P> = <<P as Payload>::Service as Service>::Snapshot;

/// A message between a learner and the leader.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "recording", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "recording",
    serde(bound(
        serialize = "P: serde::Serialize, RequestOf<P>: serde::Serialize, SnapshotOf<P>: serde::Serialize",
        deserialize = "P: serde::Deserialize<'de>, RequestOf<P>: serde::Deserialize<'de>, SnapshotOf<P>: serde::Deserialize<'de>"
    ))
)]
pub enum Packet<P: Payload> {
    /// Follower → leader, discovery: "I want to follow; I have accepted up to this epoch" (CEPOCH).
    FollowerInfo {
        /// The newest epoch this server has promised.
        accepted_epoch: Epoch,
        /// Version of the configuration it knows.
        config_version: i64,
    },
    /// Observer → leader: the same from a server that never votes.
    ObserverInfo {
        /// The newest epoch this server has promised.
        accepted_epoch: Epoch,
        /// Version of the configuration it knows.
        config_version: i64,
    },
    /// Leader → learner: the new epoch (NEWEPOCH).
    LeaderInfo {
        /// The epoch this leader proposes.
        epoch: Epoch,
    },
    /// Learner → leader: the promise, with what the learner has (ACKEPOCH).
    AckEpoch {
        /// The epoch whose history the learner has; `None` if it had already accepted the proposed
        /// epoch, and then the acknowledgement does not count.
        current_epoch: Option<Epoch>,
        /// The last transaction in its log.
        last_zxid: Zxid,
    },
    /// Leader → learner: keep what you have, the rest follows.
    Diff {
        /// The leader's last committed transaction.
        zxid: Zxid,
    },
    /// Leader → learner: drop everything after this transaction, the rest follows.
    Trunc {
        /// The last transaction to keep.
        zxid: Zxid,
    },
    /// Leader → learner: drop everything, here is the state.
    Snap {
        /// Where the state stands.
        zxid: Zxid,
        /// The state.
        snapshot: SnapshotOf<P>,
    },
    /// Leader → learner: that was the history of this epoch (NEWLEADER).
    NewLeader {
        /// The new epoch.
        epoch: Epoch,
        /// The text of the leader's configuration.
        config: Bytes,
    },
    /// Leader → learner: a quorum has the history; serve (COMMIT-LD).
    UpToDate,
    /// Learner → leader: this is on disk. `Zxid::new(e, 0)` acknowledges NEWLEADER and UPTODATE.
    Ack {
        /// What is on disk.
        zxid: Zxid,
    },
    /// Leader → follower: log this.
    Proposal {
        /// The transaction's place in the order.
        zxid: Zxid,
        /// What it does.
        txn: P,
    },
    /// Leader → follower: apply the oldest proposal you have not applied.
    Commit {
        /// The oldest proposal must be this one.
        zxid: Zxid,
    },
    /// Leader → observer: proposal and commit in one.
    Inform {
        /// The transaction's place in the order.
        zxid: Zxid,
        /// What it does.
        txn: P,
    },
    /// Leader → follower: apply this proposal, and the configuration in it is in force (COMMITANDACTIVATE).
    CommitAndActivate {
        /// The oldest proposal that is not applied.
        zxid: Zxid,
        /// The server that shall lead under the new configuration.
        designated_leader: ServerId,
    },
    /// Leader → observer: the same with the transaction (INFORMANDACTIVATE).
    InformAndActivate {
        /// The transaction's place in the order.
        zxid: Zxid,
        /// The server that shall lead under the new configuration.
        designated_leader: ServerId,
        /// What it does.
        txn: P,
    },
    /// Learner → leader: order this for one of my clients.
    Request(RequestOf<P>),
    /// Leader → learner: everything before your oldest unanswered `sync` has been sent to you.
    Sync,
    /// Both ways: I am alive.
    Ping {
        /// The leader's last proposal; a learner echoes it.
        zxid: Zxid,
        /// Learner → leader: the sessions heard from since the last ping.
        touches: Vec<Touch>,
    },
    /// Learner → leader: is this session alive? A client of mine says it is his.
    Revalidate(Touch),
    /// Leader → learner: the answer.
    Revalidated {
        /// The session asked about.
        session: SessionId,
        /// Whether it is alive.
        valid: bool,
    },
}
