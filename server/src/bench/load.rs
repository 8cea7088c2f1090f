//! `quorate bench load`: reads and writes over many connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::args::LoadArgs;
use super::client::Client;
use super::failure::{Failure, system};
use super::machine::Moment;
use super::place;
use super::progress::Progress;
use super::report::{self, Latency, MachineUse};
use super::request::Paths;
use super::value::Values;
use super::worker::{Outcome, Worker};

/// How often the progress is shown.
const SHOW: Duration = Duration::from_millis(250);

/// What all client threads have in common.
#[derive(Debug)]
pub(super) struct Plan {
    /// Where the keys are.
    pub(super) paths: Paths,
    /// The values of the keys.
    pub(super) values: Values,
    /// How many there are.
    pub(super) keys: u64,
    /// Percent of reads.
    pub(super) read_ratio: u64,
    /// Outstanding requests per connection.
    pub(super) window: usize,
    /// When everything began.
    pub(super) began: Instant,
    /// When measuring begins, in ns after that.
    pub(super) measure: u64,
    /// When nothing more is sent; earlier if the run is interrupted.
    end: AtomicU64,
    /// ns between two requests of one thread, if they come at a rate.
    pub(super) interval: Option<f64>,
    /// Replies so far, for the progress.
    pub(super) replies: AtomicU64,
    /// A worker has failed: no other needs to go on.
    pub(super) failed: AtomicBool,
}

/// What is reported.
#[derive(Debug, Serialize)]
struct Figures {
    mode: &'static str,
    version: &'static str,
    servers: Vec<String>,
    connections: u32,
    window: u32,
    read_ratio: u8,
    value_size: u32,
    keys: u64,
    rate: Option<u64>,
    threads: u32,
    seed: u64,
    warmup_seconds: f64,
    duration_seconds: f64,
    /// Ended by a signal before the time was over.
    interrupted: bool,
    operations: u64,
    throughput: f64,
    /// Requests that were due but could not be sent before the end: the servers did not keep up.
    unsent: u64,
    read: Option<Latency>,
    write: Option<Latency>,
    machine: MachineUse,
    valid: bool,
}

/// Run it.
///
/// # Errors
/// Anything that makes the run no result.
pub(super) fn run(args: &LoadArgs) -> Result<(), Failure> {
    let values = Values::new(args.value_size as usize);
    let paths = Paths::below(&args.place.path);
    let mut admin = Client::connect(&args.common.servers[0], args.common.session_timeout)?;
    place::make(&mut admin, &args.place.path)?;
    let progress = Progress::new("preparing", args.keys);
    place::fill(&mut admin, &paths, args.keys, &values, &progress)?;
    drop(progress);

    let clients = connect(args)?;
    let measured = measure(args, paths, values, clients);
    if !args.place.keep {
        // The session may have expired meanwhile, and a broken run is reported as what it is.
        let mut admin = Client::connect(&args.common.servers[0], args.common.session_timeout)?;
        let removed = place::remove(&mut admin, &args.place.path).and_then(|()| admin.close());
        if measured.is_ok() {
            removed?;
        }
    }
    let figures = measured?;
    report::give(args.common.json.as_deref(), &lines(&figures), &figures)
}

fn connect(args: &LoadArgs) -> Result<Vec<(usize, String, Client)>, Failure> {
    let progress = Progress::new("connecting", args.connections.into());
    (0..args.connections as usize)
        .map(|number| {
            let server = &args.common.servers[number % args.common.servers.len()];
            let mut client = Client::connect(server, args.common.session_timeout)?;
            place::sync(&mut client)?;
            progress.set(number as u64);
            Ok((number, server.to_string(), client))
        })
        .collect()
}

fn measure(
    args: &LoadArgs,
    paths: Paths,
    values: Values,
    clients: Vec<(usize, String, Client)>,
) -> Result<Figures, Failure> {
    let threads = args.threads.min(args.connections) as usize;
    let whole = args.warmup + args.duration;
    let plan = Plan {
        paths,
        values,
        keys: args.keys,
        read_ratio: args.read_ratio.into(),
        window: args.window as usize,
        began: Instant::now(),
        measure: ns(args.warmup),
        end: AtomicU64::new(ns(whole)),
        interval: args.rate.map(|rate| 1e9 / rate as f64 * threads as f64),
        replies: AtomicU64::new(0),
        failed: AtomicBool::new(false),
    };
    let interrupted = interruption()?;
    let mut shares: Vec<Vec<_>> = (0..threads).map(|_| Vec::new()).collect();
    for (number, server, client) in clients {
        shares[number % threads].push((number, server, client));
    }
    let workers = shares.into_iter().enumerate().map(|(n, share)| Worker::new(&plan, share, args.seed, n));
    let workers: Vec<Worker<'_>> = workers.collect::<Result<_, _>>()?;
    let pids = &args.processes.server_pid;
    let (outcomes, spent) = thread::scope(|scope| {
        let running: Vec<_> = workers
            .into_iter()
            .map(|worker| {
                let plan = &plan;
                scope.spawn(move || {
                    let outcome = worker.run();
                    if outcome.is_err() {
                        plan.failed.store(true, Ordering::Relaxed);
                    }
                    outcome
                })
            })
            .collect();
        let progress = Progress::new("running", plan.end());
        let before = wait(&plan, &interrupted, plan.measure, &progress).and_then(|()| Moment::now(pids));
        let after = wait(&plan, &interrupted, plan.end(), &progress).and_then(|()| Moment::now(pids));
        let outcomes =
            running.into_iter().map(|thread| thread.join().expect("a client thread does not panic"));
        let outcomes: Result<Vec<Outcome>, Failure> = outcomes.collect();
        (outcomes, before.and_then(|before| after.map(|after| after.since(&before))))
    });
    let (outcomes, spent) = (outcomes?, spent?);
    let mut all = Outcome::default();
    for outcome in outcomes {
        all.add(&outcome);
    }
    let Some(measured) = plan.end().checked_sub(plan.measure).filter(|ns| *ns > 0) else {
        return Err(Failure::Interrupted);
    };
    let seconds = measured as f64 / 1e9;
    let operations = all.reads.len() + all.writes.len();
    Ok(Figures {
        mode: "load",
        version: env!("CARGO_PKG_VERSION"),
        servers: args.common.servers.iter().map(ToString::to_string).collect(),
        connections: args.connections,
        window: args.window,
        read_ratio: args.read_ratio,
        value_size: args.value_size,
        keys: args.keys,
        rate: args.rate,
        threads: args.threads,
        seed: args.seed,
        warmup_seconds: args.warmup.as_secs_f64(),
        duration_seconds: seconds,
        interrupted: plan.end() < ns(whole),
        operations,
        throughput: operations as f64 / seconds,
        unsent: all.unsent,
        read: Latency::of(&all.reads, seconds),
        write: Latency::of(&all.writes, seconds),
        machine: MachineUse::new(&spent, pids, operations)?,
        valid: true,
    })
}

impl Plan {
    /// When nothing more is sent, in ns after the beginning.
    pub(super) fn end(&self) -> u64 {
        self.end.load(Ordering::Relaxed)
    }
}

/// Set by the first SIGINT or SIGTERM: the run ends early, with figures. The second one ends the process.
fn interruption() -> Result<Arc<AtomicBool>, Failure> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        let failed = system("catching signals");
        flag::register_conditional_shutdown(signal, 130, Arc::clone(&interrupted)).map_err(&failed)?;
        flag::register(signal, Arc::clone(&interrupted)).map_err(&failed)?;
    }
    Ok(interrupted)
}

/// Wait until this time after the beginning, in ns, or until a worker fails or the user interrupts.
fn wait(plan: &Plan, interrupted: &AtomicBool, until: u64, progress: &Progress) -> Result<(), Failure> {
    let mut shown = (0, Duration::ZERO);
    loop {
        let now = plan.began.elapsed();
        if interrupted.load(Ordering::Relaxed) {
            plan.end.fetch_min(ns(now), Ordering::Relaxed);
            return Ok(());
        }
        if ns(now) >= until || plan.failed.load(Ordering::Relaxed) {
            return Ok(());
        }
        let replies = plan.replies.load(Ordering::Relaxed);
        let rate = (replies - shown.0) as f64 / now.saturating_sub(shown.1).as_secs_f64().max(0.001);
        progress.set(ns(now));
        progress.say(format!("{rate:.0} operations/s"));
        shown = (replies, now);
        thread::sleep(SHOW.min(Duration::from_nanos(until - ns(now))));
    }
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).expect("no run takes centuries")
}

fn lines(figures: &Figures) -> Vec<String> {
    let Figures { connections, window, read_ratio, value_size, keys, .. } = figures;
    let pace = figures.rate.map_or_else(|| "as fast as answered".to_owned(), |rate| format!("{rate}/s"));
    let mut lines = vec![format!(
        "{connections} connections to {}, window {window}, {read_ratio} % reads, {value_size} B values, {keys} keys, {pace}",
        figures.servers.join(",")
    )];
    lines.push(format!(
        "{:.0} operations/s in {} s, every reply checked",
        figures.throughput,
        (figures.duration_seconds * 10.0).round() / 10.0
    ));
    if figures.interrupted {
        lines.push("interrupted: the time was not over".to_owned());
    }
    if figures.unsent > 0 {
        lines.push(format!(
            "{} requests were due but could not be sent: the rate is too high",
            figures.unsent
        ));
    }
    lines.extend(report::latencies(&[("read", figures.read.as_ref()), ("write", figures.write.as_ref())]));
    lines.extend(figures.machine.lines());
    lines
}
