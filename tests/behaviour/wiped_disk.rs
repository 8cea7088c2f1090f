//! A server that lost its disk: it gets the others' state, and does not vote as if it had not.

use std::fs;

use quorate_core::wire::client::CreateMode;

use crate::harness::{Ensemble, Setup, contents, eventually};

fn wipe(ensemble: &Ensemble, id: u64) {
    fs::remove_dir_all(ensemble.server(id).version_2()).expect("the data can be removed");
}

/// Three voters that an operator has told to be new.
fn first_start() -> Ensemble {
    let mut ensemble = Setup::voters(3).line("db.autocreate=false").prepare();
    for id in ensemble.ids() {
        fs::write(ensemble.server(id).data().join("initialize"), b"").unwrap();
    }
    ensemble.start_all();
    ensemble
}

#[test]
fn a_wiped_follower_gets_the_state_from_the_others() {
    let mut ensemble = Setup::voters(3).line("commitLogCount=10").line("snapCount=20").start();
    let leader = ensemble.await_leader();
    let mut client = ensemble.connect(leader);
    client.create("/w", b"", CreateMode::Persistent).unwrap();
    for number in 0..100 {
        client.create(&format!("/w/{number}"), b"data", CreateMode::Persistent).unwrap();
    }
    let follower = ensemble.await_followers()[0];
    ensemble.kill(follower);
    wipe(&ensemble, follower);
    ensemble.start_all();
    ensemble.await_log(leader, &format!("synchronising server {follower} by SNAP"));
    let expected = contents(&ensemble, leader, "/w");
    assert_eq!(contents(&ensemble, follower, "/w"), expected);
    // What it was sent is on its disk.
    ensemble.kill_all();
    ensemble.start_all();
    for id in ensemble.ids() {
        assert_eq!(contents(&ensemble, id, "/w"), expected, "server {id}");
    }
}

#[test]
fn servers_without_data_and_without_permission_do_not_begin_an_ensemble() {
    let mut ensemble = Setup::voters(3).line("db.autocreate=false").prepare();
    for id in ensemble.ids() {
        ensemble.start(id);
    }
    let served = eventually(ensemble.tick() * 15, || {
        ensemble.ids().iter().any(|id| ensemble.server(*id).mode().is_some())
    });
    assert!(!served, "a server serves an empty tree that was not asked for");
    // The operator's word, to a majority.
    for id in [1, 2] {
        ensemble.stop(id);
        fs::write(ensemble.server(id).data().join("initialize"), b"").unwrap();
        ensemble.start(id);
    }
    ensemble.await_serving(&ensemble.ids());
}

#[test]
fn a_wiped_server_does_not_help_a_stale_one_to_lose_data() {
    let mut ensemble = first_start();
    let leader = ensemble.await_leader();
    let followers = ensemble.await_followers();
    let (stale, wiped) = (followers[0], followers[1]);
    ensemble.kill(stale);
    let mut client = ensemble.connect(leader);
    client.create("/acknowledged", b"by two", CreateMode::Persistent).unwrap();
    // Those two hold it; one forgets, the other is away. The third must not lead with what it has.
    ensemble.kill_all();
    wipe(&ensemble, wiped);
    ensemble.start(wiped);
    ensemble.start(stale);
    let served = eventually(ensemble.tick() * 25, || {
        [wiped, stale].iter().any(|id| ensemble.server(*id).mode().is_some())
    });
    assert!(!served, "an acknowledged write was forgotten");
    ensemble.start_all();
    for id in ensemble.ids() {
        assert!(contents(&ensemble, id, "/").contains_key("acknowledged"), "server {id}");
    }
}
