//! Discovery: a quorum introduces itself and promises an epoch that is later than any before.

use alloc::vec::Vec;

use super::{Leader, Outcome, Phase};
use crate::ids::{EPOCH_LEAP, Epoch, LAST_EPOCH, Link, ServerId};
use crate::mutation::mutated;
use crate::output::{Output, Reason};
use crate::payload::{Payload, Service, ServingRole};
use crate::timer::{Delay, Timer};
use crate::zab::learner_handler::{LearnerHandler, Promise, Stage};
use crate::zab::member::{Context, Member, RoleEnded};
use crate::zab::packet::Packet;

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
                let yields = self.settled || mutated!(m.config, YieldsAtOnce);
                let counts = learner.voter || mutated!(m.config, ObserverEndsReign);
                if counts && accepted > epoch && yields {
                    // It promised a later epoch to a leader that did not make it and can only join a still
                    // later one: let there be one, even if the next quorum is without it. A leader that has
                    // led for less than initLimit goes on: the learner refuses its epoch and comes again.
                    m.accept_epoch(within_reach(m, accepted, epoch), cx);
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
        let latest = within_reach(m, latest, m.accepted_epoch);
        let epoch = if mutated!(m.config, EpochIsMax) {
            latest.max(1)
        } else if latest < LAST_EPOCH {
            latest + 1
        } else {
            // Only this server itself can have come that far, and nothing more can be ordered.
            return;
        };
        self.phase = Phase::Promising(epoch);
        m.accept_epoch(epoch, cx);
        if mutated!(m.config, OwnPromiseNotAwaited) {
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
        let Promise { current, last } = promise;
        if matches!(self.phase, Phase::Epoch(_)) {
            let (epoch, own_last) = (m.current_epoch, m.history.last());
            let ahead = current.is_some_and(|c| {
                if mutated!(m.config, AheadByZxidOnly) {
                    last > own_last
                } else if mutated!(m.config, AheadByEpochOnly) {
                    c > epoch
                } else if mutated!(m.config, AheadByPromisedEpoch) {
                    (c, last) > (m.accepted_epoch, own_last)
                } else {
                    (c, last) > (epoch, own_last)
                }
            });
            if ahead && !mutated!(m.config, AheadFollowerIgnored) {
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
        let promised = |id: ServerId| {
            let repeated = mutated!(m.config, RepeatedPromiseCounts);
            let acked = |l: &LearnerHandler| matches!(l.stage, Stage::EpochAcked(promise) if promise.current.is_some() || repeated);
            id == m.config.id || self.voter_is(id, acked)
        };
        let enough = if mutated!(m.config, ObserverPromiseCounts) {
            let acked = |l: &&LearnerHandler| matches!(l.stage, Stage::EpochAcked(_));
            (self.learners.values().filter(acked).count() + 1) * 2 > m.membership.voters().count()
        } else {
            m.membership.is_quorum(promised) || mutated!(m.config, PromisesNotAwaited)
        };
        if !enough {
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
        if mutated!(m.config, LeaderServesEarly) {
            let mut effects = Vec::new();
            m.service.serve(cx.now, ServingRole::Leader, m.applied_for_clients(epoch), &mut effects);
            self.carry_out(m, cx, effects)?;
        }
        if mutated!(m.config, UpToDateBeforeQuorum) {
            return self.establish(m, cx, epoch);
        }
        Ok(())
    }
}

/// The latest epoch that one server's claim can move a leader to: [`EPOCH_LEAP`] beyond the leader's own.
fn within_reach<P: Payload>(m: &Member<P>, claimed: Epoch, own: Epoch) -> Epoch {
    if mutated!(m.config, EpochLeapsAnywhere) {
        return claimed;
    }
    claimed.min(own.saturating_add(EPOCH_LEAP))
}
