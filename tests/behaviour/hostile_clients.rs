//! Clients that talk nonsense: each gets the answer the protocol has for it, or the end of its connection; no
//! other client notices.

use std::time::Duration;

use quorate_core::wire::client::{
    AddWatchMode, AddWatchRequest, CheckVersionRequest, CreateRequest, CreateTtlRequest, DeleteRequest,
    MultiOp, PathRequest, ReadOp, Request, SetAclRequest, SetDataRequest, SetWatchesRequest, WatchRequest,
};
use quorate_core::wire::error_code::ErrorCode;
use quorate_core::wire::jute::Jute;
use quorate_core::wire::record::Acl;

use crate::harness::{
    Bystander, Ensemble, Failure, RawClient, Rng, Setup, Wire, connect_request, contents, request_bytes, seed,
};

/// Three servers with a client that uses them.
fn used() -> (Ensemble, Bystander) {
    let ensemble = Setup::voters(3).line("maxSessionTimeout=60000").line("extendedTypesEnabled=true").start();
    let bystander = Bystander::start(&ensemble);
    (ensemble, bystander)
}

/// No server and no client was disturbed.
fn undisturbed(ensemble: &mut Ensemble, bystander: Bystander) {
    bystander.stop();
    let good = contents(ensemble, 1, "/good");
    for id in ensemble.ids() {
        assert!(ensemble.is_alive(id), "server {id} ended:\n{}", ensemble.server(id).log());
        assert!(!ensemble.server(id).log().contains("panicked"), "server {id}");
        assert_eq!(contents(ensemble, id, "/good"), good, "server {id}");
    }
}

/// No server and no client was disturbed, and nothing was done.
fn unharmed(mut ensemble: Ensemble, bystander: Bystander) {
    undisturbed(&mut ensemble, bystander);
    for id in ensemble.ids() {
        let there = contents(&ensemble, id, "/");
        assert_eq!(there.keys().collect::<Vec<_>>(), ["good", "zookeeper"], "server {id}");
    }
}

fn create(path: &str) -> CreateRequest {
    CreateRequest { path: path.into(), data: None, acl: vec![Acl::open()], flags: 0 }
}

fn path(path: &str) -> PathRequest {
    PathRequest { path: path.into() }
}

fn watch(path: &str) -> WatchRequest {
    WatchRequest { path: path.into(), watch: true }
}

/// One request of every kind that has a body. None of them would change anything: what they name is
/// not there.
fn every_request() -> Vec<Request> {
    let below = || create("/nowhere/znode");
    let CreateRequest { path: p, data, acl, .. } = below();
    let ttl = CreateTtlRequest { path: p, data, acl, flags: 5, ttl: 60_000 };
    let delete = || DeleteRequest { path: "/nowhere".into(), version: -1 };
    let set = || SetDataRequest { path: "/nowhere".into(), data: Some(vec![1; 9].into()), version: 3 };
    let check = CheckVersionRequest { path: "/nowhere".into(), version: 7 };
    let paths = || vec!["/nowhere".to_owned(), "/good".to_owned()];
    let watches = || SetWatchesRequest {
        relative_zxid: 1 << 32,
        data: paths(),
        exist: paths(),
        child: paths(),
        persistent: paths(),
        persistent_recursive: paths(),
    };
    vec![
        Request::Create(below()),
        Request::Create2(below()),
        Request::CreateContainer(CreateRequest { flags: 4, ..below() }),
        Request::CreateTtl(ttl.clone()),
        Request::Delete(delete()),
        Request::SetData(set()),
        Request::SetAcl(SetAclRequest { path: "/nowhere".into(), acl: vec![Acl::open()], version: 0 }),
        Request::Multi(vec![
            MultiOp::Create(below()),
            MultiOp::Create2(below()),
            MultiOp::CreateTtl(ttl),
            MultiOp::Delete(delete()),
            MultiOp::SetData(set()),
            MultiOp::Check(check),
        ]),
        Request::Exists(watch("/nowhere")),
        Request::GetData(watch("/nowhere")),
        Request::GetAcl(path("/nowhere")),
        Request::GetChildren(watch("/nowhere")),
        Request::GetChildren2(watch("/nowhere")),
        Request::Sync(Some("/nowhere".into())),
        Request::MultiRead(vec![ReadOp::GetData(watch("/nowhere")), ReadOp::GetChildren(watch("/"))]),
        Request::SetWatches(watches()),
        Request::SetWatches2(watches()),
        Request::AddWatch(AddWatchRequest { path: "/nowhere".into(), mode: AddWatchMode::Persistent }),
        Request::GetEphemerals(Some("/nowhere".into())),
        Request::GetAllChildrenNumber(path("/nowhere")),
    ]
}

#[test]
fn what_is_no_frame_ends_the_connection() {
    let (ensemble, bystander) = used();
    let long = (4i32 << 20).to_be_bytes();
    let lengths: [(&str, &[u8]); 5] = [
        ("a length of -1", &[0xff; 4]),
        ("the smallest length there is", &[0x80, 0, 0, 0]),
        ("the largest length there is", &[0x7f, 0xff, 0xff, 0xff]),
        ("more than jute.maxbuffer", &long),
        ("something else's greeting", b"SSH-2.0-OpenSSH_9.2p1\r\n"),
    ];
    for id in ensemble.ids() {
        let port = ensemble.server(id).client;
        for (what, bytes) in lengths {
            for mut wire in [Wire::dial(port), Wire::client(port)] {
                wire.say(bytes);
                assert_eq!(wire.rest(), Some(vec![]), "server {id}: {what}");
            }
        }
        // Frames that end before a request's header does.
        for length in 0..8 {
            let mut wire = Wire::client(port);
            wire.frame(&vec![0; length]);
            assert_eq!(wire.rest(), Some(vec![]), "server {id}: a frame of {length} bytes");
        }
        assert!(ensemble.server(id).log().contains("client port: 127.0.0.1:"), "server {id} says nothing");
    }
    unharmed(ensemble, bystander);
}

#[test]
fn a_first_frame_that_is_no_connect_request_ends_the_connection() {
    let (ensemble, bystander) = used();
    for id in ensemble.ids() {
        let port = ensemble.server(id).client;
        // Requests before connect, whatever they are.
        for request in every_request() {
            let bytes = request_bytes(1, &request);
            let mut wire = Wire::dial(port);
            wire.frame(&bytes);
            // A long one can be read as a ConnectRequest of a session that does not exist.
            let answer = wire.rest().expect("it is closed");
            assert!(answer.is_empty() || answer[8..20] == [0; 12], "server {id}, {request:?}: {answer:?}");
        }
        // A ConnectRequest cut anywhere before its last, optional byte.
        let whole = connect_request();
        for length in 0..whole.len() - 1 {
            let mut wire = Wire::dial(port);
            wire.frame(&whole[..length]);
            assert_eq!(wire.rest(), Some(vec![]), "server {id}: {length} bytes of a ConnectRequest");
        }
        // Without it: an old client, whose answer is without it too.
        let mut wire = Wire::dial(port);
        wire.frame(&whole[..whole.len() - 1]);
        assert_eq!(wire.next_frame().map(|frame| frame.len()), Some(36));
    }
    unharmed(ensemble, bystander);
}

#[test]
fn operations_that_clients_do_not_have_are_refused() {
    let (ensemble, bystander) = used();
    for id in ensemble.ids() {
        for op in [0, -1, -10, 10, 13, 20, 23, 24, 99, 108, 1000, i32::MAX, i32::MIN] {
            let mut wire = Wire::client(ensemble.server(id).client);
            wire.frame(&[77i32.to_be_bytes(), op.to_be_bytes()].concat());
            let unimplemented = ErrorCode::Unimplemented.to_i32();
            assert_eq!(wire.next_reply(), Some((77, -1, unimplemented)), "server {id}, operation {op}");
            assert_eq!(wire.rest(), Some(vec![]), "server {id}, operation {op}: it is not closed");
        }
    }
    unharmed(ensemble, bystander);
}

#[test]
fn a_body_that_is_cut_short_is_answered_so_and_the_connection_goes_on() {
    let (ensemble, bystander) = used();
    let marshalling = ErrorCode::MarshallingError.to_i32();
    for id in ensemble.ids() {
        let mut wire = Wire::client(ensemble.server(id).client);
        let mut xid: i32 = 0;
        for request in every_request() {
            let whole = request_bytes(1, &request);
            for length in 8..whole.len() {
                xid += 1;
                wire.frame(&[&xid.to_bytes()[..], &whole[4..length]].concat());
                let reply = wire.next_reply().map(|(xid, _, err)| (xid, err));
                assert_eq!(
                    reply,
                    Some((xid, marshalling)),
                    "server {id}, {length} of {} bytes of {request:?}",
                    whole.len()
                );
            }
        }
        wire.frame(&[(-2i32).to_be_bytes(), 11i32.to_be_bytes()].concat());
        assert_eq!(wire.next_reply().map(|(xid, _, err)| (xid, err)), Some((-2, 0)), "server {id}: ping");
    }
    unharmed(ensemble, bystander);
}

#[test]
fn lengths_inside_of_a_body_are_not_believed() {
    let (ensemble, bystander) = used();
    let id = ensemble.await_followers()[0];
    let mut wire = Wire::client(ensemble.server(id).client);
    let mut xid: i32 = 0;
    for request in every_request() {
        let whole = request_bytes(1, &request);
        // Wherever a length may stand.
        for at in 8..whole.len().saturating_sub(3) {
            for length in [i32::MAX, 0x4000_0000, i32::MIN, -2] {
                xid += 1;
                let mut bytes = whole.clone();
                bytes[..4].copy_from_slice(&xid.to_be_bytes());
                bytes[at..at + 4].copy_from_slice(&length.to_be_bytes());
                wire.frame(&bytes);
                match wire.next_reply() {
                    Some((answered, ..)) => assert_eq!(answered, xid, "{bytes:?}"),
                    None => wire = Wire::client(ensemble.server(id).client),
                }
            }
        }
    }
    unharmed(ensemble, bystander);
}

#[test]
fn paths_and_flags_that_are_invalid_are_bad_arguments() {
    let (ensemble, bystander) = used();
    let bad = |answer: Result<_, Failure>, what: &str| {
        assert!(
            matches!(answer, Err(Failure::Code(ErrorCode::BadArguments))),
            "{what}: {:?}",
            answer.map(|_: quorate_core::wire::client::Response| ())
        );
    };
    for id in ensemble.ids() {
        let mut client = ensemble.connect(id);
        let paths = [
            "",
            "x",
            "x/y",
            "//",
            "/a//b",
            "/a/",
            "/.",
            "/..",
            "/a/./b",
            "/a/../b",
            "/\0",
            "/a\u{1}",
            "/\u{7f}",
            "/\u{f8ff}",
            "/\u{fff0}",
        ];
        for path in paths {
            let set = SetDataRequest { path: path.into(), data: None, version: -1 };
            bad(client.call(&Request::SetData(set)), &format!("server {id}, setData {path:?}"));
            // A parent that is not there is found out first.
            let has_parent = !path.contains('\0') && path.rfind('/').is_some_and(|at| at > 0 && path != "//");
            let created = client.call(&Request::Create(create(path)));
            if has_parent {
                assert!(matches!(created, Err(Failure::Code(ErrorCode::NoNode))), "{path:?}: {created:?}");
            } else {
                bad(created, &format!("server {id}, create {path:?}"));
            }
        }
        for flags in [-1, 5, 7, 100, i32::MAX] {
            let request = CreateRequest { flags, ..create("/flags") };
            bad(client.call(&Request::Create(request.clone())), &format!("server {id}, create with {flags}"));
            bad(client.call(&Request::Create2(request)), &format!("server {id}, create2 with {flags}"));
        }
        for (flags, ttl) in [(5, 0), (5, -1), (6, i64::MIN), (5, i64::MAX), (0, 1000), (1, 1000), (99, 1000)]
        {
            let CreateRequest { path, data, acl, .. } = create("/ttl");
            let request = Request::CreateTtl(CreateTtlRequest { path, data, acl, flags, ttl });
            bad(client.call(&request), &format!("server {id}, createTTL with {flags}, {ttl}"));
        }
        client.ping().unwrap();
    }
    unharmed(ensemble, bystander);
}

#[test]
fn a_wrong_password_and_a_session_that_never_was_are_refused() {
    let (ensemble, bystander) = used();
    let client = ensemble.connect(1);
    for id in ensemble.ids() {
        let mut stranger = client.session.clone();
        stranger.id.0 ^= 0x5555;
        let mut thief = client.session.clone();
        thief.password = [0; 16];
        let mut empty = client.session.clone();
        empty.id.0 = i64::MIN;
        for wrong in [stranger, thief, empty] {
            let refused = RawClient::connect(ensemble.server(id).client, &wrong);
            assert!(matches!(refused, Err(Failure::Refused)), "server {id}: {refused:?}");
        }
    }
    // A client that knows a session's id can end its connection with the same server, as in ZooKeeper. The
    // session itself goes on.
    RawClient::connect(ensemble.server(1).client, &client.session).unwrap().close().unwrap();
    unharmed(ensemble, bystander);
}

#[test]
fn half_open_connections_are_closed_in_time() {
    let (ensemble, bystander) = used();
    let port = ensemble.server(1).client;
    // Said nothing; half a length; half a frame; half a request.
    let mut halves = [Wire::dial(port), Wire::dial(port), Wire::dial(port), Wire::client(port)];
    halves[1].say(&[0, 0]);
    halves[2].say(&[0, 0, 0, 45, 0, 0]);
    halves[3].say(&[0, 0, 0, 200, 0, 0]);
    // A client that says that it is done is closed at once, its session lives on.
    let mut client = Wire::client(port);
    client.frame(&[(-2i32).to_be_bytes(), 11i32.to_be_bytes()].concat());
    client.half_close();
    assert!(client.rest().is_some());
    for (what, wire) in ["nothing", "half a length", "half a frame", "half a request"].into_iter().zip(halves)
    {
        assert_eq!(wire.rest(), Some(vec![]), "{what}");
    }
    unharmed(ensemble, bystander);
}

#[test]
fn mutated_frames_disturb_nobody() {
    let (mut ensemble, bystander) = used();
    let seed = seed();
    println!("QUORATE_E2E_SEED={seed}");
    let mut rng = Rng::new(seed);
    let ports: Vec<u16> = ensemble.ids().iter().map(|id| ensemble.server(*id).client).collect();
    let requests: Vec<Vec<u8>> = every_request().iter().map(|request| request_bytes(5, request)).collect();
    let end = std::time::Instant::now() + Duration::from_secs(4);
    let mut sent = 0;
    while std::time::Instant::now() < end {
        let mut wire =
            if rng.below(4) == 0 { Wire::dial(rng.pick(&ports)) } else { Wire::client(rng.pick(&ports)) };
        for _ in 0..rng.below(30) {
            let which = rng.below(requests.len() as u64 + 1) as usize;
            let mut bytes = requests.get(which).cloned().unwrap_or_else(connect_request);
            rng.mutate(&mut bytes);
            wire.frame(&bytes);
            sent += 1;
        }
        wire.half_close();
        assert!(wire.rest().is_some(), "after {sent} frames: it is not closed");
    }
    println!("{sent} frames");
    // Some of them were good requests after all.
    undisturbed(&mut ensemble, bystander);
}
