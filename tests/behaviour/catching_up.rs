//! A server that was away comes back to the others' history: by DIFF, by TRUNC, or by SNAP.

use std::collections::BTreeSet;
use std::fs;

use quorate_core::wire::client::CreateMode;

use crate::harness::{Ensemble, RawClient, Setup, contents, lost, until};

/// Names of the snapshots a server has.
fn snapshots(ensemble: &Ensemble, id: u64) -> BTreeSet<String> {
    let entries = fs::read_dir(ensemble.server(id).version_2()).expect("the directory is there");
    let names = entries.map(|entry| entry.expect("it can be read").file_name());
    names
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| name.starts_with("snapshot."))
        .collect()
}

/// Kill a follower, write `count` znodes without it, start it again.
fn away_for(ensemble: &mut Ensemble, count: u32) -> (u64, u64) {
    let follower = ensemble.await_followers()[0];
    let leader = ensemble.await_leader();
    let mut client = ensemble.connect(leader);
    client.create("/w", b"", CreateMode::Persistent).unwrap();
    for number in 0..10 {
        client.create(&format!("/w/before-{number}"), b"1", CreateMode::Persistent).unwrap();
    }
    ensemble.kill(follower);
    for number in 0..count {
        client
            .create(&format!("/w/{number}"), number.to_string().as_bytes(), CreateMode::Persistent)
            .unwrap();
    }
    client.delete("/w/before-3", -1).unwrap();
    (leader, follower)
}

#[test]
fn a_short_absence_is_made_up_for_by_diff() {
    let mut ensemble = Setup::voters(3).start();
    let (leader, follower) = away_for(&mut ensemble, 50);
    let before = snapshots(&ensemble, follower);
    ensemble.start_all();
    assert_eq!(ensemble.await_leader(), leader, "the others went on as they were");
    assert_eq!(contents(&ensemble, follower, "/w"), contents(&ensemble, leader, "/w"));
    assert_eq!(snapshots(&ensemble, follower), before, "it was sent a snapshot");
    ensemble.await_log(leader, &format!("synchronising server {follower} by DIFF"));
    assert!(!ensemble.server(leader).log().contains("by SNAP"));
}

#[test]
fn a_long_absence_is_made_up_for_by_a_snapshot() {
    // The leader remembers ten transactions once they are in a snapshot.
    let mut ensemble = Setup::voters(3).line("commitLogCount=10").line("snapCount=20").recorded().start();
    let (leader, follower) = away_for(&mut ensemble, 200);
    let before = snapshots(&ensemble, follower);
    ensemble.start_all();
    ensemble.await_log(leader, &format!("synchronising server {follower} by SNAP"));
    assert_eq!(contents(&ensemble, follower, "/w"), contents(&ensemble, leader, "/w"));
    assert!(snapshots(&ensemble, follower).difference(&before).count() > 0);
    // And from then on it has a history of its own that survives a restart.
    ensemble.kill(follower);
    ensemble.start_all();
    assert_eq!(contents(&ensemble, follower, "/w"), contents(&ensemble, leader, "/w"));
    ensemble.replay();
}

#[test]
fn an_absence_of_many_bytes_is_made_up_for_by_the_smaller_state() {
    let mut ensemble = Setup::voters(3).start();
    let (leader, follower) = away_for(&mut ensemble, 5);
    let mut client = ensemble.connect(leader);
    // The leader remembers all of it, twenty times the size of the state.
    client.create("/w/changing", b"", CreateMode::Persistent).unwrap();
    for number in 0..20u8 {
        client.set("/w/changing", &vec![number; 1_000_000], -1).unwrap();
    }
    ensemble.start_all();
    ensemble.await_log(leader, &format!("synchronising server {follower} by SNAP"));
    assert_eq!(contents(&ensemble, follower, "/w"), contents(&ensemble, leader, "/w"));
    // It takes part again: with it and without the third there is a quorum.
    let third = ensemble.ids().into_iter().find(|id| ![leader, follower].contains(id)).unwrap();
    ensemble.kill(third);
    client.set("/w/changing", b"small", -1).unwrap();
    let mut there = ensemble.connect(follower);
    there.sync().unwrap();
    assert_eq!(there.get("/w/changing", false).unwrap().0, b"small");
}

#[test]
fn who_missed_nothing_has_everything() {
    let mut ensemble = Setup::voters(3).line("maxSessionTimeout=60000").start();
    let follower = ensemble.await_followers()[0];
    let leader = ensemble.await_leader();
    let mut client = ensemble.connect_for(leader, 60_000);
    let mut there = ensemble.connect_for(follower, 60_000);
    client.create("/kept", b"1", CreateMode::Persistent).unwrap();
    there.sync().unwrap();
    assert_eq!(there.get("/kept", false).unwrap().0, b"1");
    ensemble.kill(follower);
    // Nothing happens without it: an empty DIFF. Its log has transactions of the reign that goes on.
    ensemble.start_all();
    let mut moved = RawClient::connect(ensemble.server(follower).client, &there.session).unwrap();
    assert_eq!(moved.get("/kept", false).unwrap().0, b"1");
    client.set("/kept", b"2", -1).unwrap();
    moved.sync().unwrap();
    assert_eq!(moved.get("/kept", false).unwrap().0, b"2");
    let log = ensemble.server(follower).log();
    assert!(!log.contains("OutOfOrder"), "{log}");
}

#[test]
fn a_state_of_many_megabytes_travels() {
    let mut ensemble = Setup::voters(3).line("commitLogCount=10").line("snapCount=100").start();
    let (leader, follower) = away_for(&mut ensemble, 200);
    let mut client = ensemble.connect(leader);
    let data = |number: u32| -> Vec<u8> { (0..500_000u32).map(|at| (at * 31 + number) as u8).collect() };
    for number in 0..40 {
        client.create(&format!("/w/big-{number}"), &data(number), CreateMode::Persistent).unwrap();
    }
    ensemble.start_all();
    ensemble.await_log(leader, &format!("synchronising server {follower} by SNAP"));
    let there = contents(&ensemble, follower, "/w");
    assert!((0..40).all(|number| there[&format!("big-{number}")].0 == data(number)));
    // What arrived can be read from disk again.
    ensemble.kill(follower);
    ensemble.start_all();
    assert!(contents(&ensemble, follower, "/w") == there);
}

#[test]
fn what_only_a_deposed_leader_logged_is_truncated() {
    let mut ensemble = Setup::voters(3).line("maxSessionTimeout=60000").wired().recorded().start();
    let old = ensemble.await_leader();
    let mut client = ensemble.connect_for(old, 60_000);
    client.create("/d", b"", CreateMode::Persistent).unwrap();
    client.create("/d/kept", b"1", CreateMode::Persistent).unwrap();
    ensemble.network().isolate(old);
    // These reach the old leader's log and no other server's.
    for number in 0..5 {
        let path = format!("/d/never-{number}");
        assert!(lost(&client.create(&path, b"", CreateMode::Persistent)));
        match RawClient::connect(ensemble.server(old).client, &client.session) {
            Ok(again) => client = again,
            Err(_) => break,
        }
    }
    let others: Vec<u64> = ensemble.ids().into_iter().filter(|id| *id != old).collect();
    let new = until("another leads", || {
        others.iter().copied().find(|id| ensemble.server(*id).mode().as_deref() == Some("leader"))
    });
    ensemble.connect(new).create("/d/instead", b"2", CreateMode::Persistent).unwrap();
    ensemble.network().heal();
    ensemble.await_log(new, &format!("synchronising server {old} by TRUNC"));
    ensemble.await_serving(&ensemble.ids());
    let expected = contents(&ensemble, new, "/d");
    assert_eq!(expected.keys().collect::<Vec<_>>(), ["instead", "kept"]);
    assert_eq!(contents(&ensemble, old, "/d"), expected);
    // Its log was cut, not only its memory.
    ensemble.kill_all();
    ensemble.start_all();
    for id in ensemble.ids() {
        assert_eq!(contents(&ensemble, id, "/d"), expected, "server {id}");
    }
    ensemble.replay();
}
