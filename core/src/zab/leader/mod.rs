//! The leader: discovery of a new epoch, synchronisation of the learners, broadcast.
//!
//! Phases are those of the Zab paper (DSN'11 §IV); the order of writes and messages is that of ZooKeeper's
//! `Leader` and `LearnerHandler`, except where that loses data: NEWLEADER of this server counts only after
//! its own epoch is on disk, commits are held back from a learner between NEWLEADER and UPTODATE
//! (ZOOKEEPER-4394), and an acknowledgement of a proposal is remembered while NEWLEADER's is awaited
//! (ZOOKEEPER-4685).

mod broadcast;
mod discovery;
mod liveness;
mod synchronization;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use super::cached::Cached;
use super::learner_handler::{LearnerHandler, Promise, Stage};
use super::member::{Context, Member, RoleEnded};
use super::packet::{Packet, RequestOf, SnapshotOf};
use super::rules;
use crate::ids::{ConnId, Epoch, Link, Now, ServerId, SessionId, Zxid};
use crate::input::ClientOf;
use crate::output::{Output, Reason};
use crate::payload::{Origin, Payload, Service};
use crate::rename::{Names, Rename};
use crate::storage::Awaited;
use crate::timer::{Delay, Timer};

/// What a leader knows besides its own history.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Leader<P: Payload> {
    phase: Phase,
    learners: BTreeMap<ServerId, LearnerHandler>,
    /// What learners ask while much waits for this server's own disk, oldest first.
    parked: VecDeque<(Link, RequestOf<P>)>,
    /// `sync` requests and the proposal each waits for.
    syncs: VecDeque<(Zxid, Origin, RequestOf<P>)>,
    /// Answers to what observers ask about sessions, and the proposal each waits for.
    revalidations: VecDeque<(Zxid, Link, (SessionId, bool))>,
    /// The initial history as a state, for the learners that are sent it before it is applied.
    initial: Cached<SnapshotOf<P>>,
    /// It may serve up to this time (see [`lease`](crate::zab::lease)), milliseconds of its clock.
    lease: u64,
    /// It has served for so long that it may make way for a later epoch (see `introduced`).
    settled: bool,
    /// While it is not established: voters that look for a leader though they helped to elect this one.
    looking: BTreeSet<ServerId>,
    /// At the last tick no quorum could come.
    hopeless: bool,
}

/// How many ticks a learner must have been silent before another connection in its name takes its place.
const TAKEOVER_TICKS: u32 = 2;

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

impl Phase {
    /// The epoch, once this server has promised it.
    fn promised(self) -> Option<Epoch> {
        match self {
            Phase::Discovery | Phase::Promising(_) => None,
            Phase::Epoch(epoch) | Phase::Synchronization { epoch, .. } | Phase::Broadcast(epoch) => {
                Some(epoch)
            }
        }
    }
}

type Outcome = Result<(), RoleEnded>;

impl<P: Payload> Leader<P> {
    /// Panics if a leader's phase contradicts what it has promised and established.
    pub(crate) fn check_invariants(&self, m: &Member<P>) {
        let Some(epoch) = self.phase.promised() else { return };
        assert!(m.accepted_epoch == epoch, "a leader has promised its own epoch");
        if matches!(self.phase, Phase::Broadcast(_)) {
            assert!(m.current_epoch == epoch, "an established leader has its own history");
        }
    }

    pub(crate) fn start(m: &mut Member<P>, cx: &mut Context<'_, P>) -> Self {
        let mut leader = Leader {
            phase: Phase::Discovery,
            learners: BTreeMap::new(),
            parked: VecDeque::new(),
            syncs: VecDeque::new(),
            revalidations: VecDeque::new(),
            initial: Cached::default(),
            lease: 0,
            settled: false,
            looking: BTreeSet::new(),
            hopeless: false,
        };
        cx.out.push(Output::SetAlarm(Timer::PhaseLimit, Delay::InitLimit));
        cx.out.push(Output::SetAlarm(Timer::Liveness, Delay::Tick));
        leader.choose_epoch(m, cx);
        leader
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

    /// What learners have asked that waits for this server's disk.
    pub(crate) fn parked(&self) -> usize {
        self.parked.len()
    }

    /// Every connected learner.
    pub(crate) fn learners(&self) -> &BTreeMap<ServerId, LearnerHandler> {
        &self.learners
    }

    pub(crate) fn accepted(&mut self, m: &Member<P>, cx: &mut Context<'_, P>, link: Link) -> Outcome {
        if rules::liveness::refuses_newcomer(&m.config, self.is_with(link.server)) {
            cx.hangup(link, Reason::AlreadyConnected);
            return Ok(());
        }
        self.looking.remove(&link.server);
        // What it asked over an earlier connection it has forgotten.
        self.forget_asked(link.server);
        if let Some(old) = self.learners.insert(link.server, LearnerHandler::new(link, cx.now)) {
            cx.hangup(old.link, Reason::Replaced);
            self.check_quorum(m)?;
        }
        Ok(())
    }

    /// Whether a connection with this learner is alive: whoever else comes in its name has to wait.
    pub(crate) fn is_with(&self, learner: ServerId) -> bool {
        self.learners.get(&learner).is_some_and(|l| l.silent < TAKEOVER_TICKS)
    }

    pub(crate) fn down(&mut self, m: &Member<P>, link: Link) -> Outcome {
        if self.learners.get(&link.server).is_some_and(|l| l.link == link) {
            if rules::liveness::lost_learner_counts(&m.config) {
                return Ok(());
            }
            self.learners.remove(&link.server);
            if rules::liveness::loss_is_checked(&m.config) {
                self.check_quorum(m)?;
            }
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
        if !rules::liveness::is_current(&m.config, learner, link) {
            return Ok(());
        }
        learner.silent = 0;
        match packet {
            Packet::FollowerInfo { .. } if !m.membership.is_voter(link.server) => {
                self.drop_learner(m, cx, link, Reason::NotInConfig)
            }
            Packet::FollowerInfo { accepted_epoch, .. } if learner.stage == Stage::Connected => {
                learner.voter = true;
                self.introduced(m, cx, link, accepted_epoch)
            }
            Packet::ObserverInfo { accepted_epoch, .. } if learner.stage == Stage::Connected => {
                self.introduced(m, cx, link, accepted_epoch)
            }
            Packet::AckEpoch { current_epoch, last_zxid } if learner.stage == Stage::EpochSent => {
                self.epoch_acked(m, cx, link, Promise { current: current_epoch, last: last_zxid })
            }
            Packet::Ack { zxid } if learner.forwarding() => self.acked(m, cx, link, zxid),
            Packet::Request(request) if learner.in_service() => self.asked(m, cx, link, request),
            Packet::Ping { touches, .. } if learner.forwarding() => {
                let counts_from = |sent| rules::liveness::ping_counts_from(&m.config, sent, cx.now);
                let news = learner.loyalty.answered(counts_from);
                if news && rules::liveness::renews_lease(&m.config, learner) {
                    self.renew_lease(m);
                }
                self.within_lease(m, cx)?;
                m.service.touch(cx.now, &touches);
                Ok(())
            }
            Packet::Revalidate(touch) if learner.in_service() => {
                let waits_for = rules::broadcast::revalidation_waits_for(m, learner.voter);
                let valid = m.service.revalidate(cx.now, touch, Origin::Learner(link));
                let answer = (touch.session, valid);
                let Some(zxid) = waits_for else {
                    self.answer_revalidation(m, cx, link, answer);
                    return Ok(());
                };
                self.revalidations.push_back((zxid, link, answer));
                self.keep(m, cx, link, 0)
            }
            _ => self.drop_learner(m, cx, link, Reason::Unexpected),
        }
    }

    /// Everything that had arrived from a learner when this was last said is read.
    pub(crate) fn all_read(&mut self, now: Now, link: Link) {
        if let Some(learner) = self.learners.get_mut(&link.server).filter(|l| l.link == link) {
            learner.arrivals.all_read(now);
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
        m.service.has_up_to(m.history.last());
        m.service.client(cx.now, conn, event, &mut effects);
        self.carry_out(m, cx, effects)
    }

    pub(crate) fn done(&mut self, m: &mut Member<P>, cx: &mut Context<'_, P>, awaited: Awaited) -> Outcome {
        match (awaited, self.phase) {
            (Awaited::AcceptedEpoch(epoch), Phase::Promising(chosen)) if epoch == chosen => {
                self.epoch_promised(m, cx, epoch)
            }
            (Awaited::CurrentEpoch(written), Phase::Synchronization { epoch, .. }) if written == epoch => {
                self.phase = Phase::Synchronization { epoch, own: true };
                self.check_established(m, cx)
            }
            (awaited, Phase::Broadcast(_)) => {
                if let Awaited::Logged(_) = awaited {
                    self.commit_what_can_be(m, cx)?;
                }
                self.take_up_parked(m, cx)
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn alarm(&mut self, m: &mut Member<P>, cx: &mut Context<'_, P>, timer: Timer) -> Outcome {
        match timer {
            Timer::PhaseLimit if self.established().is_none() => Err(RoleEnded),
            Timer::PhaseLimit => {
                self.settled = true;
                Ok(())
            }
            Timer::Liveness => self.check_liveness(m, cx),
            Timer::Ping => {
                let zxid = m.history.last();
                for learner in self.learners.values_mut().filter(|l| l.forwarding()) {
                    if learner.in_service() && !learner.loyalty.asked(cx.now) {
                        // The next look at who is silent finds it.
                        learner.silent = u32::MAX;
                        continue;
                    }
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

    /// Close a learner's connection: it broke a rule, or was silent.
    fn drop_learner(
        &mut self,
        m: &Member<P>,
        cx: &mut Context<'_, P>,
        link: Link,
        reason: Reason,
    ) -> Outcome {
        self.learners.remove(&link.server);
        cx.hangup(link, reason);
        self.check_quorum(m)
    }
}

impl<P: Payload> Rename for Leader<P> {
    fn rename(&self, names: Names<'_>) -> Self {
        let revalidation =
            |(zxid, link, answer): &(Zxid, Link, (SessionId, bool))| (*zxid, link.rename(names), *answer);
        let sync = |(zxid, origin, request): &(Zxid, Origin, RequestOf<P>)| {
            (*zxid, origin.rename(names), request.clone())
        };
        Leader {
            phase: self.phase,
            parked: self.parked.iter().map(|(link, request)| (link.rename(names), request.clone())).collect(),
            learners: self.learners.rename(names),
            syncs: self.syncs.iter().map(sync).collect(),
            revalidations: self.revalidations.iter().map(revalidation).collect(),
            initial: self.initial.clone(),
            lease: self.lease,
            settled: self.settled,
            looking: self.looking.iter().map(|id| names(*id)).collect(),
            hopeless: self.hopeless,
        }
    }
}
