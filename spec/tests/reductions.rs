//! The deliveries that happen at once take nothing away: small models show the same with and without them.

use std::collections::{BTreeSet, HashSet};

use quorate_core::config::ElectionMode;
use quorate_spec::models::{Ensemble, Variant, zab};
use quorate_spec::properties::Invariant;
use quorate_spec::search::{Limits, breadth_first};
use quorate_spec::world::{Budget, Durable, Ghost, World};

/// What a search of a whole model shows of it, apart from how many states it has.
#[derive(PartialEq, Eq, Debug, Default)]
struct Shown {
    /// Everything that properties can look back on, in any state: what was proposed, delivered, discarded,
    /// and which leaders were established.
    looked_back: BTreeSet<String>,
    /// What servers have on disk, serve and have applied, in any state where nothing can happen.
    ends: BTreeSet<String>,
    /// Properties that are broken somewhere.
    broken: BTreeSet<&'static str>,
    /// Claims of reachability that are met.
    reached: BTreeSet<&'static str>,
}

fn ghost(ghost: &Ghost) -> String {
    format!("{:?} {:?} {:?} {:?}", ghost.proposed, ghost.delivered, ghost.discarded, ghost.newest)
}

fn end(world: &World) -> String {
    let server = |s: &quorate_spec::world::Server| {
        let applied = s.peer.as_ref().map(|p| p.service().applied().clone());
        format!("{:?} {} {applied:?}; ", s.disk.durable, s.serving())
    };
    world.servers().map(server).collect()
}

/// Search the model with or without the reduction.
fn search(ensemble: &Ensemble, eager: bool) -> (usize, Shown) {
    let mut stack: Vec<World> = ensemble.init.iter().map(|world| world.with_eager(eager)).collect();
    let mut known: HashSet<u64> = stack.iter().map(World::fingerprint).collect();
    let (mut shown, mut actions) = (Shown::default(), Vec::new());
    while let Some(world) = stack.pop() {
        shown.looked_back.insert(ghost(world.ghost()));
        shown.broken.extend(ensemble.broken(&world).map(|property| property.name));
        shown.reached.extend(ensemble.sometimes.iter().filter(|s| (s.reached)(&world)).map(|s| s.name));
        actions.clear();
        world.actions(&mut actions);
        if actions.is_empty() {
            shown.ends.insert(end(&world));
        }
        let next = actions.iter().map(|action| world.next(action));
        stack.extend(next.filter(|world| known.insert(world.fingerprint())));
    }
    (known.len(), shown)
}

fn agrees(ensemble: &Ensemble) {
    let ((fewer, with), (more, without)) = (search(ensemble, true), search(ensemble, false));
    assert!(fewer < more, "{fewer} states with the reduction, {more} without");
    assert!(with.broken.is_empty(), "{:?}", with.broken);
    assert_eq!((with.reached, with.looked_back), (without.reached, without.looked_back));
    let lost: Vec<&String> = without.ends.difference(&with.ends).collect();
    let made_up: Vec<&String> = with.ends.difference(&without.ends).collect();
    assert!(lost.is_empty() && made_up.is_empty(), "lost: {lost:#?}\nmade up: {made_up:#?}");
}

fn ensemble(election: ElectionMode, budget: Budget) -> Ensemble {
    zab(3, election, budget, vec![Durable::empty(); 3], Variant::default())
}

#[test]
fn a_transaction_without_faults() {
    agrees(&ensemble(ElectionMode::Oracle, Budget { faults: 0, txns: 1, elections: 2, resends: 0 }));
}

#[test]
fn a_fault_and_a_transaction() {
    agrees(&ensemble(ElectionMode::Oracle, Budget { faults: 1, txns: 1, elections: 1, resends: 0 }));
}

#[test]
fn a_fault_and_two_elections() {
    agrees(&ensemble(ElectionMode::Oracle, Budget { faults: 1, txns: 0, elections: 2, resends: 0 }));
}

#[test]
fn an_election_by_votes() {
    agrees(&ensemble(ElectionMode::Fast, Budget::default()));
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
    let ensemble = Ensemble { invariants: ONE_REIGN, ..ensemble(ElectionMode::Oracle, budget) };
    let steps = |eager| {
        let init = ensemble.init.iter().map(|world| world.with_eager(eager)).collect();
        let report = breadth_first(&Ensemble { init, ..ensemble.clone() }, Limits::default(), |_| {});
        report.violation.expect("it is broken").path.len()
    };
    let (with, without) = (steps(true), steps(false));
    assert!(with <= without, "{with} and {without}: what happens at once is no step");
}

/// A search may begin in worlds of several settings. What looks the same in two of them can go on
/// differently.
#[test]
fn the_same_in_another_setting_is_another_state() {
    let ensemble = ensemble(ElectionMode::Oracle, Budget { elections: 1, ..Budget::default() });
    let search = |init: Vec<World>| {
        let report = breadth_first(&Ensemble { init, ..ensemble.clone() }, Limits::default(), |_| {});
        report.unique
    };
    let of = |eager| ensemble.init.iter().map(|world| world.with_eager(eager)).collect::<Vec<World>>();
    let (with, without) = (of(true), of(false));
    assert!(with[0] != without[0] && with[0].fingerprint() != without[0].fingerprint());
    let both = [with.clone(), without.clone()].concat();
    assert_eq!(search(both), search(with) + search(without));
}
