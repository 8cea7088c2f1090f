//! Every decoder of the three ports, of the log and of snapshots.

use bytes::Bytes;
use fastrand::Rng;
use quorate_core::ids::ServerId;
use quorate_core::pipeline::{ClientTxn, ImageBuilder, Settings};
use quorate_core::wire::client::{
    ConnectRequest, ConnectResponse, OpCode, ReplyHeader, Request, RequestHeader, Response, WatcherEvent,
};
use quorate_core::wire::election::{ConfigText, InitialMessage, NotificationMessage};
use quorate_core::wire::files::txn_zxid_and_type;
use quorate_core::wire::frame::FrameDecoder;
use quorate_core::wire::jute::{DEFAULT_MAX_FIELD, Jute, Reader};
use quorate_core::wire::quorum::{PeerDecoder, Side};
use quorate_core::wire::snapshot::SnapshotDecoder;
use quorate_core::wire::txn::Txn;

use super::corpus::{golden, kept, recorded};
use super::mutate::mutated;
use super::run::{cases, measured};

/// Without the length in front, and with it.
fn frames(corpus: &[Vec<u8>]) -> Vec<Vec<u8>> {
    corpus.iter().filter(|frame| frame.len() > 4).map(|frame| frame[4..].to_vec()).collect()
}

#[test]
fn what_clients_and_servers_say_to_each_other() {
    let recorded =
        recorded(&["01_connect.txt", "02_requests.txt", "09_master_3.10.txt", "10_edge_3.8.0.txt"]);
    let whole = frames(&recorded);
    cases("client port", 2000, |rng| {
        let bytes = Bytes::from(mutated(rng, &whole));
        let op = OpCode::ALL[rng.usize(..OpCode::ALL.len())];
        measured("a message of the client port", bytes.len(), || {
            let mut reader = Reader::new(&bytes);
            if let Ok(header) = RequestHeader::read(&mut reader, "header") {
                let body = bytes.slice(8.min(bytes.len())..);
                let _ = OpCode::from_i32(header.op).map(|op| Request::decode(op, &body));
            }
            let _ = ReplyHeader::from_bytes(&bytes);
            let _ = ConnectRequest::from_bytes(&bytes);
        });
        measured("an answer", bytes.len(), || {
            let _ = Response::read(op, &mut Reader::new(&bytes));
            let _ = ConnectResponse::from_bytes(&bytes);
            let _ = WatcherEvent::from_bytes(&bytes);
        });
        // In pieces, as they arrive.
        let bytes = mutated(rng, &recorded);
        let pieces = pieces(rng, &bytes);
        measured("frames", 4 * bytes.len(), || {
            let mut decoder = FrameDecoder::new(0, DEFAULT_MAX_FIELD);
            for piece in &pieces {
                decoder.feed(piece);
                while let Ok(Some(_)) = decoder.next_frame() {}
            }
        });
    });
}

fn pieces<'a>(rng: &mut Rng, bytes: &'a [u8]) -> Vec<&'a [u8]> {
    let cut = rng.usize(..=bytes.len());
    vec![&bytes[..cut], &bytes[cut..]]
}

#[test]
fn what_servers_say_at_the_quorum_port() {
    let corpus = recorded(&[
        "06_learner_follower.txt",
        "07_learner_observer.txt",
        "08_fake_leader.txt",
        "11_reconfig.txt",
    ]);
    let empty = ImageBuilder::new(&Settings::new(ServerId(1), 2000));
    cases("quorum port", 2000, |rng| {
        let mut bytes = mutated(rng, &corpus);
        for _ in 0..rng.u8(..3) {
            bytes.extend_from_slice(&mutated(rng, &corpus));
        }
        let pieces = pieces(rng, &bytes);
        for side in [Side::Learner, Side::Leader] {
            // A snapshot's tree has a root and pages of its own.
            measured("packets", 4 * bytes.len() + (64 << 10), || {
                let mut decoder = PeerDecoder::<ClientTxn>::new(side, DEFAULT_MAX_FIELD, empty.clone());
                for piece in &pieces {
                    decoder.feed(piece);
                    while let Ok(Some(_)) = decoder.next_packet() {}
                }
            });
        }
    });
}

#[test]
fn what_servers_say_at_the_election_port() {
    let corpus = frames(&recorded(&["05_election.txt", "08_fake_leader.txt", "11_reconfig.txt"]));
    cases("election port", 2000, |rng| {
        let bytes = mutated(rng, &corpus);
        measured("an initial message", bytes.len(), || {
            let _ = InitialMessage::parse(&bytes);
        });
        let bytes = Bytes::from(bytes);
        measured("a notification", bytes.len(), || {
            let _ = NotificationMessage::read(&bytes);
        });
        let text = String::from_utf8_lossy(&bytes).into_owned();
        measured("a configuration's text", 8 * text.len(), || {
            let _ = ConfigText::parse(&text);
        });
    });
}

#[test]
fn what_logs_and_snapshots_hold() {
    let txns = recorded(&["03_txnlog.txt"]);
    let mut snapshots =
        vec![golden("snapshot.0.bin"), golden("snapshot.31.bin"), golden("snapshot.master.bin")];
    snapshots.extend(kept(".snapshot"));
    cases("files", 1000, |rng| {
        let bytes = Bytes::from(mutated(rng, &txns));
        measured("a transaction", bytes.len(), || {
            let _ = Txn::decode(&bytes);
            let _ = txn_zxid_and_type(&bytes);
        });
        let bytes = mutated(rng, &snapshots);
        measured("a snapshot", 4 * bytes.len(), || {
            let mut decoder = SnapshotDecoder::default();
            decoder.feed(&bytes);
            while let Ok(Some(_)) = decoder.next_item() {}
        });
    });
}
