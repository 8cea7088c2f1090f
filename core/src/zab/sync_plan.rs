//! How a leader brings a learner to its own history: DIFF, TRUNC or SNAP.
//!
//! Source: `LearnerHandler.syncFollower`, with the cases of ZooKeeper that are unsafe or that its
//! learners cannot carry out exactly replaced by SNAP.

use super::history::History;
use crate::ids::Zxid;
use crate::payload::Size;

/// The first packet of a synchronisation; what the leader lists after the given point follows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SyncPlan {
    /// The learner's history is a prefix of the leader's.
    Diff {
        /// Where the learner stands.
        after: Zxid,
    },
    /// The learner has transactions of an epoch of which the leader has fewer.
    Trunc {
        /// The last transaction both have.
        to: Zxid,
    },
    /// The leader cannot tell what they share, or no longer lists it.
    Snap,
}

/// Decide for a learner whose last transaction is `last`.
///
/// Rests on ZAB's invariant that two histories which contain the same zxid agree up to it. What is
/// `committed` and would have to be sent one by one may take `limit` bytes; for a learner that lacks more,
/// the state is the shorter way (ZooKeeper's `snapshotSizeFactor`). Nor is a transaction sent that is longer
/// than `max_txn`: learners would refuse it.
pub fn sync_plan<P: Size + Clone>(
    history: &History<P>,
    last: Zxid,
    committed: Zxid,
    limit: usize,
    max_txn: usize,
) -> SyncPlan {
    let plan = shared(history, last);
    match plan {
        SyncPlan::Diff { after: from } | SyncPlan::Trunc { to: from }
            if history.exceeds(from, committed, limit) || history.has_longer(from, max_txn) =>
        {
            SyncPlan::Snap
        }
        _ => plan,
    }
}

/// What the learner's history and this one have in common decides, whatever it takes.
fn shared<P: Size + Clone>(history: &History<P>, last: Zxid) -> SyncPlan {
    if history.passes(last) {
        return SyncPlan::Diff { after: last };
    }
    if last < history.base() {
        return SyncPlan::Snap;
    }
    if last.counter() == 0 {
        // The learner has the state its leader of that epoch began with. Whoever lists a
        // transaction of that epoch began there too; nobody else can know what was in it.
        let same_start = history.has_epoch(last.epoch());
        return if same_start { SyncPlan::Diff { after: last } } else { SyncPlan::Snap };
    }
    match history.last_common(last) {
        Some(to) => SyncPlan::Trunc { to },
        None => SyncPlan::Snap,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A transaction of ten bytes.
    #[derive(Clone)]
    struct Ten;

    impl Size for Ten {
        fn size(&self) -> usize {
            10
        }
    }

    fn history(leader: &[(u32, u32)], base: (u32, u32)) -> History<Ten> {
        let entries = leader.iter().map(|(e, c)| (Zxid::new(*e, *c), Ten)).collect();
        History::recovered(Zxid::new(base.0, base.1), entries)
    }

    fn plan(leader: &[(u32, u32)], base: (u32, u32), learner: (u32, u32)) -> SyncPlan {
        let last = Zxid::new(learner.0, learner.1);
        sync_plan(&history(leader, base), last, Zxid::new(9, 0), usize::MAX, usize::MAX)
    }

    #[test]
    fn a_prefix_gets_a_diff() {
        let after = |e, c| SyncPlan::Diff { after: Zxid::new(e, c) };
        assert_eq!(plan(&[(1, 1), (1, 2)], (0, 0), (1, 1)), after(1, 1));
        assert_eq!(plan(&[(1, 1), (1, 2)], (0, 0), (1, 2)), after(1, 2));
        assert_eq!(plan(&[(1, 1)], (0, 0), (0, 0)), after(0, 0));
        assert_eq!(plan(&[(2, 1)], (2, 0), (2, 0)), after(2, 0));
        assert_eq!(plan(&[(1, 1), (2, 1)], (0, 0), (2, 0)), after(2, 0));
    }

    #[test]
    fn a_longer_tail_of_a_shared_epoch_is_cut() {
        let to = |e, c| SyncPlan::Trunc { to: Zxid::new(e, c) };
        assert_eq!(plan(&[(1, 1)], (0, 0), (1, 3)), to(1, 1));
        assert_eq!(plan(&[(1, 1), (3, 1)], (0, 0), (1, 2)), to(1, 1));
        assert_eq!(plan(&[], (1, 4), (1, 5)), to(1, 4));
    }

    #[test]
    fn what_cannot_be_compared_gets_the_state() {
        assert_eq!(plan(&[(1, 1), (3, 1)], (0, 0), (2, 1)), SyncPlan::Snap);
        assert_eq!(plan(&[(2, 5)], (2, 4), (2, 3)), SyncPlan::Snap);
        assert_eq!(plan(&[(1, 1), (3, 1)], (0, 0), (2, 0)), SyncPlan::Snap);
        assert_eq!(plan(&[], (2, 0), (2, 1)), SyncPlan::Snap);
    }

    #[test]
    fn more_than_the_limit_is_sent_as_the_state() {
        let leader = history(&[(1, 1), (1, 2), (1, 3), (2, 1)], (0, 0));
        let plan = |last: (u32, u32), committed: (u32, u32), limit| {
            let (last, committed) = (Zxid::new(last.0, last.1), Zxid::new(committed.0, committed.1));
            sync_plan(&leader, last, committed, limit, usize::MAX)
        };
        let after = |e, c| SyncPlan::Diff { after: Zxid::new(e, c) };
        assert_eq!(plan((1, 1), (3, 0), 30), after(1, 1));
        assert_eq!(plan((1, 1), (3, 0), 29), SyncPlan::Snap);
        assert_eq!(plan((2, 1), (3, 0), 0), after(2, 1));
        // What is not committed has to be proposed in any case.
        assert_eq!(plan((1, 1), (1, 2), 10), after(1, 1));
        assert_eq!(plan((1, 4), (3, 0), 10), SyncPlan::Trunc { to: Zxid::new(1, 3) });
        assert_eq!(plan((1, 4), (3, 0), 9), SyncPlan::Snap);
    }

    #[test]
    fn what_a_learner_would_refuse_goes_with_the_state() {
        let leader = history(&[(1, 1), (1, 2)], (0, 0));
        let plan = |last: (u32, u32), max_txn| {
            sync_plan(&leader, Zxid::new(last.0, last.1), Zxid::new(9, 0), usize::MAX, max_txn)
        };
        assert_eq!(plan((1, 1), 10), SyncPlan::Diff { after: Zxid::new(1, 1) });
        assert_eq!(plan((1, 1), 9), SyncPlan::Snap);
        // It has the long ones already.
        assert_eq!(plan((1, 2), 9), SyncPlan::Diff { after: Zxid::new(1, 2) });
        assert_eq!(plan((1, 3), 9), SyncPlan::Trunc { to: Zxid::new(1, 2) });
    }
}
