//! What a server that behaves as ZooKeeper does has in every role: state, log, epochs.

use std::collections::VecDeque;
use std::sync::Arc;

use quorate_core::config::{Constant, PeerConfig};
use quorate_core::ids::{Epoch, Link, ServerId, Zxid};
use quorate_core::timer::{Delay, Timer};
use quorate_core::zab::Packet;
use quorate_core::{Output, Reason};

use super::flaws::Flaws;
use crate::byte::{Applied, Byte};
use crate::world::disk::{Disk, DiskOp, Durable};

/// What a storage operation that is not durable yet is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Awaited {
    Logged(Zxid),
    AcceptedEpoch,
    CurrentEpoch,
    Nothing,
}

/// Everything but the role.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Member {
    pub(super) config: Constant<PeerConfig<Byte>>,
    pub(super) flaws: Flaws,
    pub(super) accepted_epoch: Epoch,
    pub(super) current_epoch: Epoch,
    /// The transactions in the state.
    pub(super) tree: Applied,
    /// Where the state is said to stand.
    pub(super) last_processed: Zxid,
    /// committedLog is what the state lists from here on.
    pub(super) window: usize,
    /// Logged, or on its way to the log, and not applied.
    pub(super) pending: VecDeque<(Zxid, Byte)>,
    pub(super) awaited: VecDeque<Awaited>,
}

/// What a role does with its server, and what leaves it.
pub(super) struct Context<'a> {
    pub(super) out: &'a mut Vec<Output<Byte>>,
    pub(super) disk: &'a mut Disk,
}

impl Context<'_> {
    pub(super) fn send(&mut self, link: Link, packet: Packet<Byte>) {
        self.out.push(Output::Send(link, packet));
    }

    pub(super) fn dials(&mut self, leader: ServerId) {
        self.out.push(Output::SetAlarm(Timer::PhaseLimit, Delay::InitLimit));
        self.out.push(Output::Dial(leader));
    }

    pub(super) fn hangup(&mut self, link: Link, reason: Reason) {
        self.out.push(Output::Hangup(link, reason));
    }
}

/// The role is over: the server looks for a leader.
pub(super) struct RoleEnded;

pub(super) type Outcome = Result<(), RoleEnded>;

/// What the snapshot and the log come to: a record that is there twice is applied once.
pub(super) fn replayed(disk: &Durable) -> Vec<(Zxid, Byte)> {
    let mut state: Vec<(Zxid, Byte)> = Vec::new();
    for txn in disk.history() {
        if !state.contains(&txn) {
            state.push(txn);
        }
    }
    state
}

impl Member {
    /// The state is what these files make: the newest snapshot, then the log after it.
    pub(super) fn load(&mut self, disk: &Durable) {
        let snapshot = disk.snapshot.as_ref();
        self.window = snapshot.map_or(0, |(_, state)| state.len());
        self.tree = Arc::new(replayed(disk));
        self.last_processed = disk.last();
    }

    pub(super) fn write(&mut self, cx: &mut Context<'_>, awaited: Awaited, op: DiskOp) {
        self.awaited.push_back(awaited);
        cx.disk.push(op);
    }

    pub(super) fn accept_epoch(&mut self, cx: &mut Context<'_>, epoch: Epoch) {
        self.accepted_epoch = epoch;
        self.write(cx, Awaited::AcceptedEpoch, DiskOp::Accepted(epoch));
    }

    pub(super) fn enter_epoch(&mut self, cx: &mut Context<'_>, epoch: Epoch) {
        self.current_epoch = epoch;
        self.write(cx, Awaited::CurrentEpoch, DiskOp::Current(epoch));
    }

    /// A transaction goes to the log; it is applied later.
    pub(super) fn log(&mut self, cx: &mut Context<'_>, zxid: Zxid, txn: Byte) {
        self.pending.push_back((zxid, txn));
        self.write(cx, Awaited::Logged(zxid), DiskOp::Append(zxid, txn));
    }

    /// The oldest that is logged and not applied is applied.
    pub(super) fn apply_next(&mut self) -> Option<(Zxid, Byte)> {
        let (zxid, txn) = self.pending.pop_front()?;
        self.apply(zxid, txn);
        Some((zxid, txn))
    }

    pub(super) fn apply(&mut self, zxid: Zxid, txn: Byte) {
        Arc::make_mut(&mut self.tree).push((zxid, txn));
        self.last_processed = zxid;
    }

    /// A snapshot of the state, named after where it is said to stand.
    pub(super) fn take_snapshot(&mut self, cx: &mut Context<'_>, in_place_of_everything: bool) {
        let (zxid, state) = (self.last_processed, Arc::clone(&self.tree));
        let op =
            if in_place_of_everything { DiskOp::Install(zxid, state) } else { DiskOp::Save(zxid, state) };
        self.write(cx, Awaited::Nothing, op);
    }

    /// The first and the last zxid of committedLog.
    pub(super) fn committed_range(&self) -> (Zxid, Zxid) {
        let listed = &self.tree[self.window..];
        match (listed.first(), listed.last()) {
            (Some((min, _)), Some((max, _))) => (*min, *max),
            _ => (self.last_processed, self.last_processed),
        }
    }

    pub(super) fn votes(&self) -> bool {
        self.config.membership.is_voter(self.config.id)
    }
}
