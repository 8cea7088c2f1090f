//! How a world runs a server that behaves as ZooKeeper does: beside core, at the same seam.

use std::sync::Arc;

use quorate_core::Input;
use quorate_core::election::ServerState;
use quorate_core::timer::Timer;

use super::flaws::Flaws;
use super::peer::JavaPeer;
use crate::byte::Byte;
use crate::world::{Action, Event, Modelled, QuorumPort, Server, Setting, View, World, bit};

impl<P: Modelled> Setting<P> {
    /// An ensemble like this, in which this server, by index, behaves as ZooKeeper does.
    #[must_use]
    pub fn with_java(mut self, i: usize, flaws: Flaws) -> Self {
        self.java.push((i, flaws));
        self
    }

    /// The weaknesses of a server that behaves as ZooKeeper does, if it is one.
    pub fn java(&self, i: usize) -> Option<Flaws> {
        self.java.iter().find(|(server, _)| *server == i).map(|(_, flaws)| *flaws)
    }
}

impl World {
    /// The processes that behave as ZooKeeper does and are up, with their index.
    pub fn java_peers(&self) -> impl Iterator<Item = (usize, &JavaPeer)> {
        self.servers.iter().enumerate().filter_map(|(i, s)| Some((i, s.java.as_ref()?)))
    }

    /// An ensemble like this, with Quorate servers on the disks of those that behave as ZooKeeper does; all
    /// of these are down.
    #[must_use]
    pub fn without_java(&self) -> World {
        assert!(self.java_peers().next().is_none(), "they are down");
        self.with(|setting| setting.java.clear())
    }

    pub(in crate::world) fn start_java(&mut self, i: usize, flaws: Flaws) {
        let config = self.setting.configs[i].clone();
        let server = self.servers[i].change();
        server.java = Some(JavaPeer::start(config, flaws, &server.disk.durable));
        server.alarms = 0;
        server.dialing = None;
        self.step_java(i, Input::Start);
    }

    /// One input of such a server, and what comes of it.
    pub(in crate::world) fn step_java(&mut self, i: usize, input: Input<Byte>) {
        let Server { java, disk, .. } = self.servers[i].change();
        let java = java.as_mut().expect("it is up");
        let before = self.trace.is_some().then(|| (input.clone(), View::of_java(java)));
        let proposed = java.member.pending.back().copied();
        let mut out = Vec::new();
        java.step(input, &mut out, disk);
        if let (Some(trace), Some((input, before))) = (&mut self.trace, before) {
            trace.push(Event { server: i, input, outputs: out.clone(), before, after: View::of_java(java) });
        }
        if let Some((zxid, txn)) = java.member.pending.back().copied().filter(|last| Some(*last) != proposed)
            && java.established_epoch() == Some(zxid.epoch())
        {
            Arc::make_mut(&mut self.ghost).propose(zxid, txn);
        }
        for output in out {
            self.perform(i, output);
        }
        let server = &self.servers[i];
        let java = server.java.as_ref().expect("it is up");
        if server.dialing.is_some()
            && !matches!(java.state(), ServerState::Following | ServerState::Observing)
        {
            self.servers[i].change().dialing = None;
        }
        self.observe_java(i);
    }

    /// What such a server made visible.
    fn observe_java(&mut self, i: usize) {
        let java = self.servers[i].java.as_ref().expect("it is up");
        if !java.serving() {
            return;
        }
        let (applied, established) = (Arc::clone(java.applied()), java.established_epoch());
        self.shows(i, &applied, established);
    }

    /// Everything that such a server can do next.
    pub(in crate::world) fn java_actions(&self, i: usize, server: &Server, actions: &mut Vec<Action>) {
        let Some(java) = &server.java else {
            if JavaPeer::starts_on(&server.disk.durable) {
                actions.push(Action::Start(i));
            }
            return;
        };
        let armed = |timer| server.alarms & bit(timer) != 0;
        if java.state() == ServerState::Looking {
            if self.budget.elections > 0 && java.member.votes() {
                actions.push(Action::Lead(i));
            }
            let dead = self.setting.quorum_port == QuorumPort::Dead;
            let leads = |j: &usize| !dead && self.state(*j) == Some(ServerState::Leading);
            actions.extend(self.oracle.filter(leads).map(|j| Action::Follow(i, j)));
        }
        let established = java.established_epoch().is_some();
        if self.budget.txns > 0 && (established || self.setting.submit_anywhere && java.serving()) {
            actions.push(Action::Submit(i));
        }
        if !server.disk.pending.is_empty() {
            actions.push(Action::Sync(i));
        }
        let may_fail = self.budget.faults > 0;
        if armed(Timer::PhaseLimit) && !established {
            let fault = may_fail && java.state() == ServerState::Leading;
            if fault || self.is_in_vain(i, java.state(), &java.member.config) {
                actions.push(Action::PhaseLimit(i));
            }
        }
        if armed(Timer::Liveness) && may_fail {
            actions.push(Action::Silence(i));
        }
        if may_fail {
            actions.extend((0..=server.disk.pending.len()).map(|kept| Action::Crash(i, kept)));
        }
    }

    /// Whether a timeout of such a server is no fault.
    pub(in crate::world) fn java_waits_in_vain(&self, i: usize) -> bool {
        self.servers[i]
            .java
            .as_ref()
            .is_some_and(|java| self.is_in_vain(i, java.state(), &java.member.config))
    }
}
