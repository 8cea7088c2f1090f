//! How one port reaches the same port of the other servers: names, addresses in turn, reports of failures.

mod places;
mod resolver;
mod unreachable;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use quorate_core::ids::ServerId;
use tracing::debug;

pub(super) use places::Places;
pub(super) use resolver::{Answer, Asker, Resolver};
use unreachable::Unreachable;

use super::token::PortKind;

/// The other servers of one port.
pub(super) struct Dialer {
    kind: PortKind,
    servers: BTreeMap<ServerId, Places>,
    /// Servers whose name is being resolved.
    resolving: BTreeSet<ServerId>,
    /// How long an attempt to connect may take.
    limit: Duration,
    unreachable: Unreachable,
    /// Whether the others are spoken to with TLS.
    tls: bool,
}

impl Dialer {
    /// Nothing is dialed yet. An attempt to reach a server at one address may take as long as `limit`.
    pub(super) fn new(kind: PortKind, servers: BTreeMap<ServerId, Places>, limit: Duration) -> Dialer {
        let unreachable = Unreachable::new(kind.name());
        Dialer { kind, servers, resolving: BTreeSet::new(), limit, unreachable, tls: false }
    }

    /// Speak to the others with TLS, or without.
    pub(super) fn set_tls(&mut self, tls: bool) {
        self.tls = tls;
    }

    /// The hosts of a server that is spoken to with TLS: its certificate must name one of them.
    pub(super) fn tls_hosts(&self, server: ServerId) -> Option<Vec<String>> {
        let places = self.servers.get(&server).filter(|_| self.tls)?;
        Some(places.hosts().map(str::to_owned).collect())
    }

    /// The hosts of all the others.
    pub(super) fn all_hosts(&self) -> Vec<String> {
        self.servers.values().flat_map(Places::hosts).map(str::to_owned).collect()
    }

    /// Whether there is such a server.
    pub(super) fn knows(&self, server: ServerId) -> bool {
        self.servers.contains_key(&server)
    }

    /// Begin an attempt. `true`: there is an address; otherwise the name is being resolved.
    pub(super) fn begin(&mut self, now: Instant, server: ServerId, resolver: &mut Resolver) -> bool {
        self.resolving.remove(&server);
        let Some(places) = self.servers.get_mut(&server) else { return false };
        let asker = match self.kind {
            PortKind::Election => Asker::Election(server),
            PortKind::Quorum | PortKind::Client => Asker::Quorum(server),
        };
        match resolver.ask(now, asker, places.current()) {
            Some(address) => places.resolved(vec![address]),
            None => {
                self.resolving.insert(server);
            }
        }
        !self.resolving.contains(&server)
    }

    /// Whether an address of the place whose turn it is has not been tried yet.
    pub(super) fn has_untried(&self, server: ServerId) -> bool {
        self.servers.get(&server).is_some_and(Places::has_untried)
    }

    /// The answer of the resolver; nothing if it was not waited for.
    pub(super) fn resolved(&mut self, server: ServerId, answer: Answer) -> Option<Result<(), String>> {
        if !self.resolving.remove(&server) {
            return None;
        }
        Some(answer.map(|addresses| {
            if let Some(places) = self.servers.get_mut(&server) {
                places.resolved(addresses);
            }
        }))
    }

    /// The next address to dial, and how long that may take.
    pub(super) fn next_address(&mut self, server: ServerId) -> Option<(SocketAddr, Duration)> {
        let places = self.servers.get_mut(&server)?;
        Some((places.next_address()?, places.limit(self.limit)))
    }

    /// Nothing came of an attempt. `true`: there is another address, to be tried at once.
    pub(super) fn failed(&mut self, now: Instant, server: ServerId, why: &str) -> bool {
        let Some(places) = self.servers.get_mut(&server) else { return false };
        let more = places.failed(why);
        let all = places.failures();
        debug!("{} port: server {server} cannot be reached: {all}", self.kind.name());
        self.unreachable.failed(now, server, all);
        more
    }

    /// An attempt has worked.
    pub(super) fn worked(&mut self, server: ServerId) {
        if let Some(places) = self.servers.get_mut(&server) {
            places.worked();
            self.unreachable.reached(server);
        }
    }

    /// The server has come by itself.
    pub(super) fn came(&mut self, server: ServerId) {
        if let Some(places) = self.servers.get_mut(&server) {
            places.is_there();
            self.unreachable.reached(server);
        }
    }

    /// What came of the attempts since one worked; empty: nothing was tried.
    pub(super) fn failures(&self, server: ServerId) -> String {
        self.servers.get(&server).map(Places::failures).unwrap_or_default()
    }

    /// Say what is due.
    pub(super) fn tell(&mut self, now: Instant) {
        self.unreachable.tell(now);
    }

    /// When something is to be said next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.unreachable.next_due()
    }
}
