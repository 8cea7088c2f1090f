//! One server's real service on its own: what the models of clients drive, and how.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bytes::Bytes;
use quorate_core::ids::{ConnId, Now, ServerId, SessionId, Zxid};
use quorate_core::payload::{Effects, Service};
use quorate_core::pipeline::{ClientEvent, Settings, TreeService};
use quorate_core::session::password::password;
use quorate_core::tree::DataTree;
use quorate_core::wire::client::{ConnectRequest, Request, RequestHeader};
use quorate_core::wire::jute::{DEFAULT_MAX_FIELD, Jute};
use quorate_core::wire::record::Stat;

use super::model_spec::Variant;
use crate::hash::fingerprint;

/// A service with its fingerprint: a state of several of them hashes only the one that changed.
#[derive(Clone, Debug)]
pub struct Served {
    service: Arc<TreeService>,
    prints: [u64; 2],
}

impl Served {
    /// The shipped service, or one with a broken rule.
    pub fn new(server: i64, tick_ms: u32, variant: Variant) -> Self {
        Self::proposing(server, tick_ms, DEFAULT_MAX_FIELD, variant)
    }

    /// A service that proposes no transaction longer than `max_txn` bytes.
    pub fn proposing(server: i64, tick_ms: u32, max_txn: usize, variant: Variant) -> Self {
        let settings = Settings {
            max_txn,
            #[cfg(feature = "mutants")]
            mutation: variant.mutation,
            ..Settings::new(ServerId(server), tick_ms)
        };
        let _ = variant;
        Served { service: Arc::new(TreeService::new(&settings, None)), prints: [0; 2] }.printed()
    }

    fn printed(mut self) -> Self {
        self.prints = [1, 2].map(|salt| fingerprint(&*self.service, salt).0);
        self
    }

    /// The service.
    pub fn get(&self) -> &TreeService {
        &self.service
    }

    /// Call the service, and note what it wants done.
    pub fn step(
        &mut self,
        call: impl FnOnce(&mut TreeService, &mut Effects<TreeService>),
    ) -> Effects<TreeService> {
        let mut fx = Vec::new();
        call(Arc::make_mut(&mut self.service), &mut fx);
        *self = self.clone().printed();
        fx
    }

    /// What of a client's bytes the service does.
    pub fn client(&mut self, now: Now, conn: ConnId, event: ClientEvent) -> Effects<TreeService> {
        self.step(|service, fx| service.client(now, conn, event, fx))
    }
}

impl PartialEq for Served {
    fn eq(&self, other: &Self) -> bool {
        self.prints == other.prints
    }
}

impl Hash for Served {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.prints.hash(hasher);
    }
}

/// A time at which both clocks stand at `ms` milliseconds, and the wall's is `wall_ahead` ahead.
pub fn at(ms: u64, wall_ahead: i64) -> Now {
    Now { elapsed_ms: ms, wall_ms: ms as i64 + wall_ahead }
}

/// The first frame of a connection; session 0 asks for a new one.
pub fn connect(session: SessionId, timeout_ms: i32, seen: Zxid) -> ClientEvent {
    let request = ConnectRequest {
        protocol_version: 0,
        last_zxid_seen: seen.0 as i64,
        timeout_ms,
        session,
        password: Some(Bytes::copy_from_slice(&if session.0 == 0 { [0; 16] } else { password(session) })),
        read_only: Some(false),
    };
    ClientEvent::Connect {
        frame: request.to_bytes().into(),
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        certificate: None,
    }
}

/// A frame of a connection that has a session.
pub fn frame(xid: i32, request: &Request) -> ClientEvent {
    let mut frame = RequestHeader { xid, op: request.op().to_i32() }.to_bytes();
    frame.extend_from_slice(&request.body());
    ClientEvent::Frame(frame.into())
}

/// Every znode but the system's, with its stat, in order of paths.
pub type Znodes = Vec<(String, Stat)>;

/// What a client would find below a path.
pub fn znodes(tree: &DataTree, path: &str) -> Znodes {
    let Some(node) = tree.get(path) else { return Vec::new() };
    let mut found = vec![(path.to_string(), tree.stat(&node))];
    let mut names: Vec<&str> = tree.children(path).into_iter().flatten().collect();
    names.sort_unstable();
    for name in names {
        found.extend(znodes(tree, &format!("{}/{name}", path.trim_end_matches('/'))));
    }
    found
}
