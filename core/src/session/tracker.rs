//! The leader's view of every session: alive until when, closing, and served by whom.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::expiry::ExpiryQueue;
use super::rules;
use crate::ids::{SessionId, Touch};
use crate::payload::Origin;

/// Why a request of a session is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SessionError {
    /// The session is not known, or its end has been proposed (SESSIONEXPIRED).
    Expired,
    /// Another server serves the session by now (SESSIONMOVED).
    Moved,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Tracked {
    closing: bool,
    /// The server that serves the session; unknown after a change of leaders until it is heard from.
    owner: Option<Origin>,
}

/// Every session of the ensemble, as its leader sees it (`SessionTrackerImpl`).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SessionTracker {
    sessions: BTreeMap<SessionId, Tracked>,
    queue: ExpiryQueue,
}

impl SessionTracker {
    /// No session is known; sessions expire in steps of `tick_ms` milliseconds.
    pub fn new(tick_ms: u64) -> Self {
        SessionTracker { sessions: BTreeMap::new(), queue: ExpiryQueue::new(tick_ms) }
    }

    /// Break this rule.
    #[cfg(feature = "mutants")]
    pub fn breaking(mut self, mutation: Option<crate::mutation::Mutation>) -> Self {
        self.queue.mutation = mutation;
        self
    }

    /// Know this session and give it its full timeout from now on; `owner` serves it, if known.
    pub fn track(&mut self, now_ms: u64, touch: Touch, owner: Option<Origin>) {
        self.sessions.insert(touch.session, Tracked { closing: false, owner });
        self.queue.update(touch.session, now_ms, touch.timeout_ms);
    }

    /// The session was heard from. `false` if it is not known or closing: then nothing happens.
    pub fn touch(&mut self, now_ms: u64, touch: Touch) -> bool {
        let session = self.sessions.get(&touch.session);
        let alive = session.is_some_and(|session| rules::may_be_touched(&self.queue, session.closing));
        if alive {
            self.queue.update(touch.session, now_ms, touch.timeout_ms);
        }
        alive
    }

    /// The session is served by `owner` from now on.
    pub fn set_owner(&mut self, session: SessionId, owner: Origin) {
        if let Some(session) = self.sessions.get_mut(&session) {
            session.owner = Some(owner);
        }
    }

    /// Whether `from` may speak for the session. The first to do so becomes its owner if none is
    /// known.
    pub fn check(&mut self, session: SessionId, from: Origin) -> Result<(), SessionError> {
        match self.sessions.get_mut(&session) {
            None => Err(SessionError::Expired),
            Some(session) if !rules::may_write(&self.queue, session.closing) => Err(SessionError::Expired),
            Some(session) => match session.owner {
                None => {
                    session.owner = Some(from);
                    Ok(())
                }
                Some(owner) if rules::may_speak(&self.queue, from, owner) => Ok(()),
                Some(_) => Err(SessionError::Moved),
            },
        }
    }

    /// The session's end is proposed: it does not expire any more and its requests are refused.
    pub fn set_closing(&mut self, session: SessionId) {
        if let Some(tracked) = self.sessions.get_mut(&session) {
            tracked.closing = true;
            self.queue.remove(session);
        }
    }

    /// The session has ended.
    pub fn remove(&mut self, session: SessionId) {
        self.sessions.remove(&session);
        self.queue.remove(session);
    }

    /// Mark every session whose time has come as closing, and name them.
    pub fn expire(&mut self, now_ms: u64) -> Vec<SessionId> {
        let expired = self.queue.poll(now_ms);
        for session in &expired {
            self.set_closing(*session);
        }
        expired
    }

    /// When sessions expire that are not heard from any more.
    pub fn queue(&self) -> &ExpiryQueue {
        &self.queue
    }

    /// Every session that is known, closing or not, in order.
    pub fn sessions(&self) -> impl Iterator<Item = SessionId> {
        self.sessions.keys().copied()
    }

    /// Whether the session is known, closing or not.
    pub fn is_tracked(&self, session: SessionId) -> bool {
        self.sessions.contains_key(&session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Link, ServerId};
    use alloc::vec;

    const S: SessionId = SessionId(7);
    const TOUCH: Touch = Touch { session: S, timeout_ms: 100 };

    fn learner(n: u32) -> Origin {
        Origin::Learner(Link { server: ServerId(2), generation: n })
    }

    #[test]
    fn the_first_to_speak_becomes_the_owner() {
        let mut tracker = SessionTracker::new(10);
        tracker.track(0, TOUCH, None);
        assert_eq!(tracker.check(S, learner(1)), Ok(()));
        assert_eq!(tracker.check(S, Origin::Local), Err(SessionError::Moved));
        tracker.set_owner(S, Origin::Local);
        assert_eq!(tracker.check(S, learner(1)), Err(SessionError::Moved));
        assert_eq!(tracker.check(S, Origin::Local), Ok(()));
    }

    #[test]
    fn a_closing_session_is_expired_to_everybody() {
        let mut tracker = SessionTracker::new(10);
        tracker.track(0, TOUCH, Some(Origin::Local));
        tracker.set_closing(S);
        assert_eq!(tracker.check(S, Origin::Local), Err(SessionError::Expired));
        assert!(!tracker.touch(5, TOUCH));
        assert_eq!(tracker.expire(1_000_000), vec![]);
        assert!(tracker.is_tracked(S));
        tracker.remove(S);
        assert!(!tracker.is_tracked(S));
    }

    #[test]
    fn silence_expires_once() {
        let mut tracker = SessionTracker::new(10);
        tracker.track(0, TOUCH, None);
        assert!(tracker.touch(95, TOUCH));
        assert_eq!(tracker.expire(195), vec![]);
        assert_eq!(tracker.expire(200), vec![S]);
        assert_eq!(tracker.expire(10_000), vec![]);
        assert_eq!(tracker.check(S, Origin::Local), Err(SessionError::Expired));
    }
}
