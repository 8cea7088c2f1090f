//! Reads without a leader: who is served, what is refused, and what is left of it afterwards.

use super::*;
use crate::QuorumPeer;
use crate::config::{Constant, PeerConfig};
use crate::election::{Notification, ServerState, Vote};
use crate::input::Input;
use crate::membership::Membership;
use crate::output::{Output, Outputs};
use crate::quorum::QuorumVerifier;
use crate::recovered::Recovered;
use crate::timer::{Delay, Timer};
use crate::wire::client::{SetDataRequest, WatchRequest};
use crate::wire::error_code::ErrorCode;

const NOT_READ_ONLY: i32 = ErrorCode::NotReadOnly.to_i32();

/// A server with `/a` and one session of the ensemble, which has lost the others.
fn server() -> (Server, ConnectResponse) {
    let mut server = Server::new();
    let conn = server.dial(&hello());
    let response = server.connected(conn);
    server.ask(conn, &create("/a", 0)).unwrap();
    server.step(|service, _, fx| service.stop(fx));
    let shown = server.zxid;
    server.step(|service, now, fx| service.serve(now, ServingRole::ReadOnly, shown, fx));
    (server, response)
}

fn will_read() -> ConnectRequest {
    ConnectRequest { read_only: Some(true), ..hello() }
}

fn resume(response: &ConnectResponse) -> ConnectRequest {
    let password = Some(Bytes::copy_from_slice(&response.password));
    ConnectRequest { session: response.session, password, ..will_read() }
}

fn exists(path: &str) -> Request {
    Request::Exists(WatchRequest { path: path.into(), watch: true })
}

#[test]
fn who_did_not_say_that_reads_will_do_is_turned_away() {
    let (mut server, of_the_ensemble) = server();
    let ahead = ConnectRequest { last_zxid_seen: server.zxid.0 as i64 + 1, ..will_read() };
    for refused in [
        hello(),
        ConnectRequest { read_only: None, ..hello() },
        ahead,
        // Whether it still lives, only a leader can say; the password does not matter.
        resume(&of_the_ensemble),
        ConnectRequest { password: None, ..resume(&of_the_ensemble) },
    ] {
        let conn = server.dial(&refused);
        assert!(server.is_closed(conn) && server.out.is_empty(), "{refused:?}");
    }
    assert!(server.service.clients.connections.is_empty());
}

#[test]
fn reads_are_answered_and_nothing_else() {
    let (mut server, _) = server();
    let (zxid, digest) = (server.zxid, server.service.state.tree.digest());
    let conn = server.dial(&will_read());
    let response = server.connected(conn);
    assert_eq!((response.read_only, response.timeout_ms), (Some(true), 10_000));
    assert!(matches!(server.ask(conn, &exists("/a")), Ok(Response::Stat(_))));
    assert_eq!(server.ask(conn, &exists("/b")), Err(ErrorCode::NoNode.to_i32()));
    assert_eq!(server.ask(conn, &Request::Ping), Ok(Response::Empty));
    let set = SetDataRequest { path: "/a".into(), data: None, version: -1 };
    for write in [
        create("/b", 0),
        create("/b", 1),
        Request::SetData(set),
        Request::Multi(vec![]),
        Request::Sync(Some("/a".into())),
    ] {
        assert_eq!(server.ask(conn, &write), Err(NOT_READ_ONLY), "{write:?}");
    }
    // Not even what cannot be read.
    server.send_raw(conn, 5, OpCode::Delete.to_i32(), &[0]);
    let replies = server.take(conn);
    assert!(
        matches!(&replies[..], [ClientReply::Reply { header, .. }]
            if (header.xid, header.err, header.zxid) == (5, NOT_READ_ONLY, zxid.0 as i64)),
        "{replies:?}"
    );
    assert!(!server.is_closed(conn) && server.held.is_empty());
    assert_eq!((server.zxid, server.service.state.tree.digest()), (zxid, digest));
}

#[test]
fn a_session_lives_on_this_server_until_it_is_closed_or_silent() {
    let (mut server, _) = server();
    let first = server.dial(&will_read());
    let response = server.connected(first);
    server.event(first, ClientEvent::Closed);
    let again = server.dial(&resume(&response));
    assert_eq!(server.connected(again), response);
    // With a wrong password the other connection is cut off, and this one gets nothing.
    let stranger = server.dial(&ConnectRequest { password: None, ..resume(&response) });
    assert_eq!(server.connected(stranger), ConnectResponse::refused(Some(true)));
    assert!(server.is_closed(again) && server.is_closed(stranger));

    let again = server.dial(&resume(&response));
    assert_eq!(server.connected(again), response);
    server.now.elapsed_ms += 9_000;
    server.ask(again, &Request::Ping).unwrap();
    server.event(again, ClientEvent::Closed);
    server.now.elapsed_ms += 9_000;
    let again = server.dial(&resume(&response));
    assert_eq!(server.connected(again), response);
    assert_eq!(server.service.status().local_sessions, 1);
    server.event(again, ClientEvent::Closed);
    server.now.elapsed_ms += 20_000;
    let late = server.dial(&resume(&response));
    assert_eq!(server.connected(late), ConnectResponse::refused(Some(true)));
    assert_eq!(server.service.status().local_sessions, 0);

    let conn = server.dial(&will_read());
    let response = server.connected(conn);
    assert_eq!(server.ask(conn, &Request::CloseSession), Ok(Response::Empty));
    assert!(server.is_closed(conn));
    let late = server.dial(&resume(&response));
    assert_eq!(server.connected(late), ConnectResponse::refused(Some(true)));
    assert_eq!(server.service.state.sessions.len(), 1, "the ensemble's sessions are what they were");
}

fn step(peer: &mut QuorumPeer<ClientTxn>, input: Input<ClientTxn>) -> Outputs<ClientTxn> {
    let mut out = vec![];
    peer.step(Now { elapsed_ms: 1_000_000, wall_ms: 1_000_000 }, input, &mut out);
    out
}

/// Server 1 of three, with what `log` holds, that has looked for a leader for long enough.
fn alone(log: Vec<(Zxid, ClientTxn)>, read_only: bool) -> QuorumPeer<ClientTxn> {
    let config = PeerConfig {
        read_only,
        ..PeerConfig::new(
            ServerId(1),
            Membership::new(QuorumVerifier::Majority((1..=3).map(ServerId).collect()), vec![]),
            Settings::new(ServerId(1), 2000),
        )
    };
    let recovered = Recovered {
        accepted_epoch: 0,
        current_epoch: 0,
        snapshot: None,
        reaches: Zxid::ZERO,
        entries: log.into(),
        trusted: true,
    };
    let mut peer = QuorumPeer::new(Constant::new(config), recovered);
    let armed = step(&mut peer, Input::Start).contains(&Output::SetAlarm(Timer::ReadOnly, Delay::ReadOnly));
    assert_eq!(armed, read_only);
    peer
}

fn client(conn: u64, request: &ConnectRequest) -> Input<ClientTxn> {
    let frame = Bytes::from(request.to_bytes());
    Input::Client(ConnId(conn), ClientEvent::Connect { frame, address: LOCALHOST, certificate: None })
}

#[test]
fn a_server_without_a_leader_serves_its_whole_history_and_applies_none_of_it() {
    let mut writer = Server::new();
    let conn = writer.connect();
    writer.ask(conn, &create("/logged", 0)).unwrap();
    let mut peer = alone(writer.log.clone(), true);
    let closed = Output::CloseClient(ConnId(1));
    assert_eq!(step(&mut peer, client(1, &will_read())), [closed], "it looks for a leader first");
    assert!(!peer.is_read_only());
    step(&mut peer, Input::Alarm(Timer::ReadOnly));
    assert!(peer.is_read_only() && !peer.serving());

    let out = step(&mut peer, client(2, &will_read()));
    assert!(matches!(&out[..], [Output::Reply(ConnId(2), ClientReply::Connect(r))] if r.timeout_ms > 0));
    let mut frame = RequestHeader { xid: 1, op: OpCode::Exists.to_i32() }.to_bytes();
    frame.extend_from_slice(&exists("/logged").body());
    let out = step(&mut peer, Input::Client(ConnId(2), ClientEvent::Frame(frame.into())));
    assert!(
        matches!(&out[..], [Output::Reply(_, ClientReply::Reply { header, .. })]
            if header.err == 0 && header.zxid == writer.zxid.0 as i64),
        "{out:?}"
    );
    assert_eq!(peer.status().applied, Zxid::ZERO);

    // The others have a leader: the client has to come again.
    let vote = Vote { leader: ServerId(3), zxid: Some(writer.zxid), peer_epoch: 0 };
    let heard = |state| Notification { state, vote, round: 1 };
    step(&mut peer, Input::Notification(ServerId(2), heard(ServerState::Following)));
    let out = step(&mut peer, Input::Notification(ServerId(3), heard(ServerState::Leading)));
    assert!(out.contains(&Output::CloseClient(ConnId(2))), "{out:?}");
    assert!(out.contains(&Output::CancelAlarm(Timer::ReadOnly)), "{out:?}");
    assert!(!peer.is_read_only() && peer.state() == ServerState::Following);
    assert_eq!(
        peer.service().status().znodes,
        TreeService::new(&peer.config().settings, None).status().znodes
    );
    // An alarm that was on its way changes nothing.
    step(&mut peer, Input::Alarm(Timer::ReadOnly));
    assert!(!peer.is_read_only());
}

#[test]
fn a_server_that_was_never_part_of_an_ensemble_has_nothing_to_tell() {
    let mut peer = alone(vec![], true);
    assert!(step(&mut peer, Input::Alarm(Timer::ReadOnly)).is_empty() && !peer.is_read_only());
    assert_eq!(step(&mut peer, client(1, &will_read())), [Output::CloseClient(ConnId(1))]);
}

#[test]
fn without_the_setting_nobody_is_served() {
    let mut peer = alone(vec![], false);
    assert_eq!(step(&mut peer, client(1, &will_read())), [Output::CloseClient(ConnId(1))]);
}
