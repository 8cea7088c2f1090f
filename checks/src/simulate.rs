//! `simulate`: random walks, one seed after the other, until enough steps were made or one fails.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use quorate_spec::models::Variant;
use quorate_spec::simulate::{Failure, Plan, Walk, shrink, story};

use crate::out::{errln, outln};
use crate::report;

/// How far and from where to walk.
#[derive(Args)]
pub(crate) struct Options {
    /// Voters.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=9))]
    servers: u8,
    /// The seed of the first walk; the next ones have the next numbers. Without it, a new one.
    #[arg(long)]
    seed: Option<u64>,
    /// Begin no more walks after this number of steps. One walk if there is a seed and no number.
    #[arg(long)]
    steps: Option<u64>,
    /// Actions in a walk before its faults stop.
    #[arg(long, default_value_t = 4000)]
    length: usize,
    /// Walks at a time.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Write the story of a failing walk to this file: .html, .svg, or text.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Break rules, one at a time, and walk until something notices.
    #[arg(long)]
    mutants: bool,
}

/// Actions in which an ensemble has to heal. Orders of magnitude more than it takes.
const HEAL: usize = 200_000;
/// Steps, where the command line has no number.
const STEPS: u64 = 10_000_000;
/// Steps for each broken rule, where the command line has no number.
const MUTANT_STEPS: u64 = 2_000_000;
/// Actions at the end of a walk that are told, if it does not get shorter than that.
const TOLD: usize = 60;
/// Attempts to shorten a failing walk.
const SHRINK: usize = 20_000;

#[derive(Default)]
struct Sum {
    walks: u64,
    steps: u64,
    faults: u64,
    epochs: u64,
    delivered: u64,
    discarded: u64,
    failure: Option<(u64, Failure)>,
}

impl Sum {
    fn add(&mut self, seed: u64, walk: Walk) {
        self.walks += 1;
        self.steps += walk.steps;
        self.faults += walk.faults;
        self.epochs += walk.epochs;
        self.delivered += walk.delivered;
        self.discarded += walk.discarded;
        if let Some(failure) = walk.failure {
            // The one that is found again first.
            if self.failure.as_ref().is_none_or(|(known, _)| seed < *known) {
                self.failure = Some((seed, failure));
            }
        }
    }
}

pub(crate) fn run(options: &Options) -> ExitCode {
    if options.mutants {
        return mutants(options);
    }
    let plan = Plan {
        servers: usize::from(options.servers),
        chaos: options.length,
        heal: HEAL,
        variant: Variant::default(),
    };
    let first = options.seed.unwrap_or_else(|| fastrand::u64(..1 << 32));
    let enough = options.steps.unwrap_or(if options.seed.is_some() { 1 } else { STEPS });
    let started = Instant::now();
    let next = AtomicU64::new(first);
    let stop = AtomicBool::new(false);
    let sum = Mutex::new((Sum::default(), started));
    // A panic inside a step is a finding of the walk, not of the process.
    std::panic::set_hook(Box::new(|_| {}));
    std::thread::scope(|scope| {
        for _ in 0..options.threads.max(1) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let walk = plan.walk(seed);
                    let (sum, said) = &mut *sum.lock().expect("no walk panics");
                    sum.add(seed, walk);
                    if sum.failure.is_some() || sum.steps >= enough {
                        stop.store(true, Ordering::Relaxed);
                    }
                    if said.elapsed() > Duration::from_secs(5) {
                        *said = Instant::now();
                        progress(sum, started.elapsed());
                    }
                }
            });
        }
    });
    let (sum, _) = sum.into_inner().expect("no walk panics");
    let seconds = started.elapsed().as_secs_f64();
    let last = first + sum.walks - 1;
    outln!("{} servers, seeds {first} to {last}, {} actions and healing each", plan.servers, plan.chaos);
    outln!(
        "{} walks, {} steps ({:.1} million a minute), {} faults, {} epochs, {} delivered, {} discarded",
        sum.walks,
        sum.steps,
        sum.steps as f64 / seconds * 60.0 / 1e6,
        sum.faults,
        sum.epochs,
        sum.delivered,
        sum.discarded
    );
    match sum.failure {
        None => {
            outln!("every property held after every step; every ensemble healed");
            ExitCode::SUCCESS
        }
        Some((seed, failure)) => {
            tell(options, &plan, seed, &failure);
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(feature = "mutants"))]
fn mutants(options: &Options) -> ExitCode {
    let servers = options.servers.to_string();
    let length = options.length.to_string();
    let seed = options.seed.unwrap_or(1).to_string();
    let steps = options.steps.unwrap_or(MUTANT_STEPS).to_string();
    crate::mutants_build::in_mutants_build(&[
        "simulate",
        "--mutants",
        "--servers",
        &servers,
        "--length",
        &length,
        "--seed",
        &seed,
        "--steps",
        &steps,
    ])
}

/// One line for each broken rule: what noticed it, in which walk. Which of them chance finds is told,
/// not required: `mutants` is what requires it, of the models.
#[cfg(feature = "mutants")]
fn mutants(options: &Options) -> ExitCode {
    use quorate_spec::mutants::MUTANTS;
    std::panic::set_hook(Box::new(|_| {}));
    let (first, enough) = (options.seed.unwrap_or(1), options.steps.unwrap_or(MUTANT_STEPS));
    let (mut found, mut missed) = (0, 0);
    for mutant in MUTANTS {
        let plan = Plan {
            servers: usize::from(options.servers),
            chaos: options.length,
            heal: HEAL,
            variant: Variant::broken(mutant.mutation),
        };
        let (mut seed, mut steps) = (first, 0);
        let failure = loop {
            let walk = plan.walk(seed);
            steps += walk.steps;
            if walk.failure.is_some() || steps >= enough {
                break walk.failure;
            }
            seed += 1;
        };
        let label = format!("{:?}", mutant.mutation);
        match failure {
            Some(failure) => {
                found += 1;
                let short = shrink(&plan.ensemble(seed), &failure, SHRINK / 10);
                let name = short.broken.name();
                outln!(
                    "{label:<24} found by {name} after {steps} steps (seed {seed}, {} actions)",
                    short.path.len()
                );
            }
            None => {
                missed += 1;
                outln!("{label:<24} not found in {steps} steps");
            }
        }
    }
    outln!("{found} found by chance, {missed} not");
    ExitCode::SUCCESS
}

fn tell(options: &Options, plan: &Plan, seed: u64, failure: &Failure) {
    let name = failure.broken.name();
    outln!("seed {seed}: {name} is broken after {} actions; making that shorter", failure.path.len());
    let ensemble = plan.ensemble(seed);
    let short = shrink(&ensemble, failure, SHRINK);
    let mut story = story(&ensemble, &short, TOLD);
    story.again =
        format!("quorate-checks simulate --servers {} --length {} --seed {seed}", plan.servers, plan.chaos);
    let text = report::formatted(&story, options.out.as_deref());
    if let Err(why) = report::deliver(&text, options.out.as_deref()) {
        errln!("{why}");
    }
}

fn progress(sum: &Sum, time: Duration) {
    let rate = sum.steps as f64 / time.as_secs_f64() * 60.0 / 1e6;
    errln!(
        "  … {} walks, {} steps, {rate:.1} million a minute, {} faults, {} delivered",
        sum.walks,
        sum.steps,
        sum.faults,
        sum.delivered
    );
}
