//! Between the fat packets that travel and the messages that core knows.

use alloc::boxed::Box;
use alloc::vec::Vec;

use bytes::Bytes;

use super::body::{LearnerInfo, PROTOCOL_VERSION, WireRequest, read_touches, required};
use super::decoder::{PacketDecoder, Received};
use super::packet::{PacketType, QuorumPacket};
use crate::ids::{Epoch, ServerId, Touch, Zxid};
use crate::payload::Payload;
use crate::wire::jute::{Jute, Reader, Why, WireError, write_buffer, write_length, write_vector};
use crate::wire::state::{Reach, SnapshotBody, SnapshotBuilder};
use crate::zab::{Packet, RequestOf, SnapshotOf};

/// How a payload's transactions, requests and snapshots travel.
pub trait WirePayload: Payload {
    /// Collects a snapshot that arrives.
    type Builder: SnapshotBuilder<Snapshot = SnapshotOf<Self>, Error: Into<WireError>>;

    /// The body of a snapshot, piece by piece, giving memory back on the way.
    fn snapshot_body(snapshot: &SnapshotOf<Self>) -> Box<dyn SnapshotBody + Send>;

    /// The serialized transaction.
    fn txn_bytes(&self) -> &[u8];

    /// The transaction in these bytes, a slice of what arrived. `zxid` is its packet's.
    ///
    /// # Errors
    /// If they cannot be taken over at all, for example because they claim another zxid. What
    /// cannot be applied is not an error here: such a transaction fails when its turn comes.
    fn from_txn_bytes(zxid: Zxid, bytes: Bytes) -> Result<Self, WireError>;

    /// What a REQUEST packet says.
    fn request_to_wire(request: &RequestOf<Self>) -> WireRequest;

    /// The request that a REQUEST packet carries.
    ///
    /// # Errors
    /// If no request can be made of it.
    fn request_from_wire(request: WireRequest) -> Result<RequestOf<Self>, WireError>;
}

/// Which end of a connection this server is: some messages differ by direction.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Side {
    /// The other end is a learner.
    Leader,
    /// The other end is the leader.
    Learner,
}

/// What the messages of a server say about itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Local {
    /// Which end of the connection it is.
    pub side: Side,
    /// The sender's id: in FOLLOWERINFO and OBSERVERINFO.
    pub id: ServerId,
}

/// Append a message. If it is a SNAP then its snapshot is returned: its bytes must follow, then
/// [`write_snapshot_trailer`](super::write_snapshot_trailer), before anything else.
#[must_use = "a snapshot that is returned must be written next"]
pub fn write_packet<'p, P: WirePayload>(
    packet: &'p Packet<P>,
    local: &Local,
    out: &mut Vec<u8>,
) -> Option<&'p SnapshotOf<P>> {
    use PacketType as T;
    let start_of = |epoch: Epoch| Zxid::new(epoch, 0).0 as i64;
    match packet {
        Packet::FollowerInfo { accepted_epoch, config_version } => {
            learner_info(out, T::FollowerInfo, start_of(*accepted_epoch), local.id, *config_version);
        }
        Packet::ObserverInfo { accepted_epoch, config_version } => {
            learner_info(out, T::ObserverInfo, start_of(*accepted_epoch), local.id, *config_version);
        }
        Packet::LeaderInfo { epoch } => {
            fat(out, T::LeaderInfo, start_of(*epoch), Some(&PROTOCOL_VERSION.to_be_bytes()));
        }
        Packet::AckEpoch { current_epoch, last_zxid } => {
            let epoch = current_epoch.map_or(-1, |epoch| epoch as i32);
            fat(out, T::AckEpoch, last_zxid.0 as i64, Some(&epoch.to_be_bytes()));
        }
        Packet::Diff { zxid } => fat(out, T::Diff, zxid.0 as i64, None),
        Packet::Trunc { zxid } => fat(out, T::Trunc, zxid.0 as i64, None),
        Packet::Snap { zxid, snapshot } => {
            fat(out, T::Snap, zxid.0 as i64, None);
            return Some(snapshot);
        }
        Packet::NewLeader { epoch, config } => fat(out, T::NewLeader, start_of(*epoch), Some(config)),
        Packet::UpToDate => fat(out, T::UpToDate, -1, None),
        Packet::Ack { zxid } => fat(out, T::Ack, zxid.0 as i64, None),
        Packet::Proposal { zxid, txn } => fat(out, T::Proposal, zxid.0 as i64, Some(txn.txn_bytes())),
        Packet::Commit { zxid } => fat(out, T::Commit, zxid.0 as i64, None),
        Packet::Inform { zxid, txn } => fat(out, T::Inform, zxid.0 as i64, Some(txn.txn_bytes())),
        Packet::CommitAndActivate { zxid, designated_leader } => {
            fat(out, T::CommitAndActivate, zxid.0 as i64, Some(&designated_leader.to_bytes()));
        }
        Packet::InformAndActivate { zxid, designated_leader, txn } => {
            let data = [&designated_leader.to_bytes(), txn.txn_bytes()].concat();
            fat(out, T::InformAndActivate, zxid.0 as i64, Some(&data));
        }
        Packet::Request(request) => write_request(out, &P::request_to_wire(request)),
        Packet::Sync => fat(out, T::Sync, 0, None),
        Packet::Ping { zxid, .. } if local.side == Side::Leader => fat(out, T::Ping, zxid.0 as i64, None),
        Packet::Ping { zxid, touches } => {
            let mut table = Vec::with_capacity(12 * touches.len());
            touches.iter().for_each(|touch| touch.write(&mut table));
            fat(out, T::Ping, zxid.0 as i64, Some(&table));
        }
        Packet::Revalidate(touch) => fat(out, T::Revalidate, -1, Some(&touch.to_bytes())),
        Packet::Revalidated { session, valid } => {
            let mut answer = session.to_bytes();
            valid.write(&mut answer);
            fat(out, T::Revalidate, -1, Some(&answer));
        }
    }
    None
}

fn head(out: &mut Vec<u8>, kind: PacketType, zxid: i64) {
    kind.write(out);
    zxid.write(out);
}

fn fat(out: &mut Vec<u8>, kind: PacketType, zxid: i64, data: Option<&[u8]>) {
    out.reserve(20 + data.map_or(0, <[u8]>::len));
    head(out, kind, zxid);
    write_buffer(out, data);
    (-1i32).write(out);
}

fn learner_info(out: &mut Vec<u8>, kind: PacketType, zxid: i64, id: ServerId, config_version: i64) {
    let mut data = Vec::with_capacity(20);
    LearnerInfo::write(id, config_version, &mut data);
    fat(out, kind, zxid, Some(&data));
}

fn write_request(out: &mut Vec<u8>, request: &WireRequest) {
    head(out, PacketType::Request, -1);
    write_length(out, 16 + request.body.len());
    request.write(out);
    match &request.authinfo {
        Some(ids) => write_vector(out, ids),
        None => (-1i32).write(out),
    }
}

/// The messages of one connection of the quorum port.
///
/// Besides the messages it keeps the id that a learner gives: a connection has no link before that is known.
#[derive(Clone, Debug)]
pub struct PeerDecoder<P: WirePayload> {
    side: Side,
    packets: PacketDecoder,
    empty: P::Builder,
    snapshot: Option<(Zxid, P::Builder)>,
    learner: Option<LearnerInfo>,
}

impl<P: WirePayload> PeerDecoder<P> {
    /// The messages that this side receives. No string or buffer may be longer than `max_field`;
    /// a snapshot that arrives begins with `empty`.
    pub fn new(side: Side, max_field: usize, empty: P::Builder) -> Self {
        PeerDecoder { side, packets: PacketDecoder::new(max_field), empty, snapshot: None, learner: None }
    }

    /// Append bytes that arrived.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.packets.feed(bytes);
    }

    /// What has arrived and was not taken yet; a socket may be read to its end directly.
    pub fn buffer(&mut self) -> &mut bytes::BytesMut {
        self.packets.buffer()
    }

    /// The id that the learner gives, once its FOLLOWERINFO or OBSERVERINFO has been taken.
    pub fn learner(&self) -> Option<LearnerInfo> {
        self.learner
    }

    /// The next message, if all of it has arrived; a SNAP when its snapshot has.
    ///
    /// # Errors
    /// What is wrong with the stream, a message that this side never receives, or what the payload
    /// refuses. There is no way on: the connection is to be closed.
    pub fn next_packet(&mut self) -> Result<Option<Packet<P>>, WireError> {
        while let Some(received) = self.packets.next_received()? {
            match (received, &mut self.snapshot) {
                (Received::Packet(packet), _) if packet.kind == PacketType::Snap.to_i32() => {
                    self.expect(Side::Learner, &packet)?;
                    self.snapshot = Some((zxid_of(&packet)?, self.empty.clone()));
                }
                (Received::Packet(packet), _) => return self.translate(packet).map(Some),
                (Received::Item(item), Some((_, builder))) => builder.add(item).map_err(Into::into)?,
                (Received::SnapshotEnd, snapshot) => {
                    if let Some((zxid, builder)) = snapshot.take() {
                        return Ok(Some(Packet::Snap {
                            zxid,
                            snapshot: builder.finish(zxid, Reach::UntilServing).map_err(Into::into)?,
                        }));
                    }
                }
                (Received::Item(_), None) => {}
            }
        }
        Ok(None)
    }

    /// An error unless this is the side that receives such packets.
    fn expect(&self, side: Side, packet: &QuorumPacket) -> Result<(), WireError> {
        if self.side == side { Ok(()) } else { Err(unexpected(packet)) }
    }

    fn translate(&mut self, packet: QuorumPacket) -> Result<Packet<P>, WireError> {
        let Some(kind) = PacketType::from_i32(packet.kind) else { return Err(unexpected(&packet)) };
        match self.side {
            Side::Leader => self.learner_packet(kind, packet),
            Side::Learner => self.leader_packet(kind, packet),
        }
    }

    fn learner_packet(&mut self, kind: PacketType, packet: QuorumPacket) -> Result<Packet<P>, WireError> {
        let data = packet.data.as_ref();
        Ok(match kind {
            PacketType::FollowerInfo | PacketType::ObserverInfo => {
                let accepted_epoch = zxid_of(&packet)?.epoch();
                let info = LearnerInfo::read(data)?;
                check_version("LearnerInfo.protocolVersion", info.protocol_version)?;
                self.learner = Some(info);
                let config_version = info.config_version;
                if kind == PacketType::FollowerInfo {
                    Packet::FollowerInfo { accepted_epoch, config_version }
                } else {
                    Packet::ObserverInfo { accepted_epoch, config_version }
                }
            }
            PacketType::AckEpoch => {
                let field = "AckEpoch.currentEpoch";
                let epoch = Reader::new(required(data, field)?).int(field)?;
                let bad = WireError { field, at: 0, why: Why::Value(i64::from(epoch)) };
                let current_epoch = match epoch {
                    -1 => None,
                    _ => Some(Epoch::try_from(epoch).map_err(|_| bad)?),
                };
                // A learner without a trusted history has −1 as its last zxid and does not count.
                if packet.zxid == -1 {
                    return Ok(Packet::AckEpoch { current_epoch: None, last_zxid: Zxid::ZERO });
                }
                Packet::AckEpoch { current_epoch, last_zxid: zxid_of(&packet)? }
            }
            PacketType::Ack => Packet::Ack { zxid: zxid_of(&packet)? },
            PacketType::Ping => {
                let touches = data.map_or(Ok(Vec::new()), read_touches)?;
                Packet::Ping { zxid: zxid_of(&packet)?, touches }
            }
            PacketType::Revalidate => {
                Packet::Revalidate(Touch::from_bytes(required(data, "Revalidate.data")?)?)
            }
            PacketType::Request => {
                let request = WireRequest::read(required(data, "Request.data")?, packet.authinfo)?;
                Packet::Request(P::request_from_wire(request)?)
            }
            _ => return Err(unexpected(&packet)),
        })
    }

    fn leader_packet(&self, kind: PacketType, packet: QuorumPacket) -> Result<Packet<P>, WireError> {
        let data = packet.data.as_ref();
        Ok(match kind {
            PacketType::LeaderInfo => {
                let field = "LeaderInfo.protocolVersion";
                check_version(field, Reader::new(required(data, field)?).int(field)?)?;
                Packet::LeaderInfo { epoch: zxid_of(&packet)?.epoch() }
            }
            PacketType::Diff => Packet::Diff { zxid: zxid_of(&packet)? },
            PacketType::Trunc => Packet::Trunc { zxid: zxid_of(&packet)? },
            PacketType::NewLeader => {
                let epoch = zxid_of(&packet)?.epoch();
                Packet::NewLeader { epoch, config: packet.data.unwrap_or_default() }
            }
            PacketType::UpToDate => Packet::UpToDate,
            PacketType::Proposal => {
                let (zxid, txn) = self.txn(&packet, required(data, "Proposal.data")?.clone())?;
                Packet::Proposal { zxid, txn }
            }
            PacketType::Inform => {
                let (zxid, txn) = self.txn(&packet, required(data, "Inform.data")?.clone())?;
                Packet::Inform { zxid, txn }
            }
            PacketType::Commit => Packet::Commit { zxid: zxid_of(&packet)? },
            PacketType::CommitAndActivate => {
                let (designated_leader, _) = activation(required(data, "CommitAndActivate.data")?)?;
                Packet::CommitAndActivate { zxid: zxid_of(&packet)?, designated_leader }
            }
            PacketType::InformAndActivate => {
                let (designated_leader, txn) = activation(required(data, "InformAndActivate.data")?)?;
                let (zxid, txn) = self.txn(&packet, txn)?;
                Packet::InformAndActivate { zxid, designated_leader, txn }
            }
            PacketType::Ping => Packet::Ping { zxid: zxid_of(&packet)?, touches: Vec::new() },
            PacketType::Sync => Packet::Sync,
            PacketType::Revalidate => {
                let mut r = Reader::new(required(data, "Revalidate.data")?);
                let session = Jute::read(&mut r, "Revalidate.sessionId")?;
                Packet::Revalidated { session, valid: r.boolean("Revalidate.valid")? }
            }
            _ => return Err(unexpected(&packet)),
        })
    }

    fn txn(&self, packet: &QuorumPacket, bytes: Bytes) -> Result<(Zxid, P), WireError> {
        let zxid = zxid_of(packet)?;
        Ok((zxid, P::from_txn_bytes(zxid, bytes)?))
    }
}

/// The designated leader of an activation, and what follows it.
fn activation(data: &Bytes) -> Result<(ServerId, Bytes), WireError> {
    let mut r = Reader::new(data);
    let designated_leader = Jute::read(&mut r, "Activation.designatedLeader")?;
    Ok((designated_leader, r.rest()))
}

/// A zxid that must be one: negative numbers would be epochs that no ensemble reaches.
fn zxid_of(packet: &QuorumPacket) -> Result<Zxid, WireError> {
    let why = Why::Value(packet.zxid);
    let zxid = u64::try_from(packet.zxid);
    zxid.map(Zxid).map_err(|_| WireError { field: "QuorumPacket.zxid", at: 4, why })
}

fn check_version(field: &'static str, version: i32) -> Result<(), WireError> {
    let why = Why::Value(i64::from(version));
    if version >= PROTOCOL_VERSION { Ok(()) } else { Err(WireError { field, at: 0, why }) }
}

fn unexpected(packet: &QuorumPacket) -> WireError {
    WireError { field: "QuorumPacket.type", at: 0, why: Why::Value(i64::from(packet.kind)) }
}
