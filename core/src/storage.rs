//! What storage was asked to do and which role waits for it.
//!
//! Operations complete in the order they were issued, so completion is a position in a queue. The
//! queue outlives roles: when a role ends its operations still happen, but no role acts on them
//! (ZOOKEEPER-4712 was an old role's log queue acknowledging in a new role).

use alloc::collections::VecDeque;
use core::hash::{Hash, Hasher};

use crate::ids::{Epoch, Ticket, Zxid};

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

/// The operations issued and not yet durable, oldest first.
///
/// Two queues that differ only in how many operations went before are the same state.
#[derive(Clone, Debug, Default)]
pub(crate) struct StorageQueue {
    first: u64,
    waiting: VecDeque<Awaited>,
}

impl StorageQueue {
    /// A receipt for the next operation.
    pub(crate) fn issue(&mut self, awaited: Awaited) -> Ticket {
        self.waiting.push_back(awaited);
        Ticket(self.first + self.waiting.len() as u64 - 1)
    }

    /// The oldest operation up to `ticket` that has not been reported yet.
    pub(crate) fn next_done(&mut self, ticket: Ticket) -> Option<Awaited> {
        if ticket.0 < self.first {
            return None;
        }
        let awaited = self.waiting.pop_front()?;
        self.first += 1;
        Some(awaited)
    }

    /// A role has ended: no role waits any more. What was logged is still worth knowing.
    pub(crate) fn forget_role(&mut self) {
        for awaited in &mut self.waiting {
            if !matches!(awaited, Awaited::Logged(_)) {
                *awaited = Awaited::Nothing;
            }
        }
    }

    /// Transactions that are dropped from the log before they were reported as logged.
    pub(crate) fn forget_logged_after(&mut self, zxid: Zxid) {
        for awaited in &mut self.waiting {
            if matches!(awaited, Awaited::Logged(z) if *z > zxid) {
                *awaited = Awaited::Nothing;
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
        queue.issue(Awaited::Logged(Zxid::new(1, 1)));
        let second = queue.issue(Awaited::Logged(Zxid::new(1, 2)));
        let third = queue.issue(Awaited::CurrentEpoch(1));
        assert_eq!(queue.next_done(second), Some(Awaited::Logged(Zxid::new(1, 1))));
        assert_eq!(queue.next_done(second), Some(Awaited::Logged(Zxid::new(1, 2))));
        assert_eq!(queue.next_done(second), None);
        assert_eq!(queue.next_done(third), Some(Awaited::CurrentEpoch(1)));
        assert_eq!(queue.next_done(third), None);
    }

    #[test]
    fn a_role_that_ended_waits_for_nothing() {
        let mut queue = StorageQueue::default();
        queue.issue(Awaited::AcceptedEpoch(3));
        let last = queue.issue(Awaited::CurrentEpoch(3));
        queue.forget_role();
        assert_eq!(queue.next_done(last), Some(Awaited::Nothing));
        assert_eq!(queue.next_done(last), Some(Awaited::Nothing));
        assert_eq!(queue.next_done(last), None);
    }
}
