//! The quorum port: connections between learners and the leader, in both directions.
//!
//! A connection has a [`Link`] once its other end is known: when it is dialed, or when the learner
//! has introduced itself. One that says something else first is closed with one line in the log.

mod conn;
mod counts;
mod output;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::Registry;
use mio::event::Event;
use quorate_core::Input;
use quorate_core::ids::{Link, ServerId};
use quorate_core::wire::quorum::{PeerDecoder, Side as End, WirePayload};
use quorate_core::zab::Packet;
use tracing::info;

use super::between::Stage;
use super::dial::{Dialer, Places};
use super::engine::{Conn, Dialed, Engine, Entered, Next};
use super::listener::Port;
use super::token::PortKind;
use super::transport::{Finished, Handshakes};
#[cfg(feature = "mutants")]
use crate::mutation::mutated;
use conn::{Flushed, Peer, Said};
pub(crate) use counts::LinkReading;

/// What the port knows from the configuration.
#[derive(Clone, Debug)]
pub(crate) struct QuorumSettings {
    /// This server.
    pub(crate) me: ServerId,
    /// The longest string or buffer of a packet, in bytes.
    pub(crate) max_field: usize,
    /// How long a learner may take to introduce itself.
    pub(crate) first_packet_limit: Duration,
    /// How long an attempt to connect may take.
    pub(crate) dial_limit: Duration,
    /// The pause between two times that core is told of a connection that everything is read.
    pub(crate) mark_pause: Duration,
}

/// The quorum port of one server.
pub(crate) struct QuorumPort<P: WirePayload> {
    settings: QuorumSettings,
    empty: P::Builder,
    engine: Engine<Peer<P>>,
    links: BTreeMap<Link, usize>,
    dialer: Dialer,
    /// The attempt to reach each server.
    attempts: BTreeMap<ServerId, Link>,
    /// Attempts whose last address led to nothing and that have another one.
    redials: Vec<Link>,
    generation: u32,
    events: VecDeque<Input<P>>,
    /// Nothing is read.
    held: bool,
    /// Idle connections are to be marked in this turn.
    marks_due: bool,
}

impl<P: WirePayload> QuorumPort<P> {
    /// A port; without a listener for a server that is alone. `others` are the quorum ports of the other
    /// servers, `body` makes a snapshot's bytes, `empty` begins one that arrives.
    pub(crate) fn new(
        settings: QuorumSettings,
        others: BTreeMap<ServerId, Places>,
        empty: P::Builder,
        port: Option<Port>,
    ) -> Self {
        QuorumPort {
            empty,
            engine: Engine::new(PortKind::Quorum, port),
            links: BTreeMap::new(),
            dialer: Dialer::new(PortKind::Quorum, others, settings.dial_limit),
            attempts: BTreeMap::new(),
            redials: Vec::new(),
            generation: 0,
            events: VecDeque::new(),
            held: false,
            marks_due: false,
            settings,
        }
    }

    /// The listener is readable.
    pub(crate) fn listener_ready(&mut self) {
        self.engine.listener_ready();
    }

    /// A connection is readable, writable or broken.
    pub(crate) fn ready(&mut self, now: Instant, index: usize, event: &Event) {
        let Some(dialed) = self.engine.ready(index, event) else { return };
        self.dialed(now, index, dialed);
    }

    /// Where there is TLS: the threads that do handshakes, and whether the others are dialed with it.
    pub(crate) fn set_tls(&mut self, handshakes: Arc<Handshakes>, dials: bool) {
        self.engine.set_handshakes(Some(handshakes));
        self.dialer.set_tls(dials);
    }

    /// A handshake is over.
    pub(crate) fn entered(&mut self, now: Instant, finished: Finished, registry: &Registry) {
        match self.engine.entered(finished, registry) {
            None => {}
            Some(Entered::Ready(index, _)) => self.dialed(now, index, Dialed::Connected),
            Some(Entered::Refused(index, why)) => {
                let said = why.unwrap_or_else(|| "closed without a word".to_owned());
                match self.engine.get(index).map(|conn| conn.stage) {
                    Some(Stage::Unknown(_)) => {
                        let Some(conn) = self.remove(index) else { return };
                        self.engine.refusals.log(now, conn.peer, said);
                    }
                    _ => self.dialed(now, index, Dialed::Failed(said)),
                }
            }
        }
    }

    /// This is what came of dialing; nothing, if the other end has dialed.
    fn dialed(&mut self, now: Instant, index: usize, dialed: Dialed) {
        let Some(conn) = self.engine.get_mut(index) else { return };
        let Stage::Dialing(link, _) = conn.stage else { return };
        match dialed {
            Dialed::Connected => {
                conn.stage = Stage::Up(link);
                self.links.insert(link, index);
                self.events.push_back(Input::Up(link));
                self.dialer.worked(link.server);
            }
            Dialed::Failed(why) => {
                self.remove(index);
                self.not_reached(now, link, &why);
            }
        }
    }

    /// Take the connections that wait to be accepted.
    pub(crate) fn accept(&mut self, now: Instant, registry: &Registry) {
        while let Some(accepted) = self.engine.accept(now) {
            let stage = Stage::Unknown(now + self.settings.first_packet_limit);
            let new = self.new_conn(now, stage, End::Leader);
            self.engine.take_in(now, accepted, &self.dialer.all_hosts(), new, registry);
        }
    }

    /// Whether there is something to do without waiting for the system.
    pub(crate) fn has_work(&self) -> bool {
        let to_read = !self.held && self.engine.has_to_read();
        to_read || self.engine.has_to_write() || !(self.events.is_empty() && self.redials.is_empty())
    }

    /// Read nothing for the time being, or again: what the others send is more than the disk takes.
    pub(crate) fn hold(&mut self, hold: bool) {
        self.held = hold;
    }

    /// A new turn of the loop: every connection may be read again.
    pub(crate) fn begin_turn(&mut self) {
        self.engine.begin_turn();
        self.marks_due = true;
    }

    /// Tell core of every connection on which nothing waits that it is read. Of one that is to be read core
    /// is told when that is done.
    fn mark_idle(&mut self, now: Instant) {
        for conn in self.engine.iter_mut() {
            if !conn.is_queued()
                && let Some(link) = conn.all_read(now)
            {
                self.events.push_back(Input::AllRead(link));
            }
        }
    }

    /// The next thing that happened.
    pub(crate) fn next_input(&mut self, now: Instant, scratch: &mut [u8]) -> Option<Input<P>> {
        if std::mem::take(&mut self.marks_due) {
            self.mark_idle(now);
        }
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            if self.held {
                return None;
            }
            match self.engine.next(now, scratch, &mut ())? {
                Next::Said(_, Said::AllRead(link)) => return Some(Input::AllRead(link)),
                Next::Said(_, Said::Progress(link)) => return Some(Input::Progress(link)),
                Next::Said(_, Said::Packet(link, packet)) => return Some(Input::Packet(link, packet)),
                Next::Said(index, Said::Hello(server, packet)) => {
                    self.introduced(now, index, server, packet);
                }
                Next::Closed(index) => self.lost(now, index, "closed by the other side"),
                Next::Wrong(index, why) => {
                    let Some(conn) = self.engine.get(index) else { continue };
                    let (stage, who) = (conn.stage, conn.stage.who(conn.peer));
                    self.engine.refusals.log(now, who, why);
                    match stage {
                        Stage::Unknown(_) => drop(self.remove(index)),
                        Stage::Dialing(..) | Stage::Up(_) => self.lost(now, index, "malformed"),
                    }
                }
            }
        }
    }

    /// Send what waits, once per connection.
    pub(crate) fn flush(&mut self, now: Instant) {
        for index in self.engine.take_dirty() {
            let Some(conn) = self.engine.get_mut(index) else { continue };
            if conn.stage.is_dialing() {
                continue;
            }
            let flushed = conn.flush();
            self.events.extend(conn.progress(now).map(Input::Progress));
            match flushed {
                Ok(Flushed::More) => self.engine.mark_dirty(index),
                Ok(Flushed::Done) => {}
                Err(error) => self.lost(now, index, &error.to_string()),
            }
        }
    }

    /// When a connection's time ends next, or something is to be said.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.engine.next_due().into_iter().chain(self.dialer.next_due()).min()
    }

    /// Give up on connections that took too long.
    pub(crate) fn expire(&mut self, now: Instant, registry: &Registry) {
        self.engine.refusals.roll(now);
        self.dialer.tell(now);
        for index in self.engine.overdue(now) {
            self.lost(now, index, "took too long");
        }
        while let Some(link) = self.redials.pop() {
            self.connect(now, link, registry);
        }
    }

    fn new_link(&mut self, server: ServerId) -> Link {
        // At a thousand connections a second this takes 49 days of nothing else.
        self.generation = self.generation.checked_add(1).expect("link generations are used up");
        Link { server, generation: self.generation }
    }

    fn new_conn(&self, now: Instant, stage: Stage<Link>, end: End) -> Peer<P> {
        let QuorumSettings { max_field, mark_pause, .. } = self.settings;
        let decoder = PeerDecoder::new(end, max_field, self.empty.clone());
        Peer::new(now, stage, (end, decoder), mark_pause)
    }

    /// The first packet of a connection that was accepted: the learner says which server it is.
    fn introduced(&mut self, now: Instant, index: usize, server: Option<ServerId>, packet: Packet<P>) {
        let refused = match (&packet, server) {
            (Packet::FollowerInfo { .. } | Packet::ObserverInfo { .. }, Some(server)) => {
                let link = self.new_link(server);
                if let Some(conn) = self.engine.get_mut(index) {
                    conn.stage = Stage::Up(link);
                }
                self.links.insert(link, index);
                self.events.push_back(Input::Accepted(link));
                return self.events.push_back(Input::Packet(link, packet));
            }
            (Packet::FollowerInfo { .. } | Packet::ObserverInfo { .. }, None) => {
                "does not say which server it is"
            }
            _ => "does not begin with FOLLOWERINFO or OBSERVERINFO",
        };
        if let Some(conn) = self.remove(index) {
            self.engine.refusals.log(now, conn.peer, refused);
        }
    }

    /// A connection is gone, and core did not ask for it.
    fn lost(&mut self, now: Instant, index: usize, why: &str) {
        let Some(conn) = self.remove(index) else { return };
        match conn.stage {
            Stage::Up(link) => {
                info!("quorum port: the connection with server {} is gone: {why}", link.server);
                self.events.push_back(Input::Down(link));
                #[cfg(feature = "mutants")]
                if mutated!(OldConnectionDelivered) {
                    self.events.extend(conn.latest.clone().map(|packet| Input::Packet(link, packet)));
                }
            }
            Stage::Dialing(link, _) => self.not_reached(now, link, why),
            Stage::Unknown(_) => self.engine.stranger_left(now, &conn, why),
        }
    }

    /// Dropping the connection closes it and takes it out of the event loop.
    fn remove(&mut self, index: usize) -> Option<Conn<Peer<P>>> {
        let conn = self.engine.remove(index)?;
        if let Stage::Up(link) = conn.stage {
            self.links.remove(&link);
        }
        Some(conn)
    }
}
