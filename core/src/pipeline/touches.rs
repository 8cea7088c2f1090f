//! Which sessions a learner has heard from since it last told its leader.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::ids::{SessionId, Touch};

/// The sessions that were heard from, with their timeouts (ms).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Touches {
    heard: BTreeMap<SessionId, i32>,
    /// Where the next report begins. Not the first session: then those behind might never be told.
    from: SessionId,
}

impl Default for Touches {
    fn default() -> Self {
        Touches { heard: BTreeMap::new(), from: FIRST }
    }
}

const FIRST: SessionId = SessionId(i64::MIN);

impl Touches {
    /// The session was heard from.
    pub(super) fn insert(&mut self, session: SessionId, timeout_ms: i32) {
        self.heard.insert(session, timeout_ms);
    }

    /// The session has ended.
    pub(super) fn remove(&mut self, session: SessionId) {
        self.heard.remove(&session);
    }

    /// There is no leader to tell any more.
    pub(super) fn clear(&mut self) {
        *self = Touches::default();
    }

    /// Take out what one answer to a ping may say. What is left waits for the next one, and those
    /// that are heard from again meanwhile do not go before it.
    pub(super) fn take(&mut self, most: usize) -> Vec<Touch> {
        let touch = |(session, timeout_ms): (SessionId, i32)| Touch { session, timeout_ms };
        if self.heard.len() <= most {
            self.from = FIRST;
            return core::mem::take(&mut self.heard).into_iter().map(touch).collect();
        }
        let mut behind = self.heard.split_off(&self.from);
        let mut before = core::mem::take(&mut self.heard);
        let mut taken = Vec::with_capacity(most);
        for rest in [&mut behind, &mut before] {
            while taken.len() < most
                && let Some(next) = rest.pop_first()
            {
                taken.push(touch(next));
            }
        }
        self.from = behind.keys().chain(before.keys()).next().copied().unwrap_or(FIRST);
        before.append(&mut behind);
        self.heard = before;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sessions(touches: &[Touch]) -> Vec<i64> {
        touches.iter().map(|touch| touch.session.0).collect()
    }

    #[test]
    fn nobody_is_forgotten_while_others_are_heard_again() {
        let mut touches = Touches::default();
        let all_heard = |touches: &mut Touches| (1..=5).for_each(|id| touches.insert(SessionId(id), 7));
        all_heard(&mut touches);
        assert_eq!(sessions(&touches.take(2)), [1, 2]);
        all_heard(&mut touches);
        assert_eq!(sessions(&touches.take(2)), [3, 4]);
        all_heard(&mut touches);
        assert_eq!(sessions(&touches.take(2)), [5, 1]);
        assert_eq!(sessions(&touches.take(2)), [2, 3]);
        assert_eq!(touches.take(2), [Touch { session: SessionId(4), timeout_ms: 7 }]);
        assert_eq!(touches, Touches::default());
    }

    #[test]
    fn a_session_that_has_ended_is_not_told() {
        let mut touches = Touches::default();
        (1..=3).for_each(|id| touches.insert(SessionId(id), 7));
        touches.remove(SessionId(2));
        assert_eq!(sessions(&touches.take(9)), [1, 3]);
    }
}
