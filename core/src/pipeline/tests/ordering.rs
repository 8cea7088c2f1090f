//! What waits for what, and what overtakes.

use super::*;
use crate::ids::Link;
use crate::wire::client::{AuthPacket, DeleteRequest, SetDataRequest, WatchRequest};

fn get(path: &str, watch: bool) -> Request {
    Request::GetData(WatchRequest { path: path.into(), watch })
}

fn set(path: &str) -> Request {
    Request::SetData(SetDataRequest { path: path.into(), data: Some(Bytes::from_static(b"x")), version: -1 })
}

fn auth(scheme: &str) -> Request {
    let auth = Some(Bytes::from_static(b"bob:secret"));
    Request::Auth(AuthPacket { auth_type: 0, scheme: scheme.into(), auth })
}

/// Recorded: create, getData, ping, setData, auth, getData in one go; auth is answered first.
#[test]
fn a_session_is_answered_in_order_and_authenticated_at_once() {
    let mut server = Server::new();
    let conn = server.connect();
    server.hold = true;
    server.send(conn, 1, &create("/a", 0));
    server.send(conn, 2, &get("/a", false));
    server.send(conn, -2, &Request::Ping);
    server.send(conn, 4, &set("/a"));
    server.send(conn, -4, &auth("digest"));
    server.send(conn, 6, &get("/a", false));
    server.send(conn, 7, &Request::Sync(Some("/a".into())));
    server.send(conn, 8, &get("/a", false));
    assert_eq!(xids(&server.take(conn)), [-4]);
    assert_eq!(server.service.status().outstanding, 7);
    assert!(server.release_one());
    assert_eq!(xids(&server.take(conn)), [1, 2, -2]);
    server.release();
    let replies = server.take(conn);
    assert_eq!(xids(&replies), [4, 6, 7, 8]);
    let ClientReply::Reply { body: Response::Data { data, .. }, .. } = &replies[1] else {
        panic!("{replies:?}")
    };
    assert_eq!(data.as_deref(), Some(&b"x"[..]));
}

#[test]
fn other_sessions_do_not_wait() {
    let mut server = Server::new();
    let (writer, reader) = (server.connect(), server.connect());
    server.hold = true;
    server.send(writer, 1, &create("/a", 0));
    server.send(reader, 1, &get("/", false));
    assert_eq!(xids(&server.take(reader)), [1]);
    assert!(server.take(writer).is_empty());
}

#[test]
fn watchers_that_are_told_the_same_share_it() {
    let mut server = Server::new();
    let watchers = [server.connect(), server.connect(), server.connect()];
    for conn in watchers {
        server.send(conn, 1, &get("/", true));
        server.take(conn);
    }
    let writer = server.connect();
    server.ask(writer, &set("/")).unwrap();
    let told = watchers.map(|conn| match &server.take(conn)[..] {
        [ClientReply::Notification { event, .. }] => Arc::clone(event),
        other => panic!("{other:?}"),
    });
    // A path may be as long as a request.
    assert!(told.iter().all(|event| Arc::ptr_eq(event, &told[0])));
}

#[test]
fn the_writer_hears_of_its_change_before_the_reply() {
    let mut server = Server::new();
    let conn = server.connect();
    let exists = Request::Exists(WatchRequest { path: "/a".into(), watch: true });
    assert_eq!(server.ask(conn, &exists), Err(-101));
    server.send(conn, 2, &create("/a", 0));
    let replies = server.take(conn);
    assert_eq!(xids(&replies), [-1, 2]);
    let ClientReply::Notification { zxid, .. } = &replies[0] else { panic!("{replies:?}") };
    assert_eq!(*zxid, server.zxid.0 as i64);
    // It was told once.
    server.send(conn, 3, &set("/a"));
    assert_eq!(xids(&server.take(conn)), [3]);
}

/// Some clients count from 1 again after a reconnect: the answer to an old request must not be
/// taken for the answer to a new one with the same xid.
#[test]
fn answers_for_a_lost_connection_are_not_given_to_the_next() {
    let mut server = Server::new();
    let first = server.connect();
    let session = server.session(first);
    server.hold = true;
    server.send(first, 1, &create("/old", 0));
    server.event(first, ClientEvent::Closed);
    let password = Some(Bytes::copy_from_slice(&crate::session::password::password(session)));
    let second = server.dial(&ConnectRequest { session, password, ..hello() });
    server.connected(second);
    server.send(second, 1, &create("/new", 0));
    assert!(server.release_one());
    assert!(server.take(second).is_empty());
    server.release();
    let replies = server.take(second);
    let [ClientReply::Reply { body: Response::Path(path), .. }] = &replies[..] else { panic!("{replies:?}") };
    assert_eq!(path, "/new");
}

#[test]
fn closing_answers_then_closes() {
    let mut server = Server::new();
    let conn = server.connect();
    server.ask(conn, &create("/e", 1)).unwrap();
    server.send(conn, 5, &Request::CloseSession);
    assert_eq!(xids(&server.take(conn)), [5]);
    assert_eq!(server.closed, [conn]);
    let status = server.service.status();
    assert_eq!((status.sessions, status.ephemerals, status.connections, status.outstanding), (0, 0, 0, 0));
}

#[test]
fn requests_behind_the_end_of_a_session_fail() {
    let mut server = Server::new();
    let conn = server.connect();
    server.hold = true;
    server.send(conn, 1, &Request::CloseSession);
    server.send(conn, 2, &create("/late", 0));
    server.release();
    assert_eq!(xids(&server.take(conn)), [1]);
    assert_eq!(server.service.status().znodes, 4);
}

#[test]
fn a_moved_session_is_cut_off_without_answer() {
    let mut server = Server::new();
    let conn = server.connect();
    let session = server.session(conn);
    let learner = Origin::Learner(Link { server: ServerId(2), generation: 1 });
    let touch = Touch { session, timeout_ms: 4000 };
    assert!(server.service.revalidate(server.now, touch, learner));
    server.send(conn, 1, &create("/a", 0));
    assert!(server.take(conn).is_empty() && server.is_closed(conn));
    // The learner's requests are served.
    let delete = Request::Delete(DeleteRequest { path: "/none".into(), version: -1 });
    let request = ClientRequest {
        body: delete.body(),
        ..ClientRequest::internal(session, OpCode::Delete, Bytes::new())
    };
    server.submit(&request, learner);
    assert_eq!(Txn::decode(&server.log.last().unwrap().1.0).unwrap().body, TxnBody::Error(-101));
}

#[test]
fn unknown_operations_and_schemes_end_the_connection() {
    let mut server = Server::new();
    for op in [0, -1, 999, 13, 20, -10] {
        let conn = server.connect();
        server.send_raw(conn, 9, op, b"");
        let replies = server.take(conn);
        let [ClientReply::Reply { header, .. }] = &replies[..] else { panic!("{op}: {replies:?}") };
        assert_eq!((header.xid, header.zxid, header.err), (9, -1, -6), "{op}");
        assert!(server.is_closed(conn));
    }
    let conn = server.connect();
    server.send(conn, -4, &auth("world"));
    let replies = server.take(conn);
    let [ClientReply::Reply { header, .. }] = &replies[..] else { panic!("{replies:?}") };
    assert_eq!((header.xid, header.zxid, header.err), (-4, 0, -115));
    assert!(server.is_closed(conn));
}
