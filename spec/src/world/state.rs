//! The state of a whole ensemble.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use quorate_core::config::PeerConfig;
use quorate_core::election::{Notification, Slot};
use quorate_core::ids::{ConnId, Now, ServerId, Zxid};
use quorate_core::timer::Timer;
use quorate_core::{QuorumPeer, ReplyOf, ZabState};

use crate::byte::Byte;
use crate::hash::{Printed, fingerprint};
use crate::world::disk::{Disk, Durable};
use crate::world::ghost::Ghost;
use crate::world::java::JavaPeer;
use crate::world::link::Connection;
use crate::world::marked::Marked;
use crate::world::modelled::Modelled;
use crate::world::setting::{Budget, QuorumPort, Setting};
use crate::world::trace::Event;

/// One server: its process, if it is up, and its disk.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Server<P: Modelled = Byte> {
    /// The process; everything in it is gone when it dies.
    pub peer: Option<QuorumPeer<P>>,
    /// The process of a server that behaves as ZooKeeper does; such a server has no other.
    pub java: Option<JavaPeer>,
    /// The disk, which survives the process.
    pub disk: Disk<P>,
    pub(super) alarms: u8,
    pub(super) dialing: Option<ServerId>,
    /// For each `sync` that its clients wait for, oldest first, what its leader had proposed when it was
    /// asked, and which it is.
    pub(super) asked: Vec<(Zxid, u8)>,
}

/// One state of an ensemble.
#[derive(Clone, Debug)]
pub struct World<P: Modelled = Byte> {
    pub(super) setting: Arc<Setting<P>>,
    /// The setting's part of the state's identity.
    pub(super) kind: u64,
    /// A step hashes only those that it changes.
    pub(super) servers: Vec<Printed<Server<P>>>,
    /// The votes from one server to another (`from * n + to`): what waits is under way.
    pub(super) votes: Vec<Slot<Notification>>,
    /// The votes under way in front of the newest ones, oldest first.
    pub(super) older_votes: Vec<VecDeque<Notification>>,
    pub(super) connections: Vec<Connection<P>>,
    /// Whom the oracle names at present.
    pub(super) oracle: Option<usize>,
    pub(super) budget: Budget,
    /// The clock that every process reads. It stands still unless a model moves it.
    pub(super) now: Now,
    pub(super) ghost: Arc<Ghost<P::Mark>>,
    /// What the disks held before anything happened. No part of the state's identity.
    pub(super) preloaded: Arc<[(Zxid, P::Mark)]>,
    /// Every step so far, if they are to be recorded. No part of the state's identity.
    pub(super) trace: Option<Vec<Event<P>>>,
    /// What servers have said to clients outside of the world, which have not heard it yet. Between steps
    /// there is nothing.
    pub(super) told: Vec<Told<P>>,
    /// How many steps there were. No part of the state's identity.
    pub(super) steps: u64,
}

impl<P: Modelled> PartialEq for World<P> {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl<P: Modelled> Eq for World<P> {}

impl<P: Modelled> Hash for World<P> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.fingerprint());
    }
}

/// To which client at which server; nothing is the end of the connection.
pub(crate) type Told<P> = (usize, ConnId, Option<ReplyOf<P>>);

pub(super) type Parts<'a, P> = (
    u64,
    &'a [Printed<Server<P>>],
    (&'a [Slot<Notification>], &'a [VecDeque<Notification>]),
    &'a [Connection<P>],
    Option<usize>,
    &'a Budget,
    Now,
    &'a Ghost<<P as Marked>::Mark>,
);

impl<P: Modelled> World<P> {
    /// Every process down, these disks, this much to come.
    pub fn new(setting: Arc<Setting<P>>, disks: Vec<Durable<P>>, budget: Budget) -> Self {
        let n = setting.configs.len();
        assert_eq!(disks.len(), n, "a disk for each server");
        let preloaded = disks.iter().flat_map(Durable::history).collect();
        let server = |durable| {
            Printed::new(Server {
                peer: None,
                java: None,
                disk: Disk::new(durable),
                alarms: 0,
                dialing: None,
                asked: Vec::new(),
            })
        };
        World {
            kind: setting.kind(),
            setting,
            servers: disks.into_iter().map(server).collect(),
            votes: vec![Slot::default(); n * n],
            older_votes: vec![VecDeque::new(); n * n],
            connections: Vec::new(),
            oracle: None,
            budget,
            now: Now::default(),
            ghost: Arc::default(),
            preloaded,
            trace: None,
            told: Vec::new(),
            steps: 0,
        }
    }

    /// The steps since the last call; the first call begins the record.
    pub fn take_trace(&mut self) -> Vec<Event<P>> {
        self.trace.replace(Vec::new()).unwrap_or_default()
    }

    /// The servers, in the order of their ids.
    pub fn servers(&self) -> impl Iterator<Item = &Server<P>> {
        self.servers.iter().map(|s| &**s)
    }

    /// The processes that are up, with their index.
    pub fn peers(&self) -> impl Iterator<Item = (usize, &QuorumPeer<P>)> {
        self.servers.iter().enumerate().filter_map(|(i, s)| Some((i, s.peer.as_ref()?)))
    }

    /// What properties look back on.
    pub fn ghost(&self) -> &Ghost<P::Mark> {
        &self.ghost
    }

    /// Whether a disk held this transaction before anything happened.
    pub fn preloaded(&self, txn: (Zxid, P::Mark)) -> bool {
        self.preloaded.contains(&txn)
    }

    /// What may still happen.
    pub fn budget(&self) -> Budget {
        self.budget
    }

    /// Let this happen from now on.
    pub fn allow(&mut self, budget: Budget) {
        self.budget = budget;
    }

    /// Set the clock: `now` is the time from now on.
    pub fn set_clock(&mut self, now: Now) {
        self.now = now;
    }

    /// What there is of the connections between learners and leaders.
    pub fn quorum_port(&self) -> QuorumPort {
        self.setting.quorum_port
    }

    /// This ensemble with another quorum port from now on. If it is not open, nothing is left of its
    /// connections.
    pub fn with_quorum_port(&self, quorum_port: QuorumPort) -> Self {
        let mut world = self.with(|setting| setting.quorum_port = quorum_port);
        if quorum_port != QuorumPort::Open {
            world.connections.clear();
        }
        world
    }

    /// This ensemble, in which deliveries that only their receiver can notice happen at once from now on, or
    /// not.
    pub fn with_eager(&self, eager: bool) -> Self {
        self.with(|setting| setting.eager = eager)
    }

    pub(super) fn with(&self, change: impl FnOnce(&mut Setting<P>)) -> Self {
        let mut world = self.clone();
        change(Arc::make_mut(&mut world.setting));
        world.kind = world.setting.kind();
        world
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

    /// What never changes in a run.
    pub fn setting(&self) -> &Setting<P> {
        &self.setting
    }

    /// Whether everything is the same but what may still happen and what properties look back on.
    pub fn looks_like(&self, other: &Self) -> bool {
        let network =
            |world: &Self| (world.votes.clone(), world.older_votes.clone(), world.connections.clone());
        self.servers == other.servers && network(self) == network(other)
    }

    /// The connections of the quorum port.
    pub fn connections(&self) -> &[Connection<P>] {
        &self.connections
    }

    /// A server's configuration.
    pub fn config(&self, i: usize) -> &PeerConfig<P> {
        &self.setting.configs[i]
    }

    /// The state's identity: its packed bytes, hashed once with the setting's salt. States that differ only
    /// in which of the interchangeable servers is which have the same.
    pub fn fingerprint(&self) -> u64 {
        if self.setting.interchangeable.is_empty() {
            self.plain_fingerprint()
        } else {
            self.shared_fingerprint()
        }
    }

    pub(super) fn plain_fingerprint(&self) -> u64 {
        fingerprint(&self.parts(), self.setting.salt).0
    }

    /// The length of the packed state in bytes.
    pub fn packed_len(&self) -> usize {
        fingerprint(&self.parts(), 0).1
    }

    /// What makes a difference, for states that contain a world.
    pub(crate) fn identity(&self) -> impl Hash + '_ {
        self.parts()
    }

    pub(super) fn parts(&self) -> Parts<'_, P> {
        (
            self.kind,
            &self.servers,
            (&self.votes, &self.older_votes),
            &self.connections,
            self.oracle,
            &self.budget,
            self.now,
            &self.ghost,
        )
    }

    /// Whether a vote is under way in front of a newer one.
    pub fn has_older_votes(&self) -> bool {
        self.older_votes.iter().any(|votes| !votes.is_empty())
    }

    /// The vote from one server to another that arrives next.
    pub fn vote_under_way(&self, from: usize, to: usize) -> Option<&Notification> {
        let slot = from * self.servers.len() + to;
        self.older_votes[slot].front().or_else(|| self.votes[slot].waiting())
    }
}

impl<P: Modelled> Server<P> {
    /// Whether the server serves clients.
    pub fn serving(&self) -> bool {
        self.peer.as_ref().is_some_and(QuorumPeer::serving)
            || self.java.as_ref().is_some_and(JavaPeer::serving)
    }

    /// How many `sync`s its clients wait for.
    pub fn asked(&self) -> usize {
        self.asked.len()
    }

    /// The server's phase of ZAB; `None` while the server is down.
    pub fn zab(&self) -> Option<ZabState> {
        match &self.java {
            Some(java) => Some(java.zab()),
            None => Some(self.peer.as_ref()?.status().zab),
        }
    }
}

pub(super) fn id(i: usize) -> ServerId {
    ServerId(i as i64 + 1)
}

pub(super) fn index(id: ServerId) -> usize {
    usize::try_from(id.0 - 1).expect("servers are numbered from 1")
}

pub(super) fn bit(timer: Timer) -> u8 {
    1 << timer as u8
}
