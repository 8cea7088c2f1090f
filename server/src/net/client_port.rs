//! The client port: sessions' connections, four-letter words, and strangers.
//!
//! Frames are handed to core one at a time; a connection is not read while its session is being
//! set up, while it does not take in its answers, or while the server has too much in process.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use mio::Registry;
use mio::event::Event;
use mio::net::TcpStream;
use quorate_core::ids::ConnId;
use quorate_core::pipeline::{ClientEvent, ClientReply};
use quorate_core::wire::client::xid;

use super::Pressure;
use super::budget::Budget;
use super::client_conn::{Client, Happened, Stage};
use super::client_stats::{ConnectionExpiry, ConnectionLine, Counts, InProcess, Totals, Waiting};
use super::engine::{Conn, Engine};
use super::listener::Port;
use super::token::PortKind;
use crate::mutation::mutated;

/// How often connections are looked at for having been silent too long.
const SWEEP: Duration = Duration::from_secs(1);
/// Bytes of answers and events a connection may leave lying before it is closed.
const MAX_UNSENT: usize = 64 << 20;
/// Bytes of requests in process above which a client waits for the end of its own, as with
/// `globalOutstandingLimit`.
const MAX_IN_PROCESS: usize = 64 << 20;
/// Output buffers kept for the next answers, and the largest that is kept.
const SPARE: usize = 64;
const SPARE_CAPACITY: usize = 64 * 1024;

/// What the port knows from the configuration.
#[derive(Clone, Debug)]
pub(crate) struct ClientSettings {
    /// `maxClientCnxns`: connections per address; 0: no limit.
    pub(crate) max_per_address: usize,
    /// `maxCnxns`: connections of all addresses together; 0: no limit but the next.
    pub(crate) max_cnxns: usize,
    /// Connections of all addresses together, which must leave descriptors for the log.
    pub(crate) descriptors: usize,
    /// `nio.sessionlessCnxnTimeout`: how long a connection may exist without a session.
    pub(crate) sessionless: Duration,
    /// `jute.maxbuffer`: the longest frame.
    pub(crate) max_frame: usize,
    /// This server's part of `globalOutstandingLimit`.
    pub(crate) outstanding_limit: usize,
    /// `quorate.clientMemory`, in bytes.
    pub(crate) memory: usize,
}

/// The client port of one server.
pub(crate) struct ClientPort {
    settings: ClientSettings,
    engine: Engine<Client>,
    per_address: HashMap<IpAddr, usize>,
    accepted: u64,
    in_process: InProcess,
    budget: Budget,
    pressure: Pressure,
    totals: Totals,
    began: Instant,
    /// Connections that have taken in a piece of an answer and are to get the next.
    hungry: VecDeque<ConnId>,
    events: VecDeque<Happened>,
    throttled: Vec<usize>,
    spare: Vec<Vec<u8>>,
    next_sweep: Option<Instant>,
}

impl ClientPort {
    /// A port; without a listener for a server that takes no clients.
    pub(crate) fn new(settings: ClientSettings, port: Option<Port>) -> Self {
        ClientPort {
            budget: Budget::new(settings.memory),
            settings,
            engine: Engine::new(PortKind::Client, port),
            per_address: HashMap::new(),
            accepted: 0,
            in_process: InProcess::default(),
            pressure: Pressure::None,
            totals: Totals::default(),
            began: Instant::now(),
            hungry: VecDeque::new(),
            events: VecDeque::new(),
            throttled: Vec::new(),
            spare: Vec::new(),
            next_sweep: None,
        }
    }

    // --- what core wants -----------------------------------------------------------------------

    /// Append an answer or an event to what a client is sent.
    pub(crate) fn reply(&mut self, now: Instant, id: ConnId, reply: &ClientReply) {
        let Some((index, conn)) = find(&mut self.engine, id) else { return };
        if conn.socket.unsent() == 0
            && let Some(mut spare) = self.spare.pop()
        {
            conn.socket.swap_buffer(&mut spare);
        }
        let out = conn.socket.out();
        let before = out.len();
        reply.write(out);
        let size = out.len() - before;
        if mutated!(RepliesSwapped) && self.totals.sent.is_multiple_of(97) {
            out.rotate_left(before);
        }
        conn.counts.sent += 1;
        self.totals.sent += 1;
        let answered = match reply {
            ClientReply::Connect(response) => {
                let timeout = u64::try_from(response.timeout_ms).unwrap_or(0);
                conn.stage = Stage::Open(Duration::from_millis(timeout));
                conn.session = Some((response.session.0, response.timeout_ms));
                Some((0, 0))
            }
            ClientReply::Reply { header, .. } => {
                self.totals.reply_sizes.record(size);
                (header.xid != xid::NOTIFICATION).then_some((header.xid, header.zxid))
            }
            ClientReply::Notification { .. } => None,
        };
        if let Some((xid, zxid)) = answered
            && let Some(waiting) = conn.waiting.pop_front()
        {
            self.in_process.remove(&waiting);
            let Waiting { since, op, .. } = waiting;
            let us = now.duration_since(since).as_micros() as u64;
            self.totals.answered(op, us);
            conn.counts.answered(op, xid, zxid, us, now.duration_since(self.began).as_millis());
        }
        self.engine.mark_dirty(index);
        self.account(index);
        // Many answers of one turn: what the clients take in first makes room.
        if self.is_overrun(0) {
            self.flush();
            self.shed(now, 0, |_| 0);
        }
    }

    /// Close the connections that hold the most, if all together hold more than they may. `others` is what
    /// core holds for them, `of` what it holds for one.
    pub(crate) fn shed(&mut self, now: Instant, others: usize, of: impl Fn(ConnId) -> usize) {
        // While core does not know yet which are gone, what it holds for them still counts. Then only what
        // the port holds is a reason.
        let others = if self.events.is_empty() { others } else { 0 };
        if !self.is_overrun(others) {
            return;
        }
        let each = self.engine.iter().map(|(index, conn)| conn.held(index, of(conn.id))).collect();
        let total = self.memory() + others;
        for index in self.budget.greediest(each, total) {
            if let Some(conn) = self.engine.get(index) {
                let (peer, kib) = (conn.peer, conn.held(index, of(conn.id)).bytes() >> 10);
                let why = format!(
                    "held {kib} KiB while all connections together held more than quorate.clientMemory={}",
                    self.settings.memory >> 20
                );
                self.engine.refusals.log(now, peer, why);
            }
            self.totals.shed += 1;
            self.lost(index);
        }
    }

    fn is_overrun(&self, others: usize) -> bool {
        self.budget.is_overrun(self.in_process.bytes.saturating_add(others))
    }

    /// What all connections hold, in bytes: unfinished frames, requests in process, unsent answers.
    pub(crate) fn memory(&self) -> usize {
        self.budget.held() + self.in_process.bytes
    }

    /// Count anew what a connection holds.
    fn account(&mut self, index: usize) {
        if let Some(conn) = self.engine.get_mut(index) {
            let (before, now) = conn.count();
            self.budget.account(before, now);
        }
    }

    /// Close a connection after what was sent to it.
    pub(crate) fn close(&mut self, now: Instant, id: ConnId) {
        let Some((index, conn)) = find(&mut self.engine, id) else { return };
        conn.stage = Stage::Closing;
        conn.since = now;
        self.engine.mark_dirty(index);
    }

    /// A client is closed without an answer: only the log says why.
    pub(crate) fn turned_away(&mut self, now: Instant, id: ConnId, why: &str) {
        if let Some((_, conn)) = find(&mut self.engine, id) {
            let peer = conn.peer;
            self.engine.refusals.log(now, peer, why);
        }
    }

    /// The next connection that can take in a piece of the answer to its word.
    pub(crate) fn wants_piece(&mut self) -> Option<ConnId> {
        while let Some(id) = self.hungry.pop_front() {
            if find(&mut self.engine, id).is_some() {
                return Some(id);
            }
        }
        None
    }

    /// Write the next piece of the answer to a word; after the last one the connection is closed.
    pub(crate) fn write_piece(&mut self, now: Instant, id: ConnId, piece: &str, last: bool) {
        let Some((index, conn)) = find(&mut self.engine, id) else { return };
        conn.socket.out().extend_from_slice(piece.as_bytes());
        if last {
            conn.counts.sent += 1;
            self.totals.sent += 1;
            return self.close(now, id);
        }
        (conn.stage, conn.since) = (Stage::Answering, now);
        self.engine.mark_dirty(index);
        self.account(index);
    }

    // --- what the event loop saw ---------------------------------------------------------------

    /// The listener is readable.
    pub(crate) fn listener_ready(&mut self) {
        self.engine.listener_ready();
    }

    /// A connection is readable, writable or broken.
    pub(crate) fn ready(&mut self, index: usize, event: &Event) {
        let Some(conn) = self.engine.ready(index, event) else { return };
        let (readable, unsent) = (conn.socket.readable, conn.socket.unsent());
        if event.is_writable() && unsent > 0 {
            self.engine.mark_dirty(index);
        }
        if readable {
            self.engine.queue(index);
        }
    }

    /// Take the connections that wait to be accepted.
    pub(crate) fn accept(&mut self, now: Instant, registry: &Registry) {
        while let Some((stream, peer)) = self.engine.accept(now) {
            if let Err(error) = self.insert(now, stream, peer, registry) {
                self.totals.rejected += 1;
                self.engine.refusals.log(now, peer, error);
            }
        }
    }

    /// Read less, or again.
    pub(crate) fn set_pressure(&mut self, pressure: Pressure) {
        self.pressure = pressure;
        // At once: until then they count as silent.
        self.resume();
    }

    /// Whether so much is in process that a client waits for the end of its own.
    fn over_limit(&self) -> bool {
        let InProcess { requests, bytes } = self.in_process;
        requests >= self.settings.outstanding_limit
            || bytes >= MAX_IN_PROCESS
            || self.pressure > Pressure::None
    }

    /// Whether there is something to do without waiting for the system.
    pub(crate) fn has_work(&self) -> bool {
        let resumes = !self.throttled.is_empty() && !self.over_limit();
        resumes
            || !self.hungry.is_empty()
            || !self.events.is_empty()
            || self.engine.has_to_read()
            || self.engine.has_to_write()
    }

    /// A new turn of the loop: every connection may be read again.
    pub(crate) fn begin_turn(&mut self) {
        self.engine.begin_turn();
        self.resume();
    }

    /// Connections that had to wait for others may be read again.
    fn resume(&mut self) {
        if !self.over_limit() {
            for index in std::mem::take(&mut self.throttled) {
                self.engine.queue(index);
            }
        }
    }

    /// Leave what is queued to the next turn, which begins with another connection.
    pub(crate) fn end_turn_early(&mut self) {
        self.engine.rotate();
    }

    /// The next thing a client did.
    pub(crate) fn next_happened(&mut self, now: Instant, scratch: &mut [u8]) -> Option<Happened> {
        loop {
            if let Some(happened) = self.events.pop_front() {
                return Some(happened);
            }
            let (over_limit, overloaded) = (self.over_limit(), self.pressure == Pressure::Overloaded);
            let (index, conn) = self.engine.front()?;
            if conn.is_paused() {
                self.engine.leave(false);
                continue;
            }
            let in_process = !conn.waiting.is_empty() || overloaded && matches!(conn.stage, Stage::Open(_));
            if over_limit && in_process {
                self.throttled.push(index);
                self.engine.leave(false);
                continue;
            }
            if conn.is_unread() {
                conn.read(scratch);
            }
            let next = conn.next(now);
            let (before, held) = conn.count();
            self.budget.account(before, held);
            match next {
                Ok(Some(happened)) => {
                    self.totals.received += 1;
                    match &happened {
                        Happened::Event(_, ClientEvent::Frame(frame)) => {
                            self.totals.bytes_received += frame.len() as u64;
                            self.in_process.add(frame.len());
                        }
                        Happened::Event(_, ClientEvent::Connect { frame, .. }) => {
                            self.totals.bytes_received += frame.len() as u64;
                            self.totals.connection_requests += 1;
                            self.in_process.add(frame.len());
                        }
                        Happened::Event(_, ClientEvent::Closed) | Happened::Asked(..) | Happened::Left(_) => {
                        }
                    }
                    return Some(happened);
                }
                Ok(None) if conn.is_closed() => self.lost(index),
                Ok(None) => {
                    let more = conn.socket.readable;
                    self.engine.leave(more);
                }
                Err(why) => {
                    let peer = conn.peer;
                    self.engine.refusals.log(now, peer, why);
                    self.lost(index);
                }
            }
        }
    }

    /// Send what waits, once per connection.
    pub(crate) fn flush(&mut self) {
        for index in self.engine.take_dirty() {
            let Some(conn) = self.engine.get_mut(index) else { continue };
            let written = conn.socket.write();
            if matches!(written, Ok(true))
                && matches!(conn.stage, Stage::Greeting | Stage::Connecting | Stage::Open(_))
            {
                let mut buffer = Vec::new();
                conn.socket.swap_buffer(&mut buffer);
                if self.spare.len() < SPARE && buffer.capacity() <= SPARE_CAPACITY {
                    self.spare.push(buffer);
                }
            }
            let (before, held) = conn.count();
            self.budget.account(before, held);
            match written {
                Ok(true) if conn.stage == Stage::Closing => {
                    self.remove(index);
                }
                Ok(true) if conn.stage == Stage::Answering => self.hungry.push_back(conn.id),
                Ok(true) => {
                    if conn.has_more() {
                        self.engine.queue(index);
                    }
                }
                Ok(false) if conn.socket.unsent() > MAX_UNSENT => self.lost(index),
                Ok(false) => {}
                Err(_) => self.lost(index),
            }
        }
    }

    /// When connections are looked at next for having been silent too long.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        if self.engine.is_empty() { None } else { self.next_sweep }
    }

    /// Close connections that were silent too long, or never introduced themselves.
    pub(crate) fn expire(&mut self, now: Instant) {
        if self.next_sweep.is_some_and(|due| now < due) {
            return;
        }
        self.next_sweep = Some(now + SWEEP);
        self.engine.refusals.roll(now);
        // After a shortage of descriptors the listener is silent until it is asked again.
        self.engine.listener_ready();
        // Clients that are not read cannot be heard.
        let deaf = self.pressure == Pressure::Overloaded;
        let sessionless = self.settings.sessionless;
        let late = self.engine.all(|conn| {
            conn.is_late(now, sessionless, conn.is_queued())
                && !(deaf && matches!(conn.stage, Stage::Open(_)))
        });
        for index in late {
            if let Some(conn) = self.engine.get(index)
                && conn.stage == Stage::Greeting
            {
                self.totals.sessionless_expired += 1;
                let (peer, why) = (conn.peer, format!("said nothing for {} ms", sessionless.as_millis()));
                self.engine.refusals.log(now, peer, why);
            }
            self.lost(index);
        }
    }

    // --- what an operator asks -----------------------------------------------------------------

    /// Open connections.
    pub(crate) fn len(&self) -> usize {
        self.engine.len()
    }

    /// Requests not yet answered.
    pub(crate) fn outstanding(&self) -> usize {
        self.in_process.requests
    }

    /// The sums over all connections.
    pub(crate) fn totals(&self) -> Totals {
        self.totals
    }

    /// Begin the sums anew.
    pub(crate) fn reset_totals(&mut self) {
        self.totals.reset();
    }

    /// Begin the counts of every connection anew.
    pub(crate) fn reset_connections(&mut self) {
        for conn in self.engine.iter_mut() {
            conn.counts = Counts::default();
        }
    }

    /// The connections from this place on, each with its place.
    pub(crate) fn connections_from(&self, place: usize) -> impl Iterator<Item = (usize, ConnectionLine<'_>)> {
        self.engine.iter_from(place).map(|(index, conn)| (index, conn.line()))
    }

    /// When each connection is closed if it stays silent, earliest first, and at how many moments
    /// that is: they are rounded up to `nio.sessionlessCnxnTimeout`, as ZooKeeper shows them.
    pub(crate) fn expiries(&self, now: Instant, wall_ms: i64) -> (usize, Vec<ConnectionExpiry>) {
        let sessionless = self.settings.sessionless;
        let step = sessionless.as_millis().max(1) as i64;
        let expiry = |(_, conn): (usize, &Conn<Client>)| {
            let left = conn.due(sessionless).saturating_duration_since(now).as_millis() as i64;
            let due_ms = (wall_ms + left) / step * step + step;
            let session = conn.session.map_or(0, |(session, _)| session);
            ConnectionExpiry { due_ms, together: 0, peer: conn.peer, session }
        };
        let mut all: Vec<ConnectionExpiry> = self.engine.iter().map(expiry).collect();
        all.sort_by_key(|expiry| expiry.due_ms);
        let mut sets = 0;
        for set in all.chunk_by_mut(|a, b| a.due_ms == b.due_ms) {
            sets += 1;
            let together = set.len();
            set.iter_mut().for_each(|expiry| expiry.together = together);
        }
        (sets, all)
    }

    // --- inside --------------------------------------------------------------------------------

    fn insert(
        &mut self,
        now: Instant,
        stream: TcpStream,
        peer: SocketAddr,
        registry: &Registry,
    ) -> io::Result<()> {
        if self.engine.len() >= self.settings.descriptors {
            return Err(io::Error::other("too many connections for this server's limit of open files"));
        }
        let limit = self.settings.max_cnxns;
        if limit > 0 && self.engine.len() >= limit {
            return Err(io::Error::other(format!("too many connections (maxCnxns={limit})")));
        }
        let limit = self.settings.max_per_address;
        let count = self.per_address.get(&peer.ip()).copied().unwrap_or(0);
        if limit > 0 && count >= limit {
            return Err(io::Error::other(format!(
                "too many connections from this address (maxClientCnxns={limit})"
            )));
        }
        self.accepted += 1;
        let id = ConnId(self.accepted << SLOT_BITS | self.engine.vacant() as u64);
        let client = Client::new(id, peer.ip(), now, self.settings.max_frame);
        self.engine.insert(stream, peer, client, registry)?;
        self.per_address.insert(peer.ip(), count + 1);
        self.next_sweep.get_or_insert(now + SWEEP);
        Ok(())
    }

    /// A connection is gone, and core did not ask for it.
    fn lost(&mut self, index: usize) {
        let Some(conn) = self.remove(index) else { return };
        match conn.stage {
            Stage::Connecting | Stage::Open(_) => {
                self.events.push_back(Happened::Event(conn.id, ClientEvent::Closed));
            }
            Stage::Answering => self.events.push_back(Happened::Left(conn.id)),
            Stage::Greeting | Stage::Closing => {}
        }
    }

    /// Dropping the connection closes it and takes it out of the event loop.
    fn remove(&mut self, index: usize) -> Option<Conn<Client>> {
        let conn = self.engine.remove(index)?;
        conn.waiting.iter().for_each(|waiting| self.in_process.remove(waiting));
        self.budget.account(conn.counted(), 0);
        if let Some(count) = self.per_address.get_mut(&conn.peer.ip()) {
            *count -= 1;
            if *count == 0 {
                self.per_address.remove(&conn.peer.ip());
            }
        }
        Some(conn)
    }
}

/// The low bits of a [`ConnId`] say where the connection is kept, the others make it unique.
const SLOT_BITS: u32 = 24;

fn find(engine: &mut Engine<Client>, id: ConnId) -> Option<(usize, &mut Conn<Client>)> {
    let index = (id.0 & ((1 << SLOT_BITS) - 1)) as usize;
    let conn = engine.get_mut(index)?;
    (conn.id == id).then_some((index, conn))
}
