//! The `quorate-checks` program: runs models and mutants, says what they found.

mod deep;
#[cfg(feature = "mutants")]
mod matrix;
mod mutants;
mod replay;
mod report;
mod simulate;
mod story;

use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, Subcommand};
use quorate_spec::models::paxos::tables;
use quorate_spec::models::{Expected, ModelSpec, Variant, catalogue};
use quorate_spec::search::{Limits, Progress, Report};

#[derive(Parser)]
#[command(name = "quorate-checks", version)]
#[command(about = "Checks Quorate's running core against its properties, exhaustively within bounds")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Say which models there are.
    List,
    /// Search models completely, twice: breadth first and with stateright.
    Run {
        /// Only the models whose name contains this.
        name: Option<String>,
        /// Stop the first search after this many states; the verdict is then "cut".
        #[arg(long)]
        states: Option<usize>,
        /// Goes into every fingerprint: equal counts under two salts make a collision unlikely.
        #[arg(long, default_value_t = 0)]
        salt: u64,
        #[command(flatten)]
        deep: deep::Options,
    },
    /// Explore a model in the browser.
    Explore {
        /// The model's name.
        name: String,
        /// Where to listen.
        #[arg(long, default_value = "127.0.0.1:3000")]
        listen: String,
    },
    /// Tell a way through a model: to what is broken, into a livelock, or to what must be reachable.
    Story(story::Options),
    /// Count messages and delays of Paxos, multi-Paxos and ZAB, in runs of their models.
    Compare,
    /// Break rules, one at a time, and see which property notices.
    Mutants(mutants::Options),
    /// Run recordings of real servers again, and judge what all of them did together.
    Replay(replay::Options),
    /// Walk ensembles at random that are too large to be searched.
    Simulate(simulate::Options),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::List => {
            for model in catalogue() {
                println!("{:<12} {}\n{:<12} {}", model.name, model.composes, "", model.bounds);
            }
            ExitCode::SUCCESS
        }
        Command::Run { name, salt, deep, .. } if deep.deep => {
            deep::run(name.as_deref().unwrap_or(""), salt, &deep)
        }
        Command::Run { name, states, salt, .. } => {
            run(name.as_deref().unwrap_or(""), Limits { states, past_violation: false }, salt)
        }
        Command::Explore { name, listen } => match catalogue().into_iter().find(|m| m.name == name) {
            Some(model) => {
                println!("explore {name} at http://{listen}");
                (model.build)(Variant::default()).explore(&listen);
                ExitCode::SUCCESS
            }
            None => {
                eprintln!("there is no model '{name}'; `quorate-checks list` names them");
                ExitCode::from(2)
            }
        },
        Command::Compare => {
            report::costs(&tables::costs());
            ExitCode::SUCCESS
        }
        Command::Story(options) => story::run(&options),
        Command::Replay(options) => replay::run(&options),
        Command::Simulate(options) => simulate::run(&options),
        Command::Mutants(options) => mutants::run(&options),
    }
}

fn run(name: &str, limits: Limits, salt: u64) -> ExitCode {
    let started = Instant::now();
    let variant = Variant::salted(salt);
    let models = catalogue();
    let chosen: Vec<&ModelSpec> = models.iter().filter(|m| m.name.contains(name)).collect();
    if chosen.is_empty() {
        eprintln!("no model's name contains '{name}'");
        return ExitCode::from(2);
    }
    report::headings();
    let (mut bad, mut unique) = (0, 0);
    for model in &chosen {
        let subject = (model.build)(variant);
        let past_violation = matches!(model.expected, Expected::Violates(..));
        let found = subject.search(Limits { past_violation, ..limits }, &mut report::progress);
        unique += found.unique;
        let progress = found.exhausted.then(|| subject.progress()).flatten();
        let verdict = first_opinion(model, &found, progress.as_ref())
            .and_then(|verdict| second_opinion(model, variant).map(|agrees| format!("{verdict}; {agrees}")));
        report::row(model, &found, verdict.as_ref().unwrap_or_else(|bad| bad));
        let told = chosen.len() == 1 || verdict.is_err();
        bad += usize::from(verdict.is_err());
        if let Some(violation) = found.violation.as_ref().filter(|_| told) {
            report::story(model.name, &*subject, &violation.indices);
        }
        if let Some(lasso) = progress.and_then(|p| p.lasso).filter(|_| told) {
            report::story(model.name, &*subject, &lasso.indices);
        }
    }
    let end = if bad == 0 {
        "all came out as expected within these bounds".into()
    } else {
        format!("{bad} did not pass")
    };
    println!(
        "{} models, {unique} unique states, {:.0} s: {end}",
        chosen.len(),
        started.elapsed().as_secs_f64()
    );
    if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What the breadth-first search and the graph show, if it is what must come out.
fn first_opinion(model: &ModelSpec, found: &Report, progress: Option<&Progress>) -> Result<String, String> {
    let verdict = match (model.expected, &found.violation) {
        (Expected::Violates(property, steps), Some(v)) if v.broken.name() == property => {
            if v.path.len() != steps {
                return Err(format!("{property} violated in {} steps, {steps} are expected", v.path.len()));
            }
            format!("violated as expected: {property} in {steps} steps")
        }
        (_, Some(v)) => return Err(format!("{} BROKEN", v.broken.name())),
        (Expected::Violates(property, _), None) => return Err(format!("{property} NOT VIOLATED")),
        (Expected::Holds | Expected::Livelock(..), None) => "exhausted, all hold".into(),
    };
    if !found.exhausted {
        return Err(format!("CUT after {} states", found.unique));
    }
    if !found.unreached.is_empty() {
        return Err(format!("NOT REACHED: {}", found.unreached.join(", ")));
    }
    if found.unique != model.unique {
        return Err(format!("exhausted, but {} states are expected", model.unique));
    }
    let Some(progress) = progress else { return Ok(verdict) };
    if progress.hopeless > 0 {
        return Err(format!("no way to a decision from {} states", progress.hopeless));
    }
    match (model.expected, &progress.lasso) {
        (Expected::Livelock(stem, cycle), Some(lasso)) => {
            let found = (lasso.stem.len(), lasso.cycle.len());
            match found == (stem, cycle) {
                true => Ok(format!(
                    "livelock as expected: {stem} steps, then a cycle of {cycle} without a decision"
                )),
                false => Err(format!("livelock of {found:?} steps, {:?} are expected", (stem, cycle))),
            }
        }
        (Expected::Livelock(..), None) => Err("NO LIVELOCK".into()),
        _ if progress.avoidable => Err("a decision can be AVOIDED".into()),
        _ => Ok(format!("{verdict}, every way decides")),
    }
}

/// Whether stateright, searching depth first, comes to the same count and verdict.
fn second_opinion(model: &ModelSpec, variant: Variant) -> Result<&'static str, String> {
    let (broken, unique) = (model.build)(variant).second_opinion();
    let violates = match model.expected {
        Expected::Violates(property, _) => Some(property),
        Expected::Holds | Expected::Livelock(..) => None,
    };
    // What else is violated in states beyond, stateright finds as well.
    if violates.is_some_and(|property| !broken.contains(&property)) {
        Err("stateright finds NO VIOLATION".into())
    } else if violates.is_none() && !broken.is_empty() {
        Err(format!("stateright finds {} broken", broken.join(", ")))
    } else if unique != model.unique {
        Err(format!("stateright counts {unique}"))
    } else {
        Ok("stateright agrees")
    }
}
