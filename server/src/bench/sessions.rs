//! `quorate bench sessions`: many sessions that do nothing but stay.

use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::args::SessionsArgs;
use super::failure::Failure;
use super::fleet::Fleet;
use super::machine::{Moment, resident};
use super::progress::Progress;
use super::report::{self, Latency, MachineUse, histogram};
use super::request;
use super::value::Values;

/// How long servers get to come to rest before their memory is looked at.
const REST: Duration = Duration::from_secs(1);

/// What is reported.
#[derive(Debug, Serialize)]
struct Figures {
    mode: &'static str,
    version: &'static str,
    servers: Vec<String>,
    sessions: u32,
    in_flight: u32,
    opened_per_second: f64,
    /// Growth of all servers' resident memory per session, bytes: after opening, and after the pings.
    rss_per_session_bytes: Option<f64>,
    rss_per_session_after_pings_bytes: Option<f64>,
    pings: u64,
    ping: Option<Latency>,
    /// While sessions were idle but for pings; an operation is a ping.
    machine: MachineUse,
    valid: bool,
}

/// Run it.
///
/// # Errors
/// Anything that makes the run no result.
pub(super) fn run(args: &SessionsArgs) -> Result<(), Failure> {
    let pids = &args.processes.server_pid;
    let memory = || pids.iter().map(|pid| resident(*pid)).sum::<Result<u64, Failure>>();
    let count = args.sessions as usize;
    let before = memory()?;
    let progress = Progress::new("opening", count as u64);
    let began = Instant::now();
    let in_flight = args.in_flight as usize;
    let mut fleet =
        Fleet::open(&args.common.servers, count, in_flight, args.common.session_timeout, &progress)?;
    let opening = began.elapsed();
    drop(progress);
    thread::sleep(REST);
    let opened = memory()?;

    let start = Moment::now(pids)?;
    let latencies = pings(&mut fleet, args.duration, args.ping_interval)?;
    let spent = Moment::now(pids)?.since(&start);
    let machine = MachineUse::new(&spent, pids, latencies.len())?;
    let pinged = memory()?;
    fleet.close();
    let growth = |now: u64| (!pids.is_empty()).then(|| (now as f64 - before as f64) / count as f64);
    let figures = Figures {
        mode: "sessions",
        version: env!("CARGO_PKG_VERSION"),
        servers: args.common.servers.iter().map(ToString::to_string).collect(),
        sessions: args.sessions,
        in_flight: args.in_flight,
        opened_per_second: count as f64 / opening.as_secs_f64(),
        rss_per_session_bytes: growth(opened),
        rss_per_session_after_pings_bytes: growth(pinged),
        pings: latencies.len(),
        ping: Latency::of(&latencies, spent.wall.as_secs_f64()),
        machine,
        valid: true,
    };
    report::give(args.common.json.as_deref(), &lines(&figures), &figures)
}

/// Every session pings once per interval, one after the other; the latencies, ns.
fn pings(fleet: &mut Fleet, duration: Duration, interval: Duration) -> Result<Histogram<u64>, Failure> {
    let no_values = Values::new(0);
    let mut latencies = histogram();
    let progress = Progress::new("pinging", duration.as_millis() as u64);
    let count = fleet.members.len() as u64;
    let (began, mut sent, mut answered) = (Instant::now(), 0u64, 0u64);
    let since = |at: Instant| at.duration_since(began).as_nanos() as u64;
    let due = |n: u64| began + interval.mul_f64(n as f64 / count as f64);
    let mut bytes = Vec::new();
    request::ping(&mut bytes);
    loop {
        let now = Instant::now();
        while due(sent) <= now && now < began + duration {
            let member = &mut fleet.members[(sent % count) as usize];
            member.checker.ask_ping(since(now));
            member.send(&bytes)?;
            sent += 1;
        }
        let ends = now >= began + duration;
        if ends && answered == sent {
            return Ok(latencies);
        }
        let deadline = if ends { super::fleet::deadline() } else { due(sent).min(began + duration) };
        let mut arrived = |member: &mut super::fleet::Member, frame: &[u8]| {
            let ping = member.reply(frame, &no_values)?;
            latencies.saturating_record(since(Instant::now()) - ping.since);
            answered += 1;
            Ok(())
        };
        if ends {
            fleet.wait(deadline, arrived)?;
        } else {
            fleet.wait_until(deadline, &mut arrived)?;
        }
        progress.set((since(Instant::now()) / 1_000_000).min(duration.as_millis() as u64));
    }
}

fn lines(figures: &Figures) -> Vec<String> {
    let mut lines = vec![format!(
        "{} sessions opened, {} at a time: {:.0} per second",
        figures.sessions, figures.in_flight, figures.opened_per_second
    )];
    if let (Some(opened), Some(pinged)) =
        (figures.rss_per_session_bytes, figures.rss_per_session_after_pings_bytes)
    {
        lines.push(format!("{opened:.0} B resident per session, {pinged:.0} B after the pings"));
    }
    lines.extend(report::latencies(&[("ping", figures.ping.as_ref())]));
    lines.extend(figures.machine.lines());
    lines
}
