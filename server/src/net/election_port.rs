//! The election port: one connection per pair of servers, one vote waiting per peer.
//!
//! Who keeps a connection and what waits on it is decided by
//! [`election::link`](quorate_core::election::link); here are the sockets. A dialer that is silent
//! or talks nonsense holds up nobody else.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Registry};
use quorate_core::Input;
use quorate_core::election::Notification;
use quorate_core::election::link::{self, Slot, Verdict};
use quorate_core::ids::ServerId;
use quorate_core::payload::Payload;
use quorate_core::wire::election::{Address, InitialMessage, write_notification};
use quorate_core::wire::frame::FrameDecoder;
use tracing::debug;

use super::election_conn::{Conn, Said, Stage};
use super::listener::Port;
use super::places::Places;
use super::refusals::Refusals;
use super::resolver::{Answer, Asker, Resolver};
use super::slab::Slab;
use super::socket::{Side, Socket};
use super::stranger::Greeting;
use super::token::{PortKind, Source};
use super::unreachable::Unreachable;
use crate::config::HostPort;

/// Accepted connections that have not said who they are; for one more the oldest is closed, lest
/// silent ones keep the other servers out.
const MAX_UNKNOWN: usize = 64;
/// The pause after a failed attempt: 100 ms, doubled each time up to 6.4 s.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_DOUBLING: u32 = 6;

/// What the port knows from the configuration.
#[derive(Clone, Debug)]
pub(crate) struct ElectionSettings {
    /// This server.
    pub(crate) me: ServerId,
    /// Where this server's election port is: on one address or on several.
    pub(crate) own: Vec<HostPort>,
    /// How long an attempt to connect may take (`cnxTimeout`).
    pub(crate) dial_limit: Duration,
    /// The configuration's text, which every vote carries.
    pub(crate) config_text: Vec<u8>,
    /// The election ports of the other servers.
    pub(crate) addresses: BTreeMap<ServerId, Places>,
    /// How long a dialer may take to say who it is.
    pub(crate) handshake_limit: Duration,
}

/// The election port of one server.
pub(crate) struct ElectionPort {
    settings: ElectionSettings,
    port: Option<Port>,
    peers: BTreeMap<ServerId, Peer>,
    conns: Slab<Conn>,
    events: VecDeque<Heard>,
    work: VecDeque<usize>,
    later: Vec<usize>,
    dirty: Vec<usize>,
    refusals: Refusals,
    unreachable: Unreachable,
}

/// Something to tell core.
enum Heard {
    Up(ServerId),
    Down(ServerId),
    Vote(ServerId, Notification),
}

/// Another server.
struct Peer {
    places: Places,
    slot: Slot<Notification>,
    conn: Option<usize>,
    dial: Dial,
    failures: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Dial {
    /// Nothing is under way.
    Idle,
    /// Its name is being resolved.
    Resolving,
    /// Connecting.
    Connecting(usize),
    /// The last attempt led to nothing; the next one not before this.
    Pausing(Instant),
}

impl ElectionPort {
    /// A port; without a listener for a server that is alone.
    pub(crate) fn new(settings: ElectionSettings, port: Option<Port>) -> Self {
        let peer = |places: &Places| Peer {
            places: places.clone(),
            slot: Slot::default(),
            conn: None,
            dial: Dial::Idle,
            failures: 0,
        };
        let peers = settings.addresses.iter().map(|(id, places)| (*id, peer(places))).collect();
        ElectionPort {
            settings,
            port,
            peers,
            conns: Slab::default(),
            events: VecDeque::new(),
            work: VecDeque::new(),
            later: Vec::new(),
            dirty: Vec::new(),
            refusals: Refusals::new("election"),
            unreachable: Unreachable::new("election"),
        }
    }

    /// Tell a server our vote as soon as there is a connection to it; an older one that still
    /// waits is forgotten.
    pub(crate) fn elect(
        &mut self,
        now: Instant,
        server: ServerId,
        vote: Notification,
        resolver: &mut Resolver,
        registry: &Registry,
    ) {
        if server == self.settings.me {
            return self.events.push_back(Heard::Vote(server, vote));
        }
        let Some(peer) = self.peers.get_mut(&server) else { return };
        peer.slot.put(vote);
        match peer.conn {
            Some(index) => self.mark_dirty(index),
            None => self.dial(now, server, resolver, registry),
        }
    }

    /// The address of a server that is being dialed.
    pub(crate) fn resolved(&mut self, now: Instant, server: ServerId, answer: Answer, registry: &Registry) {
        if self.peers.get(&server).is_none_or(|peer| peer.dial != Dial::Resolving) {
            return;
        }
        match answer {
            Ok(addresses) => {
                self.peers.get_mut(&server).expect("it is there").places.resolved(addresses);
                self.connect(now, server, registry);
            }
            Err(why) => self.dial_failed(now, server, &why),
        }
    }

    // --- what the event loop saw ---------------------------------------------------------------

    /// The listener is readable.
    pub(crate) fn listener_ready(&mut self) {
        if let Some(port) = &mut self.port {
            port.ready();
        }
    }

    /// A connection is readable, writable or broken.
    pub(crate) fn ready(&mut self, now: Instant, index: usize, event: &Event) {
        let Some(conn) = self.conns.get_mut(index) else { return };
        conn.socket.ready(event);
        if let Stage::Dialing(server, _) = conn.stage {
            if let Some(error) = conn.socket.connect_error() {
                self.remove(index);
                return self.dial_failed(now, server, &error.to_string());
            }
            if !event.is_writable() || conn.socket.stream.peer_addr().is_err() {
                return;
            }
            return self.dialed(now, server, index);
        }
        if event.is_writable() {
            self.mark_dirty(index);
        }
        self.queue(index);
    }

    /// Take the connections that wait to be accepted.
    pub(crate) fn accept(&mut self, now: Instant, registry: &Registry) {
        while let Some(port) = &mut self.port {
            match port.accept() {
                Ok(Some((stream, peer))) => {
                    self.make_room(now);
                    let stage = Stage::Unknown(now + self.settings.handshake_limit);
                    if let Err(error) = self.insert(stream, peer, stage, registry) {
                        self.refusals.log(now, peer, error);
                    }
                }
                Ok(None) => return,
                Err(error) => return self.refusals.log(now, "accepting", error),
            }
        }
    }

    /// Whether there is something to do without waiting for the system.
    pub(crate) fn has_work(&self) -> bool {
        !(self.events.is_empty() && self.work.is_empty() && self.later.is_empty() && self.dirty.is_empty())
    }

    /// A new turn of the loop: every connection may be read again.
    pub(crate) fn begin_turn(&mut self) {
        self.work.extend(self.later.drain(..));
    }

    /// The next thing that happened.
    pub(crate) fn next_input<P: Payload>(
        &mut self,
        now: Instant,
        scratch: &mut [u8],
        resolver: &mut Resolver,
        registry: &Registry,
    ) -> Option<Input<P>> {
        loop {
            if let Some(heard) = self.events.pop_front() {
                return Some(match heard {
                    Heard::Up(server) => Input::ElectionUp(server),
                    Heard::Down(server) => Input::ElectionDown(server),
                    Heard::Vote(server, vote) => Input::Notification(server, vote),
                });
            }
            let index = *self.work.front()?;
            let Some(conn) = self.conns.get_mut(index) else {
                self.work.pop_front();
                continue;
            };
            if !conn.read {
                conn.read = true;
                let bytes = conn.socket.read(scratch);
                conn.greeting.heard(bytes);
                conn.frames.feed(bytes);
            }
            match conn.next() {
                Ok(Some(Said::Vote(server, vote))) => self.events.push_back(Heard::Vote(server, vote)),
                Ok(Some(Said::Hello(server))) => self.introduced(now, index, server, resolver, registry),
                Ok(None) if conn.socket.side == Side::Closed => {
                    self.lost(now, index, "closed by the other side")
                }
                Ok(None) => self.leave(index),
                Err(error) => {
                    let (who, unknown) = (conn.who(), matches!(conn.stage, Stage::Unknown(_)));
                    let error = conn.greeting.foreign().map_or(error, str::to_owned);
                    self.refusals.log(now, who, &error);
                    if unknown {
                        self.remove(index);
                    } else {
                        self.lost(now, index, &error);
                    }
                }
            }
        }
    }

    /// Send what waits, once per connection.
    pub(crate) fn flush(&mut self, now: Instant) {
        for index in std::mem::take(&mut self.dirty) {
            let Some(conn) = self.conns.get_mut(index) else { continue };
            conn.dirty = false;
            let Stage::Up(server) = conn.stage else { continue };
            let mut written = conn.socket.write();
            if let (Ok(true), Some(vote)) =
                (&written, self.peers.get_mut(&server).and_then(|peer| peer.slot.take()))
            {
                write_notification(conn.socket.out(), &vote, &self.settings.config_text);
                written = conn.socket.write();
            }
            if let Err(error) = written {
                self.lost(now, index, &error.to_string());
            }
        }
    }

    /// When somebody's patience or pause ends next.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let patience = self.conns.iter().filter_map(|(_, conn)| conn.deadline());
        let pauses = self.peers.values().filter_map(|peer| match peer.dial {
            Dial::Pausing(until) if peer.wants_dial() => Some(until),
            _ => None,
        });
        patience.chain(pauses).chain(self.unreachable.next_due()).min()
    }

    /// Give up on connections that took too long, dial again where a pause is over.
    pub(crate) fn expire(&mut self, now: Instant, resolver: &mut Resolver, registry: &Registry) {
        self.refusals.roll(now);
        self.unreachable.tell(now);
        let late = |(_, conn): &(usize, &Conn)| conn.deadline().is_some_and(|due| due <= now);
        let indexes: Vec<usize> = self.conns.iter().filter(late).map(|(index, _)| index).collect();
        for index in indexes {
            self.lost(now, index, "took too long");
        }
        let waiting = self.peers.iter().filter(|(_, peer)| peer.wants_dial()).map(|(id, _)| *id);
        for server in waiting.collect::<Vec<_>>() {
            self.dial(now, server, resolver, registry);
        }
    }

    // --- inside --------------------------------------------------------------------------------

    /// Dial, unless that is under way or was tried just now.
    fn dial(&mut self, now: Instant, server: ServerId, resolver: &mut Resolver, registry: &Registry) {
        let Some(peer) = self.peers.get_mut(&server) else { return };
        match peer.dial {
            Dial::Resolving | Dial::Connecting(_) => return,
            Dial::Pausing(until) if now < until => return,
            Dial::Idle | Dial::Pausing(_) => {}
        }
        if !peer.places.has_untried() {
            peer.dial = Dial::Resolving;
            match resolver.ask(now, Asker::Election(server), peer.places.current()) {
                Some(address) => peer.places.resolved(vec![address]),
                None => return,
            }
        }
        self.connect(now, server, registry);
    }

    /// Dial the next address of the place whose turn it is.
    fn connect(&mut self, now: Instant, server: ServerId, registry: &Registry) {
        let Some(peer) = self.peers.get_mut(&server) else { return };
        let Some(address) = peer.places.next_address() else { return };
        let stage = Stage::Dialing(server, now + peer.places.limit(self.settings.dial_limit));
        let connected =
            TcpStream::connect(address).and_then(|stream| self.insert(stream, address, stage, registry));
        match connected {
            Ok(index) => {
                if let Some(peer) = self.peers.get_mut(&server) {
                    peer.dial = Dial::Connecting(index);
                }
            }
            Err(error) => self.dial_failed(now, server, &error.to_string()),
        }
    }

    /// Nothing came of a dial: pause before the next one, longer each time.
    fn dial_failed(&mut self, now: Instant, server: ServerId, why: &str) {
        let Some(peer) = self.peers.get_mut(&server) else { return };
        if peer.places.failed(why) {
            // Another address has its turn at once.
            peer.dial = Dial::Pausing(now);
        } else {
            peer.pause(now);
        }
        let why = peer.places.failures();
        debug!("election port: server {server} cannot be reached: {why}");
        self.unreachable.failed(now, server, why);
    }

    /// A connection that we dialed is established: say who is calling, then keep it or not.
    fn dialed(&mut self, now: Instant, server: ServerId, index: usize) {
        let Some(conn) = self.conns.get_mut(index) else { return };
        let own: Vec<Address> =
            self.settings.own.iter().map(|place| Address::new(&place.host, place.port)).collect();
        InitialMessage::write(self.settings.me, &own, conn.socket.out());
        if let Err(error) = conn.socket.write() {
            self.remove(index);
            return self.dial_failed(now, server, &error.to_string());
        }
        if let Some(peer) = self.peers.get_mut(&server) {
            peer.places.worked();
            self.unreachable.reached(server);
        }
        match link::after_dialing(self.settings.me, server) {
            Verdict::Keep => self.keep(server, index),
            Verdict::CloseAndAwaitDial | Verdict::CloseAndDial | Verdict::Refuse => {
                self.remove(index);
                if let Some(peer) = self.peers.get_mut(&server) {
                    peer.pause(now);
                }
            }
        }
    }

    /// Which other servers are not connected, and why not as far as that is known.
    pub(crate) fn missing(&self) -> impl Iterator<Item = (ServerId, String)> {
        self.peers
            .iter()
            .filter(|(_, peer)| peer.conn.is_none())
            .map(|(id, peer)| (*id, peer.places.failures()))
    }

    /// A connection that was accepted has said who it is.
    fn introduced(
        &mut self,
        now: Instant,
        index: usize,
        server: ServerId,
        resolver: &mut Resolver,
        registry: &Registry,
    ) {
        let Some(conn) = self.conns.get(index) else { return };
        let verdict = link::after_accepting(self.settings.me, server);
        if verdict == Verdict::Refuse || !self.peers.contains_key(&server) {
            let why = format!("says it is server {server}, which is not another one of the configuration");
            self.refusals.log(now, conn.peer, why);
            self.remove(index);
            return;
        }
        if let Some(peer) = self.peers.get_mut(&server) {
            peer.places.is_there();
            self.unreachable.reached(server);
        }
        if verdict == Verdict::Keep {
            return self.keep(server, index);
        }
        self.remove(index);
        self.drop_current(server);
        if let Some(peer) = self.peers.get_mut(&server)
            && let Dial::Pausing(_) = peer.dial
        {
            // It has just shown that it is there.
            peer.dial = Dial::Idle;
        }
        self.dial(now, server, resolver, registry);
    }

    /// Use this connection from now on, instead of an older one.
    fn keep(&mut self, server: ServerId, index: usize) {
        self.drop_current(server);
        let (Some(conn), Some(peer)) = (self.conns.get_mut(index), self.peers.get_mut(&server)) else {
            return;
        };
        conn.stage = Stage::Up(server);
        peer.conn = Some(index);
        peer.failures = 0;
        if peer.dial == Dial::Connecting(index) {
            peer.dial = Dial::Idle;
        }
        peer.slot.reconnected();
        debug!("election port: connected with server {server}");
        self.events.push_back(Heard::Up(server));
        self.mark_dirty(index);
        self.queue(index);
    }

    fn drop_current(&mut self, server: ServerId) {
        let Some(index) = self.peers.get_mut(&server).and_then(|peer| peer.conn.take()) else { return };
        self.remove(index);
        self.events.push_back(Heard::Down(server));
    }

    /// A connection is gone.
    fn lost(&mut self, now: Instant, index: usize, why: &str) {
        let Some(conn) = self.remove(index) else { return };
        match conn.stage {
            Stage::Dialing(server, _) => self.dial_failed(now, server, why),
            // A probe: something wants to know whether there is a port.
            Stage::Unknown(_) if conn.socket.side == Side::Closed && conn.greeting.is_empty() => {
                debug!("election port: {}: closed without a word", conn.peer);
            }
            Stage::Unknown(_) => {
                self.refusals.log(now, conn.peer, format_args!("said nothing useful: {why}"))
            }
            Stage::Up(server) => {
                debug!("election port: the connection with server {server} is gone: {why}");
                if let Some(peer) = self.peers.get_mut(&server) {
                    peer.conn = None;
                    // The one who may dial does so now and then; the other side may be faster.
                    peer.pause(now);
                }
                self.events.push_back(Heard::Down(server));
            }
        }
    }

    /// Close the oldest connection that has not said who it is, if there are too many of them.
    fn make_room(&mut self, now: Instant) {
        let due = |(index, conn): (usize, &Conn)| match conn.stage {
            Stage::Unknown(due) => Some((due, index)),
            _ => None,
        };
        if self.conns.iter().filter_map(due).count() >= MAX_UNKNOWN
            && let Some((_, index)) = self.conns.iter().filter_map(due).min()
        {
            self.lost(now, index, "too many connections that have not said who they are");
        }
    }

    fn insert(
        &mut self,
        mut stream: TcpStream,
        peer: SocketAddr,
        stage: Stage,
        registry: &Registry,
    ) -> io::Result<usize> {
        let token = Source::Connection(PortKind::Election, self.conns.vacant()).token();
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(self.conns.insert(Conn {
            socket: Socket::new(stream),
            peer,
            stage,
            frames: FrameDecoder::election(),
            greeting: Greeting::default(),
            queued: false,
            read: false,
            dirty: false,
        }))
    }

    fn mark_dirty(&mut self, index: usize) {
        if let Some(conn) = self.conns.get_mut(index)
            && !conn.dirty
        {
            conn.dirty = true;
            self.dirty.push(index);
        }
    }

    fn queue(&mut self, index: usize) {
        if let Some(conn) = self.conns.get_mut(index)
            && conn.socket.readable
            && !conn.queued
        {
            conn.queued = true;
            self.work.push_back(index);
        }
    }

    /// Leave the connection at the head of the queue for this turn.
    fn leave(&mut self, index: usize) {
        self.work.pop_front();
        let Some(conn) = self.conns.get_mut(index) else { return };
        (conn.read, conn.queued) = (false, conn.socket.readable);
        if conn.frames.buffer().is_empty() {
            *conn.frames.buffer() = BytesMut::new();
        }
        if conn.queued {
            self.later.push(index);
        }
    }

    /// Dropping the connection closes it and takes it out of the event loop.
    fn remove(&mut self, index: usize) -> Option<Conn> {
        let conn = self.conns.remove(index)?;
        self.work.retain(|i| *i != index);
        self.later.retain(|i| *i != index);
        self.dirty.retain(|i| *i != index);
        Some(conn)
    }
}

impl Peer {
    /// Whether somebody should dial: something waits, and there is no connection.
    fn wants_dial(&self) -> bool {
        self.conn.is_none() && self.slot.is_waiting()
    }

    fn pause(&mut self, now: Instant) {
        let length = FIRST_PAUSE * (1 << self.failures.min(LAST_DOUBLING));
        self.failures += 1;
        self.dial = Dial::Pausing(now + length);
    }
}

#[cfg(test)]
mod tests;
