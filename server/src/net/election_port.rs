//! The election port: one connection per pair of servers, one vote waiting per peer.
//!
//! When to dial, which connection is used and what waits on it is decided by [`ElectionLink`]; here are the
//! sockets. A dialer that is silent or talks nonsense holds up nobody else.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use mio::Registry;
use mio::event::Event;
use mio::net::TcpStream;
use quorate_core::Input;
use quorate_core::election::{ElectionLink, LinkOutput, LinkOutputs, Notification};
use quorate_core::ids::ServerId;
use quorate_core::payload::Payload;
use quorate_core::wire::election::write_notification;
use tracing::debug;

use super::election_conn::{Said, Stage, Voter};
use super::election_peer::{ElectionSettings, Peer};
use super::engine::{Conn, Engine};
use super::listener::Port;
use super::resolver::{Answer, Resolver};
use super::token::PortKind;
use super::unreachable::Unreachable;

/// Accepted connections that have not said who they are; for one more the oldest is closed, lest
/// silent ones keep the other servers out.
const MAX_UNKNOWN: usize = 64;

/// The election port of one server.
pub(crate) struct ElectionPort {
    settings: ElectionSettings,
    peers: BTreeMap<ServerId, Peer>,
    engine: Engine<Voter>,
    events: VecDeque<Heard>,
    /// Servers to be dialed in the next turn.
    dials: VecDeque<ServerId>,
    unreachable: Unreachable,
}

/// Something to tell core.
enum Heard {
    Up(ServerId),
    Down(ServerId),
    Vote(ServerId, Notification),
}

impl ElectionPort {
    /// A port; without a listener for a server that is alone.
    pub(crate) fn new(settings: ElectionSettings, port: Option<Port>) -> Self {
        ElectionPort {
            peers: settings.peers(),
            settings,
            engine: Engine::new(PortKind::Election, port),
            events: VecDeque::new(),
            dials: VecDeque::new(),
            unreachable: Unreachable::new("election"),
        }
    }

    /// Tell a server our vote as soon as there is a connection to it; an older one that still
    /// waits is forgotten.
    pub(crate) fn elect(&mut self, now: Instant, server: ServerId, vote: Notification) {
        if server == self.settings.me {
            return self.events.push_back(Heard::Vote(server, vote));
        }
        self.ask_link(now, server, None, |link, out| link.say(vote, out));
    }

    /// The address of a server that is being dialed.
    pub(crate) fn resolved(&mut self, now: Instant, server: ServerId, answer: Answer, registry: &Registry) {
        let Some(peer) = self.peers.get_mut(&server).filter(|peer| peer.resolving) else { return };
        peer.resolving = false;
        match answer {
            Ok(addresses) => {
                peer.places.resolved(addresses);
                self.connect(now, server, registry);
            }
            Err(why) => self.dial_failed(now, server, &why),
        }
    }

    /// Which other servers are not connected, and why not as far as that is known.
    pub(crate) fn missing(&self) -> impl Iterator<Item = (ServerId, String)> {
        self.peers
            .iter()
            .filter(|(_, peer)| !peer.link.is_connected())
            .map(|(id, peer)| (*id, peer.places.failures()))
    }

    // --- what the event loop saw ---------------------------------------------------------------

    /// The listener is readable.
    pub(crate) fn listener_ready(&mut self) {
        self.engine.listener_ready();
    }

    /// A connection is readable, writable or broken.
    pub(crate) fn ready(&mut self, now: Instant, index: usize, event: &Event) {
        let Some(conn) = self.engine.ready(index, event) else { return };
        if let Stage::Dialing(server, _) = conn.stage {
            if let Some(error) = conn.socket.connect_error() {
                self.engine.remove(index);
                return self.dial_failed(now, server, &error.to_string());
            }
            if !event.is_writable() || conn.socket.stream.peer_addr().is_err() {
                return;
            }
            return self.dialed(now, server, index);
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
            let due = |conn: &Conn<Voter>| match conn.stage {
                Stage::Unknown(due) => Some(due),
                Stage::Dialing(..) | Stage::Up(_) => None,
            };
            if let Some(oldest) = self.engine.first_of(MAX_UNKNOWN, due) {
                self.lost(now, oldest, "too many connections that have not said who they are");
            }
            let stage = Stage::Unknown(now + self.settings.handshake_limit);
            if let Err(error) = self.engine.insert(stream, peer, Voter::new(stage), registry) {
                self.engine.refusals.log(now, peer, error);
            }
        }
    }

    /// Whether there is something to do without waiting for the system.
    pub(crate) fn has_work(&self) -> bool {
        let connections = self.engine.has_to_read() || self.engine.has_to_write();
        connections || !(self.events.is_empty() && self.dials.is_empty())
    }

    /// A new turn of the loop: every connection may be read again.
    pub(crate) fn begin_turn(&mut self) {
        self.engine.begin_turn();
    }

    /// The next thing that happened.
    pub(crate) fn next_input<P: Payload>(&mut self, now: Instant, scratch: &mut [u8]) -> Option<Input<P>> {
        loop {
            if let Some(heard) = self.events.pop_front() {
                return Some(match heard {
                    Heard::Up(server) => Input::ElectionUp(server),
                    Heard::Down(server) => Input::ElectionDown(server),
                    Heard::Vote(server, vote) => Input::Notification(server, vote),
                });
            }
            let (index, conn) = self.engine.front()?;
            if conn.is_unread() {
                conn.read(scratch);
            }
            match conn.next() {
                Ok(Some(Said::Vote(server, vote))) => self.events.push_back(Heard::Vote(server, vote)),
                Ok(Some(Said::Hello(server))) => self.introduced(now, index, server),
                Ok(None) if conn.is_closed() => self.lost(now, index, "closed by the other side"),
                Ok(None) => {
                    let more = conn.socket.readable;
                    self.engine.leave(more);
                }
                Err(error) => {
                    let (who, unknown) = (conn.who(), matches!(conn.stage, Stage::Unknown(_)));
                    let error = conn.greeting.foreign().map_or(error, str::to_owned);
                    self.engine.refusals.log(now, who, &error);
                    if unknown {
                        self.engine.remove(index);
                    } else {
                        self.lost(now, index, &error);
                    }
                }
            }
        }
    }

    /// Send what waits, once per connection.
    pub(crate) fn flush(&mut self, now: Instant) {
        for index in self.engine.take_dirty() {
            let Some(conn) = self.engine.get_mut(index) else { continue };
            let Stage::Up(server) = conn.stage else { continue };
            let Some(peer) = self.peers.get_mut(&server) else { continue };
            let mut written = conn.socket.write();
            if matches!(written, Ok(true))
                && let Some(vote) = peer.link.take()
            {
                write_notification(conn.socket.out(), &vote, &self.settings.config_text);
                written = conn.socket.write();
            }
            if let Err(error) = written {
                self.lost(now, index, &error.to_string());
            }
        }
    }

    /// When a connection's time or a pause ends next.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let patience = self.engine.iter().filter_map(|(_, conn)| conn.deadline());
        let pauses = self.peers.values().filter_map(|peer| peer.pause);
        patience.chain(pauses).chain(self.unreachable.next_due()).min()
    }

    /// Give up on connections that took too long, end pauses, dial the servers that are to be dialed.
    pub(crate) fn expire(&mut self, now: Instant, resolver: &mut Resolver, registry: &Registry) {
        self.engine.refusals.roll(now);
        self.unreachable.tell(now);
        for index in self.engine.all(|conn| conn.deadline().is_some_and(|due| due <= now)) {
            self.lost(now, index, "took too long");
        }
        let rested =
            |(server, peer): (&ServerId, &mut Peer)| peer.pause.take_if(|due| *due <= now).map(|_| *server);
        for server in self.peers.iter_mut().filter_map(rested).collect::<Vec<_>>() {
            self.ask_link(now, server, None, ElectionLink::pause_over);
        }
        while let Some(server) = self.dials.pop_front() {
            let Some(peer) = self.peers.get_mut(&server) else { continue };
            if peer.has_address(now, server, resolver) {
                self.connect(now, server, registry);
            }
        }
    }

    // --- inside --------------------------------------------------------------------------------

    /// Let the link with a server decide, about the `reported` connection if it is about one, and do what it
    /// wants.
    fn ask_link(
        &mut self,
        now: Instant,
        server: ServerId,
        reported: Option<usize>,
        report: impl FnOnce(&mut ElectionLink<Notification>, &mut LinkOutputs),
    ) {
        let Some(peer) = self.peers.get_mut(&server) else { return };
        let (mut out, mut reported) = (LinkOutputs::new(), reported);
        report(&mut peer.link, &mut out);
        for output in out {
            match output {
                LinkOutput::Dial => self.dials.push_back(server),
                LinkOutput::Pause(delay) => peer.pause = Some(now + self.settings.durations.of(delay)),
                LinkOutput::CloseReported => {
                    drop(reported.take().and_then(|index| self.engine.remove(index)))
                }
                LinkOutput::CloseUsed => {
                    drop(peer.conn.take().and_then(|index| self.engine.remove(index)));
                    self.events.push_back(Heard::Down(server));
                }
                LinkOutput::UseReported => {
                    peer.conn = reported;
                    peer.newest = reported.and_then(|index| self.engine.number(index));
                    if let Some(index) = reported
                        && let Some(conn) = self.engine.get_mut(index)
                    {
                        conn.stage = Stage::Up(server);
                        self.engine.queue(index);
                    }
                    debug!("election port: connected with server {server}");
                    self.events.push_back(Heard::Up(server));
                }
                LinkOutput::Send => peer.conn.into_iter().for_each(|index| self.engine.mark_dirty(index)),
            }
        }
    }

    /// Dial the next address of the place whose turn it is.
    fn connect(&mut self, now: Instant, server: ServerId, registry: &Registry) {
        let Some(peer) = self.peers.get_mut(&server) else { return };
        let Some(address) = peer.places.next_address() else {
            return self.dial_failed(now, server, "the name has no address");
        };
        let stage = Stage::Dialing(server, now + peer.places.limit(self.settings.dial_limit));
        let connected = TcpStream::connect(address)
            .and_then(|stream| self.engine.insert(stream, address, Voter::new(stage), registry));
        if let Err(error) = connected {
            self.dial_failed(now, server, &error.to_string());
        }
    }

    /// Nothing came of an attempt to connect.
    fn dial_failed(&mut self, now: Instant, server: ServerId, why: &str) {
        let Some(peer) = self.peers.get_mut(&server) else { return };
        let another = peer.places.failed(why);
        let why = peer.places.failures();
        debug!("election port: server {server} cannot be reached: {why}");
        self.unreachable.failed(now, server, why);
        self.ask_link(now, server, None, |link, out| link.dial_failed(another, out));
    }

    /// A connection that we dialed is established: say who is calling.
    fn dialed(&mut self, now: Instant, server: ServerId, index: usize) {
        let Some(conn) = self.engine.get_mut(index) else { return };
        self.settings.write_initial_message(conn.socket.out());
        if let Err(error) = conn.socket.write() {
            self.engine.remove(index);
            return self.dial_failed(now, server, &error.to_string());
        }
        if let Some(peer) = self.peers.get_mut(&server) {
            peer.places.worked();
            self.unreachable.reached(server);
        }
        self.ask_link(now, server, Some(index), ElectionLink::dialed);
    }

    /// A connection that was accepted has said who it is.
    fn introduced(&mut self, now: Instant, index: usize, server: ServerId) {
        let Some(peer) = self.peers.get_mut(&server) else {
            if let Some(conn) = self.engine.remove(index) {
                let why =
                    format!("says it is server {server}, which is not another one of the configuration");
                self.engine.refusals.log(now, conn.peer, why);
            }
            return;
        };
        peer.places.is_there();
        self.unreachable.reached(server);
        let is_old = self.engine.number(index) < peer.newest;
        self.ask_link(now, server, Some(index), |link, out| link.introduced(is_old, out));
    }

    /// A connection is gone.
    fn lost(&mut self, now: Instant, index: usize, why: &str) {
        let Some(conn) = self.engine.remove(index) else { return };
        match conn.stage {
            Stage::Dialing(server, _) => self.dial_failed(now, server, why),
            // A probe: something wants to know whether there is a port.
            Stage::Unknown(_) if conn.is_closed() && conn.greeting.is_empty() => {
                debug!("election port: {}: closed without a word", conn.peer);
            }
            Stage::Unknown(_) => {
                self.engine.refusals.log(now, conn.peer, format_args!("said nothing useful: {why}"))
            }
            Stage::Up(server) => {
                debug!("election port: the connection with server {server} is gone: {why}");
                if let Some(peer) = self.peers.get_mut(&server) {
                    peer.conn = None;
                }
                self.events.push_back(Heard::Down(server));
                self.ask_link(now, server, None, ElectionLink::lost);
            }
        }
    }
}

#[cfg(test)]
mod tests;
