//! Broadcast: a request becomes a proposal, a proposal that a quorum has on disk is committed.

use alloc::vec::Vec;

use super::{Leader, Outcome};
use crate::ids::{Link, ServerId, Zxid};
use crate::mutation::mutated;
use crate::output::{Output, Reason};
use crate::payload::{Effect, Origin, Payload, RequestKind, Service, Size};
use crate::zab::member::{Context, EffectsOf, Member, RoleEnded};
use crate::zab::packet::{Packet, RequestOf};

impl<P: Payload> Leader<P> {
    /// A learner asks something on behalf of a client. While much waits for this server's own disk the
    /// request has to wait. Acknowledgements and pings, which come the same way, must not.
    pub(super) fn asked(
        &mut self,
        m: &mut Member<P>,
        cx: &mut Context<'_, P>,
        link: Link,
        request: RequestOf<P>,
    ) -> Outcome {
        if !m.has_backlog() && self.parked.is_empty() {
            return self.request(m, cx, request, Origin::Learner(link));
        }
        let Some(learner) = self.learners.get_mut(&link.server) else { return Ok(()) };
        learner.parked = learner.parked.saturating_add(request.size());
        if learner.parked > m.config.max_parked {
            self.parked.retain(|(asker, _)| asker.server != link.server);
            return self.drop_learner(m, cx, link, Reason::TooMuchAsked);
        }
        self.parked.push_back((link, request));
        Ok(())
    }

    /// The disk has answered: what had to wait goes on, until there is too much again.
    pub(super) fn take_up_parked(&mut self, m: &mut Member<P>, cx: &mut Context<'_, P>) -> Outcome {
        while !m.has_backlog() && !mutated!(m.config, ParkedForgotten) {
            let Some((link, request)) = self.parked.pop_front() else { break };
            if let Some(learner) = self.learners.get_mut(&link.server).filter(|l| l.link == link) {
                learner.parked -= request.size();
            }
            self.request(m, cx, request, Origin::Learner(link))?;
        }
        Ok(())
    }

    pub(super) fn request(
        &mut self,
        m: &mut Member<P>,
        cx: &mut Context<'_, P>,
        request: RequestOf<P>,
        origin: Origin,
    ) -> Outcome {
        let early = self.epoch().filter(|_| mutated!(m.config, LeaderServesEarly));
        let Some(epoch) = self.established().or(early) else { return Ok(()) };
        match P::Service::kind(&request) {
            RequestKind::Sync => {
                let last = m.history.last();
                if last == m.history.applied() || mutated!(m.config, SyncNotDelayed) {
                    self.answer_sync(m, cx, origin, &request)
                } else {
                    let too_early = mutated!(m.config, SyncWaitsForOldest);
                    let oldest = if too_early { m.history.oldest_unapplied() } else { None };
                    self.syncs.push_back((oldest.unwrap_or(last), origin, request));
                    Ok(())
                }
            }
            RequestKind::Write => {
                // An exhausted counter ends the epoch: the next leader begins a new one.
                let before = if mutated!(m.config, EpochNotInZxid) {
                    m.history.last()
                } else if mutated!(m.config, CounterNotReset) {
                    Zxid::new(epoch, m.history.last().counter())
                } else {
                    m.history.last().max(Zxid::new(epoch, 0))
                };
                let zxid = before.next().ok_or(RoleEnded)?;
                let txn = m.service.prepare(cx.now, zxid, &request, origin);
                m.append(zxid, txn.clone(), cx).expect("the next zxid follows the last one");
                let only_in_service = mutated!(m.config, ProposalOnlyInService);
                for learner in self.learners.values() {
                    if learner.voter && learner.forwarding() && (!only_in_service || learner.in_service()) {
                        cx.send(learner.link, Packet::Proposal { zxid, txn: txn.clone() });
                    }
                }
                self.commit_what_can_be(m, cx)
            }
        }
    }

    /// Commit, in order, every proposal that a quorum has on disk.
    ///
    /// A follower that is being synchronised is told behind UPTODATE; an observer can take INFORM at
    /// any time.
    pub(super) fn commit_what_can_be(&mut self, m: &mut Member<P>, cx: &mut Context<'_, P>) -> Outcome {
        if self.established().is_none() {
            return Ok(());
        }
        while let Some(zxid) = m.history.oldest_unapplied() {
            let has = |id: ServerId| {
                if id == m.config.id {
                    m.history.logged() >= zxid || mutated!(m.config, OwnAckBeforeSync)
                } else {
                    self.voter_is(id, |l| l.has(zxid))
                }
            };
            let enough = if mutated!(m.config, CommitOnMinority) {
                m.membership.voters().any(has)
            } else if mutated!(m.config, CommitAtHalf) {
                m.membership.voters().filter(|id| has(*id)).count() * 2 >= m.membership.voters().count()
            } else {
                m.membership.is_quorum(has)
            };
            if !enough {
                break;
            }
            let txn =
                m.history.after(m.history.applied()).next().map(|(_, t)| t.clone()).expect("it is listed");
            for learner in self.learners.values() {
                let told =
                    learner.in_service() || mutated!(m.config, CommitDuringSync) && learner.forwarding();
                if learner.voter && told {
                    let newest = mutated!(m.config, CommitsOutOfOrder);
                    let zxid = if newest { m.history.last() } else { zxid };
                    cx.send(learner.link, Packet::Commit { zxid });
                } else if !learner.voter && learner.forwarding() && !mutated!(m.config, ObserverNotInformed) {
                    cx.send(learner.link, Packet::Inform { zxid, txn: txn.clone() });
                }
            }
            let effects = m.apply_to(zxid, cx);
            self.carry_out(m, cx, effects)?;
            while self.syncs.front().is_some_and(|(waits_for, ..)| *waits_for <= zxid) {
                let newest_first = mutated!(m.config, SyncsNewestFirst);
                let next = if newest_first { self.syncs.pop_back() } else { self.syncs.pop_front() };
                let (_, origin, request) = next.expect("there is a front");
                self.answer_sync(m, cx, origin, &request)?;
                if mutated!(m.config, SyncsNotDrained) {
                    break;
                }
            }
        }
        m.trim();
        Ok(())
    }

    fn answer_sync(
        &mut self,
        m: &mut Member<P>,
        cx: &mut Context<'_, P>,
        origin: Origin,
        request: &RequestOf<P>,
    ) -> Outcome {
        match origin {
            Origin::Learner(link) => {
                if self.learners.get(&link.server).is_some_and(|l| l.link == link) {
                    cx.send(link, Packet::Sync);
                }
                Ok(())
            }
            Origin::Local => {
                let mut effects = Vec::new();
                m.service.synced(cx.now, request, &mut effects);
                self.carry_out(m, cx, effects)
            }
        }
    }

    /// What the service of a leader wants done.
    pub(super) fn carry_out(
        &mut self,
        m: &mut Member<P>,
        cx: &mut Context<'_, P>,
        effects: EffectsOf<P>,
    ) -> Outcome {
        for effect in effects {
            match effect {
                Effect::Reply(conn, reply) => cx.out.push(Output::Reply(conn, reply)),
                Effect::Close(conn) => cx.out.push(Output::CloseClient(conn)),
                Effect::Submit(request) => self.request(m, cx, request, Origin::Local)?,
                Effect::Revalidate(touch) => {
                    let valid = m.service.revalidate(cx.now, touch, Origin::Local);
                    let mut effects = Vec::new();
                    m.service.has_up_to(m.history.last());
                    m.service.revalidated(cx.now, touch.session, valid, &mut effects);
                    self.carry_out(m, cx, effects)?;
                }
            }
        }
        Ok(())
    }
}
