//! Synchronisation: every learner is brought to the leader's history; a quorum that has it on disk
//! establishes the leader.

use alloc::vec::Vec;

use super::{Leader, Outcome, Phase};
use crate::ids::{Epoch, Link, ServerId, Zxid};
use crate::mutation::mutated;
use crate::output::{Output, Reason};
use crate::payload::{Payload, Service, ServingRole};
use crate::timer::{Delay, Timer};
use crate::zab::learner_handler::{LearnerHandler, Promise, Stage};
use crate::zab::member::{Context, Member};
use crate::zab::packet::Packet;
use crate::zab::sync_plan::{SyncPlan, sync_plan};

impl<P: Payload> Leader<P> {
    /// Send a learner what it lacks. From here on it gets every proposal: one that joins
    /// between proposal and acknowledgement must miss none.
    pub(super) fn synchronize(
        &mut self,
        m: &mut Member<P>,
        cx: &mut Context<'_, P>,
        id: ServerId,
        promise: Promise,
    ) {
        let Promise { current, last } = promise;
        let epoch = self.epoch().expect("an epoch was promised");
        // Everything before the epoch is its initial history: told as committed, because
        // ZooKeeper's learners put only what is committed on disk before they acknowledge
        // NEWLEADER; nobody applies it before UPTODATE.
        let committed = if mutated!(m.config, UncommittedSentAsCommitted) {
            m.history.last().max(Zxid::new(epoch, 0))
        } else {
            m.applied_for_clients(epoch)
        };
        let initial = self.established().is_none();
        let learner = self.learners.get_mut(&id).expect("a connected learner");
        let link = learner.link;
        // What an established leader has not committed yet is proposed again: a ZooKeeper follower matches
        // COMMITs only with proposals of its own connection, and serves all that its log had when it
        // connected. Where there is no transaction to truncate to, a state takes the place of the log.
        let applied = m.history.applied();
        let kept = applied.counter() == 0 && mutated!(m.config, TailKeptWithoutBase);
        let again = !initial && last > applied && m.history.passes(last) && !kept;
        let window_ignored = mutated!(m.config, WindowIgnored) && last < m.history.base();
        let plan = if mutated!(m.config, SyncAlwaysDiff) || window_ignored {
            SyncPlan::Diff { after: last }
        } else if again {
            if applied.counter() > 0 { SyncPlan::Trunc { to: applied } } else { SyncPlan::Snap }
        } else if last == Zxid::ZERO
            && current.is_none()
            && m.history.last() > Zxid::ZERO
            && !mutated!(m.config, ReplacedByNothing)
        {
            // A learner that says nothing of its epoch may have more than nothing: only a whole state takes
            // its place.
            SyncPlan::Snap
        } else {
            sync_plan(&m.history, last, committed, m.diff_limit(), m.config.max_txn)
        };
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
                let snapshot = if mutated!(m.config, SnapWithoutTail) {
                    m.service.snapshot()
                } else {
                    self.initial.get_or_insert_with(|| m.whole_state(cx.now)).clone()
                };
                // The start of this epoch would be the name of an established history.
                let premature = mutated!(m.config, SnapLabelledEstablished);
                let zxid = if premature { Zxid::new(epoch, 0) } else { m.history.last() };
                cx.send(link, Packet::Snap { zxid, snapshot });
                m.history.last()
            }
            SyncPlan::Snap => {
                let late = mutated!(m.config, SnapLabelledLate);
                let stands = if late { m.history.last() } else { m.history.applied() };
                let premature = mutated!(m.config, SnapLabelledEstablished);
                let zxid = if initial && !premature { stands } else { stands.max(Zxid::new(epoch, 0)) };
                cx.send(link, Packet::Snap { zxid, snapshot: m.service.snapshot() });
                stands
            }
        };
        let holes = usize::from(mutated!(m.config, DiffWithHole));
        let newleader_first = mutated!(m.config, NewLeaderBeforeHistory);
        if newleader_first {
            cx.send(link, Packet::NewLeader { epoch, config: m.membership.text.clone() });
        }
        for (zxid, txn) in m.history.after(from).skip(holes) {
            let is_committed = *zxid <= committed;
            if is_committed || learner.voter {
                cx.send(link, Packet::Proposal { zxid: *zxid, txn: txn.clone() });
            }
            if is_committed {
                cx.send(link, Packet::Commit { zxid: *zxid });
            }
        }
        if !newleader_first {
            cx.send(link, Packet::NewLeader { epoch, config: m.membership.text.clone() });
        }
        learner.stage = Stage::Synchronizing { committed, acked: Zxid::ZERO };
    }

    pub(super) fn acked(
        &mut self,
        m: &mut Member<P>,
        cx: &mut Context<'_, P>,
        link: Link,
        zxid: Zxid,
    ) -> Outcome {
        let epoch = self.epoch().expect("an epoch was promised");
        let learner = self.learners.get_mut(&link.server).expect("the packet's learner");
        let taken_for_it = mutated!(m.config, ProposalAckForNewLeader)
            && matches!(learner.stage, Stage::Synchronizing { .. });
        if zxid == Zxid::new(epoch, 0) || taken_for_it {
            // NEWLEADER; the same number again acknowledges UPTODATE and means nothing new.
            let Stage::Synchronizing { committed, acked } = learner.stage else { return Ok(()) };
            learner.stage = Stage::Synchronized { committed, acked };
            return match self.phase {
                Phase::Broadcast(_) => {
                    self.put_in_service(m, cx, link.server);
                    self.commit_what_can_be(m, cx)
                }
                _ => self.check_established(m, cx),
            };
        }
        if zxid > m.history.last() {
            return self.drop_learner(m, cx, link, Reason::Unexpected);
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

    pub(super) fn check_established(&mut self, m: &mut Member<P>, cx: &mut Context<'_, P>) -> Outcome {
        let Phase::Synchronization { epoch, own } = self.phase else { return Ok(()) };
        let has = |id: ServerId| {
            if id == m.config.id {
                own || mutated!(m.config, OwnHistoryNotAwaited)
            } else {
                self.voter_is(id, LearnerHandler::has_initial_history)
            }
        };
        let enough = if mutated!(m.config, EstablishedAtHalf) {
            m.membership.voters().filter(|id| has(*id)).count() * 2 >= m.membership.voters().count()
        } else if mutated!(m.config, ObserverSynchronizedCounts) {
            let synchronized = self.learners.values().filter(|l| l.has_initial_history()).count();
            (synchronized + usize::from(own)) * 2 > m.membership.voters().count()
        } else {
            m.membership.is_quorum(has)
        };
        if enough { self.establish(m, cx, epoch) } else { Ok(()) }
    }

    /// A quorum has the initial history on disk: it is committed, serve.
    pub(super) fn establish(&mut self, m: &mut Member<P>, cx: &mut Context<'_, P>, epoch: Epoch) -> Outcome {
        self.phase = Phase::Broadcast(epoch);
        self.initial.clear();
        if !mutated!(m.config, InitialHistoryNotCommitted) {
            let effects = m.apply_to(m.history.last().max(Zxid::new(epoch, 0)), cx);
            self.carry_out(m, cx, effects)?;
        }
        m.trim();
        self.looking.clear();
        self.extend_phase(cx);
        cx.out.push(Output::SetAlarm(Timer::SessionExpiry, Delay::Tick));
        let ready: Vec<ServerId> =
            self.learners.iter().filter(|(_, l)| l.has_initial_history()).map(|(id, _)| *id).collect();
        for id in ready {
            self.put_in_service(m, cx, id);
        }
        self.renew_lease(m);
        let mut effects = Vec::new();
        m.service.serve(cx.now, ServingRole::Leader, m.applied_for_clients(epoch), &mut effects);
        self.carry_out(m, cx, effects)
    }

    /// UPTODATE, then the commits that were held back: they are of this epoch, whose counters have
    /// no holes.
    pub(super) fn put_in_service(&mut self, m: &Member<P>, cx: &mut Context<'_, P>, id: ServerId) {
        let learner = self.learners.get_mut(&id).expect("a connected learner");
        let Stage::Synchronized { committed, acked } = learner.stage else { return };
        learner.stage = Stage::InService { acked };
        learner.loyalty.begin(learner.arrivals.since());
        cx.send(learner.link, Packet::UpToDate);
        if !learner.voter || mutated!(m.config, HeldCommitsForgotten) {
            return;
        }
        for zxid in committed.0 + 1..=m.history.applied().0 {
            cx.send(learner.link, Packet::Commit { zxid: Zxid(zxid) });
        }
    }
}
