//! What is written is read; what is damaged is noticed, and where.

use alloc::vec;
use std::net::{Ipv4Addr, SocketAddr};

use super::*;
use crate::election::{Notification, ServerState, Vote};
use crate::ids::{ConnId, ServerId, Zxid};
use crate::payload::Service;
use crate::pipeline::{ClientEvent, Settings, TreeService};
use crate::zab::Packet;

fn now() -> Now {
    Now { elapsed_ms: 5, wall_ms: -1 }
}

fn inputs() -> Vec<Input<ClientTxn>> {
    let link = Link { server: ServerId(2), generation: 9 };
    let address = Ipv4Addr::LOCALHOST.into();
    let vote = Vote { leader: ServerId(3), zxid: Some(Zxid::new(2, 7)), peer_epoch: 2 };
    let snapshot = TreeService::new(&Settings::new(ServerId(1), 2000), None).snapshot();
    vec![
        Input::Start,
        Input::Client(
            ConnId(1),
            ClientEvent::Connect { frame: b"abc"[..].into(), address, certificate: None },
        ),
        Input::Notification(ServerId(2), Notification { state: ServerState::Looking, vote, round: 4 }),
        Input::Packet(link, Packet::Proposal { zxid: Zxid::new(2, 8), txn: ClientTxn(b"txn"[..].into()) }),
        Input::Packet(link, Packet::Snap { zxid: Zxid::new(2, 0), snapshot }),
        Input::Done(Ticket(77)),
    ]
}

#[test]
fn what_is_written_is_read() {
    let mut file = MAGIC.to_vec();
    for input in inputs() {
        let at = begin_step(&mut file, now(), &input);
        finish_step(&mut file, at, 42);
    }
    let socket = SocketAddr::from((Ipv4Addr::LOCALHOST, 2888));
    let link = Link { server: ServerId(-1), generation: 1 };
    write(&mut file, &Record::Opened { link, dialed: true, local: socket, remote: socket });
    write(&mut file, &Record::End);
    let mut frames = Frames::new(&file).unwrap();
    for written in inputs() {
        let record = read(frames.next().unwrap().unwrap()).unwrap();
        let Record::Step { now: at, input, outputs: 42 } = record else { panic!("{record:?}") };
        assert_eq!((at, &input), (now(), &written));
    }
    let opened = read(frames.next().unwrap().unwrap()).unwrap();
    assert!(matches!(opened, Record::Opened { link: l, local, .. } if l == link && local == socket));
    assert!(matches!(read(frames.next().unwrap().unwrap()).unwrap(), Record::End));
    assert_eq!(frames.next(), Ok(None));
}

#[test]
fn damage_is_noticed_where_it_is() {
    assert_eq!(Frames::new(b"ZKLG\0\0\0\x02").unwrap_err(), Damage::Foreign);
    assert_eq!(Frames::new(b"QREC").unwrap_err(), Damage::Foreign);
    assert_eq!(Frames::new(b"QREC\0\0\0\x09").unwrap_err(), Damage::Version(9));
    let mut file = MAGIC.to_vec();
    write(&mut file, &Record::Synced(Ticket(3)));
    let second = file.len();
    write(&mut file, &Record::Synced(Ticket(4)));
    for len in second + 1..file.len() {
        let mut frames = Frames::new(&file[..len]).unwrap();
        assert!(frames.next().unwrap().is_some());
        assert_eq!((frames.next(), frames.offset()), (Err(Damage::Torn), second));
    }
    // The length of the first one: it ends nowhere, or within the second one.
    for (at, bit) in (8..12).flat_map(|at| [(at, 1), (at, 0x40)]) {
        let mut damaged = file.clone();
        damaged[at] ^= bit;
        let mut frames = Frames::new(&damaged).unwrap();
        let wrong = frames.next().unwrap_err();
        assert!(matches!(wrong, Damage::Length | Damage::Checksum), "byte {at}: {wrong}");
        assert_eq!(frames.offset(), MAGIC.len());
    }
    for at in second + 4..file.len() {
        let mut damaged = file.clone();
        damaged[at] ^= 1;
        let mut frames = Frames::new(&damaged).unwrap();
        assert!(frames.next().unwrap().is_some());
        assert_eq!((frames.next(), frames.offset()), (Err(Damage::Checksum), second));
    }
}

#[test]
fn a_fingerprint_depends_on_every_output() {
    use crate::output::Output;
    let one = |ticket| Output::SaveAcceptedEpoch(Ticket(ticket), 3);
    let all = fingerprint::of_outputs(&[one(1), one(2)]);
    assert_ne!(all, fingerprint::of_outputs(&[one(2), one(1)]));
    assert_ne!(all, fingerprint::of_outputs(&[one(1)]));
    assert_eq!(all, fingerprint::of_outputs(&[one(1), one(2)]));
}
