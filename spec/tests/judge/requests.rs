//! What the random clients do: mostly to the same few znodes, and often what must fail.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use quorate_core::wire::client::{
    AuthPacket, CheckVersionRequest, CreateRequest, CreateTtlRequest, DeleteRequest, MultiOp, PathRequest,
    ReadOp, Request, SetAclRequest, SetDataRequest, WatchRequest,
};
use quorate_core::wire::record::Acl;

/// How many clients there are.
pub(crate) const CLIENTS: usize = 4;

/// One thing that happens.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A client sends a request; one without a session asks for one first.
    Ask(usize, Request),
    /// A server applies its next transaction.
    Apply(usize),
    /// A server applies everything.
    CatchUp,
    /// Time goes by, ms; the wall clock may be set back.
    Time(i64),
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..CLIENTS, request()).prop_map(|(client, request)| Step::Ask(client, request)),
        4 => (0..2usize).prop_map(Step::Apply),
        1 => Just(Step::CatchUp),
        1 => (-20..500i64).prop_map(Step::Time),
    ]
}

fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        24 => write().prop_map(|part| match part {
            MultiOp::Create(r) => Request::Create(r),
            MultiOp::Create2(r) => Request::Create2(r),
            MultiOp::CreateContainer(r) => Request::CreateContainer(r),
            MultiOp::CreateTtl(r) => Request::CreateTtl(r),
            MultiOp::Delete(r) => Request::Delete(r),
            MultiOp::SetData(r) => Request::SetData(r),
            // Outside of a multi there is no check: another multi instead.
            MultiOp::Check(r) => Request::Multi(vec![MultiOp::Check(r)]),
        }),
        3 => (path(), prop_oneof![acl(), vec(entry(), 1..4)], version())
            .prop_map(|(path, acl, version)| Request::SetAcl(SetAclRequest { path, acl, version })),
        8 => multi().prop_map(Request::Multi),
        14 => read(),
        2 => proof().prop_map(Request::Auth),
        1 => Just(Request::CloseSession),
    ]
}

/// Parts at random, or several of one znode with a check at their end that may fail.
fn multi() -> impl Strategy<Value = Vec<MultiOp>> {
    let of_one = (path(), vec(write(), 1..5), version()).prop_map(|(path, mut parts, version)| {
        for part in &mut parts {
            match part {
                MultiOp::Create(r) | MultiOp::Create2(r) | MultiOp::CreateContainer(r) => {
                    r.path.clone_from(&path)
                }
                MultiOp::CreateTtl(r) => r.path.clone_from(&path),
                MultiOp::Delete(r) => r.path.clone_from(&path),
                MultiOp::SetData(r) => r.path.clone_from(&path),
                MultiOp::Check(r) => r.path.clone_from(&path),
            }
        }
        parts.push(MultiOp::Check(CheckVersionRequest { path, version }));
        parts
    });
    prop_oneof![vec(write(), 0..5), of_one]
}

fn write() -> impl Strategy<Value = MultiOp> {
    prop_oneof![
        8 => create().prop_map(MultiOp::Create),
        3 => create().prop_map(MultiOp::Create2),
        1 => create().prop_map(MultiOp::CreateContainer),
        1 => (create(), select(vec![-1i64, 0, 1, 5000, (1 << 40) - 1, 1 << 40])).prop_map(|(r, ttl)| {
            let CreateRequest { path, data, acl, flags } = r;
            MultiOp::CreateTtl(CreateTtlRequest { path, data, acl, flags: flags + 3, ttl })
        }),
        3 => (path(), version()).prop_map(|(path, version)| MultiOp::Delete(DeleteRequest { path, version })),
        5 => (path(), data(), version())
            .prop_map(|(path, data, version)| MultiOp::SetData(SetDataRequest { path, data, version })),
        1 => (path(), version()).prop_map(|(path, version)| MultiOp::Check(CheckVersionRequest { path, version })),
    ]
}

fn create() -> impl Strategy<Value = CreateRequest> {
    let flags = prop_oneof![20 => 0..4i32, 1 => -1..9i32];
    (path(), data(), acl(), flags).prop_map(|(path, data, acl, flags)| CreateRequest {
        path,
        data,
        acl,
        flags,
    })
}

fn read() -> impl Strategy<Value = Request> {
    let watch = |path| WatchRequest { path, watch: false };
    let parts = (path(), any::<bool>()).prop_map(move |(path, data)| {
        if data { ReadOp::GetData(watch(path)) } else { ReadOp::GetChildren(watch(path)) }
    });
    let prefix = select(vec![None, Some(""), Some("/"), Some(" /\t"), Some("/a"), Some("/a/x"), Some("x")]);
    prop_oneof![
        path().prop_map(move |path| Request::Exists(watch(path))),
        path().prop_map(move |path| Request::GetData(watch(path))),
        path().prop_map(move |path| Request::GetChildren(watch(path))),
        path().prop_map(move |path| Request::GetChildren2(watch(path))),
        path().prop_map(|path| Request::GetAcl(PathRequest { path })),
        path().prop_map(|path| Request::GetAllChildrenNumber(PathRequest { path })),
        prefix.prop_map(|prefix| Request::GetEphemerals(prefix.map(String::from))),
        vec(parts, 0..4).prop_map(Request::MultiRead),
        path().prop_map(|path| Request::Sync(Some(path))),
        Just(Request::Ping),
    ]
}

fn path() -> impl Strategy<Value = String> {
    let usual = vec!["/a", "/a", "/a", "/a/x", "/a/x", "/a/y", "/a/x/z", "/n", "/n", "/n/x", "/"];
    let numbered =
        vec!["/a/x0000000000", "/a/x0000000001", "/a/0000000002", "/n2147483646", "/n/x2147483646"];
    let strange = vec![
        "",
        "x",
        "x/y",
        "/a/",
        "//a",
        "/a//x",
        "/a/../b",
        "/a/.",
        "/...",
        "/a/\u{1}",
        "/a/\u{7f}",
        "/a\0",
        "/a/\u{e000}",
        "/\u{d7ff}",
        "/\u{f900}",
        "/\u{fff0}",
        "/\u{1f600}",
        "/none/x",
        "/zookeeper",
        "/zookeeper/quota",
        "/zookeeper/quota/a",
        "/zookeeper/config",
    ];
    prop_oneof![40 => select(usual), 3 => select(numbered), 2 => select(strange)].prop_map(String::from)
}

fn data() -> impl Strategy<Value = Option<Bytes>> {
    select(vec![None, Some(""), Some("data")])
        .prop_map(|data| data.map(|data| Bytes::from_static(data.as_bytes())))
}

fn version() -> impl Strategy<Value = i32> {
    prop_oneof![14 => Just(-1), 5 => 0..4i32, 1 => select(vec![i32::MAX, i32::MAX - 1, i32::MIN, -2, -3])]
}

/// SHA-1 of `alice:a` and of `bob:b`, in base64.
const ALICE: &str = "alice:AIueg8ag5ALfqeEyKdLnva1Wvi0=";
const BOB: &str = "bob:LcrmCNs/wfVD+i5a5yaz89GyjIM=";

fn acl() -> impl Strategy<Value = Vec<Acl>> {
    prop_oneof![14 => Just(vec![Acl::open()]), 3 => vec(entry(), 0..4)]
}

fn entry() -> impl Strategy<Value = Acl> {
    prop_oneof![
        6 => Just(Acl::open()),
        4 => (0..32i32).prop_map(|perms| Acl::new(perms, "world", "anyone")),
        1 => (0..32i32).prop_map(|perms| Acl::new(perms, "auth", "")),
        4 => (0..32i32, select(vec![ALICE, BOB])).prop_map(|(perms, id)| Acl::new(perms, "digest", id)),
        2 => (0..32i32, select(vec!["10.0.0.1", "10.0.0.0/30", "10.0.0.0/0", "10.0.0.2/32"]))
            .prop_map(|(perms, id)| Acl::new(perms, "ip", id)),
        1 => select(vec![
            ("world", "other"), ("digest", "x"), ("digest", "a:b:"), ("digest", "a:b:c"), ("digest", ":"),
            ("ip", "10.0.0.1/33"), ("ip", "x"), ("ip", "10.0.0"), ("sasl", "x"), ("super", ""), ("", "")
        ]).prop_map(|(scheme, id)| Acl::new(31, scheme, id)),
    ]
}

fn proof() -> impl Strategy<Value = AuthPacket> {
    let proof = prop_oneof![8 => Just("alice:a"), 8 => Just("bob:b"), 1 => Just("x"), 1 => Just(ROOT)];
    let packet = |scheme: &str, auth: &'static str| AuthPacket {
        auth_type: 0,
        scheme: scheme.into(),
        auth: Some(Bytes::from_static(auth.as_bytes())),
    };
    proof.prop_map(move |proof| packet("digest", proof))
}

/// What the administrator proves.
pub(crate) const ROOT: &str = "root:r";
