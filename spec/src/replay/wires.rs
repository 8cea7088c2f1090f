//! Which connection of one recording is which of another, and what is under way on it.
//!
//! The two ends know each other by their addresses. A relay between them gives them others. If it keeps the
//! dialer's port, and has another IP address than the server that it dials, the ends know each other by that
//! port. Otherwise the last dial before a connection was accepted is taken for its other end, by the servers'
//! clocks.

use std::collections::{BTreeMap, VecDeque};

use quorate_core::ids::{Link, ServerId, Zxid};
use quorate_core::pipeline::ClientTxn;
use quorate_core::zab::Packet;

use super::chain::Chain;
use super::file::{Opened, Recording};
use crate::world::OneByOne;

/// One end of a connection: which recording, and what it is called there.
pub(super) type End = (usize, Link);

/// A packet under way: its fingerprint, and the history behind a state that it carries.
pub(super) struct Sent {
    pub(super) fingerprint: u64,
    pub(super) state: Option<(Zxid, Chain)>,
}

/// One end of a connection as it was recorded.
#[derive(Default)]
pub(super) struct Wire {
    /// The other end.
    other: Option<End>,
    /// What this end has sent and the other has not received.
    sent: VecDeque<Sent>,
    phase: Phase,
    /// How many packets this end received.
    received: u64,
    /// What this end, a leader's, has sent one by one.
    one_by_one: OneByOne,
}

/// How far an end is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Phase {
    /// Core was not told of it.
    #[default]
    New,
    /// The end is in use.
    Open,
    /// Core was told of its end, or has closed it.
    Closed,
}

/// The milliseconds by which a connection may seem to have been accepted before it was dialed. Clocks differ,
/// and a turn has one time for all that happens in it.
const SLACK: i64 = 20;

/// Bring dialers and accepters with the same key together.
fn pair<K: Ord>(wires: &mut BTreeMap<End, Wire>, ends: &[(End, Opened)], key: impl Fn(&(End, Opened)) -> K) {
    type Found = Vec<(i64, End)>;
    let mut by_key: BTreeMap<K, (Found, Found)> = BTreeMap::new();
    for found in ends {
        let (dialed, accepted) = by_key.entry(key(found)).or_default();
        let (end, opened) = found;
        if opened.dialed { dialed } else { accepted }.push((opened.wall_ms, *end));
    }
    for (mut dialed, mut accepted) in by_key.into_values() {
        dialed.sort_unstable();
        accepted.sort_unstable();
        let mut dialed = dialed.into_iter().peekable();
        for (when, other) in accepted {
            let Some((_, mut one)) = dialed.next() else { break };
            // Dials that the other end did not notice before the next one.
            while let Some((_, next)) = dialed.next_if(|(next, _)| *next <= when + SLACK) {
                one = next;
            }
            wires.entry(one).or_default().other = Some(other);
            wires.entry(other).or_default().other = Some(one);
        }
    }
}

/// The dialer's port, if the other end can know it: a relay keeps it and has an address of its own.
fn port(opened: &Opened) -> Option<u16> {
    match opened.dialed {
        true => Some(opened.local.port()),
        false => Some(opened.remote.port()).filter(|_| opened.remote.ip() != opened.local.ip()),
    }
}

/// The connections of all recordings, by their ends.
pub(super) struct Wires(BTreeMap<End, Wire>);

impl Wires {
    pub(super) fn new(recordings: &[Recording]) -> Self {
        let mut wires: BTreeMap<End, Wire> = BTreeMap::new();
        let mut ends = Vec::new();
        for (r, recording) in recordings.iter().enumerate() {
            for opened in &recording.opened {
                wires.insert((r, opened.link), Wire::default());
                ends.push(((r, opened.link), *opened));
            }
        }
        // By the two addresses, the dialer's first. Then by the two servers and the dialer's port; at last by
        // the two servers alone.
        let addresses = |(_, o): &(End, Opened)| match o.dialed {
            true => (o.local, o.remote),
            false => (o.remote, o.local),
        };
        let servers = |(end, o): &(End, Opened)| match o.dialed {
            true => (recordings[end.0].id(), o.link.server),
            false => (o.link.server, recordings[end.0].id()),
        };
        pair(&mut wires, &ends, addresses);
        ends.retain(|(end, _)| wires[end].other.is_none());
        pair(&mut wires, &ends, |end| (servers(end), port(&end.1)));
        ends.retain(|(end, _)| wires[end].other.is_none());
        pair(&mut wires, &ends, servers);
        Wires(wires)
    }

    /// How many connections one of these servers accepted of which no recording has the other end.
    pub(super) fn unpaired(&self, recordings: &[Recording]) -> usize {
        let accepted = recordings.iter().enumerate().flat_map(|(r, recording)| {
            recording.opened.iter().filter(|opened| !opened.dialed).map(move |opened| (r, opened.link))
        });
        accepted.filter(|end| self.0.get(end).is_none_or(|wire| wire.other.is_none())).count()
    }

    /// The other end of this connection, if it was recorded.
    pub(super) fn other(&self, end: End) -> Option<End> {
        self.0.get(&end)?.other
    }

    pub(super) fn phase(&self, end: End) -> Phase {
        self.0.get(&end).map_or(Phase::New, |wire| wire.phase)
    }

    pub(super) fn set(&mut self, end: End, phase: Phase) {
        self.0.entry(end).or_default().phase = phase;
    }

    /// This end has sent something.
    pub(super) fn send(&mut self, end: End, sent: Sent) {
        if let Some(wire) = self.0.get_mut(&end).filter(|wire| wire.other.is_some()) {
            wire.sent.push_back(sent);
        }
    }

    /// A packet is sent. At NEWLEADER the size of what was sent as committed, one by one, is told.
    pub(super) fn one_by_one(&mut self, end: End, packet: &Packet<ClientTxn>) -> Option<usize> {
        self.0.get_mut(&end)?.one_by_one.sent(packet)
    }

    /// Whether something is under way to this end; `None` if the other end was not recorded.
    pub(super) fn arrives(&self, end: End) -> Option<bool> {
        let other = self.other(end)?;
        Some(self.0.get(&other).is_some_and(|wire| !wire.sent.is_empty()))
    }

    /// What arrives next at this end, which is how many-eth.
    pub(super) fn receive(&mut self, end: End) -> Option<(u64, Sent)> {
        let other = self.other(end)?;
        let sent = self.0.get_mut(&other)?.sent.pop_front()?;
        let wire = self.0.entry(end).or_default();
        wire.received += 1;
        Some((wire.received, sent))
    }

    /// What a process leaves that is gone.
    pub(super) fn forget(&mut self, recording: usize) {
        let from = Link { server: ServerId(i64::MIN), generation: 0 };
        let ends: Vec<End> =
            self.0.range((recording, from)..).map(|(end, _)| *end).take_while(|e| e.0 == recording).collect();
        for end in ends {
            // What it had sent may still arrive; what was sent to it will not.
            if let Some(other) = self.other(end)
                && let Some(wire) = self.0.get_mut(&other)
            {
                wire.sent = VecDeque::new();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIALER: usize = 1;
    const ACCEPTER: usize = 2;

    /// An end: which connection, in which recording, from which relay's address and port, and when.
    fn end(recording: usize, generation: u32, address: &str, wall_ms: i64) -> (End, Opened) {
        let link = Link { server: ServerId(7), generation };
        let (at, server) = (address.parse().unwrap(), "127.0.0.1:2888".parse().unwrap());
        let dialed = recording == DIALER;
        let (local, remote) = if dialed { (at, server) } else { (server, at) };
        ((recording, link), Opened { link, dialed, local, remote, wall_ms })
    }

    fn other(by_port: bool, relay: &str) -> Option<u32> {
        let ends = [
            end(DIALER, 1, "127.0.0.1:1001", 0),
            end(DIALER, 2, "127.0.0.1:1002", 100),
            // It stood still, and finds the first connection long after the second was dialed.
            end(ACCEPTER, 5, relay, 900),
        ];
        let mut wires = BTreeMap::new();
        pair(&mut wires, &ends, |end| port(&end.1).filter(|_| by_port));
        wires.get(&ends[2].0)?.other.map(|(_, link)| link.generation)
    }

    #[test]
    fn a_relay_that_keeps_the_port_says_which_connection_it_is() {
        assert_eq!(other(true, "127.0.0.2:1001"), Some(1));
        assert_eq!(other(false, "127.0.0.2:1001"), Some(2), "the last before it, by the clock");
        assert_eq!(other(true, "127.0.0.1:1001"), None, "the port of a relay that keeps none means nothing");
    }
}
