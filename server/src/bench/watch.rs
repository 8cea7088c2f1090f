//! `quorate bench watch`: how long until all clients that watch a znode know that it has changed.

use std::time::{Duration, Instant};

use quorate_core::wire::client::{EventType, KeeperState, Request, SetDataRequest, WatcherEvent, xid};
use quorate_core::wire::jute::Jute;
use serde::Serialize;

use super::args::WatchArgs;
use super::check::{Asked, split_header};
use super::client::Client;
use super::failure::Failure;
use super::fleet::{Fleet, deadline};
use super::machine::{Moment, Spent};
use super::place;
use super::progress::Progress;
use super::report::{self, MachineUse};
use super::request::{self, Paths};
use super::value::Values;

/// The key that is watched.
const KEY: u64 = 0;
/// Sessions that are being opened at a time.
const IN_FLIGHT: usize = 40;

/// What is reported.
#[derive(Debug, Serialize)]
struct Figures {
    mode: &'static str,
    version: &'static str,
    servers: Vec<String>,
    sessions: u32,
    repeats: u32,
    value_size: u32,
    /// From sending setData to the last event, ms: of every repetition, sorted.
    last_event_ms: Vec<f64>,
    last_event_median_ms: f64,
    /// From sending setData to the first event, ms.
    first_event_median_ms: f64,
    /// From each setData to its last event; an operation is an event.
    machine: MachineUse,
    valid: bool,
}

/// Run it.
///
/// # Errors
/// Anything that makes the run no result.
pub(super) fn run(args: &WatchArgs) -> Result<(), Failure> {
    let values = Values::new(args.value_size as usize);
    let paths = Paths::below(&args.place.path);
    let mut admin = Client::connect(&args.common.servers[0], args.common.session_timeout)?;
    place::make(&mut admin, &args.place.path)?;
    place::fill(&mut admin, &paths, KEY + 1, &values, &Progress::new("preparing", 1))?;
    let measured = measure(args, &mut admin, &paths, &values);
    if !args.place.keep {
        let removed = place::remove(&mut admin, &args.place.path);
        if measured.is_ok() {
            removed.and_then(|()| admin.close())?;
        }
    }
    let figures = measured?;
    report::give(args.common.json.as_deref(), &lines(&figures), &figures)
}

fn measure(args: &WatchArgs, admin: &mut Client, paths: &Paths, values: &Values) -> Result<Figures, Failure> {
    let pids = &args.processes.server_pid;
    let count = args.sessions as usize;
    let progress = Progress::new("opening", count as u64);
    // The znode is older than the sessions: whichever server gives one has it.
    let mut fleet =
        Fleet::open(&args.common.servers, count, IN_FLIGHT, args.common.session_timeout, &progress)?;
    drop(progress);
    let progress = Progress::new("watching", args.repeats.into());
    arm(&mut fleet, paths, values, place::FIRST_VERSION)?;
    let (mut firsts, mut lasts, mut all): (Vec<f64>, Vec<f64>, Option<Spent>) =
        (Vec::new(), Vec::new(), None);
    for version in 1..=u64::from(args.repeats) {
        let before = Moment::now(pids)?;
        let (first, last) = change(&mut fleet, admin, paths, values, version)?;
        let spent = Moment::now(pids)?.since(&before);
        all = Some(all.map_or_else(|| spent.clone(), |all| all.and(&spent)));
        firsts.push(first.as_secs_f64() * 1e3);
        lasts.push(last.as_secs_f64() * 1e3);
        arm(&mut fleet, paths, values, version)?;
        progress.set(version);
    }
    let spent = all.expect("there is at least one repetition");
    let machine = MachineUse::new(&spent, pids, u64::from(args.sessions) * u64::from(args.repeats))?;
    fleet.close();
    firsts.sort_by(f64::total_cmp);
    lasts.sort_by(f64::total_cmp);
    Ok(Figures {
        mode: "watch",
        version: env!("CARGO_PKG_VERSION"),
        servers: args.common.servers.iter().map(ToString::to_string).collect(),
        sessions: args.sessions,
        repeats: args.repeats,
        value_size: args.value_size,
        last_event_median_ms: lasts[lasts.len() / 2],
        last_event_ms: lasts,
        first_event_median_ms: firsts[firsts.len() / 2],
        machine,
        valid: true,
    })
}

/// Every session reads the znode and watches it; all of them must see this version.
fn arm(fleet: &mut Fleet, paths: &Paths, values: &Values, version: u64) -> Result<(), Failure> {
    let mut bytes = Vec::new();
    for member in &mut fleet.members {
        let xid = member.checker.ask(Asked::Read(KEY), 0);
        bytes.clear();
        request::get_data(&mut bytes, xid, paths, KEY, true);
        member.send(&bytes)?;
    }
    let (mut armed, count) = (0, fleet.members.len());
    let deadline = deadline();
    while armed < count {
        fleet.wait(deadline, |member, frame| {
            member.reply(frame, values)?;
            // Behind the header and the value's length.
            let found = frame.get(20..).and_then(Values::version);
            if found != Some(version) {
                return Err(Failure::Broken(format!(
                    "version {found:?} was read after the event of {version}"
                )));
            }
            armed += 1;
            Ok(())
        })?;
    }
    Ok(())
}

/// Change the znode; how long until the first and the last session knew.
fn change(
    fleet: &mut Fleet,
    admin: &mut Client,
    paths: &Paths,
    values: &Values,
    version: u64,
) -> Result<(Duration, Duration), Failure> {
    let mut value = Vec::new();
    values.write(&mut value, KEY, version);
    let path = paths.of(KEY);
    let event = WatcherEvent {
        event: EventType::NodeDataChanged,
        state: KeeperState::SyncConnected,
        path: path.clone(),
    };
    let event = event.to_bytes();
    let set = Request::SetData(SetDataRequest { path, data: Some(value.into()), version: -1 });
    admin.ask(&set);
    let began = Instant::now();
    admin.flush()?;
    let (mut told, mut first, count) = (0, None, fleet.members.len());
    let mut seen = vec![false; count];
    let deadline = deadline();
    while told < count {
        fleet.wait(deadline, |member, frame| {
            let right = split_header(frame).is_some_and(|(header, body)| {
                header.xid == xid::NOTIFICATION && header.err == 0 && body == event
            });
            if !right || std::mem::replace(&mut seen[member.number()], true) {
                let what = format!("connection {} got something else than one event", member.number());
                return Err(Failure::Broken(what));
            }
            first.get_or_insert_with(|| began.elapsed());
            told += 1;
            Ok(())
        })?;
    }
    let last = began.elapsed();
    let (header, body) = admin.answer()?;
    admin.judge(&set, header, &body)?;
    Ok((first.unwrap_or(last), last))
}

fn lines(figures: &Figures) -> Vec<String> {
    let (shortest, longest) =
        (figures.last_event_ms[0], figures.last_event_ms[figures.last_event_ms.len() - 1]);
    let mut lines = vec![
        format!("{} sessions watch one znode, set {} times", figures.sessions, figures.repeats),
        format!(
            "set to last event {:>8.2} ms median, {shortest:.2} to {longest:.2} ms; every event checked",
            figures.last_event_median_ms
        ),
        format!("set to first event {:>7.2} ms median", figures.first_event_median_ms),
    ];
    lines.extend(figures.machine.lines());
    lines
}
