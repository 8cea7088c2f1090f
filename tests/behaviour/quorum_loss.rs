//! No quorum, no service: neither reads nor writes, until enough servers are back.

use quorate_core::wire::client::CreateMode;

use crate::harness::{RawClient, Setup, lost, until};

#[test]
fn one_of_three_does_not_serve_until_a_second_is_back() {
    let mut ensemble = Setup::voters(3).observers(1).line("maxSessionTimeout=60000").start();
    let survivor = ensemble.await_followers()[0];
    let mut client = ensemble.connect_for(survivor, 60_000);
    client.create("/kept", b"1", CreateMode::Ephemeral).unwrap();
    let gone: Vec<u64> = ensemble.voters().into_iter().filter(|id| *id != survivor).collect();
    for id in &gone {
        ensemble.kill(*id);
    }
    assert!(client.closed(), "the client of a server without quorum is told");
    for id in [survivor, 4] {
        until("srvr says that it does not serve", || ensemble.server(id).says_not_serving().then_some(()));
        // A client that connects is turned away without an answer.
        assert!(lost(&RawClient::connect(ensemble.server(id).client, &client.session)), "server {id}");
        assert!(ensemble.is_alive(id));
    }
    ensemble.start(gone[0]);
    ensemble.await_serving(&[survivor, gone[0], 4]);
    let mut client = until("the session goes on", || {
        RawClient::connect(ensemble.server(survivor).client, &client.session).ok()
    });
    assert_eq!(client.get("/kept", false).unwrap().0, b"1");
    client.set("/kept", b"2", 0).unwrap();
}

#[test]
fn a_leader_that_loses_its_followers_stops_serving() {
    let mut ensemble = Setup::voters(3).line("maxSessionTimeout=60000").start();
    let leader = ensemble.await_leader();
    let mut client = ensemble.connect_for(leader, 60_000);
    for id in ensemble.await_followers() {
        ensemble.kill(id);
    }
    // This write can never be acknowledged.
    assert!(lost(&client.create("/never", b"", CreateMode::Persistent)));
    until("it says that it does not serve", || ensemble.server(leader).says_not_serving().then_some(()));
}
