//! Everything a peer can want done.

use alloc::vec::Vec;

use crate::election::notification::Notification;
use crate::ids::{ConnId, Epoch, Link, ServerId, Ticket, Zxid};
use crate::payload::{Payload, Service};
use crate::timer::{Delay, Timer};
use crate::zab::packet::{Packet, SnapshotOf};

/// What goes to a client's connection, as the service defines it.
pub type ReplyOf<P> = <<P as Payload>::Service as Service>::Reply;

/// One output of [`QuorumPeer::step`](crate::QuorumPeer::step).
///
/// Storage operations (those with a [`Ticket`]) are executed in the order given. Each is durable
/// before the next takes effect, except that consecutive appends may share one sync. A crash
/// leaves the effect of a prefix of them.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Output<P: Payload> {
    /// Send to a client. The order per connection is kept.
    Reply(ConnId, ReplyOf<P>),
    /// Close a client's connection after what was sent to it.
    CloseClient(ConnId),
    /// Tell a server our vote. Only the newest not yet sent matters.
    Elect(ServerId, Notification),
    /// Connect to this server's quorum port: answered by `Up` or `Down`.
    Dial(ServerId),
    /// Send on the quorum port. The order per link is kept.
    Send(Link, Packet<P>),
    /// Close this connection; nothing of it is wanted any more.
    Hangup(Link, Reason),
    /// Write a transaction at the end of the log.
    Append(Ticket, Zxid, P),
    /// Drop every logged transaction after this one.
    Truncate(Ticket, Zxid),
    /// Replace snapshot and log by this state.
    InstallSnapshot(Ticket, Zxid, SnapshotOf<P>),
    /// Write `acceptedEpoch`.
    SaveAcceptedEpoch(Ticket, Epoch),
    /// Write `currentEpoch`.
    SaveCurrentEpoch(Ticket, Epoch),
    /// Write a snapshot in the background; answered by `SnapshotTaken`, also if it was given up. The log
    /// keeps everything.
    TakeSnapshot(Zxid, SnapshotOf<P>),
    /// Arm an alarm.
    SetAlarm(Timer, Delay),
    /// Disarm it.
    CancelAlarm(Timer),
}

/// Why a connection of the quorum port was closed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reason {
    /// This server does not lead, or did not ask for the connection.
    NotLeading,
    /// This server stopped leading or following.
    RoleEnded,
    /// A newer connection of the same server took its place.
    Replaced,
    /// The message does not belong to this phase.
    Unexpected,
    /// The epoch offered is older than one already accepted.
    OldEpoch,
    /// The learner has transactions that a leader must have.
    AheadOfLeader,
    /// A proposal does not follow the one before it (ZOOKEEPER-4925).
    Gap,
    /// A commit is not for the oldest outstanding proposal.
    CommitOutOfOrder,
    /// The leader wants to drop transactions that this server's state contains, or may contain: the learner
    /// comes back for the leader's state.
    CannotTruncate,
    /// The other server is not what the configuration says.
    NotInConfig,
    /// The leader activates a configuration, which this server cannot follow.
    CannotActivate,
    /// A learner of this id is connected and alive.
    AlreadyConnected,
    /// The learner has asked for more than may wait for the leader's own disk.
    TooMuchAsked,
    /// The other side was silent for too long.
    Silent,
    /// The epoch is the last there can be, or beyond it.
    NoEpochLeft,
}

/// The outputs of one step, in order.
pub type Outputs<P> = Vec<Output<P>>;
