//! What real leaders and learners said to each other reads and writes as recorded.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::ids::{ConnId, Now, ServerId, SessionId, Touch, Zxid};
use crate::payload::{Effects, Origin, Payload, RequestKind, Service, ServingRole, Size};
use crate::wire::client::{OpCode, Request};
use crate::wire::golden::{Recorded, recordings};
use crate::wire::jute::{DEFAULT_MAX_FIELD, Jute, Why, WireError, write_buffer};
use crate::wire::record::Id;
use crate::wire::snapshot::{Nodes, SnapshotEncoder, SnapshotItem, SnapshotNode};
use crate::wire::state::{Reach, SnapshotBody, SnapshotBuilder};
use crate::wire::txn::{Txn, TxnBody};
use crate::zab::Packet;

const FOLLOWER: &str = include_str!("../../../../tests/golden/06_learner_follower.txt");
const OBSERVER: &str = include_str!("../../../../tests/golden/07_learner_observer.txt");
const FAKE_LEADER: &str = include_str!("../../../../tests/golden/08_fake_leader.txt");
const RECONFIG: &str = include_str!("../../../../tests/golden/11_reconfig.txt");

/// A payload that keeps bytes as they came, and a service that is never run.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Raw(Bytes);

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Idle;

impl Payload for Raw {
    type Service = Idle;
}

impl Size for Raw {
    fn size(&self) -> usize {
        self.0.len()
    }
}

impl Size for WireRequest {
    fn size(&self) -> usize {
        self.body.len()
    }
}

impl Size for Idle {
    fn size(&self) -> usize {
        0
    }
}

impl Service for Idle {
    type Txn = Raw;
    type Settings = ();
    type Snapshot = Vec<SnapshotItem>;
    type Client = ();
    type Reply = ();
    type Request = WireRequest;

    fn new((): &(), _: Option<&Vec<SnapshotItem>>) -> Self {
        Idle
    }
    fn client(&mut self, _: Now, _: ConnId, (): (), _: &mut Effects<Self>) {}
    fn prepare(&mut self, _: Now, _: Zxid, request: &WireRequest, _: Origin) -> Raw {
        Raw(request.body.clone())
    }
    fn kind(_: &WireRequest) -> RequestKind {
        RequestKind::Write
    }
    fn apply(&mut self, _: Now, _: Zxid, _: &Raw, _: &mut Effects<Self>) {}
    fn synced(&mut self, _: Now, _: &WireRequest, _: &mut Effects<Self>) {}
    fn snapshot(&self) -> Vec<SnapshotItem> {
        vec![]
    }
    fn install(&mut self, _: &Vec<SnapshotItem>) {}
    fn serve(&mut self, _: Now, _: ServingRole, _: Zxid, _: &mut Effects<Self>) {}
    fn stop(&mut self, _: &mut Effects<Self>) {}
    fn expire(&mut self, _: Now, _: &mut Effects<Self>) {}
    fn touch(&mut self, _: Now, _: &[Touch]) {}
    fn take_touches(&mut self) -> Vec<Touch> {
        vec![]
    }
    fn revalidate(&mut self, _: Now, _: Touch, _: Origin) -> bool {
        false
    }
    fn revalidated(&mut self, _: Now, _: SessionId, _: bool, _: &mut Effects<Self>) {}
}

impl WirePayload for Raw {
    type Builder = Items;

    fn snapshot_body(_: &Vec<SnapshotItem>) -> Box<dyn SnapshotBody + Send> {
        unreachable!("the tests write snapshots themselves")
    }
    fn txn_bytes(&self) -> &[u8] {
        &self.0
    }
    fn from_txn_bytes(zxid: Zxid, bytes: Bytes) -> Result<Self, WireError> {
        let txn = Txn::decode(&bytes).map_err(|e| e.error)?;
        let why = Why::Value(txn.header.zxid.0 as i64);
        if txn.header.zxid == zxid { Ok(Raw(bytes)) } else { Err(WireError { field: "zxid", at: 12, why }) }
    }
    fn request_to_wire(request: &WireRequest) -> WireRequest {
        request.clone()
    }
    fn request_from_wire(request: WireRequest) -> Result<WireRequest, WireError> {
        Ok(request)
    }
}

#[derive(Clone, Default)]
struct Items(Vec<SnapshotItem>);

impl SnapshotBuilder for Items {
    type Snapshot = Vec<SnapshotItem>;
    type Error = WireError;
    fn add(&mut self, item: SnapshotItem) -> Result<(), WireError> {
        self.0.push(item);
        Ok(())
    }
    fn finish(self, _: Zxid, _: Reach) -> Result<Vec<SnapshotItem>, WireError> {
        Ok(self.0)
    }
}

fn write_snapshot(items: &[SnapshotItem], out: &mut Vec<u8>) {
    let (mut sessions, mut acls, mut nodes) = (vec![], vec![], vec![]);
    for item in items.iter().cloned() {
        match item {
            SnapshotItem::Session(id, timeout) => sessions.push((id, timeout)),
            SnapshotItem::Acl(index, acl) => acls.push((index, acl)),
            SnapshotItem::Node(node) => nodes.push(node),
            SnapshotItem::End => panic!("the end mark is not an item"),
        }
    }
    let nodes = Nodes::new(nodes.into_iter());
    assert!(SnapshotEncoder::new(sessions.into_iter(), acls.into_iter(), nodes).fill(out, usize::MAX / 2));
    write_snapshot_trailer(out);
}

/// Whether a learner sent the packet to the leader, by the text above the bytes.
fn from_learner(recorded: &Recorded, java_leads: bool) -> bool {
    let java = recorded.label.starts_with("peer") || java_leads && recorded.label.starts_with("SNAP payload");
    java != java_leads
}

/// Reads every message of one direction in chunks, writes it again, and compares.
fn both_ways(stream: &[u8], local: Local, chunk: usize) -> Vec<Packet<Raw>> {
    let receiver = if local.side == Side::Leader { Side::Learner } else { Side::Leader };
    let mut decoder = PeerDecoder::<Raw>::new(receiver, DEFAULT_MAX_FIELD, Items::default());
    let (mut packets, mut again) = (vec![], vec![]);
    for part in stream.chunks(chunk) {
        decoder.feed(part);
        while let Some(packet) = decoder.next_packet().unwrap() {
            let snapshot = write_packet(&packet, &local, &mut again).cloned();
            if let Some(snapshot) = snapshot {
                write_snapshot(&snapshot, &mut again);
            }
            packets.push(packet);
        }
    }
    assert!(decoder.buffer().is_empty());
    assert_eq!(again, stream);
    packets
}

/// The streams of a recording: what learners said to the leader, and the other way.
fn streams(text: &str, java_leads: bool, wanted: impl Fn(&str) -> bool) -> (Vec<u8>, Vec<u8>) {
    let (mut to_leader, mut to_learner) = (vec![], vec![]);
    for recorded in recordings(text).iter().filter(|r| wanted(&r.label)) {
        let to = if from_learner(recorded, java_leads) { &mut to_leader } else { &mut to_learner };
        to.extend_from_slice(&recorded.bytes);
    }
    (to_leader, to_learner)
}

/// The configuration's text in the first NEWLEADER of a recording.
fn config_of(text: &str) -> Bytes {
    let new_leader = recordings(text).into_iter().find(|r| r.label.contains("NEWLEADER type=10")).unwrap();
    QuorumPacket::from_bytes(&new_leader.bytes).unwrap().data.unwrap()
}

fn kinds(packets: &[Packet<Raw>]) -> Vec<&'static str> {
    packets
        .iter()
        .map(|p| match p {
            Packet::FollowerInfo { .. } => "FOLLOWERINFO",
            Packet::ObserverInfo { .. } => "OBSERVERINFO",
            Packet::LeaderInfo { .. } => "LEADERINFO",
            Packet::AckEpoch { .. } => "ACKEPOCH",
            Packet::Diff { .. } => "DIFF",
            Packet::Trunc { .. } => "TRUNC",
            Packet::Snap { .. } => "SNAP",
            Packet::NewLeader { .. } => "NEWLEADER",
            Packet::UpToDate => "UPTODATE",
            Packet::Ack { .. } => "ACK",
            Packet::Proposal { .. } => "PROPOSAL",
            Packet::Commit { .. } => "COMMIT",
            Packet::Inform { .. } => "INFORM",
            Packet::CommitAndActivate { .. } => "COMMITANDACTIVATE",
            Packet::InformAndActivate { .. } => "INFORMANDACTIVATE",
            Packet::Request(_) => "REQUEST",
            Packet::Sync => "SYNC",
            Packet::Ping { .. } => "PING",
            Packet::Revalidate(_) => "REVALIDATE",
            Packet::Revalidated { .. } => "REVALIDATED",
        })
        .collect()
}

#[test]
fn a_follower_of_a_real_leader() {
    let (to_leader, to_learner) = streams(FOLLOWER, true, |_| true);
    let config = config_of(FOLLOWER);
    for chunk in [1, 13, usize::MAX] {
        let learner = Local { side: Side::Learner, id: ServerId(3) };
        let said = both_ways(&to_leader, learner, chunk);
        assert_eq!(kinds(&said)[..4], ["FOLLOWERINFO", "ACKEPOCH", "ACK", "ACK"]);
        assert_eq!(said[1], Packet::AckEpoch { current_epoch: Some(0), last_zxid: Zxid(0) });
        let session = SessionId(0x0312_3456_789a_0000);
        let touch = Touch { session, timeout_ms: 12000 };
        assert!(said.contains(&Packet::Revalidate(touch)));
        assert!(said.contains(&Packet::Ping { zxid: Zxid::new(1, 3), touches: vec![touch] }));
        assert!(said.contains(&Packet::Ping { zxid: Zxid::new(1, 3), touches: vec![] }));
        let requests: Vec<&WireRequest> =
            said.iter().filter_map(|p| if let Packet::Request(r) = p { Some(r) } else { None }).collect();
        assert_eq!(requests.len(), 5);
        assert_eq!((requests[0].op, requests[0].authinfo.as_ref()), (-10, None));
        assert_eq!(
            (requests[1].session, requests[1].cxid, requests[1].authinfo.as_deref()),
            (session, 1, Some(&[Id::new("ip", "127.0.0.1")][..]))
        );
        let create = Request::decode(OpCode::Create, &requests[1].body).unwrap();
        assert!(matches!(create, Request::Create(c) if c.path == "/fromfake"));
        assert!(requests[4].body.is_empty());

        let leader = Local { side: Side::Leader, id: ServerId(2) };
        let heard = both_ways(&to_learner, leader, chunk);
        assert_eq!(kinds(&heard)[..4], ["LEADERINFO", "SNAP", "NEWLEADER", "UPTODATE"]);
        assert_eq!(heard[0], Packet::LeaderInfo { epoch: 1 });
        assert_eq!(heard[2], Packet::NewLeader { epoch: 1, config: config.clone() });
        let Packet::Snap { zxid, snapshot } = &heard[1] else { panic!() };
        assert_eq!(*zxid, Zxid::new(1, 0));
        assert!(matches!(&snapshot[1], SnapshotItem::Node(SnapshotNode { path, .. }) if path.is_empty()));
        assert!(!heard.contains(&Packet::Revalidated { session, valid: true }), "it was not created yet");
        assert!(heard.contains(&Packet::Revalidated { session, valid: false }));
        assert!(heard.contains(&Packet::Sync));
        assert!(heard.contains(&Packet::Commit { zxid: Zxid::new(1, 4) }));
    }
}

#[test]
fn an_observer_of_a_real_leader() {
    // Behind the last SNAP the recording ends: what follows it is not there.
    let (to_leader, to_learner) = streams(OBSERVER, true, |label| !label.contains("SNAP type=15"));
    let learner = Local { side: Side::Learner, id: ServerId(9) };
    let said = both_ways(&to_leader, learner, 100);
    assert_eq!(said[0], Packet::ObserverInfo { accepted_epoch: 1, config_version: 0 });
    assert_eq!(said[1], Packet::AckEpoch { current_epoch: None, last_zxid: Zxid::new(1, 2) });
    let leader = Local { side: Side::Leader, id: ServerId(2) };
    let heard = both_ways(&to_learner, leader, 100);
    assert_eq!(heard[1], Packet::Diff { zxid: Zxid::new(1, 4) });
    assert!(heard.contains(&Packet::Trunc { zxid: Zxid::new(1, 8) }));
    assert!(kinds(&heard).contains(&"INFORM"));
}

#[test]
fn real_followers_of_a_leader() {
    let on_port = |label: &str| !label.starts_with("FLE");
    let (to_leader, to_learner) = streams(FAKE_LEADER, false, on_port);
    // Both followers in one stream; their ids differ, so FOLLOWERINFO cannot be written for both.
    let mut decoder = PeerDecoder::<Raw>::new(Side::Leader, DEFAULT_MAX_FIELD, Items::default());
    decoder.feed(&to_leader);
    let mut ids = vec![];
    let mut again = vec![];
    while let Some(packet) = decoder.next_packet().unwrap() {
        if matches!(packet, Packet::FollowerInfo { .. }) {
            ids.push(decoder.learner().unwrap());
        }
        let id = decoder.learner().unwrap().server.unwrap();
        let local = Local { side: Side::Learner, id };
        assert!(write_packet(&packet, &local, &mut again).is_none());
    }
    assert_eq!(again, to_leader);
    let info = |id| LearnerInfo { server: Some(ServerId(id)), protocol_version: 0x10000, config_version: 0 };
    assert_eq!(ids, [info(1), info(2)]);
    // Between SNAP and its stream, nothing else was sent on that connection; order by connection.
    for sid in ["sid 1", "sid 2"] {
        let stream: Vec<u8> = recordings(FAKE_LEADER)
            .iter()
            .filter(|r| on_port(&r.label) && !r.label.starts_with("peer") && r.label.contains(sid))
            .flat_map(|r| r.bytes.to_vec())
            .collect();
        let leader = Local { side: Side::Leader, id: ServerId(3) };
        let heard = both_ways(&stream, leader, 50);
        assert_eq!(heard[0], Packet::LeaderInfo { epoch: 6 });
        assert_eq!(kinds(&heard)[1], if sid == "sid 1" { "SNAP" } else { "DIFF" });
        assert!(kinds(&heard).ends_with(&["PROPOSAL", "COMMIT"]));
    }
    assert!(to_learner.len() > 1000);
}

#[test]
fn reconfig_packets_say_what_they_activate() {
    let mut decoder = PeerDecoder::<Raw>::new(Side::Learner, DEFAULT_MAX_FIELD, Items::default());
    let (mut activations, mut configs) = (vec![], vec![]);
    for recorded in recordings(RECONFIG).iter().filter(|r| r.label.starts_with("peer")) {
        // Byte for byte, whatever the packet is.
        assert_eq!(QuorumPacket::from_bytes(&recorded.bytes).unwrap().to_bytes(), recorded.bytes);
        decoder.feed(&recorded.bytes);
        let packet = decoder.next_packet().unwrap().expect("a whole packet");
        let mut again = vec![];
        let local = Local { side: Side::Leader, id: ServerId(2) };
        assert!(write_packet(&packet, &local, &mut again).is_some() || again == recorded.bytes);
        match packet {
            Packet::NewLeader { config, .. } => configs.push(config),
            Packet::CommitAndActivate { .. } | Packet::InformAndActivate { .. } => activations.push(packet),
            _ => {}
        }
    }
    let config = configs.last().unwrap();
    assert!(config.starts_with(b"server.1=127.0.0.1:24211:24212:participant;127.0.0.1:24201\n"));
    let designated_leader = ServerId(2);
    let [commit, Packet::InformAndActivate { zxid, designated_leader: second, txn }] = &activations[..]
    else {
        panic!()
    };
    assert_eq!((*zxid, *second), (Zxid::new(1, 2), designated_leader));
    assert_eq!(commit, &Packet::CommitAndActivate { zxid: *zxid, designated_leader });
    let TxnBody::Reconfig(reconfig) = Txn::decode(&txn.0).unwrap().body else { panic!() };
    assert_eq!(reconfig.path, "/zookeeper/config");
}

fn refused(side: Side, packet: &QuorumPacket) -> WireError {
    let mut decoder = PeerDecoder::<Raw>::new(side, DEFAULT_MAX_FIELD, Items::default());
    decoder.feed(&packet.to_bytes());
    decoder.next_packet().unwrap_err()
}

#[test]
fn messages_the_wrong_way_are_refused() {
    for kind in PacketType::ALL {
        let packet = QuorumPacket::new(*kind, 0, Some(Bytes::from_static(&[0; 40])));
        let both = matches!(kind, PacketType::Ping | PacketType::Revalidate);
        let to_leader = matches!(
            kind,
            PacketType::FollowerInfo
                | PacketType::ObserverInfo
                | PacketType::AckEpoch
                | PacketType::Ack
                | PacketType::Request
        );
        if !both {
            let side = if to_leader { Side::Learner } else { Side::Leader };
            assert_eq!(refused(side, &packet).field, "QuorumPacket.type", "{kind:?}");
        }
    }
    let unknown = QuorumPacket { kind: 20, zxid: 0, data: None, authinfo: None };
    assert_eq!(refused(Side::Leader, &unknown).why, Why::Value(20));
    assert_eq!(refused(Side::Learner, &unknown).why, Why::Value(20));
}

#[test]
fn numbers_out_of_range_are_refused() {
    let data = |n: i32| Some(Bytes::copy_from_slice(&n.to_be_bytes()));
    let error = refused(Side::Leader, &QuorumPacket::new(PacketType::AckEpoch, 5, data(-2)));
    assert_eq!((error.field, error.why), ("AckEpoch.currentEpoch", Why::Value(-2)));
    let error = refused(Side::Leader, &QuorumPacket::new(PacketType::Ack, -1, None));
    assert_eq!((error.field, error.why), ("QuorumPacket.zxid", Why::Value(-1)));
    let error = refused(Side::Learner, &QuorumPacket::new(PacketType::LeaderInfo, 0, data(1)));
    assert_eq!((error.field, error.why), ("LeaderInfo.protocolVersion", Why::Value(1)));
    let error = refused(Side::Leader, &QuorumPacket::new(PacketType::FollowerInfo, 0, None));
    assert_eq!((error.field, error.why), ("LearnerInfo.protocolVersion", Why::Value(1)));
    let error = refused(Side::Learner, &QuorumPacket::new(PacketType::Proposal, 1, None));
    assert_eq!((error.field, error.why), ("Proposal.data", Why::Null));
    // A learner without history says −1 everywhere; it is one that does not count.
    let mut decoder = PeerDecoder::<Raw>::new(Side::Leader, DEFAULT_MAX_FIELD, Items::default());
    decoder.feed(&QuorumPacket::new(PacketType::AckEpoch, -1, data(0)).to_bytes());
    let nothing = Packet::AckEpoch { current_epoch: None, last_zxid: Zxid(0) };
    assert_eq!(decoder.next_packet(), Ok(Some(nothing)));
}

#[test]
fn learners_may_say_less() {
    let whole =
        Bytes::from([&[0, 0, 0, 0, 0, 0, 0, 7][..], &[0, 1, 0, 0], &[0, 0, 0, 0, 0, 0, 0, 9]].concat());
    let read = |n: usize| LearnerInfo::read(Some(&whole.slice(..n))).unwrap();
    assert_eq!(read(20).config_version, 9);
    assert_eq!((read(12).protocol_version, read(12).config_version), (0x10000, 0));
    assert_eq!((read(8).server, read(8).protocol_version), (Some(ServerId(7)), 1));
    assert!(LearnerInfo::read(Some(&whole.slice(..7))).is_err());
    assert_eq!(LearnerInfo::read(None).unwrap().server, None);
}

#[test]
fn a_snapshot_ends_with_its_trailer() {
    let mut stream = QuorumPacket::new(PacketType::Snap, 7, None).to_bytes();
    let start = stream.len() as u64;
    write_snapshot(&[SnapshotItem::Session(SessionId(1), 2)], &mut stream);
    let last = stream.len() - 1;
    let mut decoder = PacketDecoder::default();
    decoder.feed(&stream);
    let mut received = vec![];
    while let Some(next) = decoder.next_received().unwrap() {
        received.push(next);
    }
    let [_, Received::Item(SnapshotItem::Session(..)), Received::SnapshotEnd] = received[..] else {
        panic!("{received:?}")
    };
    stream[last] = b'!';
    let mut decoder = PacketDecoder::default();
    decoder.feed(&stream);
    assert!(matches!(decoder.next_received(), Ok(Some(Received::Packet(_)))));
    assert!(matches!(decoder.next_received(), Ok(Some(Received::Item(_)))));
    let error = decoder.next_received().unwrap_err();
    assert_eq!(error.at, start + 4 + 12 + 4 + 5);
    assert_eq!(error.to_string(), "Snap.trailer at byte 45: the snapshot does not end with BenWasHere");
}

#[test]
fn lengths_are_checked_before_the_bytes_arrive() {
    let mut decoder = PacketDecoder::new(1000);
    let mut head = QuorumPacket::new(PacketType::Proposal, 1, None).to_bytes();
    decoder.feed(&head);
    assert!(decoder.next_received().unwrap().is_some());
    head.truncate(12);
    1001i32.write(&mut head);
    decoder.feed(&head);
    let error = decoder.next_received().unwrap_err();
    assert_eq!((error.field, error.at), ("QuorumPacket.data", 32));
    // A count of identities is a claim; without bounds it would be a buffer without bounds.
    let mut decoder = PacketDecoder::new(1000);
    let mut endless = QuorumPacket::new(PacketType::Request, -1, None).to_bytes();
    endless.truncate(16);
    i32::MAX.write(&mut endless);
    (0..300).for_each(|_| write_buffer(&mut endless, Some(b"1234")));
    decoder.feed(&endless);
    assert_eq!(decoder.next_received().unwrap_err().field, "QuorumPacket.authinfo");
}

fn packet() -> impl Strategy<Value = QuorumPacket> {
    let data = proptest::option::of(proptest::collection::vec(any::<u8>(), 0..30).prop_map(Bytes::from));
    let id = ("[a-z]{0,3}", any::<String>()).prop_map(|(scheme, id)| Id { scheme, id });
    let authinfo = proptest::option::of(proptest::collection::vec(id, 0..3));
    // Everything but SNAP, behind which something else follows.
    (prop_oneof![-3i32..15, 16..25], any::<i64>(), data, authinfo)
        .prop_map(|(kind, zxid, data, authinfo)| QuorumPacket { kind, zxid, data, authinfo })
}

proptest! {
    #[test]
    fn packets_come_back_however_they_arrive(
        packets in proptest::collection::vec(packet(), 0..6),
        chunk in 1usize..60,
    ) {
        let stream: Vec<u8> = packets.iter().flat_map(|p| p.to_bytes()).collect();
        let mut decoder = PacketDecoder::default();
        let mut got = vec![];
        for part in stream.chunks(chunk) {
            decoder.feed(part);
            while let Some(received) = decoder.next_received().unwrap() {
                got.push(received);
            }
        }
        prop_assert_eq!(got, packets.into_iter().map(Received::Packet).collect::<Vec<_>>());
        prop_assert!(decoder.buffer().is_empty());
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        bytes in proptest::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 0..150),
        kind in 1i32..20,
        leader in any::<bool>(),
    ) {
        let side = if leader { Side::Leader } else { Side::Learner };
        let mut decoder = PeerDecoder::<Raw>::new(side, DEFAULT_MAX_FIELD, Items::default());
        decoder.feed(&kind.to_be_bytes());
        decoder.feed(&bytes);
        while let Ok(Some(_)) = decoder.next_packet() {}
        let data = Some(Bytes::from(bytes));
        let mut decoder = PeerDecoder::<Raw>::new(side, DEFAULT_MAX_FIELD, Items::default());
        decoder.feed(&QuorumPacket { kind, zxid: 0, data, authinfo: None }.to_bytes());
        while let Ok(Some(_)) = decoder.next_packet() {}
    }
}
