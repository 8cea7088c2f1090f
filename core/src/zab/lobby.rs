//! Learners that dialed a server that is still LOOKING: a learner may know before the winner that the
//! election is won.

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;

use super::member::Context;
use super::packet::Packet;
use crate::ids::{Link, ServerId};
use crate::output::{Output, Reason};
use crate::payload::Payload;
use crate::rename::{Names, Rename};
use crate::timer::{Delay, Timer};

/// The connections that wait for this server to win the election: one per server, for a time that
/// begins with the first. When it is over, no learner waits again before the election ends.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Lobby<P: Payload> {
    closed: bool,
    waiting: BTreeMap<ServerId, Guest<P>>,
}

/// A connection and its first message.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Guest<P: Payload> {
    pub(crate) link: Link,
    pub(crate) said: Option<Packet<P>>,
}

impl<P: Payload> Lobby<P> {
    /// Open and empty.
    pub(crate) fn new() -> Self {
        Lobby { closed: false, waiting: BTreeMap::new() }
    }

    /// Whether there is time to wait.
    pub(crate) fn is_open(&self) -> bool {
        !self.closed
    }

    /// Whether a connection of this server is waited with.
    pub(crate) fn takes(&self, server: ServerId) -> bool {
        !self.closed && !self.waiting.contains_key(&server)
    }

    /// A learner has dialed.
    pub(crate) fn accepted(&mut self, cx: &mut Context<'_, P>, link: Link) {
        if self.closed {
            return cx.hangup(link, Reason::NotLeading);
        }
        if self.waiting.is_empty() {
            cx.out.push(Output::SetAlarm(Timer::PhaseLimit, Delay::Lobby));
        }
        match self.waiting.entry(link.server) {
            Entry::Occupied(_) => cx.hangup(link, Reason::AlreadyConnected),
            Entry::Vacant(place) => {
                place.insert(Guest { link, said: None });
            }
        }
    }

    /// A guest introduces itself. It has nothing more to say before it is answered.
    pub(crate) fn packet(&mut self, cx: &mut Context<'_, P>, link: Link, packet: Packet<P>) {
        let Some(guest) = self.waiting.get_mut(&link.server).filter(|guest| guest.link == link) else {
            return;
        };
        let introduces = matches!(packet, Packet::FollowerInfo { .. } | Packet::ObserverInfo { .. });
        if introduces && guest.said.is_none() {
            guest.said = Some(packet);
        } else {
            self.leave(cx, link);
            cx.hangup(link, Reason::Unexpected);
        }
    }

    /// A guest's connection is gone.
    pub(crate) fn down(&mut self, cx: &mut Context<'_, P>, link: Link) {
        if self.waiting.get(&link.server).is_some_and(|guest| guest.link == link) {
            self.leave(cx, link);
        }
    }

    /// They have waited long enough.
    pub(crate) fn close(&mut self, cx: &mut Context<'_, P>) {
        let closed = Lobby { closed: true, waiting: BTreeMap::new() };
        core::mem::replace(self, closed).turn_away(cx);
    }

    /// This server does not lead: let them look elsewhere.
    pub(crate) fn turn_away(self, cx: &mut Context<'_, P>) {
        for guest in self.waiting.into_values() {
            cx.hangup(guest.link, Reason::NotLeading);
        }
    }

    /// This server leads: here they are.
    pub(crate) fn guests(self) -> impl Iterator<Item = Guest<P>> {
        self.waiting.into_values()
    }

    fn leave(&mut self, cx: &mut Context<'_, P>, link: Link) {
        self.waiting.remove(&link.server);
        if self.waiting.is_empty() {
            cx.out.push(Output::CancelAlarm(Timer::PhaseLimit));
        }
    }
}

impl<P: Payload> Rename for Lobby<P> {
    fn rename(&self, names: Names<'_>) -> Self {
        Lobby { closed: self.closed, waiting: self.waiting.rename(names) }
    }
}

impl<P: Payload> Rename for Guest<P> {
    fn rename(&self, names: Names<'_>) -> Self {
        Guest { link: self.link.rename(names), said: self.said.clone() }
    }
}
