//! The election port's connections: who keeps one, and what waits to be sent on it.
//!
//! Two servers use one connection. Source: `QuorumCnxManager`: the server with the larger id keeps
//! what it dialed; the one with the smaller id dials only to be called back. At most one message
//! waits per peer and the newest wins, because a vote replaces the one before it.

use crate::ids::ServerId;

/// What becomes of a connection whose two ends are known.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Verdict {
    /// Use it, instead of any older one to the same server.
    Keep,
    /// Close it: the other side has read who called, and dials.
    CloseAndAwaitDial,
    /// Close it and any older one to the same server, and dial.
    CloseAndDial,
    /// Close it: a server does not talk to itself over the network.
    Refuse,
}

/// What the server that dialed does after its initial message.
pub fn after_dialing(me: ServerId, peer: ServerId) -> Verdict {
    if peer > me {
        Verdict::CloseAndAwaitDial
    } else if peer == me {
        Verdict::Refuse
    } else {
        Verdict::Keep
    }
}

/// What the server that was dialed does after it has read the initial message.
pub fn after_accepting(me: ServerId, peer: ServerId) -> Verdict {
    if peer > me {
        Verdict::Keep
    } else if peer == me {
        Verdict::Refuse
    } else {
        Verdict::CloseAndDial
    }
}

/// The one message that waits for a peer.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Slot<M> {
    waiting: Option<M>,
    last_sent: Option<M>,
}

impl<M> Default for Slot<M> {
    fn default() -> Self {
        Slot { waiting: None, last_sent: None }
    }
}

impl<M: Clone> Slot<M> {
    /// Put a message in; one that still waits is forgotten.
    pub fn put(&mut self, message: M) {
        self.waiting = Some(message);
    }

    /// Whether a message waits.
    pub fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Take the message that waits, to send it.
    pub fn take(&mut self) -> Option<M> {
        let message = self.waiting.take()?;
        self.last_sent = Some(message.clone());
        Some(message)
    }

    /// A new connection is there: what was sent on the old one may be lost, so it waits again
    /// unless a newer message does.
    pub fn reconnected(&mut self) {
        if self.waiting.is_none() {
            self.waiting = self.last_sent.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whoever dials, exactly one connection of a pair survives: the one the larger id dialed.
        #[test]
        fn the_larger_id_keeps_what_it_dialed(a in any::<i64>(), b in any::<i64>()) {
            prop_assume!(a != b);
            let (small, large) = (ServerId(a.min(b)), ServerId(a.max(b)));
            prop_assert_eq!(after_dialing(large, small), Verdict::Keep);
            prop_assert_eq!(after_accepting(small, large), Verdict::Keep);
            prop_assert_eq!(after_dialing(small, large), Verdict::CloseAndAwaitDial);
            prop_assert_eq!(after_accepting(large, small), Verdict::CloseAndDial);
            prop_assert_eq!(after_dialing(small, small), Verdict::Refuse);
            prop_assert_eq!(after_accepting(small, small), Verdict::Refuse);
        }

        /// After any history, what waits is the newest message, and a reconnect never brings back
        /// an older one.
        #[test]
        fn the_newest_message_wins(steps in proptest::collection::vec(0u8..3, 0..40)) {
            let mut slot = Slot::default();
            let (mut newest, mut unsent) = (None, false);
            for (n, step) in steps.into_iter().enumerate() {
                match step {
                    0 => {
                        slot.put(n);
                        (newest, unsent) = (Some(n), true);
                    }
                    1 => {
                        prop_assert_eq!(slot.take(), newest.filter(|_| unsent));
                        unsent = false;
                    }
                    _ => {
                        slot.reconnected();
                        unsent = newest.is_some();
                    }
                }
                prop_assert_eq!(slot.is_waiting(), unsent);
            }
        }
    }
}
