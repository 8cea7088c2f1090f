//! Sessions across a change of leaders: what a server keeps of them, and what it forgets.

use super::*;
use crate::session::password::password;
use crate::wire::client::{CreateTtlRequest, PathRequest, SetAclRequest, SetDataRequest};

fn resume(session: SessionId) -> ConnectRequest {
    ConnectRequest { session, password: Some(Bytes::copy_from_slice(&password(session))), ..hello() }
}

fn exists(path: &str) -> Request {
    Request::GetAcl(PathRequest { path: path.into() })
}

/// A reign ends and another begins here, in this role.
fn change(server: &mut Server, role: ServingRole) {
    server.step(|service, _, fx| service.stop(fx));
    server.held.clear();
    server.zxid = Zxid::new(server.zxid.epoch() + 1, 0);
    let start = server.zxid;
    server.step(|service, now, fx| service.serve(now, role, start, fx));
}

#[test]
fn a_client_with_a_write_under_way_is_answered_in_the_next_reign() {
    let mut server = Server::new();
    let first = server.connect();
    let session = server.session(first);
    server.hold = true;
    server.send(first, 1, &create("/lost", 0));
    server.send(first, 2, &exists("/"));
    assert!(server.take(first).is_empty(), "the read waits for the write, and that for others");
    change(&mut server, ServingRole::Leader);
    assert!(server.is_closed(first), "what it waits for does not come any more, and it is told so");
    server.hold = false;
    let second = server.dial(&resume(session));
    assert_eq!(server.connected(second).session, session);
    for xid in 3..6 {
        server.send(second, xid, &create(&alloc::format!("/{xid}"), 0));
        server.send(second, xid + 10, &exists("/"));
        assert_eq!(xids(&server.take(second)), [xid, xid + 10], "nothing of the last reign is waited for");
    }
}

#[test]
fn the_start_of_a_reign_is_what_clients_see_first() {
    let mut server = Server::new();
    server.connect();
    change(&mut server, ServingRole::Learner);
    assert_eq!(server.service.status().applied, Zxid::new(1, 0), "before the first transaction");
    // A client that has seen more than this reign's start may not come; one that has seen it, or the last
    // reign, may.
    for (seen, ahead) in [(Zxid::new(1, 1), true), (Zxid::new(1, 0), false), (Zxid::new(0, 9), false)] {
        let conn = server.dial(&ConnectRequest { last_zxid_seen: seen.0 as i64, ..hello() });
        assert_eq!(server.is_closed(conn), ahead, "{seen:?}");
    }
}

#[test]
fn each_version_is_compared_with_its_own() {
    let mut server = Server::new();
    let conn = server.connect();
    server.ask(conn, &create("/a", 0)).unwrap();
    let data = |version| Request::SetData(SetDataRequest { path: "/a".into(), data: None, version });
    let list =
        |version| Request::SetAcl(SetAclRequest { path: "/a".into(), acl: vec![Acl::open()], version });
    // Data changed three times, the list once: neither number is the other's.
    for version in 0..3 {
        server.ask(conn, &data(version)).unwrap();
    }
    server.ask(conn, &list(0)).unwrap();
    assert_eq!(server.ask(conn, &list(3)), Err(-103));
    assert_eq!(server.ask(conn, &data(1)), Err(-103));
    server.ask(conn, &list(1)).unwrap();
    server.ask(conn, &data(3)).unwrap();
}

/// Servers must agree on extended types. Where one does not have them, a TTL znode looks as if it belonged
/// to a session, which must not be ended for that.
#[test]
fn a_new_leader_ends_the_sessions_that_it_does_not_know_and_takes_no_time_to_live_for_one() {
    let mut other = Server::new();
    let conn = other.connect();
    let session = other.session(conn);
    other.ask(conn, &create("/mine", 1)).unwrap();
    let (path, acl) = ("/lasts".into(), vec![Acl::open()]);
    let lasting = Request::CreateTtl(CreateTtlRequest { path, data: None, acl, flags: 5, ttl: 600_000 });
    other.ask(conn, &lasting).unwrap();
    let mut server = Server::with(|settings| settings.extended_types = false);
    // The transaction that creates the session is what got lost.
    for (zxid, txn) in other.log.iter().skip(1) {
        server.step(|service, now, fx| service.apply(now, *zxid, txn, fx));
    }
    server.zxid = other.zxid;
    change(&mut server, ServingRole::Leader);
    let txns: Vec<Txn> = server.log.iter().map(|(_, txn)| Txn::decode(&txn.0).unwrap()).collect();
    assert!(matches!(&txns[..], [Txn { body: TxnBody::CloseSession(_), .. }]), "{txns:?}");
    assert_eq!(txns[0].header.client_id, session);
    let conn = server.connect();
    assert_eq!(server.ask(conn, &exists("/mine")), Err(-101));
    assert!(server.ask(conn, &exists("/lasts")).is_ok());
}
