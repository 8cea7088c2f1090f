//! The one table of figures under ZooKeeper's names: `mntr`, `monitor` and `/metrics` show it.
//!
//! Every gauge of ZooKeeper 3.9 is there in the mode in which it has it. Of its counters and times those are
//! there that mean something here.

use super::facts;
use super::mode::Mode;
use super::process::descriptors;
use super::reading::Reading;
use crate::config::{LearnerType, ServerConfig};
use crate::stats::{Amounts, Distribution};
use crate::tls::settings::Side;

/// A figure and its name.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    /// ZooKeeper's name, without `zk_`.
    pub(crate) name: &'static str,
    /// What it is.
    pub(crate) value: Value,
}

/// What a figure is.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// A word.
    Text(String),
    /// A number that goes up and down.
    Gauge(i64),
    /// A number with decimals that goes up and down.
    Real(f64),
    /// A number that only grows.
    Counter(u64),
    /// Times of which ZooKeeper shows mean, least, most, number and sum.
    Times(Box<Distribution>),
    /// Times of which ZooKeeper shows quantiles, too.
    Quantiles(Box<Distribution>),
    /// Amounts of which ZooKeeper shows mean, least, most, number and sum.
    Amounts(Amounts),
}

/// The quantiles that ZooKeeper shows, under the names they have in `mntr`.
pub(crate) const QUANTILES: [(&str, f64); 4] = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999)];

/// The table.
#[derive(Default)]
struct Table(Vec<Figure>);

impl Table {
    fn add(&mut self, name: &'static str, value: Value) {
        self.0.push(Figure { name, value });
    }

    fn text(&mut self, name: &'static str, text: impl Into<String>) {
        self.add(name, Value::Text(text.into()));
    }

    fn gauge(&mut self, name: &'static str, value: impl TryInto<i64>) {
        self.add(name, Value::Gauge(value.try_into().unwrap_or(i64::MAX)));
    }

    fn counter(&mut self, name: &'static str, value: u64) {
        self.add(name, Value::Counter(value));
    }

    fn times(&mut self, name: &'static str, times: &Distribution) {
        self.add(name, Value::Times(Box::new(*times)));
    }
}

/// The figures of a server, in ZooKeeper's order as far as it has one.
pub(crate) fn figures(reading: &Reading, config: &ServerConfig) -> Vec<Figure> {
    let mut table = Table::default();
    table.text("version", facts::VERSION);
    if let Some(mode) = reading.mode {
        table.text("server_state", mode.as_str());
    }
    let is_member = !matches!(reading.mode, Some(Mode::Standalone | Mode::ReadOnly) | None);
    if let (true, Some(mode)) = (is_member, reading.mode) {
        table.text("peer_state", format!("{} - {:?}", role(mode), reading.status.zab).to_lowercase());
    }
    gauges(&mut table, reading);
    match reading.mode {
        Some(Mode::Leader) => leader(&mut table, reading),
        Some(Mode::Observer) => {
            table.gauge("observer_master_id", reading.status.leader.map_or(-1, |id| id.0))
        }
        _ => {}
    }
    if is_member {
        let voters = config.members.values().filter(|m| m.role == LearnerType::Participant).count();
        table.gauge("quorum_size", voters);
    }
    counters(&mut table, reading);
    table.0
}

fn role(mode: Mode) -> &'static str {
    match mode {
        Mode::Leader => "leading",
        Mode::Observer => "observing",
        Mode::Follower | Mode::Standalone | Mode::ReadOnly => "following",
    }
}

fn gauges(table: &mut Table, reading: &Reading) {
    let (service, totals) = (&reading.service, &reading.totals);
    table.add("avg_latency", Value::Real(totals.latency.mean_ms()));
    table.gauge("max_latency", totals.latency.max_ms());
    table.gauge("min_latency", totals.latency.min_ms());
    table.gauge("packets_received", totals.received);
    table.gauge("packets_sent", totals.sent);
    table.gauge("num_alive_connections", reading.connections);
    table.gauge("outstanding_requests", reading.outstanding);
    table.gauge("client_memory_bytes", reading.connection_bytes + reading.watch_bytes);
    table.gauge("uptime", reading.uptime_ms);
    table.gauge("znode_count", facts::znodes(service));
    table.gauge("watch_count", service.watches);
    table.gauge("ephemerals_count", service.ephemerals);
    table.gauge("approximate_data_size", facts::data_size(service));
    table.gauge("global_sessions", service.sessions);
    table.gauge("local_sessions", service.local_sessions);
    let [last, min, max] = totals.reply_sizes.figures();
    table.gauge("last_client_response_size", last);
    table.gauge("min_client_response_size", min);
    table.gauge("max_client_response_size", max);
    let (open, limit) = descriptors();
    table.gauge("open_file_descriptor_count", open);
    table.gauge("max_file_descriptor_count", limit);
    table.gauge("outstanding_tls_handshake", reading.handshakes);
    for (side, days) in &reading.certificate_days {
        table.gauge(
            match side {
                Side::Client => "tls_client_certificate_days_left",
                Side::Quorum => "tls_quorum_certificate_days_left",
            },
            *days,
        );
    }
    // Chance has no part in who may connect.
    for none in ["auth_failed_count", "non_mtls_remote_conn_count", "non_mtls_local_conn_count"] {
        table.gauge(none, 0);
    }
    table.add("connection_drop_probability", Value::Real(0.0));
}

fn leader(table: &mut Table, reading: &Reading) {
    let learners = &reading.status.learners;
    let synced = |voter| learners.iter().filter(|l| l.in_service && l.voter == voter).count();
    table.gauge("learners", learners.len());
    // ZooKeeper's name for them until 3.5, which some monitoring still asks for.
    table.gauge("followers", learners.len());
    table.gauge("synced_followers", synced(true));
    table.gauge("synced_observers", synced(false));
    // Whoever does not vote is an observer.
    table.gauge("synced_non_voting_followers", 0);
    table.gauge("pending_syncs", reading.status.pending_syncs);
    table.gauge("leader_uptime", reading.uptime_ms);
    let [last, min, max] = reading.metrics.proposal_sizes.figures();
    table.gauge("last_proposal_size", last);
    table.gauge("min_proposal_size", min);
    table.gauge("max_proposal_size", max);
}

fn counters(table: &mut Table, reading: &Reading) {
    let (totals, metrics, service) = (&reading.totals, &reading.metrics, &reading.service.counters);
    table.counter("bytes_received_count", totals.bytes_received);
    table.counter("response_bytes", totals.response_bytes);
    table.counter("watch_bytes", totals.watch_bytes);
    table.counter("connection_request_count", totals.connection_requests);
    table.counter("connection_rejected", totals.rejected);
    table.counter("sessionless_connections_expired", totals.sessionless_expired);
    table.counter("connections_shed", totals.shed);
    table.counter("unsuccessful_handshake", totals.failed_handshakes);
    table.counter("tls_handshake_exceeded", totals.handshakes_exceeded);
    table.counter("stale_sessions_expired", service.expired_sessions);
    table.counter("digest_mismatches_count", service.digest_mismatches);
    table.counter("snapshot_error_count", metrics.failed_snapshots);
    table.counter("looking_count", metrics.looking);
    table.counter("proposal_count", metrics.proposals);
    table.counter("learner_proposal_received_count", metrics.received_proposals);
    table.times("election_time", &metrics.elections);
    table.times("unavailable_time", &metrics.unavailable);
    table.times("dbinittime", &metrics.load);
    table.times("fsynctime", &metrics.syncs);
    table.times("snapshottime", &metrics.snapshots);
    table.add("sync_processor_batch_size", Value::Amounts(metrics.batches));
    table.add("sync_processor_queue_and_flush_time_ms", Value::Quantiles(Box::new(metrics.log_waits)));
    table.add("readlatency", Value::Quantiles(Box::new(reading.operations.reads())));
    table.add("updatelatency", Value::Quantiles(Box::new(reading.operations.updates())));
}
