//! From the leader's new epoch to service: a learner's promise, and how it takes in the leader's history.

use alloc::vec::Vec;

use super::{Learner, NewLeader, Outcome, Phase};
use crate::ids::{Epoch, LAST_EPOCH, Link, Zxid};
use crate::output::{Output, Reason};
use crate::payload::{Payload, Service, ServingRole};
use crate::timer::{Delay, Timer};
use crate::zab::learner_handler::Promise;
use crate::zab::member::{Context, Member};
use crate::zab::packet::Packet;
use crate::zab::rules::discovery;
use crate::zab::rules::synchronization as rules;

impl<P: Payload> Learner<P> {
    pub(super) fn leader_info(
        &mut self,
        m: &mut Member<P>,
        cx: &mut Context<'_, P>,
        link: Link,
        epoch: Epoch,
    ) -> Outcome {
        self.wants_state = self.wants_state.filter(|asked| *asked == epoch);
        if epoch > LAST_EPOCH {
            return self.refuse(cx, Reason::NoEpochLeft);
        }
        if !discovery::may_follow(m, epoch) {
            return self.refuse(cx, Reason::OldEpoch);
        }
        if epoch == m.accepted_epoch {
            self.promised(m, cx, link, epoch, discovery::current_of_repeated_promise(m));
        } else if discovery::promises_before_it_is_durable(&m.config) {
            self.promised(m, cx, link, epoch, Some(m.current_epoch));
        } else {
            self.phase = Phase::Promising(link, epoch);
            m.accept_epoch(epoch, cx);
        }
        Ok(())
    }

    pub(super) fn promised(
        &mut self,
        m: &Member<P>,
        cx: &mut Context<'_, P>,
        link: Link,
        epoch: Epoch,
        current: Option<Epoch>,
    ) {
        self.phase = Phase::Promised(link, epoch);
        let Promise { current, last } = discovery::promise(m, current, self.wants_state == Some(epoch));
        cx.send(link, Packet::AckEpoch { current_epoch: current, last_zxid: last });
    }

    fn synchronize(
        &mut self,
        m: &mut Member<P>,
        cx: &mut Context<'_, P>,
        link: Link,
        epoch: Epoch,
        committed: Zxid,
    ) {
        if rules::enters_epoch_before_history(&m.config) {
            m.enter_epoch(epoch, cx);
        }
        self.extend_phase(cx);
        let newleader = NewLeader::Expected;
        self.phase = Phase::Synchronizing { link, epoch, committed, newleader };
    }

    /// DIFF, TRUNC or SNAP: how the history that was promised becomes the leader's.
    pub(super) fn history_begins(
        &mut self,
        m: &mut Member<P>,
        cx: &mut Context<'_, P>,
        link: Link,
        epoch: Epoch,
        packet: Packet<P>,
    ) -> Outcome {
        match packet {
            Packet::Diff { zxid } => {
                if self.wants_state == Some(epoch) {
                    if !rules::may_be_replaced_by_nothing(&m.config, zxid) {
                        return self.refuse(cx, Reason::Unexpected);
                    }
                    let nothing = P::Service::new(&m.config.settings, None).snapshot();
                    m.install(Zxid::ZERO, nothing, cx);
                    self.wants_state = None;
                }
                self.synchronize(m, cx, link, epoch, rules::committed_by_diff(&m.config, zxid));
                Ok(())
            }
            Packet::Trunc { zxid } if rules::keeps_tail(m, epoch, zxid) => {
                self.synchronize(m, cx, link, epoch, zxid);
                Ok(())
            }
            Packet::Trunc { zxid } => {
                if !m.history.passes(zxid) || zxid < m.history.applied().max(m.reaches) {
                    return self.ask_for_state(cx, link, epoch);
                }
                self.synchronize(m, cx, link, epoch, zxid);
                if !rules::leaves_out_truncation(&m.config) {
                    m.truncate(rules::truncation_point(&m.config, zxid), cx);
                }
                Ok(())
            }
            Packet::Snap { zxid, .. } if zxid.epoch() > epoch => self.refuse(cx, Reason::Unexpected),
            Packet::Snap { zxid, snapshot } => {
                self.wants_state = None;
                self.synchronize(m, cx, link, epoch, Zxid::ZERO);
                m.install(zxid, snapshot, cx);
                Ok(())
            }
            _ => self.refuse(cx, Reason::Unexpected),
        }
    }

    /// The state here contains what the leader wants dropped, or may contain it. This server's promise holds,
    /// and what it promised with stays; over another connection it asks the same leader for the state.
    fn ask_for_state(&mut self, cx: &mut Context<'_, P>, link: Link, epoch: Epoch) -> Outcome {
        if self.wants_state == Some(epoch) {
            return self.refuse(cx, Reason::Unexpected);
        }
        self.wants_state = Some(epoch);
        cx.hangup(link, Reason::CannotTruncate);
        self.phase = Phase::Redialing { attempts: 0 };
        self.extend_phase(cx);
        cx.out.push(Output::SetAlarm(Timer::Redial, Delay::Redial(0)));
        Ok(())
    }

    /// NEWLEADER: what was received before it goes to disk, and then currentEpoch.
    pub(super) fn newleader(
        &mut self,
        m: &mut Member<P>,
        cx: &mut Context<'_, P>,
        link: Link,
        epoch: Epoch,
        committed: Zxid,
    ) -> Outcome {
        self.phase = Phase::Synchronizing { link, epoch, committed, newleader: NewLeader::Writing };
        if rules::raises_accepted_epoch_with_newleader(&m.config) {
            m.accept_epoch(epoch, cx);
        }
        if rules::newleader_raises_current_epoch(&m.config) {
            m.enter_epoch(epoch, cx);
        }
        if rules::acknowledges_newleader_before_it_is_durable(&m.config) {
            self.ack_newleader(m, cx);
        }
        Ok(())
    }

    /// History and currentEpoch are on disk: say so, and only then acknowledge the proposals of
    /// this epoch that came in between (ZOOKEEPER-4685).
    pub(super) fn ack_newleader(&mut self, m: &Member<P>, cx: &mut Context<'_, P>) {
        let Phase::Synchronizing { link, epoch, committed, .. } = self.phase else { return };
        self.phase = Phase::Synchronizing { link, epoch, committed, newleader: NewLeader::Acked };
        self.ack(cx, Zxid::new(epoch, 0));
        if self.voter {
            for zxid in rules::early_proposals(m, epoch, committed) {
                self.ack(cx, zxid);
            }
        }
    }

    pub(super) fn up_to_date(
        &mut self,
        m: &mut Member<P>,
        cx: &mut Context<'_, P>,
        link: Link,
        epoch: Epoch,
        committed: Zxid,
    ) -> Outcome {
        self.phase = Phase::Broadcast(link, epoch);
        cx.out.push(Output::CancelAlarm(Timer::PhaseLimit));
        cx.out.push(Output::SetAlarm(Timer::Liveness, Delay::Tick));
        let effects = m.apply_to(rules::applied_at_uptodate(m, epoch, committed), cx);
        self.carry_out(cx, effects)?;
        m.trim();
        let mut effects = Vec::new();
        m.service.serve(cx.now, ServingRole::Learner, m.applied_for_clients(epoch), &mut effects);
        self.carry_out(cx, effects)
    }
}
