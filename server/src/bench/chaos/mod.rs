//! `quorate bench chaos`: an ensemble of its own, clients, faults, and a verdict.
//!
//! | module | job |
//! |---|---|
//! | `servers` | the processes: started, killed, paused |
//! | `disks` | the servers' disks: full |
//! | `relay` | the wires: cut, delayed |
//! | `faults` | what goes wrong, chosen by the seed |
//! | `worker`, `expected` | a client, and what it may be told |
//! | `shared` | what all clients know together |
//! | `story` | what happened |
//! | `verdict` | the end: everything is there, and the recordings are judged |

mod disks;
mod expected;
mod faults;
mod relay;
mod servers;
mod shared;
mod story;
mod verdict;
mod worker;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use quorate_core::wire::client::{CreateMode, Request};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::args::ChaosArgs;
use super::client::Client;
use super::failure::{Failure, system};
use super::server::Server;
use crate::output::say;
use expected::SHARED;
use faults::{Fault, Schedule};
use relay::Ways;
use servers::Servers;
use shared::{HERE, ROOT, Shared, shared_path};
use worker::{Left, Worker, create, made_parent, own_path};

/// How long the servers may take until all of them serve.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Faults at a time, at most.
const AT_A_TIME: usize = 2;
/// How often there is a line of progress.
const SAY_EVERY: Duration = Duration::from_secs(10);

/// Where a run keeps its files, which go with it unless they are to be kept.
struct Home {
    path: PathBuf,
    temporary: Option<tempfile::TempDir>,
}

/// How often each kind of fault came.
type Counts = BTreeMap<&'static str, u64>;

/// Run it.
///
/// # Errors
/// A guarantee is broken; the ensemble does not start.
pub(super) fn run(args: &ChaosArgs) -> Result<(), Failure> {
    // Does not come back where it can mount: then this program begins again there.
    let disks = if args.no_full_disks { Err("--no-full-disks".to_owned()) } else { disks::enter() };
    let home = home(args.keep.as_deref())?;
    let servers = usize::from(args.servers);
    // The clients are a party too.
    let ways = Ways::new(servers + 1);
    let mut ensemble = Servers::plan(servers, &home.path, &ways, disks.is_ok())?;
    let entries = (0..servers).map(|server| entry(&ways, servers, server, ensemble.port(server)));
    let pace = args.rate.map_or(0.0, |rate| f64::from(args.clients) / rate as f64);
    let shared = Arc::new(Shared::new(entries.collect::<Result<_, _>>()?, Duration::from_secs_f64(pace)));
    say(&format!("seed {}: {servers} servers, {} clients, {} s", args.seed, args.clients, args.seconds));
    if let Err(why) = &disks {
        say(&format!("no full disks: {why}"));
    }
    let result = whole_run(args, &mut ensemble, &ways, &shared, disks.is_ok());
    ways.end();
    let verdict = result.and_then(|recordings| judge(args, &recordings, &home));
    leave(home, ensemble, &shared, verdict)
}

fn entry(ways: &Arc<Ways>, clients: usize, server: usize, port: u16) -> Result<Server, Failure> {
    let address = ways.wire(clients, server, port)?.to_string();
    address.parse().map_err(Failure::Unfit)
}

fn home(keep: Option<&Path>) -> Result<Home, Failure> {
    if let Some(directory) = keep {
        fs::create_dir_all(directory).map_err(system("creating the directory"))?;
        let path = fs::canonicalize(directory).map_err(system("finding the directory"))?;
        let mut there = fs::read_dir(&path).map_err(system("reading the directory"))?;
        if there.next().is_some() {
            return Err(Failure::Unfit(format!("{} is not empty", path.display())));
        }
        return Ok(Home { path, temporary: None });
    }
    let made = tempfile::Builder::new().prefix("quorate-chaos-").tempdir();
    let temporary = made.map_err(system("creating a temporary directory"))?;
    Ok(Home { path: temporary.path().to_owned(), temporary: Some(temporary) })
}

/// From the start of the servers to their end; where the recordings are.
fn whole_run(
    args: &ChaosArgs,
    ensemble: &mut Servers,
    ways: &Ways,
    shared: &Arc<Shared>,
    disks: bool,
) -> Result<PathBuf, Failure> {
    for server in 0..ensemble.len() {
        ensemble.start(server)?;
    }
    if !ensemble.all_serve(START_LIMIT)? {
        let what = ensemble.fallen()?.unwrap_or_else(|| "they do not elect a leader".to_owned());
        return Err(Failure::Unfit(format!(
            "the servers do not serve after {} s: {what}",
            START_LIMIT.as_secs()
        )));
    }
    prepare(shared, usize::from(args.clients))?;
    let mut counts = Counts::new();
    let (faults, clients) = thread::scope(|scope| {
        let start = |number| {
            let worker = Worker::new(number, args.seed, shared);
            thread::Builder::new().name(format!("client {number}")).spawn_scoped(scope, move || worker.run())
        };
        let workers: Result<Vec<_>, _> = (0..usize::from(args.clients)).map(start).collect();
        let faults = match &workers {
            Ok(_) => chaos(args, ensemble, ways, shared, (&mut counts, disks)),
            Err(_) => Ok(()),
        };
        shared.stop.store(true, Ordering::SeqCst);
        let workers = workers.map_err(system("starting a thread"))?;
        let clients: Vec<Left> =
            workers.into_iter().map(|worker| worker.join().expect("a client does not panic")).collect();
        Ok::<_, Failure>((faults, clients))
    })?;
    faults?;
    summary(args, shared, &counts, ensemble.starved());
    violated(shared)?;
    // What does not serve in time is told by those that look at every server.
    ensemble.all_serve(START_LIMIT)?;
    if let Err(what) = verdict::everything_is_there(shared, &clients) {
        shared.violation(None, what);
    }
    if let Some(what) = ensemble.fallen()? {
        shared.violation(None, what);
    }
    violated(shared)?;
    ensemble.stop()?;
    say("every acknowledged write is on every server, and no client was told anything wrong");
    Ok(ensemble.recordings().to_owned())
}

/// The znodes of the run.
fn prepare(shared: &Shared, clients: usize) -> Result<(), Failure> {
    let mut client = Client::connect(&shared.servers[0], Duration::from_secs(10))?;
    let zero = || Bytes::copy_from_slice(&0u64.to_be_bytes());
    let mut paths = vec![(ROOT.to_owned(), Bytes::new()), (HERE.to_owned(), Bytes::new())];
    paths.extend((0..SHARED).map(|key| (shared_path(key), zero())));
    for number in 0..clients {
        paths.extend([(own_path(number), zero()), (made_parent(number), Bytes::new())]);
    }
    for (path, data) in paths {
        client.call(&Request::Create(create(path, data, CreateMode::Persistent)))?;
    }
    client.close()
}

/// Faults until the time is over, something is wrong, or a signal comes; then everything is made whole.
fn chaos(
    args: &ChaosArgs,
    ensemble: &mut Servers,
    ways: &Ways,
    shared: &Shared,
    (counts, disks): (&mut Counts, bool),
) -> Result<(), Failure> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        flag::register(signal, Arc::clone(&interrupted)).map_err(system("catching signals"))?;
    }
    let mut schedule = Schedule::new(args.seed, ensemble.len(), disks);
    let mut active: Vec<(Instant, Fault)> = Vec::new();
    let until = Instant::now() + Duration::from_secs(u64::from(args.seconds));
    let mut next = Instant::now() + schedule.pause();
    let mut say = Instant::now() + SAY_EVERY;
    let enough = || shared.operations.load(Ordering::Relaxed) >= args.operations;
    while !shared.is_over() && !interrupted.load(Ordering::Relaxed) {
        let now = Instant::now();
        if now >= until && enough() {
            break;
        }
        let over: Vec<(Instant, Fault)> = active.extract_if(.., |(end, _)| *end <= now).collect();
        for (_, fault) in over {
            undo(fault, ensemble, ways, shared)?;
        }
        if now >= next && active.len() < AT_A_TIME {
            let (fault, lasts) = schedule.next(ensemble.leader());
            fault.begin(ensemble, ways)?;
            *counts.entry(fault.kind()).or_default() += 1;
            let words = fault.tell(ensemble.len());
            shared.story.fault(format!("{words}, for {:.1} s", lasts.as_secs_f64()));
            active.push((now + lasts, fault));
            next = now + schedule.pause();
        }
        if let Some(what) = ensemble.fallen()? {
            shared.violation(None, what);
        }
        if now >= say {
            progress(shared, counts);
            say += SAY_EVERY;
        }
        thread::sleep(Duration::from_millis(20));
    }
    for (_, fault) in active {
        undo(fault, ensemble, ways, shared)?;
    }
    ways.heal();
    Ok(())
}

fn undo(fault: Fault, ensemble: &mut Servers, ways: &Ways, shared: &Shared) -> Result<(), Failure> {
    shared.story.fault(format!("over: {}", fault.tell(ensemble.len())));
    fault.end(ensemble, ways)
}

fn progress(shared: &Shared, counts: &Counts) {
    let of = |number: &std::sync::atomic::AtomicU64| number.load(Ordering::Relaxed);
    say(&format!(
        "{:>5.0} s  {} operations, {} acknowledged writes, {} faults, {} reconnects, {} sessions expired",
        shared.story.seconds(),
        of(&shared.operations),
        of(&shared.writes),
        counts.values().sum::<u64>(),
        of(&shared.reconnects),
        of(&shared.expired)
    ));
}

fn summary(args: &ChaosArgs, shared: &Shared, counts: &Counts, starved: u64) {
    progress(shared, counts);
    let kinds: Vec<String> = counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    say(&format!(
        "seed {}: {}{}; {} watch events, {} answers lost; longest time without an acknowledged write: {} ms",
        args.seed,
        if kinds.is_empty() { "no faults".to_owned() } else { kinds.join(", ") },
        if starved == 0 {
            String::new()
        } else {
            format!(" ({starved} times a server ended for want of room)")
        },
        shared.events.load(Ordering::Relaxed),
        shared.unknown.load(Ordering::Relaxed),
        shared.longest_gap_ms()
    ));
}

fn violated(shared: &Shared) -> Result<(), Failure> {
    match shared.story.told() {
        Some((what, _)) => Err(Failure::Broken(what)),
        None => Ok(()),
    }
}

/// What the recordings show: judged here, if the program for it is beside this one.
fn judge(args: &ChaosArgs, recordings: &Path, home: &Home) -> Result<(), Failure> {
    if args.no_replay {
        return Ok(());
    }
    match verdict::checks() {
        Some(checks) => verdict::replay(&checks, recordings),
        None if home.temporary.is_none() => {
            say("quorate-checks is not beside this program; it judges what the servers recorded:");
            say(&format!("quorate-checks replay {}", recordings.display()));
            Ok(())
        }
        None => {
            say("NOT JUDGED: what the servers recorded (quorate-checks is not beside this program, and");
            say("without --keep the recordings are removed)");
            Ok(())
        }
    }
}

/// The story if something is wrong; then the files stay.
fn leave(
    home: Home,
    mut ensemble: Servers,
    shared: &Shared,
    verdict: Result<(), Failure>,
) -> Result<(), Failure> {
    if home.temporary.is_none() || verdict.is_err() {
        ensemble.keep_data()?;
    }
    drop(ensemble);
    if let Some((_, lines)) = shared.story.told() {
        say("What happened before, the newest last:");
        lines.iter().for_each(|line| say(&format!("  {line}")));
    }
    match (home.temporary, &verdict) {
        // What cannot be removed is left to the system's own cleaning of its temporary directory.
        (Some(temporary), Ok(())) => drop(temporary.close()),
        (Some(temporary), Err(_)) => {
            say(&format!("data, logs and recordings: {}", temporary.keep().display()))
        }
        (None, _) => say(&format!("data, logs and recordings: {}", home.path.display())),
    }
    verdict
}
