//! `quorate bench ready`: from the start of a server to its first right answer.

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use quorate_core::wire::client::{Request, Response, WatchRequest};
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;

use super::args::ReadyArgs;
use super::client::{Client, Session};
use super::failure::{Failure, system};
use super::machine;
use super::report;
use super::request::Paths;
use super::server::Server;
use super::value::Values;

/// How long the client waits before it tries again.
const PAUSE: Duration = Duration::from_millis(1);
/// How long it waits for an answer, at least: a server that is starting may lose a request.
const SHORTEST_LIMIT: Duration = Duration::from_millis(100);
/// How long the server may take to end before it is killed.
const END_LIMIT: Duration = Duration::from_secs(30);

/// What is reported.
#[derive(Debug, Serialize)]
struct Figures {
    mode: &'static str,
    version: &'static str,
    server: String,
    znodes: u64,
    /// From starting the command to the first right answer, ms.
    ready_ms: f64,
    /// Processor time the server had taken by then, ms.
    cpu_ms: f64,
    /// The process's resident memory then, bytes.
    rss_bytes: u64,
    valid: bool,
}

/// Run it.
///
/// # Errors
/// The server ends, does not answer in time, or answers wrong.
pub(super) fn run(args: &ReadyArgs) -> Result<(), Failure> {
    let server = &args.common.servers[0];
    if Client::connect(server, args.common.session_timeout).is_ok() {
        return Err(Failure::Unfit(format!("{server} answers already")));
    }
    let mut command = Command::new(&args.exec[0]);
    command.args(&args.exec[1..]).stdin(Stdio::null()).stdout(Stdio::null());
    let began = Instant::now();
    let mut child = command.spawn().map_err(system("starting the command"))?;
    let figures = await_answer(args, server, &mut child, began);
    end(&mut child)?;
    let figures = figures?;
    report::give(args.common.json.as_deref(), &lines(&figures), &figures)
}

fn await_answer(
    args: &ReadyArgs,
    server: &Server,
    child: &mut Child,
    began: Instant,
) -> Result<Figures, Failure> {
    // A lost request makes the result wrong by a tenth at most.
    while !answers(args, server, SHORTEST_LIMIT.max(began.elapsed() / 10))? {
        if let Some(status) = child.try_wait().map_err(system("looking at the command"))? {
            return Err(Failure::Unfit(format!("the command ended before it answered: {status}")));
        }
        if began.elapsed() > args.timeout {
            let what = format!("no answer from {server} within {} s", args.timeout.as_secs_f64());
            return Err(Failure::Unfit(what));
        }
        thread::sleep(PAUSE);
    }
    let ready = began.elapsed();
    Ok(Figures {
        mode: "ready",
        version: env!("CARGO_PKG_VERSION"),
        server: server.to_string(),
        znodes: args.znodes,
        ready_ms: ready.as_secs_f64() * 1e3,
        cpu_ms: machine::cpu(child.id())?.as_secs_f64() * 1e3,
        rss_bytes: machine::resident(child.id())?,
        valid: true,
    })
}

/// Whether it gives a session and, if wanted, the right value of the last znode.
fn answers(args: &ReadyArgs, server: &Server, limit: Duration) -> Result<bool, Failure> {
    let mut client = match Client::attach(server, Session::new(args.common.session_timeout), limit) {
        Ok(client) => client,
        // Not there yet, or there but not serving.
        Err(Failure::Connect { .. } | Failure::Lost { .. }) => return Ok(false),
        Err(failure) => return Err(failure),
    };
    if let Some(last) = args.znodes.checked_sub(1) {
        let path = Paths::below(&args.path).of(last);
        let get = Request::GetData(WatchRequest { path: path.clone(), watch: false });
        let answer = match client.call(&get) {
            Err(Failure::Lost { .. }) => return Ok(false),
            answer => answer?,
        };
        let Response::Data { data, .. } = answer else { unreachable!("it is read as one of getData") };
        if !data.is_some_and(|data| Values::new(args.value_size as usize).is_of(last, &data)) {
            return Err(Failure::Broken(format!("{path} is not what was written")));
        }
    }
    Ok(true)
}

/// Ask the server to end, and see to it that it does.
fn end(child: &mut Child) -> Result<(), Failure> {
    // It may have ended already.
    let _ = kill_process(Pid::from_child(child), Signal::TERM);
    let until = Instant::now() + END_LIMIT;
    while child.try_wait().map_err(system("looking at the command"))?.is_none() {
        if Instant::now() > until {
            child.kill().map_err(system("ending the command"))?;
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

fn lines(figures: &Figures) -> Vec<String> {
    vec![
        format!("{} answered right {:.1} ms after it was started", figures.server, figures.ready_ms),
        format!("{:.0} ms of processor time, {} resident", figures.cpu_ms, report::bytes(figures.rss_bytes)),
    ]
}
