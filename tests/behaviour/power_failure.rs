//! Everything is killed at once: what was acknowledged is there afterwards.

use quorate_core::wire::client::CreateMode;

use crate::harness::{RawClient, Setup, Writer, check_acknowledged, until};

#[test]
fn nothing_acknowledged_is_lost_when_all_servers_die_at_once() {
    let mut ensemble = Setup::voters(3).observers(1).line("maxSessionTimeout=60000").start();
    let mut client = ensemble.connect_for(1, 60_000);
    client.create("/w", b"", CreateMode::Persistent).unwrap();
    client.create("/mine", b"", CreateMode::Ephemeral).unwrap();
    let ports: Vec<u16> = ensemble.ids().iter().map(|id| ensemble.server(*id).client).collect();
    let writers = [0, 1].map(|n| Writer::start(ports.clone(), "/w", &format!("{n}-")));
    for _ in 0..3 {
        let so_far = writers.each_ref().map(Writer::count);
        until("writes go through", || {
            writers.iter().zip(so_far).all(|(w, before)| w.count() >= before + 50).then_some(())
        });
        ensemble.kill_all();
        ensemble.start_all();
    }
    let done: Vec<_> = writers.into_iter().flat_map(Writer::stop).collect();
    check_acknowledged(&ensemble, "/w", done.iter().map(|a| a.name.as_str()));
    // Sessions are data like any other.
    let mut client =
        until("the session goes on", || RawClient::connect(ensemble.server(2).client, &client.session).ok());
    assert_eq!(client.exists("/mine", false).unwrap().unwrap().ephemeral_owner, client.session.id.0);
}

#[test]
fn a_server_alone_keeps_what_it_acknowledged() {
    let mut ensemble = Setup::voters(1).line("maxSessionTimeout=60000").start();
    let mut client = ensemble.connect_for(1, 60_000);
    client.create("/w", b"", CreateMode::Persistent).unwrap();
    let writer = Writer::start(vec![ensemble.server(1).client], "/w", "");
    for _ in 0..4 {
        let so_far = writer.count();
        until("writes go through", || (writer.count() >= so_far + 50).then_some(()));
        ensemble.kill(1);
        ensemble.start_all();
    }
    let done = writer.stop();
    check_acknowledged(&ensemble, "/w", done.iter().map(|a| a.name.as_str()));
}
