//! What nobody in the ensemble knows but the properties need: what was proposed, committed, dropped.

use quorate_core::ids::{Epoch, Zxid};

use crate::byte::Byte;

/// The history of the whole run, as far as properties look back.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Ghost {
    /// Every transaction that an established leader proposed.
    pub proposed: Vec<(Zxid, Byte)>,
    /// The longest sequence that any serving server has delivered.
    pub delivered: Vec<(Zxid, Byte)>,
    /// The newest epoch that was established, and the index of its leader.
    pub newest: Option<(Epoch, usize)>,
    /// Proposals that a later established epoch does not contain.
    pub discarded: Vec<Zxid>,
    /// Rules that were seen broken during a step, where the states do not show it.
    pub broken: Broken,
}

/// Sticky findings about single steps.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Broken {
    /// Two servers delivered sequences of which neither is a prefix of the other.
    pub prefix: bool,
    /// An acknowledgement left before what it acknowledges was on disk.
    pub ack_durable: bool,
    /// An epoch on disk went back.
    pub epoch_monotone: bool,
    /// Two leaders were established in one epoch.
    pub leadership: bool,
    /// A transaction of an earlier epoch was first delivered after a later epoch had begun without
    /// it.
    pub primary_integrity: bool,
    /// A disk held something that a server refuses to start with.
    pub disk_refused: bool,
    /// A server closed a connection because of what came over it.
    pub offence: bool,
    /// A learner was sent more transactions one by one than its leader may send.
    pub oversized_diff: bool,
}

impl Ghost {
    /// A serving server's delivered sequence.
    pub fn deliver(&mut self, applied: &[(Zxid, Byte)]) {
        let common = self.delivered.len().min(applied.len());
        if self.delivered[..common] != applied[..common] {
            self.broken.prefix = true;
        } else if applied.len() > self.delivered.len() {
            let newest = self.newest.map_or(0, |(epoch, _)| epoch);
            let late = applied[common..].iter().any(|(zxid, _)| zxid.epoch() < newest);
            self.broken.primary_integrity |= late;
            self.delivered = applied.to_vec();
        }
    }

    /// A leader is established with this initial history, which it has delivered.
    pub fn establish(&mut self, epoch: Epoch, leader: usize, initial: &[(Zxid, Byte)]) {
        match self.newest {
            Some((newest, known)) if newest == epoch => self.broken.leadership |= known != leader,
            // A quorum's acknowledgements may reach a leader after they have gone on to the next.
            Some((newest, _)) if newest > epoch => {}
            _ => self.newest = Some((epoch, leader)),
        }
        // What of the delivered is missing was committed before and is lost to this primary.
        let missing = |txn: &&(Zxid, Byte)| txn.0.epoch() < epoch && !initial.contains(txn);
        self.broken.primary_integrity |= self.delivered.iter().any(|txn| missing(&txn));
        for (zxid, _) in &self.proposed {
            let kept = initial.iter().any(|(z, _)| z == zxid);
            if zxid.epoch() < epoch && !kept && !self.discarded.contains(zxid) {
                self.discarded.push(*zxid);
            }
        }
        self.discarded.sort_unstable();
    }

    /// An established leader proposes.
    pub fn propose(&mut self, zxid: Zxid, txn: Byte) {
        self.proposed.push((zxid, txn));
        self.proposed.sort_unstable_by_key(|(z, _)| *z);
        if self.newest.is_some_and(|(newest, _)| newest > zxid.epoch()) {
            // A deposed leader that does not know it yet.
            self.discarded.push(zxid);
            self.discarded.sort_unstable();
        }
    }
}
