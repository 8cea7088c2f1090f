//! The models of Paxos: what must fail does, at its pinned length; claims can say no; costs are counted.

use quorate_spec::models::paxos::multi::{self, Multi, Value};
use quorate_spec::models::paxos::single::{self, Single};
use quorate_spec::models::paxos::{Claim, Protocol, duel, fast, tables};
use quorate_spec::models::{Expected, ModelSpec, Variant, catalogue};
use quorate_spec::search::Limits;

fn model(name: &str) -> ModelSpec {
    catalogue().into_iter().find(|m| m.name == name).expect("a model of the catalogue")
}

/// Both searches come to the pinned count; the first violation is the expected one.
fn turns_out_as_expected(name: &str) {
    let spec = model(name);
    let limits = Limits { past_violation: true, ..Limits::default() };
    let report = (spec.build)(Variant::default()).search(limits, &mut |_| {});
    let found = report.violation.as_ref().map(|v| (v.broken.name(), v.path.len()));
    let expected = match spec.expected {
        Expected::Violates(property, steps) => Some((property, steps)),
        Expected::Holds | Expected::Livelock(..) => None,
    };
    assert_eq!(found, expected, "{name}");
    assert!(report.exhausted && report.unreached.is_empty(), "{name}: unreached {:?}", report.unreached);
    assert_eq!(report.unique, spec.unique, "{name}");
    let (broken, unique) = (spec.build)(Variant::salted(7)).second_opinion();
    assert_eq!(unique, spec.unique, "{name}: stateright, other salt");
    match expected {
        Some((property, _)) => assert!(broken.contains(&property), "{name}: stateright finds {broken:?}"),
        None => assert!(broken.is_empty(), "{name}: stateright finds {broken:?}"),
    }
}

#[test]
fn one_proposal_outstanding_keeps_primary_order() {
    turns_out_as_expected("multi-one");
}

#[test]
fn two_proposals_outstanding_lose_primary_order() {
    turns_out_as_expected("multi-two");
}

#[test]
fn an_epoch_is_no_logical_clock() {
    turns_out_as_expected("claim-clock");
}

#[test]
fn fast_rounds_collide_for_ever() {
    turns_out_as_expected("fast");
    livelock("fast");
}

#[test]
fn duelling_proposers_never_decide_and_always_could() {
    let cycle = livelock("duel");
    for proposer in 1..=2 {
        assert!(cycle.contains(&format!("proposer {proposer} begins a higher ballot")), "{cycle:?}");
        for acceptor in 1..=3 {
            let heard = format!("acceptor {acceptor} hears proposer {proposer}");
            assert!(cycle.contains(&heard), "{heard}: {cycle:?}");
        }
    }
}

fn livelock(name: &str) -> Vec<String> {
    let spec = model(name);
    let progress = (spec.build)(Variant::default()).progress().expect("it has a goal");
    assert_eq!(progress.hopeless, 0, "{name}: states from which nothing can be chosen");
    assert!(progress.avoidable, "{name}");
    let lasso = progress.lasso.expect("a cycle without a decision");
    assert_eq!(Expected::Livelock(lasso.stem.len(), lasso.cycle.len()), spec.expected, "{name}");
    lasso.cycle
}

/// Single-decree Paxos with fewer ballots than the catalogue's, so that it takes seconds.
#[test]
fn paxos_agrees() {
    use quorate_spec::models::paxos::Checked;
    use quorate_spec::search::Searchable;
    let paxos = || Box::new(Checked { protocol: Single { ballots: 2, learners: 1 }, salt: 0 });
    let report = paxos().search(Limits::default(), &mut |_| {});
    assert!(report.violation.is_none() && report.exhausted, "{:?}", report.violation);
    assert_eq!(paxos().second_opinion(), (vec![], report.unique));
}

fn refuses<S>(claim: &Claim<S>, good: &S, bad: &S) {
    assert!((claim.holds)(good), "{} refuses a good state", claim.name);
    assert!(!(claim.holds)(bad), "{} accepts a bad state", claim.name);
}

fn but<S: Clone>(good: &S, change: impl Fn(&mut S)) -> S {
    let mut state = good.clone();
    change(&mut state);
    state
}

#[test]
fn every_claim_can_say_no() {
    let mut good = Single { ballots: 2, learners: 1 }.begin().remove(0);
    (good.chosen, good.proposed, good.learned) = (0b01, 0b01, vec![Some(0)]);
    refuses(&single::AGREEMENT, &good, &but(&good, |s| s.chosen = 0b11));
    refuses(&single::VALIDITY, &good, &but(&good, |s| s.proposed = 0b10));
    refuses(&single::LEARNED_IS_CHOSEN, &good, &but(&good, |s| s.learned = vec![Some(1)]));

    let good = duel::Duel.begin().remove(0);
    refuses(&duel::AGREEMENT, &good, &but(&good, |s| s.chosen = 0b11));
    let good = fast::Fast.begin().remove(0);
    refuses(&fast::AGREEMENT, &good, &but(&good, |s| s.chosen = 0b11));

    // Each list is what one primary has had chosen, slot by slot.
    let chosen = |lists: [&[(u8, u8)]; 2]| {
        let mut state = Multi { primaries: 2, slots: 2, window: 2, learners: 0 }.begin().remove(0);
        for (primary, list) in state.primaries.iter_mut().zip(lists) {
            primary.asked =
                list.iter().map(|(primary, seq)| Value { primary: *primary, seq: *seq }).collect();
            primary.votes[..list.len()].fill(0b011);
        }
        state
    };
    let good: multi::State = chosen([&[(1, 1)], &[(1, 1), (2, 1)]]);
    refuses(&multi::AGREEMENT, &good, &chosen([&[(1, 1)], &[(2, 1)]]));
    refuses(&multi::LOCAL_PRIMARY_ORDER, &good, &chosen([&[], &[(2, 1), (1, 2)]]));
    refuses(&multi::GLOBAL_PRIMARY_ORDER, &good, &chosen([&[], &[(2, 1), (1, 1)]]));
}

#[test]
fn the_runs_cost_what_the_protocols_say() {
    const OTHERS: usize = 2;
    let costs = tables::costs();
    let cost = |what: &str| {
        let cost = costs.iter().find(|c| c.what == what).expect("a row of the table");
        (cost.messages, cost.answered, cost.everybody)
    };
    assert_eq!(cost("Paxos, any proposer, 1 command"), (5 * OTHERS, 4, 5));
    assert_eq!(cost("multi-Paxos, 1 command"), (3 * OTHERS, 2, 3));
    assert_eq!(cost("multi-Paxos, 2 commands, window 1"), (2 * 3 * OTHERS, 4, 5));
    assert_eq!(cost("multi-Paxos, 2 commands, window 2"), (2 * 3 * OTHERS, 2, 3));
    assert_eq!(cost("ZAB, 1 command"), (3 * OTHERS, 2, 3));
    assert_eq!(cost("ZAB, 2 commands, both outstanding"), (2 * 3 * OTHERS, 2, 3));
    assert_eq!(cost("multi-Paxos, a new leader"), (2 * OTHERS, 2, 2));
    assert_eq!(cost("ZAB, a new leader"), (7 * OTHERS, 5, 6));
}
