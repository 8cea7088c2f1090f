//! The broadcast under the models of clients allows whatever the ensembles of the ZAB models show to
//! services.
//!
//! Every step of an ensemble is projected on what services and their clients can tell of it. That is which
//! sequence is chosen, and how much of it each serving server has applied. A step of an ensemble must be some
//! steps of the abstraction. Or a server stops serving, or begins to serve a prefix of what is chosen. (Where
//! a server stops, all its clients lose their connections, which the models of clients let happen at any
//! moment.)

use std::collections::{BTreeSet, HashSet, VecDeque};

use quorate_core::config::ElectionMode;
use quorate_core::ids::Zxid;
use quorate_spec::byte::Byte;
use quorate_spec::models::clients::broadcast::moves;
use quorate_spec::models::{Variant, zab};
use quorate_spec::world::{Action, Budget, Durable, World};
use stateright::Model;

/// What services can tell.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct View {
    /// How long the chosen sequence is.
    chosen: usize,
    /// How much of it each server serves.
    serves: Vec<Option<usize>>,
}

fn view(world: &World) -> View {
    let chosen: &[(Zxid, Byte)] = &world.ghost().delivered;
    let mut serves = vec![None; world.servers().count()];
    for (i, peer) in world.peers().filter(|(_, peer)| peer.serving()) {
        let applied = peer.service().applied();
        assert!(chosen.starts_with(applied), "server {} applies another sequence than is chosen", i + 1);
        serves[i] = Some(applied.len());
    }
    View { chosen: chosen.len(), serves }
}

/// Whether the abstraction can go from one view to the other, those servers aside that stop or begin to
/// serve.
fn allowed(before: &View, after: &View) -> bool {
    let stays = |i: &usize| before.serves[*i].is_some() && after.serves[*i].is_some();
    let who: Vec<usize> = (0..before.serves.len()).filter(stays).collect();
    let of = |view: &View| -> Vec<usize> { who.iter().map(|i| view.serves[*i].unwrap_or(0)).collect() };
    let begins = after.serves.iter().flatten().all(|applied| *applied <= after.chosen);
    let goal = (after.chosen, of(after));
    let mut seen = BTreeSet::from([(before.chosen, of(before))]);
    let mut open: Vec<_> = seen.iter().cloned().collect();
    while let Some((chosen, applied)) = open.pop() {
        if (chosen, &applied) == (goal.0, &goal.1) {
            return begins;
        }
        for (_, chosen, applied) in moves(chosen, &applied, after.chosen) {
            if seen.insert((chosen, applied.clone())) {
                open.push((chosen, applied));
            }
        }
    }
    false
}

/// Explore the ensemble completely; every different pair of views that a step leads from and to.
fn shown(budget: Budget) -> (usize, BTreeSet<(View, View)>) {
    let ensemble = zab(3, ElectionMode::Oracle, budget, vec![Durable::empty(); 3], Variant::default());
    let mut seen = HashSet::new();
    let mut frontier: VecDeque<World> = ensemble.init_states().into();
    seen.extend(frontier.iter().map(World::fingerprint));
    let mut shown = BTreeSet::new();
    let mut actions: Vec<Action> = Vec::new();
    while let Some(world) = frontier.pop_front() {
        let before = view(&world);
        actions.clear();
        ensemble.actions(&world, &mut actions);
        for action in actions.drain(..) {
            let next = ensemble.next_state(&world, action).expect("only what is possible is offered");
            let after = view(&next);
            let sequence = &next.ghost().delivered;
            assert!(sequence.starts_with(&world.ghost().delivered), "what is chosen changes");
            if before != after {
                shown.insert((before.clone(), after));
            }
            if seen.insert(next.fingerprint()) {
                frontier.push_back(next);
            }
        }
    }
    (seen.len(), shown)
}

fn is_contained(budget: Budget, states: usize, pairs: usize) {
    let (unique, shown) = shown(budget);
    for (before, after) in &shown {
        assert!(allowed(before, after), "the abstraction cannot go from {before:?} to {after:?}");
    }
    let chooses = |(before, after): &(View, View)| before.chosen < after.chosen;
    let lags =
        |(_, after): &(View, View)| after.serves.iter().flatten().any(|applied| *applied < after.chosen);
    assert!(shown.iter().any(chooses) && shown.iter().any(lags), "nothing happens");
    assert_eq!((unique, shown.len()), (states, pairs), "unique states, different pairs of views");
}

#[test]
fn two_transactions_without_a_fault_are_what_the_abstraction_allows() {
    is_contained(Budget { txns: 2, elections: 1, ..Budget::default() }, 24_141, 183);
}

#[test]
fn a_transaction_with_a_fault_is_what_the_abstraction_allows() {
    is_contained(Budget { txns: 1, elections: 1, faults: 1, ..Budget::default() }, 44_926, 167);
}

#[test]
fn the_abstraction_can_say_no() {
    let view = |chosen, serves: [Option<usize>; 2]| View { chosen, serves: serves.to_vec() };
    let start = view(1, [Some(1), Some(1)]);
    assert!(allowed(&start, &view(2, [Some(2), Some(1)])));
    assert!(allowed(&start, &view(1, [None, Some(1)])));
    assert!(allowed(&view(1, [None, Some(1)]), &view(1, [Some(0), Some(1)])));
    assert!(!allowed(&start, &view(1, [Some(1), Some(0)])), "a server that serves goes back");
    assert!(!allowed(&start, &view(1, [Some(2), Some(1)])), "a server applies what is not chosen");
    assert!(!allowed(&start, &view(0, [Some(0), Some(0)])), "what is chosen is lost");
    assert!(
        !allowed(&view(1, [None, Some(1)]), &view(1, [Some(2), Some(1)])),
        "it begins beyond what is chosen"
    );
}
