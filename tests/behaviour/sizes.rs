//! Sizes: what a client asks for never becomes more than the servers accept from each other.

use quorate_core::wire::client::{
    AddWatchMode, AddWatchRequest, AuthPacket, CreateMode, CreateRequest, MultiOp, Request, Response,
};
use quorate_core::wire::error_code::ErrorCode;
use quorate_core::wire::record::Acl;

use crate::harness::{Ensemble, Failure, RawClient, Setup, contents, until};

/// All servers still follow the same leader, in its first epoch, and all have the same.
fn unmoved(ensemble: &mut Ensemble) {
    let mut client = ensemble.connect(1);
    client.create("/after", b"", CreateMode::Persistent).unwrap();
    let (_, stat) = client.get("/after", false).unwrap();
    assert_eq!(stat.czxid.epoch(), 1, "no leader was elected again");
    let all = contents(ensemble, 1, "/");
    for id in ensemble.ids() {
        assert!(ensemble.is_alive(id), "server {id}");
        assert_eq!(contents(ensemble, id, "/"), all, "server {id}");
        assert!(!ensemble.server(id).log().contains("unreasonable length"), "server {id}");
    }
}

/// An ensemble whose first leader leads, and goes on leading on a machine that has other work.
fn three() -> Ensemble {
    let ensemble = Setup::voters(3).line("maxSessionTimeout=60000").line("syncLimit=50").start();
    ensemble.await_followers();
    ensemble
}

fn prove(user: &str) -> Request {
    let auth = Some(format!("{user}:p").into());
    Request::Auth(AuthPacket { auth_type: 0, scheme: "digest".into(), auth })
}

fn code<T: std::fmt::Debug>(answer: Result<T, Failure>) -> ErrorCode {
    match answer {
        Err(Failure::Code(code)) => code,
        other => panic!("{other:?}"),
    }
}

/// 42,000 bytes ask for a transaction of three megabytes.
#[test]
fn lists_that_become_too_long_fail_and_harm_nobody() {
    let mut ensemble = three();
    let followers = ensemble.await_followers();
    let multi = |n: usize| {
        let new = |i| CreateRequest {
            path: format!("/n{i:03}"),
            data: None,
            acl: vec![Acl::new(31, "auth", "")],
            flags: 0,
        };
        Request::Multi((0..n).map(|i| MultiOp::Create(new(i))).collect())
    };
    let leader = ensemble.ids().into_iter().find(|id| !followers.contains(id)).expect("a leader");
    for id in [followers[0], leader] {
        let mut client = ensemble.connect(id);
        for user in 0..60 {
            client.call(&prove(&format!("user{user:02}"))).unwrap();
        }
        assert_eq!(code(client.call(&multi(1000))), ErrorCode::MarshallingError);
        assert!(client.exists("/n000", false).unwrap().is_none());
        // It goes on, and what fits is done.
        assert!(matches!(client.call(&multi(3)), Ok(Response::Multi(results)) if results.len() == 3));
        for name in ["/n000", "/n001", "/n002"] {
            client.delete(name, -1).unwrap();
        }
    }
    unmoved(&mut ensemble);
}

/// What a leader would not read of a client's identities is refused where they are proved.
#[test]
fn too_many_identities_end_the_connection_that_proves_them() {
    let mut ensemble = three();
    let follower = ensemble.await_followers()[0];
    let mut other = ensemble.connect_for(follower, 60_000);
    let mut large = ensemble.connect(follower);
    assert_eq!(code(large.call(&prove(&"u".repeat(1_000_000)))), ErrorCode::AuthFailed);
    assert!(large.closed());
    let mut many = ensemble.connect(follower);
    let proved = (0..100).take_while(|user| many.call(&prove(&format!("user{user}"))).is_ok()).count();
    assert_eq!(proved, 63, "64 with the address");
    assert!(many.closed());
    other.create("/other", b"", CreateMode::Persistent).unwrap();
    unmoved(&mut ensemble);
}

/// A session with 60,000 ephemerals of 60 characters, which are more than a transaction can name.
fn with_many_ephemerals(ensemble: &Ensemble, id: u64, timeout_ms: u32) -> RawClient {
    let mut client = ensemble.connect_for(id, timeout_ms);
    client.create("/many", b"", CreateMode::Persistent).unwrap();
    let new = |i| CreateRequest {
        path: format!("/many/{i:054}"),
        data: None,
        acl: vec![Acl::open()],
        flags: CreateMode::Ephemeral.to_i32(),
    };
    for from in (0..60_000).step_by(5000) {
        let multi = Request::Multi((from..from + 5000).map(|i| MultiOp::Create(new(i))).collect());
        assert!(matches!(client.call(&multi), Ok(Response::Multi(results)) if results.len() == 5000));
    }
    client
}

#[test]
fn a_session_with_very_many_ephemerals_can_be_closed() {
    let mut ensemble = three();
    let follower = ensemble.await_followers()[0];
    let client = with_many_ephemerals(&ensemble, follower, 30_000);
    let mut watcher = ensemble.connect_for(follower, 60_000);
    let mode = AddWatchMode::PersistentRecursive;
    watcher.call(&Request::AddWatch(AddWatchRequest { path: "/many".into(), mode })).unwrap();
    client.close().unwrap();
    for id in ensemble.ids() {
        let mut client = ensemble.connect(id);
        client.sync().unwrap();
        assert_eq!(client.children("/many", false).unwrap(), Vec::<String>::new(), "server {id}");
    }
    watcher.sync().unwrap();
    assert_eq!(watcher.events.len(), 60_000);
    unmoved(&mut ensemble);
    // The logs can be replayed.
    ensemble.kill_all();
    ensemble.start_all();
    for id in ensemble.ids() {
        assert_eq!(contents(&ensemble, id, "/many").len(), 0, "server {id}");
        assert_eq!(ensemble.server(id).word("srvr").map(|_| ()), Some(()));
    }
}

#[test]
fn a_session_with_very_many_ephemerals_can_expire() {
    let mut ensemble = three();
    let follower = ensemble.await_followers()[0];
    drop(with_many_ephemerals(&ensemble, follower, 6000));
    let mut other = ensemble.connect_for(follower, 60_000);
    until("the ephemerals are gone", || {
        other.sync().unwrap();
        let stat = other.exists("/many", false).unwrap()?;
        (stat.num_children == 0).then_some(())
    });
    unmoved(&mut ensemble);
}
