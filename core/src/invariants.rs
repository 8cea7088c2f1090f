//! What holds on one server after every step, in every role.

use crate::ids::Zxid;
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
        let mut before: Zxid = h.applied();
        for (zxid, _) in h.after(h.applied()).take(64) {
            assert!(before.may_be_followed_by(*zxid), "a history has no holes: {before:?} {zxid:?}");
            before = *zxid;
        }
    }
}
