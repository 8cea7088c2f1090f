//! A leader that stands still is replaced; when it goes on it has nothing to say.

use std::time::{Duration, Instant};

use quorate_core::wire::client::CreateMode;

use crate::harness::{RawClient, Setup, check_acknowledged, lost, until};

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

/// A server stands still and is cut off from the others for longer than its lease. It has a client of its
/// own, whose session expires elsewhere. When the server goes on it must not tell that client that the
/// session and its lock are still there.
fn goes_on_with_an_expired_session(leader: bool) {
    let ensemble = Setup::voters(3).line("maxSessionTimeout=60000").wired().start();
    let lead = ensemble.await_leader();
    let old = if leader { lead } else { ensemble.await_followers()[0] };
    let mut holder = ensemble.connect_for(old, 1000);
    holder.create("/lock", b"holder", CreateMode::Ephemeral).unwrap();
    ensemble.network().isolate(old);
    ensemble.pause(old);
    let paused = Instant::now();
    let other = ensemble.ids().into_iter().find(|id| *id != old && *id != lead).expect("a third");
    until("the others serve", || ensemble.server(other).mode());
    let mut next = ensemble.connect_for(other, 60_000);
    until("the session expires", || next.create("/lock", b"next", CreateMode::Ephemeral).ok());
    // `syncLimit` is 10: after one tick more it may not serve any longer, after half a tick more it has not
    // heard anything.
    while paused.elapsed() < ensemble.tick() * 12 {
        std::thread::sleep(Duration::from_millis(5));
    }
    ensemble.resume(old);
    let begun = Instant::now();
    let mut answers = 0;
    while begun.elapsed() < Duration::from_secs(3) {
        match holder.exists("/lock", false) {
            Ok(_) => answers += 1,
            Err(_) => {
                // Perhaps it is taken back.
                if let Ok(client) = RawClient::connect(ensemble.server(old).client, &holder.session) {
                    holder = client;
                    answers += 1;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
    assert_eq!(answers, 0, "it was told about a lock that another has:\n{}", ensemble.server(old).log());
    ensemble.network().heal();
    ensemble.await_serving(&ensemble.ids());
}

#[test]
fn a_leader_that_stood_still_serves_no_session_that_has_expired() {
    goes_on_with_an_expired_session(true);
}

#[test]
fn a_follower_that_stood_still_serves_no_session_that_has_expired() {
    goes_on_with_an_expired_session(false);
}
