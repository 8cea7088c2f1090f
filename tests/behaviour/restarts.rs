//! Servers that are stopped and started by their operator: one after the other under load, and one
//! that is alone.

use quorate_core::wire::client::{CreateMode, CreateRequest, CreateTtlRequest, Request};
use quorate_core::wire::error_code::ErrorCode;
use quorate_core::wire::record::{Acl, Id, Stat};

use crate::harness::{
    Counter, Ensemble, Failure, RawClient, Setup, Writer, check_acknowledged, contents, until,
};

#[test]
fn a_rolling_restart_loses_no_write_and_no_session() {
    let mut ensemble = Setup::voters(3).observers(1).line("maxSessionTimeout=60000").start();
    let mut client = ensemble.connect_for(1, 60_000);
    for path in ["/w", "/c", "/c/number"] {
        client.create(path, b"", CreateMode::Persistent).unwrap();
    }
    client.create("/alive", b"", CreateMode::Ephemeral).unwrap();
    let ports: Vec<u16> = ensemble.ids().iter().map(|id| ensemble.server(*id).client).collect();
    // Their sessions go on from the first write to the last, or they panic.
    let writers = [0, 1].map(|n| Writer::start(ports.clone(), "/w", &format!("{n}-")));
    let counter = Counter::start(ports, "/c/number");
    for id in ensemble.ids() {
        let so_far = writers.each_ref().map(Writer::count);
        ensemble.stop(id);
        ensemble.start(id);
        ensemble.await_serving(&ensemble.ids());
        until("writes go on", || {
            writers.iter().zip(so_far).all(|(w, before)| w.count() >= before + 20).then_some(())
        });
    }
    let counted = counter.stop();
    let done: Vec<_> = writers.into_iter().flat_map(Writer::stop).collect();
    check_acknowledged(&ensemble, "/w", done.iter().map(|a| a.name.as_str()));
    for id in ensemble.ids() {
        let (data, _) = &contents(&ensemble, id, "/c")["number"];
        assert_eq!(String::from_utf8_lossy(data), counted.to_string(), "server {id}");
    }
    let client =
        until("the session goes on", || RawClient::connect(ensemble.server(1).client, &client.session).ok());
    let mut client = client;
    assert_eq!(client.exists("/alive", false).unwrap().unwrap().ephemeral_owner, client.session.id.0);
}

/// Everything a client can see below `path`.
fn all(client: &mut RawClient, path: &str, seen: &mut Vec<(String, Vec<u8>, Stat)>) {
    let (data, stat) = client.get(path, false).unwrap();
    seen.push((path.to_owned(), data, stat));
    for child in client.children(path, false).unwrap() {
        let parent = if path == "/" { "" } else { path };
        all(client, &format!("{parent}/{child}"), seen);
    }
}

fn kept_through(ensemble: &mut Ensemble, down: impl Fn(&mut Ensemble)) {
    let mut client = ensemble.connect_for(1, 60_000);
    let top = format!("/{:x}", client.session.id.0);
    client.create(&top, b"", CreateMode::Persistent).unwrap();
    let mine = Acl { perms: 31, id: Id { scheme: "digest".into(), id: "a:b".into() } };
    let read = Acl { perms: 1, id: Id { scheme: "world".into(), id: "anyone".into() } };
    let znode = |name: &str, acl, mode: CreateMode| {
        let path = format!("{top}/{name}");
        CreateRequest { path, data: None, acl, flags: mode.to_i32() }
    };
    let ttl = znode("ttl", vec![Acl::open()], CreateMode::PersistentWithTtl);
    let (path, data, acl, flags) = (ttl.path, ttl.data, ttl.acl, ttl.flags);
    for request in [
        Request::Create(znode("acl", vec![mine, read], CreateMode::Persistent)),
        Request::CreateContainer(znode("container", vec![Acl::open()], CreateMode::Container)),
        Request::CreateTtl(CreateTtlRequest { path, data, acl, flags, ttl: 1_000_000_000 }),
    ] {
        client.call(&request).unwrap();
    }
    for mode in [
        CreateMode::Persistent,
        CreateMode::Ephemeral,
        CreateMode::PersistentSequential,
        CreateMode::EphemeralSequential,
    ] {
        client.create(&format!("{top}/{mode:?}-"), b"data", mode).unwrap();
    }
    client.set(&format!("{top}/Persistent-"), b"more", 0).unwrap();
    client.delete(&format!("{top}/PersistentSequential-0000000005"), -1).unwrap();
    let mut before = Vec::new();
    all(&mut client, "/", &mut before);
    down(ensemble);
    assert!(client.closed());
    ensemble.start_all();
    let mut client =
        until("the session goes on", || RawClient::connect(ensemble.server(1).client, &client.session).ok());
    let mut after = Vec::new();
    all(&mut client, "/", &mut after);
    assert_eq!(after, before);
    // Numbers go on where they were; the ephemerals go with their session.
    let next = client.create(&format!("{top}/s-"), b"", CreateMode::PersistentSequential).unwrap();
    assert_eq!(next, format!("{top}/s-0000000007"));
    let denied = client.set(&format!("{top}/acl"), b"", -1);
    assert!(matches!(denied, Err(Failure::Code(ErrorCode::NoAuth))), "{denied:?}");
    client.close().unwrap();
    let mut client = ensemble.connect(1);
    let left = client.children(&top, false).unwrap();
    assert_eq!(left, ["Persistent-", "acl", "container", "s-0000000007", "ttl"]);
}

#[test]
fn a_server_alone_keeps_everything_through_a_restart() {
    let mut ensemble =
        Setup::voters(1).line("maxSessionTimeout=60000").line("extendedTypesEnabled=true").start();
    kept_through(&mut ensemble, |ensemble| ensemble.stop(1));
    kept_through(&mut ensemble, |ensemble| ensemble.kill(1));
    // And with a snapshot between the log's beginning and its end.
    ensemble.stop(1);
    ensemble.start_all();
    kept_through(&mut ensemble, |ensemble| ensemble.stop(1));
}
