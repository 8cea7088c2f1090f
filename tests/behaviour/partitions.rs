//! Cut wires: a server that no other server hears, and that hears no other, but still has its clients.

use quorate_core::wire::client::CreateMode;

use crate::harness::{RawClient, Setup, Writer, check_acknowledged, lost, until};

#[test]
fn a_leader_that_is_cut_off_stops_and_the_others_go_on() {
    let ensemble = Setup::voters(3).line("maxSessionTimeout=60000").wired().start();
    let old = ensemble.await_leader();
    let mut client = ensemble.connect_for(old, 60_000);
    client.create("/d", b"", CreateMode::Persistent).unwrap();
    ensemble.network().isolate(old);
    // Its clients still reach it, but there is no server to agree.
    assert!(lost(&client.create("/d/never", b"never", CreateMode::Persistent)));
    until("it says that it does not serve", || ensemble.server(old).says_not_serving().then_some(()));
    let others: Vec<u64> = ensemble.ids().into_iter().filter(|id| *id != old).collect();
    ensemble.await_serving(&others);
    let mut elsewhere = until("the session moves", || {
        RawClient::connect(ensemble.server(others[0]).client, &client.session).ok()
    });
    elsewhere.create("/d/new", b"new", CreateMode::Persistent).unwrap();
    assert!(ensemble.server(old).says_not_serving(), "a minority of one serves");
    ensemble.network().heal();
    ensemble.await_serving(&ensemble.ids());
    check_acknowledged(&ensemble, "/d", ["new"].into_iter());
}

#[test]
fn writes_go_on_while_one_after_the_other_is_cut_off() {
    let ensemble = Setup::voters(3).observers(1).line("maxSessionTimeout=60000").wired().start();
    ensemble.connect(1).create("/w", b"", CreateMode::Persistent).unwrap();
    let ports: Vec<u16> = ensemble.ids().iter().map(|id| ensemble.server(*id).client).collect();
    let writers = [0, 1].map(|n| Writer::start(ports.clone(), "/w", &format!("{n}-")));
    for id in ensemble.ids() {
        ensemble.network().isolate(id);
        // All of its clients go elsewhere, and it gives up.
        until("it says that it does not serve", || ensemble.server(id).says_not_serving().then_some(()));
        let so_far = writers.each_ref().map(Writer::count);
        until("writes go on without it", || {
            writers.iter().zip(so_far).all(|(w, before)| w.count() >= before + 20).then_some(())
        });
        ensemble.network().heal();
        ensemble.await_serving(&ensemble.ids());
    }
    let done: Vec<_> = writers.into_iter().flat_map(Writer::stop).collect();
    check_acknowledged(&ensemble, "/w", done.iter().map(|a| a.name.as_str()));
}
