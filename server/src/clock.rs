//! Time, read in one place.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use quorate_core::ids::Now;

/// Milliseconds since 1970.
pub(crate) fn wall_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

/// The process's clocks. Elapsed time goes on while the machine sleeps, where the system can tell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    began: Duration,
}

/// Since the machine was started, sleep included.
fn since_boot() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

impl Clock {
    /// Elapsed time counts from now.
    pub(crate) fn start() -> Clock {
        Clock { began: since_boot() }
    }

    /// Both times as core sees them.
    pub(crate) fn now(&self) -> (Instant, Now) {
        let elapsed_ms = since_boot().saturating_sub(self.began).as_millis() as u64;
        (Instant::now(), Now { elapsed_ms, wall_ms: wall_ms() })
    }
}
