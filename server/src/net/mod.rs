//! Every socket of a server, in one place and on one thread: bytes ↔ inputs and outputs.
//!
//! A turn of the loop: [`Net::wait`] asks the system what is ready, [`Net::next`] hands out what
//! was understood of it, one thing at a time, other methods take what core wants done, and [`Net::flush`]
//! writes each socket once. Order per connection is kept both ways, and a connection
//! that core has hung up delivers nothing any more: what it sent is forgotten with it.

mod between;
mod client;
pub(crate) mod descriptors;
mod dial;
mod election;
mod engine;
mod listener;
mod pressure;
mod quorum;
mod refusals;
mod setup;
mod signals;
mod slab;
mod socket;
mod stranger;
mod token;
pub(crate) mod transport;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Waker};
use quorate_core::election::Notification;
use quorate_core::ids::{ConnId, Link, ServerId};
use quorate_core::pipeline::ClientTxn;
use quorate_core::zab::Packet;
use quorate_core::{Input, Reason};

use crate::error::{Error, system};
use crate::word::Word;
use client::Happened;
pub(crate) use client::{ClientPort, ConnectionExpiry, ConnectionFacts, Operations, Slow, Totals};
use dial::{Asker, Resolver};
use election::ElectionPort;
pub(crate) use listener::listen;
pub(crate) use pressure::Pressure;
pub(crate) use quorum::LinkReading;
use quorum::QuorumPort;
use signals::{Requests, stdin_ended};
use token::{PortKind, Source};
use transport::{Credentials, Finished};

/// The sockets of one server.
pub(crate) struct Net {
    poll: Poll,
    ready: Events,
    signals: Requests,
    resolver: Resolver,
    waker: Arc<Waker>,
    scratch: Vec<u8>,
    /// Connections whose TLS handshake is over.
    handshaken: Receiver<Finished>,
    /// Keys and certificates, where there is TLS.
    pub(crate) credentials: Vec<Arc<Credentials>>,
    /// Clients.
    pub(crate) client: ClientPort,
    quorum: QuorumPort<ClientTxn>,
    election: ElectionPort,
}

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Occurrence {
    /// For core.
    Input(Input<ClientTxn>),
    /// A client sent a four-letter word.
    Asked(ConnId, Word),
    /// The connection is gone that was being sent the answer to its word.
    Left(ConnId),
}

/// Whether the loop goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wake {
    /// There may be something to do.
    Go,
    /// The process was asked to end.
    Stop,
}

impl Net {
    /// Read less, or again. A learner then takes no more from its leader than its disk does; what keeps a
    /// leader's quorum together is always read.
    pub(crate) fn set_pressure(&mut self, pressure: Pressure, learns: bool) {
        self.client.set_pressure(pressure);
        self.quorum.hold(learns && pressure == Pressure::Overloaded);
    }

    /// Wakes the loop from another thread.
    pub(crate) fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Wait until something is ready or `due`; not at all if something is left to do.
    pub(crate) fn wait(&mut self, due: Option<Instant>) -> Result<Wake, Error> {
        let busy = self.client.has_work() || self.quorum.has_work() || self.election.has_work();
        let ports = [self.client.next_due(), self.quorum.next_due(), self.election.next_due()];
        let dues = ports.into_iter().chain([due, self.resolver.next_due()]);
        let timeout = if busy {
            Some(Duration::ZERO)
        } else {
            let now = Instant::now();
            // Rounded up to a millisecond: the system waits in whole ones, and not a bit less.
            dues.flatten().min().map(|due| due.saturating_duration_since(now))
        };
        match self.poll.poll(&mut self.ready, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                return Err(system("waiting for events")(error));
            }
            _ => {}
        }
        self.take_events()
    }

    fn take_events(&mut self) -> Result<Wake, Error> {
        let now = Instant::now();
        let mut wake = Wake::Go;
        for event in &self.ready {
            match Source::of(event.token()) {
                Some(Source::Connection(PortKind::Client, index)) => self.client.ready(index, event),
                Some(Source::Connection(PortKind::Quorum, index)) => self.quorum.ready(now, index, event),
                Some(Source::Connection(PortKind::Election, index)) => self.election.ready(now, index, event),
                Some(Source::Listener(PortKind::Client)) => self.client.listener_ready(),
                Some(Source::Listener(PortKind::Quorum)) => self.quorum.listener_ready(),
                Some(Source::Listener(PortKind::Election)) => self.election.listener_ready(),
                Some(Source::Signal) if self.signals.asked_to_stop() => wake = Wake::Stop,
                Some(Source::Stdin) if stdin_ended() => wake = Wake::Stop,
                Some(Source::Signal | Source::Stdin | Source::Waker) | None => {}
            }
        }
        // Only now that every event is assigned may its number be given to a new connection.
        let registry = self.poll.registry();
        self.client.accept(now, registry);
        self.quorum.accept(now, registry);
        self.election.accept(now, registry);
        while let Ok(finished) = self.handshaken.try_recv() {
            match finished.ticket.port {
                PortKind::Client => self.client.entered(now, finished, registry),
                PortKind::Quorum => self.quorum.entered(now, finished, registry),
                PortKind::Election => self.election.entered(now, finished, registry),
            }
        }
        while let Some((asker, answer)) = self.resolver.answer(now) {
            match asker {
                Asker::Quorum(server) => self.quorum.resolved(now, server, answer, registry),
                Asker::Election(server) => self.election.resolved(now, server, answer, registry),
            }
        }
        self.client.expire(now);
        self.quorum.expire(now, registry);
        self.election.expire(now, &mut self.resolver, registry);
        self.client.begin_turn();
        self.quorum.begin_turn();
        self.election.begin_turn();
        Ok(wake)
    }

    /// The next thing that was understood in this turn.
    pub(crate) fn next(&mut self, now: Instant) -> Option<Occurrence> {
        let scratch = &mut self.scratch;
        if let Some(input) = self.election.next_input(now, scratch) {
            return Some(Occurrence::Input(input));
        }
        if let Some(input) = self.quorum.next_input(now, scratch) {
            return Some(Occurrence::Input(input));
        }
        self.client.next_happened(now, scratch).map(|happened| match happened {
            Happened::Event(conn, event) => Occurrence::Input(Input::Client(conn, event)),
            Happened::Asked(conn, word) => Occurrence::Asked(conn, word),
            Happened::Left(conn) => Occurrence::Left(conn),
        })
    }

    /// Tell a server a vote.
    pub(crate) fn elect(&mut self, now: Instant, server: ServerId, vote: Notification) {
        self.election.elect(now, server, vote);
    }

    /// Connect to a leader.
    pub(crate) fn dial(&mut self, now: Instant, server: ServerId) {
        self.quorum.dial(now, server, &mut self.resolver, self.poll.registry());
    }

    /// Send a learner or a leader a message.
    pub(crate) fn send(&mut self, now: Instant, link: Link, packet: &Packet<ClientTxn>) {
        self.quorum.send(now, link, packet);
    }

    /// Close the connection with a learner or a leader.
    pub(crate) fn hangup(&mut self, now: Instant, link: Link, reason: Reason) {
        self.quorum.hangup(now, link, reason);
    }

    /// The other servers that are not connected, with what came of the attempts to reach them; empty: none.
    pub(crate) fn missing(&self) -> String {
        let one = |(server, why): (ServerId, String)| match why.as_str() {
            "" => format!("server {server} (nothing heard yet)"),
            why => format!("server {server} ({why})"),
        };
        self.election.missing().map(one).collect::<Vec<_>>().join("; ")
    }

    /// The addresses of a connection of the quorum port: this end's, the other end's.
    pub(crate) fn ends(&self, link: Link) -> Option<(SocketAddr, SocketAddr)> {
        self.quorum.ends(link)
    }

    /// Whether the configuration is to be read again, since this was asked last.
    pub(crate) fn asked_to_reload(&mut self) -> bool {
        self.signals.asked_to_reload()
    }

    /// Begin anew to count the packets of the quorum port's connections.
    pub(crate) fn reset_links(&mut self) {
        self.quorum.reset_counts();
    }

    /// The connections of the quorum port, for operators.
    pub(crate) fn links(&self) -> Vec<LinkReading> {
        self.quorum.readings()
    }

    /// Write each socket that has something to say, once.
    pub(crate) fn flush(&mut self, now: Instant) {
        self.election.flush(now);
        self.quorum.flush(now);
        self.client.flush();
    }
}
