//! A server's disk: what is durable, and what has been asked for and is not durable yet.
//!
//! Fault model: operations become durable one after the other, in order; a crash leaves the effect of some
//! prefix of those that were pending. A torn record at the end of the log counts as not written (recovery
//! cuts it). A snapshot taken in the background is written beside the log, in its own time. So it may be on
//! disk before the log has what is in it. A crash leaves nothing of a snapshot that is not complete.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};

use quorate_core::ids::{Epoch, Ticket, Zxid};
use quorate_core::zab::SnapshotOf;
use quorate_core::{Output, Recovered};

use super::marked::Marked;
use crate::byte::Byte;

/// What survives a crash.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Durable<P: Marked = Byte> {
    /// `acceptedEpoch`.
    pub accepted_epoch: Epoch,
    /// `currentEpoch`.
    pub current_epoch: Epoch,
    /// The snapshot and where it stands.
    pub snapshot: Option<(Zxid, SnapshotOf<P>)>,
    /// The snapshot was written while transactions were applied: no truncation can take what is up to here
    /// out of it.
    pub reaches: Zxid,
    /// The log after it.
    pub log: Vec<(Zxid, P)>,
    /// What was here is gone, and nothing that a leader made complete has come in its place.
    pub lost: bool,
}

impl<P: Marked> Durable<P> {
    /// A new disk.
    pub fn empty() -> Self {
        Durable {
            accepted_epoch: 0,
            current_epoch: 0,
            snapshot: None,
            reaches: Zxid::ZERO,
            log: Vec::new(),
            lost: false,
        }
    }

    /// A disk in the place of one that is gone.
    pub fn lost() -> Self {
        Durable { lost: true, ..Durable::empty() }
    }

    /// The last transaction, in the log or in the snapshot.
    pub fn last(&self) -> Zxid {
        self.log.last().map_or(self.base(), |(z, _)| *z)
    }

    /// Where the snapshot stands.
    fn base(&self) -> Zxid {
        self.snapshot.as_ref().map_or(Zxid::ZERO, |(z, _)| *z)
    }

    /// Everything that is here, in order.
    pub fn history(&self) -> Vec<(Zxid, P::Mark)> {
        let base = self.snapshot.iter().flat_map(|(_, state)| P::listed(state).iter().copied());
        base.chain(self.log.iter().map(|(zxid, txn)| (*zxid, txn.mark()))).collect()
    }

    /// What a process that starts now reads.
    pub fn recovered(&self) -> Recovered<P> {
        Recovered {
            accepted_epoch: self.accepted_epoch,
            current_epoch: self.current_epoch,
            snapshot: self.snapshot.clone(),
            reaches: self.reaches,
            entries: self.log.iter().cloned().collect(),
            trusted: !self.lost,
        }
    }
}

/// A storage operation.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum DiskOp<P: Marked = Byte> {
    /// Write at the end of the log.
    Append(Zxid, P),
    /// Drop what comes after.
    Truncate(Zxid),
    /// Replace snapshot and log.
    Install(Zxid, SnapshotOf<P>),
    /// Write a snapshot beside what is there, as ZooKeeper does. What comes after it in the log is kept. The
    /// snapshot of the latest name is the one that is read.
    Save(Zxid, SnapshotOf<P>),
    /// Write `acceptedEpoch`.
    Accepted(Epoch),
    /// Write `currentEpoch`.
    Current(Epoch),
}

/// A disk.
///
/// Two disks that differ only in how many operations went before are the same state.
#[derive(Clone, Debug)]
pub struct Disk<P: Marked = Byte> {
    /// What survives a crash.
    pub durable: Durable<P>,
    /// What does not, oldest first.
    pub pending: VecDeque<DiskOp<P>>,
    /// The snapshot that is being written beside the log.
    pub snapshot: Option<(Zxid, SnapshotOf<P>)>,
    first: u64,
}

type Parts<'a, P> = (&'a Durable<P>, &'a VecDeque<DiskOp<P>>, &'a Option<(Zxid, SnapshotOf<P>)>);

impl<P: Marked> Disk<P> {
    /// A disk with these contents.
    pub fn new(durable: Durable<P>) -> Self {
        Disk { durable, pending: VecDeque::new(), snapshot: None, first: 0 }
    }

    /// Take a storage output.
    pub fn accept(&mut self, output: Output<P>) {
        let (ticket, op) = match output {
            Output::TakeSnapshot(zxid, state) => {
                assert!(self.snapshot.is_none(), "one at a time");
                self.snapshot = Some((zxid, state));
                return;
            }
            Output::Append(t, zxid, txn) => (t, DiskOp::Append(zxid, txn)),
            Output::Truncate(t, zxid) => (t, DiskOp::Truncate(zxid)),
            Output::InstallSnapshot(t, zxid, state) => (t, DiskOp::Install(zxid, state)),
            Output::SaveAcceptedEpoch(t, epoch) => (t, DiskOp::Accepted(epoch)),
            Output::SaveCurrentEpoch(t, epoch) => (t, DiskOp::Current(epoch)),
            other => unreachable!("not a storage output: {other:?}"),
        };
        assert_eq!(ticket.0, self.first + self.pending.len() as u64, "tickets count operations");
        self.pending.push_back(op);
    }

    /// One more operation, of a server that behaves as ZooKeeper does.
    pub(super) fn push(&mut self, op: DiskOp<P>) {
        self.pending.push_back(op);
    }

    /// What will be here when everything that is pending is durable.
    pub(super) fn settled(&self) -> Durable<P> {
        let mut disk = self.clone();
        for _ in 0..disk.pending.len() {
            disk.sync();
        }
        disk.durable
    }

    /// Make the oldest operation durable. The second value tells whether an epoch went back.
    pub fn sync(&mut self) -> (Ticket, bool) {
        let op = self.pending.pop_front().expect("something is pending");
        let before = (self.durable.accepted_epoch, self.durable.current_epoch);
        match op {
            // What a snapshot already has is not read from the log.
            DiskOp::Append(zxid, txn) => {
                if zxid > self.durable.base() {
                    self.durable.log.push((zxid, txn));
                }
            }
            DiskOp::Truncate(zxid) => self.durable.log.retain(|(z, _)| *z <= zxid),
            DiskOp::Install(zxid, state) => {
                self.durable.snapshot = Some((zxid, state));
                self.durable.reaches = Zxid::ZERO;
                self.durable.log.clear();
            }
            DiskOp::Save(zxid, state) => {
                if zxid >= self.durable.base() {
                    self.durable.snapshot = Some((zxid, state));
                    self.durable.log.retain(|(z, _)| *z > zxid);
                }
            }
            DiskOp::Accepted(epoch) => self.durable.accepted_epoch = epoch,
            DiskOp::Current(epoch) => {
                self.durable.current_epoch = epoch;
                self.durable.lost = false;
            }
        }
        let ticket = Ticket(self.first);
        self.first += 1;
        let backwards = self.durable.accepted_epoch < before.0 || self.durable.current_epoch < before.1;
        (ticket, backwards)
    }

    /// The snapshot that is being written is complete.
    pub fn finish_snapshot(&mut self) {
        let (zxid, state) = self.snapshot.take().expect("one is being written");
        // A leader's state may have been installed since.
        if zxid > self.durable.base() {
            self.durable.snapshot = Some((zxid, state));
            self.durable.reaches = Zxid::ZERO;
            self.durable.log.retain(|(z, _)| *z > zxid);
        }
    }

    /// The process died with `kept` of the pending operations done.
    pub fn crash(&mut self, kept: usize) {
        for _ in 0..kept {
            self.sync();
        }
        self.pending.clear();
        self.snapshot = None;
        self.first = 0;
    }
}

impl<P: Marked> Disk<P> {
    /// What makes a difference.
    fn parts(&self) -> Parts<'_, P> {
        (&self.durable, &self.pending, &self.snapshot)
    }
}

impl<P: Marked> PartialEq for Disk<P> {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl<P: Marked> Eq for Disk<P> {}

impl<P: Marked> Hash for Disk<P> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}
