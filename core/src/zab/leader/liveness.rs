//! Whether it makes sense to go on leading: who is there and who is silent.

use super::{Leader, Outcome, Phase};
use crate::ids::{Link, ServerId};
use crate::mutation::mutated;
use crate::output::{Output, Reason};
use crate::payload::Payload;
use crate::timer::{Delay, Timer};
use crate::zab::learner_handler::LearnerHandler;
use crate::zab::member::{Context, Member, RoleEnded};

impl<P: Payload> Leader<P> {
    /// Another tick. Who is silent for longer than `syncLimit` ticks is dropped (`initLimit` more
    /// while it is not in service); a leader without a quorum steps down (recovery rule 1).
    pub(super) fn check_liveness(&mut self, m: &Member<P>, cx: &mut Context<'_, P>) -> Outcome {
        cx.out.push(Output::SetAlarm(Timer::Liveness, Delay::Tick));
        self.learners.retain(|_, learner| {
            let in_service = m.config.sync_limit;
            let limit = if learner.in_service() {
                in_service
            } else {
                in_service.saturating_add(m.config.init_limit)
            };
            learner.silent = learner.silent.saturating_add(1);
            let alive = learner.silent <= limit || mutated!(m.config, SilentFollowerKept);
            if !alive {
                cx.hangup(learner.link, Reason::Silent);
            }
            alive
        });
        self.check_quorum(m)
    }

    /// A learner that is being synchronised takes in what it is sent: it is alive, and as long as
    /// voters do, the time for synchronisation is not over.
    pub(crate) fn progress(&mut self, cx: &mut Context<'_, P>, link: Link) {
        let Some(learner) = self.learners.get_mut(&link.server).filter(|l| l.link == link) else { return };
        learner.silent = 0;
        if learner.voter && matches!(self.phase, Phase::Synchronization { .. }) {
            self.extend_phase(cx);
        }
    }

    /// From now on, `initLimit` again.
    pub(super) fn extend_phase(&self, cx: &mut Context<'_, P>) {
        cx.out.push(Output::SetAlarm(Timer::PhaseLimit, Delay::InitLimit));
    }

    /// An established leader needs a quorum that has its history and is connected.
    pub(super) fn check_quorum(&self, m: &Member<P>) -> Outcome {
        if self.established().is_none() || mutated!(m.config, LeadsWithoutQuorum) {
            return Ok(());
        }
        let with_me =
            |id: ServerId| id == m.config.id || self.voter_is(id, LearnerHandler::has_initial_history);
        if m.config.is_quorum(with_me) { Ok(()) } else { Err(RoleEnded) }
    }
}
