//! What can happen next in a world.

use quorate_core::QuorumPeer;
use quorate_core::config::{ElectionMode, PeerConfig};
use quorate_core::election::ServerState;
use quorate_core::ids::ServerId;
use quorate_core::timer::Timer;

use super::{Action, Connection, End, Modelled, QuorumPort, Server, Side, World, bit, id, index};

impl<P: Modelled> World<P> {
    /// Every action that is possible now.
    pub fn actions(&self, actions: &mut Vec<Action>) {
        for (i, server) in self.servers.iter().enumerate() {
            self.server_actions(i, server, actions);
        }
        let n = self.servers.len();
        let slots = (0..n * n).filter(|slot| self.is_under_way(*slot));
        actions.extend(slots.map(|slot| Action::Vote { from: slot / n, to: slot % n }));
        for (c, connection) in self.connections.iter().enumerate() {
            for side in [Side::Learner, Side::Leader] {
                let (end, queue) = match side {
                    Side::Learner => (connection.learner_end, &connection.to_learner),
                    Side::Leader => (connection.leader_end, &connection.to_leader),
                };
                if end != End::Closed && !queue.is_empty() {
                    actions.push(Action::Deliver(c, side));
                }
                if connection.sees_down(side) || self.setting.harsh.outlives && connection.is_reset(side) {
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

    fn server_actions(&self, i: usize, server: &Server<P>, actions: &mut Vec<Action>) {
        if self.setting.java(i).is_some() {
            return P::java_actions(self, i, server, actions);
        }
        let Some(peer) = &server.peer else {
            actions.push(Action::Start(i));
            return;
        };
        let armed = |timer| server.alarms & bit(timer) != 0;
        let oracle = peer.config().election == ElectionMode::Oracle;
        match peer.state() {
            ServerState::Looking if oracle => {
                // No server that has lost its disk is elected.
                let eligible = peer.membership().is_voter(peer.config().id) && !server.disk.durable.lost;
                if self.budget.elections > 0 && eligible {
                    actions.push(Action::Lead(i));
                }
                let dead = self.setting.quorum_port == QuorumPort::Dead;
                let leads = |j: &usize| !dead && self.state(*j) == Some(ServerState::Leading);
                if self.setting.harsh.follows_any {
                    actions.extend((0..self.servers.len()).filter(leads).map(|j| Action::Follow(i, j)));
                } else {
                    actions.extend(self.oracle.filter(leads).map(|j| Action::Follow(i, j)));
                }
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
        if self.dial_succeeds(i).is_some() {
            actions.push(Action::Connect(i));
        }
        if self.budget.txns > 0
            && (peer.established_epoch().is_some() || self.setting.submit_anywhere && peer.serving())
        {
            actions.push(Action::Submit(i));
        }
        let many = server.asked.len() >= usize::from(P::SYNCS);
        if self.budget.txns > 0 && self.setting.syncs && peer.serving() && !many {
            actions.push(Action::Ask(i));
        }
        if !server.disk.pending.is_empty() {
            actions.push(Action::Sync(i));
        }
        if server.disk.snapshot.is_some() {
            actions.push(Action::Snapshot(i));
        }
        // A learner that gives its leader up without cause is a cut that the learner sees first; but for what
        // it had sent.
        let gives_up = self.setting.harsh.gives_up;
        let leading = peer.state() == ServerState::Leading;
        let may_fail = self.budget.faults > 0;
        let port = self.setting.quorum_port;
        if armed(Timer::PhaseLimit) && port != QuorumPort::Absent {
            let looking = peer.state() == ServerState::Looking;
            let again = oracle || looking || peer.status().round < u64::from(self.budget.elections);
            let fault = may_fail && (leading || gives_up || port == QuorumPort::Imagined);
            if peer.established_epoch().is_some() {
                if self.may_make_way(peer) {
                    actions.push(Action::PhaseLimit(i));
                }
            } else if again && (fault || self.waits_in_vain(i, peer)) {
                actions.push(Action::PhaseLimit(i));
            }
        }
        let judges =
            if leading { peer.established_epoch().is_some() } else { gives_up || port == QuorumPort::Dead };
        if armed(Timer::Liveness) && judges && (may_fail || port == QuorumPort::Dead) {
            actions.push(Action::Silence(i));
        }
        if let Some(forged) = self.setting.forged
            && may_fail
            && index(forged.server) != i
            && peer.receives_learners()
        {
            actions.push(Action::Forge(i));
        }
        if may_fail {
            let fragile = self.setting.fragile == Some(i);
            let most = if fragile { 0 } else { server.disk.pending.len() };
            actions.extend((0..=most).map(|kept| Action::Crash(i, kept)));
        }
    }

    /// Whether a leader has a reason to make way for a later epoch, once it has led for long enough. Only
    /// then does it make a difference how long the leader has led.
    pub(super) fn may_make_way(&self, leader: &QuorumPeer<P>) -> bool {
        let ahead = |peer: &QuorumPeer<P>| Some(peer.status().accepted_epoch) > leader.established_epoch();
        self.peers().any(|(_, peer)| ahead(peer))
    }

    /// Whether a server would give its leader up, if it were not for the bound on rounds.
    pub fn bound_holds_somebody(&self) -> bool {
        self.peers().any(|(i, peer)| {
            let has_leader = peer.state() != ServerState::Looking && self.armed(i, Timer::PhaseLimit);
            let last = peer.status().round >= u64::from(self.budget.elections);
            has_leader && last && self.waits_in_vain(i, peer)
        })
    }

    pub(super) fn state(&self, i: usize) -> Option<ServerState> {
        match &self.servers[i].java {
            Some(java) => Some(java.state()),
            None => self.servers[i].peer.as_ref().map(QuorumPeer::state),
        }
    }

    pub(super) fn has_heard_everything(&self, i: usize) -> bool {
        let n = self.servers.len();
        (0..n).all(|j| !self.is_under_way(j * n + i))
    }

    /// Whether a vote is under way to a server that can hear it.
    pub(super) fn is_under_way(&self, slot: usize) -> bool {
        let hears = || self.servers[slot % self.servers.len()].peer.is_some();
        (self.votes[slot].waiting().is_some() || !self.older_votes[slot].is_empty()) && hears()
    }

    /// Whether a timeout of this server is no fault. That is so for a leader that too few others follow, or
    /// that has heard everything and is still not established. It is also so for a learner whose leader is no
    /// leader.
    pub(super) fn waits_in_vain(&self, i: usize, peer: &QuorumPeer<P>) -> bool {
        let me = ServerId(i as i64 + 1);
        match (peer.state(), self.setting.quorum_port) {
            // Its own disk is no matter of the network.
            (_, QuorumPort::Dead) => self.servers[i].disk.pending.is_empty(),
            (ServerState::Leading, QuorumPort::Imagined) => {
                let leader = |id: ServerId| self.servers[index(id)].peer.as_ref()?.status().leader;
                !peer.membership().is_quorum(|id| leader(id) == Some(me))
            }
            (ServerState::Following | ServerState::Observing, QuorumPort::Imagined) => {
                let leader = peer.status().leader.map(index);
                leader.is_none_or(|j| self.state(j) != Some(ServerState::Leading))
            }
            (state, _) => self.is_in_vain(i, state, peer.config()),
        }
    }

    /// Whether a server in this state waits in vain, where connections are made.
    pub(super) fn is_in_vain(&self, i: usize, state: ServerState, config: &PeerConfig<P>) -> bool {
        let me = id(i);
        match state {
            ServerState::Leading => {
                let follows = |id: ServerId| {
                    id == me || {
                        let j = index(id);
                        let connected = |c: &Connection<P>| {
                            c.learner == j && c.leader == i && c.learner_end == End::Open && !c.cut
                        };
                        self.servers[j].dialing == Some(me) || self.connections.iter().any(connected)
                    }
                };
                let disk_done = |j: usize| self.servers[j].disk.pending.is_empty();
                let quiet = |c: &Connection<P>| {
                    c.to_leader.is_empty() && c.to_learner.is_empty() && disk_done(c.learner)
                };
                let mut mine = self.connections.iter().filter(|c| c.leader == i);
                !config.membership.is_quorum(follows) || disk_done(i) && mine.all(quiet)
            }
            ServerState::Following | ServerState::Observing => {
                let receives = |leader: ServerId| {
                    let leader = &self.servers[index(leader)];
                    let java = leader.java.as_ref().map(|java| java.state() == ServerState::Leading);
                    let quorate = || leader.peer.as_ref().is_some_and(QuorumPeer::receives_learners);
                    self.setting.quorum_port == QuorumPort::Open && java.unwrap_or_else(quorate)
                };
                self.servers[i].dialing.is_some_and(|leader| !receives(leader))
            }
            // The server that waits for it to win: if it could, it would.
            ServerState::Looking => {
                let deciding = self.servers[i].alarms & bit(Timer::ElectionDecide) != 0;
                !deciding && self.has_heard_everything(i)
            }
        }
    }

    /// The server that this one dials, if that one would accept. A refused attempt leads back to the same
    /// state by way of an alarm, so it is no transition.
    pub(super) fn dial_succeeds(&self, i: usize) -> Option<usize> {
        let leader = index(self.servers[i].dialing?);
        let accepts = match &self.servers[leader].java {
            Some(java) => java.state() == ServerState::Leading,
            None => self.servers[leader].peer.as_ref()?.receives(id(i)),
        };
        (self.setting.quorum_port == QuorumPort::Open && accepts).then_some(leader)
    }
}
