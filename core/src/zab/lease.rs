//! How long a server may serve on what it knows of the others: the one place where ZAB looks at a clock.
//!
//! A follower leaves a leader that it has not heard for `syncLimit` ticks. So a leader that knows when a
//! quorum still followed it knows until when no other leader can have been elected for its silence. A process
//! that stood still learns of nothing in the meantime, and what it reads afterwards may be as old as its
//! pause: so what counts is not when something was read, but a moment before it was said.
//!
//! * A leader counts an answered ping from when that ping was *sent*: answers come in the order of the pings.
//!   A learner that comes into service counts as in the next point.
//! * A learner counts a packet from a time by which everything that had arrived is read
//!   ([`Input::AllRead`](crate::Input::AllRead)): the packet came after that. While the learner's disk is far
//!   behind, its connection is not read. What it reads afterwards may be as old as that pause, and counts so.
//!
//! Either serves for `syncLimit + 1` ticks after that and no longer. The clock is [`Now::elapsed_ms`]:
//! setting the time of day changes nothing. Clocks must run equally fast; they need not agree.

use alloc::collections::VecDeque;

use crate::config::PeerConfig;
use crate::ids::Now;
use crate::payload::Payload;

/// Pings that are remembered until they are answered. A learner that leaves more than this unanswered and is
/// not silent otherwise is given up: one ping leaves every half tick.
const MOST_PINGS: usize = 4096;

/// For how long a server may go on after the last sign it counts, in milliseconds.
pub(crate) fn term<P: Payload>(config: &PeerConfig<P>) -> u64 {
    config.tick_ms.saturating_mul(u64::from(config.sync_limit) + 1)
}

/// What a leader knows of one learner's loyalty.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Loyalty {
    /// When the pings were sent that are not answered yet, oldest first.
    pings: VecDeque<u64>,
    /// The learner still followed at this time.
    since: u64,
}

impl Loyalty {
    /// The learner has come into service; it certainly followed at this time.
    pub(crate) fn begin(&mut self, at_ms: u64) {
        *self = Loyalty { pings: VecDeque::new(), since: at_ms };
    }

    /// A ping leaves. `false` if too many are unanswered.
    #[must_use]
    pub(crate) fn asked(&mut self, now: Now) -> bool {
        let room = self.pings.len() < MOST_PINGS;
        if room {
            self.pings.push_back(now.elapsed_ms);
        }
        room
    }

    /// The oldest ping is answered; `counts_from` says from when that counts, given when the ping was sent.
    /// `true` if that says more than was known.
    pub(crate) fn answered(&mut self, counts_from: impl FnOnce(u64) -> u64) -> bool {
        match self.pings.pop_front().map(counts_from) {
            Some(at) if at > self.since => {
                self.since = at;
                true
            }
            _ => false,
        }
    }

    /// The server followed at this time, milliseconds of the leader's clock.
    pub(crate) fn since(&self) -> u64 {
        self.since
    }
}

/// How old what is read from a connection may be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Arrivals {
    /// Everything that had arrived by this time is read, milliseconds of this server's clock.
    all_read: u64,
    /// The time for which that will be so when it is said next.
    mark: u64,
}

impl Arrivals {
    /// A connection that is new at this time: nothing can have arrived before.
    pub(crate) fn begin(now: Now) -> Self {
        Arrivals { all_read: now.elapsed_ms, mark: now.elapsed_ms }
    }

    /// Everything that had arrived when this was last called is read.
    pub(crate) fn all_read(&mut self, now: Now) {
        self.all_read = core::mem::replace(&mut self.mark, now.elapsed_ms);
    }

    /// What is read now arrived after this time.
    pub(crate) fn since(&self) -> u64 {
        self.all_read
    }
}
