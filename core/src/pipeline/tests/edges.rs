//! Every probe that was recorded on ZooKeeper 3.8.0, in order, against this server: the error that
//! comes first, the body, and the zxid.
//!
//! Differences are intended and listed in [`DIFFERENT`]: safer behaviour, or that of later versions.

use super::*;
use crate::wire::client::{CreateTtlRequest, MultiOp, OpCode};
use crate::wire::jute::write_buffer;
use alloc::borrow::ToOwned;
use std::println;

const PROBES: &str = include_str!("../../../../tests/golden/10_edge_3.8.0.txt");

/// What is answered differently here: the probe, the error (or the length of the body), why.
const DIFFERENT: [(&str, i32, &str); 7] = [
    ("exists of perms=0 node", -102, "as since 3.8.4: exists needs READ"),
    ("multi with unknown sub op 99", -5, "answered here, without a transaction"),
    ("multi createContainer+createTTL+create2", 0, "as since 3.8.2: create2 answers its Stat"),
    ("multi create with bad flag 9", -5, "as since 3.9: the whole request is malformed"),
    ("deleteContainer(op 20) from a client", -6, "only the leader itself deletes containers"),
    ("deleteContainer(op 20) of it without", -6, "only the leader itself deletes containers"),
    ("deleteContainer(op 20) of it, payload", -6, "only the leader itself deletes containers"),
];

struct Probe {
    name: &'static str,
    xid: i32,
    err: i32,
    zxid: u64,
    body: &'static str,
}

fn probes() -> Vec<Probe> {
    let parse = |line: &'static str| {
        let (name, answer) = line.split_once("-> xid=")?;
        let (xid, answer) = answer.split_once(" err=")?;
        let (err, answer) = answer.split_once(" zxid=0x")?;
        let (zxid, body) = answer.split_once(" body=")?;
        let zxid = u64::from_str_radix(zxid, 16).expect("a zxid");
        let number = |text: &str| text.trim().parse().expect("a number");
        Some(Probe { name: name.trim(), xid: number(xid), err: number(err), zxid, body: body.trim() })
    };
    PROBES.lines().filter_map(parse).collect()
}

/// Milliseconds differ from run to run: the recorded run's are all of one minute.
fn without_times(body: &str) -> String {
    let mut out = String::new();
    let mut rest = body;
    while let Some(at) = rest.find("000001a1f866") {
        out.push_str(&rest[..at]);
        out.push_str("<time>");
        rest = &rest[(at + 16).min(rest.len())..];
    }
    out + rest
}

fn path_bytes(path: Option<&str>) -> Vec<u8> {
    path.map(ToOwned::to_owned).to_bytes()
}

fn create_body(path: Option<&str>, acl: &[Acl], flags: i32) -> Vec<u8> {
    let mut body = path_bytes(path);
    write_buffer(&mut body, Some(b"d"));
    body.extend(acl.to_vec().to_bytes());
    body.extend(flags.to_bytes());
    body
}

fn acl(perms: i32, scheme: &str, id: &str) -> [Acl; 1] {
    [Acl::new(perms, scheme, id)]
}

fn with_watch(path: Option<&str>, watch: bool) -> Vec<u8> {
    let mut body = path_bytes(path);
    body.push(u8::from(watch));
    body
}

fn with_int(path: &str, n: i32) -> Vec<u8> {
    let mut body = path_bytes(Some(path));
    body.extend(n.to_bytes());
    body
}

fn set_body(path: &str, version: i32) -> Vec<u8> {
    let mut body = path_bytes(Some(path));
    write_buffer(&mut body, Some(b"x"));
    body.extend(version.to_bytes());
    body
}

fn ttl_body(path: &str, ttl: i64) -> Vec<u8> {
    let mut body = create_body(Some(path), &[Acl::open()], 5);
    body.extend(ttl.to_bytes());
    body
}

fn request(path: &str, flags: i32) -> CreateRequest {
    CreateRequest { path: path.into(), data: Some(Bytes::from_static(b"d")), acl: vec![Acl::open()], flags }
}

/// The operation and body that the probe's name describes.
#[expect(clippy::too_many_lines, reason = "a table")]
fn described(name: &str) -> Option<(i32, Vec<u8>)> {
    let open = [Acl::open()];
    let plain = |path: &str| (1, create_body(Some(path), &open, 0));
    let multi = |parts: &[MultiOp]| (14, Request::Multi(parts.to_vec()).body().to_vec());
    let r = "/r30376c";
    let below = |name: &str| alloc::format!("{r}/{name}");
    let with_acl = |name: &str, acl: &[Acl]| (1, create_body(Some(&below(name)), acl, 0));
    Some(match name {
        "setup create /r30376c" => plain(r),
        "create missing parent + bad ACL" => (1, create_body(Some("/none/x"), &acl(31, "bad", "x"), 0)),
        "create empty ACL vector" => (1, create_body(Some("/r30376c/x"), &[], 0)),
        "create null ACL vector" => {
            let mut body = path_bytes(Some("/r30376c/x"));
            write_buffer(&mut body, Some(b""));
            body.extend((-1i32).to_bytes());
            body.extend(0i32.to_bytes());
            (1, body)
        }
        "create path without slash \"abc\"" => plain("abc"),
        "create null path" => (1, create_body(None, &open, 0)),
        "create \"/\"" => plain("/"),
        "create \"\"" => plain(""),
        "create \"/r30376c/\" (trailing slash)" => plain("/r30376c/"),
        "create \"//x\"" => plain("//x"),
        "create \"/r30376c/../y\"" => plain("/r30376c/../y"),
        "create \"/r30376c/.\"" => plain("/r30376c/."),
        "create \"/r30376c/\\x01\"" => plain("/r30376c/\u{1}"),
        "create \"/r30376c/\\u007f\"" => plain("/r30376c/\u{7f}"),
        "create flags=9 (invalid)" => (1, create_body(Some(&below("f9")), &open, 9)),
        "create(op 1) flags=5 (TTL mode in plain create)" => (1, create_body(Some(&below("f5")), &open, 5)),
        "create(op 1) flags=4 (CONTAINER mode in plain create)" => {
            (1, create_body(Some(&below("f4")), &open, 4))
        }
        "createContainer(op 19) flags=0" => (19, create_body(Some(&below("c0")), &open, 0)),
        "createTTL(op 21) ttl=0" => (21, ttl_body(&below("t0"), 0)),
        "createTTL(op 21) ttl=2^40 (too large)" => (21, ttl_body(&below("t1"), 1 << 40)),
        "createTTL(op 21) ttl=2^40-1 (max)" => (21, ttl_body(&below("t2"), (1 << 40) - 1)),
        "create ephemeral /r30376c/e" => (1, create_body(Some(&below("e")), &open, 1)),
        "create child of ephemeral" => plain("/r30376c/e/c"),
        "create existing under ephemeral check order: /r30376c/e again" => plain("/r30376c/e"),
        "delete \"/\"" => (2, with_int("/", -1)),
        "delete /zookeeper" => (2, with_int("/zookeeper", -1)),
        "delete /zookeeper/quota" => (2, with_int("/zookeeper/quota", -1)),
        "delete missing with parent missing" => (2, with_int("/none/x", -1)),
        "setData /zookeeper/config" => (5, set_body("/zookeeper/config", -1)),
        "create /zookeeper/r30376c" => plain("/zookeeper/r30376c"),
        "setData version=-2" => (5, set_body(r, -2)),
        "exists \"\"" => (3, with_watch(Some(""), false)),
        "exists null path" => (3, with_watch(None, false)),
        "getData \"/r30376c/\" (no validation on reads)" => (4, with_watch(Some("/r30376c/"), false)),
        "getChildren missing with watch" => (8, with_watch(Some("/none"), true)),
        "truncated create (empty body)" => (1, vec![]),
        "create with trailing garbage" => {
            let mut body = create_body(Some(&below("garb")), &open, 0);
            body.extend(b"garbage");
            (1, body)
        }
        "getData empty body" => (4, vec![]),
        "ping with xid=5 (reply xid is always -2)" => (11, vec![]),
        "ACL scheme sasl" => with_acl("s", &acl(31, "sasl", "x")),
        "ACL scheme world id other" => with_acl("w", &acl(31, "world", "other")),
        "ACL scheme ip 127.0.0.1/8" => with_acl("ip", &acl(31, "ip", "127.0.0.1/8")),
        "ACL scheme ip bad" => with_acl("ipb", &acl(31, "ip", "bad")),
        "ACL scheme auth without any authenticated id" => with_acl("au", &acl(31, "auth", "")),
        "ACL duplicates are removed" => {
            with_acl("dup", &[acl(1, "world", "anyone"), acl(1, "world", "anyone")].concat())
        }
        "getACL dup" => (6, path_bytes(Some(&below("dup")))),
        "ACL perms=0" => with_acl("p0", &acl(0, "world", "anyone")),
        "getData of perms=0 node" => (4, with_watch(Some(&below("p0")), false)),
        "exists of perms=0 node (3.8.0: no ACL check; 3.9.3+/master: NoAuth)" => {
            (3, with_watch(Some(&below("p0")), false))
        }
        "getACL of perms=0 node" => (6, path_bytes(Some(&below("p0")))),
        "multi createContainer+createTTL+create2" => multi(&[
            MultiOp::CreateContainer(request(&below("mc"), 4)),
            MultiOp::CreateTtl(CreateTtlRequest {
                path: below("mt"),
                data: Some(Bytes::from_static(b"d")),
                acl: vec![Acl::open()],
                flags: 5,
                ttl: 1000,
            }),
            MultiOp::Create2(request(&below("m2"), 0)),
        ]),
        "multi with unknown sub op 99" => {
            let mut body = 99i32.to_bytes();
            body.extend([0, 0xff, 0xff, 0xff, 0xff]);
            (14, body)
        }
        "multi setACL(7) sub op (unsupported)" => {
            let mut body = 7i32.to_bytes();
            body.extend([0, 0xff, 0xff, 0xff, 0xff]);
            (14, body)
        }
        "multi create with bad flag 9" => multi(&[MultiOp::Create(request(&below("mb"), 9))]),
        "multi create bad path" => multi(&[MultiOp::Create(request("bad", 0))]),
        "getEphemerals null prefix" => (103, path_bytes(None)),
        "getAllChildrenNumber /" => (104, path_bytes(Some("/"))),
        "checkWatches type=9" => (17, with_int(r, 9)),
        "setup node with ACL nobody: /r30376c/lock" => with_acl("lock", &acl(31, "digest", "nobody:x")),
        "exists after deleteContainer" => (3, with_watch(Some(&below("mc")), false)),
        _ if name.starts_with("deleteContainer(op 20)") => (20, b"/r30376c/lock".to_vec()),
        "exists+watch on missing" => (3, with_watch(Some("/missing"), true)),
        "top-level opcode 0" => (0, vec![]),
        "top-level opcode 999" => (999, vec![]),
        "top-level opcode -1" => (-1, vec![]),
        _ => return None,
    })
}

#[test]
fn recorded_probes() {
    let mut server = Server::new();
    let mut conn = server.connect();
    let mut asked = 0;
    for probe in probes() {
        let Some((op, body)) = described(probe.name) else {
            println!("not a probe of the service alone: {}", probe.name);
            continue;
        };
        asked += 1;
        let different = DIFFERENT.iter().find(|(name, ..)| probe.name.starts_with(name));
        let is_write = OpCode::from_i32(op).is_some_and(OpCode::is_write);
        // So that the stats carry the recorded zxids.
        if is_write {
            server.zxid = Zxid(probe.zxid - 1);
        }
        server.send_raw(conn, if op == 11 { 5 } else { probe.xid }, op, &body);
        let replies = server.take(conn);
        let [reply] = &replies[..] else { panic!("{}: {replies:?}", probe.name) };
        let (header, body) = encoded(reply);
        assert_eq!(header.xid, probe.xid, "{}", probe.name);
        match different {
            Some((_, err, why)) => assert_eq!(header.err, *err, "{}: {why}", probe.name),
            None => {
                assert_eq!(header.err, probe.err, "{}", probe.name);
                let (answered, recorded) = (without_times(&hex(&body)), without_times(probe.body));
                // The record is cut after 80 bytes.
                let is_cut = probe.body.len() == 160;
                let agree = answered == recorded || is_cut && answered.starts_with(&recorded);
                assert!(agree, "{}: {answered} is not {recorded}", probe.name);
            }
        }
        // A request that cannot even be read is answered here, without a transaction.
        if different.is_none() && is_write && header.err != -5 {
            assert_eq!(header.zxid as u64, probe.zxid, "{}", probe.name);
        }
        if header.err == -6 {
            assert!(server.is_closed(conn), "{}", probe.name);
            conn = server.connect();
        }
    }
    assert!(asked > 60, "only {asked} probes were asked");
}

#[test]
fn the_list_of_differences_is_not_out_of_date() {
    for (name, ..) in DIFFERENT {
        let known = PROBES.lines().any(|line| line.trim().starts_with(name));
        assert!(known, "{name}");
    }
}
