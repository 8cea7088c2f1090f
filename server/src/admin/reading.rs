//! What a server is like at one moment, as plain values: the loop hands them over. What shows them needs
//! nothing else of the loop.

use quorate_core::Status;
use quorate_core::pipeline::ServiceStatus;

use super::facts;
use super::metrics::Metrics;
use super::mode::Mode;
use super::view::View;
use crate::net::{LinkReading, Operations, Totals};
use crate::tls::settings::Side;

/// The figures of one moment.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    /// In which capacity the server serves; `None`: it does not.
    pub(crate) mode: Option<Mode>,
    /// The peer.
    pub(crate) status: Status,
    /// Tree, sessions, watches.
    pub(crate) service: ServiceStatus,
    /// What the client port counts.
    pub(crate) totals: Totals,
    /// How long requests took, by operation.
    pub(crate) operations: Operations,
    /// What the loop counts.
    pub(crate) metrics: Metrics,
    /// Client connections.
    pub(crate) connections: usize,
    /// Requests that are not answered yet.
    pub(crate) outstanding: usize,
    /// What client connections hold, in bytes.
    pub(crate) connection_bytes: usize,
    /// What watches take, in bytes.
    pub(crate) watch_bytes: usize,
    /// Connections with a watch of data or existence, paths that are watched so, and such watches.
    pub(crate) watch_summary: [usize; 3],
    /// For how long the server serves, ms.
    pub(crate) uptime_ms: u64,
    /// `maxClientCnxns` as it is in force.
    pub(crate) max_client_cnxns: usize,
    /// TLS handshakes under way.
    pub(crate) handshakes: usize,
    /// Days until a certificate of this server's ends, for each side that has one.
    pub(crate) certificate_days: Vec<(Side, i64)>,
    /// The connections of the quorum port, where they are asked for.
    pub(crate) links: Vec<LinkReading>,
}

impl Reading {
    /// The figures of this moment.
    pub(crate) fn take(view: &View<'_>) -> Reading {
        let (service, port) = (view.peer.service(), view.port);
        let watches = service.data_watches();
        Reading {
            mode: facts::mode(view.config, view.peer),
            status: view.peer.status(),
            service: service.status(),
            totals: port.totals(),
            operations: port.operations().clone(),
            metrics: view.metrics.clone(),
            connections: port.len(),
            outstanding: port.outstanding(),
            connection_bytes: port.memory(),
            watch_bytes: service.watch_bytes(),
            watch_summary: [watches.watcher_count(), watches.path_count(), watches.len()],
            uptime_ms: u64::try_from(view.metrics.uptime_ms(view.at)).unwrap_or(u64::MAX),
            max_client_cnxns: view.config.max_client_cnxns,
            handshakes: port.handshakes(),
            certificate_days: view.metrics.certificate_days(),
            links: Vec::new(),
        }
    }

    /// Transactions that this server knows of and has not applied. Across the end of an epoch it counts from
    /// the beginning of the newer one.
    pub(crate) fn lag(&self) -> u64 {
        let (last, applied) = (self.status.last_zxid, self.status.applied);
        match last.epoch() == applied.epoch() {
            true => u64::from(last.counter().saturating_sub(applied.counter())),
            false => u64::from(last.counter()),
        }
    }
}
