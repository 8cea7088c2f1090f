//! The judge beside core's whole way of a request: random clients of a leader and a learner, for long.
//!
//! `QUORATE_JUDGE_SEED` repeats a run, `QUORATE_JUDGE_CASES` makes it longer.

mod ensemble;
mod requests;
mod zookeeper;

use std::cell::{Cell, RefCell};
use std::time::{SystemTime, UNIX_EPOCH};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config as Runs, RngAlgorithm, TestRng, TestRunner};

use ensemble::{Config, Ensemble};
use requests::Step;
use zookeeper::ZooKeeper;

/// Sequences of a run, where no other number is asked for.
const CASES: u64 = 1200;
/// The most steps in a sequence.
const STEPS: usize = 250;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// Runs `cases` sequences, or as many as are asked for, and answers how many that were. A failure is
/// shortened in at most `tries` tries.
fn judge(cases: u64, tries: u32, sequence: impl Fn(Config, &[Step]) -> Result<(), String>) -> u64 {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos() as u64);
    let seed = number("QUORATE_JUDGE_SEED").unwrap_or_else(now);
    let cases = number("QUORATE_JUDGE_CASES").unwrap_or(cases);
    println!("QUORATE_JUDGE_SEED={seed} QUORATE_JUDGE_CASES={cases}");
    if let Err(why) = found(seed, cases as u32, tries, sequence) {
        panic!("QUORATE_JUDGE_SEED={seed}: {why}");
    }
    cases
}

fn found(
    seed: u64,
    cases: u32,
    tries: u32,
    sequence: impl Fn(Config, &[Step]) -> Result<(), String>,
) -> Result<(), String> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let runs = Runs { cases, failure_persistence: None, max_shrink_iters: tries, ..Runs::default() };
    let mut runner = TestRunner::new_with_rng(runs, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let config =
        (any::<bool>(), prop::bool::weighted(0.1), prop_oneof![4 => Just(1 << 20), 1 => 120..300usize])
            .prop_map(|(has_ttl, skips_acl, longest)| Config {
                has_ttl,
                skips_acl,
                longest,
                #[cfg(feature = "mutants")]
                mutation: None,
            });
    let result = runner.run(&(config, vec(requests::step(), 1..STEPS)), |(config, steps)| {
        sequence(config, &steps).map_err(TestCaseError::fail)
    });
    result.map_err(|why| why.to_string())
}

#[test]
fn core_answers_what_the_judge_says() {
    let judged = Cell::new(0);
    let cases = judge(CASES, 100_000, |config, steps| {
        let mut ensemble = Ensemble::new(config);
        let result = steps.iter().try_for_each(|step| ensemble.step(step)).and_then(|()| ensemble.catch_up());
        judged.set(judged.get() + ensemble.judged as u64);
        result
    });
    println!("{} answers judged", judged.get());
    assert!(judged.get() > cases * 20, "{} answers judged in {cases} sequences", judged.get());
}

/// The judge alone notices each broken rule that concerns an answer or a znode.
#[cfg(feature = "mutants")]
#[test]
fn broken_rules_are_noticed() {
    use quorate_core::Mutation;

    const SEED: u64 = 1;
    let rules = [
        Mutation::OutstandingIgnored,
        Mutation::MultiNotRolledBack,
        Mutation::MultiAppliesPartly,
        Mutation::MultiStopsAtFailure,
        Mutation::PresentAclCounts,
        Mutation::SequenceFromChildren,
        Mutation::CversionNotRaised,
        Mutation::DeleteLeavesPzxid,
        Mutation::VersionNotCompared,
        Mutation::EphemeralsOutliveSession,
        Mutation::CloseSessionSeesTreeOnly,
        Mutation::SizeNotChecked,
        Mutation::ReadBeforeOwnWrite,
        Mutation::ClosingSessionCreates,
        Mutation::AversionNotRaised,
        Mutation::SetDataLeavesTimes,
        Mutation::EphemeralsHaveChildren,
        Mutation::PartsBehindFailAlike,
        Mutation::DeleteAsksZnode,
        Mutation::VersionBeforeAcl,
    ];
    for mutation in rules {
        let result = found(SEED, CASES as u32, 0, |config, steps| {
            let mut ensemble = Ensemble::new(Config { mutation: Some(mutation), ..config });
            steps.iter().try_for_each(|step| ensemble.step(step)).and_then(|()| ensemble.catch_up())
        });
        let why = result.expect_err(&format!("{mutation:?} is not noticed"));
        println!("{mutation:?}: {}", why.lines().next().unwrap_or_default());
    }
}

#[test]
#[ignore = "needs a ZooKeeper server: tests/interop/judge.py"]
fn zookeeper_answers_what_the_judge_says() {
    let address = std::env::var("QUORATE_JUDGE_ZOOKEEPER").expect("the server's address");
    let server = RefCell::new(ZooKeeper::new(address));
    // What the server has become cannot be taken back: nothing is shortened.
    let cases = judge(100, 0, |_, steps| {
        let mut server = server.borrow_mut();
        server.clean()?;
        steps.iter().try_for_each(|step| server.step(step))
    });
    let judged = server.borrow().judged as u64;
    println!("{judged} answers judged");
    assert!(judged > cases * 20, "{judged} answers judged in {cases} sequences");
}
