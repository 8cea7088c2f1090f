//! A server that behaves as Apache ZooKeeper does, for models of mixed ensembles.
//!
//! A [`JavaPeer`] is a second, independent description of the quorum port. It shares packets, zxids and the
//! disk of the models with core, and no rule. What is described is ZooKeeper 3.9.4 (`Leader`,
//! `LearnerHandler`, `Learner`, `FileTxnSnapLog`, `ZKDatabase`) with an election oracle. It differs from a
//! Quorate server in this:
//!
//! * A server that starts, or leaves a role, has its whole log in its state, committed or not
//!   (`loadDataBase`, `fastForwardDataBase`). A leader takes a snapshot of all that before a server follows
//!   it (`loadData`).
//! * A leader compares zxids with the range of its committedLog: everything it replayed or committed since
//!   its snapshot. A learner whose zxid has counter 0 in that range is sent DIFF (`isPeerNewEpochZxid`).
//! * SNAP is named after the last zxid processed. An established leader moves that to the start of its epoch.
//! * A leader sends COMMIT to a follower from the moment its synchronisation was cut. It counts a follower
//!   only if the first packet after NEWLEADER acknowledges it.
//! * A commit is applied whether or not the own log has it on disk.
//! * A follower that was sent DIFF logs and applies what is committed at NEWLEADER. The rest, and all after
//!   SNAP or TRUNC, exists in memory at first. A snapshot at NEWLEADER, or the log after UPTODATE, has it
//!   then.
//! * A server whose log has an epoch later than its currentEpoch does not start (ZOOKEEPER-1653).
//!
//! What is known to lose data is switched on by [`Flaws`]. Left out:
//!
//! * SNAP from the files of the log (`snapshotSizeFactor`): they are longer than the snapshots of a small
//!   tree;
//! * logs and snapshots that were purged;
//! * an acknowledgement of a proposal that overtakes the one of NEWLEADER (ZOOKEEPER-4685);
//! * holes in committedLog (ZOOKEEPER-4925: 3.9.3 alone);
//! * the log of an old role that is still written in a new one (ZOOKEEPER-4712: up to 3.9.2).

pub(in crate::world) mod flaws;
mod host;
mod leader;
mod learner;
mod member;
pub(in crate::world) mod peer;

pub use flaws::Flaws;
pub use peer::JavaPeer;
