//! A second opinion on the order of writes: stateright's tester of linearizability, for small histories.
//!
//! The tester looks for an order, so what it takes grows fast with what overlaps. It is given the first
//! [`WRITES`] writes, a few at a time. All of them are judged by
//! [`WRITES_IN_REAL_TIME`](super::rules::WRITES_IN_REAL_TIME).

use quorate_core::ids::Zxid;
use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};

/// How many writes are tested.
const WRITES: u64 = 10_000;
/// How many at a time.
const WINDOW: usize = 8;

/// The log as one object: each write has a place behind all those before it.
#[derive(Clone, Debug, Default)]
struct Log(Zxid);

impl SequentialSpec for Log {
    type Op = ();
    type Ret = Zxid;

    fn invoke(&mut self, (): &()) -> Zxid {
        self.0 = Zxid(self.0.0 + 1);
        self.0
    }

    /// What lies between may be writes that are not among those that are tested.
    fn is_valid_step(&mut self, (): &(), zxid: &Zxid) -> bool {
        let higher = *zxid > self.0;
        self.0 = *zxid;
        higher
    }
}

/// A write that was answered OK.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Write {
    /// When the request arrived and the answer left, by the count of such things.
    pub(super) arrived: u64,
    pub(super) answered: u64,
    pub(super) zxid: Zxid,
}

/// The writes that wait for being tested.
#[derive(Debug, Default)]
pub(super) struct Overlaps {
    window: Vec<Write>,
    tested: u64,
}

impl Overlaps {
    /// How many writes were tested.
    pub(super) fn tested(&self) -> u64 {
        self.tested
    }

    /// A write was answered OK. False if no order explains it and those before it.
    pub(super) fn answered(&mut self, write: Write) -> bool {
        if self.tested >= WRITES {
            return true;
        }
        self.window.push(write);
        if self.window.len() < WINDOW {
            return true;
        }
        let window = std::mem::take(&mut self.window);
        self.tested += WINDOW as u64;
        is_linearizable(&window)
    }
}

/// Whether an order explains these writes.
fn is_linearizable(writes: &[Write]) -> bool {
    let mut moments: Vec<(u64, usize, bool)> = Vec::new();
    for (at, write) in writes.iter().enumerate() {
        moments.extend([(write.arrived, at, false), (write.answered, at, true)]);
    }
    moments.sort_unstable();
    // Each is a thread of its own: what a session's order asks for is another rule.
    let mut tester = LinearizabilityTester::new(Log::default());
    moments.into_iter().all(|(_, at, is_answer)| match is_answer {
        false => tester.on_invoke(at, ()).is_ok(),
        true => tester.on_return(at, writes[at].zxid).is_ok(),
    }) && tester.is_consistent()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writes(of: &[(u64, u64, u64)]) -> Vec<Write> {
        let write = |(arrived, answered, zxid): &(u64, u64, u64)| Write {
            arrived: *arrived,
            answered: *answered,
            zxid: Zxid(*zxid),
        };
        of.iter().map(write).collect()
    }

    #[test]
    fn what_overlaps_has_any_order_and_what_does_not_has_one() {
        for (of, holds) in [
            (&[(1, 2, 5), (3, 4, 6)][..], true),
            (&[(1, 2, 6), (3, 4, 5)], false),
            (&[(1, 3, 6), (2, 4, 5)], true),
            (&[(1, 10, 6), (2, 3, 7), (4, 5, 8), (6, 7, 9)], true),
            (&[(1, 10, 6), (2, 3, 8), (4, 5, 7), (6, 7, 9)], false),
            (&[(1, 2, 5), (3, 4, 5)], false),
        ] {
            assert_eq!(is_linearizable(&writes(of)), holds, "{of:?}");
        }
    }

    #[test]
    fn every_window_is_tested_until_there_are_enough() {
        let mut overlaps = Overlaps::default();
        let one = |n: u64| Write { arrived: 2 * n, answered: 2 * n + 1, zxid: Zxid(n + 1) };
        assert!((0..7).all(|n| overlaps.answered(one(n))));
        assert_eq!(overlaps.tested(), 0);
        assert!(!overlaps.answered(Write { zxid: Zxid(3), ..one(7) }), "the eighth is behind the third");
        assert!((8..20_000).all(|n| overlaps.answered(one(n))));
        assert_eq!(overlaps.tested(), WRITES);
    }
}
