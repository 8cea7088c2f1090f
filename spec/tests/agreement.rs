//! The reduction that models make (deliveries that only their receiver can notice happen at once) loses no
//! verdict: with it and without it the same properties hold and the same states are reachable.

use std::sync::Arc;

use quorate_core::config::ElectionMode;
use quorate_spec::models::{Ensemble, Variant, zab};
use quorate_spec::properties::Invariant;
use quorate_spec::search::{Limits, Report, breadth_first};
use quorate_spec::world::{Action, Budget, Durable, Setting, World};

/// The same ensemble with every delivery as a step of its own.
fn patient(ensemble: &Ensemble) -> Ensemble {
    let again = |world: &World| {
        let setting = Arc::new(Setting { eager: false, ..world.setting().clone() });
        let disks: Vec<Durable> = world.servers().map(|s| s.disk.durable.clone()).collect();
        let servers = disks.len();
        let mut world = World::new(setting, disks, world.budget());
        (0..servers).for_each(|i| world.act(&Action::Start(i)));
        world
    };
    Ensemble { init: ensemble.init.iter().map(again).collect(), ..ensemble.clone() }
}

fn search(ensemble: &Ensemble) -> Report {
    breadth_first(ensemble, Limits::default(), |_| {})
}

fn small(election: ElectionMode, budget: Budget) -> Ensemble {
    zab(3, election, budget, vec![Durable::empty(); 3], Variant::default())
}

/// Both hold, both come across everything that is to be come across, and the reduction does reduce.
fn agree(ensemble: Ensemble) {
    let (eager, patient) = (search(&ensemble), search(&patient(&ensemble)));
    assert!(eager.violation.is_none() && patient.violation.is_none(), "{:?}", patient.violation);
    assert!(eager.exhausted && patient.exhausted);
    assert_eq!(eager.unreached, patient.unreached);
    assert!(eager.unique < patient.unique, "{} and {}", eager.unique, patient.unique);
}

#[test]
fn with_an_oracle_and_a_fault() {
    agree(small(ElectionMode::Oracle, Budget { faults: 1, txns: 0, elections: 2, resends: 0 }));
}

#[test]
fn with_an_oracle_and_a_transaction() {
    agree(small(ElectionMode::Oracle, Budget { faults: 0, txns: 1, elections: 2, resends: 0 }));
}

#[test]
fn with_votes() {
    agree(small(ElectionMode::Fast, Budget::default()));
}

#[test]
fn what_is_broken_with_it_is_broken_without_it() {
    const ONE_REIGN: &[Invariant] = &[Invariant {
        name: "OneReign",
        claim: "There is one epoch at most.",
        source: "this test",
        holds: |_, world| world.peers().all(|(_, peer)| peer.established_epoch() <= Some(1)),
    }];
    let budget = Budget { elections: 2, faults: 1, ..Budget::default() };
    let ensemble = Ensemble { invariants: ONE_REIGN, ..small(ElectionMode::Oracle, budget) };
    let steps = |ensemble: &Ensemble| search(ensemble).violation.expect("it is broken").path.len();
    let (eager, patient) = (steps(&ensemble), steps(&patient(&ensemble)));
    assert!(eager <= patient, "{eager} and {patient}: what happens at once is no step");
}
