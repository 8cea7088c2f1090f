//! What committed transactions do, the poisonous ones included.

use super::*;
use crate::wire::client::EventType;
use crate::wire::client::{AddWatchMode, AddWatchRequest, CreateTtlRequest, SetWatchesRequest, WatchRequest};
use crate::wire::record::Id;
use crate::wire::txn::{CheckVersionTxn, CreateTtlTxn, CreateTxn, SetDataTxn, Txn, TxnBody};

fn commit(server: &mut Server, session: i64, body: TxnBody) {
    server.zxid = server.zxid.next().expect("a zxid is left");
    let zxid = server.zxid;
    let header = TxnHeader { client_id: SessionId(session), cxid: 0, zxid, time: 7, op: 0 };
    let txn = ClientTxn(Txn { header, body, digest: None }.encode());
    server.step(|service, now, fx| service.apply(now, zxid, &txn, fx));
}

fn znode(path: &str, ephemeral: bool) -> TxnBody {
    let acl = vec![Acl::open()];
    TxnBody::Create(CreateTxn { path: path.into(), data: None, acl, ephemeral, parent_cversion: -1 })
}

#[test]
fn a_poisonous_transaction_fails_and_the_next_one_is_applied() {
    let mut server = Server::new();
    let ttl = |ttl| {
        let acl = vec![Acl::open()];
        TxnBody::CreateTtl(CreateTtlTxn { path: "/t".into(), data: None, acl, parent_cversion: 1, ttl })
    };
    commit(&mut server, 1, ttl(-1));
    commit(&mut server, 1, ttl(1 << 40));
    commit(&mut server, 1, TxnBody::Check(CheckVersionTxn { path: "/".into(), version: 1 }));
    commit(&mut server, 1, TxnBody::Delete("/".into()));
    commit(&mut server, 1, TxnBody::Delete("nonsense".into()));
    commit(&mut server, 1, znode("no/slash", false));
    commit(&mut server, 1, znode("/x/", false));
    server.step(|service, now, fx| service.apply(now, Zxid(99), &ClientTxn(Bytes::from_static(b"?")), fx));
    assert_eq!(server.service.status().znodes, 4);
    assert_eq!(server.service.status().counters.unreadable_txns, 1);
    assert_eq!(server.service.status().applied, Zxid(99));
    commit(&mut server, 1, znode("/ok", false));
    assert_eq!(server.service.status().znodes, 5);
}

#[test]
fn a_failed_multi_does_nothing() {
    let mut server = Server::new();
    let parts = vec![znode("/a", false), TxnBody::Error(-101), TxnBody::Error(-2)];
    commit(&mut server, 1, TxnBody::Multi(parts));
    assert_eq!(server.service.status().znodes, 4);
    commit(&mut server, 1, TxnBody::Multi(vec![znode("/a", false), znode("/a/b", false)]));
    assert_eq!(server.service.status().znodes, 6);
}

#[test]
fn the_end_of_a_session_takes_what_is_named_and_what_is_left() {
    let mut server = Server::new();
    commit(&mut server, 5, TxnBody::CreateSession(4000));
    for path in ["/a", "/b", "/c"] {
        commit(&mut server, 5, znode(path, true));
    }
    commit(&mut server, 5, TxnBody::CloseSession(Some(vec!["/b".into(), "/gone".into()])));
    assert_eq!(server.service.status().znodes, 4);
    assert_eq!(server.service.status().sessions, 0);
    commit(&mut server, 6, znode("/d", true));
    commit(&mut server, 6, TxnBody::CloseSession(None));
    assert_eq!(server.service.status().ephemerals, 0);
}

#[test]
fn a_reconfiguration_is_shown_and_told() {
    let mut server = Server::new();
    let conn = server.connect();
    let watch = Request::GetData(WatchRequest { path: "/zookeeper/config".into(), watch: true });
    server.ask(conn, &watch).unwrap();
    let txn = SetDataTxn {
        path: "/zookeeper/config".into(),
        data: Some(Bytes::from_static(b"server.1")),
        version: -1,
    };
    commit(&mut server, 1, TxnBody::Reconfig(txn));
    assert_eq!(xids(&server.take(conn)), [-1]);
    let Ok(Response::Data { data, stat }) = server.ask(conn, &watch) else { panic!("no data") };
    assert_eq!((data.as_deref(), stat.version), (Some(&b"server.1"[..]), -1));
}

#[test]
fn only_who_may_read_is_told() {
    let mut server = Server::new();
    let conn = server.connect();
    let watch =
        Request::AddWatch(AddWatchRequest { path: "/".into(), mode: AddWatchMode::PersistentRecursive });
    server.ask(conn, &watch).unwrap();
    let secret = TxnBody::Create(CreateTxn {
        path: "/secret".into(),
        data: None,
        acl: vec![Acl::new(31, "digest", "bob:x")],
        ephemeral: false,
        parent_cversion: -1,
    });
    commit(&mut server, 1, secret);
    assert!(server.take(conn).is_empty());
    commit(&mut server, 1, znode("/open", false));
    assert_eq!(xids(&server.take(conn)), [-1]);
    commit(&mut server, 1, TxnBody::Delete("/secret".into()));
    assert!(server.take(conn).is_empty());
}

fn events(replies: &[ClientReply]) -> Vec<(EventType, String, i64)> {
    let event = |reply: &ClientReply| match reply {
        ClientReply::Notification { zxid, event } => Some((event.event, event.path.clone(), *zxid)),
        _ => None,
    };
    replies.iter().filter_map(event).collect()
}

#[test]
fn watches_set_again_make_up_for_what_was_missed() {
    let mut server = Server::new();
    let conn = server.connect();
    for path in ["/same", "/changed", "/new", "/parent", "/parent/child"] {
        server.ask(conn, &create(path, 0)).unwrap();
    }
    let seen = server.zxid.0 as i64;
    let set = crate::wire::client::SetDataRequest { path: "/changed".into(), data: None, version: -1 };
    server.ask(conn, &Request::SetData(set)).unwrap();
    server.ask(conn, &create("/parent/other", 0)).unwrap();
    let list = |paths: &[&str]| paths.iter().map(|path| String::from(*path)).collect::<Vec<_>>();
    let request = SetWatchesRequest {
        relative_zxid: seen,
        data: list(&["/same", "/changed", "/gone"]),
        exist: list(&["/new", "/not-yet"]),
        child: list(&["/same", "/parent", "/gone"]),
        persistent: list(&["/same"]),
        persistent_recursive: list(&["/deep"]),
    };
    server.send(conn, -8, &Request::SetWatches2(request));
    let replies = server.take(conn);
    let expected = [
        (EventType::NodeDataChanged, "/changed"),
        (EventType::NodeDeleted, "/gone"),
        (EventType::NodeCreated, "/new"),
        (EventType::NodeChildrenChanged, "/parent"),
        (EventType::NodeDeleted, "/gone"),
    ];
    assert_eq!(events(&replies), expected.map(|(event, path)| (event, path.into(), -1)));
    assert_eq!(xids(&replies).last(), Some(&-8));
    // Registered: /same (data), /not-yet, /same (child), /same twice (persistent), /deep. One
    // entry of a table serves both modes of /same.
    assert_eq!(server.service.status().watches, 4);
    server.ask(conn, &create("/not-yet", 0)).unwrap();
}

#[test]
fn empty_containers_and_old_ttl_znodes_are_deleted_by_the_leader() {
    let mut server = Server::new();
    let conn = server.dial(&ConnectRequest { timeout_ms: 40_000, ..hello() });
    server.connected(conn);
    let container = |path: &str| {
        Request::CreateContainer(CreateRequest {
            path: path.into(),
            data: None,
            acl: vec![Acl::open()],
            flags: 4,
        })
    };
    let ttl = |path: &str, ttl| {
        let acl = vec![Acl::open()];
        Request::CreateTtl(CreateTtlRequest { path: path.into(), data: None, acl, flags: 5, ttl })
    };
    for request in [
        container("/used"),
        create("/used/x", 0),
        container("/unused"),
        container("/full"),
        create("/full/x", 0),
        ttl("/short", 50_000),
        ttl("/long", 500_000),
    ] {
        server.ask(conn, &request).unwrap();
    }
    let delete =
        |path: &str| Request::Delete(crate::wire::client::DeleteRequest { path: path.into(), version: -1 });
    server.ask(conn, &delete("/used/x")).unwrap();
    let there = |server: &Server, path| server.service.state.tree.get(path).is_some();
    let pass = |server: &mut Server, ms: u64| {
        for _ in 0..ms / 2000 {
            server.wait(2000);
            server.ask(conn, &Request::Ping).unwrap();
        }
    };
    pass(&mut server, 62_000);
    let all = ["/used", "/unused", "/full", "/short", "/long"];
    let now: Vec<&str> = all.into_iter().filter(|path| there(&server, path)).collect();
    assert_eq!(now, ["/unused", "/full", "/long"]);
    pass(&mut server, 360_000);
    let now: Vec<&str> = all.into_iter().filter(|path| there(&server, path)).collect();
    assert_eq!(now, ["/full", "/long"]);
    pass(&mut server, 200_000);
    assert!(!there(&server, "/long") && there(&server, "/full"));
}

/// Only the leader's own reaper may: nobody's rights are checked for it.
#[test]
fn a_forwarded_container_deletion_fails() {
    let mut server = Server::new();
    commit(
        &mut server,
        1,
        TxnBody::CreateContainer(CreateTxn {
            path: "/c".into(),
            data: None,
            acl: vec![Acl::open()],
            ephemeral: false,
            parent_cversion: -1,
        }),
    );
    let body = Request::DeleteContainer(crate::wire::client::PathRequest { path: "/c".into() }).body();
    let request = ClientRequest::internal(SessionId(0), OpCode::DeleteContainer, body);
    server.submit(&request, Origin::Learner(crate::ids::Link { server: ServerId(2), generation: 1 }));
    assert!(server.service.state.tree.get("/c").is_some());
    server.submit(&request, Origin::Local);
    assert!(server.service.state.tree.get("/c").is_none());
}

/// Sessions that own znodes but are in no table are ended by a new leader.
#[test]
fn znodes_of_unknown_sessions_go_with_the_next_leader() {
    let mut server = Server::new();
    commit(&mut server, 0x77, znode("/orphan", true));
    commit(&mut server, (0xFFu64 << 56) as i64 | 5, znode("/mark", true));
    server.step(|service, _, fx| service.stop(fx));
    let applied = server.zxid;
    server.step(|service, now, fx| service.serve(now, ServingRole::Leader, applied, fx));
    assert!(server.service.state.tree.get("/orphan").is_none());
    assert!(server.service.state.tree.get("/mark").is_some());
}

#[test]
fn the_configuration_of_the_file_is_shown() {
    let text = Bytes::from_static(b"server.1=h:1:2:participant\nversion=0");
    let mut server = Server::with(|settings| {
        settings.config = Some(ConfigNode { text: text.clone(), version: Zxid(0) });
    });
    let conn = server.connect();
    let get = Request::GetData(WatchRequest { path: "/zookeeper/config".into(), watch: false });
    let Ok(Response::Data { data, stat }) = server.ask(conn, &get) else { panic!("no data") };
    assert_eq!((data, stat.version), (Some(text), -1));
    assert_eq!(server.service.status().digest, 0x51C6_D660);
    assert_eq!(
        server.service.clients.connections.values().next().map(|c| c.auth[0].clone()),
        Some(Id::new("ip", "127.0.0.1"))
    );
}
