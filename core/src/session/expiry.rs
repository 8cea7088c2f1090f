//! When a session's time has come: buckets one tick wide, as ZooKeeper's `ExpiryQueue` rounds.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::ops::Bound;

use super::rules;
use crate::ids::SessionId;

/// Sessions ordered by the bucket in which they expire.
///
/// A session heard from at `now` with a timeout of `t` expires in the bucket
/// `(now + t) / tick * tick + tick` (milliseconds, integer division): later than `now + t`, and not
/// later than `now + t + tick`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ExpiryQueue {
    tick_ms: u64,
    bucket_of: BTreeMap<SessionId, u64>,
    buckets: BTreeMap<u64, BTreeSet<SessionId>>,
    /// The rule this queue breaks.
    #[cfg(feature = "mutants")]
    pub(super) mutation: Option<crate::mutation::Mutation>,
}

impl ExpiryQueue {
    /// An empty queue whose buckets are `tick_ms` milliseconds wide (at least one).
    pub fn new(tick_ms: u64) -> Self {
        ExpiryQueue {
            tick_ms: tick_ms.max(1),
            bucket_of: BTreeMap::new(),
            buckets: BTreeMap::new(),
            #[cfg(feature = "mutants")]
            mutation: None,
        }
    }

    /// The session was heard from at `now_ms`: it lives for another `timeout_ms` (a negative
    /// timeout counts as 0).
    pub fn update(&mut self, session: SessionId, now_ms: u64, timeout_ms: i32) {
        let timeout = u64::try_from(timeout_ms).unwrap_or(0);
        let bucket = rules::bucket(self, self.tick_ms, now_ms.saturating_add(timeout));
        match self.bucket_of.insert(session, bucket) {
            Some(old) if old == bucket => return,
            Some(old) => self.leave(session, old),
            None => {}
        }
        self.buckets.entry(bucket).or_default().insert(session);
    }

    /// Forget the session.
    pub fn remove(&mut self, session: SessionId) {
        if let Some(bucket) = self.bucket_of.remove(&session) {
            self.leave(session, bucket);
        }
    }

    /// Take out every session of the buckets that are due at `now_ms`, in order of their buckets.
    pub fn poll(&mut self, now_ms: u64) -> Vec<SessionId> {
        let mut expired = Vec::new();
        while let Some(bucket) = self.buckets.first_entry().filter(|bucket| *bucket.key() <= now_ms) {
            expired.extend(bucket.remove());
        }
        for session in &expired {
            self.bucket_of.remove(session);
        }
        expired
    }

    /// How many buckets there are.
    pub fn bucket_count(&self) -> usize {
        self.buckets.len()
    }

    /// The sessions by bucket (ms), after this one, each with the number of its bucket's sessions.
    pub fn after(&self, last: Option<(u64, SessionId)>) -> impl Iterator<Item = (u64, usize, SessionId)> {
        let (from, rest) = match last {
            None => (0, None),
            Some((bucket, session)) => {
                let range = (Bound::Excluded(session), Bound::Unbounded);
                let rest = self.buckets.get(&bucket).map(|sessions| {
                    sessions.range(range).map(move |session| (bucket, sessions.len(), *session))
                });
                (bucket.saturating_add(1), rest)
            }
        };
        let later = self.buckets.range(from..).flat_map(|(bucket, sessions)| {
            sessions.iter().map(move |session| (*bucket, sessions.len(), *session))
        });
        rest.into_iter().flatten().chain(later)
    }

    /// How many sessions are waiting.
    pub fn len(&self) -> usize {
        self.bucket_of.len()
    }

    /// Whether no session is waiting.
    pub fn is_empty(&self) -> bool {
        self.bucket_of.is_empty()
    }

    fn leave(&mut self, session: SessionId, bucket: u64) {
        if let Some(sessions) = self.buckets.get_mut(&bucket) {
            sessions.remove(&session);
            if sessions.is_empty() {
                self.buckets.remove(&bucket);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    /// Recorded: a session of 4,000 ms created at …840.156 was closed at …845.880 with a tick of
    /// 2,000 ms: the bucket is 846,000 on a clock whose ticks are aligned with that record's.
    #[test]
    fn the_bucket_is_rounded_up() {
        let mut queue = ExpiryQueue::new(2000);
        queue.update(SessionId(1), 840_156, 4000);
        assert_eq!(queue.poll(845_999), vec![]);
        assert_eq!(queue.poll(846_000), vec![SessionId(1)]);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_touch_moves_and_a_removal_forgets() {
        let mut queue = ExpiryQueue::new(10);
        queue.update(SessionId(1), 0, 10);
        queue.update(SessionId(2), 0, 10);
        queue.update(SessionId(1), 15, 10);
        assert_eq!(queue.poll(20), vec![SessionId(2)]);
        queue.remove(SessionId(1));
        assert_eq!(queue.poll(u64::MAX), vec![]);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Touch(i64, i32),
        Remove(i64),
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..5i64, 0..5000i32).prop_map(|(s, t)| Step::Touch(s, t)),
            1 => (0..5i64).prop_map(Step::Remove),
            4 => (0..3000u64).prop_map(Step::Wait),
        ]
    }

    proptest! {
        #[test]
        fn never_early_and_at_most_one_tick_late(
            tick in 1..3000u64,
            start in 0..100_000u64,
            steps in proptest::collection::vec(step(), 0..80),
        ) {
            let mut queue = ExpiryQueue::new(tick);
            let mut deadline: BTreeMap<SessionId, u64> = BTreeMap::new();
            let mut now = start;
            for step in steps {
                match step {
                    Step::Touch(s, timeout) => {
                        queue.update(SessionId(s), now, timeout);
                        deadline.insert(SessionId(s), now + timeout as u64);
                    }
                    Step::Remove(s) => {
                        queue.remove(SessionId(s));
                        deadline.remove(&SessionId(s));
                    }
                    Step::Wait(ms) => {
                        now += ms;
                        for session in queue.poll(now) {
                            let deadline = deadline.remove(&session);
                            prop_assert!(deadline.is_some_and(|d| d < now), "early");
                        }
                        prop_assert!(deadline.values().all(|d| *d + tick > now), "late");
                    }
                }
                prop_assert_eq!(queue.len(), deadline.len());
                let all: Vec<_> = queue.after(None).collect();
                prop_assert_eq!(all.len(), deadline.len());
                prop_assert!(all.is_sorted());
                for (i, (bucket, _, session)) in all.iter().enumerate() {
                    prop_assert_eq!(queue.after(Some((*bucket, *session))).next(), all.get(i + 1).copied());
                }
            }
        }
    }
}
