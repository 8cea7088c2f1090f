//! New session ids: server, time and a counter in 64 bits.

use crate::ids::{ServerId, SessionId};

/// The id of a container znode's owner, which no session may have.
const CONTAINER: i64 = i64::MIN;

/// Gives out session ids: the server's id in bits 63 to 56, then 40 bits of the time at which the
/// server began to serve (ms), then a counter.
///
/// ZooKeeper takes a monotonic clock, which repeats after a reboot; the wall clock does not, and
/// the layout is the same.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct SessionIds {
    next: i64,
}

impl SessionIds {
    /// Begin a new run at `wall_ms` since 1970. If the clock was set back, the ids go on after
    /// those already given out by this process.
    pub fn restart(&mut self, server: ServerId, wall_ms: i64) {
        let time = ((wall_ms as u64) << 24) >> 8;
        let seed = (time | (server.0 as u64) << 56) as i64;
        // Compared without the server's byte, which may make the whole negative.
        if self.next == 0 || (seed as u64) << 8 > (self.next as u64) << 8 {
            self.next = seed;
        }
    }

    /// An id that is not `taken`.
    pub fn next(&mut self, taken: impl Fn(SessionId) -> bool) -> SessionId {
        loop {
            let id = self.next;
            self.next = id.wrapping_add(1);
            if id != CONTAINER && id != 0 && !taken(SessionId(id)) {
                return SessionId(id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout() {
        let mut ids = SessionIds::default();
        ids.restart(ServerId(0x81), 0x0123_4567_89ab);
        assert_eq!(ids.next(|_| false).0 as u64, 0x8123_4567_89ab_0000);
        assert_eq!(ids.next(|_| false).0 as u64, 0x8123_4567_89ab_0001);
    }

    #[test]
    fn never_the_containers_owner_and_never_taken() {
        let mut ids = SessionIds::default();
        ids.restart(ServerId(0x80), 0);
        assert_eq!(ids.next(|_| false).0, i64::MIN + 1);
        assert_eq!(ids.next(|id| id.0 == i64::MIN + 2).0, i64::MIN + 3);
    }

    #[test]
    fn a_clock_set_back_repeats_nothing() {
        let mut ids = SessionIds::default();
        ids.restart(ServerId(3), 5000);
        let first = ids.next(|_| false);
        ids.restart(ServerId(3), 4000);
        assert!(ids.next(|_| false) > first);
        ids.restart(ServerId(3), 6000);
        assert_eq!(ids.next(|_| false).0, 3 << 56 | 6000 << 16);
    }
}
