//! How many servers may go: majorities of odd and even ensembles, weighted groups in several rooms.

use quorate_core::wire::client::CreateMode;

use crate::harness::{Ensemble, Setup, check_acknowledged, lost, until};

/// A write through each of these servers, and no server lacks any of them.
fn serves(ensemble: &Ensemble, ids: &[u64], number: &mut u32) {
    ensemble.await_serving(ids);
    for id in ids {
        *number += 1;
        let path = format!("/w/{number}");
        let written = until("a write is acknowledged", || {
            let answer =
                ensemble.connect(*id).create(&path, number.to_string().as_bytes(), CreateMode::Persistent);
            // The parent may not have reached a server that has just come back.
            (!lost(&answer)).then_some(answer)
        });
        written.unwrap();
    }
}

#[track_caller]
fn nobody_serves(ensemble: &Ensemble) {
    for id in ensemble.running() {
        until(&format!("server {id} says that it does not serve"), || {
            ensemble.server(id).says_not_serving().then_some(())
        });
    }
}

/// Two may go, the leader first; a third may not.
fn two_may_go(voters: u64) {
    let mut ensemble = Setup::voters(voters).start();
    let mut number = 0;
    let leader = ensemble.await_leader();
    ensemble.connect(leader).create("/w", b"", CreateMode::Persistent).unwrap();
    serves(&ensemble, &ensemble.ids(), &mut number);
    let mut gone = Vec::new();
    for _ in 0..2 {
        let leader = ensemble.await_leader();
        ensemble.kill(leader);
        gone.push(leader);
        serves(&ensemble, &ensemble.running(), &mut number);
    }
    let third = ensemble.await_leader();
    ensemble.kill(third);
    nobody_serves(&ensemble);
    // Any one of the three makes the quorum complete.
    ensemble.start(gone[0]);
    serves(&ensemble, &ensemble.running(), &mut number);
    ensemble.start(gone[1]);
    ensemble.start(third);
    serves(&ensemble, &ensemble.ids(), &mut number);
    let names: Vec<String> = (1..=number).map(|n| n.to_string()).collect();
    check_acknowledged(&ensemble, "/w", names.iter().map(String::as_str));
}

#[test]
fn five_survive_the_loss_of_two() {
    two_may_go(5);
}

#[test]
fn six_survive_the_loss_of_two() {
    two_may_go(6);
}

/// Rooms of three, three and one server; the one weighs as much as it likes.
#[test]
fn any_one_of_three_rooms_may_burn_down() {
    let rooms: [&[u64]; 3] = [&[1, 2, 3], &[4, 5, 6], &[7]];
    let mut setup = Setup::voters(7);
    for (number, room) in rooms.iter().enumerate() {
        let members: Vec<String> = room.iter().map(u64::to_string).collect();
        setup = setup.line(&format!("group.{}={}", number + 1, members.join(":")));
        for id in *room {
            setup = setup.line(&format!("weight.{id}={}", if *id == 7 { 5 } else { 1 }));
        }
    }
    let mut ensemble = setup.start();
    let mut number = 0;
    ensemble.connect(1).create("/w", b"", CreateMode::Persistent).unwrap();
    serves(&ensemble, &ensemble.ids(), &mut number);
    for room in rooms {
        for id in room {
            ensemble.kill(*id);
        }
        serves(&ensemble, &ensemble.running(), &mut number);
        for id in room {
            ensemble.start(*id);
        }
        serves(&ensemble, &ensemble.ids(), &mut number);
    }
    // Four of seven are a majority, but most of one room only.
    for id in [2, 3, 7] {
        ensemble.kill(id);
    }
    nobody_serves(&ensemble);
    // Most of two rooms: five of seven, or three of them.
    ensemble.start(2);
    serves(&ensemble, &ensemble.running(), &mut number);
    for id in [2, 6] {
        ensemble.kill(id);
    }
    ensemble.start(7);
    serves(&ensemble, &[4, 5, 7], &mut number);
    ensemble.start_all();
    let names: Vec<String> = (1..=number).map(|n| n.to_string()).collect();
    check_acknowledged(&ensemble, "/w", names.iter().map(String::as_str));
}
