//! The election port: one connection per pair of servers, one vote waiting per peer.
//!
//! When to dial, which connection is used and what waits on it is decided by [`ElectionLink`]; here are the
//! sockets. A dialer that is silent or talks nonsense holds up no other.

mod conn;
mod link;
mod peer;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use mio::Registry;
use mio::event::Event;
use quorate_core::Input;
use quorate_core::election::{ElectionLink, Notification};
use quorate_core::ids::ServerId;
use quorate_core::payload::Payload;
use quorate_core::wire::election::write_notification;
use tracing::debug;

use super::between::Stage;
use super::dial::{Answer, Dialer, Places, Resolver};
use super::engine::{Dialed, Engine, Entered, Next};
use super::listener::Port;
use super::token::PortKind;
use super::transport::{Finished, Handshakes};
use conn::{Said, Voter};
pub(crate) use peer::ElectionSettings;
use peer::{Peer, peers};

/// The election port of one server.
pub(crate) struct ElectionPort {
    settings: ElectionSettings,
    peers: BTreeMap<ServerId, Peer>,
    engine: Engine<Voter>,
    dialer: Dialer,
    events: VecDeque<Heard>,
    /// Servers to be dialed in the next turn.
    dials: VecDeque<ServerId>,
}

/// Something to tell core.
enum Heard {
    Up(ServerId),
    Down(ServerId),
    Vote(ServerId, Notification),
}

impl ElectionPort {
    /// A port; without a listener for a server that is alone. `others` are the election ports of the other
    /// servers.
    pub(crate) fn new(
        settings: ElectionSettings,
        others: BTreeMap<ServerId, Places>,
        port: Option<Port>,
    ) -> Self {
        ElectionPort {
            peers: peers(settings.me, others.keys()),
            engine: Engine::new(PortKind::Election, port),
            dialer: Dialer::new(PortKind::Election, others, settings.dial_limit),
            events: VecDeque::new(),
            dials: VecDeque::new(),
            settings,
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
        match self.dialer.resolved(server, answer) {
            None => {}
            Some(Ok(())) => self.connect(now, server, registry),
            Some(Err(why)) => self.dial_failed(now, server, &why),
        }
    }

    /// Which other servers are not connected, and why not as far as that is known.
    pub(crate) fn missing(&self) -> impl Iterator<Item = (ServerId, String)> {
        let missing = self.peers.iter().filter(|(_, peer)| !peer.link.is_connected());
        missing.map(|(id, _)| (*id, self.dialer.failures(*id)))
    }

    /// The listener is readable.
    pub(crate) fn listener_ready(&mut self) {
        self.engine.listener_ready();
    }

    /// A connection is readable, writable or broken.
    pub(crate) fn ready(&mut self, now: Instant, index: usize, event: &Event) {
        let Some(dialed) = self.engine.ready(index, event) else { return };
        self.came_of_dialing(now, index, dialed);
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
            Some(Entered::Ready(index, _)) => self.came_of_dialing(now, index, Dialed::Connected),
            Some(Entered::Refused(index, why)) => {
                let said = why.unwrap_or_else(|| "closed without a word".to_owned());
                match self.engine.get(index).map(|conn| conn.stage) {
                    Some(Stage::Unknown(_)) => {
                        let Some(conn) = self.engine.remove(index) else { return };
                        self.engine.refusals.log(now, conn.peer, said);
                    }
                    _ => self.came_of_dialing(now, index, Dialed::Failed(said)),
                }
            }
        }
    }

    /// This is what came of dialing; nothing, if the other end has dialed.
    fn came_of_dialing(&mut self, now: Instant, index: usize, dialed: Dialed) {
        let Some(Stage::Dialing(server, _)) = self.engine.get(index).map(|conn| conn.stage) else { return };
        match dialed {
            Dialed::Connected => self.dialed(now, server, index),
            Dialed::Failed(why) => {
                self.engine.remove(index);
                self.dial_failed(now, server, &why);
            }
        }
    }

    /// Take the connections that wait to be accepted.
    pub(crate) fn accept(&mut self, now: Instant, registry: &Registry) {
        while let Some(accepted) = self.engine.accept(now) {
            let stage = Stage::Unknown(now + self.settings.handshake_limit);
            self.engine.take_in(now, accepted, &self.dialer.all_hosts(), Voter::new(stage), registry);
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
            match self.engine.next(now, scratch, &mut ())? {
                Next::Said(_, Said::Vote(server, vote)) => self.events.push_back(Heard::Vote(server, vote)),
                Next::Said(index, Said::Hello(server)) => self.introduced(now, index, server),
                Next::Closed(index) => self.lost(now, index, "closed by the other side"),
                Next::Wrong(index, why) => {
                    let Some(conn) = self.engine.get(index) else { continue };
                    let (stage, who) = (conn.stage, conn.stage.who(conn.peer));
                    self.engine.refusals.log(now, who, &why);
                    match stage {
                        Stage::Unknown(_) => drop(self.engine.remove(index)),
                        Stage::Dialing(..) | Stage::Up(_) => self.lost(now, index, &why),
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

    /// When a connection's time or a pause ends next, or something is to be said.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let pauses = self.peers.values().filter_map(|peer| peer.pause);
        pauses.chain(self.engine.next_due()).chain(self.dialer.next_due()).min()
    }

    /// Give up on connections that took too long, end pauses, dial the servers that are to be dialed.
    pub(crate) fn expire(&mut self, now: Instant, resolver: &mut Resolver, registry: &Registry) {
        self.engine.refusals.roll(now);
        self.dialer.tell(now);
        for index in self.engine.overdue(now) {
            self.lost(now, index, "took too long");
        }
        let rested =
            |(server, peer): (&ServerId, &mut Peer)| peer.pause.take_if(|due| *due <= now).map(|_| *server);
        for server in self.peers.iter_mut().filter_map(rested).collect::<Vec<_>>() {
            self.ask_link(now, server, None, ElectionLink::pause_over);
        }
        while let Some(server) = self.dials.pop_front() {
            if self.dialer.has_untried(server) || self.dialer.begin(now, server, resolver) {
                self.connect(now, server, registry);
            }
        }
    }

    /// A connection is gone.
    fn lost(&mut self, now: Instant, index: usize, why: &str) {
        let Some(conn) = self.engine.remove(index) else { return };
        match conn.stage {
            Stage::Dialing(server, _) => self.dial_failed(now, server, why),
            Stage::Unknown(_) => self.engine.stranger_left(now, &conn, why),
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
