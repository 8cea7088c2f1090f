//! One log line per refused connection or frame, and a summary instead of a flood.

use std::fmt::Display;
use std::time::{Duration, Instant};

use tracing::warn;

/// Lines per window before the rest is only counted.
const LINES: u32 = 20;
/// The window.
const WINDOW: Duration = Duration::from_secs(1);

/// The writer of one port's lines.
#[derive(Debug)]
pub(crate) struct Refusals {
    port: &'static str,
    window_began: Option<Instant>,
    lines: u32,
    suppressed: u64,
}

impl Refusals {
    /// For the port of this name.
    pub(crate) fn new(port: &'static str) -> Refusals {
        Refusals { port, window_began: None, lines: 0, suppressed: 0 }
    }

    /// Say that `who` was refused and why, unless too much was said already.
    pub(crate) fn log(&mut self, now: Instant, who: impl Display, why: impl Display) {
        self.roll(now);
        self.lines += 1;
        if self.lines > LINES {
            self.suppressed += 1;
        } else {
            warn!("{} port: {who}: {why}", self.port);
        }
    }

    /// Begin a new window when the old one is over, and account for what was not said in it.
    pub(crate) fn roll(&mut self, now: Instant) {
        if self.window_began.is_some_and(|began| now.duration_since(began) < WINDOW) {
            return;
        }
        if self.suppressed > 0 {
            warn!("{} port: {} more refusals in the last second", self.port, self.suppressed);
        }
        (self.window_began, self.lines, self.suppressed) = (Some(now), 0, 0);
    }

    #[cfg(test)]
    pub(crate) fn suppressed(&self) -> u64 {
        self.suppressed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_instead_of_told() {
        let mut refusals = Refusals::new("client");
        let start = Instant::now();
        for _ in 0..100 {
            refusals.log(start, "somebody", "something");
        }
        assert_eq!(refusals.suppressed(), 80);
        refusals.roll(start + Duration::from_millis(999));
        assert_eq!(refusals.suppressed(), 80);
        refusals.log(start + WINDOW, "somebody", "something");
        assert_eq!(refusals.suppressed(), 0);
    }
}
