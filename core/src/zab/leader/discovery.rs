//! Discovery: a quorum introduces itself and promises an epoch that is later than any before.

use alloc::vec::Vec;

use super::{Leader, Outcome, Phase};
use crate::ids::{Epoch, LAST_EPOCH, Link, ServerId};
use crate::output::{Output, Reason};
use crate::payload::{Payload, Service, ServingRole};
use crate::timer::{Delay, Timer};
use crate::zab::learner_handler::{LearnerHandler, Promise, Stage};
use crate::zab::member::{Context, Member, RoleEnded};
use crate::zab::packet::Packet;
use crate::zab::rules::discovery as rules;
use crate::zab::rules::quorum;

impl<P: Payload> Leader<P> {
    pub(super) fn introduced(
        &mut self,
        m: &mut Member<P>,
        cx: &mut Context<'_, P>,
        link: Link,
        accepted: Epoch,
    ) -> Outcome {
        if accepted >= LAST_EPOCH {
            return self.drop_learner(m, cx, link, Reason::NoEpochLeft);
        }
        let learner = self.learners.get_mut(&link.server).expect("the packet's learner");
        learner.stage = Stage::Introduced { accepted };
        match self.phase {
            Phase::Discovery => {
                self.choose_epoch(m, cx);
                Ok(())
            }
            Phase::Promising(_) => Ok(()),
            Phase::Epoch(epoch) | Phase::Synchronization { epoch, .. } | Phase::Broadcast(epoch) => {
                if rules::makes_way(&m.config, epoch, accepted, learner.voter, self.settled) {
                    // It promised a later epoch to a leader that did not make it and can only join a still
                    // later one: let there be one, even if the next quorum is without it. A leader that has
                    // led for less than initLimit goes on: the learner refuses its epoch and comes again.
                    m.accept_epoch(rules::within_reach(&m.config, accepted, epoch), cx);
                    return Err(RoleEnded);
                }
                learner.stage = Stage::EpochSent;
                cx.send(link, Packet::LeaderInfo { epoch });
                Ok(())
            }
        }
    }

    /// A quorum has introduced itself: the new epoch is later than any it has promised.
    pub(super) fn choose_epoch(&mut self, m: &mut Member<P>, cx: &mut Context<'_, P>) {
        let introduced = |id: &ServerId| match self.learners.get(id) {
            Some(LearnerHandler { voter: true, stage: Stage::Introduced { accepted }, .. }) => {
                Some(*accepted)
            }
            _ => None,
        };
        if !m.membership.is_quorum(|id| id == m.config.id || introduced(&id).is_some()) {
            return;
        }
        let latest = self.learners.keys().filter_map(introduced).fold(m.accepted_epoch, Epoch::max);
        let latest = rules::within_reach(&m.config, latest, m.accepted_epoch);
        // Only this server itself can have come to the last epoch, and nothing more can be ordered.
        let Some(epoch) = rules::new_epoch(&m.config, latest) else { return };
        self.phase = Phase::Promising(epoch);
        m.accept_epoch(epoch, cx);
        if rules::offers_epoch_before_it_is_durable(&m.config) {
            let _ = self.epoch_promised(m, cx, epoch);
        }
    }

    /// The new epoch is on this server's disk: ask the others to promise it.
    pub(super) fn epoch_promised(
        &mut self,
        m: &mut Member<P>,
        cx: &mut Context<'_, P>,
        epoch: Epoch,
    ) -> Outcome {
        self.phase = Phase::Epoch(epoch);
        for learner in self.learners.values_mut() {
            if matches!(learner.stage, Stage::Introduced { .. }) {
                learner.stage = Stage::EpochSent;
                cx.send(learner.link, Packet::LeaderInfo { epoch });
            }
        }
        self.check_epoch_quorum(m, cx)
    }

    pub(super) fn epoch_acked(
        &mut self,
        m: &mut Member<P>,
        cx: &mut Context<'_, P>,
        link: Link,
        promise: Promise,
    ) -> Outcome {
        if matches!(self.phase, Phase::Epoch(_)) {
            if rules::is_ahead(m, promise) {
                return self.drop_learner(m, cx, link, Reason::AheadOfLeader);
            }
            let learner = self.learners.get_mut(&link.server).expect("the packet's learner");
            learner.stage = Stage::EpochAcked(promise);
            self.check_epoch_quorum(m, cx)
        } else {
            self.synchronize(m, cx, link.server, promise);
            Ok(())
        }
    }

    /// A quorum has promised the epoch and none of it is ahead: this server's history is the
    /// epoch's initial history.
    fn check_epoch_quorum(&mut self, m: &mut Member<P>, cx: &mut Context<'_, P>) -> Outcome {
        let Phase::Epoch(epoch) = self.phase else { return Ok(()) };
        if !quorum::has_promised(m, &self.learners) {
            return Ok(());
        }
        self.phase = Phase::Synchronization { epoch, own: false };
        self.extend_phase(cx);
        // A learner that has everything waits for the others: it hears that there is a leader.
        cx.out.push(Output::SetAlarm(Timer::Ping, Delay::HalfTick));
        m.enter_epoch(epoch, cx);
        let waiting: Vec<(ServerId, Promise)> = self
            .learners
            .iter()
            .filter_map(|(id, l)| match l.stage {
                Stage::EpochAcked(promise) => Some((*id, promise)),
                _ => None,
            })
            .collect();
        for (id, promise) in waiting {
            self.synchronize(m, cx, id, promise);
        }
        if rules::serves_before_it_is_established(&m.config) {
            let mut effects = Vec::new();
            m.service.serve(cx.now, ServingRole::Leader, m.applied_for_clients(epoch), &mut effects);
            self.carry_out(m, cx, effects)?;
        }
        if rules::is_established_before_its_quorum(&m.config) {
            return self.establish(m, cx, epoch);
        }
        Ok(())
    }
}
