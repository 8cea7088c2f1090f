//! The command line.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing::level_filters::LevelFilter;

use crate::error::Error;
use crate::{bench, driver, ensemble, panic_hook};

/// A coordination service that speaks ZooKeeper's protocols.
#[derive(Debug, Parser)]
#[command(name = "quorate", version, propagate_version = true)]
struct Cli {
    /// How much to log to stderr: error, warn, info, debug or trace.
    #[arg(long, global = true, default_value = "info", value_name = "LEVEL")]
    log: LevelFilter,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run one server in the foreground, configured by a zoo.cfg.
    Server(ServerArgs),
    /// Run a whole ensemble on this machine, for trying things out and for tests.
    Ensemble(EnsembleArgs),
    /// Measure how fast servers are, and check that every answer is right.
    Bench(bench::BenchArgs),
}

/// What `quorate server` takes.
#[derive(Debug, clap::Args)]
struct ServerArgs {
    /// The configuration file.
    zoo_cfg: PathBuf,
    /// Stop when standard input ends: how `quorate ensemble` keeps its servers from outliving it.
    #[arg(long, hide = true)]
    stop_on_stdin_eof: bool,
}

/// What `quorate ensemble` takes.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct EnsembleArgs {
    /// Servers that vote.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) voters: u8,
    /// Servers that only watch.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) observers: u8,
    /// The first server's client port; the others follow. Quorum ports begin 707 above it,
    /// election ports 1707 above it (2181: 2888 and 3888).
    #[arg(long, default_value_t = 2181, value_parser = clap::value_parser!(u16).range(1..=63_000))]
    pub(crate) client_port: u16,
    /// Keep the servers' data here; without it a temporary directory is used and removed.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// tickTime of the servers, in milliseconds.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(10..=60_000))]
    pub(crate) tick_time: u32,
    /// A further line for every server's zoo.cfg, for example `snapCount=1000`. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

/// Run the program with the process's arguments.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(help_or_error) => {
            let code = if help_or_error.use_stderr() { crate::error::EXIT_USAGE } else { 0 };
            let _ = help_or_error.print();
            return ExitCode::from(code);
        }
    };
    panic_hook::install();
    start_logging(cli.log);
    let result = match cli.command {
        Command::Server(args) => driver::run(&args.zoo_cfg, args.stop_on_stdin_eof),
        Command::Ensemble(args) => ensemble::run(&args, cli.log),
        Command::Bench(args) => bench::run(&args).map_err(Error::from),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &Error) -> ExitCode {
    for line in error.to_string().lines() {
        eprintln!("quorate: {line}");
    }
    ExitCode::from(error.exit_code())
}

fn start_logging(level: LevelFilter) {
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn bad_usage_is_refused() {
        for words in [
            &["quorate"][..],
            &["quorate", "serve"],
            &["quorate", "server"],
            &["quorate", "ensemble", "--voters", "0"],
            &["quorate", "ensemble", "--client-port", "70000"],
            &["quorate", "server", "zoo.cfg", "--log", "loud"],
        ] {
            let error = Cli::try_parse_from(words).unwrap_err();
            assert!(error.use_stderr(), "{words:?}");
        }
    }

    #[test]
    fn the_defaults_are_three_voters_and_an_observer() {
        let cli = Cli::try_parse_from(["quorate", "ensemble"]).unwrap();
        let Command::Ensemble(args) = cli.command else { panic!("{cli:?}") };
        assert_eq!((args.voters, args.observers, args.client_port), (3, 1, 2181));
    }
}
