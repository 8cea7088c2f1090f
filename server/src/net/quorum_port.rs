//! The quorum port: connections between learners and the leader, in both directions.
//!
//! A connection has a [`Link`] once its other end is known: when it is dialed, or when the learner
//! has said who it is. Whoever says something else first is closed with one line in the log.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::Registry;
use mio::event::Event;
use mio::net::TcpStream;
use quorate_core::ids::{Link, ServerId};
use quorate_core::wire::quorum::{Local, PeerDecoder, Side as End, WirePayload, write_packet};
use quorate_core::zab::{Packet, SnapshotOf};
use quorate_core::{Input, Reason};
use tracing::{debug, info};

use super::engine::{Conn, Engine};
use super::listener::Port;
use super::places::Places;
use super::quorum_conn::{Flushed, Peer, Segment, SnapshotBody, Stage, who};
use super::resolver::{Answer, Asker, Resolver};
use super::token::PortKind;
use super::unreachable::Unreachable;
use crate::mutation::mutated;

/// Accepted connections that have not said who they are; for one more the oldest is closed, lest
/// silent ones keep the other servers out.
const MAX_UNKNOWN: usize = 64;
/// What the port knows from the configuration.
#[derive(Clone, Debug)]
pub(crate) struct QuorumSettings {
    /// This server.
    pub(crate) me: ServerId,
    /// The quorum ports of the other servers.
    pub(crate) addresses: BTreeMap<ServerId, Places>,
    /// The longest string or buffer of a packet, in bytes.
    pub(crate) max_field: usize,
    /// How long a learner may take to say who it is.
    pub(crate) first_packet_limit: Duration,
    /// How long an attempt to connect may take.
    pub(crate) dial_limit: Duration,
    /// The pause between two times that core is told of a connection that everything is read.
    pub(crate) mark_pause: Duration,
}

/// The quorum port of one server.
pub(crate) struct QuorumPort<P: WirePayload> {
    settings: QuorumSettings,
    body: fn(&SnapshotOf<P>) -> SnapshotBody,
    empty: P::Builder,
    engine: Engine<Peer<P>>,
    links: BTreeMap<Link, usize>,
    /// Dials whose server's name is being resolved.
    resolving: BTreeMap<ServerId, Link>,
    /// Dials whose last address led to nothing and that have another one.
    redials: Vec<Link>,
    generation: u32,
    events: VecDeque<Input<P>>,
    /// Nothing is read.
    held: bool,
    /// Idle connections are to be marked in this turn.
    marks_due: bool,
    unreachable: Unreachable,
}

/// How a message begins to bring a learner up to date, if it does.
fn synchronisation<P: WirePayload>(packet: &Packet<P>) -> Option<String> {
    match packet {
        Packet::Diff { zxid } => Some(format!("DIFF to {zxid}")),
        Packet::Trunc { zxid } => Some(format!("TRUNC to {zxid}")),
        Packet::Snap { zxid, .. } => Some(format!("SNAP at {zxid}")),
        _ => None,
    }
}

impl<P: WirePayload> QuorumPort<P> {
    /// A port; without a listener for a server that is alone. `body` makes a snapshot's bytes,
    /// `empty` begins one that arrives.
    pub(crate) fn new(
        settings: QuorumSettings,
        body: fn(&SnapshotOf<P>) -> SnapshotBody,
        empty: P::Builder,
        port: Option<Port>,
    ) -> Self {
        QuorumPort {
            settings,
            body,
            empty,
            engine: Engine::new(PortKind::Quorum, port),
            links: BTreeMap::new(),
            resolving: BTreeMap::new(),
            redials: Vec::new(),
            generation: 0,
            events: VecDeque::new(),
            held: false,
            marks_due: false,
            unreachable: Unreachable::new("quorum"),
        }
    }

    // --- what core wants -----------------------------------------------------------------------

    /// Connect to a server. An attempt under way to the same server is given up without an answer.
    pub(crate) fn dial(
        &mut self,
        now: Instant,
        server: ServerId,
        resolver: &mut Resolver,
        registry: &Registry,
    ) {
        self.resolving.remove(&server);
        self.redials.retain(|link| link.server != server);
        let dialing =
            |conn: &Conn<Peer<P>>| matches!(conn.stage, Stage::Dialing(link, _) if link.server == server);
        for index in self.engine.all(dialing) {
            self.remove(index);
        }
        let link = self.new_link(server);
        let Some(places) = self.settings.addresses.get_mut(&server) else {
            return self.events.push_back(Input::Down(link));
        };
        match resolver.ask(now, Asker::Quorum(server), places.current()) {
            Some(address) => {
                places.resolved(vec![address]);
                self.connect(now, link, registry);
            }
            None => {
                self.resolving.insert(server, link);
            }
        }
    }

    /// The address of a server that is being dialed.
    pub(crate) fn resolved(&mut self, now: Instant, server: ServerId, answer: Answer, registry: &Registry) {
        let Some(link) = self.resolving.remove(&server) else { return };
        match answer {
            Ok(addresses) => {
                if let Some(places) = self.settings.addresses.get_mut(&server) {
                    places.resolved(addresses);
                }
                self.connect(now, link, registry);
            }
            Err(why) => self.not_reached(now, link, &why),
        }
    }

    /// Send a message, if the connection still exists.
    pub(crate) fn send(&mut self, now: Instant, link: Link, packet: &Packet<P>) {
        let Some(index) = self.links.get(&link).copied() else { return };
        let Some(conn) = self.engine.get_mut(index) else { return };
        let local = Local { side: conn.end, id: self.settings.me };
        let before = conn.unsent_tail().len();
        let snapshot = write_packet(packet, &local, conn.unsent_tail());
        if !conn.rest.is_empty() {
            conn.rest_bytes += conn.unsent_tail().len() - before;
        }
        if let Some(how) = synchronisation(packet) {
            info!("quorum port: synchronising server {} by {how}", link.server);
        }
        conn.note_stage(now, packet);
        if let Some(snapshot) = snapshot {
            conn.rest.push_back(Segment::Snapshot((self.body)(snapshot)));
        }
        self.engine.mark_dirty(index);
    }

    /// Close a connection; nothing of it is delivered any more.
    pub(crate) fn hangup(&mut self, now: Instant, link: Link, reason: Reason) {
        let conn = self.links.get(&link).copied().and_then(|index| self.remove(index));
        match (&conn, refusal(link, reason)) {
            (Some(conn), Some(what)) => self.engine.refusals.log(now, conn.peer, what),
            _ => info!("quorum port: closing the connection with server {}: {reason:?}", link.server),
        }
        // What was sent before may still tell the other side something.
        let _ = conn.map(|mut conn| conn.socket.write());
        let of_link = |event: &Input<P>| match event {
            Input::Up(l)
            | Input::Accepted(l)
            | Input::Down(l)
            | Input::Packet(l, _)
            | Input::Progress(l)
            | Input::AllRead(l) => *l == link,
            _ => false,
        };
        self.events.retain(|event| !of_link(event));
    }

    /// The addresses of a connection: this end's, the other end's.
    pub(crate) fn ends(&self, link: Link) -> Option<(SocketAddr, SocketAddr)> {
        let conn = self.engine.get(*self.links.get(&link)?)?;
        Some((conn.socket.stream.local_addr().ok()?, conn.socket.stream.peer_addr().ok()?))
    }

    // --- what the event loop saw ---------------------------------------------------------------

    /// The listener is readable.
    pub(crate) fn listener_ready(&mut self) {
        self.engine.listener_ready();
    }

    /// A connection is readable, writable or broken.
    pub(crate) fn ready(&mut self, now: Instant, index: usize, event: &Event) {
        let Some(conn) = self.engine.ready(index, event) else { return };
        if let Stage::Dialing(link, _) = conn.stage {
            if let Some(error) = conn.socket.connect_error() {
                self.remove(index);
                return self.not_reached(now, link, &error.to_string());
            }
            if !event.is_writable() || conn.socket.stream.peer_addr().is_err() {
                return;
            }
            conn.stage = Stage::Up(link);
            self.links.insert(link, index);
            self.events.push_back(Input::Up(link));
            if let Some(places) = self.settings.addresses.get_mut(&link.server) {
                places.worked();
            }
            self.unreachable.reached(link.server);
        }
        let readable = conn.socket.readable;
        if event.is_writable() {
            self.engine.mark_dirty(index);
        }
        if readable {
            self.engine.queue(index);
        }
    }

    /// Take the connections that wait to be accepted.
    pub(crate) fn accept(&mut self, now: Instant, registry: &Registry) {
        while let Some((stream, peer)) = self.engine.accept(now) {
            self.accepted(now, stream, peer, registry);
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
                && let Some(link) = conn.all_read(now, self.settings.mark_pause)
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
            let (index, conn) = self.engine.front()?;
            if conn.is_unread() {
                if let Some(link) = conn.all_read(now, self.settings.mark_pause) {
                    return Some(Input::AllRead(link));
                }
                conn.read(scratch);
                if let Some(what) = conn.stranger() {
                    let peer = conn.peer;
                    self.engine.refusals.log(now, peer, what);
                    self.remove(index);
                    continue;
                }
                if let Some(link) = conn.progress(now) {
                    return Some(Input::Progress(link));
                }
            }
            match (conn.decoder.next_packet(), conn.stage) {
                (Ok(Some(packet)), Stage::Up(link)) => {
                    if let Some(how) = synchronisation(&packet) {
                        info!("quorum port: synchronised by server {} by {how}", link.server);
                    }
                    conn.note_stage(now, &packet);
                    if mutated!(LinkReordered)
                        && let Ok(Some(second)) = conn.decoder.next_packet()
                    {
                        self.events.push_back(Input::Packet(link, packet));
                        return Some(Input::Packet(link, second));
                    }
                    #[cfg(feature = "mutants")]
                    {
                        conn.latest = Some(packet.clone());
                    }
                    return Some(Input::Packet(link, packet));
                }
                (Ok(Some(packet)), Stage::Unknown(_)) => self.introduce(now, index, packet),
                (Ok(Some(_)), Stage::Dialing(..)) => {}
                (Ok(None), _) if conn.is_closed() => self.lost(now, index, "closed by the other side"),
                (Ok(None), _) => {
                    let more = conn.socket.readable;
                    self.engine.leave(more);
                }
                (Err(error), stage) => {
                    let who = who(conn);
                    match conn.greeting.foreign() {
                        Some(what) => self.engine.refusals.log(now, who, what),
                        None => self.engine.refusals.log(now, who, error),
                    }
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
            if matches!(conn.stage, Stage::Dialing(..)) {
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

    /// When somebody's patience ends next.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let patience = self.engine.iter().filter_map(|(_, conn)| conn.deadline());
        patience.chain(self.unreachable.next_due()).min()
    }

    /// Give up on connections that took too long.
    pub(crate) fn expire(&mut self, now: Instant, registry: &Registry) {
        self.engine.refusals.roll(now);
        self.unreachable.tell(now);
        for index in self.engine.all(|conn| conn.deadline().is_some_and(|due| due <= now)) {
            self.lost(now, index, "took too long");
        }
        while let Some(link) = self.redials.pop() {
            self.connect(now, link, registry);
        }
    }

    // --- inside --------------------------------------------------------------------------------

    fn new_link(&mut self, server: ServerId) -> Link {
        // At a thousand connections a second this takes 49 days of nothing else.
        self.generation = self.generation.checked_add(1).expect("link generations are used up");
        Link { server, generation: self.generation }
    }

    /// Dial the next address of the place whose turn it is.
    fn connect(&mut self, now: Instant, link: Link, registry: &Registry) {
        let Some(places) = self.settings.addresses.get_mut(&link.server) else { return };
        let Some(address) = places.next_address() else { return self.events.push_back(Input::Down(link)) };
        let stage = Stage::Dialing(link, now + places.limit(self.settings.dial_limit));
        let connected = TcpStream::connect(address)
            .and_then(|stream| self.insert(now, stream, address, stage, End::Learner, registry));
        if let Err(error) = connected {
            self.not_reached(now, link, &error.to_string());
        }
    }

    /// Nothing came of an attempt. The next address has its turn at once; if there is none, core is told,
    /// and the next dial goes to the next place.
    fn not_reached(&mut self, now: Instant, link: Link, why: &str) {
        let Some(places) = self.settings.addresses.get_mut(&link.server) else { return };
        let more = places.failed(why);
        let all = places.failures();
        debug!("quorum port: server {} cannot be reached: {all}", link.server);
        self.unreachable.failed(now, link.server, all);
        if more {
            self.redials.push(link);
        } else {
            self.events.push_back(Input::Down(link));
        }
    }

    fn accepted(&mut self, now: Instant, stream: TcpStream, peer: SocketAddr, registry: &Registry) {
        self.make_room(now);
        let stage = Stage::Unknown(now + self.settings.first_packet_limit);
        if let Err(error) = self.insert(now, stream, peer, stage, End::Leader, registry) {
            self.engine.refusals.log(now, peer, error);
        }
    }

    /// Close the oldest connection that has not said who it is, if there are too many of them.
    fn make_room(&mut self, now: Instant) {
        let due = |conn: &Conn<Peer<P>>| match conn.stage {
            Stage::Unknown(due) => Some(due),
            Stage::Dialing(..) | Stage::Up(_) => None,
        };
        if let Some(index) = self.engine.first_of(MAX_UNKNOWN, due) {
            self.lost(now, index, "too many connections that have not said who they are");
        }
    }

    fn insert(
        &mut self,
        now: Instant,
        stream: TcpStream,
        peer: SocketAddr,
        stage: Stage,
        end: End,
        registry: &Registry,
    ) -> io::Result<()> {
        let decoder = PeerDecoder::new(end, self.settings.max_field, self.empty.clone());
        self.engine.insert(stream, peer, Peer::new(now, stage, end, decoder), registry)?;
        Ok(())
    }

    /// The first packet of a connection that was accepted.
    fn introduce(&mut self, now: Instant, index: usize, packet: Packet<P>) {
        let Some(conn) = self.engine.get_mut(index) else { return };
        let server = conn.decoder.learner().and_then(|info| info.server);
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
            // A probe: something wants to know whether there is a port.
            Stage::Unknown(_) if conn.is_closed() && conn.greeting.is_empty() => {
                debug!("quorum port: {}: closed without a word", conn.peer);
            }
            Stage::Unknown(_) => {
                self.engine.refusals.log(now, conn.peer, format_args!("said nothing useful: {why}"))
            }
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

/// What a line in the log says of an offence that a stranger may commit again and again.
fn refusal(link: Link, reason: Reason) -> Option<String> {
    match reason {
        Reason::NotInConfig => {
            Some(format!("says it is server {}, which is not in the configuration", link.server))
        }
        Reason::CannotActivate => {
            Some(format!("server {} activates a configuration that this server cannot follow", link.server))
        }
        _ => None,
    }
}
