//! Random kills under several writers. `QUORATE_E2E_SEED` repeats a schedule of faults,
//! `QUORATE_KILLS` says how many processes are to be killed.

use std::time::{Duration, Instant};

use quorate_core::wire::client::CreateMode;

use crate::harness::{
    Acknowledged, Counter, Ensemble, Rng, Setup, Writer, check_acknowledged, contents, eventually, number,
    seed, until,
};

/// How many processes are killed unless the environment says otherwise.
const KILLS: usize = 15;
const WRITERS: usize = 3;
/// The longest time between a fault and its repair (ms).
const LONGEST: u64 = 600;

/// What happens to whom.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// kill -9 of the leader.
    KillLeader,
    /// kill -9 of this server.
    Kill(u64),
    /// kill -9 of these two at once: no quorum is left.
    KillTwo(u64, u64),
    /// SIGSTOP of this server.
    Pause(u64),
}

fn draw(rng: &mut Rng, ids: &[u64]) -> Fault {
    let one = rng.pick(ids);
    match rng.below(10) {
        0..=3 => Fault::KillLeader,
        4..=6 => Fault::Kill(one),
        7..=8 => {
            let others: Vec<u64> = ids.iter().copied().filter(|id| *id != one).collect();
            Fault::KillTwo(one, rng.pick(&others))
        }
        _ => Fault::Pause(one),
    }
}

/// Do it, wait, undo it; say how many processes were killed.
fn inject(ensemble: &mut Ensemble, fault: Fault, time: Duration) -> usize {
    let wait = || eventually(time, || false);
    let victims = match fault {
        Fault::KillLeader => vec![ensemble.await_leader()],
        Fault::Kill(id) => vec![id],
        Fault::KillTwo(one, other) => vec![one, other],
        Fault::Pause(id) => {
            ensemble.pause(id);
            wait();
            ensemble.resume(id);
            return 0;
        }
    };
    for id in &victims {
        ensemble.kill(*id);
    }
    wait();
    for id in &victims {
        ensemble.start(*id);
    }
    victims.len()
}

#[test]
fn what_was_acknowledged_survives_random_kills() {
    let (seed, kills) = (seed(), number("QUORATE_KILLS").map_or(KILLS, |kills| kills as usize));
    println!("QUORATE_E2E_SEED={seed} QUORATE_KILLS={kills}");
    let mut rng = Rng::new(seed);
    // Snapshots, short memories: returning servers get DIFF, TRUNC and SNAP.
    let setup = Setup::voters(3)
        .line("maxSessionTimeout=120000")
        .line("snapCount=400")
        .line("commitLogCount=60")
        .recorded();
    let mut ensemble = setup.start();
    let ids = ensemble.ids();
    let leader = ensemble.await_leader();
    let mut client = ensemble.connect(leader);
    client.create("/w", b"", CreateMode::Persistent).unwrap();
    client.create("/c", b"", CreateMode::Persistent).unwrap();
    client.create("/c/number", b"", CreateMode::Persistent).unwrap();
    let ports: Vec<u16> = ids.iter().map(|id| ensemble.server(*id).client).collect();
    let writers: Vec<Writer> = (0..WRITERS)
        .map(|n| {
            let mut ports = ports.clone();
            ports.rotate_left(n);
            Writer::start(ports, "/w", &format!("{n}-"))
        })
        .collect();
    let counter = Counter::start(ports, "/c/number");
    let (mut killed, mut faults) = (0, 0);
    while killed < kills {
        faults += 1;
        let fault = draw(&mut rng, &ids);
        let (time, heal) = (Duration::from_millis(rng.below(LONGEST)), rng.below(3) > 0);
        let at = Instant::now();
        println!("fault {faults}: {fault:?} for {time:?}");
        killed += inject(&mut ensemble, fault, time);
        let repaired = Instant::now();
        // Now and then the next fault comes before this one is got over.
        if heal || killed >= kills {
            for writer in &writers {
                until("writes go on", || writer.first_after(repaired));
            }
            println!("  all writers go on {} ms after it began", at.elapsed().as_millis());
        }
    }
    let written: u64 = writers.iter().map(Writer::count).sum();
    let counted = counter.stop();
    println!("{killed} kills, {written} writes acknowledged, counted to {counted}");
    let done: Vec<Acknowledged> = writers.into_iter().flat_map(Writer::stop).collect();
    ensemble.await_serving(&ids);
    check_acknowledged(&ensemble, "/w", done.iter().map(|a| a.name.as_str()));
    for id in &ids {
        let (data, _) = &contents(&ensemble, *id, "/c")["number"];
        assert_eq!(String::from_utf8_lossy(data), counted.to_string(), "server {id}");
    }
    // Some were killed again before they had begun a recording.
    let replayed = ensemble.replay();
    assert!(replayed.starts > ids.len() && replayed.delivered as u64 >= written, "{replayed:?}");
}
