//! Figures in the text format that Prometheus reads (version 0.0.4).
//!
//! The text is written by hand. ZooKeeper's names must come out as they are: counters without `_total`, and
//! times as summaries. The crates for OpenMetrics have neither.

use std::fmt::{Display, Write};

use super::figures::{Figure, Value};
use super::process::Process;
use super::reading::Reading;
use crate::stats::{BUCKETS_US, Distribution};

/// What `Content-Type` says of the text.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The text, family by family.
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// `labels` are written as they are: names and words of this program, numbers.
    fn sample(&mut self, name: &str, labels: &str, value: impl Display) {
        let _ = match labels {
            "" => writeln!(self.0, "{name} {value}"),
            _ => writeln!(self.0, "{name}{{{labels}}} {value}"),
        };
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, "", value);
    }

    /// A histogram in seconds.
    fn histogram(&mut self, name: &str, labels: &str, distribution: &Distribution) {
        let comma = if labels.is_empty() { "" } else { "," };
        let (bucket, mut below) = (format!("{name}_bucket"), 0);
        for (count, end_us) in distribution.buckets().iter().zip(BUCKETS_US) {
            below += count;
            self.sample(&bucket, &format!("{labels}{comma}le=\"{}\"", seconds(end_us)), below);
        }
        let count = distribution.times().count();
        self.sample(&bucket, &format!("{labels}{comma}le=\"+Inf\""), count);
        self.sample(&format!("{name}_sum"), labels, seconds(distribution.times().sum_us()));
        self.sample(&format!("{name}_count"), labels, count);
    }

    /// ZooKeeper's times are summaries, in milliseconds.
    fn summary(&mut self, name: &str, distribution: &Distribution, quantiles: &[f64]) {
        let times = distribution.times();
        for part in quantiles {
            let labels = format!("quantile=\"{part}\"");
            match times.count() {
                0 => self.sample(name, &labels, "NaN"),
                _ => self.sample(name, &labels, distribution.quantile_ms(*part)),
            }
        }
        self.sample(&format!("{name}_count"), "", times.count());
        self.sample(&format!("{name}_sum"), "", times.sum_ms());
    }
}

fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

/// The whole page.
pub(crate) fn page(figures: &[Figure], reading: &Reading, process: &Process) -> String {
    let mut page = Page(String::with_capacity(32 * 1024));
    for Figure { name, value } in figures {
        zookeepers(&mut page, name, value);
    }
    state(&mut page, reading);
    times(&mut page, reading);
    memory(&mut page, reading);
    learners(&mut page, reading);
    whole_process(&mut page, process);
    page.0
}

fn zookeepers(page: &mut Page, name: &str, value: &Value) {
    match value {
        // Prometheus has no words.
        Value::Text(_) => {}
        Value::Gauge(number) => page.one(name, "gauge", name, number),
        Value::Real(number) => page.one(name, "gauge", name, number),
        Value::Counter(number) => page.one(name, "counter", name, number),
        Value::Amounts(amounts) => {
            page.family(name, "summary", name);
            page.sample(&format!("{name}_count"), "", amounts.count);
            page.sample(&format!("{name}_sum"), "", amounts.sum);
        }
        Value::Times(distribution) => {
            page.family(name, "summary", name);
            page.summary(name, distribution, &[0.5]);
        }
        Value::Quantiles(distribution) => {
            page.family(name, "summary", name);
            page.summary(name, distribution, &[0.5, 0.9, 0.99]);
        }
    }
}

fn state(page: &mut Page, reading: &Reading) {
    let (status, metrics) = (&reading.status, &reading.metrics);
    let serving = u8::from(reading.mode.is_some());
    page.one("quorate_serving", "gauge", "1 while clients are served", serving);
    page.family("quorate_mode", "gauge", "1 for the capacity in which the server serves");
    for mode in super::mode::Mode::ALL {
        let is_it = u8::from(reading.mode == Some(mode));
        page.sample("quorate_mode", &format!("mode=\"{}\"", mode.as_str()), is_it);
    }
    page.one(
        "quorate_current_epoch",
        "gauge",
        "the epoch whose history the server has",
        status.current_epoch,
    );
    page.one("quorate_last_zxid", "gauge", "the last transaction in the log", status.last_zxid.0);
    page.one("quorate_applied_zxid", "gauge", "the last transaction in the tree", status.applied.0);
    page.one("quorate_unapplied_transactions", "gauge", "logged and not applied", reading.lag());
    let backlog = "operations that are not durable yet";
    page.one("quorate_log_backlog_operations", "gauge", backlog, metrics.backlog.0);
    page.one(
        "quorate_parked_requests",
        "gauge",
        "requests of learners that wait for the leader's disk",
        status.parked_requests,
    );
    page.one(
        "quorate_connections_drained_total",
        "counter",
        "connections closed by shed_connections",
        reading.totals.drained,
    );
    let unreadable = "transactions whose bytes could not be read";
    page.one(
        "quorate_unreadable_txns_total",
        "counter",
        unreadable,
        reading.service.counters.unreadable_txns,
    );
}

fn times(page: &mut Page, reading: &Reading) {
    let metrics = &reading.metrics;
    for (name, help, distribution) in [
        ("quorate_turn_seconds", "turns of the loop, without waiting", &metrics.turns),
        ("quorate_fsync_seconds", "writing and syncing a batch of the log", &metrics.syncs),
        ("quorate_log_wait_seconds", "from the hand-over of a batch until it is durable", &metrics.log_waits),
        ("quorate_election_seconds", "from looking for a leader to having one", &metrics.elections),
        ("quorate_unavailable_seconds", "from not serving to serving", &metrics.unavailable),
        ("quorate_snapshot_seconds", "writing a snapshot", &metrics.snapshots),
        ("quorate_handover_seconds", "time of the loop for the admin server", &metrics.answers),
    ] {
        page.family(name, "histogram", help);
        page.histogram(name, "", distribution);
    }
    let name = "quorate_request_seconds";
    page.family(name, "histogram", "from a request's arrival to its answer, by operation");
    for (operation, distribution) in reading.operations.iter() {
        page.histogram(name, &format!("operation=\"{operation}\""), distribution);
    }
}

fn memory(page: &mut Page, reading: &Reading) {
    let name = "quorate_memory_bytes";
    page.family(name, "gauge", "accounted memory by kind; the tree's is that of its paths and data");
    let links = reading.links.iter().map(|link| link.unsent as u64).sum();
    for (kind, bytes) in [
        ("tree", reading.service.data_size),
        ("watches", reading.watch_bytes as u64),
        ("connections", reading.connection_bytes as u64),
        ("log_queue", reading.metrics.backlog.1 as u64),
        ("links", links),
    ] {
        page.sample(name, &format!("kind=\"{kind}\""), bytes);
    }
}

fn learners(page: &mut Page, reading: &Reading) {
    let (learners, last) = (&reading.status.learners, reading.status.last_zxid);
    let name = "quorate_learner_in_service";
    page.family(name, "gauge", "leader: 1 for a learner that is in service");
    for learner in learners {
        page.sample(name, &label(learner.id), u8::from(learner.in_service));
    }
    let links =
        || reading.links.iter().filter(|link| learners.iter().any(|learner| learner.id == link.server));
    let name = "quorate_learner_lag_transactions";
    page.family(name, "gauge", "leader: transactions that a voter has not acknowledged");
    for link in links() {
        // A voter that has acknowledged nothing of this epoch lacks all of it.
        let acked =
            link.acked.filter(|acked| acked.epoch() == last.epoch()).map_or(0, |acked| acked.counter());
        let is_voter = learners.iter().any(|learner| learner.id == link.server && learner.voter);
        if is_voter {
            page.sample(name, &label(link.server), last.counter().saturating_sub(acked));
        }
    }
    let name = "quorate_learner_unsent_bytes";
    page.family(name, "gauge", "leader: bytes that wait to be sent to a learner");
    for link in links() {
        page.sample(name, &label(link.server), link.unsent);
    }
}

fn label(server: quorate_core::ids::ServerId) -> String {
    format!("server=\"{server}\"")
}

/// Under the names that Prometheus' own libraries use.
fn whole_process(page: &mut Page, process: &Process) {
    let Process { resident_bytes, cpu_seconds, started_seconds, open_files, max_files } = process;
    page.one("process_resident_memory_bytes", "gauge", "resident memory", resident_bytes);
    page.one("process_cpu_seconds_total", "counter", "time on the processors", cpu_seconds);
    page.one(
        "process_start_time_seconds",
        "gauge",
        "when the process was started, since 1970",
        started_seconds,
    );
    page.one("process_open_fds", "gauge", "open file descriptors", open_files);
    page.one("process_max_fds", "gauge", "how many there may be", max_files);
}
