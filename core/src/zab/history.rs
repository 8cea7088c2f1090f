//! A server's history: what is in its state, what is in its log after that, what of it is on disk.

use alloc::collections::VecDeque;

use crate::ids::Zxid;
use crate::payload::Size;

/// The transactions a server has, oldest first.
///
/// `base ≤ applied ≤ last`; `applied` is where the service stands. The tail after it is logged or
/// being logged but not known to be committed, and is never applied until it is (the crate's contract, 5).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct History<P> {
    base: Zxid,
    entries: VecDeque<(Zxid, P)>,
    /// The size of what is listed.
    bytes: usize,
    applied: Zxid,
    logged: Zxid,
}

/// A transaction that does not follow the last one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gap;

impl<P: Size + Clone> History<P> {
    /// What a disk held: a state at `base` and the log after it.
    pub fn recovered(base: Zxid, entries: VecDeque<(Zxid, P)>) -> Self {
        let logged = entries.back().map_or(base, |(z, _)| *z);
        let bytes = entries.iter().map(|(_, txn)| txn.size()).sum();
        History { base, entries, bytes, applied: base, logged }
    }

    /// Everything up to here is in the state and no longer listed.
    pub fn base(&self) -> Zxid {
        self.base
    }

    /// The last transaction, logged or being logged.
    pub fn last(&self) -> Zxid {
        self.entries.back().map_or(self.base, |(z, _)| *z)
    }

    /// Where the service stands.
    pub fn applied(&self) -> Zxid {
        self.applied
    }

    /// Everything up to here is on disk.
    pub fn logged(&self) -> Zxid {
        self.logged
    }

    /// The listed transactions after `zxid`.
    pub fn after(&self, zxid: Zxid) -> impl Iterator<Item = &(Zxid, P)> + '_ {
        self.entries.range(self.entries.partition_point(|(z, _)| *z <= zxid)..)
    }

    /// How many transactions are listed.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The size of the listed transactions.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the listed transactions after `from`, up to `to`, take more than `limit` bytes.
    pub fn exceeds(&self, from: Zxid, to: Zxid, limit: usize) -> bool {
        let mut bytes = 0usize;
        self.bytes > limit
            && self.after(from).take_while(|(z, _)| *z <= to).any(|(_, txn)| {
                bytes += txn.size();
                bytes > limit
            })
    }

    /// Whether a listed transaction after `from` takes more than this many bytes.
    pub fn has_longer(&self, from: Zxid, bytes: usize) -> bool {
        self.bytes > bytes && self.after(from).any(|(_, txn)| txn.size() > bytes)
    }

    /// Whether none is listed.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether this history is known to pass exactly through `zxid`.
    pub fn passes(&self, zxid: Zxid) -> bool {
        zxid == self.base || self.position(zxid).is_some()
    }

    /// The last listed transaction of `zxid`'s epoch that is not after `zxid`.
    pub fn last_common(&self, zxid: Zxid) -> Option<Zxid> {
        let end = self.entries.partition_point(|(z, _)| *z <= zxid);
        let last = end.checked_sub(1).map_or(self.base, |i| self.entries[i].0);
        (last.epoch() == zxid.epoch() && last.counter() > 0).then_some(last)
    }

    /// Whether a transaction of `epoch` is listed.
    pub fn has_epoch(&self, epoch: u32) -> bool {
        let first = self.entries.partition_point(|(z, _)| z.epoch() < epoch);
        self.entries.get(first).is_some_and(|(z, _)| z.epoch() == epoch)
    }

    /// Add a transaction at the end.
    ///
    /// # Errors
    /// [`Gap`] if it does not follow the last one; nothing is changed.
    pub fn append(&mut self, zxid: Zxid, txn: P) -> Result<(), Gap> {
        if !self.last().may_be_followed_by(zxid) {
            return Err(Gap);
        }
        self.bytes += txn.size();
        self.entries.push_back((zxid, txn));
        Ok(())
    }

    /// Drop everything after `zxid`, which must not be before what is applied.
    pub fn truncate(&mut self, zxid: Zxid) {
        assert!(zxid >= self.applied, "truncating {zxid:?} below the applied {:?}", self.applied);
        let kept = self.entries.partition_point(|(z, _)| *z <= zxid);
        self.bytes -= self.entries.range(kept..).map(|(_, txn)| txn.size()).sum::<usize>();
        self.entries.truncate(kept);
        self.logged = self.logged.min(zxid);
    }

    /// The state was replaced by one that stands at `zxid`.
    pub fn reset(&mut self, zxid: Zxid) {
        *self = History::recovered(zxid, VecDeque::new());
    }

    /// The log on disk reaches `zxid`.
    pub fn set_logged(&mut self, zxid: Zxid) {
        self.logged = self.logged.max(zxid);
    }

    /// The oldest transaction that is not applied, if it is at or before `limit`; it counts as
    /// applied from now on.
    pub fn next_to_apply(&mut self, limit: Zxid) -> Option<(Zxid, P)> {
        let (zxid, txn) = self.after(self.applied).next()?.clone();
        (zxid <= limit).then(|| {
            self.applied = zxid;
            (zxid, txn)
        })
    }

    /// The oldest transaction that is not applied.
    pub fn oldest_unapplied(&self) -> Option<Zxid> {
        self.after(self.applied).next().map(|(z, _)| *z)
    }

    /// Forget the oldest transactions, of those that are applied and on disk, until at most `keep`
    /// are listed that take at most `bytes`.
    pub fn trim(&mut self, keep: usize, bytes: usize) {
        while self.entries.len() > keep || self.bytes > bytes {
            match self.entries.front() {
                Some((z, txn)) if *z <= self.applied && *z <= self.logged => {
                    self.base = *z;
                    self.bytes -= txn.size();
                    self.entries.pop_front();
                }
                _ => break,
            }
        }
    }

    fn position(&self, zxid: Zxid) -> Option<usize> {
        self.entries.binary_search_by_key(&zxid, |(z, _)| *z).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A transaction of this size.
    #[derive(Clone, PartialEq, Debug)]
    struct Txn(usize);

    impl Size for Txn {
        fn size(&self) -> usize {
            self.0
        }
    }

    fn history(entries: &[(u32, u32)]) -> History<Txn> {
        History::recovered(Zxid::ZERO, entries.iter().map(|(e, c)| (Zxid::new(*e, *c), Txn(1))).collect())
    }

    #[test]
    fn a_gap_inside_an_epoch_is_refused() {
        let mut h = history(&[(1, 1)]);
        assert_eq!(h.append(Zxid::new(1, 3), Txn(1)), Err(Gap));
        assert_eq!(h.append(Zxid::new(1, 1), Txn(1)), Err(Gap));
        assert_eq!(h.append(Zxid::new(3, 2), Txn(1)), Err(Gap));
        assert_eq!(h.append(Zxid::new(3, 1), Txn(1)), Ok(()));
        assert_eq!(h.append(Zxid::new(2, 1), Txn(1)), Err(Gap));
        assert_eq!(h.last(), Zxid::new(3, 1));
    }

    #[test]
    fn the_last_common_transaction_is_of_the_same_epoch() {
        let h = history(&[(1, 1), (1, 2), (3, 1)]);
        assert_eq!(h.last_common(Zxid::new(1, 9)), Some(Zxid::new(1, 2)));
        assert_eq!(h.last_common(Zxid::new(2, 1)), None);
        assert_eq!(h.last_common(Zxid::new(3, 4)), Some(Zxid::new(3, 1)));
        assert!(h.has_epoch(3) && !h.has_epoch(2));
    }

    #[test]
    fn applying_goes_in_order_and_stops_at_the_limit() {
        let mut h = history(&[(1, 1), (1, 2), (2, 1)]);
        assert_eq!(h.next_to_apply(Zxid::new(2, 0)).unwrap().0, Zxid::new(1, 1));
        assert_eq!(h.next_to_apply(Zxid::new(2, 0)).unwrap().0, Zxid::new(1, 2));
        assert_eq!(h.next_to_apply(Zxid::new(2, 0)), None);
        h.trim(2, usize::MAX);
        assert_eq!((h.base(), h.len()), (Zxid::new(1, 1), 2));
        h.truncate(Zxid::new(1, 2));
        assert_eq!(h.last(), Zxid::new(1, 2));
    }

    #[test]
    fn both_limits_count_and_neither_forgets_what_is_still_needed() {
        let mut h = history(&[]);
        for (counter, size) in [(1, 10), (2, 20), (3, 30), (4, 40)] {
            h.append(Zxid::new(1, counter), Txn(size)).unwrap();
        }
        assert_eq!(h.bytes(), 100);
        h.trim(0, 0);
        assert_eq!(h.len(), 4, "nothing is applied");
        while h.next_to_apply(Zxid::new(1, 3)).is_some() {}
        h.trim(0, 0);
        assert_eq!(h.len(), 4, "nothing is on disk");
        h.set_logged(Zxid::new(1, 4));
        h.trim(4, 90);
        assert_eq!((h.len(), h.bytes(), h.base()), (3, 90, Zxid::new(1, 1)));
        h.trim(2, 90);
        assert_eq!((h.len(), h.bytes()), (2, 70));
        h.trim(0, 0);
        assert_eq!((h.len(), h.bytes(), h.base()), (1, 40, Zxid::new(1, 3)), "the last is not applied");
        h.truncate(Zxid::new(1, 3));
        assert_eq!((h.len(), h.bytes()), (0, 0));
    }

    #[test]
    fn what_is_between_two_points_is_weighed() {
        let h = history(&[(1, 1), (1, 2), (2, 1), (2, 2)]);
        assert!(h.exceeds(Zxid::ZERO, Zxid::new(3, 0), 3) && !h.exceeds(Zxid::ZERO, Zxid::new(3, 0), 4));
        assert!(h.exceeds(Zxid::new(1, 1), Zxid::new(2, 1), 1));
        assert!(!h.exceeds(Zxid::new(1, 1), Zxid::new(2, 1), 2));
        assert!(!h.exceeds(Zxid::new(2, 2), Zxid::new(3, 0), 0));
    }
}
