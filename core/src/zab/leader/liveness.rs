//! Whether it makes sense to go on leading: who is there and who is silent.

use super::{Leader, Outcome, Phase};
use crate::ids::{Link, ServerId};
use crate::input::Input;
use crate::output::{Output, Reason};
use crate::payload::Payload;
use crate::timer::{Delay, Timer};
use crate::zab::lease::term;
use crate::zab::member::{Context, Member, RoleEnded};
use crate::zab::packet::Packet;
use crate::zab::rules::liveness as rules;
use crate::zab::rules::quorum;

impl<P: Payload> Leader<P> {
    /// Another tick. Who is silent for longer than `syncLimit` ticks is dropped (`initLimit` more
    /// while it is not in service); a leader without a quorum steps down (recovery rule 1).
    pub(super) fn check_liveness(&mut self, m: &mut Member<P>, cx: &mut Context<'_, P>) -> Outcome {
        if self.established().is_some() {
            m.failures.forget();
        }
        cx.out.push(Output::SetAlarm(Timer::Liveness, Delay::Tick));
        self.hand_over_if_late(m, cx)?;
        self.learners.retain(|_, learner| {
            learner.silent = learner.silent.saturating_add(1);
            let kept = rules::is_kept(&m.config, learner);
            if !kept {
                cx.hangup(learner.link, Reason::Silent);
            }
            kept
        });
        self.check_quorum(m)
    }

    /// A leader whose own disk is late, while a quorum of others has gone on without it, makes way for one of
    /// them.
    fn hand_over_if_late(&self, m: &Member<P>, cx: &Context<'_, P>) -> Outcome {
        let outrun = self.established().is_some() && rules::is_outrun(m, cx.now);
        if outrun { Err(RoleEnded) } else { Ok(()) }
    }

    /// Whether this leader may still act as one: a process that stood still may have been replaced meanwhile.
    /// What comes from a learner may say that it has not.
    pub(crate) fn may_go_on(&self, m: &Member<P>, cx: &Context<'_, P>, input: &Input<P>) -> Outcome {
        match input {
            Input::Packet(_, Packet::Ping { .. }) | Input::AllRead(_) | Input::Down(_) => Ok(()),
            _ => self.within_lease(m, cx),
        }
    }

    /// An established leader steps down when its lease is over.
    pub(super) fn within_lease(&self, m: &Member<P>, cx: &Context<'_, P>) -> Outcome {
        let over = self.established().is_some() && rules::lease_is_over(&m.config, self.lease, cx.now);
        if over { Err(RoleEnded) } else { Ok(()) }
    }

    /// A quorum has shown that it follows: the lease counts from when the last of it did.
    pub(super) fn renew_lease(&mut self, m: &Member<P>) {
        let alone = m.membership.is_quorum(|id| id == m.config.id);
        let followed = |id: ServerId| self.learners.get(&id).filter(|l| l.voter && l.in_service());
        let since = |id: ServerId| followed(id).map(|l| l.loyalty.since());
        let by_quorum = |at: u64| m.membership.is_quorum(|id| id == m.config.id || since(id) >= Some(at));
        let latest = m.membership.voters().filter_map(since).filter(|at| by_quorum(*at)).max();
        self.lease = match latest {
            _ if alone => u64::MAX,
            Some(at) => self.lease.max(at.saturating_add(term(&m.config))),
            None => self.lease,
        };
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

    /// A voter that is not with this leader looks for another.
    pub(crate) fn hears_looking(&mut self, voter: ServerId) {
        if self.established().is_none() && !self.is_with(voter) {
            self.looking.insert(voter);
        }
    }

    /// Another tick. A leader that is not established waits only as long as a quorum may still come: who is
    /// connected, and who could connect. Where that is none at two ticks in a row it looks for a leader
    /// itself. (Connections of election ports are replaced by others when servers start: once is no sign.)
    pub(crate) fn check_prospects(&mut self, m: &Member<P>, reachable: impl Fn(ServerId) -> bool) -> Outcome {
        if self.established().is_some() {
            return Ok(());
        }
        let may_come = |id: ServerId| {
            id == m.config.id
                || self.learners.contains_key(&id)
                || reachable(id) && !self.looking.contains(&id)
        };
        if m.membership.is_quorum(may_come) {
            self.hopeless = false;
            return Ok(());
        }
        if core::mem::replace(&mut self.hopeless, true) { Err(RoleEnded) } else { Ok(()) }
    }

    /// An established leader needs a quorum that has its history and is connected.
    pub(super) fn check_quorum(&self, m: &Member<P>) -> Outcome {
        let may_lead = self.established().is_none() || quorum::follows(m, &self.learners);
        if may_lead { Ok(()) } else { Err(RoleEnded) }
    }
}
