//! Random kills under several writers. `QUORATE_E2E_SEED` repeats a schedule of faults.

use std::time::{Duration, Instant};

use quorate_core::wire::client::CreateMode;

use crate::harness::{Acknowledged, Ensemble, Rng, Setup, Writer, check_acknowledged, eventually, until};

const FAULTS: u32 = 20;
const WRITERS: usize = 3;
/// The longest time between a fault and its repair (ms).
const LONGEST: u64 = 600;

/// What happens to whom.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// kill -9 of whoever leads.
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

/// Do it, wait, undo it.
fn inject(ensemble: &mut Ensemble, fault: Fault, time: Duration) {
    let wait = || eventually(time, || false);
    let mut kill = |ids: &[u64]| {
        for id in ids {
            ensemble.kill(*id);
        }
        wait();
        for id in ids {
            ensemble.start(*id);
        }
    };
    match fault {
        Fault::KillLeader => {
            let leader = ensemble.await_leader();
            ensemble.kill(leader);
            wait();
            ensemble.start(leader);
        }
        Fault::Kill(id) => kill(&[id]),
        Fault::KillTwo(one, other) => kill(&[one, other]),
        Fault::Pause(id) => {
            ensemble.pause(id);
            wait();
            ensemble.resume(id);
        }
    }
}

fn seed() -> u64 {
    match std::env::var("QUORATE_E2E_SEED") {
        Ok(text) => text.parse().expect("QUORATE_E2E_SEED is a number"),
        Err(_) => std::time::UNIX_EPOCH.elapsed().expect("it is after 1970").as_millis() as u64,
    }
}

#[test]
fn what_was_acknowledged_survives_twenty_random_faults() {
    let seed = seed();
    println!("QUORATE_E2E_SEED={seed}");
    let mut rng = Rng::new(seed);
    // Snapshots, short memories: returning servers get DIFF, TRUNC and SNAP.
    let setup =
        Setup::voters(3).line("maxSessionTimeout=120000").line("snapCount=400").line("commitLogCount=60");
    let mut ensemble = setup.start();
    let ids = ensemble.ids();
    let leader = ensemble.await_leader();
    ensemble.connect(leader).create("/w", b"", CreateMode::Persistent).unwrap();
    let ports: Vec<u16> = ids.iter().map(|id| ensemble.server(*id).client).collect();
    let writers: Vec<Writer> = (0..WRITERS)
        .map(|n| {
            let mut ports = ports.clone();
            ports.rotate_left(n);
            Writer::start(ports, "/w", &format!("{n}-"))
        })
        .collect();
    for number in 1..=FAULTS {
        let fault = draw(&mut rng, &ids);
        let time = Duration::from_millis(rng.below(LONGEST));
        let at = Instant::now();
        println!("fault {number}: {fault:?} for {time:?}");
        inject(&mut ensemble, fault, time);
        let repaired = Instant::now();
        // Every writer gets something through before the next fault; not every server need serve.
        for writer in &writers {
            until("writes go on", || writer.first_after(repaired));
        }
        println!("  all writers go on {} ms after it began", at.elapsed().as_millis());
    }
    let written: u64 = writers.iter().map(Writer::count).sum();
    println!("{written} writes acknowledged");
    let done: Vec<Acknowledged> = writers.into_iter().flat_map(Writer::stop).collect();
    ensemble.await_serving(&ids);
    check_acknowledged(&ensemble, "/w", done.iter().map(|a| a.name.as_str()));
}
