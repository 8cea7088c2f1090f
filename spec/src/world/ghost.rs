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
    /// Every epoch that was established, with its leader and how long its initial history was.
    pub established: Vec<Established>,
    /// Proposals that a later established epoch does not contain.
    pub discarded: Vec<Zxid>,
    /// Rules that were seen broken during a step, where the states do not show it.
    pub broken: Broken,
}

/// One reign.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Established {
    /// Its epoch.
    pub epoch: Epoch,
    /// Index of its leader.
    pub leader: usize,
    /// The history it began with.
    pub initial: Vec<(Zxid, Byte)>,
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
    /// A disk held something that a server refuses to start with.
    pub disk_refused: bool,
    /// A server closed a connection because of what came over it.
    pub offence: bool,
}

impl Ghost {
    /// A serving server's delivered sequence.
    pub fn deliver(&mut self, applied: &[(Zxid, Byte)]) {
        let common = self.delivered.len().min(applied.len());
        if self.delivered[..common] != applied[..common] {
            self.broken.prefix = true;
        } else if applied.len() > self.delivered.len() {
            self.delivered = applied.to_vec();
        }
    }

    /// A leader is established.
    pub fn establish(&mut self, epoch: Epoch, leader: usize, initial: &[(Zxid, Byte)]) {
        if let Some(known) = self.established.iter().find(|e| e.epoch == epoch) {
            if known.leader != leader {
                self.broken.leadership = true;
            }
            return;
        }
        for (zxid, _) in &self.proposed {
            let kept = initial.iter().any(|(z, _)| z == zxid);
            if zxid.epoch() < epoch && !kept && !self.discarded.contains(zxid) {
                self.discarded.push(*zxid);
            }
        }
        self.discarded.sort_unstable();
        self.established.push(Established { epoch, leader, initial: initial.to_vec() });
        self.established.sort_unstable_by_key(|e| e.epoch);
    }

    /// An established leader proposes.
    pub fn propose(&mut self, zxid: Zxid, txn: Byte) {
        self.proposed.push((zxid, txn));
        self.proposed.sort_unstable_by_key(|(z, _)| *z);
        if self.established.iter().any(|e| e.epoch > zxid.epoch()) {
            // A deposed leader that does not know it yet.
            self.discarded.push(zxid);
            self.discarded.sort_unstable();
        }
    }
}
