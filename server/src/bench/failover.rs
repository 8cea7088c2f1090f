//! `quorate bench failover`: a client writes without pause while the leader is killed.
//!
//! Afterwards every write that was acknowledged must be there, on every server that is left.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use quorate_core::wire::client::{Request, Response, WatchRequest};
use quorate_core::wire::error_code::ErrorCode;
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;

use super::args::{FailoverArgs, ServerProcess};
use super::client::{Client, Session};
use super::failure::{Failure, system};
use super::place;
use super::progress::Progress;
use super::report;
use super::request::Paths;
use super::server::Server;
use super::value::Values;

/// How long the client waits before it dials the next server.
const PAUSE: Duration = Duration::from_millis(5);
/// How long no write may be acknowledged, and how long a server may take to be asked afterwards.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a server may take for a four-letter word.
const WORD_LIMIT: Duration = Duration::from_secs(1);

/// What is reported.
#[derive(Debug, Serialize)]
struct Figures {
    mode: &'static str,
    version: &'static str,
    servers: Vec<String>,
    /// Whose process was killed.
    killed: Option<String>,
    /// The leader afterwards.
    leader: Option<String>,
    /// The longest time between two acknowledged writes, from the last one before the kill on, ms.
    write_gap_ms: f64,
    /// The longest such time before the kill, ms.
    longest_before_ms: f64,
    /// Connections that were lost.
    reconnects: u64,
    acknowledged: u64,
    /// Acknowledged writes that were not found: a run with one is invalid.
    lost: u64,
    /// Sessions that were refused when they came back: a run with one is invalid.
    expired: u64,
    valid: bool,
}

/// Run it.
///
/// # Errors
/// Anything that makes the run no result.
pub(super) fn run(args: &FailoverArgs) -> Result<(), Failure> {
    let servers = &args.common.servers;
    let values = Values::new(args.value_size as usize);
    let paths = Paths::below(&args.place.path);
    let mut admin = Client::connect(&servers[0], args.common.session_timeout)?;
    place::make(&mut admin, &args.place.path)?;
    admin.close()?;
    let began = Instant::now();
    let (writes, kill) = thread::scope(|scope| {
        let killer = scope.spawn(|| kill_leader(args, began + args.kill_after));
        let writes = write(args, &paths, &values, began);
        (writes, killer.join().expect("the killer does not panic"))
    });
    let kill = kill?;
    let writes = writes?;
    let acknowledged = writes.acknowledged.len() as u64;
    let killed = kill.as_ref().map(|kill| &kill.server);
    let left: Vec<&Server> = servers.iter().filter(|server| Some(*server) != killed).collect();
    for server in &left {
        verify(args, server, &paths, &values, acknowledged)?;
    }
    let at = kill.as_ref().map_or(began + args.kill_after, |kill| kill.at);
    let (longest_before, gap) = gaps(began, at, &writes.acknowledged);
    let leader = left.iter().find(|server| leads(server)).map(ToString::to_string);
    if let (false, Some(server)) = (args.place.keep, left.first()) {
        let mut admin = Client::connect(server, args.common.session_timeout)?;
        place::remove(&mut admin, &args.place.path).and_then(|()| admin.close())?;
    }
    let figures = Figures {
        mode: "failover",
        version: env!("CARGO_PKG_VERSION"),
        servers: servers.iter().map(ToString::to_string).collect(),
        killed: killed.map(ToString::to_string),
        leader,
        write_gap_ms: gap.as_secs_f64() * 1e3,
        longest_before_ms: longest_before.as_secs_f64() * 1e3,
        reconnects: writes.reconnects,
        acknowledged,
        lost: 0,
        expired: 0,
        valid: true,
    };
    report::give(args.common.json.as_deref(), &lines(&figures), &figures)
}

/// What the writing client has seen.
#[derive(Debug, Default)]
struct Writes {
    /// When each write, by its key, was acknowledged.
    acknowledged: Vec<Instant>,
    reconnects: u64,
}

/// Write one key after the other until the time is over and a write after the kill was acknowledged.
fn write(args: &FailoverArgs, paths: &Paths, values: &Values, began: Instant) -> Result<Writes, Failure> {
    let servers = &args.common.servers;
    let progress = Progress::new("writing", (args.kill_after + args.duration).as_millis() as u64);
    let until = began + args.kill_after + args.duration;
    // An answer that is not there after this time will not come from this server.
    let limit = (args.common.session_timeout / 3 / servers.len() as u32).max(Duration::from_millis(250));
    let mut session = Session::new(args.common.session_timeout);
    let (mut client, mut turn, mut again) = (None::<Client>, 0, false);
    let mut writes = Writes::default();
    let mut last = Instant::now();
    loop {
        let now = Instant::now();
        if now >= until && last + args.duration > until {
            break;
        }
        if now - last > PATIENCE {
            let what = format!("no write was acknowledged for {} s", PATIENCE.as_secs());
            return Err(Failure::Broken(what));
        }
        let Some(open) = &mut client else {
            let server = &servers[turn % servers.len()];
            turn += 1;
            match Client::attach(server, session.clone(), limit) {
                Ok(attached) => client = Some(attached),
                Err(Failure::NoSession { .. }) if session.id.0 != 0 => {
                    return Err(Failure::Broken("the session has expired".to_owned()));
                }
                Err(Failure::Connect { .. } | Failure::Lost { .. }) => thread::sleep(PAUSE),
                Err(failure) => return Err(failure),
            }
            continue;
        };
        let key = writes.acknowledged.len() as u64;
        match open.call(&place::create(paths.of(key), place::value(values, key))) {
            Ok(_) => {}
            // It was made by the request whose answer was lost.
            Err(Failure::Refused { code, .. }) if again && code == ErrorCode::NodeExists.to_i32() => {}
            Err(Failure::Lost { .. }) => {
                session = open.session.clone();
                client = None;
                again = true;
                writes.reconnects += 1;
                continue;
            }
            Err(failure) => return Err(failure),
        }
        session = open.session.clone();
        again = false;
        last = Instant::now();
        writes.acknowledged.push(last);
        progress.set((last - began).as_millis() as u64);
    }
    match client {
        // The figures are there; a session that is not closed expires.
        Some(client) => drop(client.close()),
        None => return Err(Failure::Broken("the connection was lost and did not come back".to_owned())),
    }
    Ok(writes)
}

/// What was killed, and when.
#[derive(Debug)]
struct Kill {
    server: Server,
    at: Instant,
}

/// At this time, find the leader and kill its process.
fn kill_leader(args: &FailoverArgs, at: Instant) -> Result<Option<Kill>, Failure> {
    if args.pids.is_empty() {
        return Ok(None);
    }
    thread::sleep(at.saturating_duration_since(Instant::now()));
    let found = args.pids.iter().find(|process| leads(&process.server));
    let Some(ServerProcess { server, pid }) = found else {
        let what = "none of the servers with a --pid says (srvr) that it leads".to_owned();
        return Err(Failure::Unfit(what));
    };
    let at = Instant::now();
    let process = Pid::from_raw(*pid).expect("the arguments let only positive numbers in");
    kill_process(process, Signal::KILL).map_err(|why| system("killing the leader")(why.into()))?;
    Ok(Some(Kill { server: server.clone(), at }))
}

fn leads(server: &Server) -> bool {
    srvr(server).is_ok_and(|text| text.lines().any(|line| line == "Mode: leader"))
}

/// The answer to the word `srvr`, the one every server's whitelist has.
fn srvr(server: &Server) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&server.address(), WORD_LIMIT)?;
    stream.set_read_timeout(Some(WORD_LIMIT))?;
    stream.write_all(b"srvr")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

/// The longest time without an acknowledged write before the kill, and from the last one before it on.
fn gaps(began: Instant, kill: Instant, acknowledged: &[Instant]) -> (Duration, Duration) {
    let (mut before, mut after) = (Duration::ZERO, Duration::ZERO);
    let mut last = began;
    for at in acknowledged {
        let longest = if *at < kill { &mut before } else { &mut after };
        *longest = (*longest).max(*at - last);
        last = *at;
    }
    (before, after)
}

/// Every acknowledged write is on this server, and nothing else but perhaps one more.
fn verify(
    args: &FailoverArgs,
    server: &Server,
    paths: &Paths,
    values: &Values,
    acknowledged: u64,
) -> Result<(), Failure> {
    let mut client = connect(server, args.common.session_timeout)?;
    place::sync(&mut client)?;
    let list = Request::GetChildren(WatchRequest { path: args.place.path.clone(), watch: false });
    let Response::Children(names) = client.call(&list)? else {
        unreachable!("it is read as one of getChildren")
    };
    let there: BTreeSet<String> = names.iter().map(|name| format!("{}/{name}", args.place.path)).collect();
    let lost = (0..acknowledged).filter(|key| !there.contains(&paths.of(*key))).count();
    if lost > 0 {
        let what = format!("{lost} of {acknowledged} acknowledged writes are not on {server}");
        return Err(Failure::Broken(what));
    }
    if there.len() as u64 > acknowledged + 1 {
        return Err(Failure::Broken(format!(
            "{server} has {} znodes, {acknowledged} were written",
            there.len()
        )));
    }
    for key in 0..acknowledged {
        let get = Request::GetData(WatchRequest { path: paths.of(key), watch: false });
        let Response::Data { data, .. } = client.call(&get)? else {
            unreachable!("it is read as one of getData")
        };
        if !data.is_some_and(|data| values.is_of(key, &data)) {
            return Err(Failure::Broken(format!("{} is not what was written, on {server}", paths.of(key))));
        }
    }
    client.close()
}

/// A session with a server that may still be on its way back.
fn connect(server: &Server, timeout: Duration) -> Result<Client, Failure> {
    let until = Instant::now() + PATIENCE;
    loop {
        match Client::connect(server, timeout) {
            Err(Failure::Connect { .. } | Failure::Lost { .. }) if Instant::now() < until => {
                thread::sleep(PAUSE)
            }
            other => return other,
        }
    }
}

fn lines(figures: &Figures) -> Vec<String> {
    let killed = figures.killed.as_deref().unwrap_or("no server");
    let leader = figures.leader.as_deref().unwrap_or("no server");
    vec![
        format!("killed: {killed}; {leader} leads now"),
        format!(
            "write gap {:>8.1} ms (longest before: {:.1} ms), {} reconnects",
            figures.write_gap_ms, figures.longest_before_ms, figures.reconnects
        ),
        format!(
            "{} writes acknowledged, all of them found on every server that is left",
            figures.acknowledged
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gap_begins_with_the_last_write_before_the_kill() {
        let began = Instant::now();
        let at = |ms: u64| began + Duration::from_millis(ms);
        let acknowledged: Vec<Instant> = [10, 40, 50, 350, 360, 500].into_iter().map(at).collect();
        let found = gaps(began, at(55), &acknowledged);
        assert_eq!(found, (Duration::from_millis(30), Duration::from_millis(300)));
        // Of two gaps after the kill the longer one counts.
        let found = gaps(began, at(45), &[10, 40, 50, 350].into_iter().map(at).collect::<Vec<_>>());
        assert_eq!(found.1, Duration::from_millis(300));
    }
}
