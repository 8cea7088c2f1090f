//! One member of the ensemble: the only way in, and the glue that changes roles.

mod observe;
mod rules;

use crate::config::{Constant, ElectionMode, PeerConfig};
use crate::election::{FastLeaderElection, Notification, ServerState, Vote};
use crate::ids::{Now, ServerId, Zxid};
use crate::input::Input;
use crate::output::{Output, Outputs, Reason};
use crate::payload::{Effect, Payload, Service, ServingRole};
use crate::recovered::Recovered;
use crate::storage::Awaited;
use crate::timer::{Delay, Timer};
use crate::zab::{Context, Guest, History, Leader, Learner, Lobby, Member, RoleEnded};

/// One member of an ensemble, voter or observer.
///
/// Everything a server does passes through [`QuorumPeer::step`]. The contract is on the crate's
/// front page.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct QuorumPeer<P: Payload> {
    member: Member<P>,
    election: FastLeaderElection,
    role: Role<P>,
    /// Serves read-only clients while no leader is known: a copy, so that nothing that happens in it
    /// is ever part of the replicated state.
    read_only: Option<P::Service>,
    /// The disk was late when this server began to look for a leader: it has no vote until the disk has
    /// answered.
    abstains: bool,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Role<P: Payload> {
    Looking(Lobby<P>),
    Leading(Leader<P>),
    Learning(Learner<P>),
}

impl<P: Payload> QuorumPeer<P> {
    /// A server as it comes up. Nothing happens before [`Input::Start`].
    ///
    /// `recovered` must have passed [`Recovered::check`].
    pub fn new(config: Constant<PeerConfig<P>>, recovered: Recovered<P>) -> Self {
        let base = recovered.base();
        let (trusted, reaches) = (recovered.trusted, recovered.reaches);
        let entries = recovered.entries;
        let state = recovered.snapshot.as_ref().map(|(_, state)| state);
        let history = History::recovered(base, entries);
        let mut member =
            Member::new(config, recovered.accepted_epoch, recovered.current_epoch, history, state);
        member.reaches = reaches;
        member.trusted = trusted;
        if rules::tail_is_applied_at_start(&member.config) {
            let mut out = Outputs::new();
            let last = member.history.last();
            let _ = member.apply_to(last, &mut Context { now: Now::default(), out: &mut out });
        }
        QuorumPeer {
            member,
            election: FastLeaderElection::default(),
            role: Role::Looking(Lobby::new()),
            read_only: None,
            abstains: false,
        }
    }

    /// Take one input, append everything it causes to `out`. Cannot fail.
    pub fn step(&mut self, now: Now, input: Input<P>, out: &mut Outputs<P>) {
        let mut cx = Context { now, out };
        let mut outcome = self.dispatch(&mut cx, input);
        while outcome == Err(RoleEnded) {
            self.end_role(&mut cx);
            outcome = self.look(&mut cx);
        }
        self.note_epoch();
        self.check_invariants();
    }

    /// Panics if this server's own state contradicts itself.
    fn check_invariants(&self) {
        // A rule that is broken on purpose is to be noticed by a property.
        #[cfg(feature = "mutants")]
        if self.member.config.mutation.is_some() {
            return;
        }
        self.member.check_invariants();
        match &self.role {
            Role::Looking(_) => {}
            Role::Leading(leader) => leader.check_invariants(&self.member),
            Role::Learning(learner) => learner.check_invariants(&self.member),
        }
    }

    fn dispatch(&mut self, cx: &mut Context<'_, P>, input: Input<P>) -> Outcome {
        let m = &mut self.member;
        match &mut self.role {
            Role::Looking(_) => {}
            Role::Leading(leader) => leader.may_go_on(m, cx, &input)?,
            Role::Learning(learner) => learner.may_go_on(m, cx, &input)?,
        }
        match (input, &mut self.role) {
            (Input::Start, _) => self.look(cx),
            (Input::Client(conn, event), Role::Leading(leader)) => leader.client(m, cx, conn, event),
            (Input::Client(conn, event), Role::Learning(learner)) => learner.client(m, cx, conn, event),
            (Input::Client(conn, event), Role::Looking(_)) => {
                let mut effects = alloc::vec![];
                let service = self.read_only.as_mut().unwrap_or(&mut m.service);
                service.client(cx.now, conn, event, &mut effects);
                deliver(cx, effects);
                Ok(())
            }
            (Input::ElectionUp(server), _) => {
                let state = self.state();
                self.election.link_up(&self.member.membership, server, state, cx.out);
                Ok(())
            }
            (Input::ElectionDown(server), _) => {
                self.election.link_down(server);
                Ok(())
            }
            (Input::Notification(from, heard), _) => self.notification(cx, from, heard),
            (Input::Elected(leader), Role::Looking(_))
                if m.config.election == ElectionMode::Oracle && !(self.abstains && leader == m.config.id) =>
            {
                let vote = Vote { leader, zxid: Some(m.history.last()), peer_epoch: m.current_epoch };
                self.decided(cx, vote)
            }
            (Input::Elected(_), _) => Ok(()),
            (Input::Accepted(link), _)
                if link.server == m.config.id || !m.membership.is_member(link.server) =>
            {
                cx.hangup(link, Reason::NotInConfig);
                Ok(())
            }
            (Input::Accepted(link), Role::Leading(leader)) => leader.accepted(m, cx, link),
            (Input::Accepted(link), Role::Looking(lobby)) => {
                lobby.accepted(cx, link);
                Ok(())
            }
            (Input::Up(link), Role::Learning(learner)) => {
                learner.up(m, cx, link);
                Ok(())
            }
            (Input::Up(link) | Input::Accepted(link), _) => {
                cx.hangup(link, Reason::NotLeading);
                Ok(())
            }
            (Input::Down(link), Role::Leading(leader)) => leader.down(m, link),
            (Input::Down(link), Role::Learning(learner)) => learner.down(cx, link),
            (Input::Down(link), Role::Looking(lobby)) => {
                lobby.down(cx, link);
                Ok(())
            }
            (Input::Packet(link, packet), Role::Leading(leader)) => leader.packet(m, cx, link, packet),
            (Input::Packet(link, packet), Role::Learning(learner)) => learner.packet(m, cx, link, packet),
            (Input::Packet(link, packet), Role::Looking(lobby)) => {
                lobby.packet(cx, link, packet);
                Ok(())
            }
            (Input::Progress(link), role) => {
                match role {
                    Role::Leading(leader) => leader.progress(cx, link),
                    Role::Learning(learner) => learner.progress(cx, link),
                    Role::Looking(_) => {}
                }
                Ok(())
            }
            (Input::AllRead(link), role) => {
                match role {
                    Role::Learning(learner) => learner.all_read(cx.now, link),
                    Role::Leading(leader) => leader.all_read(cx.now, link),
                    Role::Looking(_) => {}
                }
                Ok(())
            }
            (Input::Done(ticket), _) => {
                while let Some(awaited) = self.member.storage.next_done(ticket) {
                    self.done(cx, awaited)?;
                }
                if self.abstains && self.member.storage.is_empty() {
                    self.abstains = false;
                    return self.elect(cx);
                }
                Ok(())
            }
            (Input::SnapshotTaken, _) => {
                m.snapshot_taken();
                Ok(())
            }
            (Input::Alarm(timer), _) => self.alarm(cx, timer),
        }
    }

    fn done(&mut self, cx: &mut Context<'_, P>, awaited: Awaited) -> Outcome {
        let m = &mut self.member;
        if let Awaited::Logged(zxid) = awaited {
            m.history.set_logged(zxid);
        }
        match &mut self.role {
            Role::Looking(_) => Ok(()),
            Role::Leading(leader) => leader.done(m, cx, awaited),
            Role::Learning(learner) => learner.done(m, cx, awaited),
        }
    }

    fn alarm(&mut self, cx: &mut Context<'_, P>, timer: Timer) -> Outcome {
        let m = &mut self.member;
        match (&mut self.role, timer) {
            (Role::Looking(_), Timer::ElectionResend) => {
                self.election.resend(&m.config, &m.membership, cx.out);
                Ok(())
            }
            (Role::Looking(_), Timer::ElectionDecide) => match self.election.pause_over() {
                Some(vote) => self.decided(cx, vote),
                None => Ok(()),
            },
            (Role::Looking(lobby), Timer::PhaseLimit) => {
                lobby.close(cx);
                Ok(())
            }
            (Role::Looking(_), Timer::ReadOnly) => {
                self.serve_read_only(cx);
                Ok(())
            }
            (Role::Looking(_), _) => Ok(()),
            (Role::Leading(leader), timer) => {
                leader.alarm(m, cx, timer)?;
                if timer == Timer::Liveness && m.config.election == ElectionMode::Fast {
                    leader.check_prospects(m, |id| self.election.reaches(id))?;
                }
                Ok(())
            }
            (Role::Learning(learner), timer) => learner.alarm(m, cx, timer),
        }
    }

    /// Rules of the election port in every state (`FastLeaderElection.WorkerReceiver`).
    fn notification(&mut self, cx: &mut Context<'_, P>, from: ServerId, heard: Notification) -> Outcome {
        let state = self.state();
        let (config, members) = (&self.member.config, &self.member.membership);
        if !members.is_voter(from) {
            if rules::answers_observer(config, heard.state) {
                cx.out.push(Output::Elect(from, self.election.notification(state)));
            }
            return Ok(());
        }
        if state == ServerState::Looking {
            return match self.election.hear(config, members, from, heard, cx.out) {
                Some(vote) => self.decided(cx, vote),
                None => Ok(()),
            };
        }
        if heard.state != ServerState::Looking {
            return Ok(());
        }
        if rules::answers_looking_voter(config) {
            cx.out.push(Output::Elect(from, self.election.notification(state)));
        }
        // What it said before it decided has an older clock, or this one.
        if heard.round > self.election.round()
            && let Role::Leading(leader) = &mut self.role
        {
            leader.hears_looking(from);
        }
        Ok(())
    }

    fn look(&mut self, cx: &mut Context<'_, P>) -> Outcome {
        self.role = Role::Looking(Lobby::new());
        let m = &self.member;
        self.abstains = rules::abstains(m, cx.now);
        if m.config.read_only && m.config.election == ElectionMode::Fast {
            cx.out.push(Output::SetAlarm(Timer::ReadOnly, Delay::ReadOnly));
        }
        self.elect(cx)
    }

    /// Begin a round. A voter without a history it can vouch for, or whose disk is late, says so: it waits
    /// for a leader that the others elect.
    fn elect(&mut self, cx: &mut Context<'_, P>) -> Outcome {
        let m = &self.member;
        if m.config.election == ElectionMode::Oracle {
            return Ok(());
        }
        let initial = rules::initial_vote(m, self.abstains);
        match self.election.start(&m.config, &m.membership, initial, cx.out) {
            Some(vote) => self.decided(cx, vote),
            None => Ok(()),
        }
    }

    fn decided(&mut self, cx: &mut Context<'_, P>, vote: Vote) -> Outcome {
        if self.member.config.election == ElectionMode::Fast {
            self.election.end(vote, cx.out);
        }
        self.end_read_only(cx);
        self.abstains = false;
        let looking = core::mem::replace(&mut self.role, Role::Looking(Lobby::new()));
        let Role::Looking(lobby) = looking else { unreachable!("only who looks decides") };
        if vote.leader != self.member.config.id {
            lobby.turn_away(cx);
            self.role = Role::Learning(Learner::start(&self.member, cx, vote.leader));
            self.member.failures.add();
            return Ok(());
        }
        let m = &mut self.member;
        m.failures.add();
        let guests = lobby.guests();
        let mut leader = Leader::start(m, cx);
        let mut outcome = Ok(());
        for Guest { link, said } in guests {
            if rules::lobby_is_forgotten(&m.config) {
                continue;
            }
            outcome = outcome.and_then(|()| leader.accepted(m, cx, link));
            if let Some(packet) = said {
                outcome = outcome.and_then(|()| leader.packet(m, cx, link, packet));
            }
        }
        self.role = Role::Leading(leader);
        outcome
    }

    /// Serve what is here: the whole history, as ZooKeeper does. What was on its way to a
    /// quorum when the leader was lost may be shown, and be discarded later.
    fn serve_read_only(&mut self, cx: &mut Context<'_, P>) {
        let m = &self.member;
        if m.current_epoch == 0 && m.history.last() == Zxid::ZERO {
            // It was never part of an ensemble: an empty tree is not an old answer but a wrong one.
            return;
        }
        let shown = m.history.last().max(Zxid::new(m.current_epoch, 0));
        let (mut service, mut effects) = (m.whole_service(cx.now), alloc::vec![]);
        service.serve(cx.now, ServingRole::ReadOnly, shown, &mut effects);
        deliver(cx, effects);
        self.read_only = Some(service);
    }

    fn end_read_only(&mut self, cx: &mut Context<'_, P>) {
        if self.member.config.read_only {
            cx.out.push(Output::CancelAlarm(Timer::ReadOnly));
        }
        if let Some(mut service) = self.read_only.take() {
            let mut effects = alloc::vec![];
            service.stop(&mut effects);
            deliver(cx, effects);
        }
    }

    fn end_role(&mut self, cx: &mut Context<'_, P>) {
        match core::mem::replace(&mut self.role, Role::Looking(Lobby::new())) {
            Role::Looking(lobby) => lobby.turn_away(cx),
            Role::Leading(leader) => leader.stop(cx),
            Role::Learning(learner) => learner.stop(cx),
        }
        if rules::tail_is_applied_at_end(&self.member.config) {
            let _ = self.member.apply_to(self.member.history.last(), cx);
        }
        if rules::log_queue_is_forgotten(&self.member.config) {
            let history = &mut self.member.history;
            history.truncate(history.logged().max(history.applied()));
        }
        self.member.storage.forget_role();
        let mut effects = alloc::vec![];
        self.member.service.stop(&mut effects);
        deliver(cx, effects);
    }

    /// Once in service, servers that ask for the leader are told the new epoch (ZOOKEEPER-1732).
    fn note_epoch(&mut self) {
        let epoch = match &self.role {
            Role::Looking(_) => None,
            Role::Leading(leader) => leader.established(),
            Role::Learning(learner) => learner.in_service(),
        };
        if let (Some(epoch), ElectionMode::Fast) = (epoch, self.member.config.election) {
            self.election.established(epoch);
        }
    }

    fn is_voter(&self) -> bool {
        self.member.membership.is_voter(self.member.config.id)
    }
}

type Outcome = Result<(), RoleEnded>;

/// What a service that is not serving can want: to answer and to close.
fn deliver<P: Payload>(cx: &mut Context<'_, P>, effects: alloc::vec::Vec<Effect<P::Service>>) {
    for effect in effects {
        match effect {
            Effect::Reply(conn, reply) => cx.out.push(Output::Reply(conn, reply)),
            Effect::Close(conn) => cx.out.push(Output::CloseClient(conn)),
            Effect::Submit(_) | Effect::Revalidate(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
