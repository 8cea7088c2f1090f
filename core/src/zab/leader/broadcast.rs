//! Broadcast: a request becomes a proposal, a proposal that a quorum has on disk is committed.

use alloc::vec::Vec;

use super::{Leader, Outcome};
use crate::ids::{Link, ServerId, SessionId};
use crate::output::{Output, Reason};
use crate::payload::{Effect, Origin, Payload, RequestKind, Service, Size};
use crate::zab::member::{Context, EffectsOf, Member, RoleEnded};
use crate::zab::packet::{Packet, RequestOf};
use crate::zab::rules::broadcast as rules;
use crate::zab::rules::quorum;

/// What a place in a queue takes, in bytes: something that a learner has asked is kept there.
const PLACE: usize = 64;

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
        self.parked.push_back((link, request));
        let bytes = self.parked.back().map_or(0, |(_, request)| request.size());
        self.keep(m, cx, link, bytes)
    }

    /// Something that a learner has asked is kept until it can be answered; its length is `bytes`. A learner
    /// of which too much is kept is given up.
    pub(super) fn keep(
        &mut self,
        m: &Member<P>,
        cx: &mut Context<'_, P>,
        link: Link,
        bytes: usize,
    ) -> Outcome {
        let Some(learner) = self.learners.get_mut(&link.server) else { return Ok(()) };
        learner.asked = learner.asked.saturating_add(PLACE + bytes);
        if learner.asked <= m.config.max_parked {
            return Ok(());
        }
        self.forget_asked(link.server);
        self.drop_learner(m, cx, link, Reason::TooMuchAsked)
    }

    /// Something that was kept of a learner is taken up or answered.
    fn give_back(&mut self, link: Link, bytes: usize) {
        if let Some(learner) = self.learners.get_mut(&link.server).filter(|l| l.link == link) {
            learner.asked = learner.asked.saturating_sub(PLACE + bytes);
        }
    }

    /// Nothing is kept any more of what a learner has asked.
    pub(super) fn forget_asked(&mut self, id: ServerId) {
        let asks = |origin| matches!(origin, Origin::Learner(asker) if asker.server == id);
        self.syncs.retain(|(_, origin, _)| !asks(*origin));
        self.revalidations.retain(|(_, asker, _)| asker.server != id);
        self.parked.retain(|(asker, _)| asker.server != id);
    }

    /// The disk has answered: what had to wait goes on, until there is too much again.
    pub(super) fn take_up_parked(&mut self, m: &mut Member<P>, cx: &mut Context<'_, P>) -> Outcome {
        while rules::takes_up_parked(m) {
            let Some((link, request)) = self.parked.pop_front() else { break };
            self.give_back(link, request.size());
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
        let (established, chosen) = (self.established(), self.epoch());
        let Some(epoch) = rules::orders_in(&m.config, established, chosen) else { return Ok(()) };
        match P::Service::kind(&request) {
            RequestKind::Sync => match rules::sync_waits_for(m) {
                None => self.answer_sync(m, cx, origin, &request),
                Some(zxid) => {
                    let bytes = request.size();
                    self.syncs.push_back((zxid, origin, request));
                    match origin {
                        Origin::Learner(link) => self.keep(m, cx, link, bytes),
                        Origin::Local => Ok(()),
                    }
                }
            },
            RequestKind::Write => {
                // An exhausted counter ends the epoch: the next leader begins a new one.
                let zxid = rules::next_zxid(m, epoch).ok_or(RoleEnded)?;
                let txn = m.service.prepare(cx.now, zxid, &request, origin);
                m.append(zxid, txn.clone(), cx).expect("the next zxid follows the last one");
                for learner in self.learners.values().filter(|l| rules::gets_proposals(&m.config, l)) {
                    cx.send(learner.link, Packet::Proposal { zxid, txn: txn.clone() });
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
            if !quorum::has_logged(m, &self.learners, zxid) {
                break;
            }
            let txn =
                m.history.after(m.history.applied()).next().map(|(_, t)| t.clone()).expect("it is listed");
            for learner in self.learners.values() {
                if rules::gets_commit(&m.config, learner) {
                    cx.send(learner.link, Packet::Commit { zxid: rules::commit_names(m, zxid) });
                } else if rules::gets_inform(&m.config, learner) {
                    cx.send(learner.link, Packet::Inform { zxid, txn: txn.clone() });
                }
            }
            let effects = m.apply_to(zxid, cx);
            self.carry_out(m, cx, effects)?;
            while let Some((_, origin, request)) = rules::next_answered(&m.config, &mut self.syncs, zxid) {
                if let Origin::Learner(link) = origin {
                    self.give_back(link, request.size());
                }
                self.answer_sync(m, cx, origin, &request)?;
                if rules::answers_one_sync(&m.config) {
                    break;
                }
            }
            while self.revalidations.front().is_some_and(|(waits_for, ..)| *waits_for <= zxid)
                && let Some((_, link, answer)) = self.revalidations.pop_front()
            {
                self.give_back(link, 0);
                self.answer_revalidation(m, cx, link, answer);
            }
        }
        m.trim();
        Ok(())
    }

    /// Tell a learner whether a session is open, if the connection over which it asked is still there.
    pub(super) fn answer_revalidation(
        &self,
        m: &Member<P>,
        cx: &mut Context<'_, P>,
        link: Link,
        (session, valid): (SessionId, bool),
    ) {
        let asked = self.learners.get(&link.server).is_some_and(|learner| learner.link == link);
        if asked && rules::answers_revalidation(&m.config) {
            cx.send(link, Packet::Revalidated { session, valid });
        }
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
