//! Servers that start find each other, elect, and serve.

use quorate_core::wire::client::CreateMode;

use crate::harness::{Setup, check_acknowledged, contents, until};

#[test]
fn three_voters_and_an_observer_elect_and_serve() {
    let ensemble = Setup::voters(3).observers(1).start();
    assert_eq!(ensemble.with_mode(&["leader"]).len(), 1);
    assert_eq!(ensemble.with_mode(&["follower"]).len(), 2);
    assert_eq!(ensemble.with_mode(&["observer"]), [4]);
    // Every one of them takes a write, and all servers have it.
    let mut first = ensemble.connect(1);
    first.create("/all", b"", CreateMode::Persistent).unwrap();
    for id in ensemble.ids() {
        let mut client = ensemble.connect(id);
        // The parent may not have reached this server; the write goes through the leader.
        client.create(&format!("/all/{id}"), b"hello", CreateMode::Persistent).unwrap();
    }
    let expected = contents(&ensemble, 1, "/all");
    assert_eq!(expected.keys().collect::<Vec<_>>(), ["1", "2", "3", "4"]);
    for id in 2..=4 {
        assert_eq!(contents(&ensemble, id, "/all"), expected, "server {id}");
    }
}

#[test]
fn a_server_alone_is_standalone() {
    let ensemble = Setup::voters(1).start();
    assert_eq!(ensemble.server(1).mode().as_deref(), Some("standalone"));
    let mut client = ensemble.connect(1);
    client.create("/alone", b"1", CreateMode::Persistent).unwrap();
    assert_eq!(client.get("/alone", false).unwrap().0, b"1");
}

#[test]
fn the_third_of_five_leads_and_later_ones_follow() {
    let mut ensemble = Setup::voters(5).prepare();
    ensemble.start(1);
    ensemble.start(2);
    for id in [1, 2] {
        until("two of five say that they do not serve", || {
            ensemble.server(id).says_not_serving().then_some(())
        });
    }
    ensemble.start(3);
    // Equal histories: the largest id of the quorum.
    assert_eq!(ensemble.await_leader(), 3);
    ensemble.await_serving(&[1, 2, 3]);
    let mut client = ensemble.connect(1);
    client.create("/before", b"", CreateMode::Persistent).unwrap();
    let epoch = client.exists("/before", false).unwrap().unwrap().czxid.epoch();
    for late in [4, 5] {
        ensemble.start(late);
        ensemble.await_serving(&[late]);
        assert_eq!(ensemble.server(late).mode().as_deref(), Some("follower"), "server {late}");
    }
    assert_eq!(ensemble.server(3).mode().as_deref(), Some("leader"));
    // The same reign, not a new one.
    let mut client = ensemble.connect(5);
    client.create("/after", b"", CreateMode::Persistent).unwrap();
    assert_eq!(client.exists("/after", false).unwrap().unwrap().czxid.epoch(), epoch);
}

#[test]
fn the_longer_history_leads_whatever_its_id() {
    let mut ensemble = Setup::voters(3).start();
    ensemble.kill(3);
    ensemble.await_serving(&[1, 2]);
    let mut client = ensemble.connect(1);
    client.create("/d", b"", CreateMode::Persistent).unwrap();
    client.create("/d/kept", b"kept", CreateMode::Persistent).unwrap();
    ensemble.kill_all();
    // Of these two the larger id knows nothing of it.
    ensemble.start(3);
    ensemble.start(1);
    assert_eq!(ensemble.await_leader(), 1);
    ensemble.start_all();
    check_acknowledged(&ensemble, "/d", ["kept"].into_iter());
}
