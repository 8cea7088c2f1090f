//! What storage was asked to do and which role waits for it.
//!
//! Operations complete in the order they were issued, so completion is a position in a queue. The queue
//! outlives roles. When a role ends its operations still happen, but no role acts on them. (In ZOOKEEPER-4712
//! an old role's log queue acknowledged in a new role.)

use alloc::collections::VecDeque;
use core::hash::{Hash, Hasher};

use crate::ids::{Epoch, Now, Ticket, Zxid};

/// Why a role waits for a storage operation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Awaited {
    /// No role waits.
    Nothing,
    /// The promise not to follow an older epoch.
    AcceptedEpoch(Epoch),
    /// The history of this epoch is complete here.
    CurrentEpoch(Epoch),
    /// The log reaches this transaction.
    Logged(Zxid),
}

/// One operation that is not durable yet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Operation {
    awaited: Awaited,
    /// What it writes, in bytes.
    bytes: usize,
    /// When it was issued, milliseconds of this server's clock.
    since: u64,
}

/// The operations issued and not yet durable, oldest first.
///
/// Two queues that differ only in how many operations went before are the same state.
#[derive(Clone, Debug, Default)]
pub(crate) struct StorageQueue {
    first: u64,
    waiting: VecDeque<Operation>,
    /// What the operations write together, in bytes.
    bytes: usize,
}

impl StorageQueue {
    /// A receipt for the next operation, which writes this many bytes.
    pub(crate) fn issue(&mut self, now: Now, awaited: Awaited, bytes: usize) -> Ticket {
        self.waiting.push_back(Operation { awaited, bytes, since: now.elapsed_ms });
        self.bytes = self.bytes.saturating_add(bytes);
        Ticket(self.first + self.waiting.len() as u64 - 1)
    }

    /// What waits for the disk, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether nothing waits for the disk.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether the oldest operation has waited for longer than this.
    pub(crate) fn waits_longer(&self, now: Now, limit_ms: u64) -> bool {
        let late = |oldest: &Operation| now.elapsed_ms > oldest.since.saturating_add(limit_ms);
        self.waiting.front().is_some_and(late)
    }

    /// The oldest operation up to `ticket` that has not been reported yet.
    pub(crate) fn next_done(&mut self, ticket: Ticket) -> Option<Awaited> {
        if ticket.0 < self.first {
            return None;
        }
        let oldest = self.waiting.pop_front()?;
        self.first += 1;
        self.bytes -= oldest.bytes;
        Some(oldest.awaited)
    }

    /// A role has ended: no role waits any more. What was logged is still worth knowing.
    pub(crate) fn forget_role(&mut self) {
        for operation in &mut self.waiting {
            if !matches!(operation.awaited, Awaited::Logged(_)) {
                operation.awaited = Awaited::Nothing;
            }
        }
    }

    /// Transactions that are dropped from the log before they were reported as logged.
    pub(crate) fn forget_logged_after(&mut self, zxid: Zxid) {
        for operation in &mut self.waiting {
            if matches!(operation.awaited, Awaited::Logged(z) if z > zxid) {
                operation.awaited = Awaited::Nothing;
            }
        }
    }
}

impl PartialEq for StorageQueue {
    fn eq(&self, other: &Self) -> bool {
        self.waiting == other.waiting
    }
}

impl Eq for StorageQueue {}

impl Hash for StorageQueue {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.waiting.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_receipt_covers_everything_before_it() {
        let mut queue = StorageQueue::default();
        queue.issue(Now::default(), Awaited::Logged(Zxid::new(1, 1)), 1);
        let second = queue.issue(Now::default(), Awaited::Logged(Zxid::new(1, 2)), 1);
        let third = queue.issue(Now::default(), Awaited::CurrentEpoch(1), 1);
        assert_eq!(queue.next_done(second), Some(Awaited::Logged(Zxid::new(1, 1))));
        assert_eq!(queue.next_done(second), Some(Awaited::Logged(Zxid::new(1, 2))));
        assert_eq!(queue.next_done(second), None);
        assert_eq!(queue.next_done(third), Some(Awaited::CurrentEpoch(1)));
        assert_eq!(queue.next_done(third), None);
    }

    #[test]
    fn a_role_that_ended_waits_for_nothing() {
        let mut queue = StorageQueue::default();
        queue.issue(Now::default(), Awaited::AcceptedEpoch(3), 1);
        let last = queue.issue(Now::default(), Awaited::CurrentEpoch(3), 1);
        queue.forget_role();
        assert_eq!(queue.next_done(last), Some(Awaited::Nothing));
        assert_eq!(queue.next_done(last), Some(Awaited::Nothing));
        assert_eq!(queue.next_done(last), None);
    }

    #[test]
    fn the_oldest_operation_says_how_late_the_disk_is() {
        let at = |elapsed_ms| Now { elapsed_ms, wall_ms: 0 };
        let mut queue = StorageQueue::default();
        assert!(queue.is_empty() && !queue.waits_longer(at(u64::MAX), 0));
        let first = queue.issue(at(100), Awaited::Nothing, 3);
        let second = queue.issue(at(150), Awaited::Logged(Zxid::new(1, 1)), 4);
        assert!(!queue.waits_longer(at(120), 20) && queue.waits_longer(at(121), 20));
        assert_eq!(queue.bytes(), 7);
        queue.next_done(first);
        assert!(!queue.waits_longer(at(170), 20) && queue.waits_longer(at(171), 20));
        assert_eq!(queue.bytes(), 4);
        queue.next_done(second);
        assert!(queue.is_empty() && queue.bytes() == 0);
    }
}
