//! Requests end to end, those that the recorded probes do not cover.

use super::*;
use crate::wire::client::{
    AddWatchMode, AddWatchRequest, AuthPacket, CheckVersionRequest, DeleteRequest, MultiOp, MultiResult,
    PathRequest, ReadOp, ReconfigRequest, SetAclRequest, SetDataRequest, WatchRequest, WatcherRequest,
    WatcherType,
};
use crate::wire::record::{ClientInfo, perms};

fn path(path: &str) -> PathRequest {
    PathRequest { path: path.into() }
}

fn watch(path: &str) -> WatchRequest {
    WatchRequest { path: path.into(), watch: true }
}

fn creation(path: &str, flags: i32) -> CreateRequest {
    CreateRequest { path: path.into(), data: Some(Bytes::from_static(b"d")), acl: vec![Acl::open()], flags }
}

fn created(answer: Result<Response, i32>) -> String {
    match answer {
        Ok(Response::Path(path)) => path,
        other => panic!("not created: {other:?}"),
    }
}

#[test]
fn sequential_names_count_every_child_ever_created() {
    let mut server = Server::new();
    let conn = server.connect();
    server.ask(conn, &create("/a", 0)).unwrap();
    assert_eq!(created(server.ask(conn, &create("/a/s-", 2))), "/a/s-0000000000");
    server.ask(conn, &create("/a/plain", 0)).unwrap();
    assert_eq!(created(server.ask(conn, &create("/a/e-", 3))), "/a/e-0000000002");
    let delete = Request::Delete(DeleteRequest { path: "/a/s-0000000000".into(), version: -1 });
    server.ask(conn, &delete).unwrap();
    assert_eq!(created(server.ask(conn, &create("/a/", 2))), "/a/0000000003");
    // Several that are not applied yet get numbers of their own.
    server.hold = true;
    for xid in 1..4 {
        server.send(conn, xid, &create("/a/s-", 2));
    }
    server.release();
    let names = server.take(conn).into_iter().map(|reply| match reply {
        ClientReply::Reply { body: Response::Path(path), .. } => path,
        other => panic!("{other:?}"),
    });
    assert!(names.eq(["/a/s-0000000004", "/a/s-0000000005", "/a/s-0000000006"]));
}

#[test]
fn create2_answers_the_stat_and_reads_see_it() {
    let mut server = Server::new();
    let conn = server.connect();
    let Ok(Response::PathStat(_, stat)) = server.ask(conn, &Request::Create2(creation("/a", 1))) else {
        panic!("no stat")
    };
    assert_eq!((stat.czxid, stat.data_length), (server.zxid, 1));
    assert_eq!(stat.ephemeral_owner, server.session(conn).0);
    let exists = Request::Exists(WatchRequest { watch: false, path: "/a".into() });
    assert_eq!(server.ask(conn, &exists), Ok(Response::Stat(stat)));
    let get = Request::GetData(WatchRequest { watch: false, path: "/a".into() });
    assert_eq!(server.ask(conn, &get), Ok(Response::Data { data: Some(Bytes::from_static(b"d")), stat }));
    let mut ephemerals =
        |prefix: Option<&str>| match server.ask(conn, &Request::GetEphemerals(prefix.map(Into::into))) {
            Ok(Response::Children(paths)) => paths,
            other => panic!("{prefix:?}: {other:?}"),
        };
    for all in [None, Some(""), Some(" \t"), Some("/"), Some("/ "), Some("\0/\n"), Some("/a")] {
        assert_eq!(ephemerals(all), ["/a"], "{all:?}");
    }
    // Blanks are those up to U+0020, and around a prefix that says more they count.
    for none in ["/b", "a", " /a", "/a ", "\u{a0}", "/\u{2003}", "//"] {
        assert!(ephemerals(Some(none)).is_empty(), "{none:?}");
    }
    let Ok(Response::Children2 { children, stat }) = server.ask(conn, &Request::GetChildren2(watch("/")))
    else {
        panic!("no children")
    };
    assert_eq!((children.len(), stat.num_children), (2, 2));
    assert_eq!(server.ask(conn, &Request::GetAllChildrenNumber(path("/"))), Ok(Response::ChildrenNumber(4)));
    for said in [Some("/x".into()), Some("".into()), Some("x/".into()), None] {
        assert_eq!(server.ask(conn, &Request::Sync(said.clone())), Ok(Response::Sync(said)));
    }
}

#[test]
fn versions_guard() {
    let mut server = Server::new();
    let conn = server.connect();
    server.ask(conn, &create("/a", 0)).unwrap();
    server.ask(conn, &create("/a/b", 0)).unwrap();
    let set = |version| Request::SetData(SetDataRequest { path: "/a".into(), data: None, version });
    assert_eq!(server.ask(conn, &set(7)), Err(-103));
    let Ok(Response::Stat(stat)) = server.ask(conn, &set(0)) else { panic!("not set") };
    assert_eq!((stat.version, stat.data_length), (1, 0));
    let delete = |version| Request::Delete(DeleteRequest { path: "/a".into(), version });
    assert_eq!(server.ask(conn, &delete(77)), Err(-103));
    assert_eq!(server.ask(conn, &delete(1)), Err(-111));
}

#[test]
fn lists_guard() {
    let mut server = Server::new();
    let (bob, other) = (server.connect(), server.connect());
    let auth = Request::Auth(AuthPacket {
        auth_type: 0,
        scheme: "digest".into(),
        auth: Some(Bytes::from_static(b"bob:secret")),
    });
    server.ask(bob, &auth).unwrap();
    let who = server.ask(bob, &Request::WhoAmI);
    let info = |scheme: &str, user: &str| ClientInfo { auth_scheme: scheme.into(), user: user.into() };
    assert_eq!(who, Ok(Response::WhoAmI(vec![info("ip", "127.0.0.1"), info("digest", "bob")])));
    server.ask(bob, &create("/a", 0)).unwrap();
    let acl = vec![Acl::new(31, "auth", ""), Acl::new(perms::READ, "world", "anyone")];
    let set = |version| Request::SetAcl(SetAclRequest { path: "/a".into(), acl: acl.clone(), version });
    assert_eq!(server.ask(bob, &set(5)), Err(-103));
    server.ask(bob, &set(0)).unwrap();
    let Ok(Response::Acl { acl: seen, stat }) = server.ask(other, &Request::GetAcl(path("/a"))) else {
        panic!("no list")
    };
    assert_eq!((seen[0].id.id.as_str(), stat.aversion), ("bob:x", 1));
    let Ok(Response::Acl { acl: seen, .. }) = server.ask(bob, &Request::GetAcl(path("/a"))) else {
        panic!("no list")
    };
    assert_eq!(seen[0].id.id, "bob:fyVmFCwVbTJYrznoSu1koqYEYF0=");
    assert_eq!(server.ask(other, &set(-1)), Err(-114));
    assert_eq!(server.ask(other, &create("/a/b", 0)), Err(-102));
    server.ask(bob, &create("/a/b", 0)).unwrap();
    let delete = Request::Delete(DeleteRequest { path: "/a/b".into(), version: -1 });
    assert_eq!(server.ask(other, &delete), Err(-102));
    server.ask(bob, &delete).unwrap();
}

#[test]
fn the_super_user_may_do_everything() {
    let mut server = Server::with(|settings| {
        settings.super_digest = Some("bob:fyVmFCwVbTJYrznoSu1koqYEYF0=".into());
    });
    let conn = server.connect();
    let set = Request::SetData(SetDataRequest { path: "/zookeeper/config".into(), data: None, version: -1 });
    assert_eq!(server.ask(conn, &set), Err(-102));
    let auth = |secret: &'static [u8]| {
        Request::Auth(AuthPacket {
            auth_type: 0,
            scheme: "digest".into(),
            auth: Some(Bytes::from_static(secret)),
        })
    };
    server.ask(conn, &auth(b"bob:wrong")).unwrap();
    assert_eq!(server.ask(conn, &set), Err(-102));
    server.ask(conn, &auth(b"bob:secret")).unwrap();
    assert!(server.ask(conn, &set).is_ok());
}

/// Recorded: check, create, setData, delete, create2 in one transaction.
#[test]
fn a_multi_is_all_or_nothing() {
    let mut server = Server::new();
    let conn = server.connect();
    server.ask(conn, &create("/a", 0)).unwrap();
    let delete = |path: &str| MultiOp::Delete(DeleteRequest { path: path.into(), version: -1 });
    let set = |path: &str| MultiOp::SetData(SetDataRequest { path: path.into(), data: None, version: -1 });
    let good = Request::Multi(vec![
        MultiOp::Check(CheckVersionRequest { path: "/a".into(), version: 0 }),
        MultiOp::Create(creation("/m", 0)),
        set("/m"),
        delete("/m"),
        MultiOp::Create2(creation("/m2-", 2)),
    ]);
    let Ok(Response::Multi(results)) = server.ask(conn, &good) else { panic!("no results") };
    let [
        MultiResult::Check,
        MultiResult::Create(m),
        MultiResult::SetData(stat),
        MultiResult::Delete,
        MultiResult::Create2(m2, _),
    ] = &results[..]
    else {
        panic!("{results:?}")
    };
    assert_eq!((m.as_str(), stat.version, m2.as_str()), ("/m", 1, "/m2-0000000002"));
    let before = server.service.status().znodes;
    let bad = Request::Multi(vec![MultiOp::Create(creation("/mf", 0)), set("/none"), delete("/a")]);
    let results = [0, -101, -2].map(MultiResult::Error).to_vec();
    assert_eq!(server.ask(conn, &bad), Ok(Response::Multi(results)));
    assert_eq!(server.service.status().znodes, before);
    let zxid = server.zxid;
    assert_eq!(server.ask(conn, &Request::Multi(vec![])), Ok(Response::Multi(vec![])));
    assert_eq!(server.zxid, zxid.next().unwrap());
    // What the failed one has tried is free again.
    server.ask(conn, &create("/mf", 0)).unwrap();
}

#[test]
fn several_reads_at_once() {
    let mut server = Server::new();
    let conn = server.connect();
    server.ask(conn, &Request::Create(creation("/a", 0))).unwrap();
    let parts =
        vec![ReadOp::GetData(watch("/a")), ReadOp::GetChildren(watch("/")), ReadOp::GetData(watch("/none"))];
    let Ok(Response::Multi(results)) = server.ask(conn, &Request::MultiRead(parts)) else {
        panic!("no results")
    };
    assert!(matches!(&results[0], MultiResult::GetData { data: Some(data), .. } if &data[..] == b"d"));
    assert!(matches!(&results[1], MultiResult::GetChildren(names) if names.len() == 2));
    assert_eq!(results[2], MultiResult::Error(-101));
    assert_eq!(server.service.status().watches, 0);
}

#[test]
fn reads_that_are_too_long_together_are_refused() {
    let mut server = Server::with(|settings| settings.max_field = 1000);
    let conn = server.connect();
    let data = Some(Bytes::from(vec![7; 400]));
    server.ask(conn, &Request::Create(CreateRequest { data, ..creation("/a", 0) })).unwrap();
    let read = |n| Request::MultiRead(vec![ReadOp::GetData(watch("/a")); n]);
    let Ok(Response::Multi(results)) = server.ask(conn, &read(32)) else { panic!("no results") };
    assert_eq!(results.len(), 32);
    assert_eq!(server.ask(conn, &read(33)), Err(-5));
    server.send(conn, 9, &read(33));
    let replies = server.take(conn);
    assert!(matches!(&replies[..], [ClientReply::Reply { body: Response::Empty, .. }]), "{replies:?}");
    // The names of children count as well.
    let children = Request::MultiRead(vec![ReadOp::GetChildren(watch("/")); 1001]);
    assert_eq!(server.ask(conn, &children), Err(-5));
}

#[test]
fn watches_are_added_found_and_removed() {
    let mut server = Server::new();
    let conn = server.connect();
    let of = |watcher| WatcherRequest { path: "/a".into(), watcher };
    let check = |watcher| Request::CheckWatches(of(watcher));
    let remove = |watcher| Request::RemoveWatches(of(watcher));
    server.ask(conn, &create("/a", 0)).unwrap();
    assert_eq!(server.ask(conn, &check(WatcherType::Any)), Err(-121));
    server.ask(conn, &Request::GetData(watch("/a"))).unwrap();
    server.ask(conn, &Request::GetChildren(watch("/a"))).unwrap();
    assert_eq!(server.ask(conn, &check(WatcherType::Data)), Ok(Response::Empty));
    assert_eq!(server.ask(conn, &remove(WatcherType::Children)), Ok(Response::Empty));
    assert_eq!(server.ask(conn, &remove(WatcherType::Children)), Err(-121));
    let add = Request::AddWatch(AddWatchRequest { path: "/a".into(), mode: AddWatchMode::Persistent });
    assert_eq!(server.ask(conn, &add), Ok(Response::Error(0)));
    assert_eq!(server.ask(conn, &remove(WatcherType::Any)), Ok(Response::Empty));
    assert_eq!(server.service.status().watches, 0);
    // They go with the connection.
    server.ask(conn, &add).unwrap();
    server.event(conn, ClientEvent::Closed);
    assert_eq!(server.service.status().watches, 0);
}

#[test]
fn what_is_off_says_so() {
    let mut server = Server::with(|_| {});
    let conn = server.connect();
    let ttl = Request::CreateTtl(crate::wire::client::CreateTtlRequest {
        path: "/t".into(),
        data: None,
        acl: vec![Acl::open()],
        flags: 5,
        ttl: 1000,
    });
    assert_eq!(server.ask(conn, &ttl), Err(-6));
    let reconfig = Request::Reconfig(ReconfigRequest {
        joining_servers: None,
        leaving_servers: None,
        new_members: Some("server.1=x:1:2".into()),
        cur_config_id: -1,
    });
    assert_eq!(server.ask(conn, &reconfig), Err(-123));
    assert_eq!(server.ask(conn, &Request::Sasl(Some(Bytes::new()))), Ok(Response::Sasl(None)));
    assert!(!server.is_closed(conn));
    server.send(conn, 1, &Request::Sasl(None));
    assert!(server.take(conn).is_empty() && server.is_closed(conn));
}

/// Only what a leader of ZooKeeper would take for good is refused without a transaction.
#[test]
fn flags_of_another_operation() {
    let ttl = |flags, ttl| {
        let CreateRequest { path, data, acl, .. } = creation("/t", 0);
        Request::CreateTtl(crate::wire::client::CreateTtlRequest { path, data, acl, flags, ttl })
    };
    for extended in [true, false] {
        let mut server = Server::with(|settings| settings.extended_types = extended);
        let conn = server.connect();
        let off = if extended { -8 } else { -6 };
        let cases = [
            (ttl(0, -1), -8, false),
            (ttl(4, -1), -8, false),
            (Request::Create(creation("/a", 5)), off, true),
            (Request::CreateContainer(creation("/a", 6)), off, true),
            (Request::Create(creation("/a", 7)), -8, true),
            (ttl(0, 1), -8, true),
            (ttl(5, -1), off, true),
            (ttl(7, -1), -8, true),
        ];
        for (request, error, is_txn) in cases {
            let before = server.zxid;
            assert_eq!(server.ask(conn, &request), Err(error), "{request:?}");
            assert_eq!(server.zxid != before, is_txn, "{request:?}");
        }
    }
}

/// The empty path is the root to whoever reads; but as the name of a watch it is one that nothing
/// ever happens to, as in ZooKeeper.
#[test]
fn a_watch_on_the_empty_path_never_fires() {
    let mut server = Server::new();
    let conn = server.connect();
    for request in [Request::GetData(watch("")), Request::GetChildren(watch("")), Request::Exists(watch(""))]
    {
        assert!(server.ask(conn, &request).is_ok(), "{request:?}");
    }
    server.ask(conn, &create("/a", 0)).unwrap();
    server.send(conn, 1, &Request::SetData(SetDataRequest { path: "/".into(), data: None, version: -1 }));
    assert_eq!(xids(&server.take(conn)), [1]);
    let check =
        |path: &str| Request::CheckWatches(WatcherRequest { path: path.into(), watcher: WatcherType::Any });
    assert!(server.ask(conn, &check("")).is_ok());
    assert_eq!(server.ask(conn, &check("/")), Err(-121));
}

#[test]
fn authentication_without_proof_fails() {
    let mut server = Server::new();
    let conn = server.connect();
    let packet = AuthPacket { auth_type: 0, scheme: "digest".into(), auth: None };
    assert_eq!(server.ask(conn, &Request::Auth(packet)), Err(-115));
    assert!(server.is_closed(conn));
}
