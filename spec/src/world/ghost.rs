//! What no server of the ensemble knows but the properties need: what was proposed, committed, dropped.

use quorate_core::ids::{Epoch, Zxid};

use crate::byte::Byte;

/// The history of the whole run, as far as properties look back. `T` tells transactions apart: a
/// model's own, or a fingerprint of one that a real server ran.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Ghost<T = Byte> {
    /// Every transaction that an established leader proposed.
    pub proposed: Vec<(Zxid, T)>,
    /// The longest sequence that any serving server has delivered.
    pub delivered: Vec<(Zxid, T)>,
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
    /// A leader went on leading though it was silent around it for longer than it may be.
    pub leads_unheard: bool,
    /// A server that may have lost its disk voted or promised.
    pub lost_disk_spoke: bool,
    /// A server voted for one that has less than it has itself.
    pub worse_vote: bool,
    /// A server that has a leader was answered though it did not ask.
    pub needless_answer: bool,
    /// A leader that was not established sent a state under the start of its epoch.
    pub premature_name: bool,
    /// A server that introduced itself, in its own name or in another's, took something from others.
    pub harmful_introduction: bool,
    /// A leader stepped down because of what an observer had promised.
    pub observer_deposed: bool,
    /// A `sync` was answered before what was proposed when it was asked, or without having been asked.
    pub sync_overtaken: bool,
}

impl<T> Default for Ghost<T> {
    fn default() -> Self {
        Ghost {
            proposed: Vec::new(),
            delivered: Vec::new(),
            newest: None,
            discarded: Vec::new(),
            broken: Broken::default(),
        }
    }
}

impl<T: Copy + Eq> Ghost<T> {
    /// Take down what a serving server has delivered. The first `known` of these transactions are known to be
    /// the first that were delivered at all.
    pub fn deliver(&mut self, known: usize, applied: &[(Zxid, T)]) {
        let common = self.delivered.len().min(applied.len());
        if self.delivered[known..common] != applied[known..common] {
            self.broken.prefix = true;
        } else if applied.len() > self.delivered.len() {
            let newest = self.newest.map_or(0, |(epoch, _)| epoch);
            let late = applied[common..].iter().any(|(zxid, _)| zxid.epoch() < newest);
            self.broken.primary_integrity |= late;
            self.delivered.extend_from_slice(&applied[common..]);
        }
    }

    /// A leader is established with this initial history, which it has delivered.
    pub fn establish(&mut self, epoch: Epoch, leader: usize, initial: &[(Zxid, T)]) {
        match self.newest {
            Some((newest, known)) if newest == epoch => self.broken.leadership |= known != leader,
            // A quorum's acknowledgements may reach a leader after they have gone on to the next.
            Some((newest, _)) if newest > epoch => {}
            _ => self.newest = Some((epoch, leader)),
        }
        // What of the delivered is missing was committed before and is lost to this primary.
        let initial = Sorted::of(initial);
        let missing = |txn: &&(Zxid, T)| txn.0.epoch() < epoch && initial.find(txn.0) != Some(txn);
        self.broken.primary_integrity |= self.delivered.iter().any(|txn| missing(&txn));
        for (zxid, _) in &self.proposed {
            if zxid.epoch() < epoch
                && initial.find(*zxid).is_none()
                && let Err(at) = self.discarded.binary_search(zxid)
            {
                self.discarded.insert(at, *zxid);
            }
        }
    }

    /// An established leader proposes.
    pub fn propose(&mut self, zxid: Zxid, txn: T) {
        let at = self.proposed.partition_point(|(z, _)| *z <= zxid);
        self.proposed.insert(at, (zxid, txn));
        if self.newest.is_some_and(|(newest, _)| newest > zxid.epoch()) {
            // A deposed leader that does not know it yet.
            self.discarded.insert(self.discarded.partition_point(|z| *z <= zxid), zxid);
        }
    }
}

/// A history to look zxids up in. Unless a rule is broken it is in their order.
struct Sorted<'a, T>(&'a [(Zxid, T)], bool);

impl<'a, T> Sorted<'a, T> {
    fn of(history: &'a [(Zxid, T)]) -> Self {
        Sorted(history, history.is_sorted_by_key(|(zxid, _)| *zxid))
    }

    fn find(&self, zxid: Zxid) -> Option<&'a (Zxid, T)> {
        if !self.1 {
            return self.0.iter().find(|(z, _)| *z == zxid);
        }
        self.0.binary_search_by_key(&zxid, |(z, _)| *z).ok().map(|at| &self.0[at])
    }
}
