//! The leader: discovery of a new epoch, synchronisation of the learners, broadcast.
//!
//! Phases are those of the Zab paper (DSN'11 §IV); the order of writes and messages is that of
//! ZooKeeper's `Leader` and `LearnerHandler`, except where that loses data: NEWLEADER of this server counts only after its own epoch is on disk, commits are held
//! back from a learner between NEWLEADER and UPTODATE (ZOOKEEPER-4394), and an acknowledgement of a
//! proposal is remembered while NEWLEADER's is awaited (ZOOKEEPER-4685).

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use super::learner_handler::{LearnerHandler, Stage};
use super::member::{Context, EffectsOf, Member, RoleEnded};
use super::packet::{Packet, RequestOf};
use super::sync_plan::{SyncPlan, sync_plan};
use crate::ids::{ConnId, Epoch, Link, ServerId, Zxid};
use crate::input::ClientOf;
use crate::mutation::mutated;
use crate::output::{Output, Reason};
use crate::payload::{Effect, Origin, Payload, RequestKind, Service, ServingRole};
use crate::storage::Awaited;
use crate::timer::{Delay, Timer};

/// Liveness checks a learner may spend being synchronised before it is given up.
const PATIENCE: u8 = 40;

/// What a leader knows besides its own history.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Leader<P: Payload> {
    phase: Phase,
    learners: BTreeMap<ServerId, LearnerHandler>,
    /// `sync` requests and the proposal each waits for.
    syncs: VecDeque<(Zxid, Origin, RequestOf<P>)>,
}

/// A leader's phase.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Phase {
    /// Waits for a quorum to introduce itself.
    Discovery,
    /// The new epoch is chosen and being written.
    Promising(Epoch),
    /// Waits for a quorum to promise the new epoch.
    Epoch(Epoch),
    /// Waits for a quorum to have the initial history.
    Synchronization {
        epoch: Epoch,
        /// Whether this server's own currentEpoch is on disk.
        own: bool,
    },
    /// Orders writes.
    Broadcast(Epoch),
}

type Outcome = Result<(), RoleEnded>;

impl<P: Payload> Leader<P> {
    pub(crate) fn start(m: &mut Member<P>, cx: &mut Context<'_, P>) -> Result<Self, RoleEnded> {
        let mut leader =
            Leader { phase: Phase::Discovery, learners: BTreeMap::new(), syncs: VecDeque::new() };
        cx.out.push(Output::SetAlarm(Timer::PhaseLimit, Delay::InitLimit));
        leader.choose_epoch(m, cx)?;
        Ok(leader)
    }

    /// The epoch, once this leader is established.
    pub(crate) fn established(&self) -> Option<Epoch> {
        match self.phase {
            Phase::Broadcast(epoch) => Some(epoch),
            _ => None,
        }
    }

    /// The epoch it works for, once chosen.
    pub(crate) fn epoch(&self) -> Option<Epoch> {
        match self.phase {
            Phase::Discovery => None,
            Phase::Promising(e) | Phase::Epoch(e) | Phase::Broadcast(e) => Some(e),
            Phase::Synchronization { epoch, .. } => Some(epoch),
        }
    }

    /// Whether a quorum is still being discovered.
    pub(crate) fn discovering(&self) -> bool {
        matches!(self.phase, Phase::Discovery | Phase::Promising(_) | Phase::Epoch(_))
    }

    /// `sync` requests that wait for an outstanding proposal.
    pub(crate) fn pending_syncs(&self) -> usize {
        self.syncs.len()
    }

    /// Every connected learner.
    pub(crate) fn learners(&self) -> &BTreeMap<ServerId, LearnerHandler> {
        &self.learners
    }

    pub(crate) fn accepted(&mut self, m: &Member<P>, cx: &mut Context<'_, P>, link: Link) -> Outcome {
        if link.server == m.config.id {
            cx.hangup(link, Reason::NotInConfig);
            return Ok(());
        }
        let handler = LearnerHandler::new(link, false, PATIENCE);
        if let Some(old) = self.learners.insert(link.server, handler) {
            cx.hangup(old.link, Reason::Replaced);
            self.check_quorum(m)?;
        }
        Ok(())
    }

    pub(crate) fn down(&mut self, m: &Member<P>, link: Link) -> Outcome {
        if self.learners.get(&link.server).is_some_and(|l| l.link == link) {
            self.learners.remove(&link.server);
            self.check_quorum(m)?;
        }
        Ok(())
    }

    pub(crate) fn packet(
        &mut self,
        m: &mut Member<P>,
        cx: &mut Context<'_, P>,
        link: Link,
        packet: Packet<P>,
    ) -> Outcome {
        let Some(learner) = self.learners.get_mut(&link.server) else { return Ok(()) };
        if learner.link != link && !mutated!(m.config, OldGenerationAccepted) {
            return Ok(());
        }
        learner.heard = true;
        match packet {
            Packet::FollowerInfo { .. } if !m.config.is_voter(link.server) => {
                self.learners.remove(&link.server);
                cx.hangup(link, Reason::NotInConfig);
                Ok(())
            }
            Packet::FollowerInfo { accepted_epoch, .. } if learner.stage == Stage::Connected => {
                learner.voter = true;
                self.introduced(m, cx, link, accepted_epoch)
            }
            Packet::ObserverInfo { accepted_epoch, .. } if learner.stage == Stage::Connected => {
                self.introduced(m, cx, link, accepted_epoch)
            }
            Packet::AckEpoch { current_epoch, last_zxid } if learner.stage == Stage::EpochSent => {
                self.epoch_acked(m, cx, link, current_epoch, last_zxid)
            }
            Packet::Ack { zxid } if learner.forwarding() => self.acked(m, cx, link.server, zxid),
            Packet::Request(request) if learner.in_service() => {
                self.request(m, cx, request, Origin::Learner(link))
            }
            Packet::Ping { touches, .. } if learner.forwarding() => {
                m.service.touch(cx.now, &touches);
                Ok(())
            }
            Packet::Revalidate(touch) if learner.in_service() => {
                let valid = m.service.revalidate(cx.now, touch, Origin::Learner(link));
                cx.send(link, Packet::Revalidated { session: touch.session, valid });
                Ok(())
            }
            _ => {
                self.learners.remove(&link.server);
                cx.hangup(link, Reason::Unexpected);
                self.check_quorum(m)
            }
        }
    }

    pub(crate) fn client(
        &mut self,
        m: &mut Member<P>,
        cx: &mut Context<'_, P>,
        conn: ConnId,
        event: ClientOf<P>,
    ) -> Outcome {
        let mut effects = Vec::new();
        m.service.client(cx.now, conn, event, &mut effects);
        self.carry_out(m, cx, effects)
    }

    pub(crate) fn done(&mut self, m: &mut Member<P>, cx: &mut Context<'_, P>, awaited: Awaited) -> Outcome {
        match (awaited, self.phase) {
            (Awaited::AcceptedEpoch(epoch), Phase::Promising(chosen)) if epoch == chosen => {
                self.phase = Phase::Epoch(epoch);
                for learner in self.learners.values_mut() {
                    if matches!(learner.stage, Stage::Introduced { .. }) {
                        learner.stage = Stage::EpochSent;
                        cx.send(learner.link, Packet::LeaderInfo { epoch });
                    }
                }
                self.check_epoch_quorum(m, cx)
            }
            (Awaited::CurrentEpoch(written), Phase::Synchronization { epoch, .. }) if written == epoch => {
                self.phase = Phase::Synchronization { epoch, own: true };
                self.check_established(m, cx)
            }
            (Awaited::Logged(_), Phase::Broadcast(_)) => self.commit_what_can_be(m, cx),
            _ => Ok(()),
        }
    }

    pub(crate) fn alarm(&mut self, m: &mut Member<P>, cx: &mut Context<'_, P>, timer: Timer) -> Outcome {
        match timer {
            Timer::PhaseLimit if self.established().is_none() => Err(RoleEnded),
            Timer::Liveness => self.check_liveness(m, cx),
            Timer::Ping => {
                let zxid = m.history.last();
                for learner in self.learners.values().filter(|l| l.forwarding()) {
                    cx.send(learner.link, Packet::Ping { zxid, touches: Vec::new() });
                }
                cx.out.push(Output::SetAlarm(Timer::Ping, Delay::HalfTick));
                Ok(())
            }
            Timer::SessionExpiry => {
                cx.out.push(Output::SetAlarm(Timer::SessionExpiry, Delay::Tick));
                let mut effects = Vec::new();
                m.service.expire(cx.now, &mut effects);
                self.carry_out(m, cx, effects)
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn stop(self, cx: &mut Context<'_, P>) {
        for learner in self.learners.values() {
            cx.hangup(learner.link, Reason::RoleEnded);
        }
        for timer in [Timer::PhaseLimit, Timer::Liveness, Timer::Ping, Timer::SessionExpiry] {
            cx.out.push(Output::CancelAlarm(timer));
        }
    }

    // --- discovery -----------------------------------------------------------------------------

    fn introduced(
        &mut self,
        m: &mut Member<P>,
        cx: &mut Context<'_, P>,
        link: Link,
        accepted: Epoch,
    ) -> Outcome {
        let learner = self.learners.get_mut(&link.server).expect("the packet's learner");
        learner.stage = Stage::Introduced { accepted };
        match self.phase {
            Phase::Discovery => self.choose_epoch(m, cx),
            Phase::Promising(_) => Ok(()),
            Phase::Epoch(epoch) | Phase::Synchronization { epoch, .. } | Phase::Broadcast(epoch) => {
                if learner.voter && accepted > epoch {
                    // It promised a later epoch to a leader that did not make it and can only join
                    // a still later one: let there be one, even if the next quorum is without it.
                    m.accept_epoch(accepted, cx);
                    return Err(RoleEnded);
                }
                learner.stage = Stage::EpochSent;
                cx.send(link, Packet::LeaderInfo { epoch });
                Ok(())
            }
        }
    }

    /// A quorum has introduced itself: the new epoch is later than any it has promised.
    fn choose_epoch(&mut self, m: &mut Member<P>, cx: &mut Context<'_, P>) -> Outcome {
        let introduced = |id: &ServerId| match self.learners.get(id) {
            Some(LearnerHandler { voter: true, stage: Stage::Introduced { accepted }, .. }) => {
                Some(*accepted)
            }
            _ => None,
        };
        if !m.config.is_quorum(|id| id == m.config.id || introduced(&id).is_some()) {
            return Ok(());
        }
        let latest = self.learners.keys().filter_map(introduced).fold(m.accepted_epoch, Epoch::max);
        let epoch = if mutated!(m.config, EpochIsMax) {
            latest.max(1)
        } else {
            latest.checked_add(1).ok_or(RoleEnded)?
        };
        self.phase = Phase::Promising(epoch);
        m.accept_epoch(epoch, cx);
        Ok(())
    }

    fn epoch_acked(
        &mut self,
        m: &mut Member<P>,
        cx: &mut Context<'_, P>,
        link: Link,
        current: Option<Epoch>,
        last: Zxid,
    ) -> Outcome {
        if matches!(self.phase, Phase::Epoch(_)) {
            let ahead = current.is_some_and(|c| (c, last) > (m.current_epoch, m.history.last()));
            if ahead && !mutated!(m.config, AheadFollowerIgnored) {
                self.learners.remove(&link.server);
                cx.hangup(link, Reason::AheadOfLeader);
                return Ok(());
            }
            let learner = self.learners.get_mut(&link.server).expect("the packet's learner");
            learner.stage = Stage::EpochAcked { current, last };
            self.check_epoch_quorum(m, cx)
        } else {
            self.synchronize(m, cx, link.server, last);
            Ok(())
        }
    }

    /// A quorum has promised the epoch and none of it is ahead: this server's history is the
    /// epoch's initial history.
    fn check_epoch_quorum(&mut self, m: &mut Member<P>, cx: &mut Context<'_, P>) -> Outcome {
        let Phase::Epoch(epoch) = self.phase else { return Ok(()) };
        let promised = |id: ServerId| {
            id == m.config.id
                || self
                    .learners
                    .get(&id)
                    .is_some_and(|l| l.voter && matches!(l.stage, Stage::EpochAcked { current: Some(_), .. }))
        };
        if !m.config.is_quorum(promised) {
            return Ok(());
        }
        self.phase = Phase::Synchronization { epoch, own: false };
        m.enter_epoch(epoch, cx);
        let waiting: Vec<(ServerId, Zxid)> = self
            .learners
            .iter()
            .filter_map(|(id, l)| match l.stage {
                Stage::EpochAcked { last, .. } => Some((*id, last)),
                _ => None,
            })
            .collect();
        for (id, last) in waiting {
            self.synchronize(m, cx, id, last);
        }
        if mutated!(m.config, UpToDateBeforeQuorum) {
            return self.establish(m, cx, epoch);
        }
        Ok(())
    }

    // --- synchronisation -----------------------------------------------------------------------

    /// Send a learner what it lacks. From here on it gets every proposal: one that joins
    /// between proposal and acknowledgement must miss none.
    fn synchronize(&mut self, m: &mut Member<P>, cx: &mut Context<'_, P>, id: ServerId, last: Zxid) {
        let epoch = self.epoch().expect("an epoch was promised");
        // Everything before the epoch is its initial history: told as committed, because
        // ZooKeeper's learners put only what is committed on disk before they acknowledge
        // NEWLEADER; nobody applies it before UPTODATE.
        let committed = m.applied_for_clients(epoch);
        let initial = self.established().is_none();
        let learner = self.learners.get_mut(&id).expect("a connected learner");
        let link = learner.link;
        // What an established leader has not committed yet is proposed again: a ZooKeeper follower
        // matches COMMITs only with proposals of its own connection.
        let applied = m.history.applied();
        let again = !initial && last > applied && m.history.passes(last) && applied.counter() > 0;
        let plan = if again { SyncPlan::Trunc { to: applied } } else { sync_plan(&m.history, last) };
        let from = match plan {
            SyncPlan::Diff { after } => {
                cx.send(link, Packet::Diff { zxid: m.history.last().min(committed) });
                after
            }
            SyncPlan::Trunc { to } => {
                cx.send(link, Packet::Trunc { zxid: to });
                to
            }
            SyncPlan::Snap if initial && m.history.applied() < m.history.last() => {
                let zxid = Zxid::new(epoch, 0);
                cx.send(link, Packet::Snap { zxid, snapshot: m.whole_state(cx.now) });
                m.history.last()
            }
            SyncPlan::Snap => {
                let zxid = m.applied_for_clients(epoch);
                cx.send(link, Packet::Snap { zxid, snapshot: m.service.snapshot() });
                m.history.applied()
            }
        };
        for (zxid, txn) in m.history.after(from) {
            let is_committed = *zxid <= committed;
            if is_committed || learner.voter {
                cx.send(link, Packet::Proposal { zxid: *zxid, txn: txn.clone() });
            }
            if is_committed {
                cx.send(link, Packet::Commit { zxid: *zxid });
            }
        }
        cx.send(link, Packet::NewLeader { epoch });
        learner.stage = Stage::Synchronizing { committed, acked: Zxid::ZERO };
    }

    fn acked(&mut self, m: &mut Member<P>, cx: &mut Context<'_, P>, id: ServerId, zxid: Zxid) -> Outcome {
        let epoch = self.epoch().expect("an epoch was promised");
        let learner = self.learners.get_mut(&id).expect("the packet's learner");
        if zxid == Zxid::new(epoch, 0) {
            // NEWLEADER; the same number again acknowledges UPTODATE and means nothing new.
            let Stage::Synchronizing { committed, acked } = learner.stage else { return Ok(()) };
            learner.stage = Stage::Synchronized { committed, acked };
            return match self.phase {
                Phase::Broadcast(_) => {
                    self.put_in_service(m, cx, id);
                    self.commit_what_can_be(m, cx)
                }
                _ => self.check_established(m, cx),
            };
        }
        if zxid > m.history.last() {
            let link = learner.link;
            self.learners.remove(&id);
            cx.hangup(link, Reason::Unexpected);
            return self.check_quorum(m);
        }
        if zxid.epoch() != epoch {
            return Ok(());
        }
        match &mut learner.stage {
            Stage::Synchronizing { acked, .. }
            | Stage::Synchronized { acked, .. }
            | Stage::InService { acked } => {
                *acked = (*acked).max(zxid);
            }
            _ => {}
        }
        self.commit_what_can_be(m, cx)
    }

    fn check_established(&mut self, m: &mut Member<P>, cx: &mut Context<'_, P>) -> Outcome {
        let Phase::Synchronization { epoch, own } = self.phase else { return Ok(()) };
        let has = |id: ServerId| {
            if id == m.config.id { own } else { self.voter_is(id, LearnerHandler::has_initial_history) }
        };
        if m.config.is_quorum(has) { self.establish(m, cx, epoch) } else { Ok(()) }
    }

    /// A quorum has the initial history on disk: it is committed, serve.
    fn establish(&mut self, m: &mut Member<P>, cx: &mut Context<'_, P>, epoch: Epoch) -> Outcome {
        self.phase = Phase::Broadcast(epoch);
        let effects = m.apply_to(m.history.last().max(Zxid::new(epoch, 0)), cx);
        self.carry_out(m, cx, effects)?;
        cx.out.push(Output::CancelAlarm(Timer::PhaseLimit));
        cx.out.push(Output::SetAlarm(Timer::Liveness, Delay::HalfSyncLimit));
        cx.out.push(Output::SetAlarm(Timer::Ping, Delay::HalfTick));
        cx.out.push(Output::SetAlarm(Timer::SessionExpiry, Delay::Tick));
        let ready: Vec<ServerId> =
            self.learners.iter().filter(|(_, l)| l.has_initial_history()).map(|(id, _)| *id).collect();
        for id in ready {
            self.put_in_service(m, cx, id);
        }
        let mut effects = Vec::new();
        m.service.serve(cx.now, ServingRole::Leader, m.applied_for_clients(epoch), &mut effects);
        self.carry_out(m, cx, effects)
    }

    /// UPTODATE, then the commits that were held back.
    fn put_in_service(&mut self, m: &Member<P>, cx: &mut Context<'_, P>, id: ServerId) {
        let learner = self.learners.get_mut(&id).expect("a connected learner");
        let Stage::Synchronized { committed, acked } = learner.stage else { return };
        learner.stage = Stage::InService { acked };
        cx.send(learner.link, Packet::UpToDate);
        for (zxid, txn) in m.history.after(committed).take_while(|(z, _)| *z <= m.history.applied()) {
            cx.send(learner.link, committed_packet(learner.voter, *zxid, txn));
        }
    }

    // --- broadcast -----------------------------------------------------------------------------

    fn request(
        &mut self,
        m: &mut Member<P>,
        cx: &mut Context<'_, P>,
        request: RequestOf<P>,
        origin: Origin,
    ) -> Outcome {
        let Some(epoch) = self.established() else { return Ok(()) };
        match P::Service::kind(&request) {
            RequestKind::Sync => {
                let last = m.history.last();
                if last == m.history.applied() {
                    self.answer_sync(m, cx, origin, &request)
                } else {
                    self.syncs.push_back((last, origin, request));
                    Ok(())
                }
            }
            RequestKind::Write => {
                // An exhausted counter ends the epoch: the next leader begins a new one.
                let zxid = m.history.last().max(Zxid::new(epoch, 0)).next().ok_or(RoleEnded)?;
                let txn = m.service.prepare(cx.now, zxid, &request, origin);
                m.append(zxid, txn.clone(), cx).expect("the next zxid follows the last one");
                let only_in_service = mutated!(m.config, ProposalOnlyInService);
                for learner in self.learners.values() {
                    if learner.voter && learner.forwarding() && (!only_in_service || learner.in_service()) {
                        cx.send(learner.link, Packet::Proposal { zxid, txn: txn.clone() });
                    }
                }
                self.commit_what_can_be(m, cx)
            }
        }
    }

    /// Commit, in order, every proposal that a quorum has on disk.
    fn commit_what_can_be(&mut self, m: &mut Member<P>, cx: &mut Context<'_, P>) -> Outcome {
        if self.established().is_none() {
            return Ok(());
        }
        while let Some(zxid) = m.history.oldest_unapplied() {
            let has = |id: ServerId| {
                if id == m.config.id {
                    m.history.logged() >= zxid
                } else {
                    self.voter_is(id, |l| l.has(zxid))
                }
            };
            let enough = if mutated!(m.config, CommitOnMinority) {
                m.config.voters().any(has)
            } else {
                m.config.is_quorum(has)
            };
            if !enough {
                break;
            }
            let txn =
                m.history.after(m.history.applied()).next().map(|(_, t)| t.clone()).expect("it is listed");
            for learner in self.learners.values().filter(|l| l.in_service()) {
                cx.send(learner.link, committed_packet(learner.voter, zxid, &txn));
            }
            let effects = m.apply_to(zxid, cx);
            self.carry_out(m, cx, effects)?;
            while self.syncs.front().is_some_and(|(waits_for, ..)| *waits_for <= zxid) {
                let (_, origin, request) = self.syncs.pop_front().expect("there is a front");
                self.answer_sync(m, cx, origin, &request)?;
            }
        }
        if self.learners.values().all(|l| l.in_service() || !l.forwarding()) {
            m.history.trim(m.config.commit_log_count);
        }
        Ok(())
    }

    fn answer_sync(
        &mut self,
        m: &mut Member<P>,
        cx: &mut Context<'_, P>,
        origin: Origin,
        request: &RequestOf<P>,
    ) -> Outcome {
        match origin {
            Origin::Learner(link) => {
                if self.learners.get(&link.server).is_some_and(|l| l.link == link) {
                    cx.send(link, Packet::Sync);
                }
                Ok(())
            }
            Origin::Local => {
                let mut effects = Vec::new();
                m.service.synced(cx.now, request, &mut effects);
                self.carry_out(m, cx, effects)
            }
        }
    }

    /// What the service of a leader wants done.
    fn carry_out(&mut self, m: &mut Member<P>, cx: &mut Context<'_, P>, effects: EffectsOf<P>) -> Outcome {
        for effect in effects {
            match effect {
                Effect::Reply(conn, reply) => cx.out.push(Output::Reply(conn, reply)),
                Effect::Close(conn) => cx.out.push(Output::CloseClient(conn)),
                Effect::Submit(request) => self.request(m, cx, request, Origin::Local)?,
                Effect::Revalidate(touch) => {
                    let valid = m.service.revalidate(cx.now, touch, Origin::Local);
                    let mut effects = Vec::new();
                    m.service.revalidated(cx.now, touch.session, valid, &mut effects);
                    self.carry_out(m, cx, effects)?;
                }
            }
        }
        Ok(())
    }

    // --- liveness ------------------------------------------------------------------------------

    /// Who was silent since the last check is dropped; a leader without a quorum steps down
    /// (recovery rule 1).
    fn check_liveness(&mut self, m: &Member<P>, cx: &mut Context<'_, P>) -> Outcome {
        cx.out.push(Output::SetAlarm(Timer::Liveness, Delay::HalfSyncLimit));
        self.learners.retain(|_, learner| {
            let alive = if learner.in_service() {
                core::mem::take(&mut learner.heard)
            } else {
                learner.patience -= 1;
                learner.patience > 0
            };
            if !alive {
                cx.hangup(learner.link, Reason::Silent);
            }
            alive
        });
        self.check_quorum(m)
    }

    /// An established leader needs a quorum that has its history and is connected.
    fn check_quorum(&self, m: &Member<P>) -> Outcome {
        if self.established().is_none() || mutated!(m.config, LeadsWithoutQuorum) {
            return Ok(());
        }
        let with_me =
            |id: ServerId| id == m.config.id || self.voter_is(id, LearnerHandler::has_initial_history);
        if m.config.is_quorum(with_me) { Ok(()) } else { Err(RoleEnded) }
    }

    fn voter_is(&self, id: ServerId, what: impl Fn(&LearnerHandler) -> bool) -> bool {
        self.learners.get(&id).is_some_and(|l| l.voter && what(l))
    }
}

fn committed_packet<P: Payload>(voter: bool, zxid: Zxid, txn: &P) -> Packet<P> {
    if voter { Packet::Commit { zxid } } else { Packet::Inform { zxid, txn: txn.clone() } }
}
