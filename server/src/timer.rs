//! Alarms in real time: which are armed, and how long a symbolic delay is.

use std::time::{Duration, Instant};

use quorate_core::timer::{Delay, Timer};

use crate::config::ServerConfig;

/// How long each [`Delay`] is on this server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Durations {
    /// `tickTime`.
    pub(crate) tick: Duration,
    /// `initLimit`, in ticks.
    pub(crate) init_limit: u32,
    /// The first and the longest pause before a vote is said again.
    pub(crate) vote_pauses: (Duration, Duration),
}

impl Durations {
    /// As this server is configured.
    pub(crate) fn new(config: &ServerConfig) -> Durations {
        Durations { tick: config.tick_time, init_limit: config.init_limit, vote_pauses: config.vote_pauses }
    }

    /// The duration of a delay.
    pub(crate) fn of(&self, delay: Delay) -> Duration {
        match delay {
            Delay::HalfTick => self.tick / 2,
            Delay::Tick => self.tick,
            Delay::InitLimit => self.tick * self.init_limit,
            Delay::ReadOnly => self.tick.max(Duration::from_secs(2)),
            Delay::Lobby => Duration::from_secs(1),
            Delay::Redial(k) => Duration::from_millis(100) * (1 << u32::from(k).min(31)),
            Delay::ElectionDecide => Duration::from_millis(200),
            Delay::Backoff(k) => {
                let (first, longest) = self.vote_pauses;
                first.saturating_mul(1 << u32::from(k).min(31)).min(longest)
            }
        }
    }
}

/// The armed alarms, at most one of each name.
#[derive(Debug, Default)]
pub(crate) struct Alarms {
    armed: Vec<(Timer, Instant)>,
}

impl Alarms {
    /// Arm `timer`, or move it.
    pub(crate) fn set(&mut self, timer: Timer, due: Instant) {
        self.cancel(timer);
        self.armed.push((timer, due));
    }

    /// Disarm `timer`.
    pub(crate) fn cancel(&mut self, timer: Timer) {
        self.armed.retain(|(t, _)| *t != timer);
    }

    /// When the next alarm fires.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.armed.iter().map(|(_, due)| *due).min()
    }

    /// The process stood still for longer than `stall` (a paused machine). What the others said in the
    /// meantime is still to be read. So a server or session that seems silent or expired gets `stall` more.
    /// `true` if there was such an alarm.
    pub(crate) fn forgive(&mut self, now: Instant, stall: Duration) -> bool {
        let mut forgiven = false;
        for (timer, due) in &mut self.armed {
            if timer.judges_others() && now.saturating_duration_since(*due) > stall {
                *due = now + stall;
                forgiven = true;
            }
        }
        forgiven
    }

    /// The alarm that has been due for the longest time; it is no longer armed.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        let (index, (timer, due)) = self.armed.iter().copied().enumerate().min_by_key(|(_, (_, d))| *d)?;
        if due > now {
            return None;
        }
        self.armed.swap_remove(index);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_follow_the_configuration() {
        let durations = Durations {
            tick: Duration::from_millis(2000),
            init_limit: 10,
            vote_pauses: (Duration::from_millis(200), Duration::from_secs(60)),
        };
        for (delay, ms) in [
            (Delay::HalfTick, 1000),
            (Delay::Tick, 2000),
            (Delay::InitLimit, 20_000),
            (Delay::ReadOnly, 2000),
            (Delay::Lobby, 1000),
            (Delay::Redial(0), 100),
            (Delay::Redial(4), 1600),
            (Delay::ElectionDecide, 200),
            (Delay::Backoff(0), 200),
            (Delay::Backoff(3), 1600),
            (Delay::Backoff(8), 51_200),
            (Delay::Backoff(9), 60_000),
            (Delay::Backoff(255), 60_000),
        ] {
            assert_eq!(durations.of(delay).as_millis(), ms, "{delay:?}");
        }
    }

    #[test]
    fn a_stalled_process_judges_nobody_at_once() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let stall = Duration::from_millis(100);
        let mut alarms = Alarms::default();
        alarms.set(Timer::Liveness, at(10));
        alarms.set(Timer::Ping, at(20));
        alarms.set(Timer::SessionExpiry, at(9990));
        assert!(!alarms.forgive(at(110), stall), "that is no more than a little late");
        assert!(alarms.forgive(at(10_000), stall));
        assert!(!alarms.forgive(at(10_000), stall));
        assert_eq!(alarms.pop_due(at(10_000)), Some(Timer::Ping));
        assert_eq!(alarms.pop_due(at(10_000)), Some(Timer::SessionExpiry));
        assert_eq!(alarms.pop_due(at(10_099)), None);
        assert_eq!(alarms.pop_due(at(10_100)), Some(Timer::Liveness));
    }

    #[test]
    fn alarms_fire_once_in_the_order_they_are_due() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut alarms = Alarms::default();
        alarms.set(Timer::Ping, at(30));
        alarms.set(Timer::Liveness, at(20));
        alarms.set(Timer::Redial, at(10));
        alarms.set(Timer::Ping, at(5));
        alarms.cancel(Timer::Redial);
        assert_eq!(alarms.next_due(), Some(at(5)));
        assert_eq!(alarms.pop_due(at(4)), None);
        assert_eq!(alarms.pop_due(at(20)), Some(Timer::Ping));
        assert_eq!(alarms.pop_due(at(20)), Some(Timer::Liveness));
        assert_eq!(alarms.pop_due(at(99)), None);
        assert_eq!(alarms.next_due(), None);
    }
}
