//! A leader that stands still is replaced; when it goes on it has nothing to say.

use quorate_core::wire::client::CreateMode;

use crate::harness::{Setup, check_acknowledged, lost, until};

#[test]
fn a_leader_that_wakes_up_acknowledges_nothing_old() {
    let ensemble = Setup::voters(3).line("maxSessionTimeout=60000").start();
    let old = ensemble.await_leader();
    let mut stale = ensemble.connect_for(old, 60_000);
    stale.create("/d", b"", CreateMode::Persistent).unwrap();
    ensemble.pause(old);
    let new = until("another leads", || {
        let leads = |id: &u64| ensemble.server(*id).mode().as_deref() == Some("leader");
        ensemble.ids().into_iter().filter(|id| *id != old).find(leads)
    });
    let mut client = ensemble.connect_for(new, 60_000);
    client.create("/d/new", b"new", CreateMode::Persistent).unwrap();
    ensemble.resume(old);
    // It may not have noticed yet, but a write through it must not be acknowledged in the old reign:
    // it is lost, or refused, or it is in the new reign and everywhere.
    let answer = stale.create("/d/stale", b"stale", CreateMode::Persistent);
    let acknowledged = answer.is_ok();
    assert!(acknowledged || lost(&answer), "{answer:?}");
    ensemble.await_serving(&ensemble.ids());
    assert_eq!(ensemble.server(old).mode().as_deref(), Some("follower"));
    let names = ["new"].into_iter().chain(acknowledged.then_some("stale"));
    check_acknowledged(&ensemble, "/d", names);
    for name in ["/d/new", "/d/stale"] {
        if let Some(stat) = client.exists(name, false).unwrap() {
            let epoch = client.exists("/d/new", false).unwrap().unwrap().czxid.epoch();
            assert!(stat.czxid.epoch() >= epoch, "{name} was committed in the reign that was over");
        }
    }
}
