//! What holds on one server after every step, in every role.
//!
//! What is checked after every step takes the same few comparisons whatever the server holds. Bytes from a
//! client, a peer or a file cannot break any of it: they are refused where they arrive.

use crate::payload::Payload;
use crate::zab::{History, Member};

impl<P: Payload> Member<P> {
    /// Panics if this server's own state contradicts itself.
    pub(crate) fn check_invariants(&self) {
        let h: &History<P> = &self.history;
        assert!(h.base() <= h.applied() && h.applied() <= h.last(), "base ≤ applied ≤ last");
        assert!(h.logged() <= h.last(), "nothing is on disk that is not in the history");
        assert!(self.current_epoch <= self.accepted_epoch, "currentEpoch ≤ acceptedEpoch");
        assert!(h.applied().epoch() <= self.accepted_epoch, "nothing of an unpromised epoch is applied");
        #[cfg(debug_assertions)]
        self.check_history();
    }

    /// Panics if the transactions that are to be applied next do not follow one another.
    #[cfg(debug_assertions)]
    fn check_history(&self) {
        let mut before = self.history.applied();
        for (zxid, _) in self.history.after(before).take(64) {
            assert!(before.may_be_followed_by(*zxid), "a history has no holes: {before:?} {zxid:?}");
            before = *zxid;
        }
    }
}
