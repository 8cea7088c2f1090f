//! The `quorate-checks` program: runs models and mutants, says what they found.

mod mutants;
mod report;
mod simulate;

use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, Subcommand};
use quorate_spec::models::{ModelSpec, Variant, catalogue};
use quorate_spec::search::{Limits, breadth_first};
use stateright::{Checker, Model};

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
    },
    /// Explore a model in the browser.
    Explore {
        /// The model's name.
        name: String,
        /// Where to listen.
        #[arg(long, default_value = "127.0.0.1:3000")]
        listen: String,
    },
    /// Break rules, one at a time, and see which property notices.
    Mutants {
        /// Only the mutants whose name contains this.
        name: Option<String>,
    },
    /// Walk ensembles at random that are too large to be searched.
    Simulate(simulate::Options),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::List => {
            for model in catalogue() {
                println!("{:<11} {}\n{:<11} {}", model.name, model.composes, "", model.bounds);
            }
            ExitCode::SUCCESS
        }
        Command::Run { name, states, salt } => run(name.as_deref().unwrap_or(""), Limits { states }, salt),
        Command::Explore { name, listen } => match catalogue().into_iter().find(|m| m.name == name) {
            Some(model) => {
                println!("explore {name} at http://{listen}");
                (model.build)(Variant::default()).checker().serve(listen);
                ExitCode::SUCCESS
            }
            None => {
                eprintln!("there is no model '{name}'; `quorate-checks list` names them");
                ExitCode::from(2)
            }
        },
        Command::Simulate(options) => simulate::run(&options),
        Command::Mutants { name } => mutants::run(name.as_deref().unwrap_or("")),
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
        let ensemble = (model.build)(variant);
        let found = breadth_first(&ensemble, limits, report::progress);
        unique += found.unique;
        let verdict = if let Some(violation) = &found.violation {
            Err(format!("{} BROKEN", violation.broken.name()))
        } else if !found.exhausted {
            Err(format!("CUT after {} states", found.unique))
        } else if !found.unreached.is_empty() {
            Err(format!("NOT REACHED: {}", found.unreached.join(", ")))
        } else if found.unique != model.unique {
            Err(format!("exhausted, but {} states are expected", model.unique))
        } else {
            second_opinion(model, variant)
        };
        bad += usize::from(verdict.is_err());
        report::row(model, &found, &verdict.unwrap_or_else(|bad| bad));
        if let Some(violation) = &found.violation {
            report::story(&ensemble, violation);
        }
    }
    let end = if bad == 0 { "all hold within these bounds".into() } else { format!("{bad} did not pass") };
    println!(
        "{} models, {unique} unique states, {:.0} s: {end}",
        chosen.len(),
        started.elapsed().as_secs_f64()
    );
    if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether stateright, searching depth first, comes to the same count and verdict.
fn second_opinion(model: &ModelSpec, variant: Variant) -> Result<String, String> {
    let checker = (model.build)(variant).checker().spawn_dfs().join();
    let broken: Vec<&str> = checker.discoveries().into_keys().collect();
    if !broken.is_empty() {
        Err(format!("stateright finds {} broken", broken.join(", ")))
    } else if checker.unique_state_count() != model.unique {
        Err(format!("stateright counts {}", checker.unique_state_count()))
    } else {
        Ok("exhausted, all hold; stateright agrees".into())
    }
}
