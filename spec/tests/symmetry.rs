//! Servers that may change places: what can happen to a world does not depend on their names. A search that
//! takes states which differ in those names alone for one shows the same as a search that does not.

use std::collections::{BTreeMap, HashSet};

use quorate_core::config::ElectionMode;
use quorate_spec::models::{Ensemble, Variant, zab};
use quorate_spec::search::{Limits, breadth_first};
use quorate_spec::world::{Budget, Durable, World};

/// Servers 1 to `n`, of which the first is not like the others.
fn ensemble(n: usize, budget: Budget) -> Ensemble {
    zab(n, ElectionMode::Oracle, budget, vec![Durable::empty(); n], Variant::default())
}

/// Every state of a model.
fn states(ensemble: &Ensemble) -> Vec<World> {
    let mut found: Vec<World> = ensemble.init.clone();
    let mut known: HashSet<u64> = found.iter().map(World::fingerprint).collect();
    let (mut at, mut actions) = (0, Vec::new());
    while at < found.len() {
        actions.clear();
        found[at].actions(&mut actions);
        let next: Vec<World> = actions.iter().map(|action| found[at].next(action)).collect();
        found.extend(next.into_iter().filter(|world| known.insert(world.fingerprint())));
        at += 1;
    }
    found
}

/// The states one step away, as a set.
fn after(world: &World) -> Vec<u64> {
    let mut actions = Vec::new();
    world.actions(&mut actions);
    let mut next: Vec<u64> = actions.iter().map(|action| world.next(action).fingerprint()).collect();
    next.sort_unstable();
    next
}

/// Whatever happens to a world happens to the same world under other names, with the same verdicts: in every
/// state.
fn names_do_not_matter(ensemble: &Ensemble, names: &[usize]) {
    for world in states(ensemble) {
        let other = world.renamed(names);
        let mut actions = Vec::new();
        world.actions(&mut actions);
        let mut renamed: Vec<u64> =
            actions.iter().map(|action| world.next(action).renamed(names).fingerprint()).collect();
        renamed.sort_unstable();
        assert_eq!(renamed, after(&other), "{world}");
        for invariant in ensemble.invariants {
            assert_eq!(
                (invariant.holds)(ensemble, &world),
                (invariant.holds)(ensemble, &other),
                "{}",
                invariant.name
            );
        }
        assert_eq!((ensemble.terminal)(&world), (ensemble.terminal)(&other), "{world}");
    }
}

#[test]
fn names_do_not_matter_to_three_servers() {
    names_do_not_matter(&ensemble(3, Budget { faults: 1, txns: 1, elections: 1, resends: 0 }), &[0, 2, 1]);
    names_do_not_matter(&ensemble(3, Budget { faults: 1, txns: 0, elections: 2, resends: 0 }), &[0, 2, 1]);
}

#[test]
fn names_do_not_matter_to_four_servers() {
    let four = ensemble(4, Budget { faults: 0, txns: 1, elections: 1, resends: 0 });
    names_do_not_matter(&four, &[0, 2, 3, 1]);
    names_do_not_matter(&four, &[0, 1, 3, 2]);
}

/// Elections are not like that: ids decide them.
#[test]
#[should_panic(expected = "1 LOOKING, does not serve")]
fn names_matter_to_an_election() {
    let votes = zab(3, ElectionMode::Fast, Budget::default(), vec![Durable::empty(); 3], Variant::default());
    names_do_not_matter(&votes, &[0, 2, 1]);
}

/// A server that differs in more than its id has its own place.
#[test]
fn the_forgetful_server_keeps_its_place() {
    let setting = ensemble(4, Budget::default()).init[0].setting().clone().symmetric();
    assert_eq!(setting.interchangeable, [[1, 2, 3]]);
    let voting = zab(3, ElectionMode::Fast, Budget::default(), vec![Durable::empty(); 3], Variant::default());
    assert!(voting.init[0].setting().clone().symmetric().interchangeable.is_empty(), "elections look at ids");
}

/// Two searches of the same model: verdicts, reachability and the number of classes are the same.
fn agree(ensemble: &Ensemble, at_most: usize) {
    let (with, without) = (ensemble.clone().with_symmetry(), ensemble);
    let fewer = breadth_first(&with, Limits::default(), |_| {});
    let more = breadth_first(without, Limits::default(), |_| {});
    assert!(fewer.exhausted && more.exhausted);
    assert!(fewer.violation.is_none() && more.violation.is_none());
    assert_eq!((&fewer.unreached, fewer.depth), (&more.unreached, more.depth));
    // What is one state with symmetry is several without: exactly those.
    let mut classes: BTreeMap<u64, usize> = BTreeMap::new();
    for world in states(without) {
        *classes.entry(world.with_symmetry().fingerprint()).or_default() += 1;
    }
    assert_eq!(classes.len(), fewer.unique);
    assert!(classes.values().all(|class| (1..=at_most).contains(class)), "{:?}", classes.values().max());
    assert!(fewer.unique * (at_most + 1) > more.unique && fewer.unique * 3 < more.unique * 2);
}

#[test]
fn three_servers_show_the_same() {
    agree(&ensemble(3, Budget { faults: 1, txns: 0, elections: 2, resends: 0 }), 2);
    agree(&ensemble(3, Budget { faults: 0, txns: 1, elections: 2, resends: 0 }), 2);
}

#[test]
fn four_servers_show_the_same() {
    agree(&ensemble(4, Budget { faults: 0, txns: 1, elections: 1, resends: 0 }), 6);
}
