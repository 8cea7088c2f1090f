//! Symmetry: servers that differ in nothing but their id may change places.
//!
//! With an election oracle no rule looks at ids. So what can happen to a world, and to the same world with
//! two such servers exchanged, differs in names alone. A model that says so in its [`Setting`] counts all of
//! them as one state. States stay what they are, only their fingerprint is one that all of them share: paths
//! are real.

use std::collections::VecDeque;
use std::sync::Arc;

use quorate_core::config::{ElectionMode, PeerConfig};
use quorate_core::election::Slot;
use quorate_core::ids::ServerId;
use quorate_core::quorum::QuorumVerifier;
use quorate_core::rename::Rename;

use super::{Connection, Modelled, Server, Setting, World, id, index};
use crate::hash::{Printed, fingerprint};

impl<P: Modelled> Setting<P> {
    /// This ensemble, in which states that differ only in the names of interchangeable servers count as one.
    #[must_use]
    pub fn symmetric(mut self) -> Self {
        let n = self.configs.len();
        let mut classes: Vec<Vec<usize>> = Vec::new();
        for i in 0..n {
            match classes.iter_mut().find(|class| self.alike(class[0], i)) {
                Some(class) => class.push(i),
                None => classes.push(vec![i]),
            }
        }
        classes.retain(|class| class.len() > 1);
        self.interchangeable = classes;
        self
    }

    /// Whether two servers may change places.
    fn alike(&self, i: usize, j: usize) -> bool {
        let (a, b) = (&self.configs[i], &self.configs[j]);
        let role = |config: &PeerConfig<P>, server: ServerId| {
            let votes: Vec<bool> = config.membership.verifiers.iter().map(|v| v.is_voter(server)).collect();
            (votes, config.membership.observers.contains(&server))
        };
        self.configs.iter().all(|config| {
            let simple = config.membership.verifiers.iter().all(|v| matches!(v, QuorumVerifier::Majority(_)));
            // Elections compare ids.
            simple && config.election == ElectionMode::Oracle && role(config, a.id) == role(config, b.id)
        }) && [i, j].iter().all(|k| self.fragile != Some(*k) && self.java(*k).is_none())
            && self.forged.is_none_or(|forged| ![a.id, b.id].contains(&forged.server))
            && PeerConfig { id: b.id, ..PeerConfig::clone(a) } == **b
    }
}

impl<P: Modelled> World<P> {
    /// This ensemble, in which states that differ only in the names of interchangeable servers count as one.
    #[must_use]
    pub fn with_symmetry(&self) -> Self {
        let setting = Arc::new(Setting::clone(&self.setting).symmetric());
        World { setting, ..self.clone() }
    }

    /// This world with server `i` called `names[i]`.
    #[must_use]
    pub fn renamed(&self, names: &[usize]) -> Self {
        let n = self.servers.len();
        assert!(self.setting.java.is_empty(), "a server that behaves as ZooKeeper does keeps its name");
        let to = |server: ServerId| id(names[index(server)]);
        let mut servers: Vec<Option<Printed<Server<P>>>> = vec![None; n];
        for (server, name) in self.servers.iter().zip(names) {
            let config = self.setting.configs[*name].clone();
            servers[*name] = Some(Printed::new(Server {
                peer: server.peer.as_ref().map(|peer| peer.renamed(config, &to)),
                java: None,
                disk: server.disk.clone(),
                alarms: server.alarms,
                dialing: server.dialing.map(to),
                asked: server.asked.clone(),
            }));
        }
        let mut votes = vec![Slot::default(); n * n];
        for (slot, vote) in self.votes.iter().enumerate() {
            votes[names[slot / n] * n + names[slot % n]] = vote.rename(&to);
        }
        let mut older_votes = vec![VecDeque::new(); n * n];
        for (slot, votes) in self.older_votes.iter().enumerate() {
            let renamed = votes.iter().map(|vote| vote.rename(&to)).collect();
            older_votes[names[slot / n] * n + names[slot % n]] = renamed;
        }
        let end = |c: &Connection<P>| Connection {
            learner: names[c.learner],
            leader: names[c.leader],
            ..c.clone()
        };
        let mut connections: Vec<Connection<P>> = self.connections.iter().map(end).collect();
        connections.sort_unstable_by_key(Connection::place);
        let mut ghost = Arc::clone(&self.ghost);
        if let Some((_, leader)) = &self.ghost.newest
            && names[*leader] != *leader
        {
            let newest = &mut Arc::make_mut(&mut ghost).newest;
            *newest = newest.map(|(epoch, leader)| (epoch, names[leader]));
        }
        World {
            now: self.now,
            setting: Arc::clone(&self.setting),
            kind: self.kind,
            servers: servers.into_iter().map(|server| server.expect("names differ")).collect(),
            votes,
            older_votes,
            connections,
            oracle: self.oracle.map(|leader| names[leader]),
            budget: self.budget,
            ghost,
            preloaded: Arc::clone(&self.preloaded),
            trace: None,
            told: Vec::new(),
            steps: self.steps,
        }
    }

    /// The smallest fingerprint of those that remain when servers are put in the order of what they look
    /// like.
    pub(super) fn shared_fingerprint(&self) -> u64 {
        let looks: Vec<u64> = (0..self.servers.len()).map(|i| self.looks(i)).collect();
        let mut smallest = u64::MAX;
        let mut names: Vec<usize> = (0..self.servers.len()).collect();
        self.try_orders(&self.setting.interchangeable, &looks, &mut names, &mut smallest);
        smallest
    }

    /// All ways to name the servers of these classes so that none looks smaller than one before it.
    fn try_orders(&self, classes: &[Vec<usize>], looks: &[u64], names: &mut [usize], smallest: &mut u64) {
        let Some((class, rest)) = classes.split_first() else {
            let same = names.iter().enumerate().all(|(i, name)| i == *name);
            let found = if same { self.plain_fingerprint() } else { self.renamed(names).plain_fingerprint() };
            *smallest = found.min(*smallest);
            return;
        };
        let mut order = class.clone();
        order.sort_by_key(|i| looks[*i]);
        permute_equals(&mut order, 0, looks, &mut |order| {
            order.iter().zip(class).for_each(|(i, name)| names[*i] = *name);
            self.try_orders(rest, looks, names, smallest);
        });
    }

    /// What a server looks like to a reader that cannot read names.
    fn looks(&self, i: usize) -> u64 {
        let server = &self.servers[i];
        let peer = server.peer.as_ref().map(|peer| {
            let status = peer.status();
            (
                peer.history(),
                peer.state(),
                status.zab,
                status.accepted_epoch,
                status.current_epoch,
                status.learners.len(),
            )
        });
        let ends: Vec<_> = self
            .connections
            .iter()
            .filter_map(|c| {
                let mine = if c.learner == i {
                    0
                } else if c.leader == i {
                    1
                } else {
                    return None;
                };
                Some((mine, &c.to_leader, &c.to_learner, c.learner_end, c.leader_end, c.cut))
            })
            .collect();
        let named = (self.oracle == Some(i), self.ghost.newest.is_some_and(|(_, leader)| leader == i));
        // The order of connections follows from names.
        let ends = ends.iter().fold(0u64, |sum, end| sum.wrapping_add(fingerprint(end, 0).0));
        fingerprint(&(&server.disk, server.alarms, server.dialing.is_some(), peer, named, ends), 0).0
    }
}

/// Every order of what looks the same, beginning at `at`; the rest is in order.
fn permute_equals(order: &mut [usize], at: usize, looks: &[u64], each: &mut dyn FnMut(&[usize])) {
    if at == order.len() {
        return each(order);
    }
    for other in at..order.len() {
        if looks[order[other]] == looks[order[at]] {
            order.swap(at, other);
            permute_equals(order, at + 1, looks, each);
            order.swap(at, other);
        }
    }
}
