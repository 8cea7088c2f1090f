//! One server's end of the election connection with one other server: when it dials, which connection it
//! uses, what it sends again.
//!
//! Two servers use one connection. Source: `QuorumCnxManager`: the server with the larger id keeps
//! what it dialed; the one with the smaller id dials only to be called back. At most one message
//! waits per peer and the newest wins, because a vote replaces the one before it.
//!
//! ```text
//!            say, pause over                dialed, keep / introduced, keep
//!   idle ──────────────────────► dialing ───────────────────────────────────► connected
//!    ▲  pause over, nothing waits   │ failed, or dialed only to be called back     │ lost
//!    └───────────────────────── pausing ◄──────────────────────────────────────────┘
//! ```
//!
//! Dialing and being connected are independent: the peer may call while an attempt is under way.

use alloc::vec::Vec;

use super::rules;
use crate::ids::ServerId;
use crate::rename::{Names, Rename};
use crate::timer::Delay;

/// The longest pause between attempts: 100 ms · 2⁶.
const LONGEST_PAUSE: u8 = 6;

/// What becomes of a connection whose two ends are known.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Verdict {
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
fn after_dialing(me: ServerId, peer: ServerId) -> Verdict {
    if peer > me {
        Verdict::CloseAndAwaitDial
    } else if peer == me {
        Verdict::Refuse
    } else {
        Verdict::Keep
    }
}

/// What the server that was dialed does after it has read the initial message.
fn after_accepting(me: ServerId, peer: ServerId) -> Verdict {
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

    /// The message that waits.
    pub fn waiting(&self) -> Option<&M> {
        self.waiting.as_ref()
    }

    /// Take the message that waits, to send it.
    pub fn take(&mut self) -> Option<M> {
        let message = self.waiting.take()?;
        self.last_sent = Some(message.clone());
        Some(message)
    }

    /// The link has a new connection. What was sent on the old one may be lost, so it waits again
    /// unless a newer message does.
    pub fn reconnected(&mut self) {
        if self.waiting.is_none() {
            self.waiting = self.last_sent.clone();
        }
    }
}

impl<M: Rename> Rename for Slot<M> {
    fn rename(&self, names: Names<'_>) -> Self {
        let renamed = |message: &Option<M>| message.as_ref().map(|message| message.rename(names));
        Slot { waiting: renamed(&self.waiting), last_sent: renamed(&self.last_sent) }
    }
}

/// One server's end of the election connection with one other server.
///
/// The shell has the sockets: it reports what happens to them and performs the outputs, in order. A
/// connection that was accepted belongs to a link once its dialer has said who it is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ElectionLink<M> {
    me: ServerId,
    peer: ServerId,
    slot: Slot<M>,
    connected: bool,
    attempt: Attempt,
    /// Attempts since the pair was last connected, as far as they make the next pause longer.
    failures: u8,
    #[cfg(feature = "mutants")]
    pub(super) mutation: Option<crate::mutation::Mutation>,
}

/// How far an attempt to connect is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Attempt {
    None,
    UnderWay,
    Pausing,
}

/// What a link wants done.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LinkOutput {
    /// Try to connect to the peer: answered by [`ElectionLink::dialed`] or [`ElectionLink::dial_failed`].
    Dial,
    /// Call [`ElectionLink::pause_over`] after this delay, and not after an earlier one.
    Pause(Delay),
    /// Close the connection that the link has used so far: the peer is not connected.
    CloseUsed,
    /// Close the connection that was just reported.
    CloseReported,
    /// Use the connection that was just reported: the peer is connected.
    UseReported,
    /// A message waits: [`ElectionLink::take`] it as soon as the connection in use can carry it.
    Send,
}

/// What a link wants done, in order.
pub type LinkOutputs = Vec<LinkOutput>;

impl<M: Clone> ElectionLink<M> {
    /// The link of server `me` with `peer`: not connected, nothing waits.
    pub fn new(me: ServerId, peer: ServerId) -> Self {
        ElectionLink {
            me,
            peer,
            slot: Slot::default(),
            connected: false,
            attempt: Attempt::None,
            failures: 0,
            #[cfg(feature = "mutants")]
            mutation: None,
        }
    }

    /// The link breaks this rule.
    #[cfg(feature = "mutants")]
    #[must_use]
    pub fn breaking(self, mutation: Option<crate::mutation::Mutation>) -> Self {
        ElectionLink { mutation, ..self }
    }

    /// Whether the pair is connected.
    pub fn is_connected(&self) -> bool {
        self.connected
    }

    /// The newest message for the peer; an older one that still waits is forgotten.
    pub fn say(&mut self, message: M, out: &mut LinkOutputs) {
        self.slot.put(message);
        if self.connected {
            out.push(LinkOutput::Send);
        } else {
            self.dial(out);
        }
    }

    /// The message to write on the connection in use.
    pub fn take(&mut self) -> Option<M> {
        if self.connected { self.slot.take() } else { None }
    }

    /// The connection that [`LinkOutput::Dial`] asked for is established, and the initial message is written.
    pub fn dialed(&mut self, out: &mut LinkOutputs) {
        self.attempt = Attempt::None;
        match after_dialing(self.me, self.peer) {
            Verdict::Keep => self.keep(out),
            Verdict::CloseAndAwaitDial if rules::smaller_id_keeps_what_it_dialed(self) => self.keep(out),
            Verdict::CloseAndAwaitDial | Verdict::CloseAndDial | Verdict::Refuse => {
                out.push(LinkOutput::CloseReported);
                self.pause(out);
            }
        }
    }

    /// The attempt that [`LinkOutput::Dial`] asked for failed. The peer may have `another` address that is
    /// not tried yet: its turn comes at once.
    pub fn dial_failed(&mut self, another: bool, out: &mut LinkOutputs) {
        self.attempt = Attempt::None;
        if !another {
            self.pause(out);
        } else if !self.connected {
            self.dial(out);
        }
    }

    /// The dialer of an accepted connection has said that it is the peer. `is_old`: the connection was
    /// accepted before one that the link has used, which the peer dialed when it had given the reported one
    /// up.
    pub fn introduced(&mut self, is_old: bool, out: &mut LinkOutputs) {
        match after_accepting(self.me, self.peer) {
            Verdict::Keep if rules::is_given_up(self, is_old) => {
                out.push(LinkOutput::CloseReported);
            }
            Verdict::Keep => self.keep(out),
            Verdict::CloseAndDial => {
                out.push(LinkOutput::CloseReported);
                self.close_used(out);
                if self.attempt == Attempt::Pausing {
                    // The peer has just shown that it is there.
                    self.attempt = Attempt::None;
                }
                self.dial(out);
            }
            Verdict::CloseAndAwaitDial | Verdict::Refuse => out.push(LinkOutput::CloseReported),
        }
    }

    /// The connection in use is lost. The next attempt comes after a pause: the peer may be faster.
    pub fn lost(&mut self, out: &mut LinkOutputs) {
        self.connected = false;
        if self.attempt != Attempt::UnderWay || rules::loss_ends_attempt(self) {
            self.pause(out);
        }
    }

    /// The pause that [`LinkOutput::Pause`] asked for is over: dial if a message waits for a connection.
    pub fn pause_over(&mut self, out: &mut LinkOutputs) {
        if self.attempt == Attempt::Pausing {
            self.attempt = Attempt::None;
            if !self.connected && self.slot.waiting().is_some() {
                self.dial(out);
            }
        }
    }

    /// Dial, unless an attempt is under way or failed just now.
    fn dial(&mut self, out: &mut LinkOutputs) {
        if self.attempt == Attempt::None {
            self.attempt = Attempt::UnderWay;
            out.push(LinkOutput::Dial);
        }
    }

    /// The next attempt comes after a pause, longer each time.
    fn pause(&mut self, out: &mut LinkOutputs) {
        self.attempt = Attempt::Pausing;
        out.push(LinkOutput::Pause(Delay::Redial(self.failures)));
        self.failures = (self.failures + 1).min(LONGEST_PAUSE);
    }

    /// The reported connection takes the place of an older one.
    fn keep(&mut self, out: &mut LinkOutputs) {
        if rules::replaced_connection_is_closed(self) {
            self.close_used(out);
        }
        self.connected = true;
        self.failures = 0;
        if rules::last_vote_is_resent(self) {
            self.slot.reconnected();
        }
        out.push(LinkOutput::UseReported);
        if self.slot.waiting().is_some() {
            out.push(LinkOutput::Send);
        }
    }

    fn close_used(&mut self, out: &mut LinkOutputs) {
        if core::mem::replace(&mut self.connected, false) {
            out.push(LinkOutput::CloseUsed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::LinkOutput::*;
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
                prop_assert_eq!(slot.waiting().is_some(), unsent);
            }
        }
    }

    fn link(me: i64, peer: i64) -> ElectionLink<u8> {
        ElectionLink::new(ServerId(me), ServerId(peer))
    }

    fn outputs(step: impl FnOnce(&mut LinkOutputs)) -> LinkOutputs {
        let mut out = Vec::new();
        step(&mut out);
        out
    }

    #[test]
    fn the_larger_id_dials_once_and_keeps_what_it_dialed() {
        let mut link = link(2, 1);
        assert_eq!(outputs(|out| link.say(1, out)), [Dial]);
        assert_eq!(outputs(|out| link.say(2, out)), [], "an attempt is under way");
        assert_eq!(link.take(), None, "there is no connection");
        assert_eq!(outputs(|out| link.dialed(out)), [UseReported, Send]);
        assert_eq!((link.take(), link.take()), (Some(2), None), "the newest alone");
        assert_eq!(outputs(|out| link.say(3, out)), [Send]);
    }

    #[test]
    fn the_smaller_id_dials_to_be_called_back() {
        let (mut small, mut large) = (link(1, 2), link(2, 1));
        assert_eq!(outputs(|out| small.say(1, out)), [Dial]);
        assert_eq!(outputs(|out| small.dialed(out)), [CloseReported, Pause(Delay::Redial(0))]);
        assert_eq!(
            outputs(|out| large.introduced(false, out)),
            [CloseReported, Dial],
            "though nothing waits"
        );
        assert_eq!(outputs(|out| large.dialed(out)), [UseReported]);
        assert_eq!(outputs(|out| small.introduced(false, out)), [UseReported, Send]);
        assert_eq!(outputs(|out| small.pause_over(out)), []);
        // It calls again: its end of the connection is gone, and the larger id has not seen that yet.
        assert_eq!(outputs(|out| large.introduced(false, out)), [CloseReported, CloseUsed, Dial]);
        assert!(!large.is_connected());
    }

    #[test]
    fn a_new_connection_replaces_an_old_one_and_carries_the_last_message_again() {
        let mut link = link(1, 2);
        assert_eq!(outputs(|out| link.introduced(false, out)), [UseReported]);
        link.say(1, &mut Vec::new());
        assert_eq!(link.take(), Some(1));
        assert_eq!(outputs(|out| link.introduced(false, out)), [CloseUsed, UseReported, Send]);
        assert_eq!((link.take(), link.take()), (Some(1), None));
    }

    /// Their initial messages may be read in the other order.
    #[test]
    fn a_connection_that_was_accepted_before_one_that_was_used_is_not_used() {
        let mut link = link(1, 2);
        assert_eq!(outputs(|out| link.introduced(false, out)), [UseReported]);
        assert_eq!(outputs(|out| link.introduced(true, out)), [CloseReported]);
        assert!(link.is_connected());
        link.lost(&mut Vec::new());
        assert_eq!(outputs(|out| link.introduced(true, out)), [CloseReported]);
    }

    #[test]
    fn attempts_pause_longer_each_time_until_one_leads_to_a_connection() {
        let mut link = link(2, 1);
        link.say(1, &mut Vec::new());
        for k in [0, 1, 2, 3, 4, 5, 6, 6] {
            assert_eq!(outputs(|out| link.dial_failed(false, out)), [Pause(Delay::Redial(k))]);
            assert_eq!(outputs(|out| link.say(k, out)), [], "it pauses");
            assert_eq!(outputs(|out| link.pause_over(out)), [Dial]);
        }
        assert_eq!(outputs(|out| link.dial_failed(true, out)), [Dial], "another address waits for no pause");
        link.dialed(&mut Vec::new());
        assert_eq!(outputs(|out| link.lost(out)), [Pause(Delay::Redial(0))]);
        assert_eq!(outputs(|out| link.introduced(false, out)), [CloseReported, Dial], "the peer is there");
        assert_eq!(outputs(|out| link.pause_over(out)), [], "an attempt is under way");
    }

    #[test]
    fn a_connection_lost_during_an_attempt_begins_no_second_one() {
        let mut link = link(1, 2);
        link.say(1, &mut Vec::new());
        link.introduced(false, &mut Vec::new());
        assert_eq!(outputs(|out| link.lost(out)), []);
        assert_eq!(outputs(|out| link.say(2, out)), []);
        assert_eq!(outputs(|out| link.dialed(out)), [CloseReported, Pause(Delay::Redial(0))]);
    }

    #[test]
    fn nothing_is_dialed_while_nothing_waits() {
        let mut link = link(2, 1);
        link.say(1, &mut Vec::new());
        link.dialed(&mut Vec::new());
        link.take();
        link.lost(&mut Vec::new());
        assert_eq!(outputs(|out| link.pause_over(out)), []);
        assert_eq!(outputs(|out| link.say(2, out)), [Dial]);
    }
}
