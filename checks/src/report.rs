//! What a person reads: one row per model, a counterexample as a story.

use quorate_spec::models::{Ensemble, ModelSpec};
use quorate_spec::search::{Report, Violation};
use quorate_spec::simulate::{self, Failure};

/// How a search stands, on stderr.
pub(crate) fn progress(report: &Report) {
    eprintln!(
        "  … {} unique, {} generated, depth {}, {:.0}/s",
        report.unique,
        report.generated,
        report.depth,
        report.unique as f64 / report.time.as_secs_f64()
    );
}

/// The headings of [`row`].
pub(crate) fn headings() {
    println!(
        "{:<11} {:>9} {:>10} {:>5} {:>8} {:>7} {:>9} {:>6} {:>6}  verdict",
        "model", "unique", "generated", "depth", "terminal", "s", "states/s", "packed", "memory"
    );
}

/// One model's row: counts, speed, bytes per packed state, bytes of process memory per state.
pub(crate) fn row(model: &ModelSpec, report: &Report, verdict: &str) {
    println!(
        "{:<11} {:>9} {:>10} {:>5} {:>8} {:>7.1} {:>9.0} {:>6} {:>6}  {verdict}",
        model.name,
        report.unique,
        report.generated,
        report.depth,
        report.terminal,
        report.time.as_secs_f64(),
        report.unique as f64 / report.time.as_secs_f64(),
        report.packed,
        peak_memory() / report.unique.max(1),
    );
}

/// The shortest way to the broken state, with every state on it.
pub(crate) fn story(ensemble: &Ensemble, violation: &Violation) {
    let mut world = ensemble.init[violation.init].clone();
    println!(
        "{} is broken after {} steps. At first:\n{world}",
        violation.broken.name(),
        violation.path.len()
    );
    for (step, action) in violation.path.iter().enumerate() {
        println!("  {}. {action}", step + 1);
        let next = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.next(action)));
        match next {
            Ok(next) => world = next,
            Err(_) => break,
        }
        println!("{world}");
    }
}

/// The most memory this process has held, in bytes (0 where the system does not tell).
fn peak_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<usize>().ok());
    kib.unwrap_or(0) * 1024
}

/// The way of a random walk to what is broken: every action, and the states at its end.
pub(crate) fn walk(ensemble: &Ensemble, failure: &Failure) {
    /// How many of the last states are printed.
    const SHOWN: usize = 12;
    let name = failure.broken.name();
    println!("{name} is broken after {} actions:", failure.path.len());
    let hidden = failure.path.len().saturating_sub(SHOWN);
    let mut step = 0;
    simulate::states(ensemble, &failure.path, |action, world| {
        step += 1;
        println!("  {step}. {action}");
        if step > hidden {
            println!("{world}");
        }
    });
}
