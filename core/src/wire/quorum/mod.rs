//! The quorum port: the messages between learners and the leader as bytes.
//!
//! A [`QuorumPacket`] has one fat form for every message; [`PacketDecoder`] cuts it out of the
//! stream, in which a snapshot follows a SNAP packet. [`PeerDecoder`] and [`write_packet`] translate
//! between that and [`zab::Packet`](crate::zab::Packet), whose variants have their own fields only.
//! What a transaction, a request and a snapshot look like is [`WirePayload`]'s business. Source:
//! `Leader`, `LearnerHandler`, `Learner`, learner protocol 1.0.

mod body;
mod decoder;
mod packet;
mod translate;

pub use body::{LearnerInfo, PROTOCOL_VERSION, WireRequest};
pub use decoder::{PacketDecoder, Received, SNAPSHOT_TRAILER, write_snapshot_trailer};
pub use packet::{PacketType, QuorumPacket};
pub use translate::{Local, PeerDecoder, Side, WirePayload, write_packet};

#[cfg(test)]
mod tests;
