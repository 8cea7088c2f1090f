//! Time, read in one place.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use quorate_core::ids::Now;

/// Milliseconds since 1970.
pub(crate) fn wall_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

/// The process's clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    began: Instant,
}

impl Clock {
    /// Elapsed time counts from now.
    pub(crate) fn start() -> Clock {
        Clock { began: Instant::now() }
    }

    /// Both times as core sees them.
    pub(crate) fn now(&self) -> (Instant, Now) {
        let now = Instant::now();
        let elapsed_ms = now.duration_since(self.began).as_millis() as u64;
        (now, Now { elapsed_ms, wall_ms: wall_ms() })
    }
}
