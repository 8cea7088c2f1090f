//! A whole ensemble in one value: servers, disks, connections, votes under way, a budget of faults.
//!
//! Every transition is one call of the shipped [`QuorumPeer::step`] (or a fault); its outputs are
//! performed here the way the server's shell performs them. What the world adds is nondeterminism:
//! which packet arrives next, when a write becomes durable, which alarm fires, what dies.

mod action;
mod disk;
mod ghost;
mod link;
mod trace;

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use quorate_core::config::{Constant, ElectionMode, PeerConfig};
use quorate_core::election::{Notification, ServerState};
use quorate_core::ids::{ConnId, Link, Now, ServerId, Zxid};
use quorate_core::payload::Size;
use quorate_core::timer::Timer;
use quorate_core::zab::Packet;
use quorate_core::{Input, Output, QuorumPeer, Reason, ZabState};

pub use action::Action;
pub use disk::{Disk, DiskOp, Durable};
pub use ghost::{Broken, Ghost};
pub use link::{Connection, End, Side};
pub use trace::{Event, View};

use crate::byte::Byte;
use crate::hash::fingerprint;

/// What may still happen. Part of the state: nothing cuts a search short.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Budget {
    /// Crashes, cuts, silences and timeouts without cause, together.
    pub faults: u8,
    /// Transactions that clients submit.
    pub txns: u8,
    /// How often the oracle names a leader; with Fast Leader Election, the last round in which
    /// the pause for a better vote may be too short, and in which a server may run into a timeout.
    pub elections: u8,
    /// Repetitions of a vote.
    pub resends: u8,
}

/// What is fixed for all states of a model.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The configuration of each server, in the order of their ids.
    pub configs: Vec<Constant<PeerConfig<Byte>>>,
    /// Whether servers may connect to the leader they elected.
    pub quorum_port: bool,
    /// Whether clients submit to every serving server, or only to leaders.
    pub submit_anywhere: bool,
    /// Whether deliveries that only their receiver can notice happen at once (see
    /// `World::settle`).
    pub eager: bool,
    /// Distinguishes two runs of the same search.
    pub salt: u64,
}

/// One server: its process, if it is up, and its disk.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Server {
    /// The process; everything in it is gone when it dies.
    pub peer: Option<QuorumPeer<Byte>>,
    /// Survives.
    pub disk: Disk,
    alarms: u8,
    dialing: Option<ServerId>,
}

/// One state of an ensemble.
#[derive(Clone, Debug)]
pub struct World {
    setting: Arc<Setting>,
    servers: Vec<Arc<Server>>,
    /// The newest vote under way from one server to another (`from * n + to`).
    votes: Vec<Option<Notification>>,
    connections: Vec<Connection>,
    /// Whom the oracle names at present.
    oracle: Option<usize>,
    budget: Budget,
    ghost: Arc<Ghost>,
    /// Every step so far, if somebody wants to know. No part of the state's identity.
    trace: Option<Vec<Event>>,
    /// How many steps there were. No part of the state's identity.
    steps: u64,
}

impl PartialEq for World {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for World {}

impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.fingerprint());
    }
}

type Parts<'a> =
    (&'a [Arc<Server>], &'a [Option<Notification>], &'a [Connection], Option<usize>, &'a Budget, &'a Ghost);

impl World {
    /// Every process down, these disks, this much to come.
    pub fn new(setting: Arc<Setting>, disks: Vec<Durable>, budget: Budget) -> Self {
        let n = setting.configs.len();
        assert_eq!(disks.len(), n, "a disk for each server");
        let server =
            |durable| Arc::new(Server { peer: None, disk: Disk::new(durable), alarms: 0, dialing: None });
        World {
            setting,
            servers: disks.into_iter().map(server).collect(),
            votes: vec![None; n * n],
            connections: Vec::new(),
            oracle: None,
            budget,
            ghost: Arc::default(),
            trace: None,
            steps: 0,
        }
    }

    /// The steps since the last call; the first call begins the record.
    pub fn take_trace(&mut self) -> Vec<Event> {
        self.trace.replace(Vec::new()).unwrap_or_default()
    }

    /// The servers, in the order of their ids.
    pub fn servers(&self) -> impl Iterator<Item = &Server> {
        self.servers.iter().map(|s| &**s)
    }

    /// The processes that are up, with their index.
    pub fn peers(&self) -> impl Iterator<Item = (usize, &QuorumPeer<Byte>)> {
        self.servers.iter().enumerate().filter_map(|(i, s)| Some((i, s.peer.as_ref()?)))
    }

    /// What properties look back on.
    pub fn ghost(&self) -> &Ghost {
        &self.ghost
    }

    /// What may still happen.
    pub fn budget(&self) -> Budget {
        self.budget
    }

    /// Let this happen from now on.
    pub fn allow(&mut self, budget: Budget) {
        self.budget = budget;
    }

    /// Calls of `QuorumPeer::step` so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Whether the bound on elections stands in the way of another one.
    pub fn elections_used_up(&self) -> bool {
        self.budget.elections == 0
            || self.peers().any(|(_, p)| p.status().round >= u64::from(self.budget.elections))
    }

    /// The connections of the quorum port.
    pub fn connections(&self) -> &[Connection] {
        &self.connections
    }

    /// A server's configuration.
    pub fn config(&self, i: usize) -> &PeerConfig<Byte> {
        &self.setting.configs[i]
    }

    /// The state's identity: its packed bytes, hashed once with the setting's salt.
    pub fn fingerprint(&self) -> u64 {
        fingerprint(&self.parts(), self.setting.salt).0
    }

    /// The length of the packed state in bytes.
    pub fn packed_len(&self) -> usize {
        fingerprint(&self.parts(), 0).1
    }

    fn parts(&self) -> Parts<'_> {
        (&self.servers, &self.votes, &self.connections, self.oracle, &self.budget, &self.ghost)
    }

    // --- what can happen -----------------------------------------------------------------------

    /// Every action that is possible now.
    pub fn actions(&self, actions: &mut Vec<Action>) {
        for (i, server) in self.servers.iter().enumerate() {
            self.server_actions(i, server, actions);
        }
        for (slot, vote) in self.votes.iter().enumerate() {
            if vote.is_some() {
                let n = self.servers.len();
                actions.push(Action::Vote { from: slot / n, to: slot % n });
            }
        }
        for (c, connection) in self.connections.iter().enumerate() {
            for side in [Side::Learner, Side::Leader] {
                let (end, queue) = match side {
                    Side::Learner => (connection.learner_end, &connection.to_learner),
                    Side::Leader => (connection.leader_end, &connection.to_leader),
                };
                if end != End::Closed && !queue.is_empty() {
                    actions.push(Action::Deliver(c, side));
                } else if connection.sees_down(side) {
                    actions.push(Action::Down(c, side));
                }
            }
            let intact = connection.learner_end == End::Open
                && connection.leader_end != End::Closed
                && !connection.cut;
            if intact && self.budget.faults > 0 {
                actions.push(Action::Cut(c));
            }
        }
    }

    fn server_actions(&self, i: usize, server: &Server, actions: &mut Vec<Action>) {
        let Some(peer) = &server.peer else {
            actions.push(Action::Start(i));
            return;
        };
        let armed = |timer| server.alarms & bit(timer) != 0;
        let oracle = peer.config().election == ElectionMode::Oracle;
        match peer.state() {
            ServerState::Looking if oracle => {
                if self.budget.elections > 0 && peer.config().is_voter(peer.config().id) {
                    actions.push(Action::Lead(i));
                }
                let leads = |j: &usize| self.state(*j) == Some(ServerState::Leading);
                actions.extend(self.oracle.filter(leads).map(|j| Action::Follow(i, j)));
            }
            ServerState::Looking => {
                // In late rounds the pause is long enough for everything under way.
                let early = peer.status().round <= u64::from(self.budget.elections);
                if armed(Timer::ElectionDecide) && (early || self.has_heard_everything(i)) {
                    actions.push(Action::Decide(i));
                }
                if armed(Timer::ElectionResend) && self.budget.resends > 0 {
                    actions.push(Action::Resend(i));
                }
            }
            _ => {}
        }
        if self.dial_succeeds(server).is_some() {
            actions.push(Action::Connect(i));
        }
        if self.budget.txns > 0
            && (peer.established_epoch().is_some() || self.setting.submit_anywhere && peer.serving())
        {
            actions.push(Action::Submit(i));
        }
        if !server.disk.pending.is_empty() {
            actions.push(Action::Sync(i));
        }
        // A learner that gives its leader up without cause is a cut that the learner sees first.
        let leading = peer.state() == ServerState::Leading;
        let may_fail = self.budget.faults > 0;
        if armed(Timer::PhaseLimit) && self.setting.quorum_port {
            let looking = peer.state() == ServerState::Looking;
            let again = oracle || looking || peer.status().round < u64::from(self.budget.elections);
            if again && (may_fail && leading || self.waits_in_vain(i, peer)) {
                actions.push(Action::PhaseLimit(i));
            }
        }
        if may_fail {
            if armed(Timer::Liveness) && leading {
                actions.push(Action::Silence(i));
            }
            actions.extend((0..=server.disk.pending.len()).map(|kept| Action::Crash(i, kept)));
        }
    }

    fn state(&self, i: usize) -> Option<ServerState> {
        self.servers[i].peer.as_ref().map(QuorumPeer::state)
    }

    fn has_heard_everything(&self, i: usize) -> bool {
        let n = self.servers.len();
        (0..n).all(|j| self.votes[j * n + i].is_none())
    }

    /// A leader that too few others follow or that has heard everything and is still not
    /// established, a learner whose leader is no leader: for these a timeout is no fault.
    fn waits_in_vain(&self, i: usize, peer: &QuorumPeer<Byte>) -> bool {
        let me = ServerId(i as i64 + 1);
        match peer.state() {
            ServerState::Leading => {
                let follows = |id: ServerId| {
                    id == me || {
                        let j = index(id);
                        let connected = |c: &Connection| {
                            c.learner == j && c.leader == i && c.learner_end == End::Open && !c.cut
                        };
                        self.servers[j].dialing == Some(me) || self.connections.iter().any(connected)
                    }
                };
                let disk_done = |j: usize| self.servers[j].disk.pending.is_empty();
                let quiet = |c: &Connection| {
                    c.to_leader.is_empty() && c.to_learner.is_empty() && disk_done(c.learner)
                };
                let mut mine = self.connections.iter().filter(|c| c.leader == i);
                !peer.config().is_quorum(follows) || disk_done(i) && mine.all(quiet)
            }
            ServerState::Following | ServerState::Observing => {
                let server = &self.servers[i];
                server.dialing.is_some() && self.dial_succeeds(server).is_none()
            }
            // Whoever waits for it to win: if it could, it would.
            ServerState::Looking => {
                let deciding = self.servers[i].alarms & bit(Timer::ElectionDecide) != 0;
                !deciding && self.has_heard_everything(i)
            }
        }
    }

    /// Who the server it dials is, if that one would accept. A refused attempt leads back to the
    /// same state by way of an alarm, so it is no transition.
    fn dial_succeeds(&self, server: &Server) -> Option<usize> {
        let leader = index(server.dialing?);
        let accepts = self.servers[leader].peer.as_ref()?.receives_learners();
        (self.setting.quorum_port && accepts).then_some(leader)
    }

    // --- what happens --------------------------------------------------------------------------

    /// The world after an action, which must be possible.
    pub fn next(&self, action: &Action) -> World {
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
                self.connect(i, leader);
            }
            Action::Vote { from, to } => self.vote(from * self.servers.len() + to),
            Action::Decide(i) => self.alarm(i, Timer::ElectionDecide),
            Action::Resend(i) => {
                self.budget.resends -= 1;
                self.alarm(i, Timer::ElectionResend);
            }
            Action::Connect(i) => {
                let leader = self.dial_succeeds(&self.servers[i]).expect("it accepts");
                self.connect(i, leader);
            }
            Action::Deliver(c, side) => self.deliver(c, side),
            Action::Down(c, side) => self.down(c, side),
            Action::Submit(i) => {
                let byte = Byte(self.budget.txns);
                self.budget.txns -= 1;
                self.submit(i, byte);
            }
            Action::Sync(i) => {
                let (ticket, backwards) = Arc::make_mut(&mut self.servers[i]).disk.sync();
                self.note(backwards, |broken| broken.epoch_monotone = true);
                self.step(i, Input::Done(ticket));
            }
            Action::PhaseLimit(i) => {
                let peer = self.servers[i].peer.as_ref().expect("it is up");
                if !self.waits_in_vain(i, peer) {
                    self.budget.faults -= 1;
                }
                self.alarm(i, Timer::PhaseLimit);
            }
            Action::Silence(i) => {
                self.budget.faults -= 1;
                for _ in 0..=self.config(i).sync_limit {
                    if self.servers[i].alarms & bit(Timer::Liveness) != 0 {
                        self.alarm(i, Timer::Liveness);
                    }
                }
            }
            Action::Crash(i, kept) => {
                self.budget.faults -= 1;
                self.crash(i, kept);
            }
            Action::Cut(c) => {
                self.budget.faults -= 1;
                self.connections[c].cut();
            }
        }
        while self.setting.eager && self.settle() {}
        self.connections.retain(|c| !c.gone());
    }

    /// A client hands a server this transaction, whatever the budget.
    pub fn submit(&mut self, i: usize, byte: Byte) {
        self.step(i, Input::Client(ConnId(0), byte));
    }

    /// Whether an alarm of a server that is up is set.
    pub fn armed(&self, i: usize, timer: Timer) -> bool {
        self.servers[i].alarms & bit(timer) != 0
    }

    /// An alarm that is set fires, whatever the budget.
    pub fn fire(&mut self, i: usize, timer: Timer) {
        assert!(self.armed(i, timer), "{timer:?} of server {} is not set", i + 1);
        self.alarm(i, timer);
    }

    /// The vote under way from one server to another.
    pub fn vote_under_way(&self, from: usize, to: usize) -> Option<&Notification> {
        self.votes[from * self.servers.len() + to].as_ref()
    }

    /// One delivery that commutes with everything else, if there is one.
    ///
    /// * A learner sees its connection down as soon as nothing is left to read: until then it
    ///   could do nothing that others notice, and afterwards it can do more.
    /// * A leader reads a newcomer's first packet at once: a connection that nobody has read from
    ///   is the same as none.
    /// * DIFF, and COMMIT before UPTODATE, change one note in the learner and nothing on disk.
    /// * A server that will try to connect again does so: only an attempt that succeeds is a step.
    /// * A vote that reaches a server which has a leader is answered at once. Late votes of this
    ///   kind, which may reach it when it looks again, are the election models' business.
    fn settle(&mut self) -> bool {
        let has_leader = |to: usize| self.state(to).is_some_and(|state| state != ServerState::Looking);
        if let Some(i) = (0..self.servers.len()).find(|i| self.servers[*i].alarms & bit(Timer::Redial) != 0) {
            self.alarm(i, Timer::Redial);
            return true;
        }
        let n = self.servers.len();
        if let Some(slot) = (0..n * n).find(|slot| self.votes[*slot].is_some() && has_leader(slot % n)) {
            self.vote(slot);
            return true;
        }
        let found = self.connections.iter().enumerate().find_map(|(c, connection)| {
            let in_sync = || self.servers[connection.learner].zab() == Some(ZabState::Synchronization);
            if connection.sees_down(Side::Learner) {
                return Some(Action::Down(c, Side::Learner));
            }
            if connection.leader_end == End::Unannounced && !connection.to_leader.is_empty() {
                return Some(Action::Deliver(c, Side::Leader));
            }
            let quiet = match connection.to_learner.front()? {
                Packet::Diff { .. } => true,
                Packet::Commit { .. } => in_sync(),
                _ => false,
            };
            (quiet && connection.learner_end == End::Open).then_some(Action::Deliver(c, Side::Learner))
        });
        match found {
            Some(Action::Deliver(c, side)) => self.deliver(c, side),
            Some(Action::Down(c, side)) => self.down(c, side),
            _ => return false,
        }
        true
    }

    fn start(&mut self, i: usize) {
        let config = self.setting.configs[i].clone();
        let server = Arc::make_mut(&mut self.servers[i]);
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
            self.step(i, Input::ElectionUp(id(j)));
            self.step(j, Input::ElectionUp(id(i)));
        }
    }

    fn crash(&mut self, i: usize, kept: usize) {
        let server = Arc::make_mut(&mut self.servers[i]);
        server.peer = None;
        server.disk.crash(kept);
        server.alarms = 0;
        server.dialing = None;
        let n = self.servers.len();
        for j in 0..n {
            self.votes[i * n + j] = None;
            self.votes[j * n + i] = None;
        }
        for connection in &mut self.connections {
            if connection.learner == i {
                connection.die(Side::Learner);
            }
            if connection.leader == i {
                connection.die(Side::Leader);
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
        let used = |generation: &u32| {
            let pair = |c: &Connection| (c.learner, c.leader);
            let same = |c: &Connection| [(learner, leader), (leader, learner)].contains(&pair(c));
            self.connections.iter().any(|c| same(c) && c.generation == *generation)
        };
        let generation = (0..).find(|g| !used(g)).expect("a free number");
        self.connections.push(Connection::new(learner, leader, generation));
        self.connections.sort_unstable_by_key(|c| (c.learner, c.leader, c.generation));
        Arc::make_mut(&mut self.servers[learner]).dialing = None;
        self.step(learner, Input::Up(Link { server: id(leader), generation }));
    }

    fn deliver(&mut self, c: usize, side: Side) {
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

    fn vote(&mut self, slot: usize) {
        let (from, to) = (slot / self.servers.len(), slot % self.servers.len());
        let vote = self.votes[slot].take().expect("a vote is under way");
        self.step(to, Input::Notification(id(from), vote));
    }

    fn down(&mut self, c: usize, side: Side) {
        let link = self.link(c, side);
        let owner = self.connections[c].owner(side);
        self.connections[c].close(side);
        self.step(owner, Input::Down(link));
    }

    fn alarm(&mut self, i: usize, timer: Timer) {
        Arc::make_mut(&mut self.servers[i]).alarms &= !bit(timer);
        self.step(i, Input::Alarm(timer));
    }

    /// The one place where core runs.
    fn step(&mut self, i: usize, input: Input<Byte>) {
        self.steps += 1;
        let mut out = Vec::new();
        let peer = Arc::make_mut(&mut self.servers[i]).peer.as_mut().expect("it is up");
        let before = self.trace.is_some().then(|| (input.clone(), View::of(peer)));
        peer.step(Now::default(), input, &mut out);
        if let (Some(trace), Some((input, before))) = (&mut self.trace, before) {
            trace.push(Event { server: i, input, outputs: out.clone(), before, after: View::of(peer) });
        }
        for output in out {
            self.perform(i, output);
        }
        let server = &self.servers[i];
        let peer = server.peer.as_ref().expect("it is up");
        if server.dialing.is_some() && matches!(peer.state(), ServerState::Looking | ServerState::Leading) {
            Arc::make_mut(&mut self.servers[i]).dialing = None;
        }
        self.observe(i);
    }

    fn perform(&mut self, i: usize, output: Output<Byte>) {
        match output {
            Output::Elect(to, vote) => {
                let to = index(to);
                if self.servers[to].peer.is_some() {
                    let slot = i * self.servers.len() + to;
                    self.votes[slot] = Some(vote);
                }
            }
            Output::Dial(to) => Arc::make_mut(&mut self.servers[i]).dialing = Some(to),
            Output::Send(link, packet) => {
                self.check_ack(i, &packet);
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
                let offence = matches!(reason, Reason::Unexpected | Reason::Gap | Reason::CommitOutOfOrder);
                self.note(offence, |broken| broken.offence = true);
                if let Some((c, side)) = self.find(i, link) {
                    self.connections[c].close(side);
                }
            }
            Output::SetAlarm(timer, _) => Arc::make_mut(&mut self.servers[i]).alarms |= bit(timer),
            Output::CancelAlarm(timer) => Arc::make_mut(&mut self.servers[i]).alarms &= !bit(timer),
            Output::Append(_, zxid, txn) => {
                let established = self.servers[i].peer.as_ref().and_then(QuorumPeer::established_epoch);
                if established == Some(zxid.epoch()) {
                    Arc::make_mut(&mut self.ghost).propose(zxid, txn);
                }
                Arc::make_mut(&mut self.servers[i]).disk.accept(output);
            }
            Output::Truncate(..)
            | Output::InstallSnapshot(..)
            | Output::SaveAcceptedEpoch(..)
            | Output::SaveCurrentEpoch(..) => Arc::make_mut(&mut self.servers[i]).disk.accept(output),
            Output::Reply(..) | Output::CloseClient(_) => {}
            Output::TakeSnapshot(..) => unreachable!("models take no background snapshots"),
        }
    }

    /// An acknowledgement must not leave before what it acknowledges is on disk.
    fn check_ack(&mut self, i: usize, packet: &Packet<Byte>) {
        let durable = &self.servers[i].disk.durable;
        let kept = match packet {
            Packet::Ack { zxid } if zxid.counter() == 0 => {
                let history = self.servers[i].peer.as_ref().expect("it is up").history();
                let start: Vec<Zxid> =
                    history.after(history.base()).map(|(z, _)| *z).filter(|z| z <= zxid).collect();
                let has = |z: &Zxid| durable.history().iter().any(|(d, _)| d == z);
                durable.current_epoch >= zxid.epoch() && start.iter().all(has)
            }
            Packet::Ack { zxid } => durable.history().iter().any(|(z, _)| z == zxid),
            Packet::AckEpoch { current_epoch: Some(_), .. } => durable.accepted_epoch >= self.accepted(i),
            Packet::LeaderInfo { epoch } => durable.accepted_epoch >= *epoch,
            _ => true,
        };
        self.note(!kept, |broken| broken.ack_durable = true);
    }

    /// What a learner is sent one by one before NEWLEADER must not be more than the leader's limit.
    fn check_diff(&mut self, i: usize, c: usize, packet: &Packet<Byte>) {
        if !matches!(packet, Packet::NewLeader { .. }) {
            return;
        }
        let begins = |p: &&Packet<Byte>| matches!(p, Packet::Diff { .. } | Packet::Trunc { .. });
        let commits = |p: &&Packet<Byte>| matches!(p, Packet::Commit { .. });
        let queue = &self.connections[c].to_learner;
        let sent = queue.iter().skip_while(|p| !begins(p)).filter(commits).count();
        let peer = self.servers[i].peer.as_ref().expect("it is up");
        let oversized = sent > peer.config().diff_limit.of(peer.service().size());
        self.note(oversized, |broken| broken.oversized_diff = true);
    }

    fn accepted(&self, i: usize) -> u32 {
        self.servers[i].peer.as_ref().expect("it is up").status().accepted_epoch
    }

    /// Tell the ghost what this server made visible.
    fn observe(&mut self, i: usize) {
        let peer = self.servers[i].peer.as_ref().expect("it is up");
        if !peer.serving() {
            return;
        }
        let applied = Arc::clone(peer.service().applied());
        let reign = peer.established_epoch().filter(|epoch| self.ghost.newest != Some((*epoch, i)));
        let known = self.ghost.delivered.get(..applied.len()) == Some(applied.as_slice());
        if known && reign.is_none() {
            return;
        }
        let ghost = Arc::make_mut(&mut self.ghost);
        ghost.deliver(&applied);
        if let Some(epoch) = reign {
            ghost.establish(epoch, i, &applied);
        }
    }

    fn note(&mut self, seen: bool, mark: impl FnOnce(&mut Broken)) {
        if seen {
            mark(&mut Arc::make_mut(&mut self.ghost).broken);
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

impl std::fmt::Display for World {
    /// One line per server that is of interest to a reader of a counterexample.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, server) in self.servers.iter().enumerate() {
            let disk = &server.disk.durable;
            let epochs = (disk.accepted_epoch, disk.current_epoch);
            write!(f, "    {}: ", i + 1)?;
            match &server.peer {
                None => write!(f, "down")?,
                Some(peer) => {
                    let s = peer.status();
                    write!(f, "{:?}/{:?}", s.state, s.zab)?;
                    if let Some(leader) = s.leader {
                        write!(f, " of {leader}")?;
                    }
                    write!(f, " round {} epochs {}/{}", s.round, s.accepted_epoch, s.current_epoch)?;
                    write!(f, " last {:?} applied {:?}", s.last_zxid, s.applied)?;
                }
            }
            writeln!(f, " | disk {epochs:?} {:?} pending {:?}", disk.history(), server.disk.pending)?;
        }
        for connection in &self.connections {
            let (learner, leader) = (connection.learner + 1, connection.leader + 1);
            let state = if connection.cut { "cut" } else { "" };
            writeln!(
                f,
                "    {learner}→{leader} #{} {state} {:?}/{:?}: {:?} / {:?}",
                connection.generation,
                connection.learner_end,
                connection.leader_end,
                connection.to_leader,
                connection.to_learner
            )?;
        }
        let votes = self.votes.iter().enumerate().filter_map(|(slot, v)| Some((slot, v.as_ref()?)));
        for (slot, vote) in votes {
            let n = self.servers.len();
            let (from, to) = (slot / n + 1, slot % n + 1);
            writeln!(
                f,
                "    vote {from}→{to}: {:?} for {} round {}",
                vote.state, vote.vote.leader, vote.round
            )?;
        }
        writeln!(f, "    budget {:?}", self.budget)
    }
}

impl Server {
    /// Whether the server serves clients.
    pub fn serving(&self) -> bool {
        self.peer.as_ref().is_some_and(QuorumPeer::serving)
    }

    /// Its phase of ZAB; `None` while it is down.
    pub fn zab(&self) -> Option<ZabState> {
        Some(self.peer.as_ref()?.status().zab)
    }
}

fn id(i: usize) -> ServerId {
    ServerId(i as i64 + 1)
}

fn index(id: ServerId) -> usize {
    usize::try_from(id.0 - 1).expect("servers are numbered from 1")
}

fn bit(timer: Timer) -> u8 {
    1 << timer as u8
}
