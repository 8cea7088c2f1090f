//! The judge beside core's whole way of a request: random clients of a leader and a learner, for long.
//!
//! `QUORATE_JUDGE_SEED` repeats a run, `QUORATE_JUDGE_CASES` makes it longer.

mod ensemble;
mod requests;

use std::time::{SystemTime, UNIX_EPOCH};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config as Runs, RngAlgorithm, TestRng, TestRunner};

use ensemble::{Config, Ensemble};

/// So many sequences, where nothing else is asked for.
const CASES: u64 = 1200;
/// So many steps in a sequence.
const STEPS: usize = 250;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

#[test]
fn core_answers_what_the_judge_says() {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos() as u64);
    let seed = number("QUORATE_JUDGE_SEED").unwrap_or_else(now);
    let cases = number("QUORATE_JUDGE_CASES").unwrap_or(CASES);
    println!("QUORATE_JUDGE_SEED={seed} QUORATE_JUDGE_CASES={cases}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let runs =
        Runs { cases: cases as u32, failure_persistence: None, max_shrink_iters: 100_000, ..Runs::default() };
    let mut runner = TestRunner::new_with_rng(runs, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let config =
        (any::<bool>(), prop::bool::weighted(0.1), prop_oneof![4 => Just(1 << 20), 1 => 120..300usize])
            .prop_map(|(has_ttl, skips_acl, longest)| Config { has_ttl, skips_acl, longest });
    let judged = std::cell::Cell::new(0);
    let result = runner.run(&(config, vec(requests::step(), 1..STEPS)), |(config, steps)| {
        let mut ensemble = Ensemble::new(config);
        for step in &steps {
            ensemble.step(step).map_err(TestCaseError::fail)?;
        }
        ensemble.catch_up().map_err(TestCaseError::fail)?;
        judged.set(judged.get() + ensemble.judged);
        Ok(())
    });
    if let Err(why) = result {
        panic!("QUORATE_JUDGE_SEED={seed}: {why}");
    }
    println!("{} answers judged", judged.get());
    assert!(judged.get() as u64 > cases * 20, "{} answers judged in {cases} sequences", judged.get());
}
