//! `quorate bench fill`: many znodes, by multis of 100 of which 16 are under way.

use serde::Serialize;

use super::args::FillArgs;
use super::client::Client;
use super::failure::Failure;
use super::machine::{Moment, resident};
use super::place;
use super::progress::Progress;
use super::report::{self, MachineUse};
use super::request::Paths;
use super::value::Values;

/// What is reported.
#[derive(Debug, Serialize)]
struct Figures {
    mode: &'static str,
    version: &'static str,
    servers: Vec<String>,
    znodes: u64,
    value_size: u32,
    path_size: usize,
    seconds: f64,
    znodes_per_second: f64,
    /// Growth of resident memory per znode and server, bytes, in the order of the processes.
    rss_per_znode_bytes: Vec<f64>,
    machine: MachineUse,
    valid: bool,
}

/// Run it.
///
/// # Errors
/// Anything that makes the run no result.
pub(super) fn run(args: &FillArgs) -> Result<(), Failure> {
    let values = Values::new(args.value_size as usize);
    let paths = Paths::below(&args.place.path);
    let pids = &args.processes.server_pid;
    let memory = || pids.iter().map(|pid| resident(*pid)).collect::<Result<Vec<u64>, Failure>>();
    let mut client = Client::connect(&args.common.servers[0], args.common.session_timeout)?;
    place::make(&mut client, &args.place.path)?;
    let progress = Progress::new("filling", args.znodes);
    let (empty, before) = (memory()?, Moment::now(pids)?);
    place::fill(&mut client, &paths, args.znodes, &values, &progress)?;
    let (full, spent) = (memory()?, Moment::now(pids)?.since(&before));
    let machine = MachineUse::new(&spent, pids, args.znodes)?;
    drop(progress);
    if !args.place.keep {
        place::remove(&mut client, &args.place.path)?;
    }
    client.close()?;
    let growth = |(full, empty): (&u64, &u64)| (*full as f64 - *empty as f64) / args.znodes as f64;
    let seconds = spent.wall.as_secs_f64();
    let figures = Figures {
        mode: "fill",
        version: env!("CARGO_PKG_VERSION"),
        servers: args.common.servers.iter().map(ToString::to_string).collect(),
        znodes: args.znodes,
        value_size: args.value_size,
        path_size: paths.len(),
        seconds,
        znodes_per_second: args.znodes as f64 / seconds,
        rss_per_znode_bytes: full.iter().zip(&empty).map(growth).collect(),
        machine,
        valid: true,
    };
    report::give(args.common.json.as_deref(), &lines(&figures), &figures)
}

fn lines(figures: &Figures) -> Vec<String> {
    let Figures { znodes, value_size, path_size, seconds, znodes_per_second, .. } = figures;
    let mut lines = vec![
        format!("{znodes} znodes of {value_size} B, paths of {path_size} B, multis of 100, 16 under way"),
        format!("{znodes_per_second:.0} znodes/s in {seconds:.1} s, every answer checked"),
    ];
    for (process, per_znode) in figures.machine.servers.iter().zip(&figures.rss_per_znode_bytes) {
        lines.push(format!("process {}: {per_znode:.0} B resident per znode", process.pid));
    }
    lines.extend(figures.machine.lines());
    lines
}
