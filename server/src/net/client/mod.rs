//! The client port: sessions' connections, four-letter words, and strangers.
//!
//! Frames are handed to core one at a time. A connection is not read while its session is being set up, or
//! while the client does not take in its answers. It waits, too, while the server has too much in process.

mod admission;
mod budget;
mod conn;
mod flow;
mod id;
mod operations;
mod output;
mod report;
mod stats;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::Registry;
use mio::event::Event;
use quorate_core::ids::ConnId;
use quorate_core::pipeline::ClientEvent;

use super::engine::{Conn, Engine, Entered, Next};
use super::listener::{Accepted, Port};
use super::pressure::Pressure;
use super::socket::Spare;
use super::token::PortKind;
use super::transport::{Door, Finished, Handshakes};
use crate::config::ServerConfig;
use admission::Admission;
pub(crate) use admission::ConnectionLimits;
pub(crate) use conn::Happened;
use conn::{Client, Stage};
use flow::Flow;
pub(crate) use operations::Operations;
pub(crate) use output::Slow;
pub(crate) use stats::{ConnectionExpiry, ConnectionFacts, Totals};

/// How often connections are looked at for having been silent too long.
const SWEEP: Duration = Duration::from_secs(1);
/// Bytes of answers and events a connection may leave lying before it is closed.
const MAX_UNSENT: usize = 64 << 20;

/// What the port knows from the configuration.
#[derive(Clone, Debug)]
pub(crate) struct ClientSettings {
    /// How many connections there may be.
    pub(crate) connections: ConnectionLimits,
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
    admission: Admission,
    flow: Flow,
    totals: Totals,
    operations: Operations,
    began: Instant,
    /// Connections that have taken in a piece of an answer and are to get the next.
    hungry: VecDeque<ConnId>,
    events: VecDeque<Happened>,
    spare: Spare,
    next_sweep: Option<Instant>,
}

impl ClientPort {
    /// A port; without a listener for a server that takes no clients.
    pub(crate) fn new(settings: ClientSettings, port: Option<Port>) -> Self {
        ClientPort {
            engine: Engine::new(PortKind::Client, port),
            admission: Admission::new(settings.connections),
            flow: Flow::new(settings.outstanding_limit, settings.memory),
            totals: Totals::default(),
            operations: Operations::default(),
            began: Instant::now(),
            hungry: VecDeque::new(),
            events: VecDeque::new(),
            spare: Spare::default(),
            next_sweep: None,
            settings,
        }
    }

    /// Follow the limits of a configuration that was read again. Connections that are there stay.
    pub(crate) fn set_limits(&mut self, config: &ServerConfig) {
        self.settings.sessionless = config.sessionless_timeout;
        self.settings.outstanding_limit = config.outstanding_limit;
        self.settings.memory = config.client_memory;
        self.admission.set_limits(config.max_client_cnxns, config.max_cnxns);
        self.flow.set_limits(config.outstanding_limit, config.client_memory);
    }

    /// The listener is readable.
    pub(crate) fn listener_ready(&mut self) {
        self.engine.listener_ready();
    }

    /// A connection is readable, writable or broken.
    pub(crate) fn ready(&mut self, index: usize, event: &Event) {
        self.engine.ready(index, event);
    }

    /// Take the connections that wait to be accepted.
    pub(crate) fn accept(&mut self, now: Instant, registry: &Registry) {
        while let Some(accepted) = self.engine.accept(now) {
            let peer = accepted.peer;
            let exceeds = accepted.door != Door::Plain && self.engine.handshakes_are_full();
            if let Err(error) = self.insert(now, accepted, registry) {
                self.totals.handshakes_exceeded += u64::from(exceeds);
                self.totals.rejected += 1;
                self.engine.refusals.log(now, peer, error);
            }
        }
    }

    /// Where there is TLS: the threads that do handshakes.
    pub(crate) fn set_tls(&mut self, handshakes: Arc<Handshakes>) {
        self.engine.set_handshakes(Some(handshakes));
    }

    /// A handshake is over.
    pub(crate) fn entered(&mut self, now: Instant, finished: Finished, registry: &Registry) {
        match self.engine.entered(finished, registry) {
            None => {}
            Some(Entered::Ready(index, name)) => {
                if let Some(conn) = self.engine.get_mut(index) {
                    conn.certificate = name;
                }
            }
            Some(Entered::Refused(index, why)) => {
                if let (Some(conn), Some(why)) = (self.engine.get(index), why) {
                    let peer = conn.peer;
                    self.totals.failed_handshakes += 1;
                    self.engine.refusals.log(now, peer, why);
                }
                self.lost(index);
            }
        }
    }

    /// Read less, or again.
    pub(crate) fn set_pressure(&mut self, pressure: Pressure) {
        self.flow.pressure = pressure;
        // At once: until then they count as silent.
        self.resume();
    }

    /// Whether there is something to do without waiting for the system.
    pub(crate) fn has_work(&self) -> bool {
        let waits = self.flow.resumes() || !self.hungry.is_empty() || !self.events.is_empty();
        waits || self.engine.has_to_read() || self.engine.has_to_write()
    }

    /// A new turn of the loop: every connection may be read again.
    pub(crate) fn begin_turn(&mut self) {
        self.engine.begin_turn();
        self.resume();
    }

    /// Connections that had to wait for others may be read again.
    fn resume(&mut self) {
        for index in self.flow.resume() {
            self.engine.queue(index);
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
            match self.engine.next(now, scratch, &mut self.flow)? {
                Next::Said(_, happened) => {
                    happened.frame().into_iter().for_each(|frame| self.flow.taken(frame.len()));
                    self.totals.heard(&happened);
                    return Some(happened);
                }
                Next::Closed(index) => self.lost(index),
                Next::Wrong(index, why) => {
                    if let Some(conn) = self.engine.get(index) {
                        let peer = conn.peer;
                        self.engine.refusals.log(now, peer, why);
                    }
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
            if matches!(written, Ok(true)) && conn.is_in_service() {
                self.spare.take_back(&mut conn.socket);
            }
            self.flow.account(conn);
            match written {
                Ok(true) if conn.stage == Stage::Closing => drop(self.remove(index)),
                Ok(true) if conn.stage == Stage::Answering => self.hungry.push_back(conn.id),
                Ok(true) if conn.has_more() => self.engine.queue(index),
                Ok(true) => {}
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
        let unread = self.flow.pressure == Pressure::Overloaded;
        let sessionless = self.settings.sessionless;
        let late = self.engine.all(|conn| {
            conn.is_late(now, sessionless, conn.is_queued())
                && !(unread && matches!(conn.stage, Stage::Open(_)))
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

    fn insert(&mut self, now: Instant, accepted: Accepted, registry: &Registry) -> io::Result<()> {
        let peer = accepted.peer;
        self.admission.may_enter(self.engine.len(), peer.ip()).map_err(io::Error::other)?;
        let id = self.admission.next_id(self.engine.vacant());
        let client = Client::new(id, peer.ip(), now, self.settings.max_frame);
        self.engine.insert(accepted, &[], client, registry)?;
        self.admission.entered(peer.ip());
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
        self.flow.left(&conn);
        self.admission.left(conn.peer.ip());
        Some(conn)
    }
}

fn find(engine: &mut Engine<Client>, id: ConnId) -> Option<(usize, &mut Conn<Client>)> {
    let index = id::slot(id);
    let conn = engine.get_mut(index)?;
    (conn.id == id).then_some((index, conn))
}
