//! Creates with the flags of another operation: what ZooKeeper makes of them, on the leader, in a
//! multi, and where a learner forwards them.

use super::*;
use crate::ids::Link;
use crate::tree::Owner;
use crate::wire::client::{MultiOp, MultiResult};

fn new(path: &str, flags: i32) -> CreateRequest {
    CreateRequest { path: path.into(), data: Some(Bytes::new()), acl: vec![Acl::open()], flags }
}

/// What was created at a path, as the tree has it.
fn owner(server: &Server, path: &str) -> Option<Owner> {
    let tree = &server.service.state.tree;
    tree.get(path).map(|node| tree.owner(node.meta()))
}

/// The last transaction has the digest that the tree has now.
fn digest_holds(server: &Server) {
    let (_, txn) = server.log.last().expect("a transaction");
    let digest = Txn::decode(&txn.0).unwrap().digest.expect("a digest");
    assert_eq!(digest.tree_digest, server.service.state.tree.digest());
}

/// Recorded from ZooKeeper 3.8.0 and 3.9.5: name, owner, kind of the answer.
#[test]
fn the_operation_decides() {
    for flags in 0..5 {
        let mut server = Server::new();
        let conn = server.connect();
        let session = Owner::Session(server.session(conn));
        let sequential = flags == 2 || flags == 3;
        let path = if sequential { "/a0000000000" } else { "/a" };
        let znode = if flags == 1 || flags == 3 { session } else { Owner::Nobody };
        let answer = server.ask(conn, &Request::Create(new("/a", flags)));
        assert_eq!(answer, Ok(Response::Path(path.into())), "{flags}");
        assert_eq!(owner(&server, path), Some(znode), "{flags}");
        digest_holds(&server);
        let path = if sequential { "/b0000000001" } else { "/b" };
        let answer = server.ask(conn, &Request::Create2(new("/b", flags)));
        assert!(matches!(answer, Ok(Response::PathStat(created, _)) if created == path), "{flags}");
        assert_eq!(owner(&server, path), Some(znode), "{flags}");
        digest_holds(&server);
        let path = if sequential { "/c0000000002" } else { "/c" };
        let answer = server.ask(conn, &Request::CreateContainer(new("/c", flags)));
        assert!(matches!(answer, Ok(Response::PathStat(created, _)) if created == path), "{flags}");
        assert_eq!(owner(&server, path), Some(Owner::Container), "{flags}");
        digest_holds(&server);
    }
}

#[test]
fn in_a_multi_a_container_is_asked_for_by_operation_or_flags() {
    let mut server = Server::new();
    let conn = server.connect();
    let parts = [
        (MultiOp::Create(new("/a", 4)), "/a"),
        (MultiOp::Create2(new("/b", 4)), "/b"),
        (MultiOp::CreateContainer(new("/c", 0)), "/c"),
        (MultiOp::CreateContainer(new("/d", 1)), "/d"),
        (MultiOp::CreateContainer(new("/e", 2)), "/e0000000004"),
        (MultiOp::CreateContainer(new("/f", 3)), "/f0000000005"),
        (MultiOp::CreateContainer(new("/g", 4)), "/g"),
    ];
    let multi = Request::Multi(parts.iter().map(|(part, _)| part.clone()).collect());
    let Ok(Response::Multi(results)) = server.ask(conn, &multi) else { panic!("no results") };
    for (result, (_, path)) in results.iter().zip(&parts) {
        assert!(matches!(result, MultiResult::Create2(created, _) if created == path), "{result:?}");
        assert_eq!(owner(&server, path), Some(Owner::Container));
    }
    digest_holds(&server);
}

/// A learner asks any leader, also one of ZooKeeper, in a way that has only one meaning.
#[test]
fn what_is_forwarded_has_flags_of_its_own_operation() {
    let flags_of = |request: Request| match request {
        Request::Create(r) | Request::Create2(r) | Request::CreateContainer(r) => r.flags,
        Request::Multi(parts) => match &parts[..] {
            [MultiOp::CreateContainer(r)] => r.flags,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    let cases = [
        (Request::Create(new("/a", 4)), 0),
        (Request::Create2(new("/a", 4)), 0),
        (Request::CreateContainer(new("/a", 0)), 4),
        (Request::CreateContainer(new("/a", 1)), 4),
        (Request::CreateContainer(new("/a", 3)), 2),
        (Request::Multi(vec![MultiOp::Create(new("/a", 4))]), 4),
        (Request::Multi(vec![MultiOp::CreateContainer(new("/a", 1))]), 4),
        (Request::Multi(vec![MultiOp::CreateContainer(new("/a", 3))]), 2),
    ];
    for (asked, flags) in cases {
        let mut server = Server::new();
        let conn = server.connect();
        let frame = [RequestHeader { xid: 1, op: asked.op().to_i32() }.to_bytes(), asked.body().to_vec()];
        let event = ClientEvent::Frame(frame.concat().into());
        let mut fx = vec![];
        server.service.client(server.now, conn, event, &mut fx);
        let [Effect::Submit(sent)] = &fx[..] else { panic!("{fx:?}") };
        assert_eq!(sent.op, asked.op().to_i32());
        assert_eq!(flags_of(Request::decode(asked.op(), &sent.body).unwrap()), flags, "{asked:?}");
    }
}

/// A learner of ZooKeeper forwards whatever its client asks for.
#[test]
fn a_leader_judges_forwarded_flags_alike() {
    let mut server = Server::new();
    let conn = server.connect();
    let learner = Origin::Learner(Link { server: ServerId(2), generation: 1 });
    let session = server.session(conn);
    let created = |server: &mut Server, request: Request| {
        // The session is served by the learner.
        let touch = Touch { session, timeout_ms: 10_000 };
        assert!(server.service.revalidate(server.now, touch, learner));
        let (op, body) = (request.op().to_i32(), request.body());
        server.submit(&ClientRequest { session, cxid: 1, op, body, auth: Arc::default() }, learner);
        let (_, txn) = server.log.last().expect("a transaction");
        Txn::decode(&txn.0).unwrap().body
    };
    let body = created(&mut server, Request::Create(new("/a", 4)));
    assert!(matches!(body, TxnBody::Create(txn) if !txn.ephemeral));
    assert_eq!(owner(&server, "/a"), Some(Owner::Nobody));
    let body = created(&mut server, Request::CreateContainer(new("/b", 1)));
    assert!(matches!(body, TxnBody::CreateContainer(_)));
    assert_eq!(owner(&server, "/b"), Some(Owner::Container));
    digest_holds(&server);
    let ttl = crate::wire::client::CreateTtlRequest {
        path: "/c".into(),
        data: None,
        acl: vec![Acl::open()],
        flags: 0,
        ttl: -1,
    };
    assert_eq!(created(&mut server, Request::CreateTtl(ttl)), TxnBody::Error(-8));
}
