//! Everything that can happen to a peer.

use crate::election::notification::Notification;
use crate::ids::{ConnId, Link, ServerId, Ticket};
use crate::payload::{Payload, Service};
use crate::timer::Timer;
use crate::zab::packet::Packet;

/// What a client's connection delivers, as the service defines it.
pub type ClientOf<P> = <<P as Payload>::Service as Service>::Client;

/// One input of [`QuorumPeer::step`](crate::QuorumPeer::step).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "recording", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "recording",
    serde(bound(
        serialize = "P: serde::Serialize, ClientOf<P>: serde::Serialize, Packet<P>: serde::Serialize",
        deserialize = "P: serde::Deserialize<'de>, ClientOf<P>: serde::Deserialize<'de>, Packet<P>: serde::Deserialize<'de>"
    ))
)]
pub enum Input<P: Payload> {
    /// The process is up: begin. The first input of a peer, once.
    Start,
    /// A client's connection said something.
    Client(ConnId, ClientOf<P>),
    /// The connection to this server's election port is (again) usable.
    ElectionUp(ServerId),
    /// The connection to this server's election port is lost.
    ElectionDown(ServerId),
    /// A vote arrived on the election port.
    Notification(ServerId, Notification),
    /// The election was decided elsewhere: accepted only by a peer that is configured with
    /// [`ElectionMode::Oracle`](crate::config::ElectionMode) (the leader oracle of DSN'11 §IV).
    Elected(ServerId),
    /// The connection that `Output::Dial` asked for is established.
    Up(Link),
    /// Another server has connected to the quorum port and given its id in its first packet, which
    /// follows.
    Accepted(Link),
    /// A connection is gone, or the attempt to make it failed.
    Down(Link),
    /// A message arrived on the quorum port. Per link in the order it was sent.
    Packet(Link, Packet<P>),
    /// Bytes move on a link that synchronises a learner, in whichever direction, though perhaps no
    /// message was complete for a while. Said now and then until UPTODATE has passed; how often is
    /// the shell's choice.
    Progress(Link),
    /// On a link: everything that had arrived when this input last came has been handed over. The shell says
    /// so now and then when that is true again, before it hands over what it reads next. While nothing
    /// arrives it says so at least every half tick.
    AllRead(Link),
    /// This storage operation and every earlier one is durable.
    Done(Ticket),
    /// The snapshot asked for by [`Output::TakeSnapshot`](crate::Output) is durable.
    SnapshotTaken,
    /// An alarm fires.
    Alarm(Timer),
}
