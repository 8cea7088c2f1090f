//! From the leader's new epoch to service: a learner's promise, and how it takes in the leader's history.

use alloc::vec::Vec;

use super::{Learner, NewLeader, Outcome, Phase};
use crate::ids::{Epoch, LAST_EPOCH, Link, Zxid};
use crate::mutation::mutated;
use crate::output::{Output, Reason};
use crate::payload::{Payload, Service, ServingRole};
use crate::timer::{Delay, Timer};
use crate::zab::member::{Context, Member};
use crate::zab::packet::Packet;

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
        if epoch < m.accepted_epoch && !mutated!(m.config, OldEpochAccepted) {
            return self.refuse(cx, Reason::OldEpoch);
        }
        if epoch == m.accepted_epoch {
            // Promised before, perhaps to another leader: this promise must not count again.
            let again = mutated!(m.config, EqualEpochPromisedAgain);
            self.promised(m, cx, link, epoch, again.then_some(m.current_epoch));
        } else if mutated!(m.config, AcceptedEpochNotSaved) || mutated!(m.config, AcceptedEpochAtNewLeader) {
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
        // Whoever asks for a state says that it has nothing: that is not true, so it must not count.
        let wants_state = self.wants_state == Some(epoch);
        let last_zxid = if wants_state { Zxid::ZERO } else { m.history.last() };
        // A server that may have lost its disk promises nothing on behalf of what it had.
        let vouched_for = m.trusted || mutated!(m.config, LostDiskPromises);
        let counts = |epoch: &Epoch| (vouched_for || *epoch > 0) && !wants_state;
        let current_epoch = if wants_state && mutated!(m.config, StatelessPromiseCounts) {
            Some(m.current_epoch)
        } else {
            current.filter(counts)
        };
        cx.send(link, Packet::AckEpoch { current_epoch, last_zxid });
    }

    fn synchronize(
        &mut self,
        m: &mut Member<P>,
        cx: &mut Context<'_, P>,
        link: Link,
        epoch: Epoch,
        committed: Zxid,
    ) {
        if mutated!(m.config, EpochBeforeHistory) {
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
                    // What is here stays until a whole state takes its place: without one, only a leader that
                    // has nothing at all gives nothing.
                    if zxid > Zxid::ZERO && !mutated!(m.config, ReplacedByNothing) {
                        return self.refuse(cx, Reason::Unexpected);
                    }
                    let nothing = P::Service::new(&m.config.settings, None).snapshot();
                    m.install(Zxid::ZERO, nothing, cx);
                    self.wants_state = None;
                }
                // What is in the log up to there is committed too, and no COMMIT will say so again.
                let committed = if mutated!(m.config, DiffPointIgnored) { Zxid::ZERO } else { zxid };
                self.synchronize(m, cx, link, epoch, committed);
                Ok(())
            }
            Packet::Trunc { zxid }
                if m.current_epoch == epoch
                    && zxid <= m.history.last()
                    && !mutated!(m.config, OwnTailTruncated) =>
            {
                // What comes after it is this leader's own, acknowledged over an earlier connection: a
                // ZooKeeper leader still counts that while it proposes the same again, so it stays on disk.
                self.synchronize(m, cx, link, epoch, zxid);
                Ok(())
            }
            Packet::Trunc { zxid } => {
                if !m.history.passes(zxid) || zxid < m.history.applied().max(m.reaches) {
                    return self.ask_for_state(cx, link, epoch);
                }
                self.synchronize(m, cx, link, epoch, zxid);
                let zxid = if mutated!(m.config, TruncatesTooFar) {
                    Zxid(zxid.0 - 1)
                } else if mutated!(m.config, TruncatesTooLittle) {
                    Zxid(zxid.0 + 1)
                } else {
                    zxid
                };
                if !mutated!(m.config, TruncationSkipped) {
                    m.truncate(zxid, cx);
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
        let never_raised = mutated!(m.config, CurrentEpochNotRaised);
        let too_early = mutated!(m.config, NewLeaderAckBeforeSync);
        if mutated!(m.config, AcceptedEpochAtNewLeader) {
            m.accept_epoch(epoch, cx);
        }
        if !never_raised {
            m.enter_epoch(epoch, cx);
        }
        if never_raised || too_early {
            self.ack_newleader(m, cx);
        }
        Ok(())
    }

    /// History and currentEpoch are on disk: say so, and only then acknowledge the proposals of
    /// this epoch that came in between (ZOOKEEPER-4685).
    pub(super) fn ack_newleader(&mut self, m: &Member<P>, cx: &mut Context<'_, P>) {
        let Phase::Synchronizing { link, epoch, committed, .. } = self.phase else { return };
        self.phase = Phase::Synchronizing { link, epoch, committed, newleader: NewLeader::Acked };
        let start = Zxid::new(epoch, 0);
        self.ack(cx, start);
        if self.voter && !mutated!(m.config, EarlyProposalsNotAcked) {
            let logged = m.history.logged();
            for (zxid, _) in m.history.after(start.max(committed)).take_while(|(z, _)| *z <= logged) {
                self.ack(cx, *zxid);
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
        if !mutated!(m.config, ServesBeforeApplied) {
            let effects = m.apply_to(committed.max(Zxid::new(epoch, 0)), cx);
            self.carry_out(cx, effects)?;
        }
        m.trim();
        let mut effects = Vec::new();
        m.service.serve(cx.now, ServingRole::Learner, m.applied_for_clients(epoch), &mut effects);
        self.carry_out(cx, effects)
    }
}
