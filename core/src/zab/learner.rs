//! A learner: follower or observer, from the first dial to broadcast.
//!
//! What ZooKeeper's `Learner` gets wrong is done safely here: everything that was received before
//! NEWLEADER is on disk before currentEpoch is written, and that before NEWLEADER is acknowledged
//! (ZOOKEEPER-3023, 4643, 4646, 4785); nothing is applied before UPTODATE.

mod synchronization;

use alloc::vec::Vec;

use super::lease::Arrivals;
use super::member::{Context, EffectsOf, Member, Requests, RoleEnded};
use super::packet::Packet;
use super::rules;
use crate::ids::{ConnId, Epoch, Link, Now, ServerId, Zxid};
use crate::input::{ClientOf, Input};
use crate::output::{Output, Reason};
use crate::payload::{Effect, Payload, RequestKind, Service};
use crate::rename::{Names, Rename};
use crate::storage::Awaited;
use crate::timer::{Delay, Timer};

/// Attempts to connect to an elected leader before looking for another (`Learner.connectToLeader`).
const DIAL_ATTEMPTS: u8 = 5;

/// What a learner knows besides its own history.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Learner<P: Payload> {
    leader: ServerId,
    /// Whether it votes (a follower) or only watches (an observer).
    voter: bool,
    phase: Phase,
    /// How many ticks began since the leader was heard from.
    silent: u32,
    /// The leader had said what was last read from it after this time, milliseconds of this
    /// server's clock.
    heard: u64,
    /// How old what is read from the leader may be.
    arrivals: Arrivals,
    /// `sync` requests sent to the leader, which answers in order.
    syncs: Requests<P>,
    /// The leader of this epoch asked for a truncation that is not possible here: over the next connection
    /// it is asked for its state.
    wants_state: Option<Epoch>,
}

/// A learner's phase.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Phase {
    /// Waits for the connection.
    Dialing { attempts: u8 },
    /// The connection failed; waits for the alarm to try again.
    Redialing { attempts: u8 },
    /// Introduced itself, waits for the new epoch.
    Introduced { link: Link, attempts: u8 },
    /// Was told the new epoch and is writing it.
    Promising(Link, Epoch),
    /// Promised it, waits for DIFF, TRUNC or SNAP.
    Promised(Link, Epoch),
    /// Receives the leader's history.
    Synchronizing {
        link: Link,
        epoch: Epoch,
        /// Told to be committed up to here; applied only after UPTODATE.
        committed: Zxid,
        newleader: NewLeader,
    },
    /// In service.
    Broadcast(Link, Epoch),
}

/// Where NEWLEADER stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum NewLeader {
    /// Not received.
    Expected,
    /// Received; history and currentEpoch are being written.
    Writing,
    /// Acknowledged.
    Acked,
}

type Outcome = Result<(), RoleEnded>;

impl<P: Payload> Learner<P> {
    /// Panics if a learner's phase contradicts what it has promised and taken over.
    pub(crate) fn check_invariants(&self, m: &Member<P>) {
        match self.phase {
            Phase::Dialing { .. }
            | Phase::Redialing { .. }
            | Phase::Introduced { .. }
            | Phase::Promising(..) => {}
            Phase::Promised(_, epoch) | Phase::Synchronizing { epoch, .. } => {
                assert!(m.accepted_epoch == epoch, "a learner has promised its leader's epoch");
            }
            Phase::Broadcast(_, epoch) => {
                assert!(m.accepted_epoch == epoch, "a learner has promised its leader's epoch");
                assert!(m.current_epoch == epoch, "a learner in service has its leader's history");
            }
        }
    }

    pub(crate) fn start(m: &Member<P>, cx: &mut Context<'_, P>, leader: ServerId) -> Self {
        cx.out.push(Output::SetAlarm(Timer::PhaseLimit, Delay::InitLimit));
        let phase = match m.failures.pause() {
            Some(pause) => {
                cx.out.push(Output::SetAlarm(Timer::Redial, pause));
                Phase::Redialing { attempts: 0 }
            }
            None => {
                cx.out.push(Output::Dial(leader));
                Phase::Dialing { attempts: 1 }
            }
        };
        let voter = m.membership.is_voter(m.config.id);
        Learner {
            leader,
            voter,
            phase,
            silent: 0,
            heard: 0,
            arrivals: Arrivals::default(),
            syncs: Requests::<P>::new(),
            wants_state: None,
        }
    }

    /// Whether this learner may still serve: a process that stood still may have been replaced at its leader
    /// meanwhile, and what its leader said may be as old as the pause (see [`lease`](crate::zab::lease)).
    pub(crate) fn may_go_on(&mut self, m: &Member<P>, cx: &mut Context<'_, P>, input: &Input<P>) -> Outcome {
        let heard = match input {
            Input::Packet(link, _) if self.link() == Some(*link) => self.said_after(m, cx.now),
            Input::Down(_) | Input::AllRead(_) => return Ok(()),
            _ => self.heard,
        };
        if self.in_service().is_some() && rules::liveness::has_lost_leader(&m.config, heard, cx.now) {
            return self.refuse(cx, Reason::Silent);
        }
        Ok(())
    }

    /// What is read from the leader now was said after this time.
    fn said_after(&self, m: &Member<P>, now: Now) -> u64 {
        rules::liveness::said_after(&m.config, self.arrivals, now)
    }

    /// Everything that had arrived from the leader when this was last said is read.
    pub(crate) fn all_read(&mut self, now: Now, link: Link) {
        if self.link() == Some(link) {
            self.arrivals.all_read(now);
        }
    }

    /// The leader it follows.
    pub(crate) fn leader(&self) -> ServerId {
        self.leader
    }

    /// The epoch, once in service.
    pub(crate) fn in_service(&self) -> Option<Epoch> {
        match self.phase {
            Phase::Broadcast(_, epoch) => Some(epoch),
            _ => None,
        }
    }

    /// Whether the new epoch is still being agreed on.
    pub(crate) fn discovering(&self) -> bool {
        !matches!(self.phase, Phase::Synchronizing { .. } | Phase::Broadcast(..))
    }

    pub(crate) fn up(&mut self, m: &Member<P>, cx: &mut Context<'_, P>, link: Link) {
        let Phase::Dialing { attempts } = self.phase else { return cx.hangup(link, Reason::NotLeading) };
        if link.server != self.leader {
            return cx.hangup(link, Reason::NotLeading);
        }
        self.phase = Phase::Introduced { link, attempts };
        self.arrivals = Arrivals::begin(cx.now);
        let accepted_epoch = m.accepted_epoch;
        cx.send(
            link,
            if self.voter {
                Packet::FollowerInfo { accepted_epoch, config_version: 0 }
            } else {
                Packet::ObserverInfo { accepted_epoch, config_version: 0 }
            },
        );
    }

    pub(crate) fn down(&mut self, cx: &mut Context<'_, P>, link: Link) -> Outcome {
        match self.phase {
            // Somebody who does not lead yet closes the connection: that is an attempt that failed.
            Phase::Dialing { attempts } | Phase::Introduced { attempts, .. }
                if link.server == self.leader && self.link().is_none_or(|own| own == link) =>
            {
                if attempts >= DIAL_ATTEMPTS {
                    self.phase = Phase::Redialing { attempts };
                    return Err(RoleEnded);
                }
                self.phase = Phase::Redialing { attempts };
                cx.out.push(Output::SetAlarm(Timer::Redial, Delay::Redial(0)));
                Ok(())
            }
            _ if self.link() == Some(link) => {
                // The connection is gone: nothing to hang up.
                self.phase = Phase::Redialing { attempts: DIAL_ATTEMPTS };
                Err(RoleEnded)
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn packet(
        &mut self,
        m: &mut Member<P>,
        cx: &mut Context<'_, P>,
        link: Link,
        packet: Packet<P>,
    ) -> Outcome {
        if self.link() != Some(link) {
            return Ok(());
        }
        self.silent = 0;
        if rules::liveness::renews_learner_lease(&m.config, self.in_service().is_some()) {
            self.heard = self.said_after(m, cx.now);
        }
        match (packet, self.phase) {
            (Packet::LeaderInfo { epoch }, Phase::Introduced { .. }) => self.leader_info(m, cx, link, epoch),
            (
                packet @ (Packet::Diff { .. } | Packet::Trunc { .. } | Packet::Snap { .. }),
                Phase::Promised(_, epoch),
            ) => self.history_begins(m, cx, link, epoch, packet),
            (Packet::Proposal { zxid, txn }, Phase::Synchronizing { .. } | Phase::Broadcast(..)) => {
                self.log(m, cx, zxid, txn)
            }
            (Packet::Commit { zxid }, Phase::Synchronizing { link, epoch, committed, newleader }) => {
                let committed = committed.max(zxid);
                self.phase = Phase::Synchronizing { link, epoch, committed, newleader };
                Ok(())
            }
            (Packet::Commit { zxid }, Phase::Broadcast(..)) => self.commit(m, cx, zxid),
            (Packet::Inform { zxid, txn }, Phase::Synchronizing { link, epoch, committed, newleader }) => {
                self.log(m, cx, zxid, txn)?;
                let committed = committed.max(zxid);
                self.phase = Phase::Synchronizing { link, epoch, committed, newleader };
                Ok(())
            }
            (Packet::Inform { zxid, txn }, Phase::Broadcast(..)) => {
                self.log(m, cx, zxid, txn)?;
                self.commit(m, cx, zxid)
            }
            (
                Packet::NewLeader { epoch: new, .. },
                Phase::Synchronizing { link, epoch, committed, newleader: NewLeader::Expected },
            ) if new == epoch => self.newleader(m, cx, link, epoch, committed),
            (
                Packet::UpToDate,
                Phase::Synchronizing { link, epoch, committed, newleader: NewLeader::Acked },
            ) => self.up_to_date(m, cx, link, epoch, committed),
            (Packet::Ping { zxid, .. }, Phase::Broadcast(..)) => {
                let touches = m.service.take_touches();
                cx.send(link, Packet::Ping { zxid, touches });
                Ok(())
            }
            (Packet::Ping { .. }, Phase::Synchronizing { .. }) => {
                self.extend_phase(cx);
                Ok(())
            }
            (Packet::Sync, Phase::Broadcast(..)) => {
                let Some(request) = rules::broadcast::next_synced(&m.config, &mut self.syncs) else {
                    return self.refuse(cx, Reason::Unexpected);
                };
                let mut effects = Vec::new();
                m.service.synced(cx.now, &request, &mut effects);
                self.carry_out(cx, effects)
            }
            (Packet::Revalidated { session, valid }, Phase::Broadcast(..)) => {
                let mut effects = Vec::new();
                m.service.has_up_to(m.history.last());
                m.service.revalidated(cx.now, session, valid, &mut effects);
                self.carry_out(cx, effects)
            }
            (Packet::CommitAndActivate { .. } | Packet::InformAndActivate { .. }, _) => {
                self.refuse(cx, Reason::CannotActivate)
            }
            _ => self.refuse(cx, Reason::Unexpected),
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
        self.carry_out(cx, effects)
    }

    pub(crate) fn done(&mut self, m: &mut Member<P>, cx: &mut Context<'_, P>, awaited: Awaited) -> Outcome {
        match (awaited, self.phase) {
            (Awaited::AcceptedEpoch(epoch), Phase::Promising(link, promised)) if epoch == promised => {
                let current = m.current_epoch;
                if rules::discovery::enters_epoch_with_its_promise(&m.config) {
                    m.enter_epoch(epoch, cx);
                }
                self.promised(m, cx, link, epoch, Some(current));
                Ok(())
            }
            (
                Awaited::CurrentEpoch(written),
                Phase::Synchronizing { epoch, newleader: NewLeader::Writing, .. },
            ) if written == epoch => {
                self.ack_newleader(m, cx);
                if rules::synchronization::serves_before_uptodate(&m.config)
                    && let Phase::Synchronizing { link, epoch, committed, .. } = self.phase
                {
                    return self.up_to_date(m, cx, link, epoch, committed);
                }
                Ok(())
            }
            (Awaited::Logged(zxid), phase) => {
                let may_acknowledge = |epoch, newleader| {
                    rules::broadcast::may_acknowledge(&m.config, epoch, zxid, newleader == NewLeader::Acked)
                };
                let acknowledges = match phase {
                    Phase::Synchronizing { epoch, newleader, .. } => may_acknowledge(epoch, newleader),
                    Phase::Broadcast(_, epoch) => may_acknowledge(epoch, NewLeader::Acked),
                    _ => false,
                };
                if acknowledges && self.voter {
                    self.ack(cx, zxid);
                }
                if matches!(phase, Phase::Broadcast(..)) {
                    m.trim();
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn alarm(&mut self, m: &mut Member<P>, cx: &mut Context<'_, P>, timer: Timer) -> Outcome {
        match (timer, self.phase) {
            (Timer::Redial, Phase::Redialing { attempts }) => {
                self.phase = Phase::Dialing { attempts: attempts + 1 };
                cx.out.push(Output::Dial(self.leader));
                Ok(())
            }
            (Timer::PhaseLimit, Phase::Synchronizing { newleader: NewLeader::Writing, .. }) => {
                // Its own disk keeps it, not the leader.
                self.extend_phase(cx);
                Ok(())
            }
            (Timer::PhaseLimit, phase) if !matches!(phase, Phase::Broadcast(..)) => Err(RoleEnded),
            (Timer::Liveness, Phase::Broadcast(..)) => {
                m.failures.forget();
                self.silent = self.silent.saturating_add(1);
                if self.silent > m.config.sync_limit {
                    return self.refuse(cx, Reason::Silent);
                }
                cx.out.push(Output::SetAlarm(Timer::Liveness, Delay::Tick));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The leader is sending its history: it is alive, and the time for synchronisation is not over.
    pub(crate) fn progress(&mut self, cx: &mut Context<'_, P>, link: Link) {
        match self.phase {
            Phase::Promised(own, _) | Phase::Synchronizing { link: own, .. } if own == link => {
                self.extend_phase(cx);
            }
            _ => {}
        }
    }

    /// From now on, `initLimit` again.
    fn extend_phase(&self, cx: &mut Context<'_, P>) {
        cx.out.push(Output::SetAlarm(Timer::PhaseLimit, Delay::InitLimit));
    }

    pub(crate) fn stop(self, cx: &mut Context<'_, P>) {
        if let Some(link) = self.link() {
            cx.hangup(link, Reason::RoleEnded);
        }
        for timer in [Timer::PhaseLimit, Timer::Redial, Timer::Liveness] {
            cx.out.push(Output::CancelAlarm(timer));
        }
    }

    fn link(&self) -> Option<Link> {
        match self.phase {
            Phase::Dialing { .. } | Phase::Redialing { .. } => None,
            Phase::Introduced { link, .. } | Phase::Promising(link, _) | Phase::Promised(link, _) => {
                Some(link)
            }
            Phase::Synchronizing { link, .. } | Phase::Broadcast(link, _) => Some(link),
        }
    }

    /// The leader broke a rule: leave it.
    fn refuse(&mut self, cx: &mut Context<'_, P>, reason: Reason) -> Outcome {
        if let Some(link) = self.link() {
            cx.hangup(link, reason);
        }
        self.phase = Phase::Redialing { attempts: DIAL_ATTEMPTS };
        Err(RoleEnded)
    }

    fn log(&mut self, m: &mut Member<P>, cx: &mut Context<'_, P>, zxid: Zxid, txn: P) -> Outcome {
        let (epoch, newleader) = match self.phase {
            Phase::Synchronizing { epoch, newleader, .. } => (epoch, Some(newleader)),
            Phase::Broadcast(_, epoch) => (epoch, None),
            _ => return self.refuse(cx, Reason::Unexpected),
        };
        if newleader.is_some() && rules::synchronization::has_already(m, epoch, zxid) {
            return Ok(());
        }
        let behind_newleader = newleader.is_some_and(|newleader| newleader != NewLeader::Expected);
        if rules::synchronization::drops_proposal(m, zxid, behind_newleader) {
            return Ok(());
        }
        if zxid.epoch() > epoch || m.append(zxid, txn, cx).is_err() {
            return self.refuse(cx, Reason::Gap);
        }
        if rules::broadcast::acknowledges_before_it_is_durable(&m.config) && zxid.epoch() == epoch {
            self.ack(cx, zxid);
        }
        Ok(())
    }

    fn ack(&self, cx: &mut Context<'_, P>, zxid: Zxid) {
        if let Some(link) = self.link() {
            cx.send(link, Packet::Ack { zxid });
        }
    }

    /// COMMIT must be for the oldest proposal that is not applied.
    fn commit(&mut self, m: &mut Member<P>, cx: &mut Context<'_, P>, zxid: Zxid) -> Outcome {
        if m.history.oldest_unapplied() != Some(zxid) {
            return self.refuse(cx, Reason::CommitOutOfOrder);
        }
        let effects = m.apply_to(rules::broadcast::commit_point(m, zxid), cx);
        m.trim();
        self.carry_out(cx, effects)
    }

    /// What the service of a learner wants done.
    fn carry_out(&mut self, cx: &mut Context<'_, P>, effects: EffectsOf<P>) -> Outcome {
        for effect in effects {
            match (effect, self.link()) {
                (Effect::Reply(conn, reply), _) => cx.out.push(Output::Reply(conn, reply)),
                (Effect::Close(conn), _) => cx.out.push(Output::CloseClient(conn)),
                (Effect::Submit(request), Some(link)) => {
                    if P::Service::kind(&request) == RequestKind::Sync {
                        self.syncs.push_back(request.clone());
                    }
                    cx.send(link, Packet::Request(request));
                }
                (Effect::Revalidate(touch), Some(link)) => cx.send(link, Packet::Revalidate(touch)),
                (Effect::Submit(_) | Effect::Revalidate(_), None) => {}
            }
        }
        Ok(())
    }
}

impl<P: Payload> Rename for Learner<P> {
    fn rename(&self, names: Names<'_>) -> Self {
        let phase = match self.phase {
            Phase::Dialing { .. } | Phase::Redialing { .. } => self.phase,
            Phase::Introduced { link, attempts } => Phase::Introduced { link: link.rename(names), attempts },
            Phase::Promising(link, epoch) => Phase::Promising(link.rename(names), epoch),
            Phase::Promised(link, epoch) => Phase::Promised(link.rename(names), epoch),
            Phase::Synchronizing { link, epoch, committed, newleader } => {
                Phase::Synchronizing { link: link.rename(names), epoch, committed, newleader }
            }
            Phase::Broadcast(link, epoch) => Phase::Broadcast(link.rename(names), epoch),
        };
        Learner {
            leader: names(self.leader),
            voter: self.voter,
            phase,
            silent: self.silent,
            heard: self.heard,
            arrivals: self.arrivals,
            syncs: self.syncs.clone(),
            wants_state: self.wants_state,
        }
    }
}
