//! Synchronisation: every learner is brought to the leader's history; a quorum that has it on disk
//! establishes the leader.

use alloc::vec::Vec;

use super::{Leader, Outcome, Phase};
use crate::ids::{Epoch, Link, ServerId, Zxid};
use crate::output::{Output, Reason};
use crate::payload::{Payload, Service, ServingRole};
use crate::timer::{Delay, Timer};
use crate::zab::learner_handler::{Promise, Stage};
use crate::zab::member::{Context, Member};
use crate::zab::packet::Packet;
use crate::zab::rules::quorum;
use crate::zab::rules::synchronization as rules;
use crate::zab::sync_plan::SyncPlan;

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
        let epoch = self.epoch().expect("an epoch was promised");
        let initial = self.established().is_none();
        let committed = rules::told_as_committed(m, epoch);
        let learner = self.learners.get_mut(&id).expect("a connected learner");
        let link = learner.link;
        let from = match rules::plan(m, promise, committed, initial) {
            SyncPlan::Diff { after } => {
                cx.send(link, Packet::Diff { zxid: m.history.last().min(committed) });
                after
            }
            SyncPlan::Trunc { to } => {
                cx.send(link, Packet::Trunc { zxid: to });
                to
            }
            SyncPlan::Snap => {
                let snapshot = if rules::state_needs_tail(m, initial) {
                    self.initial.get_or_insert_with(|| m.whole_state(cx.now)).clone()
                } else {
                    m.service.snapshot()
                };
                let stands = rules::state_stands_at(m, initial);
                let zxid = rules::state_is_named(m, stands, epoch, initial);
                cx.send(link, Packet::Snap { zxid, snapshot });
                stands
            }
        };
        let history = cx.out.len();
        for (zxid, txn) in rules::lacked(m, from) {
            let is_committed = *zxid <= committed;
            if is_committed || learner.voter {
                cx.send(link, Packet::Proposal { zxid: *zxid, txn: txn.clone() });
            }
            if is_committed {
                cx.send(link, Packet::Commit { zxid: *zxid });
            }
        }
        cx.send(link, Packet::NewLeader { epoch, config: m.membership.text.clone() });
        if rules::newleader_overtakes_history(&m.config) {
            cx.out[history..].rotate_right(1);
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
        if rules::acknowledges_newleader(&m.config, learner.stage, epoch, zxid) {
            // The same number again acknowledges UPTODATE and means nothing new.
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
        if quorum::has_initial_history(m, &self.learners, own) {
            return self.establish(m, cx, epoch);
        }
        Ok(())
    }

    /// A quorum has the initial history on disk: it is committed, serve.
    pub(super) fn establish(&mut self, m: &mut Member<P>, cx: &mut Context<'_, P>, epoch: Epoch) -> Outcome {
        self.phase = Phase::Broadcast(epoch);
        self.initial.clear();
        let effects = m.apply_to(rules::committed_when_established(m, epoch), cx);
        self.carry_out(m, cx, effects)?;
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

    /// UPTODATE, then the commits that were held back.
    pub(super) fn put_in_service(&mut self, m: &Member<P>, cx: &mut Context<'_, P>, id: ServerId) {
        let learner = self.learners.get_mut(&id).expect("a connected learner");
        let Stage::Synchronized { committed, acked } = learner.stage else { return };
        learner.stage = Stage::InService { acked };
        learner.loyalty.begin(learner.arrivals.since());
        cx.send(learner.link, Packet::UpToDate);
        for zxid in rules::held_commits(m, learner.voter, committed) {
            cx.send(learner.link, Packet::Commit { zxid });
        }
    }
}
