//! The command line.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{ConfigCommand, Strictness};
use crate::data::{DataCommand, LogCommand, SnapshotCommand};
use crate::error::{EXIT_UNEXPECTED, EXIT_USAGE, Error};
use crate::logging::LogOptions;
use crate::{bench, driver, ensemble, output, panic_hook, service};

/// A coordination service that speaks ZooKeeper's protocols.
#[derive(Debug, Parser)]
#[command(name = "quorate", version, long_version = LONG_VERSION, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    log: LogOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run one server in the foreground, configured by a zoo.cfg.
    Server(ServerArgs),
    /// Start servers in the background; returns when they serve, or says why they do not.
    Start(StartArgs),
    /// Stop servers that run in the background.
    Stop(StopArgs),
    /// Stop servers that run in the background and start them again.
    Restart(RestartArgs),
    /// Have servers that run in the background read their configuration again; their logs say what changed.
    Reload(ServiceArgs),
    /// Print the mode of each server: standalone, leader, follower or observer.
    Status(ServiceArgs),
    /// Run a whole ensemble on this machine, for trying things out and for tests.
    Ensemble(EnsembleArgs),
    /// Measure how fast servers are, and check that every answer is right.
    Bench(bench::BenchArgs),
    /// Which configuration keys there are, and what a zoo.cfg means.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look after a server's data directory.
    #[command(subcommand)]
    Data(DataCommand),
    /// Look into transaction logs.
    #[command(subcommand)]
    Log(LogCommand),
    /// Look into snapshots.
    #[command(subcommand)]
    Snapshot(SnapshotCommand),
}

impl Command {
    /// Commands that examine files say what they find on standard output: a start's warnings about the
    /// same would be said twice.
    fn says_it_all(&self) -> bool {
        matches!(self, Command::Data(_) | Command::Log(_) | Command::Snapshot(_))
    }
}

/// What `quorate server` takes.
#[derive(Debug, clap::Args)]
struct ServerArgs {
    /// The configuration file.
    zoo_cfg: PathBuf,
    /// Refuse to start if anything in the file would be ignored.
    #[arg(long)]
    strict: bool,
    /// Write every step down, in a file of its own in this directory: for `quorate-checks replay`. It
    /// contains everything that clients say, passwords too.
    #[arg(long, value_name = "DIR", env = RECORD)]
    record: Option<PathBuf>,
    /// Stop when standard input ends: how `quorate ensemble` keeps its servers from outliving it.
    #[arg(long, hide = true)]
    stop_on_stdin_eof: bool,
    /// Leave the session, and tell on standard output how far the start has come: for `quorate start`.
    #[arg(long, hide = true)]
    background: bool,
}

/// Which servers a command is about.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ServiceArgs {
    /// The configuration of each server.
    #[arg(required = true)]
    pub(crate) zoo_cfg: Vec<PathBuf>,
    /// The pid file, instead of zookeeper_server.pid in dataDir. One configuration only.
    #[arg(long, value_name = "FILE", env = "ZOOPIDFILE")]
    pub(crate) pid_file: Option<PathBuf>,
}

/// How servers are started.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct StartOptions {
    /// Log to quorate-server-ID.log in this directory, instead of in dataLogDir (or dataDir).
    #[arg(long, value_name = "DIR", env = "ZOO_LOG_DIR")]
    pub(crate) log_dir: Option<PathBuf>,
    /// Write every step down, each server in a file of its own in this directory.
    #[arg(long, value_name = "DIR", env = RECORD)]
    pub(crate) record: Option<PathBuf>,
    /// Fail if a server does not serve after this time. Default: 60 s after start-up for a standalone server
    /// or several servers together. One member of an ensemble gets 5 s, and may wait for a quorum after that.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) wait: Option<u32>,
}

/// How servers are stopped.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct StopOptions {
    /// How long a server may take to end after SIGTERM.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) timeout: u32,
    /// Kill a server that takes longer.
    #[arg(long)]
    pub(crate) force: bool,
}

/// What `quorate start` takes.
#[derive(Debug, clap::Args)]
struct StartArgs {
    #[command(flatten)]
    service: ServiceArgs,
    #[command(flatten)]
    start: StartOptions,
}

/// What `quorate stop` takes.
#[derive(Debug, clap::Args)]
struct StopArgs {
    #[command(flatten)]
    service: ServiceArgs,
    #[command(flatten)]
    stop: StopOptions,
}

/// What `quorate restart` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct RestartArgs {
    #[command(flatten)]
    pub(crate) service: ServiceArgs,
    #[command(flatten)]
    pub(crate) stop: StopOptions,
    #[command(flatten)]
    pub(crate) start: StartOptions,
    /// One server after the other, the leader last, each only when the one before serves again.
    #[arg(long)]
    pub(crate) rolling: bool,
}

impl ServerArgs {
    fn strictness(&self) -> Strictness {
        if self.strict { Strictness::Strict } else { Strictness::AsTheFileSays }
    }
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
    /// Write every step of every server down, for `quorate-checks replay`.
    #[arg(long, value_name = "DIR", env = RECORD)]
    pub(crate) record: Option<PathBuf>,
    /// A further line for every server's zoo.cfg, for example `snapCount=1000`. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

/// What `--version` says; `-V` has the number alone.
const LONG_VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\ncommit ",
    env!("QUORATE_COMMIT"),
    ", built on ",
    env!("QUORATE_BUILT")
);

/// The environment variable that says where servers record their steps.
pub(crate) const RECORD: &str = "QUORATE_RECORD";

/// The exit code of a command that did what it was asked to.
const DONE: u8 = 0;

/// The command line as clap knows it.
#[cfg(test)]
pub(crate) fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// Run the program with the process's arguments.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(help_or_error) => {
            return ExitCode::from(print_help(&help_or_error));
        }
    };
    panic_hook::install();
    cli.log.start(cli.command.says_it_all());
    let result = match cli.command {
        Command::Server(args) => {
            let announcer = args.background.then(service::Announcer::detach);
            let record = args.record.as_deref();
            driver::run(&args.zoo_cfg, args.strictness(), args.stop_on_stdin_eof, record, announcer)
                .map(|()| DONE)
        }
        Command::Start(args) => service::start(&args.service, &args.start, &cli.log),
        Command::Stop(args) => service::stop(&args.service, &args.stop),
        Command::Restart(args) => service::restart(&args, &cli.log),
        Command::Reload(args) => service::reload(&args),
        Command::Status(args) => service::status(&args),
        Command::Ensemble(args) => ensemble::run(&args, &cli.log),
        Command::Bench(args) => bench::run(&args).map(|()| DONE).map_err(Error::from),
        Command::Config(command) => command.run().map(|()| DONE),
        Command::Data(command) => command.run(),
        Command::Log(command) => command.run(),
        Command::Snapshot(command) => command.run(),
    };
    match result {
        Ok(DONE) if output::failed() => ExitCode::from(EXIT_UNEXPECTED),
        Ok(code) => ExitCode::from(code),
        Err(error) => fail(&error),
    }
}

fn fail(error: &Error) -> ExitCode {
    for line in error.to_string().lines() {
        output::complain(line);
    }
    ExitCode::from(error.exit_code())
}

/// Help and version go to standard output, what is wrong with the command line to standard error.
fn print_help(help_or_error: &clap::Error) -> u8 {
    let printed = help_or_error.print();
    if help_or_error.use_stderr() {
        return EXIT_USAGE;
    }
    match printed {
        Err(why) if why.kind() != ErrorKind::BrokenPipe => {
            output::complain(&format!("writing to standard output: {why}"));
            EXIT_UNEXPECTED
        }
        _ => DONE,
    }
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
            &["quorate", "start"],
            &["quorate", "stop", "zoo.cfg", "--timeout", "soon"],
            &["quorate", "status"],
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
