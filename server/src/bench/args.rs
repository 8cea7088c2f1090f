//! The command line of `quorate bench`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};

use super::server::Server;

/// What `quorate bench` takes.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    pub(super) mode: Mode,
}

/// What is measured.
#[derive(Debug, Subcommand)]
pub(super) enum Mode {
    /// Reads and writes over many connections: throughput, latency, processor time per operation.
    Load(LoadArgs),
    /// Makes many znodes by multis of 100: how many per second, and the memory of each.
    Fill(FillArgs),
    /// Opens many sessions that do nothing but ping: how many per second, memory and processor time of each.
    Sessions(SessionsArgs),
    /// Many sessions watch one znode: the time from its change to the last event.
    Watch(WatchArgs),
    /// Writes while the leader is killed: the longest time without an acknowledged write, and whether one is
    /// lost.
    Failover(FailoverArgs),
    /// Starts a server and waits for its first right answer.
    Ready(ReadyArgs),
    /// Starts an ensemble of its own, lets faults happen, and judges what clients were told.
    Chaos(ChaosArgs),
    /// Runs the floor: a server without any state that answers the frames of the other modes.
    Null(NullArgs),
}

impl Mode {
    /// Where the figures are wanted as JSON.
    pub(super) fn json(&self) -> Option<&Path> {
        let common = match self {
            Mode::Load(args) => &args.common,
            Mode::Fill(args) => &args.common,
            Mode::Sessions(args) => &args.common,
            Mode::Watch(args) => &args.common,
            Mode::Failover(args) => &args.common,
            Mode::Ready(args) => &args.common,
            Mode::Chaos(_) | Mode::Null(_) => return None,
        };
        common.json.as_deref()
    }
}

/// What every mode takes.
#[derive(Clone, Debug, Args)]
pub(super) struct Common {
    /// The servers; connections are spread over them evenly.
    #[arg(long, value_name = "HOST:PORT,…", value_delimiter = ',', default_value = "127.0.0.1:2181")]
    pub(super) servers: Vec<Server>,
    /// Write the figures as JSON to a file; `-`: to stdout, in place of the text.
    #[arg(long, value_name = "FILE|-")]
    pub(super) json: Option<PathBuf>,
    /// The session timeout that is asked for.
    #[arg(long, default_value = "30s", value_parser = duration)]
    pub(super) session_timeout: Duration,
}

/// Whose processes are looked at.
#[derive(Clone, Debug, Args)]
pub(super) struct Processes {
    /// The servers' processes, if they run on this machine: their processor time and memory are reported.
    #[arg(long, value_name = "PID,…", value_delimiter = ',')]
    pub(super) server_pid: Vec<u32>,
}

/// Where the znodes are.
#[derive(Clone, Debug, Args)]
pub(super) struct Place {
    /// The znode below which the run's znodes are made. It must not exist, unless an earlier run has left it.
    #[arg(long, value_name = "PATH", default_value = "/bench", value_parser = path)]
    pub(super) path: String,
    /// Leave the znodes there.
    #[arg(long)]
    pub(super) keep: bool,
}

/// What `quorate bench load` takes.
#[derive(Clone, Debug, Args)]
pub(super) struct LoadArgs {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(flatten)]
    pub(super) processes: Processes,
    #[command(flatten)]
    pub(super) place: Place,
    /// Connections, each with a session of its own.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    pub(super) connections: u32,
    /// Requests a connection may have outstanding.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) window: u32,
    /// Percent of the requests that read; the others write.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(super) read_ratio: u8,
    /// Bytes of a value.
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub(super) value_size: u32,
    /// Znodes, of which each request takes one at random.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub(super) keys: u64,
    /// How long is measured.
    #[arg(long, default_value = "10s", value_parser = duration)]
    pub(super) duration: Duration,
    /// How long the load runs before that.
    #[arg(long, default_value = "2s", value_parser = duration_or_none)]
    pub(super) warmup: Duration,
    /// Requests per second, all connections together, sent whether or not the servers keep up. Latency counts
    /// from the time a request was due. Without this option each answer is followed by a request.
    #[arg(long, value_name = "OPS", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub(super) rate: Option<u64>,
    /// Client threads, which share the connections.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(super) threads: u32,
    /// The choice of keys and of reads and writes repeats for the same number.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
}

/// What `quorate bench fill` takes.
#[derive(Clone, Debug, Args)]
pub(super) struct FillArgs {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(flatten)]
    pub(super) processes: Processes,
    #[command(flatten)]
    pub(super) place: Place,
    /// How many znodes.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub(super) znodes: u64,
    /// Bytes of a value.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub(super) value_size: u32,
}

/// What `quorate bench sessions` takes.
#[derive(Clone, Debug, Args)]
pub(super) struct SessionsArgs {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(flatten)]
    pub(super) processes: Processes,
    /// How many sessions, each on a connection of its own.
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    pub(super) sessions: u32,
    /// Sessions that are being opened at a time.
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    pub(super) in_flight: u32,
    /// How long they are left idle but for pings.
    #[arg(long, default_value = "10s", value_parser = duration)]
    pub(super) duration: Duration,
    /// How often each of them pings.
    #[arg(long, default_value = "5s", value_parser = duration)]
    pub(super) ping_interval: Duration,
}

/// What `quorate bench watch` takes.
#[derive(Clone, Debug, Args)]
pub(super) struct WatchArgs {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(flatten)]
    pub(super) processes: Processes,
    #[command(flatten)]
    pub(super) place: Place,
    /// How many sessions watch.
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    pub(super) sessions: u32,
    /// How often the znode is set.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) repeats: u32,
    /// Bytes of its value.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(16..=1_000_000))]
    pub(super) value_size: u32,
}

/// What `quorate bench failover` takes.
#[derive(Clone, Debug, Args)]
pub(super) struct FailoverArgs {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(flatten)]
    pub(super) place: Place,
    /// A server's process: whichever server leads, its process is killed (SIGKILL). Repeat it for every
    /// server. Without any nothing is killed, and the longest gap is reported all the same.
    #[arg(long = "pid", value_name = "HOST:PORT=PID", value_parser = server_process)]
    pub(super) pids: Vec<ServerProcess>,
    /// How long writes go on before the leader is killed.
    #[arg(long, default_value = "2s", value_parser = duration)]
    pub(super) kill_after: Duration,
    /// How long writes go on after that, at least.
    #[arg(long, default_value = "5s", value_parser = duration)]
    pub(super) duration: Duration,
    /// Bytes of a value.
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub(super) value_size: u32,
}

/// What `quorate bench ready` takes.
#[derive(Clone, Debug, Args)]
pub(super) struct ReadyArgs {
    #[command(flatten)]
    pub(super) common: Common,
    /// How long the server may take.
    #[arg(long, default_value = "2m", value_parser = duration)]
    pub(super) timeout: Duration,
    /// How many znodes `fill --keep` has made: the answer is right only if the last of them is there. 0: any
    /// session will do.
    #[arg(long, default_value_t = 0)]
    pub(super) znodes: u64,
    /// Where they are.
    #[arg(long, value_name = "PATH", default_value = "/bench", value_parser = path)]
    pub(super) path: String,
    /// Bytes of their values.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub(super) value_size: u32,
    /// The command that starts the server and stays until it ends, and its arguments: everything that
    /// follows. It is ended (SIGTERM) once it has answered.
    #[arg(long, required = true, num_args = 1.., allow_hyphen_values = true, value_name = "COMMAND")]
    pub(super) exec: Vec<OsString>,
}

/// What `quorate bench chaos` takes.
#[derive(Clone, Debug, Args)]
pub(super) struct ChaosArgs {
    /// How many servers, all of which vote.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=9))]
    pub(super) servers: u8,
    /// How many clients, each with a session of its own.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(super) clients: u8,
    /// Requests per second, all clients together, at most. Everything is recorded.
    #[arg(long, value_name = "OPS", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub(super) rate: Option<u64>,
    /// How long there are faults, in seconds.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub(super) seconds: u32,
    /// Go on after that until this number of requests were answered.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    #[arg(value_parser = clap::value_parser!(u64).range(..=1_000_000_000))]
    pub(super) operations: u64,
    /// Chooses the faults. What comes of them depends on the machine too.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// Keep data, logs and recordings in this empty directory, also if nothing is wrong.
    #[arg(long, value_name = "DIR")]
    pub(super) keep: Option<PathBuf>,
    /// Fill no disks, and keep the servers' data where the recordings are.
    #[arg(long)]
    pub(super) no_full_disks: bool,
    /// Do not have `quorate-checks`, if it is beside this program, judge what the servers recorded.
    #[arg(long)]
    pub(super) no_replay: bool,
}

/// What `quorate bench null` takes.
#[derive(Clone, Debug, Args)]
pub(super) struct NullArgs {
    /// The port of 127.0.0.1 to listen on.
    #[arg(long, default_value_t = 2181)]
    pub(super) port: u16,
    /// Bytes of the values that are answered: as in the mode that asks.
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub(super) value_size: u32,
    /// Append writes to a file here, and sync it before they are answered.
    #[arg(long, value_name = "DIR")]
    pub(super) durable: Option<PathBuf>,
    /// Be one of these servers, by their ports. The first leads; each needs its own DIR.
    #[arg(long, value_name = "PORT,…", value_delimiter = ',', requires = "durable")]
    pub(super) quorum: Vec<u16>,
}

/// A server and its process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ServerProcess {
    /// The server.
    pub(super) server: Server,
    /// The server's process.
    pub(super) pid: i32,
}

fn server_process(typed: &str) -> Result<ServerProcess, String> {
    let (server, pid) = typed.rsplit_once('=').ok_or("expected HOST:PORT=PID")?;
    // 1 and below are no server but everything.
    let pid = pid.parse().ok().filter(|pid| *pid > 1).ok_or("the process must be a number above 1")?;
    Ok(ServerProcess { server: server.parse()?, pid })
}

/// A length of time: `10s`, `1.5s`, `300ms`, `2m`, or a number of seconds. Not 0.
pub(super) fn duration(typed: &str) -> Result<Duration, String> {
    duration_or_none(typed).and_then(|duration| {
        if duration.is_zero() { Err("must be longer than 0".to_owned()) } else { Ok(duration) }
    })
}

/// A length of time as [`duration`] takes it, or 0. At most a day.
pub(super) fn duration_or_none(typed: &str) -> Result<Duration, String> {
    let digits = typed.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(typed.len());
    let (number, unit) = typed.split_at(digits);
    let unit = match unit {
        "ms" => 0.001,
        "s" | "" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err("the units are ms, s, m and h".to_owned()),
    };
    let seconds =
        number.parse::<f64>().map_err(|_| "expected a number and a unit, as in 10s".to_owned())? * unit;
    if !(0.0..=86_400.0).contains(&seconds) {
        return Err("must be between 0 and a day".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// A path that can be a parent.
fn path(typed: &str) -> Result<String, String> {
    let good = typed.starts_with('/')
        && typed.len() > 1
        && typed[1..].split('/').all(|name| !matches!(name, "" | "." | ".."))
        && typed.split('/').nth(1) != Some("zookeeper");
    if good { Ok(typed.to_owned()) } else { Err("expected an absolute path, as in /bench".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (typed, ms) in [("10s", 10_000), ("2", 2_000), ("1.5s", 1_500), ("300ms", 300), ("2m", 120_000)] {
            assert_eq!(duration(typed), Ok(Duration::from_millis(ms)), "{typed}");
        }
        assert_eq!(duration_or_none("0"), Ok(Duration::ZERO));
        for wrong in ["", "0s", "-1s", "s", "10 s", "1w", "NaN", "inf", "1e9s", "25h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn processes() {
        assert_eq!(server_process("127.0.0.1:2181=77").map(|found| found.pid), Ok(77));
        for wrong in
            ["127.0.0.1:2181", "127.0.0.1=77", "127.0.0.1:2181=1", "127.0.0.1:2181=-1", "127.0.0.1:2181="]
        {
            assert!(server_process(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn paths() {
        for good in ["/bench", "/a/b"] {
            assert_eq!(path(good), Ok(good.to_owned()));
        }
        for wrong in ["", "/", "bench", "/bench/", "//", "/a//b", "/a/../b", "/zookeeper", "/zookeeper/x"] {
            assert!(path(wrong).is_err(), "{wrong}");
        }
    }
}
