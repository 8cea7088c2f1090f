//! `mntr`: one `zk_key<TAB>value` line per figure, under ZooKeeper's keys.
//!
//! Every gauge of ZooKeeper 3.9 is there in the mode in which it has it. Of its counters and times
//! those are there that mean something here.

use std::fmt::{Display, Write};
use std::fs;

use quorate_core::Status;
use rustix::process::{Resource, getrlimit};

use super::facts;
use super::four_letter::View;
use super::mode::Mode;
use crate::clock::wall_ms;
use crate::config::LearnerType;
use crate::stats::{Times, decimal};
use crate::tls::settings::Side;

struct Lines(String);

impl Lines {
    fn add(&mut self, key: &str, value: impl Display) {
        let _ = writeln!(self.0, "zk_{key}\t{value}");
    }

    fn add_times(&mut self, key: &str, times: &Times) {
        self.add(&format!("avg_{key}"), decimal(times.mean_ms()));
        self.add(&format!("min_{key}"), times.min_ms());
        self.add(&format!("max_{key}"), times.max_ms());
        self.add(&format!("cnt_{key}"), times.count());
        self.add(&format!("sum_{key}"), times.sum_ms());
    }
}

/// The answer to `mntr` of a server that serves in this mode.
pub(super) fn answer(view: &View<'_>, mode: Mode) -> String {
    let status = view.peer.status();
    let mut lines = Lines(String::new());
    lines.add("version", facts::VERSION);
    lines.add("server_state", mode.as_str());
    let is_member = !matches!(mode, Mode::Standalone | Mode::ReadOnly);
    if is_member {
        lines.add("peer_state", format!("{} - {:?}", role(mode), status.zab).to_lowercase());
    }
    gauges(&mut lines, view);
    match mode {
        Mode::Leader => leader(&mut lines, view, &status),
        Mode::Observer => lines.add("observer_master_id", status.leader.map_or(-1, |id| id.0)),
        Mode::Follower | Mode::Standalone | Mode::ReadOnly => {}
    }
    if is_member {
        lines.add(
            "quorum_size",
            view.config.members.values().filter(|m| m.role == LearnerType::Participant).count(),
        );
    }
    counters(&mut lines, view);
    lines.0
}

fn role(mode: Mode) -> &'static str {
    match mode {
        Mode::Leader => "leading",
        Mode::Observer => "observing",
        Mode::Follower | Mode::Standalone | Mode::ReadOnly => "following",
    }
}

fn gauges(lines: &mut Lines, view: &View<'_>) {
    let (service, totals) = (view.peer.service().status(), view.port.totals());
    lines.add("avg_latency", decimal(totals.latency.mean_ms()));
    lines.add("max_latency", totals.latency.max_ms());
    lines.add("min_latency", totals.latency.min_ms());
    lines.add("packets_received", totals.received);
    lines.add("packets_sent", totals.sent);
    lines.add("num_alive_connections", view.port.len());
    lines.add("outstanding_requests", view.port.outstanding());
    lines.add("client_memory_bytes", view.port.memory() + view.peer.service().watch_bytes());
    lines.add("uptime", view.metrics.uptime_ms(view.at));
    lines.add("znode_count", facts::znodes(&service));
    lines.add("watch_count", service.watches);
    lines.add("ephemerals_count", service.ephemerals);
    lines.add("approximate_data_size", facts::data_size(&service));
    lines.add("global_sessions", service.sessions);
    lines.add("local_sessions", service.local_sessions);
    let [last, min, max] = totals.reply_sizes.figures();
    lines.add("last_client_response_size", last);
    lines.add("min_client_response_size", min);
    lines.add("max_client_response_size", max);
    let (open, limit) = descriptors();
    lines.add("open_file_descriptor_count", open);
    lines.add("max_file_descriptor_count", limit);
    lines.add("outstanding_tls_handshake", view.port.handshakes());
    for credentials in &view.metrics.credentials {
        let side = match credentials.settings().side {
            Side::Client => "client",
            Side::Quorum => "quorum",
        };
        let days = credentials.current().days_left(wall_ms());
        lines.add(&format!("tls_{side}_certificate_days_left"), days);
    }
    // There is no chance in who may connect.
    lines.add("auth_failed_count", 0);
    for none in ["non_mtls_remote_conn_count", "non_mtls_local_conn_count"] {
        lines.add(none, 0);
    }
    lines.add("connection_drop_probability", decimal(0.0));
}

fn leader(lines: &mut Lines, view: &View<'_>, status: &Status) {
    let synced = |voter| status.learners.iter().filter(|l| l.in_service && l.voter == voter).count();
    lines.add("learners", status.learners.len());
    // ZooKeeper's name for them until 3.5, which some monitoring still asks for.
    lines.add("followers", status.learners.len());
    lines.add("synced_followers", synced(true));
    lines.add("synced_observers", synced(false));
    // Whoever does not vote is an observer.
    lines.add("synced_non_voting_followers", 0);
    lines.add("pending_syncs", status.pending_syncs);
    lines.add("leader_uptime", view.metrics.uptime_ms(view.at));
    let [last, min, max] = view.metrics.proposal_sizes.figures();
    lines.add("last_proposal_size", last);
    lines.add("min_proposal_size", min);
    lines.add("max_proposal_size", max);
}

fn counters(lines: &mut Lines, view: &View<'_>) {
    let (totals, metrics) = (view.port.totals(), view.metrics);
    let service = view.peer.service().status().counters;
    lines.add("bytes_received_count", totals.bytes_received);
    lines.add("connection_request_count", totals.connection_requests);
    lines.add("connection_rejected", totals.rejected);
    lines.add("sessionless_connections_expired", totals.sessionless_expired);
    lines.add("connections_shed", totals.shed);
    lines.add("unsuccessful_handshake", totals.failed_handshakes);
    lines.add("tls_handshake_exceeded", totals.handshakes_exceeded);
    lines.add("stale_sessions_expired", service.expired_sessions);
    lines.add("digest_mismatches_count", service.digest_mismatches);
    lines.add("snapshot_error_count", metrics.failed_snapshots);
    lines.add("looking_count", metrics.looking);
    lines.add("proposal_count", metrics.proposals);
    lines.add("learner_proposal_received_count", metrics.received_proposals);
    lines.add_times("election_time", &metrics.elections);
    lines.add_times("fsynctime", &metrics.syncs);
    lines.add_times("snapshottime", &metrics.snapshots);
    lines.add_times("readlatency", &totals.reads);
    lines.add_times("updatelatency", &totals.updates);
}

/// Open file descriptors and how many there may be; −1 where the system does not say.
fn descriptors() -> (i64, i64) {
    // Recent kernels give the number as the directory's size; others have to be counted.
    let open = match fs::metadata("/proc/self/fd").map(|data| data.len()) {
        Ok(0) => fs::read_dir("/proc/self/fd").map_or(-1, |entries| entries.count() as i64),
        Ok(count) => count as i64,
        Err(_) => -1,
    };
    let limit = getrlimit(Resource::Nofile).current.and_then(|limit| i64::try_from(limit).ok());
    (open, limit.unwrap_or(-1))
}
