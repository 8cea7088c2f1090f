//! An observer reads by itself, forwards what it cannot decide, and helps no quorum.

use quorate_core::wire::client::{CreateMode, EventType};

use crate::harness::{RawClient, Setup, until};

#[test]
fn an_observer_reads_and_forwards_through_a_change_of_leader() {
    let mut ensemble = Setup::voters(3).observers(1).line("maxSessionTimeout=60000").start();
    let mut client = ensemble.connect_for(4, 60_000);
    client.create("/o", b"0", CreateMode::Persistent).unwrap();
    client.create("/mine", b"", CreateMode::Ephemeral).unwrap();
    // Its own write at once, others' with their events.
    assert_eq!(client.get("/o", true).unwrap().0, b"0");
    let leader = ensemble.await_leader();
    ensemble.connect(leader).set("/o", b"1", -1).unwrap();
    let event = client.event().unwrap();
    assert_eq!((event.event, event.path.as_str()), (EventType::NodeDataChanged, "/o"));
    assert_eq!(client.get("/o", false).unwrap().0, b"1");
    ensemble.kill(leader);
    assert!(client.closed(), "its client is told that it has no leader");
    let mut client =
        until("the session goes on", || RawClient::connect(ensemble.server(4).client, &client.session).ok());
    assert_eq!(ensemble.server(4).mode().as_deref(), Some("observer"));
    client.set("/o", b"2", 1).unwrap();
    assert_eq!(client.exists("/mine", false).unwrap().unwrap().ephemeral_owner, client.session.id.0);
    for id in ensemble.running() {
        let mut reader = ensemble.connect(id);
        reader.sync().unwrap();
        assert_eq!(reader.get("/o", false).unwrap().0, b"2", "server {id}");
    }
}

#[test]
fn observers_are_no_help_to_a_quorum() {
    let mut ensemble = Setup::voters(3).observers(2).start();
    let followers = ensemble.await_followers();
    for id in &followers {
        ensemble.kill(*id);
    }
    // One of three voters and two observers: three of five servers.
    for id in ensemble.running() {
        until("it says that it does not serve", || ensemble.server(id).says_not_serving().then_some(()));
    }
    ensemble.start(followers[0]);
    ensemble.await_serving(&ensemble.running());
    ensemble.connect(5).create("/again", b"", CreateMode::Persistent).unwrap();
}
