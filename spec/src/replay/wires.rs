//! Which connection of one recording is which of another, and what is under way on it.
//!
//! An end that dialed has the address that the other end was dialed from. Addresses are used again, so of several
//! the first that was accepted after the dial is taken.

use std::collections::{BTreeMap, VecDeque};

use quorate_core::ids::{Link, ServerId, Zxid};

use super::chain::Chain;
use super::file::Recording;

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
}

/// How far an end is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Phase {
    /// Core was not told of it.
    #[default]
    New,
    /// In use.
    Open,
    /// Core was told of its end, or has closed it.
    Closed,
}

/// All of them.
pub(super) struct Wires(BTreeMap<End, Wire>);

impl Wires {
    pub(super) fn new(recordings: &[Recording]) -> Self {
        let mut wires: BTreeMap<End, Wire> = BTreeMap::new();
        // By the two addresses, the dialer's first: who dialed and who accepted, each with its time.
        type Found = Vec<(i64, End)>;
        let mut by_address: BTreeMap<_, (Found, Found)> = BTreeMap::new();
        for (r, recording) in recordings.iter().enumerate() {
            for opened in &recording.opened {
                let end = (r, opened.link);
                wires.insert(end, Wire::default());
                let at = (opened.wall_ms, end);
                if opened.dialed {
                    by_address.entry((opened.local, opened.remote)).or_default().0.push(at);
                } else {
                    by_address.entry((opened.remote, opened.local)).or_default().1.push(at);
                }
            }
        }
        for (mut dialed, mut accepted) in by_address.into_values() {
            dialed.sort_unstable();
            accepted.sort_unstable();
            let (mut dialed, mut accepted) = (dialed.into_iter().peekable(), accepted.into_iter().peekable());
            while let (Some((_, one)), Some((when, other))) = (dialed.next(), accepted.peek().copied()) {
                // A dial that nobody noticed before the next one.
                if dialed.peek().is_some_and(|(next, _)| *next <= when) {
                    continue;
                }
                accepted.next();
                let matches =
                    recordings[one.0].id() == other.1.server && recordings[other.0].id() == one.1.server;
                if matches {
                    wires.entry(one).or_default().other = Some(other);
                    wires.entry(other).or_default().other = Some(one);
                }
            }
        }
        Wires(wires)
    }

    /// Connections that were accepted from who knows where, from one of these servers.
    pub(super) fn unpaired(&self, recordings: &[Recording]) -> usize {
        let accepted = recordings.iter().enumerate().flat_map(|(r, recording)| {
            recording.opened.iter().filter(|opened| !opened.dialed).map(move |opened| (r, opened.link))
        });
        accepted.filter(|end| self.0.get(end).is_none_or(|wire| wire.other.is_none())).count()
    }

    /// Who is at the other end.
    pub(super) fn other(&self, end: End) -> Option<End> {
        self.0.get(&end)?.other
    }

    pub(super) fn phase(&self, end: End) -> Phase {
        self.0.get(&end).map_or(Phase::New, |wire| wire.phase)
    }

    pub(super) fn set(&mut self, end: End, phase: Phase) {
        self.0.entry(end).or_default().phase = phase;
    }

    /// Something was sent.
    pub(super) fn send(&mut self, end: End, sent: Sent) {
        if let Some(wire) = self.0.get_mut(&end).filter(|wire| wire.other.is_some()) {
            wire.sent.push_back(sent);
        }
    }

    /// Whether something is under way to this end; `None`: nobody knows.
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
