//! What happens: an action, the one place where core runs, and its outputs, performed as the server's
//! shell performs them.

use std::sync::Arc;

use quorate_core::config::ElectionMode;
use quorate_core::election::{ServerState, Slot};
use quorate_core::ids::{ConnId, Link};
use quorate_core::timer::Timer;
use quorate_core::zab::Packet;
use quorate_core::{ClientOf, Input, Output, QuorumPeer, Reason};

use super::observe::Introduction;
use super::observe::{answers_needlessly, leads_unheard};
use super::{
    Action, Connection, Disk, Durable, End, Event, Forged, Modelled, QuorumPort, Server, Side, View, World,
    bit, id, index,
};
use super::{Printed, Told};

impl<P: Modelled> World<P> {
    /// The world after an action, which must be possible.
    pub fn next(&self, action: &Action) -> Self {
        let mut world = self.clone();
        world.act(action);
        world
    }

    /// The action, which must be possible, happens.
    pub fn act(&mut self, action: &Action) {
        match *action {
            Action::Start(i) => self.start(i),
            Action::Lead(i) => {
                self.budget.elections -= 1;
                self.oracle = Some(i);
                self.step(i, Input::Elected(id(i)));
            }
            Action::Follow(i, leader) => {
                self.step(i, Input::Elected(id(leader)));
                // However long it waits before it dials.
                if self.armed(i, Timer::Redial) {
                    self.alarm(i, Timer::Redial);
                }
                self.connect(i, leader);
            }
            Action::Vote { from, to } => self.vote(from * self.servers.len() + to),
            Action::Decide(i) => self.alarm(i, Timer::ElectionDecide),
            Action::Resend(i) => {
                self.budget.resends -= 1;
                self.alarm(i, Timer::ElectionResend);
            }
            Action::Connect(i) => {
                let leader = self.dial_succeeds(i).expect("it accepts");
                self.connect(i, leader);
            }
            Action::Deliver(c, side) => self.deliver(c, side),
            Action::Down(c, side) => self.down(c, side),
            Action::Submit(i) => {
                let event = P::submission(self.budget.txns);
                self.budget.txns -= 1;
                self.submit(i, event);
            }
            Action::Ask(i) => {
                self.budget.txns -= 1;
                self.ask(i);
            }
            Action::Sync(i) => {
                let (ticket, backwards) = self.servers[i].change().disk.sync();
                self.note(backwards, |broken| broken.epoch_monotone = true);
                self.step(i, Input::Done(ticket));
            }
            Action::Snapshot(i) => {
                self.servers[i].change().disk.finish_snapshot();
                self.step(i, Input::SnapshotTaken);
            }
            Action::PhaseLimit(i) => {
                if !self.has_waited(i) {
                    self.budget.faults -= 1;
                }
                self.alarm(i, Timer::PhaseLimit);
            }
            Action::Silence(i) => {
                if self.setting.quorum_port != QuorumPort::Dead {
                    self.budget.faults -= 1;
                }
                let checks = self.config(i).sync_limit + 1;
                for _ in 0..checks {
                    if self.servers[i].alarms & bit(Timer::Liveness) != 0 {
                        self.alarm(i, Timer::Liveness);
                    }
                }
                let leads = self.servers[i].peer.as_ref().is_some_and(|peer| leads_unheard(peer, checks));
                self.note(leads, |broken| broken.leads_unheard = true);
            }
            Action::Crash(i, kept) => {
                self.budget.faults -= 1;
                self.crash(i, kept);
            }
            Action::Forge(leader) => {
                self.budget.faults -= 1;
                self.forge(leader);
            }
            Action::Cut(c) => {
                self.budget.faults -= 1;
                self.connections[c].cut();
            }
        }
        self.come_to_rest();
    }

    /// Whether a server that gives its phase up has a reason, or has led for long enough: that is no fault.
    pub fn has_waited(&self, i: usize) -> bool {
        match &self.servers[i].peer {
            Some(peer) => peer.established_epoch().is_some() || self.waits_in_vain(i, peer),
            None => P::java_waits_in_vain(self, i),
        }
    }

    /// What happens at once after every action.
    fn come_to_rest(&mut self) {
        while self.setting.redials && self.redial() || self.setting.eager && self.settle() {}
        self.connections.retain(|c| !c.gone());
    }

    /// A client hands a server this transaction, whatever the budget.
    pub fn submit(&mut self, i: usize, event: ClientOf<P>) {
        self.step(i, Input::Client(ConnId(0), event));
        self.come_to_rest();
    }

    /// A client asks a server that serves for `sync`, whatever the budget.
    pub fn ask(&mut self, i: usize) {
        let proposed = self.proposed_by_leader(i);
        let asked = &mut self.servers[i].change().asked;
        let n = (0..).find(|n| asked.iter().all(|(_, other)| other != n)).expect("one that does not wait");
        asked.push((proposed, n));
        self.step(i, Input::Client(ConnId(u64::from(n)), P::sync(n)));
        self.come_to_rest();
    }

    /// The connection of a client outside of the world says something to a server, which must be up.
    pub(crate) fn client(&mut self, i: usize, conn: ConnId, event: ClientOf<P>) {
        self.step(i, Input::Client(conn, event));
        self.come_to_rest();
    }

    /// What servers have said to clients outside of the world since this was last asked.
    pub(crate) fn take_told(&mut self) -> Vec<Told<P>> {
        std::mem::take(&mut self.told)
    }

    pub(crate) fn tell(&mut self, told: Told<P>) {
        self.told.push(told);
    }

    /// Whether an alarm of a server that is up is set.
    pub fn armed(&self, i: usize, timer: Timer) -> bool {
        self.servers[i].alarms & bit(timer) != 0
    }

    /// An alarm that is set fires, whatever the budget.
    pub fn fire(&mut self, i: usize, timer: Timer) {
        assert!(self.armed(i, timer), "{timer:?} of server {} is not set", i + 1);
        self.alarm(i, timer);
        self.come_to_rest();
    }

    fn start(&mut self, i: usize) {
        if let Some(flaws) = self.setting.java(i) {
            return P::start_java(self, i, flaws);
        }
        let config = self.setting.configs[i].clone();
        let server = self.servers[i].change();
        let recovered = server.disk.durable.recovered();
        let refused = recovered.check().is_err();
        if refused {
            self.note(true, |broken| broken.disk_refused = true);
            return;
        }
        server.peer = Some(QuorumPeer::new(config, recovered));
        server.alarms = 0;
        server.dialing = None;
        let fast = self.setting.configs[i].election == ElectionMode::Fast;
        let others: Vec<usize> = self.peers().map(|(j, _)| j).filter(|j| *j != i && fast).collect();
        self.step(i, Input::Start);
        for j in others {
            self.votes[j * self.servers.len() + i].reconnected();
            self.step(i, Input::ElectionUp(id(j)));
            self.step(j, Input::ElectionUp(id(i)));
        }
    }

    fn crash(&mut self, i: usize, kept: usize) {
        let server = self.servers[i].change();
        (server.peer, server.java) = (None, None);
        server.disk.crash(kept);
        if self.setting.fragile == Some(i) {
            server.disk = Disk::new(Durable::lost());
        }
        server.asked.clear();
        server.alarms = 0;
        server.dialing = None;
        let n = self.servers.len();
        let outlives = self.setting.harsh.outlives;
        for j in 0..n {
            if !outlives {
                self.votes[i * n + j] = Slot::default();
                self.older_votes[i * n + j].clear();
            }
            self.older_votes[j * n + i].clear();
            if !self.setting.votes_wait {
                self.votes[j * n + i] = Slot::default();
            }
        }
        for connection in &mut self.connections {
            for side in [Side::Learner, Side::Leader] {
                if connection.owner(side) == i && outlives {
                    connection.close(side);
                } else if connection.owner(side) == i {
                    connection.die(side);
                }
            }
        }
        if self.setting.configs[i].election == ElectionMode::Fast {
            let others: Vec<usize> = self.peers().map(|(j, _)| j).collect();
            for j in others {
                self.step(j, Input::ElectionDown(id(i)));
            }
        }
    }

    fn connect(&mut self, learner: usize, leader: usize) {
        let generation = self.open(learner, leader);
        self.servers[learner].change().dialing = None;
        self.step(learner, Input::Up(Link { server: id(leader), generation }));
    }

    /// A stranger dials in the name of a server, introduces itself and goes.
    fn forge(&mut self, leader: usize) {
        let Forged { server, accepted_epoch } = self.setting.forged.expect("there is a stranger");
        let generation = self.open(index(server), leader);
        let own = |c: &&mut Connection<P>| {
            (c.learner, c.leader, c.generation) == (index(server), leader, generation)
        };
        let connection = self.connections.iter_mut().find(own).expect("it was opened");
        connection.to_leader.push_back(Packet::FollowerInfo { accepted_epoch, config_version: 0 });
        connection.learner_end = End::Closed;
    }

    /// Open a connection of these two, of which neither end knows yet. Returns its generation.
    fn open(&mut self, learner: usize, leader: usize) -> u32 {
        let used = |generation: &u32| {
            let pair = |c: &Connection<P>| (c.learner, c.leader);
            let same = |c: &Connection<P>| [(learner, leader), (leader, learner)].contains(&pair(c));
            self.connections.iter().any(|c| same(c) && c.generation == *generation)
        };
        let generation = (0..).find(|g| !used(g)).expect("a free number");
        self.connections.push(Connection::new(learner, leader, generation));
        self.connections.sort_unstable_by_key(Connection::place);
        generation
    }

    /// Where the clock moves: a server is told of each of its connections on which nothing waits that
    /// everything is read.
    pub fn says_all_read(&mut self, i: usize) {
        for c in 0..self.connections.len() {
            for side in [Side::Learner, Side::Leader] {
                let connection = &self.connections[c];
                let idle = connection.queue(side).is_empty() && connection.unread[side as usize] == 0;
                if connection.owner(side) == i && connection.end(side) == End::Open && idle {
                    let link = self.link(c, side);
                    self.step(i, Input::AllRead(link));
                }
            }
        }
    }

    /// Before a packet is read: everything is read that had arrived when this was last so.
    fn mark(&mut self, c: usize, side: Side) {
        let link = self.link(c, side);
        let connection = &mut self.connections[c];
        let owner = connection.owner(side);
        let waiting = connection.queue(side).len();
        let unread = &mut connection.unread[side as usize];
        let all_read = *unread == 0;
        let before = if all_read { waiting } else { *unread };
        *unread = before - 1;
        if all_read && connection.end(side) == End::Open {
            self.step(owner, Input::AllRead(link));
        }
    }

    pub(super) fn deliver(&mut self, c: usize, side: Side) {
        if self.now.elapsed_ms > 0 {
            self.mark(c, side);
        }
        let link = self.link(c, side);
        let connection = &mut self.connections[c];
        let owner = connection.owner(side);
        let (queue, announced) = match side {
            Side::Learner => (&mut connection.to_learner, true),
            Side::Leader => (&mut connection.to_leader, connection.leader_end == End::Open),
        };
        let packet = queue.pop_front().expect("a packet is under way");
        if !announced {
            connection.leader_end = End::Open;
            self.step(owner, Input::Accepted(link));
        }
        self.step(owner, Input::Packet(link, packet));
    }

    pub(super) fn vote(&mut self, slot: usize) {
        let (from, to) = (slot / self.servers.len(), slot % self.servers.len());
        if let Some(vote) = self.older_votes[slot].pop_front() {
            return self.step(to, Input::Notification(id(from), vote));
        }
        let vote = self.votes[slot].take().expect("a vote is under way");
        if !self.setting.votes_wait {
            // It will not be sent again.
            self.votes[slot] = Slot::default();
        }
        self.step(to, Input::Notification(id(from), vote));
    }

    pub(super) fn down(&mut self, c: usize, side: Side) {
        let link = self.link(c, side);
        let owner = self.connections[c].owner(side);
        self.connections[c].close(side);
        self.step(owner, Input::Down(link));
    }

    pub(super) fn alarm(&mut self, i: usize, timer: Timer) {
        self.servers[i].change().alarms &= !bit(timer);
        self.step(i, Input::Alarm(timer));
    }

    /// The one place where core runs.
    fn step(&mut self, i: usize, input: Input<P>) {
        self.steps += 1;
        if self.servers[i].java.is_some() {
            return P::step_java(self, i, input);
        }
        let mut out = Vec::new();
        let makes_way = self.servers[i].alarms & bit(Timer::PhaseLimit) == 0;
        let peer = self.servers[i].change().peer.as_mut().expect("it is up");
        let before = self.trace.is_some().then(|| (input.clone(), View::of(peer)));
        let introduction = Introduction::of(peer, &input).map(|said| (said, makes_way));
        let heard = match &input {
            Input::Notification(from, heard) => Some((*from, *heard, peer.state())),
            _ => None,
        };
        peer.step(self.now, input, &mut out);
        let needless = heard.is_some_and(|(from, heard, state)| {
            answers_needlessly(from, &heard, state != peer.state(), &out)
        });
        let observer = introduction.as_ref().is_some_and(|(said, _)| said.deposes_as_observer(peer));
        let harmful = introduction.is_some_and(|(said, justly)| said.harms(peer, &out, justly));
        if let (Some(trace), Some((input, before))) = (&mut self.trace, before) {
            trace.push(Event { server: i, input, outputs: out.clone(), before, after: View::of(peer) });
        }
        self.note(harmful, |broken| broken.harmful_introduction = true);
        self.note(observer, |broken| broken.observer_deposed = true);
        self.note(needless, |broken| broken.needless_answer = true);
        for output in out {
            self.perform(i, output);
        }
        let server = &self.servers[i];
        let peer = server.peer.as_ref().expect("it is up");
        if server.dialing.is_some() && matches!(peer.state(), ServerState::Looking | ServerState::Leading) {
            self.servers[i].change().dialing = None;
        }
        self.observe(i);
    }

    pub(super) fn perform(&mut self, i: usize, output: Output<P>) {
        match output {
            Output::Elect(to, vote) => {
                self.check_vote(i, &vote);
                let to = index(to);
                // A server that a configuration names may be missing from the world.
                let is_up = |server: &Printed<Server<P>>| server.peer.is_some() || self.setting.votes_wait;
                if self.servers.get(to).is_some_and(is_up) {
                    let slot = i * self.servers.len() + to;
                    if self.older_votes[slot].len() < self.setting.harsh.older_votes
                        && let Some(older) = self.votes[slot].take()
                    {
                        self.older_votes[slot].push_back(older);
                    }
                    self.votes[slot].put(vote);
                }
            }
            Output::Dial(to) => self.servers[i].change().dialing = Some(to),
            Output::Send(link, packet) => {
                self.check_ack(i, &packet);
                let named =
                    matches!(packet, Packet::Snap { zxid, .. } if zxid.epoch() > 0 && zxid.counter() == 0);
                let established = self.servers[i].peer.as_ref().and_then(QuorumPeer::established_epoch);
                // Where nothing was ever ordered the state of an earlier epoch is named after that one's
                // start.
                let own =
                    matches!(packet, Packet::Snap { zxid, .. } if Some(zxid.epoch()) == self.epoch_of(i));
                self.note(named && own && established.is_none(), |broken| broken.premature_name = true);
                if let Some((c, side)) = self.find(i, link) {
                    self.check_diff(i, c, &packet);
                    let connection = &mut self.connections[c];
                    if connection.cut {
                        return;
                    }
                    match side {
                        Side::Learner if connection.leader_end != End::Closed => {
                            connection.to_leader.push_back(packet);
                        }
                        Side::Leader if connection.learner_end != End::Closed => {
                            connection.to_learner.push_back(packet);
                        }
                        _ => {}
                    }
                }
            }
            Output::Hangup(link, reason) => {
                let offence = matches!(
                    reason,
                    Reason::Unexpected | Reason::Gap | Reason::CommitOutOfOrder | Reason::CannotActivate
                );
                self.note(offence, |broken| broken.offence = true);
                if let Some((c, side)) = self.find(i, link) {
                    self.connections[c].close(side);
                }
            }
            Output::SetAlarm(timer, _) => self.servers[i].change().alarms |= bit(timer),
            Output::CancelAlarm(timer) => self.servers[i].change().alarms &= !bit(timer),
            Output::Append(_, zxid, ref txn) => {
                let established = self.servers[i].peer.as_ref().and_then(QuorumPeer::established_epoch);
                if established == Some(zxid.epoch()) {
                    Arc::make_mut(&mut self.ghost).propose(zxid, txn.mark());
                }
                self.servers[i].change().disk.accept(output);
            }
            Output::Truncate(..)
            | Output::InstallSnapshot(..)
            | Output::SaveAcceptedEpoch(..)
            | Output::SaveCurrentEpoch(..)
            | Output::TakeSnapshot(..) => self.servers[i].change().disk.accept(output),
            Output::Reply(conn, said) => P::told(self, i, conn, Some(said)),
            Output::CloseClient(conn) => P::told(self, i, conn, None),
        }
    }

    fn link(&self, c: usize, side: Side) -> Link {
        let connection = &self.connections[c];
        let other = match side {
            Side::Learner => connection.leader,
            Side::Leader => connection.learner,
        };
        Link { server: id(other), generation: connection.generation }
    }

    /// The connection a server knows by this link. Whether it dialed or was dialed is told by
    /// which of the two it still holds open.
    fn find(&self, i: usize, link: Link) -> Option<(usize, Side)> {
        let j = index(link.server);
        self.connections.iter().enumerate().find_map(|(c, connection)| {
            if connection.generation != link.generation {
                None
            } else if (connection.learner, connection.leader) == (i, j) && connection.learner_end == End::Open
            {
                Some((c, Side::Learner))
            } else if (connection.learner, connection.leader) == (j, i) && connection.leader_end == End::Open
            {
                Some((c, Side::Leader))
            } else {
                None
            }
        })
    }
}
