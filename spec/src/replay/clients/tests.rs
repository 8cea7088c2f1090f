//! Every rule has teeth: what breaks it is refused by its name, and what is next to that is not.

use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use quorate_core::session::password::password;
use quorate_core::wire::client::{EventType, Response, WatcherEvent};
use quorate_core::wire::error_code::ErrorCode;
use quorate_core::wire::txn::TxnHeader;

use super::rules::{CLOSED_IS_SILENT, EVENT_FIRST, NEVER_BACK, REPLIES_IN_ORDER};
use super::*;

const ALICE: SessionId = SessionId(0xA);
const BOB: SessionId = SessionId(0xB);

/// Two servers and what their clients hear. A connection has the number of its client.
#[derive(Default)]
struct Stage {
    clients: Clients,
    /// The epoch of each server, if it is not the first.
    epochs: [Epoch; 2],
    read_only: bool,
    /// Transactions that no quorum has.
    lost: Vec<Zxid>,
}

type Outcome = Result<(), Broken>;

fn z(counter: u32) -> Zxid {
    Zxid::new(1, counter)
}

fn conn(session: SessionId) -> ConnId {
    ConnId(session.0 as u64)
}

impl Stage {
    /// Both clients are connected to the first server.
    fn new() -> Stage {
        let mut stage = Stage { epochs: [1, 1], ..Stage::default() };
        for session in [ALICE, BOB] {
            stage.connect(0, session, 0);
            stage.give(0, session, session).unwrap();
        }
        stage
    }

    fn connect(&mut self, server: usize, session: SessionId, seen: i64) {
        let request = ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: seen,
            timeout_ms: 1000,
            session,
            password: Some(Bytes::copy_from_slice(&password(session))),
            read_only: Some(false),
        };
        let mut frame = Vec::new();
        request.write(&mut frame);
        let event = ClientEvent::Connect {
            frame: frame.into(),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            certificate: None,
        };
        self.clients.arrives(server, conn(session), &event, self.epochs[server]);
    }

    fn give(&mut self, server: usize, to: SessionId, session: SessionId) -> Outcome {
        let (timeout_ms, password) = (1000, password(session));
        let response =
            ConnectResponse { protocol_version: 0, timeout_ms, session, password, read_only: Some(false) };
        self.tell(server, to, &ClientReply::Connect(response))
    }

    fn refuse(&mut self, server: usize, to: SessionId) -> Outcome {
        self.tell(server, to, &ClientReply::Connect(ConnectResponse::refused(None)))
    }

    fn ask(&mut self, server: usize, session: SessionId, xid: i32, op: OpCode) {
        let mut frame = Vec::new();
        RequestHeader { xid, op: op.to_i32() }.write(&mut frame);
        let event = ClientEvent::Frame(frame.into());
        self.clients.arrives(server, conn(session), &event, self.epochs[server]);
    }

    fn tell(&mut self, server: usize, to: SessionId, reply: &ClientReply) -> Outcome {
        let at = At { server, id: ServerId(server as i64 + 1), read_only: self.read_only };
        let lost = self.lost.clone();
        self.clients.told(at, conn(to), reply, &|zxid, _| !lost.contains(&zxid))
    }

    fn answer(&mut self, server: usize, to: SessionId, xid: i32, zxid: Zxid) -> Outcome {
        self.fail(server, to, xid, zxid.0 as i64, 0)
    }

    fn fail(&mut self, server: usize, to: SessionId, xid: i32, zxid: i64, err: i32) -> Outcome {
        let header = ReplyHeader { xid, zxid, err };
        self.tell(server, to, &ClientReply::Reply { op: 0, header, body: Response::Empty })
    }

    fn event(&mut self, server: usize, to: SessionId, zxid: i64) -> Outcome {
        let event = std::sync::Arc::new(WatcherEvent::new(EventType::NodeDataChanged, "/a".into()));
        self.tell(server, to, &ClientReply::Notification { zxid, event })
    }

    fn propose(&mut self, session: SessionId, cxid: i32, zxid: Zxid, op: OpCode) {
        let mut bytes = Vec::new();
        TxnHeader { client_id: session, cxid, zxid, time: 0, op: op.to_i32() }.write(&mut bytes);
        self.clients.appended(zxid, 7, &ClientTxn(bytes.into()));
    }

    /// A write from its request to its answer.
    fn write(&mut self, server: usize, session: SessionId, xid: i32, zxid: Zxid) -> Outcome {
        self.ask(server, session, xid, OpCode::SetData);
        self.propose(session, xid, zxid, OpCode::SetData);
        self.answer(server, session, xid, zxid)
    }
}

#[track_caller]
fn refused(outcome: Outcome, rule: &Rule, words: &str) {
    match outcome {
        Err(Broken::Clients(broken, what)) => {
            assert_eq!(broken.name, rule.name, "{what}");
            assert!(what.contains(words), "{what}");
        }
        other => panic!("{other:?} where {} is broken", rule.name),
    }
}

#[test]
fn replies_come_in_the_order_of_requests() {
    let asked = || {
        let mut stage = Stage::new();
        stage.ask(0, ALICE, 1, OpCode::GetData);
        stage.ask(0, ALICE, 2, OpCode::Exists);
        stage.ask(0, ALICE, 77, OpCode::Ping);
        stage
    };
    let mut stage = asked();
    for xid in [1, 2, -2] {
        stage.answer(0, ALICE, xid, z(5)).unwrap();
    }
    assert_eq!(stage.clients.judged().operations, 2, "a ping is none");
    refused(stage.answer(0, ALICE, 3, z(5)), &REPLIES_IN_ORDER, "everything was answered");
    // Two are swapped, or the first is dropped.
    refused(asked().answer(0, ALICE, 2, z(5)), &REPLIES_IN_ORDER, "xid 1 (Read) is not answered yet");
    let mut stage = asked();
    stage.answer(0, ALICE, 1, z(5)).unwrap();
    refused(stage.answer(0, ALICE, 1, z(5)), &REPLIES_IN_ORDER, "session 0xa");
    // Another client's.
    refused(asked().answer(0, BOB, 1, z(5)), &REPLIES_IN_ORDER, "everything was answered");
}

#[test]
fn authentication_is_answered_at_once() {
    let mut stage = Stage::new();
    stage.ask(0, ALICE, 1, OpCode::SetData);
    stage.ask(0, ALICE, -4, OpCode::Auth);
    stage.ask(0, ALICE, -4, OpCode::Auth);
    for _ in 0..2 {
        stage.fail(0, ALICE, -4, 0, 0).unwrap();
    }
    refused(stage.fail(0, ALICE, -4, 0, 0), &REPLIES_IN_ORDER, "xid 1 (Write(SetData)) is not answered yet");
    stage.ask(0, ALICE, 9, OpCode::Check);
    stage.fail(0, ALICE, 9, -1, ErrorCode::Unimplemented.to_i32()).unwrap();
}

#[test]
fn a_closed_connection_hears_nothing() {
    let mut stage = Stage::new();
    stage.ask(0, ALICE, 1, OpCode::GetData);
    stage.clients.closed(0, conn(ALICE));
    refused(stage.answer(0, ALICE, 1, z(5)), &CLOSED_IS_SILENT, "server 1, connection 10");
    stage.ask(0, BOB, 1, OpCode::GetData);
    stage.clients.gone(1);
    stage.answer(0, BOB, 1, z(5)).unwrap();
    stage.clients.gone(0);
    refused(stage.event(0, BOB, 1 << 40), &CLOSED_IS_SILENT, "no session");
}

#[test]
fn only_what_is_committed_is_acknowledged() {
    let mut stage = Stage::new();
    stage.write(0, ALICE, 1, z(5)).unwrap();
    assert_eq!(stage.clients.judged().writes, 1);
    stage.ask(0, ALICE, 2, OpCode::Create);
    refused(stage.answer(0, ALICE, 2, z(6)), &ONLY_COMMITTED, "which no server has proposed");
    // The transaction of another session, of another request, of a failure.
    for (session, cxid, op, words) in [
        (BOB, 2, OpCode::Create, "that of xid 2 of session 0xb"),
        (ALICE, 3, OpCode::Create, "that of xid 3 of session 0xa"),
        (ALICE, 2, OpCode::Error, "which says that it failed"),
    ] {
        let mut stage = Stage::new();
        stage.ask(0, ALICE, 2, OpCode::Create);
        stage.propose(session, cxid, z(6), op);
        refused(stage.answer(0, ALICE, 2, z(6)), &ONLY_COMMITTED, words);
    }
    stage.lost.push(z(7));
    refused(stage.write(0, BOB, 1, z(7)), &ONLY_COMMITTED, "not on the disks of a quorum");
    // What fails is not promised to any client.
    stage.ask(0, BOB, 2, OpCode::Create);
    stage.fail(0, BOB, 2, z(7).0 as i64, ErrorCode::NoNode.to_i32()).unwrap();
    // A server without a leader ends its own sessions.
    stage.read_only = true;
    stage.ask(0, BOB, 3, OpCode::CloseSession);
    stage.answer(0, BOB, 3, z(7)).unwrap();
}

#[test]
fn writes_are_ordered_as_they_are_acknowledged() {
    let mut stage = Stage::new();
    // Under way together: either order will do.
    stage.ask(0, ALICE, 1, OpCode::SetData);
    stage.ask(0, BOB, 1, OpCode::SetData);
    stage.propose(BOB, 1, z(5), OpCode::SetData);
    stage.propose(ALICE, 1, z(6), OpCode::SetData);
    stage.propose(BOB, 2, z(7), OpCode::SetData);
    stage.propose(ALICE, 2, z(8), OpCode::SetData);
    stage.answer(0, ALICE, 1, z(6)).unwrap();
    stage.answer(0, BOB, 1, z(5)).unwrap();
    // One after the other.
    stage.ask(0, ALICE, 2, OpCode::SetData);
    stage.answer(0, ALICE, 2, z(8)).unwrap();
    stage.ask(0, BOB, 2, OpCode::SetData);
    let words = "the write 2 is 0x100000007; 0x100000008 was answered OK before it arrived";
    refused(stage.answer(0, BOB, 2, z(7)), &WRITES_IN_REAL_TIME, words);
}

#[test]
fn a_session_never_goes_back() {
    let mut stage = Stage::new();
    for xid in 1..=3 {
        stage.ask(0, ALICE, xid, OpCode::GetData);
    }
    stage.answer(0, ALICE, 1, z(5)).unwrap();
    stage.answer(0, ALICE, 2, z(5)).unwrap();
    refused(
        stage.answer(0, ALICE, 3, z(4)),
        &NEVER_BACK,
        "shows 0x100000004 to a client that saw 0x100000005",
    );
    // Across servers, as far as the client has seen.
    for (seen, shown, holds) in [(z(5).0 as i64, 5, true), (z(5).0 as i64, 4, false), (-1, 4, true)] {
        let mut stage = Stage::new();
        stage.connect(1, ALICE, seen);
        stage.give(1, ALICE, ALICE).unwrap();
        stage.ask(1, ALICE, 1, OpCode::Ping);
        let outcome = stage.answer(1, ALICE, -2, z(shown));
        if holds {
            outcome.unwrap();
        } else {
            refused(outcome, &NEVER_BACK, "server 2");
        }
    }
}

#[test]
fn an_event_comes_before_what_it_announces() {
    let asked = || {
        let mut stage = Stage::new();
        stage.ask(0, ALICE, 1, OpCode::GetData);
        stage.ask(0, ALICE, 2, OpCode::GetData);
        stage.answer(0, ALICE, 1, z(5)).unwrap();
        stage
    };
    let mut stage = asked();
    for zxid in [z(6), z(6)] {
        stage.event(0, ALICE, zxid.0 as i64).unwrap();
    }
    stage.answer(0, ALICE, 2, z(6)).unwrap();
    stage.event(0, ALICE, -1).unwrap();
    assert_eq!(stage.clients.judged().events, 3);
    let mut stage = asked();
    stage.answer(0, ALICE, 2, z(6)).unwrap();
    refused(
        stage.event(0, ALICE, z(6).0 as i64),
        &EVENT_FIRST,
        "comes after a reply that showed 0x100000006",
    );
    let mut stage = asked();
    stage.event(0, ALICE, z(8).0 as i64).unwrap();
    refused(stage.event(0, ALICE, z(7).0 as i64), &NEVER_BACK, "the event of 0x100000007");
    refused(stage.answer(0, ALICE, 2, z(7)), &NEVER_BACK, "saw 0x100000008");
}

#[test]
fn a_sync_shows_what_was_acknowledged_before_it() {
    let mut stage = Stage::new();
    stage.connect(1, BOB, 0);
    stage.give(1, BOB, BOB).unwrap();
    stage.ask(1, BOB, 1, OpCode::Sync);
    stage.write(0, ALICE, 1, z(5)).unwrap();
    stage.answer(1, BOB, 1, z(4)).unwrap();
    stage.ask(1, BOB, 2, OpCode::Sync);
    let words = "the sync 2 shows 0x100000004; 0x100000005 was answered OK before it arrived";
    refused(stage.answer(1, BOB, 2, z(4)), &SYNC_IS_FRESH, words);
    // The first server follows the next leader; the second one's leader does not know that yet.
    stage.epochs[0] = 2;
    stage.write(0, ALICE, 2, Zxid::new(2, 1)).unwrap();
    stage.ask(1, BOB, 3, OpCode::Sync);
    stage.answer(1, BOB, 3, z(5)).unwrap();
    stage.epochs[1] = 2;
    stage.ask(1, BOB, 4, OpCode::Sync);
    refused(stage.answer(1, BOB, 4, z(5)), &SYNC_IS_FRESH, "0x200000001 was answered OK");
}

#[test]
fn an_ended_session_does_nothing_more() {
    let ended = |cxid| {
        let mut stage = Stage::new();
        stage.propose(ALICE, cxid, z(5), OpCode::CloseSession);
        stage.clients.delivered(z(5)).unwrap();
        stage.propose(ALICE, 2, z(6), OpCode::Error);
        stage.clients.delivered(z(6)).unwrap();
        assert_eq!(stage.clients.judged().ended, 1);
        stage
    };
    for op in [OpCode::Create, OpCode::CreateSession, OpCode::Multi] {
        let mut stage = ended(1);
        stage.propose(ALICE, 2, z(7), op);
        refused(stage.clients.delivered(z(7)), &ENDED_IS_SILENT, "is of session 0xa");
        stage.propose(BOB, 2, z(8), op);
        stage.clients.delivered(z(8)).unwrap();
    }
    // Its client may close it again; the ensemble must not.
    for (first, again, holds) in [(0, 3, true), (1, 3, true), (1, 0, true), (0, 0, false)] {
        let mut stage = ended(first);
        stage.propose(ALICE, again, z(7), OpCode::CloseSession);
        match stage.clients.delivered(z(7)) {
            Ok(()) => assert!(holds),
            outcome => refused(outcome, &ENDED_ONCE, "session 0xa expires again by transaction 0x100000007"),
        }
    }
}

#[test]
fn who_was_told_the_end_is_not_let_in() {
    for read_only in [false, true] {
        let mut stage = Stage { read_only, ..Stage::new() };
        stage.connect(1, ALICE, 0);
        stage.refuse(1, ALICE).unwrap();
        stage.connect(0, ALICE, 0);
        let outcome = stage.give(0, ALICE, ALICE);
        if read_only {
            outcome.unwrap();
        } else {
            refused(outcome, &ENDED_ONCE, "a client was told that it has ended");
        }
    }
    let mut stage = Stage::new();
    stage.connect(0, ALICE, 0);
    refused(stage.give(0, ALICE, BOB), &ENDED_ONCE, "was given 0xb");
}

#[test]
fn old_transactions_are_forgotten_and_not_missed() {
    let mut stage = Stage::new();
    let many = 1 << 17;
    for counter in 1..=many + 2 {
        stage.propose(ALICE, 1, z(counter), OpCode::Create);
    }
    // A follower logs it again, a deposed leader something of its own.
    stage.propose(BOB, 1, z(many), OpCode::Create);
    for (zxid, known) in [(2, false), (3, true), (many, true)] {
        stage.ask(0, BOB, 1, OpCode::Create);
        let outcome = stage.answer(0, BOB, 1, z(zxid));
        if known {
            refused(outcome, &ONLY_COMMITTED, "of session 0xa");
        } else {
            outcome.unwrap();
        }
        stage.connect(0, BOB, 0);
        stage.give(0, BOB, BOB).unwrap();
    }
}

#[test]
fn each_rule_has_one_name() {
    let names: HashSet<&str> = RULES.iter().map(|rule| rule.name).collect();
    assert_eq!(names.len(), RULES.len());
}
