//! What the loop notices about the server as a whole, for `mntr` and `srvr`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use quorate_core::election::ServerState;

use crate::clock::wall_ms;
use crate::net::transport::Credentials;
use crate::stats::{Amounts, Distribution, Sizes};
use crate::tls::settings::Side;

/// Counted from the start of the process on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    state: Option<ServerState>,
    looking_since: Option<Instant>,
    serving_since: Option<Instant>,
    idle_since: Option<Instant>,
    /// How often this server began to look for a leader.
    pub(crate) looking: u64,
    /// From looking for a leader to having found one, or leading.
    pub(crate) elections: Distribution,
    /// From not serving to serving.
    pub(crate) unavailable: Distribution,
    /// Transactions proposed as the leader of an ensemble.
    pub(crate) proposals: u64,
    /// Their sizes, since the last reset.
    pub(crate) proposal_sizes: Sizes,
    /// Transactions that a leader proposed to this server.
    pub(crate) received_proposals: u64,
    /// Writing and syncing one batch of the log.
    pub(crate) syncs: Distribution,
    /// From the hand-over of a batch to the log writer until it is durable.
    pub(crate) log_waits: Distribution,
    /// Syncs that took longer than `fsync.warningthresholdms`.
    pub(crate) slow_syncs: u64,
    /// Operations handed to the log writer in one turn.
    pub(crate) batches: Amounts,
    /// Operations and bytes that are not durable yet.
    pub(crate) backlog: (usize, usize),
    /// Writing snapshots.
    pub(crate) snapshots: Distribution,
    /// Snapshots that could not be written.
    pub(crate) failed_snapshots: u64,
    /// Reading the data directory at the start.
    pub(crate) load: Distribution,
    /// Turns of the loop, without the wait for something to do.
    pub(crate) turns: Distribution,
    /// Answers to other threads.
    pub(crate) answers: Distribution,
    /// Keys and certificates, where there is TLS.
    pub(crate) credentials: Vec<Arc<Credentials>>,
    /// What `stmk` has set.
    pub(crate) trace_mask: Option<i64>,
}

/// ZooKeeper's mask: requests, packets of servers, sessions, warnings.
const TRACE_MASK: i64 = 306;

impl Metrics {
    /// Days until a certificate of this server's ends, for each side that has one.
    pub(crate) fn certificate_days(&self) -> Vec<(Side, i64)> {
        let now = wall_ms();
        let one = |credentials: &Arc<Credentials>| {
            (credentials.settings().side, credentials.current().days_left(now))
        };
        self.credentials.iter().map(one).collect()
    }

    /// What `gtmk` shows.
    pub(crate) fn trace_mask(&self) -> i64 {
        self.trace_mask.unwrap_or(TRACE_MASK)
    }

    /// The state after a turn of the loop.
    pub(crate) fn observe(&mut self, now: Instant, state: ServerState, serving: bool) {
        if self.state != Some(state) {
            if state == ServerState::Looking {
                self.looking += 1;
                self.looking_since = Some(now);
            } else if let Some(since) = self.looking_since.take() {
                self.elections.record(micros(now.duration_since(since)));
            }
            self.state = Some(state);
        }
        if serving {
            self.serving_since.get_or_insert(now);
            if let Some(since) = self.idle_since.take() {
                self.unavailable.record(micros(now.duration_since(since)));
            }
        } else {
            self.serving_since = None;
            self.idle_since.get_or_insert(now);
        }
    }

    /// A transaction goes to the log: a proposal of this server's, or of its leader's.
    pub(crate) fn appended(&mut self, state: ServerState, bytes: usize) {
        if state == ServerState::Leading {
            self.proposals += 1;
            self.proposal_sizes.record(bytes);
        } else {
            self.received_proposals += 1;
        }
    }

    /// For how long the server serves, ms.
    pub(crate) fn uptime_ms(&self, now: Instant) -> u128 {
        self.serving_since.map_or(0, |since| now.duration_since(since).as_millis())
    }
}

/// In microseconds.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elections_are_timed_from_looking_to_found() {
        let (mut metrics, start) = (Metrics::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        metrics.observe(at(0), ServerState::Looking, false);
        metrics.observe(at(100), ServerState::Looking, false);
        metrics.observe(at(250), ServerState::Following, false);
        metrics.observe(at(300), ServerState::Following, true);
        let elections = metrics.elections.times();
        assert_eq!((metrics.looking, elections.count(), elections.last_ms()), (1, 1, 250));
        assert_eq!(metrics.unavailable.times().last_ms(), 300);
        assert_eq!(metrics.uptime_ms(at(1300)), 1000);
        metrics.observe(at(2000), ServerState::Looking, false);
        assert_eq!((metrics.looking, metrics.uptime_ms(at(3000))), (2, 0));
    }

    #[test]
    fn proposals_are_told_apart_by_who_made_them() {
        let mut metrics = Metrics::default();
        metrics.appended(ServerState::Leading, 48);
        metrics.appended(ServerState::Following, 60);
        assert_eq!((metrics.proposals, metrics.received_proposals), (1, 1));
        assert_eq!(metrics.proposal_sizes.figures(), [48, 48, 48]);
    }
}
