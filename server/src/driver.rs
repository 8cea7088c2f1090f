//! The one caller of `step`: everything that happens goes in, everything core wants comes out.

mod backlog;
mod disk;
pub(crate) mod recorder;
mod slow;
mod start;
mod turned_away;

use std::time::{Duration, Instant};

use quorate_core::election::ServerState;
use quorate_core::ids::{ConnId, Now};
use quorate_core::pipeline::ClientTxn;
use quorate_core::{Input, Output, Outputs, QuorumPeer, Status};
use tracing::{info, warn};

use crate::admin::answers::Answers;
use crate::admin::desk::{self, Bell, Desk, Drain, Drained, PIECE, Question};
use crate::admin::facts;
use crate::admin::four_letter;
use crate::admin::metrics::{Metrics, micros};
use crate::admin::mode::Mode;
use crate::admin::reload::Reload;
use crate::admin::view::{Reset, View};
use crate::clock::Clock;
use crate::config::{Changes, ServerConfig};
use crate::error::Error;
use crate::logging;
use crate::net::{Net, Occurrence, Wake};
use crate::service::{Announcer, Progress};
use crate::stats::Sizes;
use crate::timer::{Alarms, Durations};
use crate::word::Word;
use disk::{DiskThreads, Finished, Op};
use recorder::Recorder;
use slow::SlowRequests;

pub(crate) use start::run;

/// How long clients may keep one turn of the loop, which alarms, the disk and the other servers
/// then get back.
const CLIENTS_TURN: Duration = Duration::from_millis(10);

/// A running server.
pub(crate) struct Driver {
    config: ServerConfig,
    peer: QuorumPeer<ClientTxn>,
    net: Net,
    disk: DiskThreads,
    alarms: Alarms,
    /// In the last turn alarms were put off after a pause of the whole process.
    forgave: bool,
    durations: Durations,
    clock: Clock,
    outputs: Outputs<ClientTxn>,
    shown: Option<(ServerState, Option<Mode>)>,
    metrics: Metrics,
    answers: Answers,
    /// Where other threads' questions are answered.
    desk: Desk,
    /// Where this loop is asked, also by what it starts itself.
    bell: Bell,
    reload: Reload,
    slow: SlowRequests,
    recorder: Option<Recorder>,
    /// Until this server has served for the first time.
    announcer: Option<Announcer>,
}

impl Driver {
    /// Serve until the process is asked to stop (`Ok`) or must not go on (`Err`).
    pub(crate) fn serve(mut self, announcer: Option<Announcer>) -> Result<(), Error> {
        if let Some(announcer) = &announcer {
            announcer.say(&Progress::Up);
        }
        self.announcer = announcer;
        let (at, now) = self.clock.now();
        let mut turn_began = at;
        self.step(at, now, Input::Start);
        loop {
            self.end_turn();
            self.metrics.turns.record(micros(turn_began.elapsed()));
            let due = self.alarms.next_due().into_iter().chain(self.disk.next_due()).min();
            match self.net.wait(due)? {
                Wake::Go => {}
                Wake::Stop => break,
            }
            turn_began = Instant::now();
            self.turn()?;
        }
        info!("stopping");
        let Driver { net, disk, peer, recorder, .. } = self;
        if let Some(recorder) = recorder {
            recorder.end(&peer);
        }
        // Clients and servers are to look for another server at once, whatever the disk still does.
        drop(net);
        let stopped = disk.stop();
        // Taking a big tree apart would only keep the process.
        std::mem::forget(peer);
        stopped
    }

    /// One turn: the disk's answers, the network, then the alarms that are due. What has arrived counts
    /// before a server or a client is taken to be silent.
    fn turn(&mut self) -> Result<(), Error> {
        let (at, now) = self.clock.now();
        while let Some(finished) = self.disk.finished(at) {
            // Before the step, which may answer what has waited.
            for wait in self.disk.waits() {
                self.metrics.log_waits.record(micros(wait));
                self.slow.log_waited(at, wait);
            }
            let input = match finished {
                Finished::Done(ticket, took) => {
                    self.metrics.syncs.record(micros(took));
                    self.metrics.slow_syncs += u64::from(took > self.config.files.fsync_warning);
                    Input::Done(ticket)
                }
                Finished::SnapshotTaken(took) => {
                    self.metrics.snapshots.record(micros(took));
                    Input::SnapshotTaken
                }
                Finished::SnapshotGivenUp { failed } => {
                    self.metrics.failed_snapshots += u64::from(failed);
                    Input::SnapshotTaken
                }
                Finished::LogFailed(why) => return Err(Error::Log(why)),
                Finished::SnapshotFailed(why) => return Err(Error::Snapshot(why)),
            };
            self.step(at, now, input);
        }
        self.disk.watch(at);
        let mut clients_began = None;
        while let Some(occurrence) = self.net.next(at) {
            if is_of_client(&occurrence) {
                clients_began.get_or_insert_with(Instant::now);
            }
            match occurrence {
                Occurrence::Input(input) => self.step(at, now, input),
                Occurrence::Asked(conn, word) => self.asked(at, now, conn, word),
                Occurrence::Left(conn) => self.answers.forget(conn),
            }
            if clients_began.is_some_and(|began| began.elapsed() >= CLIENTS_TURN) {
                // What is left is the next turn's, and the system is not waited for before that.
                self.net.client.end_turn_early();
                break;
            }
        }
        // One turn may not be enough for all that waits after a pause of the whole process.
        self.forgave = !self.forgave && self.alarms.forgive(at, self.durations.tick);
        if self.forgave {
            warn!(
                "stood still for more than {} ms: no peer and no session is given up yet",
                self.durations.tick.as_millis()
            );
        }
        while let Some(timer) = self.alarms.pop_due(at) {
            self.step(at, now, Input::Alarm(timer));
        }
        self.answer_words(at, now);
        self.answer_question(at, now);
        if self.net.asked_to_reload() {
            self.reload.begin(&self.bell);
        }
        Ok(())
    }

    /// Answer one question of another thread. What it comes to is bounded, so it never holds up a turn.
    fn answer_question(&mut self, at: Instant, now: Now) {
        let Some(question) = self.desk.next() else { return };
        let began = Instant::now();
        let changes = desk::look(question, &self.view(at, now), || self.net.links());
        match changes {
            Some(Question::Reset(what, reply)) => {
                self.reset(what);
                let _ = reply.send(());
            }
            Some(Question::Drain(drain, reply)) => {
                let (seen, closed, next) = self.net.client.drain(drain.from, PIECE, |n| drain.picks(n));
                let rest = next.map(|from| Drain { from, seen: drain.seen + seen, ..drain });
                let _ = reply.send(Drained { closed, rest });
            }
            Some(Question::Follow(changes, reply)) => {
                self.follow(&changes);
                let _ = reply.send(());
            }
            _ => {}
        }
        self.metrics.answers.record(micros(began.elapsed()));
    }

    /// A connection asks a four-letter word.
    fn asked(&mut self, at: Instant, now: Now, conn: ConnId, word: Word) {
        let (answer, reset) = four_letter::answer(word, &self.view(at, now));
        if let Some(what) = reset {
            self.reset(what);
        }
        self.answers.begin(conn, answer);
        self.send_piece(at, now, conn);
    }

    /// Follow what has changed in the configuration and can be followed.
    fn follow(&mut self, changes: &Changes) {
        let new = &changes.config;
        logging::change(new.log.as_ref());
        self.net.client.set_limits(new);
        self.disk.set_autopurge(new.files.autopurge);
        let own = &mut self.config;
        own.four_letter_words = new.four_letter_words.clone();
        own.slow_request = new.slow_request;
        // What is shown is what is in force.
        (own.max_client_cnxns, own.max_cnxns) = (new.max_client_cnxns, new.max_cnxns);
        (own.client_memory, own.outstanding_limit) = (new.client_memory, new.outstanding_limit);
        own.sessionless_timeout = new.sessionless_timeout;
        own.files.autopurge = new.files.autopurge;
    }

    fn reset(&mut self, what: Reset) {
        match what {
            Reset::Server => {
                self.net.client.reset_totals();
                self.metrics.proposal_sizes = Sizes::default();
            }
            Reset::Connections => self.net.client.reset_connections(),
            Reset::Links => self.net.reset_links(),
            Reset::TraceMask(mask) => self.metrics.trace_mask = Some(mask),
        }
    }

    /// Every connection that has taken in what it was sent of an answer gets the next piece.
    fn answer_words(&mut self, at: Instant, now: Now) {
        let began = Instant::now();
        while let Some(conn) = self.net.client.wants_piece() {
            self.send_piece(at, now, conn);
            if began.elapsed() >= CLIENTS_TURN {
                break;
            }
        }
    }

    fn send_piece(&mut self, at: Instant, now: Now, conn: ConnId) {
        let Driver { config, peer, net, metrics, answers, .. } = self;
        let view = View { config, peer, port: &net.client, metrics, at, now };
        if let Some((piece, last)) = answers.next_piece(conn, view.source()) {
            net.client.write_piece(at, conn, &piece, last);
        }
    }

    fn view(&self, at: Instant, now: Now) -> View<'_> {
        let Driver { config, peer, net, metrics, .. } = self;
        View { config, peer, port: &net.client, metrics, at, now }
    }

    /// The log writer gets one batch, every socket is written once.
    fn end_turn(&mut self) {
        if let Some(recorder) = &mut self.recorder {
            recorder.flush();
        }
        if let Some(operations) = self.disk.submit() {
            self.metrics.batches.record(operations as u64);
        }
        self.metrics.backlog = self.disk.backlog();
        let learns = matches!(self.peer.state(), ServerState::Following | ServerState::Observing);
        self.net.set_pressure(self.disk.pressure(), learns);
        let now = Instant::now();
        self.net.flush(now);
        let service = self.peer.service();
        self.net.client.shed(now, service.watch_bytes(), |conn| service.watch_bytes_of(conn));
        if let Some(announcer) = &mut self.announcer {
            announcer.waits_for(self.net.missing());
        }
        self.show_changes();
    }

    fn step(&mut self, at: Instant, now: Now, input: Input<ClientTxn>) {
        let mut outputs = std::mem::take(&mut self.outputs);
        if let Some(recorder) = &mut self.recorder {
            recorder.before(now, &input, |link| self.net.ends(link));
        }
        let reason = turned_away::reason(&input, &self.peer);
        self.peer.step(now, input, &mut outputs);
        if let Some(recorder) = &mut self.recorder {
            recorder.after(&outputs, &self.peer);
        }
        for output in outputs.drain(..) {
            if let (Output::CloseClient(conn), Some((asker, why))) = (&output, &reason)
                && conn == asker
            {
                self.net.client.turned_away(at, *conn, why);
            }
            self.perform(at, output);
        }
        self.outputs = outputs;
    }

    /// Each output is for the network, the disk or the clock.
    fn perform(&mut self, at: Instant, output: Output<ClientTxn>) {
        match output {
            Output::Reply(conn, reply) => {
                if let Some(slow) = self.net.client.reply(at, conn, &reply, self.config.slow_request) {
                    self.slow.tell(at, &slow, &self.metrics);
                }
            }
            Output::CloseClient(conn) => self.net.client.close(at, conn),
            Output::Elect(server, vote) => self.net.elect(at, server, vote),
            Output::Dial(server) => self.net.dial(at, server),
            Output::Send(link, packet) => self.net.send(at, link, &packet),
            Output::Hangup(link, reason) => self.net.hangup(at, link, reason),
            Output::Append(ticket, zxid, txn) => {
                if !self.config.is_standalone() {
                    self.metrics.appended(self.peer.state(), txn.0.len());
                }
                self.disk.add(Op::Append(ticket, zxid, txn.0));
            }
            Output::Truncate(ticket, zxid) => self.disk.add(Op::Truncate(ticket, zxid)),
            Output::InstallSnapshot(ticket, zxid, image) => {
                self.disk.add(Op::InstallSnapshot(ticket, zxid, image));
            }
            Output::SaveAcceptedEpoch(ticket, epoch) => self.disk.add(Op::SaveAcceptedEpoch(ticket, epoch)),
            Output::SaveCurrentEpoch(ticket, epoch) => self.disk.add(Op::SaveCurrentEpoch(ticket, epoch)),
            Output::TakeSnapshot(zxid, image) => self.disk.add(Op::TakeSnapshot(zxid, image)),
            Output::SetAlarm(timer, delay) => self.alarms.set(timer, at + self.durations.of(delay)),
            Output::CancelAlarm(timer) => self.alarms.cancel(timer),
        }
    }

    /// One line in the log when this server's role changes.
    fn show_changes(&mut self) {
        let mode = facts::mode(&self.config, &self.peer);
        let shown = Some((self.peer.state(), mode));
        if shown == self.shown {
            return;
        }
        self.shown = shown;
        self.metrics.observe(Instant::now(), self.peer.state(), mode.is_some());
        if let Some(mode) = mode.filter(|mode| *mode != Mode::ReadOnly)
            && let Some(announcer) = self.announcer.take()
        {
            announcer.say(&Progress::Serves(mode.as_str().to_owned()));
        }
        let Status { state, zab, leader, current_epoch, last_zxid, .. } = self.peer.status();
        let leader = leader.map_or("none".to_owned(), |id| format!("server {id}"));
        let reads = if mode == Some(Mode::ReadOnly) { "; read-only clients are served" } else { "" };
        info!(
            "{state:?}, {zab:?}: leader {leader}, epoch {current_epoch}, last transaction {last_zxid}{reads}"
        );
    }
}

fn is_of_client(occurrence: &Occurrence) -> bool {
    matches!(occurrence, Occurrence::Input(Input::Client(..)) | Occurrence::Asked(..) | Occurrence::Left(_))
}
