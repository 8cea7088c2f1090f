//! Every socket of a server, in one place and on one thread: bytes ↔ inputs and outputs.
//!
//! A turn of the loop: [`Net::wait`] asks the system what is ready, [`Net::next`] hands out what
//! was understood of it, one thing at a time, other methods take what core wants done, and [`Net::flush`]
//! writes each socket once. Order per connection is kept both ways, and a connection
//! that core has hung up delivers nothing any more: what it sent is forgotten with it.

mod budget;
mod client_conn;
mod client_port;
mod client_stats;
pub(crate) mod descriptors;
mod election_conn;
mod election_peer;
mod election_port;
mod engine;
mod listener;
mod places;
mod quorum_conn;
mod quorum_port;
mod refusals;
mod resolver;
mod slab;
mod socket;
mod stranger;
mod token;
mod unreachable;

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::net::TcpListener;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Waker};
use quorate_core::election::Notification;
use quorate_core::ids::{ConnId, Link, ServerId};
use quorate_core::pipeline::{ClientTxn, TravellingImage, TreeImage};
use quorate_core::zab::Packet;
use quorate_core::{Input, Reason};
use signal_hook::consts::{SIGALRM, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGXFSZ};
use signal_hook::low_level::signal_name;
use signal_hook_mio::v1_0::Signals;
use tracing::{info, warn};

use crate::config::{ClientAddress, HostPort, Member, ServerConfig};
use crate::error::{Error, system};
use crate::timer::Durations;
use crate::word::Word;
use client_conn::Happened;
pub(crate) use client_port::ClientPort;
use client_port::ClientSettings;
pub(crate) use client_stats::ConnectionExpiry;
use election_peer::ElectionSettings;
use election_port::ElectionPort;
use listener::Port;
use places::Places;
pub(crate) use quorum_conn::SnapshotBody;
use quorum_port::{QuorumPort, QuorumSettings};
use resolver::{Asker, Resolver};
use token::{PortKind, Source};

/// How long an attempt to connect to a leader may take at most.
const DIAL_LIMIT: Duration = Duration::from_secs(5);
/// How often in a tick core is told at most of a connection that everything is read.
const MARKS_PER_TICK: u32 = 20;
/// The pause before a port between servers is opened again (`electionPortBindRetry`).
const BIND_PAUSE: Duration = Duration::from_secs(1);
/// The listen backlog of the ports between servers.
const SERVER_BACKLOG: i32 = 128;

/// The signals that ask a server to stop.
const STOP_SIGNALS: [i32; 2] = [SIGINT, SIGTERM];
/// Signals that would end the process if it did not handle them, sent by log rotation, by habit (SIGQUIT
/// makes a Java server write down its threads), by a file size limit. SIGPIPE is ignored from the start.
const OTHER_SIGNALS: [i32; 6] = [SIGALRM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGXFSZ];

/// The sockets of one server.
pub(crate) struct Net {
    poll: Poll,
    ready: Events,
    signals: Signals,
    resolver: Resolver,
    waker: Arc<Waker>,
    scratch: Vec<u8>,
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

/// How much waits for the disk, and so which connections may be read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) enum Pressure {
    /// All connections.
    #[default]
    None,
    /// Servers, and clients of which nothing is in process.
    Busy,
    /// Clients that ask for a session or send a four-letter word, votes, and a leader's learners.
    Overloaded,
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
    /// Listen on every port that `config` gives this server. `body` makes a snapshot's bytes, `arriving`
    /// begins one that a leader sends. With `stop_on_stdin_eof` the end of standard input is a request to
    /// stop.
    ///
    /// # Errors
    /// A port that cannot be listened on, by name.
    pub(crate) fn bind(
        config: &ServerConfig,
        body: fn(&TreeImage) -> SnapshotBody,
        arriving: TravellingImage,
        stop_on_stdin_eof: bool,
    ) -> Result<Net, Error> {
        let poll = Poll::new().map_err(system("creating the event loop"))?;
        let registry = poll.registry();
        let failed = system("setting up the event loop");
        let waker = Arc::new(Waker::new(registry, Source::Waker.token()).map_err(&failed)?);
        let mut signals = Signals::new(STOP_SIGNALS.iter().chain(&OTHER_SIGNALS)).map_err(&failed)?;
        registry.register(&mut signals, Source::Signal.token(), Interest::READABLE).map_err(&failed)?;
        if stop_on_stdin_eof {
            let stdin = io::stdin().as_raw_fd();
            registry
                .register(&mut SourceFd(&stdin), Source::Stdin.token(), Interest::READABLE)
                .map_err(&failed)?;
        }
        let registered = |what, listeners, kind| -> Result<Port, Error> {
            let port = Port::new(listeners, registry, Source::Listener(kind).token()).map_err(&failed)?;
            for address in port.addresses() {
                info!("{what}: listening on {address}");
            }
            Ok(port)
        };
        let own = config.members.get(&config.id);
        let mut server_port = |what, places: fn(&Member) -> &[HostPort], kind| {
            let Some(places) = own.map(places) else { return Ok(None) };
            let listeners = between_servers(what, places, config, &mut signals)?;
            registered(what, listeners, kind).map(Some)
        };
        let election = server_port("election port", |m| &m.election, PortKind::Election)?;
        let quorum = server_port("quorum port", |m| &m.quorum, PortKind::Quorum)?;
        let client = match &config.client {
            None => None,
            Some(ClientAddress { host, port }) => {
                let what = "client port";
                let listeners = listener::listen(what, host.as_deref(), *port, config.client_backlog)?;
                Some(registered(what, listeners, PortKind::Client)?)
            }
        };
        let resolver = Resolver::new(Arc::clone(&waker));
        Ok(Net {
            poll,
            ready: Events::with_capacity(1024),
            signals,
            resolver,
            waker,
            scratch: vec![0; socket::READ_CHUNK],
            client: ClientPort::new(client_settings(config), client),
            quorum: QuorumPort::new(quorum_settings(config), body, arriving, quorum),
            election: ElectionPort::new(election_settings(config), election),
        })
    }

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
                Some(Source::Signal) if asked_to_stop(&mut self.signals) => wake = Wake::Stop,
                Some(Source::Stdin) if stdin_ended() => wake = Wake::Stop,
                Some(Source::Signal | Source::Stdin | Source::Waker) | None => {}
            }
        }
        // Only now that every event is assigned may its number be given to a new connection.
        let registry = self.poll.registry();
        self.client.accept(now, registry);
        self.quorum.accept(now, registry);
        self.election.accept(now, registry);
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

    /// Write each socket that has something to say, once.
    pub(crate) fn flush(&mut self, now: Instant) {
        self.election.flush(now);
        self.quorum.flush(now);
        self.client.flush();
    }
}

/// Listen on one port of this server, on all of its addresses. An address that is in use or whose
/// name is not known yet may be there a moment later.
fn between_servers(
    what: &'static str,
    places: &[HostPort],
    config: &ServerConfig,
    signals: &mut Signals,
) -> Result<Vec<TcpListener>, Error> {
    let open = || -> Result<Vec<TcpListener>, Error> {
        let mut ports: Vec<u16> = places.iter().map(|place| place.port).collect();
        ports.sort_unstable();
        ports.dedup();
        if config.listen_on_all_ips {
            let all = ports.iter().map(|port| listener::listen(what, None, *port, SERVER_BACKLOG));
            return Ok(all.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect());
        }
        // Two of this server's names may have the same address.
        let mut addresses = Vec::new();
        for place in places {
            let found = listener::resolve(what, &place.host, place.port)?;
            addresses
                .extend(found.into_iter().filter(|address| !addresses.contains(address)).collect::<Vec<_>>());
        }
        listener::listen_on(what, &addresses, SERVER_BACKLOG)
    };
    let mut retries = 0;
    loop {
        let error = match open() {
            Ok(listeners) => return Ok(listeners),
            Err(error) => error,
        };
        if config.bind_retries.is_some_and(|limit| retries >= limit) {
            return Err(error);
        }
        retries += 1;
        warn!("{error}; trying again in {} s", BIND_PAUSE.as_secs());
        let begun = Instant::now();
        while begun.elapsed() < BIND_PAUSE {
            if asked_to_stop(signals) {
                return Err(error);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Whether a signal has come that asks for the end; any other is said.
fn asked_to_stop(signals: &mut Signals) -> bool {
    let mut stop = false;
    for signal in signals.pending() {
        let name = signal_name(signal).unwrap_or("a signal");
        match STOP_SIGNALS.contains(&signal) {
            true => stop = true,
            false => warn!("{name} was sent: nothing is done about it, this server goes on"),
        }
    }
    stop
}

/// Whether standard input is at its end.
fn stdin_ended() -> bool {
    matches!(io::stdin().read(&mut [0; 64]), Ok(0) | Err(_))
}

fn client_settings(config: &ServerConfig) -> ClientSettings {
    ClientSettings {
        max_per_address: config.max_client_cnxns,
        max_cnxns: config.max_cnxns,
        descriptors: descriptors::raise_limit(),
        sessionless: config.sessionless_timeout,
        max_frame: config.jute_max_buffer,
        outstanding_limit: config.outstanding_limit,
        memory: config.client_memory,
    }
}

fn others(config: &ServerConfig, places: fn(&Member) -> &[HostPort]) -> BTreeMap<ServerId, Places> {
    let others = config.members.iter().filter(|(id, _)| **id != config.id);
    others.map(|(id, member)| (*id, Places::new(places(member)))).collect()
}

fn quorum_settings(config: &ServerConfig) -> QuorumSettings {
    QuorumSettings {
        me: config.id,
        addresses: others(config, |m| &m.quorum),
        max_field: config.max_field(),
        first_packet_limit: config.tick_time * config.init_limit,
        dial_limit: (config.tick_time * config.init_limit).min(DIAL_LIMIT),
        mark_pause: config.tick_time / MARKS_PER_TICK,
    }
}

fn election_settings(config: &ServerConfig) -> ElectionSettings {
    let nowhere = || vec![HostPort { host: "127.0.0.1".to_owned(), port: 1 }];
    ElectionSettings {
        me: config.id,
        own: config.members.get(&config.id).map_or_else(nowhere, |m| m.election.clone()),
        dial_limit: config.election_dial_limit,
        config_text: config.config_text.clone().into_bytes(),
        addresses: others(config, |m| &m.election),
        handshake_limit: config.tick_time * config.sync_limit,
        durations: Durations::new(config),
    }
}
