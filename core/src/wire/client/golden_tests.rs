//! What real ZooKeeper servers and clients said to each other reads and writes as recorded.

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::ids::{SessionId, Zxid};
use crate::wire::error_code::ErrorCode;
use crate::wire::golden::recordings;
use crate::wire::jute::{Jute, Reader, Why};
use crate::wire::record::{Acl, Stat};

const CONNECT: &str = include_str!("../../../../tests/golden/01_connect.txt");
const REQUESTS: &str = include_str!("../../../../tests/golden/02_requests.txt");
const MASTER: &str = include_str!("../../../../tests/golden/09_master_3.10.txt");
const RECONFIG: &str = include_str!("../../../../tests/golden/11_reconfig.txt");

/// The frame without its length, which must be right.
fn body(frame: &Bytes) -> Bytes {
    assert_eq!(frame[..4], (frame.len() as u32 - 4).to_be_bytes());
    frame.slice(4..)
}

fn reframed(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write_frame(&mut out, write);
    out
}

#[test]
fn connecting() {
    let mut requests = 0;
    for recorded in recordings(CONNECT) {
        let bytes = body(&recorded.bytes);
        // Requests have 44 or 45 bytes, responses 36 or 37.
        let again = if bytes.len() >= 44 {
            requests += 1;
            let request = ConnectRequest::from_bytes(&bytes).expect(&recorded.label);
            assert_eq!(request.read_only, if bytes.len() == 45 { Some(false) } else { None });
            assert_eq!(request.password.as_ref().map(Bytes::len), Some(PASSWORD_LEN));
            reframed(|out| request.write(out))
        } else {
            let response = ConnectResponse::from_bytes(&bytes).expect(&recorded.label);
            assert_eq!(response.read_only, if bytes.len() == 37 { Some(false) } else { None });
            reframed(|out| response.write(out))
        };
        assert_eq!(again, recorded.bytes, "{}", recorded.label);
    }
    assert!(requests >= 6, "{requests}");
}

#[test]
fn connect_fields() {
    let all = recordings(CONNECT);
    let find = |label: &str| {
        let recorded = all.iter().find(|r| r.label.starts_with(label)).expect(label);
        body(&recorded.bytes)
    };
    let response = ConnectResponse::from_bytes(&find("A2.")).unwrap();
    assert_eq!(response.timeout_ms, 10000);
    assert_eq!(response.session, SessionId(0x0100_000f_0e2f_0000));
    assert_eq!(response.password[..4], [0xa3, 0x34, 0x23, 0x18]);
    let again = ConnectRequest::from_bytes(&find("D1.")).unwrap();
    assert_eq!(again.session, response.session);
    assert_eq!(again.password.as_deref(), Some(&response.password[..]));
    assert_eq!(ConnectResponse::from_bytes(&find("E2.")), Ok(ConnectResponse::refused(Some(false))));
}

/// A reply, and the request if that was recorded (and was not bad on purpose).
struct Exchange {
    label: String,
    op: OpCode,
    request: Option<Request>,
    header: ReplyHeader,
    response: Option<Response>,
}

/// Reads and writes again every request, reply and notification of a recording.
fn exchanges(text: &str) -> Vec<Exchange> {
    let mut pending: Vec<(i32, OpCode, Option<Request>)> = Vec::new();
    let mut all = Vec::new();
    for recorded in recordings(text) {
        let (label, bytes) = (recorded.label, body(&recorded.bytes));
        let mut r = Reader::new(&bytes);
        if label.contains("request") {
            let header = RequestHeader::read(&mut r, "").unwrap();
            let op = OpCode::from_i32(header.op).expect(&label);
            let request = Request::read(op, &mut r);
            if let Ok(request) = &request {
                assert_eq!(r.remaining(), 0, "{label}");
                let again = reframed(|out| {
                    header.write(out);
                    request.write_body(out);
                });
                assert!(again == recorded.bytes || has_null_vector(request), "{label}");
            }
            pending.push((header.xid, op, request.ok()));
            continue;
        }
        let header = ReplyHeader::read(&mut r, "").unwrap();
        if header.xid == xid::NOTIFICATION {
            let event = WatcherEvent::read(&mut r, "").unwrap();
            assert_eq!(event.state, KeeperState::SyncConnected);
            assert!(event.path.starts_with('/'));
            let again = reframed(|out| {
                header.write(out);
                event.write(out);
            });
            assert_eq!(again, recorded.bytes, "{label}");
            continue;
        }
        let (op, request) = match pending.iter().position(|(xid, ..)| *xid == header.xid) {
            Some(found) => {
                let (_, op, request) = pending.remove(found);
                // What cannot be read here could not be read there.
                let unreadable = header.err == ErrorCode::MarshallingError.to_i32();
                assert_eq!(request.is_none(), unreadable, "{label}");
                (op, request)
            }
            None => (op_by_label(&label), None),
        };
        let response = (header.err == 0).then(|| Response::read(op, &mut r).expect(&label));
        assert_eq!(r.remaining(), 0, "{label}");
        let mut again = Vec::new();
        write_reply(&mut again, header, response.as_ref().unwrap_or(&Response::Empty));
        assert_eq!(again, recorded.bytes, "{label}");
        all.push(Exchange { label, op, request, header, response });
    }
    all
}

/// Of some replies only the text above says what was asked.
fn op_by_label(label: &str) -> OpCode {
    let ops = [
        ("setData", OpCode::SetData),
        ("create ", OpCode::Create),
        ("... then the setWatches", OpCode::SetWatches),
        ("getACL", OpCode::GetAcl),
    ];
    ops.iter().find(|(start, _)| label.starts_with(start)).expect(label).1
}

/// Null vectors read as empty ones, so these do not come back as they were.
fn has_null_vector(request: &Request) -> bool {
    matches!(request, Request::SetAcl(r) if r.acl.is_empty())
}

#[test]
fn requests_and_replies() {
    let all = exchanges(REQUESTS);
    assert!(all.len() >= 40, "{}", all.len());
    let seen = |op: OpCode| all.iter().any(|e| e.op == op);
    for op in OpCode::ALL {
        let internal = [OpCode::Error, OpCode::CreateSession, OpCode::DeleteContainer, OpCode::Check];
        let elsewhere = [OpCode::WhoAmI, OpCode::Sasl];
        if !internal.contains(op) && !elsewhere.contains(op) {
            assert!(seen(*op), "{op:?} is not recorded");
        }
    }
}

#[test]
fn request_fields() {
    let all = exchanges(REQUESTS);
    let first = &all[0];
    let created = CreateRequest {
        path: "/a".to_string(),
        data: Some(Bytes::from_static(b"hello")),
        acl: vec![Acl::open()],
        flags: CreateMode::Persistent.to_i32(),
    };
    assert_eq!(first.request, Some(Request::Create(created)), "{}", first.label);
    assert_eq!(first.header, ReplyHeader::ok(1, Zxid(12)));
    assert_eq!(first.response, Some(Response::Path("/a".to_string())));
    assert_eq!(all[1].header.err, ErrorCode::NodeExists.to_i32());

    let null =
        all.iter().find(|e| matches!(&e.request, Some(Request::GetData(r)) if r.path == "/a/n")).unwrap();
    assert!(matches!(null.response, Some(Response::Data { data: None, .. })), "{}", null.label);

    let failed = all.iter().find(|e| e.header.xid == 32).unwrap();
    let results = [0, -101, -2].map(MultiResult::Error).to_vec();
    assert_eq!(failed.response, Some(Response::Multi(results)));
    let read = all.iter().find(|e| e.header.xid == 34).unwrap();
    let Some(Response::Multi(results)) = &read.response else { panic!("{}", read.label) };
    assert!(
        matches!(&results[0], MultiResult::GetData { data: Some(data), stat: Stat { data_length: 5, .. } }
        if data == "hello")
    );
    assert!(matches!(&results[1], MultiResult::GetChildren(children) if children.len() == 4));
    assert_eq!(results[2], MultiResult::Error(-101));
}

#[test]
fn newer_servers() {
    let all = exchanges(MASTER);
    let multi = all.iter().find(|e| e.op == OpCode::Multi).expect("a multi");
    let Some(Response::Multi(results)) = &multi.response else { panic!("{}", multi.label) };
    assert!(matches!(&results[0], MultiResult::Create2(path, _) if path == "/mm"));
}

#[test]
fn reconfig() {
    let all: Vec<_> = recordings(RECONFIG).into_iter().filter(|r| r.label.starts_with("client ")).collect();
    assert_eq!(all.len(), 3);
    let request = body(&all[1].bytes);
    let mut r = Reader::new(&request);
    let header = RequestHeader::read(&mut r, "").unwrap();
    assert_eq!(header.op, OpCode::Reconfig.to_i32());
    let Ok(Request::Reconfig(reconfig)) = Request::read(OpCode::Reconfig, &mut r) else { panic!() };
    assert!(reconfig.joining_servers.as_ref().unwrap().starts_with("server.4="));
    assert_eq!(
        (&reconfig.leaving_servers, &reconfig.new_members, reconfig.cur_config_id),
        (&None, &None, -1)
    );
    let again = reframed(|out| {
        header.write(out);
        Request::Reconfig(reconfig).write_body(out);
    });
    assert_eq!(again, all[1].bytes);
    for recorded in [&all[0], &all[2]] {
        let reply = body(&recorded.bytes);
        let mut r = Reader::new(&reply);
        let header = ReplyHeader::read(&mut r, "").unwrap();
        let response = Response::read(OpCode::Reconfig, &mut r).unwrap();
        let mut again = Vec::new();
        write_reply(&mut again, header, &response);
        assert_eq!(again, recorded.bytes);
    }
}

#[test]
fn a_multi_of_both_kinds_is_refused_as_a_whole() {
    let mut mixed = Vec::new();
    MultiHeader { op: 2, done: false, err: -1 }.write(&mut mixed);
    DeleteRequest { path: "/a".to_string(), version: -1 }.write(&mut mixed);
    MultiHeader { op: 4, done: false, err: -1 }.write(&mut mixed);
    WatchRequest { path: "/a".to_string(), watch: false }.write(&mut mixed);
    let mixed = Bytes::from(mixed);
    assert_eq!(Request::decode(OpCode::Multi, &mixed).unwrap_err().why, Why::Value(4));
    assert_eq!(Request::decode(OpCode::MultiRead, &mixed).unwrap_err().why, Why::Value(2));
}

#[test]
fn delete_container_in_both_forms() {
    let want = Request::DeleteContainer(PathRequest { path: "/c".to_string() });
    let bare = Request::decode(OpCode::DeleteContainer, &Bytes::from_static(b"/c"));
    assert_eq!(bare, Ok(want.clone()));
    assert_eq!(want.body(), Bytes::from_static(b"\0\0\0\x02/c"));
    assert_eq!(Request::decode(OpCode::DeleteContainer, &want.body()), Ok(want));
}

fn path() -> impl Strategy<Value = String> {
    "(/[a-z0-9é]{1,8}){1,4}"
}

fn data() -> impl Strategy<Value = Option<Bytes>> {
    proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from))
}

fn acls() -> impl Strategy<Value = Vec<Acl>> {
    let acl = (0..32i32, "[a-z]{1,6}", any::<String>()).prop_map(|(p, s, i)| Acl::new(p, &s, &i));
    proptest::collection::vec(acl, 0..3)
}

fn create() -> impl Strategy<Value = CreateRequest> {
    (path(), data(), acls(), any::<i32>()).prop_map(|(path, data, acl, flags)| CreateRequest {
        path,
        data,
        acl,
        flags,
    })
}

/// Parts whose flags fit their operation: others do not come back as they were.
fn part() -> impl Strategy<Value = MultiOp> {
    let create = |flags: core::ops::Range<i32>| {
        (create(), flags).prop_map(|(create, flags)| CreateRequest { flags, ..create })
    };
    prop_oneof![
        create(0..4).prop_map(MultiOp::Create),
        create(0..4).prop_map(MultiOp::Create2),
        create(0..5).prop_map(MultiOp::CreateContainer),
        (create(5..7), any::<i64>()).prop_map(|(c, ttl)| MultiOp::CreateTtl(ttl_of(c, ttl))),
        (path(), any::<i32>()).prop_map(|(path, version)| MultiOp::Delete(DeleteRequest { path, version })),
        (path(), data(), any::<i32>()).prop_map(|(path, data, version)| MultiOp::SetData(SetDataRequest {
            path,
            data,
            version
        })),
        (path(), any::<i32>())
            .prop_map(|(path, version)| MultiOp::Check(CheckVersionRequest { path, version })),
    ]
}

fn ttl_of(c: CreateRequest, ttl: i64) -> CreateTtlRequest {
    CreateTtlRequest { path: c.path, data: c.data, acl: c.acl, flags: c.flags, ttl }
}

/// As in ZooKeeper 3.9 the flags of a container and `createContainer` each make a container.
#[test]
fn parts_with_flags_of_another_operation() {
    let create = |flags| CreateRequest { path: "/a".into(), data: None, acl: vec![Acl::open()], flags };
    let ttl = |flags| MultiOp::CreateTtl(ttl_of(create(flags), 9));
    let cases = [
        (MultiOp::Create(create(4)), Some(MultiOp::CreateContainer(create(4)))),
        (MultiOp::Create2(create(4)), Some(MultiOp::CreateContainer(create(4)))),
        (ttl(0), Some(MultiOp::Create(create(0)))),
        (ttl(3), Some(MultiOp::Create(create(3)))),
        (ttl(4), Some(MultiOp::CreateContainer(create(4)))),
        (ttl(7), Some(MultiOp::Create(create(7)))),
        (MultiOp::CreateContainer(create(0)), Some(MultiOp::CreateContainer(create(0)))),
        (MultiOp::CreateContainer(create(3)), Some(MultiOp::CreateContainer(create(3)))),
        (MultiOp::CreateContainer(create(5)), None),
        (MultiOp::CreateContainer(create(-1)), None),
        (MultiOp::Create(create(5)), None),
        (MultiOp::Create2(create(7)), None),
    ];
    for (sent, expected) in cases {
        let read = Request::decode(OpCode::Multi, &Request::Multi(vec![sent.clone()]).body());
        assert_eq!(read.ok(), expected.map(|part| Request::Multi(vec![part])), "{sent:?}");
    }
}

#[test]
fn lists_of_watches_must_not_be_null() {
    let body = |lists: &[i32]| {
        let mut body = 7i64.to_bytes();
        lists.iter().for_each(|count| count.write(&mut body));
        Bytes::from(body)
    };
    let empty = SetWatchesRequest { relative_zxid: 7, ..SetWatchesRequest::default() };
    assert_eq!(Request::decode(OpCode::SetWatches, &body(&[0, 0, 0])), Ok(Request::SetWatches(empty)));
    let null = Request::decode(OpCode::SetWatches, &body(&[0, -1, 0])).unwrap_err();
    assert_eq!((null.field, null.why), ("SetWatches.existWatches", Why::Null));
}

fn request() -> impl Strategy<Value = Request> {
    let paths = || proptest::collection::vec(path(), 0..3);
    prop_oneof![
        create().prop_map(Request::Create),
        (create(), any::<i64>()).prop_map(|(c, ttl)| Request::CreateTtl(ttl_of(c, ttl))),
        proptest::collection::vec(part(), 0..5).prop_map(Request::Multi),
        (path(), any::<bool>()).prop_map(|(path, watch)| Request::GetData(WatchRequest { path, watch })),
        (path(), acls(), any::<i32>()).prop_map(|(path, acl, version)| Request::SetAcl(SetAclRequest {
            path,
            acl,
            version
        })),
        (any::<i64>(), paths(), paths(), paths(), paths(), paths()).prop_map(
            |(relative_zxid, data, exist, child, persistent, persistent_recursive)| {
                Request::SetWatches2(SetWatchesRequest {
                    relative_zxid,
                    data,
                    exist,
                    child,
                    persistent,
                    persistent_recursive,
                })
            }
        ),
        data().prop_map(Request::Sasl),
        proptest::option::of(any::<String>()).prop_map(Request::GetEphemerals),
        any::<i32>().prop_map(Request::CreateSession),
    ]
}

proptest! {
    #[test]
    fn requests_come_back(request in request()) {
        prop_assert_eq!(Request::decode(request.op(), &request.body()), Ok(request));
    }

    #[test]
    fn a_request_cut_short_is_an_error(request in request(), cut in any::<prop::sample::Index>()) {
        let whole = request.body();
        prop_assume!(!whole.is_empty());
        let part = whole.slice(..cut.index(whole.len()));
        // The persistent lists and everything else are required: only a whole request reads.
        prop_assert!(Request::decode(request.op(), &part).is_err());
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let bytes = Bytes::from(bytes);
        for op in OpCode::ALL {
            let _ = Request::decode(*op, &bytes);
            let _ = Response::read(*op, &mut Reader::new(&bytes));
        }
        let _ = ConnectRequest::from_bytes(&bytes);
        let _ = ConnectResponse::from_bytes(&bytes);
        let _ = WatcherEvent::from_bytes(&bytes);
    }
}
