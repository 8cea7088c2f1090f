//! Requests that took long: a line each, with where the time went.

use std::time::{Duration, Instant};

use tracing::warn;

use crate::admin::metrics::Metrics;
use crate::net::Slow;

/// What is known of the time in which a request waited.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SlowRequests {
    /// The longest wait for the log that ended lately, and when.
    log: Option<(Instant, Duration)>,
}

impl SlowRequests {
    /// A batch had waited this long until it was durable.
    pub(super) fn log_waited(&mut self, now: Instant, wait: Duration) {
        if self.log.is_none_or(|(at, longest)| wait >= longest || now.duration_since(at) > longest) {
            self.log = Some((now, wait));
        }
    }

    /// Say that a request took long.
    pub(super) fn tell(&self, now: Instant, slow: &Slow, metrics: &Metrics) {
        warn!("{slow}: {}", self.place(now, slow.took, metrics.backlog.0));
    }

    /// Where the time went: this server's disk, if a batch waited for it for most of the time; otherwise the
    /// loop or the other servers.
    fn place(&self, now: Instant, took: Duration, backlog: usize) -> String {
        let log = self.log.filter(|(at, wait)| now.duration_since(*at) <= took && *wait * 2 >= took);
        match log {
            Some((_, wait)) => format!("the log of this server was {} ms late", wait.as_millis()),
            None => format!(
                "not for this server's log, which was never {} ms late meanwhile and has {backlog} operations to \
                 write; so for other servers, or for requests before it",
                took.as_millis() / 2
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_log_is_named_if_it_took_most_of_the_time() {
        let (mut slow, now, ms) = (SlowRequests::default(), Instant::now(), Duration::from_millis);
        assert!(slow.place(now, ms(900), 3).contains("3 operations to write"));
        slow.log_waited(now, ms(800));
        slow.log_waited(now + ms(1), ms(5));
        assert!(slow.place(now + ms(2), ms(900), 0).contains("was 800 ms late"));
        assert!(slow.place(now + ms(2), ms(1700), 0).contains("other servers"));
        // What was late before the request came did not keep it.
        assert!(slow.place(now + ms(5000), ms(900), 0).contains("other servers"));
        slow.log_waited(now + ms(5000), ms(5));
        assert!(slow.place(now + ms(5001), ms(10), 0).contains("was 5 ms late"));
    }
}
