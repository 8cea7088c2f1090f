//! The figures of a run, as text and as JSON.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::failure::Failure;
use super::machine::{self, QUIET, Spent};

/// The longest latency that is told apart, in ns: an hour.
const LONGEST: u64 = 3_600_000_000_000;
/// The shortest, in ns.
const SHORTEST: u64 = 100;

/// Latencies in ns; 3 digits.
pub(super) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(SHORTEST, LONGEST, 3).expect("these bounds are right")
}

/// Latencies of one kind of request, in µs.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Latency {
    /// How many requests were measured.
    pub(super) count: u64,
    /// Requests per second.
    pub(super) throughput: f64,
    /// The mean latency.
    pub(super) mean_us: f64,
    /// Half are not longer.
    pub(super) p50_us: f64,
    /// 90 % are not longer.
    pub(super) p90_us: f64,
    /// 99 % are not longer.
    pub(super) p99_us: f64,
    /// 99.9 % are not longer.
    pub(super) p999_us: f64,
    /// The longest latency.
    pub(super) max_us: f64,
}

impl Latency {
    /// The latency of what was recorded in `seconds` seconds; none if there is nothing.
    pub(super) fn of(histogram: &Histogram<u64>, seconds: f64) -> Option<Latency> {
        let at = |share: f64| us(histogram.value_at_quantile(share));
        (!histogram.is_empty()).then(|| Latency {
            count: histogram.len(),
            throughput: histogram.len() as f64 / seconds,
            mean_us: histogram.mean() / 1e3,
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: us(histogram.max()),
        })
    }
}

fn us(ns: u64) -> f64 {
    ns as f64 / 1e3
}

/// One server's process.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ServerProcess {
    /// The id of the server's process.
    pub(super) pid: u32,
    /// Processor time over the measured time, in cores.
    pub(super) cores: f64,
    /// Resident memory at the end, bytes.
    pub(super) rss_bytes: u64,
    /// The most it ever had, bytes.
    pub(super) peak_rss_bytes: u64,
}

/// What else had the machine while it was measured.
#[derive(Clone, Debug, Serialize)]
pub(super) struct MachineUse {
    /// How long was measured, seconds.
    pub(super) seconds: f64,
    /// This program's processor time, in cores.
    pub(super) client_cores: f64,
    /// This program's processor time per operation, µs.
    pub(super) client_cpu_us_per_op: f64,
    /// All servers' processor time, in cores; none if no process was named.
    pub(super) server_cores: Option<f64>,
    /// All servers' processor time per operation, µs.
    pub(super) server_cpu_us_per_op: Option<f64>,
    /// All servers' resident memory at the end, bytes.
    pub(super) server_rss_bytes: Option<u64>,
    /// What each server's process took.
    pub(super) servers: Vec<ServerProcess>,
    /// Cores taken by all other processes; if no server's process was named they are in here.
    pub(super) other_cores: f64,
    /// Whether that is little enough for the run to count; none if no server's process was named.
    pub(super) quiet: Option<bool>,
}

impl MachineUse {
    /// What was spent on this number of operations.
    ///
    /// # Errors
    /// A server's process is gone.
    pub(super) fn new(spent: &Spent, pids: &[u32], operations: u64) -> Result<MachineUse, Failure> {
        let wall = spent.wall.as_secs_f64();
        let per_operation = |seconds: f64| seconds * 1e6 / operations.max(1) as f64;
        let servers = pids.iter().zip(&spent.servers).map(|(pid, cpu)| {
            Ok(ServerProcess {
                pid: *pid,
                cores: cpu.as_secs_f64() / wall,
                rss_bytes: machine::resident(*pid)?,
                peak_rss_bytes: machine::peak_resident(*pid)?,
            })
        });
        let servers: Vec<ServerProcess> = servers.collect::<Result<_, Failure>>()?;
        let known = !pids.is_empty();
        let server_seconds: f64 = spent.servers.iter().map(std::time::Duration::as_secs_f64).sum();
        Ok(MachineUse {
            seconds: wall,
            client_cores: spent.own.as_secs_f64() / wall,
            client_cpu_us_per_op: per_operation(spent.own.as_secs_f64()),
            server_cores: known.then(|| server_seconds / wall),
            server_cpu_us_per_op: known.then(|| per_operation(server_seconds)),
            server_rss_bytes: known.then(|| servers.iter().map(|server| server.rss_bytes).sum()),
            servers,
            other_cores: spent.other_cores,
            quiet: known.then_some(spent.other_cores < QUIET),
        })
    }

    /// The lines that say so.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "client       {:>10.2} us of processor time per operation, {:.2} cores",
            self.client_cpu_us_per_op, self.client_cores
        )];
        if let (Some(cores), Some(us), Some(rss)) =
            (self.server_cores, self.server_cpu_us_per_op, self.server_rss_bytes)
        {
            lines.push(format!(
                "servers      {us:>10.2} us of processor time per operation, {cores:.2} cores, {} resident",
                bytes(rss)
            ));
        }
        lines.push(match self.quiet {
            Some(quiet) => {
                let verdict = if quiet { "quiet" } else { "NOT QUIET: not a result" };
                format!("others       {:>10.2} cores ({verdict})", self.other_cores)
            }
            None => {
                format!("others       {:>10.2} cores, the servers included (--server-pid)", self.other_cores)
            }
        });
        lines
    }
}

/// Bytes as people read them.
pub(super) fn bytes(bytes: u64) -> String {
    let bytes = bytes as f64;
    match bytes {
        _ if bytes < 10_240.0 => format!("{bytes} B"),
        _ if bytes < 10_485_760.0 => format!("{:.1} KiB", bytes / 1024.0),
        _ => format!("{:.1} MiB", bytes / 1_048_576.0),
    }
}

/// A table of latencies: one row per kind that was measured.
pub(super) fn latencies(kinds: &[(&str, Option<&Latency>)]) -> Vec<String> {
    let title = format!(
        "{:<8}{:>14}{:>12}{:>10}{:>10}{:>10}{:>10}{:>10}",
        "", "operations/s", "operations", "p50 us", "p90 us", "p99 us", "p99.9 us", "max us"
    );
    let rows = kinds.iter().filter_map(|(kind, latency)| {
        let Latency { count, throughput, p50_us, p90_us, p99_us, p999_us, max_us, .. } = latency.as_ref()?;
        Some(format!(
            "{kind:<8}{throughput:>14.0}{count:>12}{p50_us:>10.1}{p90_us:>10.1}{p99_us:>10.1}{p999_us:>10.1}{max_us:>10.1}"
        ))
    });
    std::iter::once(title).chain(rows).collect()
}

/// Give the figures out: the text to stdout, the JSON to where it is wanted.
///
/// # Errors
/// They cannot be written.
pub(super) fn give(json: Option<&Path>, lines: &[String], figures: &impl Serialize) -> Result<(), Failure> {
    if let Some(path) = json {
        give_json(path, figures)?;
    }
    if json.is_none_or(|path| path.as_os_str() != "-") {
        print(&(lines.join("\n") + "\n"))?;
    }
    Ok(())
}

/// Whether figures can be written to this file: asked before a run, not after it.
///
/// # Errors
/// They cannot.
pub(super) fn try_file(json: &Path) -> Result<(), Failure> {
    if json.as_os_str() == "-" {
        return Ok(());
    }
    let opened = fs::OpenOptions::new().append(true).create(true).open(json);
    opened.map(drop).map_err(|why| Failure::File { path: json.to_owned(), why })
}

/// Say as JSON that there are no figures, and why. The failure itself is reported by the caller.
pub(super) fn give_failure(json: &Path, mode: &str, failure: &Failure) {
    let nothing = serde_json::json!({ "mode": mode, "valid": false, "error": failure.to_string() });
    // A file that cannot be written does not change why the run has failed.
    let _ = give_json(json, &nothing);
}

fn give_json(path: &Path, figures: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(figures).expect("figures can be written as JSON") + "\n";
    if path.as_os_str() == "-" {
        return print(&text);
    }
    fs::write(path, text).map_err(|why| Failure::File { path: path.to_owned(), why })
}

fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Err(why) if why.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::System { what: "writing to standard output", why })
        }
        _ => Ok(()),
    }
}
