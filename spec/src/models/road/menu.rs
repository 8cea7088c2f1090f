//! What the two clients of the request road may ask for.

use bytes::Bytes;
use quorate_core::wire::client::{
    AuthPacket, CheckVersionRequest, CreateRequest, DeleteRequest, MultiOp, Request, SetAclRequest,
    SetDataRequest,
};
use quorate_core::wire::record::Acl;

/// A request of one of the two clients.
pub struct Ask {
    /// Whose: 0 or 1.
    pub client: usize,
    /// The request in words.
    pub words: &'static str,
    /// The request.
    pub request: fn() -> Request,
    /// The znode and the version that it insists on.
    pub insists: Option<(&'static str, i32)>,
}

const fn ask(client: usize, words: &'static str, request: fn() -> Request) -> Ask {
    Ask { client, words, request, insists: None }
}

const fn insist(words: &'static str, path: &'static str, version: i32, request: fn() -> Request) -> Ask {
    Ask { client: 0, words, request, insists: Some((path, version)) }
}

fn new(path: &str, flags: i32) -> CreateRequest {
    CreateRequest { path: path.into(), data: Some(Bytes::new()), acl: vec![Acl::open()], flags }
}

/// One that only its creator may do something with: `auth` becomes what the client has proved.
fn own(path: &str) -> CreateRequest {
    CreateRequest { acl: vec![Acl::new(31, "auth", "")], ..new(path, 0) }
}

/// What the first client proves in the beginning.
pub fn prove() -> Request {
    let proof = Some(Bytes::from_static(b"alice:secret"));
    Request::Auth(AuthPacket { auth_type: 0, scheme: "digest".into(), auth: proof })
}

/// What that makes it: the SHA-1 of its proof, in base64.
pub const PROVED: &str = "alice:aYXlLOpEooaV1cRAvUL1fp9Qt7E=";

fn set(path: &str, version: i32) -> SetDataRequest {
    SetDataRequest { path: path.into(), data: Some(Bytes::from_static(b"new")), version }
}

fn delete(path: &str, version: i32) -> DeleteRequest {
    DeleteRequest { path: path.into(), version }
}

fn read_only(version: i32) -> Request {
    Request::SetAcl(SetAclRequest { path: "/p/a".into(), acl: vec![Acl::new(1, "world", "anyone")], version })
}

const EPHEMERAL: i32 = 1;
const SEQUENTIAL: i32 = 2;

/// What there is before any client asks. `/p` has had three children and lost one; `/p/a` of version 0 and
/// the second client's ephemeral `/p/e` are left. Two more of that client's ephemerals have long names.
pub const BEGIN: &[Ask] = &[
    ask(0, "", || Request::Create(new("/p", 0))),
    ask(0, "", || Request::Create(new("/p/gone", 0))),
    ask(0, "", || Request::Create(new("/p/a", 0))),
    ask(0, "", || Request::Delete(delete("/p/gone", -1))),
    ask(1, "", || Request::Create(new("/p/e", EPHEMERAL))),
    ask(1, "", || Request::Create(new(LONG[0], EPHEMERAL))),
    ask(1, "", || Request::Create(new(LONG[1], EPHEMERAL))),
];

const LONG: [&str; 2] =
    ["/1-of-two-ephemerals-with-names-of-48-characters", "/2-of-two-ephemerals-with-names-of-48-characters"];

/// Everything that may be asked for, any number of times.
pub const MENU: &[Ask] = &[
    ask(0, "create /p/b", || Request::Create(new("/p/b", 0))),
    ask(0, "create ephemeral /p/b", || Request::Create(new("/p/b", EPHEMERAL))),
    ask(1, "create2 ephemeral /p/b", || Request::Create2(new("/p/b", EPHEMERAL))),
    ask(0, "create /p/b/c", || Request::Create(new("/p/b/c", 0))),
    ask(0, "create sequential /p/s", || Request::Create(new("/p/s", SEQUENTIAL))),
    ask(1, "create ephemeral sequential /p/s", || Request::Create(new("/p/s", SEQUENTIAL | EPHEMERAL))),
    ask(0, "delete /p", || Request::Delete(delete("/p", -1))),
    ask(0, "delete /p/a", || Request::Delete(delete("/p/a", -1))),
    insist("delete /p/a of version 1", "/p/a", 1, || Request::Delete(delete("/p/a", 1))),
    ask(0, "delete /p/b", || Request::Delete(delete("/p/b", -1))),
    ask(0, "delete /p/e", || Request::Delete(delete("/p/e", -1))),
    ask(0, "delete /p/s0000000003", || Request::Delete(delete("/p/s0000000003", -1))),
    ask(0, "setData /p/a", || Request::SetData(set("/p/a", -1))),
    insist("setData /p/a of version 0", "/p/a", 0, || Request::SetData(set("/p/a", 0))),
    insist("setData /p/a of version 1", "/p/a", 1, || Request::SetData(set("/p/a", 1))),
    ask(1, "setACL /p/a: read only", || read_only(-1)),
    ask(0, "setACL /p/a of ACL version 0: read only", || read_only(0)),
    ask(0, "multi: create /p/b, setData /p/a of version 0", || {
        Request::Multi(vec![MultiOp::Create(new("/p/b", 0)), MultiOp::SetData(set("/p/a", 0))])
    }),
    ask(0, "multi: create sequential /p/s, check /p/a of version 1", || {
        let check = CheckVersionRequest { path: "/p/a".into(), version: 1 };
        Request::Multi(vec![MultiOp::Create(new("/p/s", SEQUENTIAL)), MultiOp::Check(check)])
    }),
    ask(1, "multi: delete /p/a, create ephemeral /p/a", || {
        Request::Multi(vec![MultiOp::Delete(delete("/p/a", -1)), MultiOp::Create2(new("/p/a", EPHEMERAL))])
    }),
    ask(0, "multi: create /p/b and /p/b/c for whom it has proved to be: too long", || {
        Request::Multi(vec![MultiOp::Create(own("/p/b")), MultiOp::Create(own("/p/b/c"))])
    }),
    ask(0, "closeSession", || Request::CloseSession),
    ask(1, "closeSession", || Request::CloseSession),
];
