//! The leader predicts: what it proposes on top of what is not applied yet must come true, on
//! itself and on a follower.

use super::*;
use crate::wire::client::{
    AuthPacket, CheckVersionRequest, CreateTtlRequest, DeleteRequest, MultiOp, SetAclRequest, SetDataRequest,
};
use crate::wire::txn::{Txn, TxnBody};
use proptest::prelude::*;

fn path() -> impl Strategy<Value = String> {
    prop_oneof![4 => "(/[ab]){1,3}", 1 => Just("/zookeeper/x".into()), 1 => Just("/a/".into())]
}

fn acl() -> impl Strategy<Value = Vec<Acl>> {
    prop_oneof![
        6 => Just(vec![Acl::open()]),
        1 => Just(vec![Acl::new(1, "world", "anyone")]),
        1 => Just(vec![]),
        2 => Just(vec![Acl::new(31, "auth", ""), Acl::new(1, "world", "anyone")]),
        1 => Just(vec![Acl::new(31, "ip", "127.0.0.1"), Acl::new(1, "world", "anyone")]),
    ]
}

fn data() -> impl Strategy<Value = Option<Bytes>> {
    proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20)).prop_map(|d| d.map(Bytes::from))
}

fn creation() -> impl Strategy<Value = CreateRequest> {
    (path(), data(), acl(), 0..4i32).prop_map(|(path, data, acl, flags)| CreateRequest {
        path,
        data,
        acl,
        flags,
    })
}

fn version() -> impl Strategy<Value = i32> {
    prop_oneof![4 => Just(-1), 2 => 0..3i32]
}

fn part() -> impl Strategy<Value = MultiOp> {
    prop_oneof![
        4 => creation().prop_map(MultiOp::Create),
        1 => creation().prop_map(MultiOp::Create2),
        1 => (creation(), 0..5i32).prop_map(|(r, flags)| MultiOp::CreateContainer(CreateRequest { flags, ..r })),
        1 => (creation(), 1..9000i64).prop_map(|(r, ttl)| {
            MultiOp::CreateTtl(CreateTtlRequest { path: r.path, data: r.data, acl: r.acl, flags: 5 + r.flags % 2, ttl })
        }),
        3 => (path(), version()).prop_map(|(path, version)| MultiOp::Delete(DeleteRequest { path, version })),
        3 => (path(), data(), version())
            .prop_map(|(path, data, version)| MultiOp::SetData(SetDataRequest { path, data, version })),
        1 => (path(), version()).prop_map(|(path, version)| MultiOp::Check(CheckVersionRequest { path, version })),
    ]
}

fn write() -> impl Strategy<Value = Request> {
    prop_oneof![
        8 => part().prop_map(|part| match part {
            MultiOp::Create(r) => Request::Create(r),
            MultiOp::Create2(r) => Request::Create2(r),
            MultiOp::CreateContainer(r) => Request::CreateContainer(r),
            MultiOp::CreateTtl(r) => Request::CreateTtl(r),
            MultiOp::Delete(r) => Request::Delete(r),
            MultiOp::SetData(r) => Request::SetData(r),
            MultiOp::Check(r) => Request::Multi(vec![MultiOp::Check(r)]),
        }),
        3 => proptest::collection::vec(part(), 0..5).prop_map(Request::Multi),
        1 => (path(), acl(), version())
            .prop_map(|(path, acl, version)| Request::SetAcl(SetAclRequest { path, acl, version })),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Write(usize, Request),
    Apply,
    Close(usize),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..3usize, write()).prop_map(|(client, request)| Step::Write(client, request)),
        8 => Just(Step::Apply),
        1 => (0..3usize).prop_map(Step::Close),
        1 => (0..70_000u64).prop_map(Step::Wait),
    ]
}

fn check(server: &Server, follower: &mut TreeService, checked: &mut usize) -> Result<(), TestCaseError> {
    for (zxid, txn) in &server.log[*checked..] {
        follower.apply(server.now, *zxid, txn, &mut vec![]);
        let decoded = Txn::decode(&txn.0).expect("what a leader writes can be read");
        prop_assert_eq!(decoded.header.zxid, *zxid);
        prop_assert!(txn.0.len() <= server.service.settings.max_txn, "{:?}", decoded);
        match (&decoded.body, decoded.digest) {
            (TxnBody::Error(_) | TxnBody::CloseSession(None), digest) => prop_assert!(digest.is_none()),
            (_, digest) => {
                let said = digest.map(|digest| digest.tree_digest);
                prop_assert_eq!(said, Some(follower.status().digest), "{:?}", decoded);
            }
        }
        if let TxnBody::Multi(parts) = &decoded.body {
            prop_assert!(!parts.iter().any(|part| matches!(part, TxnBody::Create2(_))));
        }
        prop_assert!(!matches!(decoded.body, TxnBody::Check(_)));
    }
    *checked = server.log.len();
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn predictions_come_true(
        steps in proptest::collection::vec(step(), 0..60),
        max_txn in prop_oneof![2 => Just(10_000usize), 3 => 90..300usize],
    ) {
        let mut server = Server::with(|settings| {
            settings.extended_types = true;
            settings.max_txn = max_txn;
        });
        let mut follower = TreeService::new(&server.service.settings, None);
        let mut checked = 0;
        let mut clients: Vec<ConnId> = (0..3).map(|_| server.connect()).collect();
        let mut asked: BTreeMap<ConnId, Vec<i32>> = BTreeMap::new();
        for user in ["alice:a", "bob:b"] {
            let auth = Some(Bytes::from_static(user.as_bytes()));
            let proof = Request::Auth(AuthPacket { auth_type: 0, scheme: "digest".into(), auth });
            prop_assert!(server.ask(clients[0], &proof).is_ok());
        }
        server.hold = true;
        for (xid, step) in (1i32..).zip(steps) {
            match step {
                Step::Write(client, request) => {
                    let conn = clients[client];
                    if !server.is_closed(conn) {
                        asked.entry(conn).or_default().push(xid);
                    }
                    server.send(conn, xid, &request);
                }
                Step::Apply => {
                    server.release_one();
                }
                Step::Close(client) => {
                    server.send(clients[client], xid, &Request::CloseSession);
                    server.release();
                    server.hold = false;
                    clients[client] = server.connect();
                    server.hold = true;
                }
                Step::Wait(ms) => server.wait(ms),
            }
            check(&server, &mut follower, &mut checked)?;
        }
        server.release();
        check(&server, &mut follower, &mut checked)?;
        prop_assert_eq!(server.service.status().counters.digest_mismatches, 0);
        prop_assert_eq!(server.service.status().counters.unreadable_txns, 0);
        prop_assert_eq!(server.service.status().proposed_changes, 0);
        prop_assert_eq!(server.service.status().outstanding, 0);
        prop_assert_eq!(server.service.snapshot(), follower.snapshot());
        // Every request of a connection that still stands was answered, in order.
        for conn in clients {
            let answered: Vec<i32> = xids(&server.take(conn)).into_iter().filter(|xid| *xid > 0).collect();
            if !server.is_closed(conn) {
                prop_assert_eq!(answered, asked.remove(&conn).unwrap_or_default());
            }
        }
    }

    /// Whatever a learner forwards, the leader makes a transaction of it that can be applied.
    #[test]
    fn anything_forwarded_becomes_a_transaction(
        op in prop_oneof![3 => proptest::sample::select(OpCode::ALL.to_vec()).prop_map(|op| op.to_i32()), 1 => any::<i32>()],
        body in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut server = Server::new();
        let conn = server.connect();
        let request = ClientRequest { session: server.session(conn), cxid: 5, op, body: body.into(), auth: [].into() };
        let from = Origin::Learner(crate::ids::Link { server: ServerId(2), generation: 1 });
        let txn = server.service.prepare(server.now, Zxid(50), &request, from);
        let decoded = Txn::decode(&txn.0).expect("what a leader writes can be read");
        prop_assert_eq!(decoded.header.zxid, Zxid(50));
        server.step(|service, now, fx| service.apply(now, Zxid(50), &txn, fx));
        prop_assert_eq!(server.service.status().counters, Counters::default());
    }

    /// Whatever a client sends, it is answered or cut off.
    #[test]
    fn any_frame_is_survived(frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 1..10)) {
        let mut server = Server::new();
        let conn = server.connect();
        for frame in frames {
            server.event(conn, ClientEvent::Frame(frame.into()));
        }
        prop_assert_eq!(server.service.status().outstanding, 0);
    }

    /// Whatever the log holds, it is survived and changes nothing if it is no transaction.
    #[test]
    fn any_transaction_is_survived(op in any::<i8>(), body in proptest::collection::vec(any::<u8>(), 0..80)) {
        let mut server = Server::new();
        let header = TxnHeader { client_id: SessionId(1), cxid: 1, zxid: Zxid(2), time: 0, op: i32::from(op) };
        let mut bytes = header.to_bytes();
        bytes.extend(body);
        let txn = ClientTxn(bytes.into());
        server.step(|service, now, fx| service.apply(now, Zxid(2), &txn, fx));
        prop_assert_eq!(server.service.status().applied, Zxid(2));
    }
}
