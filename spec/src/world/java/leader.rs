//! A leader as ZooKeeper has it (`Leader`, `LearnerHandler`).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use quorate_core::ids::{Epoch, Link, ServerId, Zxid};
use quorate_core::timer::{Delay, Timer};
use quorate_core::zab::Packet;
use quorate_core::{Input, LearnerStatus, Output, Reason, ZabState};

use super::member::{Awaited, Context, Member, Outcome, RoleEnded};
use crate::byte::Byte;

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Leader {
    phase: Phase,
    handlers: BTreeMap<ServerId, Handler>,
    /// Which servers have acknowledged each outstanding proposal, oldest first.
    acks: VecDeque<BTreeSet<ServerId>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Phase {
    Discovery,
    Promising(Epoch),
    Epoch(Epoch),
    Synchronization { epoch: Epoch, own: bool },
    Broadcast(Epoch),
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Handler {
    link: Link,
    voter: bool,
    stage: Stage,
}

/// How far the thread of one learner has come.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Stage {
    Connected,
    Introduced(Epoch),
    EpochSent,
    EpochAcked {
        counts: bool,
        last: Zxid,
    },
    Synchronized,
    /// Has answered NEWLEADER: whether with its acknowledgement.
    Answered(bool),
    InService(bool),
}

impl Handler {
    fn forwarding(&self) -> bool {
        matches!(self.stage, Stage::Synchronized | Stage::Answered(_) | Stage::InService(_))
    }

    /// Whether its acknowledgement of NEWLEADER counts.
    fn acknowledged(&self) -> bool {
        self.voter && matches!(self.stage, Stage::Answered(true) | Stage::InService(true))
    }
}

impl Leader {
    /// Before anything else the whole state becomes a snapshot (`ZooKeeperServer.loadData`).
    pub(super) fn begin(m: &mut Member, cx: &mut Context<'_>) -> Leader {
        m.take_snapshot(cx, false);
        cx.out.push(Output::SetAlarm(Timer::PhaseLimit, Delay::InitLimit));
        Leader { phase: Phase::Discovery, handlers: BTreeMap::new(), acks: VecDeque::new() }
    }

    pub(super) fn established(&self) -> Option<Epoch> {
        match self.phase {
            Phase::Broadcast(epoch) => Some(epoch),
            _ => None,
        }
    }

    pub(super) fn zab(&self) -> ZabState {
        match self.phase {
            Phase::Broadcast(_) => ZabState::Broadcast,
            Phase::Synchronization { .. } => ZabState::Synchronization,
            _ => ZabState::Discovery,
        }
    }

    pub(super) fn links(&self) -> impl Iterator<Item = Link> + '_ {
        self.handlers.values().map(|handler| handler.link)
    }

    pub(super) fn learners(&self) -> Vec<LearnerStatus> {
        let status = |(id, h): (&ServerId, &Handler)| LearnerStatus {
            id: *id,
            voter: h.voter,
            in_service: matches!(h.stage, Stage::InService(_)),
        };
        self.handlers.iter().map(status).collect()
    }

    pub(super) fn step(&mut self, m: &mut Member, cx: &mut Context<'_>, input: Input<Byte>) -> Outcome {
        match input {
            Input::Accepted(link) => {
                let handler = Handler { link, voter: false, stage: Stage::Connected };
                if let Some(old) = self.handlers.insert(link.server, handler) {
                    cx.hangup(old.link, Reason::Replaced);
                }
                if !m.flaws.stale_acks {
                    self.acks.iter_mut().for_each(|acks| {
                        acks.remove(&link.server);
                    });
                }
                self.check_quorum(m)
            }
            Input::Up(link) => {
                cx.hangup(link, Reason::NotLeading);
                Ok(())
            }
            Input::Down(link) => {
                if self.handlers.get(&link.server).is_some_and(|handler| handler.link == link) {
                    self.handlers.remove(&link.server);
                }
                self.check_quorum(m)
            }
            Input::Packet(link, packet) => {
                let stage = self.handlers.get(&link.server).filter(|h| h.link == link).map(|h| h.stage);
                match stage {
                    Some(stage) => self.packet(m, cx, link, stage, packet),
                    None => Ok(()),
                }
            }
            Input::Client(_, txn) => {
                self.propose(m, cx, txn);
                Ok(())
            }
            Input::Done(_) => match (m.awaited.pop_front(), self.phase) {
                (Some(Awaited::AcceptedEpoch), Phase::Promising(epoch)) => {
                    self.epoch_promised(m, cx, epoch);
                    Ok(())
                }
                (Some(Awaited::CurrentEpoch), Phase::Synchronization { epoch, .. }) => {
                    self.phase = Phase::Synchronization { epoch, own: true };
                    self.check_established(m, cx);
                    Ok(())
                }
                (Some(Awaited::Logged(zxid)), _) => {
                    self.acked(m, cx, m.config.id, zxid);
                    Ok(())
                }
                _ => Ok(()),
            },
            Input::Alarm(Timer::PhaseLimit) if self.established().is_none() => Err(RoleEnded),
            Input::Alarm(Timer::Liveness) => Err(RoleEnded),
            _ => Ok(()),
        }
    }

    fn packet(
        &mut self,
        m: &mut Member,
        cx: &mut Context<'_>,
        link: Link,
        stage: Stage,
        packet: Packet<Byte>,
    ) -> Outcome {
        match (packet, stage) {
            (Packet::FollowerInfo { accepted_epoch, .. }, Stage::Connected) => {
                self.introduced(m, cx, link, accepted_epoch);
            }
            (Packet::ObserverInfo { accepted_epoch, .. }, Stage::Connected) => {
                self.introduced(m, cx, link, accepted_epoch);
            }
            (Packet::AckEpoch { current_epoch, last_zxid }, Stage::EpochSent) => {
                return self.epoch_acked(m, cx, link, current_epoch, last_zxid);
            }
            // One packet is awaited: if it is another acknowledgement this follower is not counted
            // (ZOOKEEPER-4685).
            (Packet::Ack { zxid }, Stage::Synchronized) => {
                let epoch = self.epoch().expect("an epoch was chosen");
                self.set(link, Stage::Answered(zxid == Zxid::new(epoch, 0)));
                match self.phase {
                    Phase::Broadcast(_) => self.put_in_service(cx, link.server),
                    _ => self.check_established(m, cx),
                }
            }
            (Packet::Ack { zxid }, Stage::Answered(_) | Stage::InService(_)) => {
                self.acked(m, cx, link.server, zxid);
            }
            (Packet::Request(txn), Stage::InService(_)) => self.propose(m, cx, txn),
            _ => {
                self.handlers.remove(&link.server);
                cx.hangup(link, Reason::Unexpected);
                return self.check_quorum(m);
            }
        }
        Ok(())
    }

    fn epoch(&self) -> Option<Epoch> {
        match self.phase {
            Phase::Discovery => None,
            Phase::Promising(epoch) | Phase::Epoch(epoch) | Phase::Broadcast(epoch) => Some(epoch),
            Phase::Synchronization { epoch, .. } => Some(epoch),
        }
    }

    fn set(&mut self, link: Link, stage: Stage) {
        self.handlers.get_mut(&link.server).expect("the packet's learner").stage = stage;
    }

    /// Whether a quorum, this server among it, has a handler like this.
    fn quorum(&self, m: &Member, has: impl Fn(&Handler) -> bool) -> bool {
        m.config.membership.is_quorum(|id| id == m.config.id || self.handlers.get(&id).is_some_and(&has))
    }

    /// A learner has introduced itself: `getEpochToPropose`.
    fn introduced(&mut self, m: &mut Member, cx: &mut Context<'_>, link: Link, accepted: Epoch) {
        let handler = self.handlers.get_mut(&link.server).expect("the packet's learner");
        handler.voter = m.config.membership.is_voter(link.server);
        handler.stage = Stage::Introduced(accepted);
        match self.phase {
            Phase::Discovery => {
                let voter = |h: &Handler| h.voter && matches!(h.stage, Stage::Introduced(_));
                if !self.quorum(m, voter) {
                    return;
                }
                let claimed = self.handlers.values().filter_map(|h| match h.stage {
                    Stage::Introduced(accepted) if h.voter => Some(accepted),
                    _ => None,
                });
                let epoch = claimed.fold(m.accepted_epoch, Epoch::max) + 1;
                self.phase = Phase::Promising(epoch);
                m.accept_epoch(cx, epoch);
            }
            Phase::Promising(_) => {}
            Phase::Epoch(epoch) | Phase::Broadcast(epoch) | Phase::Synchronization { epoch, .. } => {
                self.set(link, Stage::EpochSent);
                cx.send(link, Packet::LeaderInfo { epoch });
            }
        }
    }

    fn epoch_promised(&mut self, m: &mut Member, cx: &mut Context<'_>, epoch: Epoch) {
        self.phase = Phase::Epoch(epoch);
        for handler in self.handlers.values_mut() {
            if matches!(handler.stage, Stage::Introduced(_)) {
                handler.stage = Stage::EpochSent;
                cx.send(handler.link, Packet::LeaderInfo { epoch });
            }
        }
        self.check_epoch_quorum(m, cx);
    }

    /// `waitForEpochAck`: a learner that comes later is not compared.
    fn epoch_acked(
        &mut self,
        m: &mut Member,
        cx: &mut Context<'_>,
        link: Link,
        current: Option<Epoch>,
        last: Zxid,
    ) -> Outcome {
        if !matches!(self.phase, Phase::Epoch(_)) {
            self.synchronize(m, cx, link.server, last);
            return Ok(());
        }
        if current.is_some_and(|current| (current, last) > (m.current_epoch, m.last_processed)) {
            self.handlers.remove(&link.server);
            cx.hangup(link, Reason::AheadOfLeader);
            return Ok(());
        }
        self.set(link, Stage::EpochAcked { counts: current.is_some(), last });
        self.check_epoch_quorum(m, cx);
        Ok(())
    }

    fn check_epoch_quorum(&mut self, m: &mut Member, cx: &mut Context<'_>) {
        let Phase::Epoch(epoch) = self.phase else { return };
        if !self.quorum(m, |h| h.voter && matches!(h.stage, Stage::EpochAcked { counts: true, .. })) {
            return;
        }
        self.phase = Phase::Synchronization { epoch, own: false };
        m.enter_epoch(cx, epoch);
        let waiting = self.handlers.iter().filter_map(|(id, h)| match h.stage {
            Stage::EpochAcked { last, .. } => Some((*id, last)),
            _ => None,
        });
        for (id, last) in waiting.collect::<Vec<_>>() {
            self.synchronize(m, cx, id, last);
        }
    }

    /// `syncFollower`, then `startForwarding`, then NEWLEADER.
    fn synchronize(&mut self, m: &Member, cx: &mut Context<'_>, id: ServerId, last: Zxid) {
        let epoch = self.epoch().expect("an epoch was chosen");
        let handler = self.handlers.get_mut(&id).expect("a connected learner");
        let link = handler.link;
        let (begin, after) = plan(m, last);
        cx.send(link, begin);
        let listed = &m.tree[m.window..];
        for (zxid, txn) in listed.iter().filter(|(zxid, _)| *zxid > after) {
            cx.send(link, Packet::Proposal { zxid: *zxid, txn: *txn });
            cx.send(link, Packet::Commit { zxid: *zxid });
        }
        if handler.voter {
            for (zxid, txn) in m.pending.iter().filter(|(zxid, _)| *zxid > after) {
                cx.send(link, Packet::Proposal { zxid: *zxid, txn: *txn });
            }
        }
        cx.send(link, Packet::NewLeader { epoch, config: m.config.membership.text.clone() });
        handler.stage = Stage::Synchronized;
    }

    /// A quorum has acknowledged NEWLEADER, the leader itself among it (`waitForNewLeaderAck`,
    /// `startZkServer`).
    fn check_established(&mut self, m: &mut Member, cx: &mut Context<'_>) {
        let Phase::Synchronization { epoch, own: true } = self.phase else { return };
        if !self.quorum(m, Handler::acknowledged) {
            return;
        }
        self.phase = Phase::Broadcast(epoch);
        m.last_processed = Zxid::new(epoch, 0);
        cx.out.push(Output::CancelAlarm(Timer::PhaseLimit));
        cx.out.push(Output::SetAlarm(Timer::Liveness, Delay::Tick));
        for id in self.handlers.keys().copied().collect::<Vec<_>>() {
            self.put_in_service(cx, id);
        }
    }

    fn put_in_service(&mut self, cx: &mut Context<'_>, id: ServerId) {
        let handler = self.handlers.get_mut(&id).expect("a connected learner");
        if let Stage::Answered(counted) = handler.stage {
            handler.stage = Stage::InService(counted);
            cx.send(handler.link, Packet::UpToDate);
        }
    }

    fn propose(&mut self, m: &mut Member, cx: &mut Context<'_>, txn: Byte) {
        if self.established().is_none() {
            return;
        }
        let before = m.pending.back().map_or(m.last_processed, |(zxid, _)| *zxid);
        let zxid = before.next().expect("counters do not end here");
        m.log(cx, zxid, txn);
        self.acks.push_back(BTreeSet::new());
        for handler in self.handlers.values().filter(|h| h.voter && h.forwarding()) {
            cx.send(handler.link, Packet::Proposal { zxid, txn });
        }
    }

    /// `processAck`, `tryToCommit`: each proposal counts its own acknowledgements, and commits go in order.
    fn acked(&mut self, m: &mut Member, cx: &mut Context<'_>, from: ServerId, zxid: Zxid) {
        let Some(at) = m.pending.iter().position(|(proposed, _)| *proposed == zxid) else { return };
        if let Some(acks) = self.acks.get_mut(at) {
            acks.insert(from);
        }
        while self.acks.front().is_some_and(|acks| m.config.membership.is_quorum(|id| acks.contains(&id))) {
            self.acks.pop_front();
            let (zxid, txn) = m.apply_next().expect("a proposal for its acknowledgements");
            for handler in self.handlers.values().filter(|h| h.forwarding()) {
                let packet =
                    if handler.voter { Packet::Commit { zxid } } else { Packet::Inform { zxid, txn } };
                cx.send(handler.link, packet);
            }
        }
    }

    fn check_quorum(&self, m: &Member) -> Outcome {
        let alive = self.established().is_none() || self.quorum(m, Handler::acknowledged);
        if alive { Ok(()) } else { Err(RoleEnded) }
    }
}

/// How a learner is brought up to date, and after which zxid what is listed follows.
fn plan(m: &Member, peer: Zxid) -> (Packet<Byte>, Zxid) {
    let (min, max) = m.committed_range();
    let start_of_epoch = peer.counter() == 0;
    // Then nothing that is listed follows.
    let snap = || {
        let packet = Packet::Snap { zxid: m.last_processed, snapshot: Arc::clone(&m.tree) };
        (packet, m.last_processed.max(max))
    };
    if peer == m.last_processed {
        return (Packet::Diff { zxid: peer }, peer.max(max));
    }
    if peer > max && !start_of_epoch {
        return (Packet::Trunc { zxid: max }, max);
    }
    if peer < min || peer > max {
        return snap();
    }
    let listed = &m.tree[m.window..];
    let next = listed.partition_point(|(zxid, _)| *zxid < peer);
    match listed.get(next) {
        Some((zxid, _)) if *zxid == peer || start_of_epoch => (Packet::Diff { zxid: max }, peer),
        Some((zxid, _)) if zxid.epoch() != peer.epoch() => snap(),
        Some(_) => (Packet::Trunc { zxid: listed[next - 1].0 }, peer),
        None => snap(),
    }
}
