//! One client thread of `quorate bench load`: its connections, on one poll.
//!
//! A connection that has something to read costs one read and one write, however many replies there
//! are. Time is taken once after each read.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::atomic::Ordering;
use std::time::Duration;

use hdrhistogram::Histogram;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use super::check::{Asked, Checker, Outstanding, Wrong};
use super::client::Client;
use super::failure::{Failure, system};
use super::load::Plan;
use super::report::histogram;
use super::request;
use super::socket::{Socket, cut};
use super::value::Random;

/// How often silent connections are looked for and the progress is told.
const HOUSEKEEPING: u64 = 100_000_000;
/// How long an answer may take before the run counts as broken, ns.
const SILENCE: u64 = 30_000_000_000;
const TIMER: Token = Token(usize::MAX);

/// What a thread has measured.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Latencies of reads, ns.
    pub(super) reads: Histogram<u64>,
    /// Latencies of writes, ns.
    pub(super) writes: Histogram<u64>,
    /// Requests that were due but not sent before the end.
    pub(super) unsent: u64,
}

impl Default for Outcome {
    fn default() -> Outcome {
        Outcome { reads: histogram(), writes: histogram(), unsent: 0 }
    }
}

impl Outcome {
    /// And what another thread has measured.
    pub(super) fn add(&mut self, other: &Outcome) {
        self.reads.add(&other.reads).expect("the bounds are the same");
        self.writes.add(&other.writes).expect("the bounds are the same");
        self.unsent += other.unsent;
    }
}

/// One connection.
#[derive(Debug)]
struct Connection {
    number: usize,
    server: String,
    socket: Socket,
    checker: Checker,
    /// When the last request was sent, ns after the beginning.
    last_sent: u64,
    /// How long it may send nothing without a ping, ns.
    ping_after: u64,
    /// Bytes to send at the end of this wake-up.
    touched: bool,
    out: Vec<u8>,
}

/// A client thread.
#[derive(Debug)]
pub(super) struct Worker<'a> {
    plan: &'a Plan,
    poll: Poll,
    connections: Vec<Connection>,
    random: Random,
    /// The version of the next value that is written; no two threads have the same.
    version: u64,
    outcome: Outcome,
    replies: u64,
    told: u64,
    housekeeping: u64,
    /// With a rate: when the next request is due, and whose turn it is.
    pace: Option<Pace>,
    /// Something is due but every window is full: only an answer helps.
    full: bool,
}

/// Requests at a rate.
#[derive(Debug)]
struct Pace {
    interval: f64,
    /// Requests that were sent.
    sent: u64,
    turn: usize,
    timer: OwnedFd,
}

impl Pace {
    fn due(&self) -> u64 {
        (self.sent as f64 * self.interval) as u64
    }
}

impl<'a> Worker<'a> {
    /// A thread with these connections.
    pub(super) fn new(
        plan: &'a Plan,
        clients: Vec<(usize, String, Client)>,
        seed: u64,
        thread: usize,
    ) -> Result<Worker<'a>, Failure> {
        let poll = Poll::new().map_err(system("waiting for sockets"))?;
        let mut connections = Vec::with_capacity(clients.len());
        for (index, (number, server, client)) in clients.into_iter().enumerate() {
            let (stream, checker, session) = client.into_parts()?;
            let mut socket = Socket::new(stream);
            let both = Interest::READABLE | Interest::WRITABLE;
            poll.registry()
                .register(socket.stream(), Token(index), both)
                .map_err(system("waiting for sockets"))?;
            let ping_after = u64::from(session.timeout_ms.unsigned_abs()) * 1_000_000 / 3;
            let last_sent = plan.began.elapsed().as_nanos() as u64;
            connections.push(Connection {
                number,
                server,
                socket,
                checker,
                last_sent,
                ping_after,
                touched: false,
                out: Vec::new(),
            });
        }
        let pace = plan.interval.map(|interval| Pace::new(interval, &poll)).transpose();
        Ok(Worker {
            plan,
            poll,
            connections,
            random: Random::new(seed.wrapping_add(thread as u64)),
            version: ((thread as u64) << 48) + 1,
            outcome: Outcome::default(),
            replies: 0,
            told: 0,
            housekeeping: 0,
            pace: pace.map_err(system("making a timer"))?,
            full: false,
        })
    }

    /// Run until the end of the plan, and until everything that was sent is answered.
    pub(super) fn run(mut self) -> Result<Outcome, Failure> {
        let mut events = Events::with_capacity(1024);
        let mut buffer = Vec::new();
        if self.pace.is_none() {
            for index in 0..self.connections.len() {
                let now = self.now();
                for _ in 0..self.plan.window {
                    self.ask(index, now);
                }
                self.send(index)?;
            }
        }
        loop {
            let now = self.now();
            if now >= self.plan.end() && self.connections.iter().all(|c| c.checker.outstanding() == 0) {
                break;
            }
            if self.plan.failed.load(Ordering::Relaxed) {
                break;
            }
            if now >= self.housekeeping {
                self.keep_house(now)?;
            }
            self.set_timer(now).map_err(system("setting a timer"))?;
            match self.poll.poll(&mut events, Some(Duration::from_nanos(HOUSEKEEPING))) {
                Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
                other => other.map_err(system("waiting for sockets"))?,
            }
            for event in &events {
                if event.token() == TIMER {
                    continue;
                }
                let index = event.token().0;
                if event.is_writable() {
                    let connection = &mut self.connections[index];
                    connection.socket.flush().map_err(|why| connection.lost(why))?;
                }
                if event.is_readable() {
                    self.receive(index, &mut buffer)?;
                }
            }
            self.send_due()?;
        }
        if let Some(pace) = &self.pace {
            let due = (self.plan.end() as f64 / pace.interval) as u64;
            self.outcome.unsent = due.saturating_sub(pace.sent);
        }
        self.close();
        Ok(self.outcome)
    }

    fn now(&self) -> u64 {
        self.plan.began.elapsed().as_nanos() as u64
    }

    /// Read what is there, judge it, and ask for more.
    fn receive(&mut self, index: usize, buffer: &mut Vec<u8>) -> Result<(), Failure> {
        loop {
            let connection = &mut self.connections[index];
            let filled = connection.socket.fill(buffer).map_err(|why| connection.lost(why))?;
            let Some(filled) = filled else { return Ok(()) };
            let now = self.now();
            let mut rest = &buffer[..filled.length];
            loop {
                let connection = &mut self.connections[index];
                let next = cut(rest).map_err(|length| connection.wrong(Wrong::Frame(length)))?;
                let Some((frame, behind)) = next else { break };
                rest = behind;
                let answered = connection.checker.reply(frame, &self.plan.values);
                let answered = answered.map_err(|wrong| connection.wrong(wrong))?;
                self.record(&answered, now);
                if self.pace.is_none() && now < self.plan.end() && answered.asked != Asked::Empty {
                    self.ask(index, now);
                }
            }
            self.connections[index].socket.keep(rest);
            self.send(index)?;
            if !filled.more {
                return Ok(());
            }
        }
    }

    fn record(&mut self, answered: &Outstanding, now: u64) {
        self.replies += 1;
        // At a rate those count too whose answer came late: leaving out the slowest would flatter.
        let in_time = now < self.plan.end() || self.pace.is_some();
        if now < self.plan.measure || !in_time {
            return;
        }
        let latency = now - answered.since;
        match answered.asked {
            Asked::Read(_) => self.outcome.reads.saturating_record(latency),
            Asked::Write(_) => self.outcome.writes.saturating_record(latency),
            Asked::Empty => {}
        }
    }

    /// Append a request that was due at `since`.
    fn ask(&mut self, index: usize, since: u64) {
        let plan = self.plan;
        let read = plan.read_ratio == 100 || plan.read_ratio > 0 && self.random.below(100) < plan.read_ratio;
        let key = self.random.below(plan.keys);
        let connection = &mut self.connections[index];
        if read {
            let xid = connection.checker.ask(Asked::Read(key), since);
            request::get_data(&mut connection.out, xid, &plan.paths, key, false);
        } else {
            let xid = connection.checker.ask(Asked::Write(key), since);
            request::set_data(&mut connection.out, xid, &plan.paths, key, &plan.values, self.version);
            self.version += 1;
        }
        connection.last_sent = connection.last_sent.max(since);
    }

    fn send(&mut self, index: usize) -> Result<(), Failure> {
        let connection = &mut self.connections[index];
        if !connection.out.is_empty() {
            let sent = connection.socket.send(&connection.out);
            connection.out.clear();
            sent.map_err(|why| connection.lost(why))?;
        }
        Ok(())
    }

    /// Send what is due by now, as far as the windows have room.
    fn send_due(&mut self) -> Result<(), Failure> {
        let now = self.now();
        let count = self.connections.len();
        let mut touched = Vec::new();
        self.full = false;
        while let Some(pace) = &mut self.pace {
            let due = pace.due();
            if due > now || due >= self.plan.end() || now >= self.plan.end() {
                break;
            }
            let window = self.plan.window;
            let room = |index: &usize| self.connections[*index].checker.outstanding() < window;
            let free = (0..count).map(|n| (pace.turn + n) % count).find(room);
            let Some(index) = free else {
                self.full = true;
                break;
            };
            pace.turn = (index + 1) % count;
            pace.sent += 1;
            self.ask(index, due);
            if !std::mem::replace(&mut self.connections[index].touched, true) {
                touched.push(index);
            }
        }
        for index in touched {
            self.connections[index].touched = false;
            self.send(index)?;
        }
        Ok(())
    }

    /// Wake up when the next request is due, unless an answer has to come first.
    fn set_timer(&self, now: u64) -> io::Result<()> {
        let Some(pace) = &self.pace else { return Ok(()) };
        if self.full {
            return Ok(());
        }
        // 0 would switch the timer off.
        let wait = pace.due().saturating_sub(now).max(1);
        let after =
            Timespec { tv_sec: (wait / 1_000_000_000) as i64, tv_nsec: (wait % 1_000_000_000) as i64 };
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        let once = Itimerspec { it_interval: never, it_value: after };
        timerfd_settime(&pace.timer, TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }

    /// Pings for connections with nothing to do, a verdict on those without an answer.
    fn keep_house(&mut self, now: u64) -> Result<(), Failure> {
        self.housekeeping = now + HOUSEKEEPING;
        self.plan.replies.fetch_add(self.replies - self.told, Ordering::Relaxed);
        self.told = self.replies;
        for index in 0..self.connections.len() {
            let connection = &mut self.connections[index];
            if connection.checker.outstanding() == 0 {
                if now.saturating_sub(connection.last_sent) > connection.ping_after {
                    connection.checker.ask_ping(now);
                    connection.last_sent = now;
                    request::ping(&mut connection.out);
                    self.send(index)?;
                }
            } else if connection
                .checker
                .oldest()
                .is_some_and(|oldest| now.saturating_sub(oldest.since) > SILENCE)
            {
                let (number, server) = (connection.number, connection.server.clone());
                return Err(Failure::Silent { connection: number, server, seconds: SILENCE / 1_000_000_000 });
            }
        }
        Ok(())
    }

    /// End the sessions, without waiting for it.
    fn close(&mut self) {
        for connection in &mut self.connections {
            let xid = connection.checker.ask(Asked::Empty, 0);
            connection.out.clear();
            request::close_session(&mut connection.out, xid);
            // A session that is not closed expires.
            let _ = connection.socket.send(&connection.out);
        }
    }
}

impl Pace {
    fn new(interval: f64, poll: &Poll) -> io::Result<Pace> {
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        poll.registry().register(&mut SourceFd(&timer.as_fd().as_raw_fd()), TIMER, Interest::READABLE)?;
        Ok(Pace { interval, sent: 0, turn: 0, timer })
    }
}

impl Connection {
    fn lost(&self, why: io::Error) -> Failure {
        Failure::Lost { server: self.server.clone(), why }
    }

    fn wrong(&self, wrong: Wrong) -> Failure {
        Failure::Wrong { connection: self.number, server: self.server.clone(), wrong }
    }
}
