//! What a person reads: one row per model, a counterexample as a story.

use quorate_spec::liveness::Lasso;
use quorate_spec::models::paxos::tables::Cost;
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
        "{:<12} {:>9} {:>10} {:>5} {:>8} {:>7} {:>9} {:>6} {:>6}  verdict",
        "model", "unique", "generated", "depth", "terminal", "s", "states/s", "packed", "memory"
    );
}

/// One model's row: counts, speed, bytes per packed state, bytes of process memory per state.
pub(crate) fn row(model: &ModelSpec, report: &Report, verdict: &str) {
    println!(
        "{:<12} {:>9} {:>10} {:>5} {:>8} {:>7.1} {:>9.0} {:>6} {:>6}  {verdict}",
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
pub(crate) fn story(violation: &Violation) {
    let steps = violation.path.len();
    println!("{} is broken after {steps} steps. At first:\n{}", violation.broken.name(), violation.states[0]);
    for (step, action) in violation.path.iter().enumerate() {
        println!("  {}. {action}", step + 1);
        if let Some(state) = violation.states.get(step + 1) {
            println!("{state}");
        }
    }
}

/// The way into a cycle that decides nothing.
pub(crate) fn lasso(lasso: &Lasso) {
    println!("Nothing is decided on this way:");
    for (step, action) in lasso.stem.iter().enumerate() {
        println!("  {}. {action}", step + 1);
    }
    println!("and in this cycle, which begins and ends in the state\n{}", lasso.state);
    for (step, action) in lasso.cycle.iter().enumerate() {
        println!("  {}. {action}", step + 1);
    }
}

/// What protocols cost, side by side.
pub(crate) fn costs(costs: &[Cost]) {
    println!("3 servers, nothing lost; messages between servers; a round trip is two delays\n");
    println!("{:<44} {:>8} {:>9} {:>12} {:>9}", "", "commands", "messages", "until", "until all");
    println!("{:<44} {:>8} {:>9} {:>12} {:>9}", "", "", "each", "answered", "know");
    for cost in costs {
        println!(
            "{:<44} {:>8} {:>9} {:>8} d.  {:>6} d.",
            cost.what,
            cost.commands,
            cost.messages / cost.commands.max(1),
            cost.answered,
            cost.everybody
        );
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
