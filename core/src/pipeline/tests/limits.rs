//! What one client can make a leader propose, remember and compute is bounded.

use super::*;
use crate::auth::identities::{MAX_IDENTITIES, MAX_IDENTITY_BYTES};
use crate::wire::client::{
    AddWatchMode, AddWatchRequest, AuthPacket, CheckVersionRequest, DeleteRequest, MultiOp, SetAclRequest,
};
use proptest::prelude::*;

fn small(limit: usize) -> Server {
    Server::with(|settings| settings.max_txn = limit)
}

fn prove(user: &str) -> Request {
    let proof = Some(Bytes::from(alloc::format!("{user}:secret")));
    Request::Auth(AuthPacket { auth_type: 0, scheme: "digest".into(), auth: proof })
}

fn for_owners(path: &str) -> CreateRequest {
    CreateRequest { path: path.into(), data: None, acl: vec![Acl::new(31, "auth", "")], flags: 0 }
}

fn last_txn(server: &Server) -> (usize, Txn) {
    let (_, txn) = server.log.last().expect("a transaction");
    (txn.0.len(), Txn::decode(&txn.0).unwrap())
}

/// Sixty identities and a multi of a thousand creates would be a transaction of three megabytes.
#[test]
fn a_multi_whose_lists_become_too_long_fails_as_a_whole() {
    let mut server = Server::new();
    let conn = server.connect();
    for user in 0..60 {
        server.ask(conn, &prove(&alloc::format!("user{user:02}"))).unwrap();
    }
    let before = server.service.status();
    let multi = |n: usize| {
        Request::Multi((0..n).map(|i| MultiOp::Create(for_owners(&alloc::format!("/n{i:04}")))).collect())
    };
    assert!(multi(1000).body().len() < 50_000);
    assert_eq!(server.ask(conn, &multi(1000)), Err(-5));
    let (size, txn) = last_txn(&server);
    assert_eq!((size, txn.body, txn.digest), (36, TxnBody::Error(-5), None));
    let after = server.service.status();
    assert_eq!((after.znodes, after.digest), (before.znodes, before.digest));
    // It was an ordinary failure: what fits is done, and the digest holds.
    assert!(matches!(server.ask(conn, &multi(400)), Ok(Response::Multi(results)) if results.len() == 400));
    let (size, txn) = last_txn(&server);
    assert!(size > 1_000_000 && size <= server.service.settings.max_txn, "{size}");
    assert_eq!(txn.digest.map(|digest| digest.tree_digest), Some(server.service.state.tree.digest()));
}

/// The limit is exact, for requests of every kind, from a client and from a learner.
#[test]
fn a_transaction_is_as_long_as_a_learner_accepts_and_no_longer() {
    let data = |n: usize| Some(Bytes::from(vec![b'x'; n]));
    let new = |n: usize| CreateRequest { path: "/a".into(), data: data(n), acl: vec![Acl::open()], flags: 0 };
    let list = |n: usize| vec![Acl::new(31, "digest", &alloc::format!("{}:x", "u".repeat(n)))];
    let requests: [fn(CreateRequest, Vec<Acl>) -> Request; 5] = [
        |new, _| Request::Create(new),
        |new, _| Request::CreateContainer(CreateRequest { flags: 4, ..new }),
        |new, _| Request::Multi(vec![MultiOp::Create2(new)]),
        |new, _| {
            let path = "/there".into();
            Request::SetData(crate::wire::client::SetDataRequest { path, data: new.data, version: -1 })
        },
        |_, acl| Request::SetAcl(SetAclRequest { path: "/there".into(), acl, version: -1 }),
    ];
    for request in requests {
        let mut fits = None;
        for n in 100..400 {
            let mut server = small(400);
            let conn = server.connect();
            server.ask(conn, &create("/there", 0)).unwrap();
            let answer = server.ask(conn, &request(new(n), list(n)));
            let (size, txn) = last_txn(&server);
            assert!(size <= 400);
            match answer {
                Ok(_) => fits = Some(size),
                Err(error) => assert_eq!((error, txn.body), (-5, TxnBody::Error(-5))),
            }
        }
        assert_eq!(fits, Some(400));
    }
}

/// A character of four bytes is written as two of three: what counts is what is written.
#[test]
fn text_is_measured_as_it_is_written() {
    let mut server = small(400);
    let conn = server.connect();
    let name = |n: usize| CreateRequest {
        acl: vec![Acl::new(31, "digest", &alloc::format!("{}:x", "\u{1f600}".repeat(n)))],
        ..for_owners("/a")
    };
    assert_eq!(server.ask(conn, &Request::Create(name(60))), Err(-5));
    assert!(server.ask(conn, &Request::Create(name(50))).is_ok());
}

#[test]
fn identities_are_bounded_where_they_are_proved() {
    let mut server = Server::new();
    let conn = server.connect();
    // The address is the first.
    for user in 1..MAX_IDENTITIES {
        server.ask(conn, &prove(&alloc::format!("user{user}"))).unwrap();
    }
    server.ask(conn, &prove("user1")).unwrap();
    assert_eq!(server.ask(conn, &prove("one-more")), Err(-115));
    assert!(server.is_closed(conn));
    let conn = server.connect();
    assert_eq!(server.ask(conn, &prove(&"u".repeat(MAX_IDENTITY_BYTES))), Err(-115));
    assert!(server.is_closed(conn));
}

/// Whoever proves the same thing again and again costs no more than the hash of the proof.
#[test]
fn a_proof_that_is_known_copies_nothing() {
    let mut server = Server::new();
    let conn = server.connect();
    server.ask(conn, &prove("bob")).unwrap();
    let before = Arc::clone(&server.service.clients.connections[&conn].auth);
    for _ in 0..1000 {
        server.ask(conn, &prove("bob")).unwrap();
    }
    assert!(Arc::ptr_eq(&before, &server.service.clients.connections[&conn].auth));
}

/// A session with more ephemerals than one transaction can name.
fn with_ephemerals(server: &mut Server, n: usize) -> ConnId {
    let conn = server.connect();
    for i in 0..n {
        server.ask(conn, &create(&alloc::format!("/e{i:03}"), 1)).unwrap();
    }
    conn
}

#[test]
fn a_session_can_always_be_closed() {
    let mut server = small(400);
    let watcher = server.connect();
    let mode = AddWatchMode::PersistentRecursive;
    let watch = Request::AddWatch(AddWatchRequest { path: "/".into(), mode });
    let conn = with_ephemerals(&mut server, 100);
    server.ask(watcher, &watch).unwrap();
    assert!(server.ask(conn, &Request::CloseSession).is_ok());
    let (size, txn) = last_txn(&server);
    // ZooKeeper would read a digest as names.
    assert_eq!((size, txn.body, txn.digest), (32, TxnBody::CloseSession(None), None));
    assert_eq!(server.service.status().ephemerals, 0);
    assert_eq!(server.take(watcher).len(), 100);
    // What the leader has predicted is what came.
    server.ask(watcher, &create("/next", 0)).unwrap();
    let (_, txn) = last_txn(&server);
    assert_eq!(txn.digest.map(|digest| digest.tree_digest), Some(server.service.state.tree.digest()));
}

#[test]
fn a_session_that_expires_is_closed_in_the_same_way() {
    let mut server = small(400);
    let conn = with_ephemerals(&mut server, 100);
    for _ in 0..10 {
        server.wait(2000);
    }
    let (_, txn) = last_txn(&server);
    assert_eq!(txn.body, TxnBody::CloseSession(None));
    assert_eq!((server.service.status().ephemerals, server.service.status().sessions), (0, 0));
    assert!(server.is_closed(conn));
}

/// What is outstanding while a session ends without names is judged as if it had been applied.
#[test]
fn requests_behind_an_end_without_names_see_it() {
    let mut server = small(400);
    let conn = with_ephemerals(&mut server, 60);
    let other = server.connect();
    server.hold = true;
    for i in 60..80 {
        server.send(conn, i, &create(&alloc::format!("/e{i:03}"), 1));
    }
    server.send(conn, 80, &Request::CloseSession);
    server.send(other, 1, &create("/e000", 0));
    server.send(other, 2, &create("/e079", 1));
    server.send(other, 3, &Request::Delete(DeleteRequest { path: "/e001".into(), version: -1 }));
    server.release();
    let errors: Vec<i32> = server.take(other).iter().map(|reply| encoded(reply).0.err).collect();
    assert_eq!(errors, [0, 0, -101]);
    assert_eq!(server.service.status().ephemerals, 1);
    let (_, txn) = last_txn(&server);
    assert!(matches!(txn.body, TxnBody::Error(-101)));
    assert_eq!(server.service.status().counters.digest_mismatches, 0);
}

/// A list is looked at once for all parts of a request, not once for each.
#[test]
fn many_parts_on_one_znode_with_a_long_list() {
    let work = |entries: usize, parts: usize| {
        let mut server = Server::new();
        let conn = server.connect();
        let entry = |i: usize| Acl::new(31, "digest", &alloc::format!("user{i}:x"));
        let acl = (0..entries).map(entry).chain([Acl::open()]).collect();
        let new = CreateRequest { path: "/a".into(), data: None, acl, flags: 0 };
        server.ask(conn, &Request::Create(new)).unwrap();
        let check = || MultiOp::Check(CheckVersionRequest { path: "/a".into(), version: 0 });
        let body = Request::Multi((0..parts).map(|_| check()).collect()).body();
        let session = server.session(conn);
        let auth = Arc::clone(&server.service.clients.connections[&conn].auth);
        let request = ClientRequest { session, cxid: 1, op: OpCode::Multi.to_i32(), body, auth };
        let zxid = server.zxid.next().unwrap();
        server.service.propose(server.now, zxid, &request, Origin::Local).1
    };
    assert_eq!(work(1000, 1000), 1001);
    assert_eq!(work(2000, 2000), 2001);
}

/// What is remembered for the end of a session is what is outstanding of it, not what failed and
/// not what is applied.
#[test]
fn outstanding_ephemerals_are_remembered_as_long_as_they_are_outstanding() {
    let mut server = Server::new();
    let (conn, other) = (server.connect(), server.connect());
    server.hold = true;
    let remembered = |server: &Server| {
        server.service.leading.as_ref().map(|leading| leading.outstanding.remembered_ephemerals())
    };
    let multi = |from: usize, fails: bool| {
        let part = |i| {
            MultiOp::Create(CreateRequest {
                flags: 1,
                acl: vec![Acl::open()],
                ..for_owners(&alloc::format!("/e{i}"))
            })
        };
        let fails = fails.then(|| MultiOp::Delete(DeleteRequest { path: "/none".into(), version: -1 }));
        Request::Multi((from..from + 10).map(part).chain(fails).collect())
    };
    for round in 0..5 {
        server.send(other, round, &create(&alloc::format!("/busy{round}"), 0));
        server.send(conn, round, &multi(10 * round as usize, false));
        server.send(conn, 100 + round, &multi(1000, true));
        assert_eq!(remembered(&server), Some(10 * (round as usize + 1)));
    }
    // Ephemerals that are gone before they are applied, while others keep the leader busy.
    for left in (0..5).rev() {
        for _ in 0..3 {
            server.release_one();
        }
        assert_eq!(remembered(&server), Some(10 * left));
    }
}

/// A parent that can count no further gives no number twice, whether requests overlap or not.
#[test]
fn the_last_sequence_number() {
    for together in [false, true] {
        let mut server = Server::new();
        let conn = server.connect();
        server.ask(conn, &create("/p", 0)).unwrap();
        // As a leader of ZooKeeper counts: the cversion is the number of the next name.
        server.zxid = server.zxid.next().unwrap();
        let zxid = server.zxid;
        let header = TxnHeader { client_id: SessionId(1), cxid: 0, zxid, time: 7, op: 0 };
        let body = TxnBody::Create(crate::wire::txn::CreateTxn {
            path: "/p/x".into(),
            data: None,
            acl: vec![Acl::open()],
            ephemeral: false,
            parent_cversion: i32::MAX - 1,
        });
        let txn = ClientTxn(Txn { header, body, digest: None }.encode());
        server.step(|service, now, fx| service.apply(now, zxid, &txn, fx));
        server.hold = together;
        for xid in 0..3 {
            server.send(conn, xid, &create("/p/s", 2));
        }
        server.send(conn, 3, &create("/p/plain", 0));
        server.release();
        let answers: Vec<(i32, String)> = server
            .take(conn)
            .iter()
            .map(|reply| match reply {
                ClientReply::Reply { header, body: Response::Path(path), .. } => (header.err, path.clone()),
                ClientReply::Reply { header, .. } => (header.err, String::new()),
                other => panic!("{other:?}"),
            })
            .collect();
        let path = |path: &str| (0, String::from(path));
        let full = (-110, String::new());
        assert_eq!(answers, [path("/p/s2147483646"), full.clone(), full, path("/p/plain")]);
        let counters = server.service.status().counters;
        assert_eq!((counters.digest_mismatches, counters.unreadable_txns), (0, 0));
    }
}

/// A leader of ZooKeeper goes on with negative numbers while requests overlap. What it commits
/// comes to the same everywhere: the parent's count stays where it is.
#[test]
fn what_another_leader_counts_beyond_the_end_changes_no_count() {
    let mut server = Server::new();
    let mut create = |path: &str, parent_cversion: i32| {
        server.zxid = server.zxid.next().unwrap();
        let zxid = server.zxid;
        let header = TxnHeader { client_id: SessionId(1), cxid: 0, zxid, time: 7, op: 0 };
        let (path, acl) = (path.into(), vec![Acl::open()]);
        let new = crate::wire::txn::CreateTxn { path, data: None, acl, ephemeral: false, parent_cversion };
        let txn = ClientTxn(Txn { header, body: TxnBody::Create(new), digest: None }.encode());
        server.step(|service, now, fx| service.apply(now, zxid, &txn, fx));
        server.service.state.tree.get("/").map(|node| node.meta().cversion)
    };
    assert_eq!(create("/s2147483646", i32::MAX), Some(i32::MAX));
    assert_eq!(create("/s2147483647", i32::MIN), Some(i32::MAX));
    assert_eq!(create("/s-2147483648", i32::MIN + 1), Some(i32::MAX));
    assert_eq!(create("/s-2147483647", -1), Some(i32::MAX));
}

proptest! {
    /// Whether the end of a session names its znodes or not, the same is left, in the same order of
    /// events, and no transaction is ever longer than allowed.
    #[test]
    fn both_ends_of_a_session_are_one(
        creations in proptest::collection::vec((0..12u8, 0..3usize), 0..30),
        deletions in proptest::collection::vec(0..12u8, 0..6),
        held in any::<bool>(),
    ) {
        let run = |limit: usize| -> Result<_, TestCaseError> {
            let mut server = small(limit);
            let clients: Vec<ConnId> = (0..3).map(|_| server.connect()).collect();
            let mode = AddWatchMode::PersistentRecursive;
            server.ask(clients[2], &Request::AddWatch(AddWatchRequest { path: "/".into(), mode })).unwrap();
            server.hold = held;
            for (i, (name, client)) in creations.iter().enumerate() {
                server.send(clients[*client], i as i32, &create(&alloc::format!("/n{name}"), 1));
            }
            for (i, name) in deletions.iter().enumerate() {
                let path = alloc::format!("/n{name}");
                server.send(clients[1], 100 + i as i32, &Request::Delete(DeleteRequest { path, version: -1 }));
            }
            server.send(clients[0], 200, &Request::CloseSession);
            server.send(clients[1], 201, &create("/after", 2));
            server.release();
            let told = server.take(clients[2]);
            let longest = server.log.iter().map(|(_, txn)| txn.0.len()).max();
            prop_assert!(longest.is_some_and(|longest| longest <= limit), "{:?}", longest);
            let mut replica = TreeService::new(&server.service.settings, None);
            for (zxid, txn) in &server.log {
                replica.apply(server.now, *zxid, txn, &mut vec![]);
            }
            prop_assert_eq!(&replica.state.tree, &server.service.state.tree);
            prop_assert_eq!(&replica.state.sessions, &server.service.state.sessions);
            prop_assert_eq!(replica.status().counters.digest_mismatches, 0);
            Ok((told, server.service.state.tree.clone(), server.service.state.sessions.clone()))
        };
        // 102 bytes are what creating one of them takes.
        let (named, nameless) = (run(10_000)?, run(102)?);
        prop_assert_eq!(named, nameless);
    }
}

/// What waits at a leader, and what a SNAP would send, are counted in bytes.
#[test]
fn sizes_count_the_body_every_identity_and_every_znode() {
    let id = |scheme: &str, id: &str| crate::wire::record::Id { scheme: scheme.into(), id: id.into() };
    let auth = [id("ip", "127.0.0.1"), id("digest", "a:b")].into();
    let body = Bytes::from_static(b"body");
    let request = ClientRequest { session: SessionId(1), cxid: 1, op: 1, body, auth };
    assert_eq!(request.size(), 4 + (2 + 9) + (6 + 3));
    let mut server = Server::new();
    let before = server.service.size();
    let conn = server.connect();
    for path in ["/one", "/another"] {
        server.ask(conn, &create(path, 0)).unwrap();
    }
    assert_eq!(server.service.size() - before, "/one/another".len() + 2 * 80);
}
