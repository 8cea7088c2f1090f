//! Sessions: given, refused, taken over, expired.

use super::*;
use crate::session::password::password;

fn resume(session: SessionId) -> ConnectRequest {
    ConnectRequest { session, password: Some(Bytes::copy_from_slice(&password(session))), ..hello() }
}

#[test]
fn a_new_session_is_a_transaction() {
    let mut server = Server::new();
    server.hold = true;
    let conn = server.dial(&hello());
    server.send(conn, 1, &Request::Ping);
    assert!(server.out.is_empty());
    server.release();
    let replies = server.take(conn);
    assert_eq!(xids(&replies), [0, -2]);
    let session = server.session(conn);
    assert_eq!((session.0 as u64) >> 56, 1);
    assert_eq!(server.service.sessions().collect::<Vec<_>>(), [(session, 10_000)]);
    let ClientReply::Connect(response) = &replies[0] else { panic!("{replies:?}") };
    assert_eq!(response.password, password(session));
    assert_eq!(response.read_only, Some(false));
}

/// Recorded: 1 ms becomes two ticks, 10^9 ms twenty.
#[test]
fn timeouts_are_negotiated() {
    let mut server = Server::new();
    for (asked, given) in [(1, 4000), (-5, 4000), (10_000, 10_000), (1_000_000_000, 40_000)] {
        let conn = server.dial(&ConnectRequest { timeout_ms: asked, ..hello() });
        assert_eq!(server.connected(conn).timeout_ms, given);
    }
}

#[test]
fn an_old_client_gets_no_read_only_byte() {
    let mut server = Server::new();
    let conn = server.dial(&ConnectRequest { read_only: None, password: None, ..hello() });
    let response = server.take(conn).remove(0);
    let mut frame = vec![];
    response.write(&mut frame);
    assert_eq!(frame.len(), 4 + 36);
}

#[test]
fn coming_back_needs_the_password_and_cuts_the_old_connection_first() {
    let mut server = Server::new();
    let first = server.connect();
    let session = server.session(first);
    let second = server.dial(&resume(session));
    assert!(server.is_closed(first));
    assert_eq!(server.connected(second).session, session);
    let wrong = ConnectRequest { password: Some(Bytes::from_static(b"xxxxxxxxxxxxxxxx")), ..resume(session) };
    let third = server.dial(&wrong);
    assert!(server.is_closed(second) && server.is_closed(third));
    assert_eq!(server.connected(third), ConnectResponse::refused(Some(false)));
    // A refusal says whether the server is read-only, not whether the client asked for one.
    let willing = server.dial(&ConnectRequest { read_only: Some(true), ..wrong });
    assert_eq!(server.connected(willing), ConnectResponse::refused(Some(false)));
    let fourth = server.dial(&resume(session));
    assert_eq!(server.connected(fourth).session, session);
}

#[test]
fn unknown_sessions_are_refused() {
    let mut server = Server::new();
    let conn = server.dial(&resume(SessionId(0x12_3456_7890)));
    assert_eq!(server.connected(conn), ConnectResponse::refused(Some(false)));
    assert!(server.is_closed(conn));
}

#[test]
fn a_client_from_the_future_is_sent_away_without_a_word() {
    let mut server = Server::new();
    let conn = server.dial(&ConnectRequest { last_zxid_seen: 0x7fff_ffff_0000_0000, ..hello() });
    assert!(server.take(conn).is_empty() && server.is_closed(conn));
}

#[test]
fn garbage_closes() {
    let mut server = Server::new();
    let conn = ConnId(99);
    let frame = Bytes::from_static(b"nonsense");
    server.event(conn, ClientEvent::Connect { frame, address: LOCALHOST, certificate: None });
    assert!(server.is_closed(conn));
    let conn = server.connect();
    server.event(conn, ClientEvent::Frame(Bytes::from_static(b"\0\0\0")));
    assert!(server.take(conn).is_empty() && server.is_closed(conn));
}

#[test]
fn silence_ends_a_session_and_its_znodes_a_ping_does_not() {
    let mut server = Server::new();
    let (quiet, alive) = (server.connect(), server.connect());
    server.ask(quiet, &create("/e", 1)).unwrap();
    server.wait(9_000);
    server.ask(alive, &Request::Ping).unwrap();
    server.wait(4_000);
    assert!(server.is_closed(quiet) && !server.is_closed(alive));
    assert!(server.take(quiet).is_empty());
    assert_eq!(server.service.status().ephemerals, 0);
    assert_eq!(server.service.status().sessions, 1);
    assert_eq!(server.service.status().counters.expired_sessions, 1);
}

#[test]
fn a_new_leader_gives_everybody_a_full_timeout() {
    let mut server = Server::new();
    let conn = server.connect();
    let session = server.session(conn);
    server.wait(9_000);
    server.step(|service, _, fx| service.stop(fx));
    assert!(server.is_closed(conn));
    let applied = server.zxid;
    server.step(|service, now, fx| service.serve(now, ServingRole::Leader, applied, fx));
    server.wait(9_000);
    let back = server.dial(&resume(session));
    assert_eq!(server.connected(back).session, session);
}

#[test]
fn who_is_not_serving_closes() {
    let mut server = Server::new();
    let conn = server.connect();
    server.step(|service, _, fx| service.stop(fx));
    server.closed.clear();
    server.send(conn, 1, &Request::Ping);
    assert!(server.is_closed(conn));
    let other = server.dial(&hello());
    assert!(server.is_closed(other) && server.out.is_empty());
}

/// A learner asks the leader about sessions that come back, and reports who it heard from.
#[test]
fn a_learner_asks_and_reports() {
    let settings = Settings::new(ServerId(2), 2000);
    let mut service = TreeService::new(&settings, None);
    let now = Now { elapsed_ms: 5, wall_ms: 5 };
    let mut fx = vec![];
    service.serve(now, ServingRole::Learner, Zxid(9), &mut fx);
    let session = SessionId(0x0100_0000_0000_0001);
    let connect = |conn: u64| {
        let frame = Bytes::from(resume(session).to_bytes());
        (ConnId(conn), ClientEvent::Connect { frame, address: LOCALHOST, certificate: None })
    };
    let (conn, event) = connect(1);
    service.client(now, conn, event, &mut fx);
    assert_eq!(fx, [Effect::Revalidate(Touch { session, timeout_ms: 10_000 })]);
    fx.clear();
    service.revalidated(now, session, true, &mut fx);
    assert!(matches!(&fx[..], [Effect::Reply(ConnId(1), ClientReply::Connect(r))] if r.session == session));
    assert_eq!(service.take_touches(), [Touch { session, timeout_ms: 10_000 }]);
    assert!(service.take_touches().is_empty());
    fx.clear();
    let ping = RequestHeader { xid: -2, op: 11 }.to_bytes();
    service.client(now, conn, ClientEvent::Frame(ping.into()), &mut fx);
    assert_eq!(service.take_touches(), [Touch { session, timeout_ms: 10_000 }]);
    fx.clear();
    service.revalidated(now, session, false, &mut fx);
    assert!(fx.is_empty(), "an answer that nobody waits for: {fx:?}");
    let (conn, event) = connect(2);
    service.client(now, conn, event, &mut fx);
    service.revalidated(now, session, false, &mut fx);
    assert_eq!(fx.last(), Some(&Effect::Close(conn)));
}
