//! A learner as ZooKeeper has it (`Learner.syncWithLeader`, `Follower`, `Observer`).

use std::collections::VecDeque;
use std::sync::Arc;

use quorate_core::ids::{Epoch, Link, ServerId, Zxid};
use quorate_core::timer::Timer;
use quorate_core::zab::Packet;
use quorate_core::{Input, Output, Reason, ZabState};

use super::flaws::Flaws;
use super::member::{Awaited, Context, Member, Outcome, RoleEnded};
use crate::byte::Byte;
use crate::world::disk::DiskOp;

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Learner {
    leader: ServerId,
    phase: Phase,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Phase {
    Dialing,
    Introduced(Link),
    Promising(Link, Epoch),
    Promised(Link, Epoch),
    Synchronizing(Link, Epoch, Synchronizing),
    Serving(Link, Epoch),
}

/// What `syncWithLeader` keeps.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Synchronizing {
    begun: Begun,
    newleader: NewLeader,
    /// Proposals that are not logged.
    proposed: VecDeque<(Zxid, Byte)>,
    /// What was said to be committed of that.
    committed: VecDeque<Zxid>,
    /// The last proposal.
    last: Option<Zxid>,
}

/// How the synchronisation began.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Begun {
    Diff,
    Trunc,
    Snap,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum NewLeader {
    Expected,
    Writing,
    Acked,
}

impl Learner {
    pub(super) fn begin(cx: &mut Context<'_>, leader: ServerId) -> Learner {
        cx.dials(leader);
        Learner { leader, phase: Phase::Dialing }
    }

    pub(super) fn leader(&self) -> ServerId {
        self.leader
    }

    pub(super) fn serves(&self) -> bool {
        matches!(self.phase, Phase::Serving(..))
    }

    pub(super) fn zab(&self) -> ZabState {
        match self.phase {
            Phase::Serving(..) => ZabState::Broadcast,
            Phase::Synchronizing(..) => ZabState::Synchronization,
            _ => ZabState::Discovery,
        }
    }

    pub(super) fn link(&self) -> Option<Link> {
        match self.phase {
            Phase::Dialing => None,
            Phase::Introduced(link) | Phase::Promising(link, _) | Phase::Promised(link, _) => Some(link),
            Phase::Synchronizing(link, ..) | Phase::Serving(link, _) => Some(link),
        }
    }

    /// Whether a server that leaves this role reads its state from its files again (`SyncMode`).
    pub(super) fn is_reloaded(&self, flaws: Flaws) -> bool {
        match &self.phase {
            Phase::Synchronizing(_, _, Synchronizing { begun, newleader: NewLeader::Expected, .. }) => {
                match begun {
                    Begun::Snap => true,
                    Begun::Trunc => !flaws.memory_outlives_sync,
                    Begun::Diff => false,
                }
            }
            _ => false,
        }
    }

    pub(super) fn step(&mut self, m: &mut Member, cx: &mut Context<'_>, input: Input<Byte>) -> Outcome {
        match input {
            Input::Up(link) => {
                let accepted_epoch = m.accepted_epoch;
                let introduction = if m.votes() {
                    Packet::FollowerInfo { accepted_epoch, config_version: 0 }
                } else {
                    Packet::ObserverInfo { accepted_epoch, config_version: 0 }
                };
                cx.send(link, introduction);
                self.phase = Phase::Introduced(link);
                Ok(())
            }
            Input::Accepted(link) => {
                cx.hangup(link, Reason::NotLeading);
                Ok(())
            }
            Input::Down(link) if self.link().is_none_or(|own| own == link) => Err(RoleEnded),
            Input::Packet(link, packet) if self.link() == Some(link) => self.packet(m, cx, link, packet),
            Input::Client(_, txn) => {
                if let Phase::Serving(link, _) = self.phase {
                    cx.send(link, Packet::Request(txn));
                }
                Ok(())
            }
            Input::Done(_) => {
                if let Some(awaited) = m.awaited.pop_front() {
                    self.done(m, cx, awaited);
                }
                Ok(())
            }
            Input::Alarm(Timer::PhaseLimit) if !self.serves() => Err(RoleEnded),
            _ => Ok(()),
        }
    }

    fn done(&mut self, m: &Member, cx: &mut Context<'_>, awaited: Awaited) {
        match (awaited, &mut self.phase) {
            (Awaited::AcceptedEpoch, Phase::Promising(link, epoch)) => {
                let (link, epoch) = (*link, *epoch);
                let current_epoch = Some(m.current_epoch);
                cx.send(link, Packet::AckEpoch { current_epoch, last_zxid: m.last_processed });
                self.phase = Phase::Promised(link, epoch);
            }
            (Awaited::CurrentEpoch, Phase::Synchronizing(link, epoch, sync)) => {
                sync.newleader = NewLeader::Acked;
                cx.send(*link, Packet::Ack { zxid: Zxid::new(*epoch, 0) });
            }
            // What an earlier role logged is of an earlier epoch; what is logged at NEWLEADER is committed,
            // and the leader does not wait for its acknowledgement.
            (Awaited::Logged(zxid), Phase::Serving(link, epoch)) if zxid.epoch() == *epoch && m.votes() => {
                cx.send(*link, Packet::Ack { zxid });
            }
            (Awaited::Logged(zxid), Phase::Synchronizing(link, epoch, _))
                if m.flaws.early_ack && zxid.epoch() == *epoch && m.votes() =>
            {
                cx.send(*link, Packet::Ack { zxid });
            }
            _ => {}
        }
    }

    fn packet(&mut self, m: &mut Member, cx: &mut Context<'_>, link: Link, packet: Packet<Byte>) -> Outcome {
        match (packet, &mut self.phase) {
            (Packet::LeaderInfo { epoch }, Phase::Introduced(_)) => {
                if epoch < m.accepted_epoch {
                    return Err(RoleEnded);
                }
                if epoch > m.accepted_epoch {
                    self.phase = Phase::Promising(link, epoch);
                    m.accept_epoch(cx, epoch);
                } else {
                    cx.send(link, Packet::AckEpoch { current_epoch: None, last_zxid: m.last_processed });
                    self.phase = Phase::Promised(link, epoch);
                }
            }
            (Packet::Diff { .. }, Phase::Promised(_, epoch)) => {
                self.phase = Phase::Synchronizing(link, *epoch, Synchronizing::begun(Begun::Diff));
            }
            (Packet::Trunc { zxid }, Phase::Promised(_, epoch)) => {
                self.phase = Phase::Synchronizing(link, *epoch, Synchronizing::begun(Begun::Trunc));
                truncate(m, cx, zxid);
            }
            (Packet::Snap { zxid, snapshot }, Phase::Promised(_, epoch)) => {
                self.phase = Phase::Synchronizing(link, *epoch, Synchronizing::begun(Begun::Snap));
                m.window = snapshot.len();
                m.tree = snapshot;
                m.last_processed = zxid;
            }
            (Packet::UpToDate, Phase::Synchronizing(_, epoch, sync)) => {
                let epoch = *epoch;
                cx.send(link, Packet::Ack { zxid: Zxid::new(epoch, 0) });
                cx.out.push(Output::CancelAlarm(Timer::PhaseLimit));
                let Synchronizing { proposed, committed, .. } = sync.clone();
                self.phase = Phase::Serving(link, epoch);
                proposed.into_iter().for_each(|(zxid, txn)| m.log(cx, zxid, txn));
                committed.into_iter().try_for_each(|zxid| commit(m, cx, link, zxid))?;
            }
            (packet, Phase::Synchronizing(_, epoch, sync)) => {
                let epoch = *epoch;
                return sync.packet(m, cx, link, epoch, packet);
            }
            (Packet::Proposal { zxid, txn }, Phase::Serving(..)) => m.log(cx, zxid, txn),
            (Packet::Commit { zxid }, Phase::Serving(..)) => return commit(m, cx, link, zxid),
            (Packet::Inform { zxid, txn }, Phase::Serving(..)) => {
                m.log(cx, zxid, txn);
                return commit(m, cx, link, zxid);
            }
            _ => return exits(cx, link, Reason::Unexpected),
        }
        Ok(())
    }
}

impl Synchronizing {
    fn begun(begun: Begun) -> Self {
        let (proposed, committed) = (VecDeque::new(), VecDeque::new());
        Synchronizing { begun, newleader: NewLeader::Expected, proposed, committed, last: None }
    }

    /// Whether transactions go to the log, not only to memory (`writeToTxnLog`).
    fn logs(&self) -> bool {
        self.begun == Begun::Diff || self.newleader != NewLeader::Expected
    }

    fn packet(
        &mut self,
        m: &mut Member,
        cx: &mut Context<'_>,
        link: Link,
        epoch: Epoch,
        packet: Packet<Byte>,
    ) -> Outcome {
        match packet {
            Packet::Proposal { zxid, txn } => return self.proposal(cx, link, zxid, txn),
            Packet::Commit { zxid } => self.commit(m, zxid),
            Packet::Inform { zxid, txn } => {
                self.proposal(cx, link, zxid, txn)?;
                self.commit(m, zxid);
            }
            Packet::NewLeader { epoch: new, .. } if new == epoch && self.newleader == NewLeader::Expected => {
                self.new_leader(m, cx, epoch);
            }
            _ => return exits(cx, link, Reason::Unexpected),
        }
        Ok(())
    }

    /// A proposal after a gap is refused (ZOOKEEPER-4925: since 3.9.4).
    fn proposal(&mut self, cx: &mut Context<'_>, link: Link, zxid: Zxid, txn: Byte) -> Outcome {
        if self.last.is_some_and(|last| !last.may_be_followed_by(zxid)) {
            return exits(cx, link, Reason::Gap);
        }
        self.last = Some(zxid);
        self.proposed.push_back((zxid, txn));
        Ok(())
    }

    /// Without a log to write to, what is committed is applied in memory if it is the next.
    fn commit(&mut self, m: &mut Member, zxid: Zxid) {
        if self.logs() {
            self.committed.push_back(zxid);
        } else if let Some(txn) = self.take_next(zxid) {
            m.apply(zxid, txn);
        }
    }

    /// The oldest proposal, if it is this one.
    fn take_next(&mut self, zxid: Zxid) -> Option<Byte> {
        self.proposed.front().filter(|(next, _)| *next == zxid)?;
        self.proposed.pop_front().map(|(_, txn)| txn)
    }

    fn new_leader(&mut self, m: &mut Member, cx: &mut Context<'_>, epoch: Epoch) {
        if self.begun != Begun::Diff {
            let replaces = !m.flaws.files_outlive_sync && self.begun == Begun::Snap;
            m.take_snapshot(cx, replaces);
        }
        self.newleader = NewLeader::Writing;
        if m.flaws.early_ack {
            m.enter_epoch(cx, epoch);
            self.proposed.drain(..).for_each(|(zxid, txn)| m.log(cx, zxid, txn));
            return;
        }
        while let Some(zxid) = self.committed.pop_front() {
            if let Some(txn) = self.take_next(zxid) {
                m.log(cx, zxid, txn);
                m.apply_next();
            }
        }
        m.enter_epoch(cx, epoch);
    }
}

/// The log is cut and the state is read anew; what a snapshot has stays in it, whatever it is called
/// afterwards.
fn truncate(m: &mut Member, cx: &mut Context<'_>, zxid: Zxid) {
    let files = cx.disk.settled();
    let in_snapshot = files.snapshot.as_ref().filter(|(stands, _)| *stands > zxid);
    let op = match in_snapshot {
        Some((_, state)) if !m.flaws.files_outlive_sync => {
            let kept = state.iter().filter(|(z, _)| *z <= zxid).copied().collect();
            DiskOp::Install(zxid, Arc::new(kept))
        }
        _ => DiskOp::Truncate(zxid),
    };
    m.write(cx, Awaited::Nothing, op);
    m.load(&cx.disk.settled());
    m.last_processed = zxid;
}

/// A commit that is not for the oldest proposal ends the process (`FollowerZooKeeperServer.commit`).
fn commit(m: &mut Member, cx: &mut Context<'_>, link: Link, zxid: Zxid) -> Outcome {
    match m.pending.front() {
        Some((next, _)) if *next == zxid => {
            m.apply_next();
            Ok(())
        }
        Some(_) => exits(cx, link, Reason::CommitOutOfOrder),
        None => Ok(()),
    }
}

/// The leader has said what ends a server's process; here its role.
fn exits(cx: &mut Context<'_>, link: Link, reason: Reason) -> Outcome {
    cx.hangup(link, reason);
    Err(RoleEnded)
}
