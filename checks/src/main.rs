//! The `quorate-checks` program: runs models and mutants, says what they found.
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr))]

mod again;
mod deep;
mod files;
mod judge;
#[cfg(feature = "mutants")]
mod matrix;
mod mutants;
#[cfg(not(feature = "mutants"))]
mod mutants_build;
mod out;
#[cfg(test)]
mod pages;
mod progress;
mod replay;
mod report;
mod run;
mod simulate;
mod story;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use quorate_spec::models::paxos::tables;
use quorate_spec::models::{Variant, catalogue};

use crate::out::{errln, outln};

#[derive(Parser)]
#[command(name = "quorate-checks", version)]
#[command(about = "Checks Quorate's running core against its properties, exhaustively within bounds")]
#[command(
    after_help = "Exit codes: 0 everything came out as expected; 1 something did not; 2 what was asked for \
                        cannot be done (an unknown name, a file that cannot be written)."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Say which models there are.
    List,
    /// Search models completely, twice: breadth first and with stateright.
    Run(run::Options),
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
    out::code(run(Cli::parse().command))
}

fn run(command: Command) -> ExitCode {
    match command {
        Command::List => {
            for model in catalogue() {
                outln!("{:<12} {}\n{:<12} {}", model.name, model.composes, "", model.bounds);
            }
            ExitCode::SUCCESS
        }
        Command::Run(options) => run::run(&options),
        Command::Explore { name, listen } => match report::model(&name) {
            Ok(model) => match std::net::TcpListener::bind(&listen) {
                Ok(free) => {
                    drop(free);
                    outln!("explore {name} at http://{listen}");
                    for line in report::claims(&model) {
                        outln!("  {line}");
                    }
                    (model.build)(Variant::default()).explore(&listen);
                    ExitCode::SUCCESS
                }
                Err(why) => {
                    errln!("cannot listen on {listen}: {why}");
                    ExitCode::from(2)
                }
            },
            Err(why) => {
                errln!("{why}");
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
