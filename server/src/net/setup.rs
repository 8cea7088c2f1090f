//! A server's sockets as its configuration wants them: every port listens before anything else begins.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use mio::net::TcpListener;
use mio::{Events, Poll, Waker};
use quorate_core::ids::ServerId;
use quorate_core::pipeline::ImageBuilder;
use tracing::{info, warn};

use super::between::MAX_UNKNOWN;
use super::client::{ClientPort, ClientSettings, ConnectionLimits};
use super::dial::{Places, Resolver};
use super::election::{ElectionPort, ElectionSettings};
use super::listener::{self, Port};
use super::quorum::{QuorumPort, QuorumSettings};
use super::signals::{Requests, watch_stdin};
use super::token::{PortKind, Source};
use super::transport::{Credentials, Door, Finished, Handshakes, Limits, Reload};
use super::{Net, descriptors, socket};
use crate::config::{ClientAddress, HostPort, Listens, Member, ServerConfig};
use crate::error::{Error, system};
use crate::timer::Durations;
use crate::tls::Context;
use crate::tls::settings::TlsSettings;

/// How long an attempt to connect to a leader may take at most.
const DIAL_LIMIT: Duration = Duration::from_secs(5);
/// How often in a tick core is told at most of a connection that everything is read.
const MARKS_PER_TICK: u32 = 20;
/// The pause before a port between servers is opened again (`electionPortBindRetry`).
const BIND_PAUSE: Duration = Duration::from_secs(1);
/// Handshakes with servers: no client's handshake keeps them waiting.
const SERVER_LIMITS: Limits = Limits { threads: 1, under_way: 4 * MAX_UNKNOWN };
/// The listen backlog of the ports between servers.
const SERVER_BACKLOG: i32 = 128;

impl Net {
    /// Listen on every port that `config` gives this server. `arriving`
    /// begins one that a leader sends. With `stop_on_stdin_eof` the end of standard input is a request to
    /// stop.
    ///
    /// # Errors
    /// A port that cannot be listened on, by name.
    pub(crate) fn bind(
        config: &ServerConfig,
        arriving: ImageBuilder,
        stop_on_stdin_eof: bool,
    ) -> Result<Net, Error> {
        let poll = Poll::new().map_err(system("creating the event loop"))?;
        let registry = poll.registry();
        let failed = system("setting up the event loop");
        let waker = Arc::new(Waker::new(registry, Source::Waker.token()).map_err(&failed)?);
        let mut signals = Requests::new(registry).map_err(&failed)?;
        if stop_on_stdin_eof {
            watch_stdin(registry).map_err(&failed)?;
        }
        let register = |port: Port, what, listeners: Vec<TcpListener>, kind, door| -> Result<Port, Error> {
            for address in listeners.iter().filter_map(|listener| listener.local_addr().ok()) {
                info!("{what}: listening on {address}{}", shown(door));
            }
            port.with(listeners, door, registry, Source::Listener(kind).token()).map_err(&failed)
        };
        let door = match config.tls.listens {
            Listens::Plain => Door::Plain,
            Listens::Both => Door::Either,
            Listens::Tls => Door::Tls,
        };
        let own = config.members.get(&config.id);
        let mut server_port = |what, places: fn(&Member) -> &[HostPort], kind| {
            let Some(places) = own.map(places) else { return Ok(None) };
            let listeners = between_servers(what, places, config, &mut signals)?;
            register(Port::default(), what, listeners, kind, door).map(Some)
        };
        let election = server_port("election port", |m| &m.election, PortKind::Election)?;
        let quorum = server_port("quorum port", |m| &m.quorum, PortKind::Quorum)?;
        let unified = if config.tls.client_unification { Door::Either } else { Door::Plain };
        let addresses = [
            ("client port", config.client.as_ref(), unified),
            ("secure client port", config.tls.secure_client.as_ref(), Door::Tls),
        ];
        let mut client = None::<Port>;
        for (what, address, door) in addresses {
            let Some(ClientAddress { host, port }) = address else { continue };
            let listeners = listener::listen(what, host.as_deref(), *port, config.client_backlog)?;
            client = Some(register(client.unwrap_or_default(), what, listeners, PortKind::Client, door)?);
        }
        let (done, handshaken) = channel();
        let threads = |settings: &Option<TlsSettings>, limits| {
            settings.as_ref().map(|settings| handshakes(settings, limits, &done, &waker)).transpose()
        };
        let for_clients = threads(&config.tls.client, client_limits(config))?;
        let for_servers = threads(&config.tls.quorum, SERVER_LIMITS)?;
        let resolver = Resolver::new(Arc::clone(&waker));
        let mut net = Net {
            poll,
            ready: Events::with_capacity(1024),
            signals,
            resolver,
            waker,
            scratch: vec![0; socket::READ_CHUNK],
            client: ClientPort::new(client_settings(config), client),
            quorum: QuorumPort::new(quorum_settings(config), others(config, |m| &m.quorum), arriving, quorum),
            election: ElectionPort::new(election_settings(config), others(config, |m| &m.election), election),
            handshaken,
            credentials: Vec::new(),
        };
        let both = for_clients.iter().chain(&for_servers);
        net.credentials = both.map(|handshakes| Arc::clone(handshakes.credentials())).collect();
        if !net.credentials.is_empty() {
            let reload = Reload::start(net.credentials.clone());
            net.signals.keys = Some(reload.map_err(system("starting the thread for keys"))?);
        }
        if let Some(handshakes) = for_clients {
            net.client.set_tls(handshakes);
        }
        if let Some(handshakes) = for_servers {
            net.quorum.set_tls(Arc::clone(&handshakes), config.tls.dials);
            net.election.set_tls(handshakes, config.tls.dials);
        }
        Ok(net)
    }
}

/// What the log says of a port.
fn shown(door: Door) -> &'static str {
    match door {
        Door::Plain => "",
        Door::Either => ", with TLS or without",
        Door::Tls => ", with TLS",
    }
}

/// The threads that do one side's handshakes.
fn handshakes(
    settings: &TlsSettings,
    limits: Limits,
    done: &Sender<Finished>,
    waker: &Arc<Waker>,
) -> Result<Arc<Handshakes>, Error> {
    // The files were read with the configuration; they may have been changed since then.
    let context = Context::load(settings).map_err(|trouble| Error::Usage(trouble.to_string()))?;
    let credentials = Arc::new(Credentials::new(settings.clone(), context));
    Handshakes::start(&credentials, limits, done, waker).map_err(system("starting the threads for TLS"))
}

/// One thread leaves the loop the other core of a small machine.
fn client_limits(config: &ServerConfig) -> Limits {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Limits { threads: (cores / 2).clamp(1, 4), under_way: config.tls.handshakes }
}

/// Listen on one port of this server, on all of its addresses. An address that is in use or whose
/// name is not known yet may be there a moment later.
fn between_servers(
    what: &'static str,
    places: &[HostPort],
    config: &ServerConfig,
    signals: &mut Requests,
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
            if signals.asked_to_stop() {
                return Err(error);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn client_settings(config: &ServerConfig) -> ClientSettings {
    ClientSettings {
        connections: ConnectionLimits {
            per_address: config.max_client_cnxns,
            all: config.max_cnxns,
            descriptors: descriptors::raise_limit(
                config.admin.server.is_some() || config.admin.metrics.is_some(),
            ),
        },
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
        handshake_limit: config.tick_time * config.sync_limit,
        durations: Durations::new(config),
    }
}
