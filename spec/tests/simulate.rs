//! Random walks: they hold and heal, they are their seed, and a failing one becomes short.

use quorate_spec::models::Variant;
use quorate_spec::properties::Invariant;
use quorate_spec::search::Broken;
use quorate_spec::simulate::{Failure, Plan, shrink, states, story};

fn plan(servers: usize) -> Plan {
    Plan { servers, chaos: 1500, heal: 100_000, variant: Variant::default() }
}

#[test]
fn walks_hold_and_heal() {
    let (mut faults, mut delivered, mut discarded) = (0, 0, 0);
    for servers in [1, 2, 3, 5, 7] {
        for seed in 0..12 {
            let walk = plan(servers).walk(seed);
            let broken = walk.failure.map(|f| f.broken.name());
            assert_eq!(broken, None, "{servers} servers, seed {seed}");
            assert!(walk.delivered > 0, "{servers} servers, seed {seed}: nothing was delivered");
            faults += walk.faults;
            delivered += walk.delivered;
            discarded += walk.discarded;
        }
    }
    assert!(faults > 100 && delivered > 500 && discarded > 10, "{faults} {delivered} {discarded}");
}

#[test]
fn a_walk_is_its_seed() {
    let figures = |seed| {
        let walk = plan(3).walk(seed);
        (walk.steps, walk.faults, walk.epochs, walk.delivered, walk.discarded)
    };
    assert_eq!(figures(7), figures(7));
    assert_ne!(figures(7), figures(8));
}

#[test]
fn a_failing_walk_becomes_short() {
    const MODEST: Invariant = Invariant {
        name: "Modest",
        claim: "No server delivers a transaction of a second epoch.",
        source: "this test",
        holds: |_, world| {
            let delivered = &world.ghost().delivered;
            delivered.first().map(|t| t.0.epoch()) == delivered.last().map(|t| t.0.epoch())
        },
    };
    let plan = plan(3);
    let mut ensemble = plan.ensemble(0);
    ensemble.invariants = &[MODEST];
    let failures = (0..50).filter_map(|seed| plan.walk_of(&ensemble, seed).failure);
    let failure = failures.take(8).max_by_key(|failure| failure.path.len()).expect("some walk does");
    let short = shrink(&ensemble, &failure, 20_000);
    assert!(matches!(short.broken, Broken::Invariant(i) if i.name == "Modest"));
    assert!(short.path.len() < failure.path.len() / 4, "{} of {}", short.path.len(), failure.path.len());
    // It is a path: nothing in it can be skipped, and its last state is the first broken one.
    let mut held = Vec::new();
    states(&ensemble, &short.path, |_, world| held.push((MODEST.holds)(&ensemble, world)));
    assert_eq!(held.len(), short.path.len());
    assert_eq!(held.iter().position(|h| !h), Some(held.len() - 1));
    let told = story(&ensemble, &short, usize::MAX);
    assert_eq!(told.steps.len(), short.path.len());
    assert!(told.verdict[0].starts_with(&format!("{} is broken: ", MODEST.name)), "{:?}", told.verdict);
    assert_eq!(story(&ensemble, &short, 3).steps.len(), 3, "the end of it");
    let again: Failure = shrink(&ensemble, &short, 20_000);
    assert_eq!(again.path.len(), short.path.len(), "no single action can be left out");
}
