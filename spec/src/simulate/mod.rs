//! Random walks through the same [`World`] at sizes that no search exhausts.
//!
//! A walk has two halves. In the first one everything may happen that the models know, at rates drawn anew
//! for every walk. Processes crash, with any part of the pending writes done or with the disk gone, or stand
//! still. Connections break, timeouts pass, and what crosses a partition waits; disks and servers are slow.
//! Learners give up leaders that are well, and the last words of a process arrive. Seeds differ in the
//! ensemble too: observers, groups, writes and `sync` at every server.
//!
//! In the second half no fault happens any more, and the ensemble has to heal. Every server comes to serve
//! and to have delivered the same, and one more transaction reaches all of them. After every step every
//! property is checked.
//!
//! A walk is a function of its seed; a failing one is a list of actions, which [`shrink`] shortens.

mod shrink;

use std::panic::{AssertUnwindSafe, catch_unwind};

use fastrand::Rng;
use quorate_core::config::{Constant, ElectionMode, PeerConfig};
use quorate_core::ids::ServerId;
use quorate_core::quorum::{Group, QuorumVerifier};

use crate::models::{Ensemble, Variant, ensemble, setting_of};
use crate::search::Broken;
use crate::world::{Action, Budget, Durable, Forged, Harsh, Setting, World};

pub use shrink::{shrink, states, story};

/// The number of transactions after which a snapshot is taken.
const SNAPSHOT_AFTER: u64 = 5;

/// Of how many groups a quorum is a part, where servers decide by groups.
const GROUPS: usize = 3;

/// How walks are made.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Servers.
    pub servers: usize,
    /// Actions before the faults stop.
    pub chaos: usize,
    /// Actions in which the ensemble has to heal afterwards.
    pub heal: usize,
    /// Whether the shipped rules are walked.
    pub variant: Variant,
}

/// What came of a walk.
#[derive(Clone, Debug, Default)]
pub struct Walk {
    /// Calls of `QuorumPeer::step`.
    pub steps: u64,
    /// Crashes, cuts, silences and timeouts without cause.
    pub faults: u64,
    /// Epochs in which a leader was established.
    pub epochs: u64,
    /// Transactions that were delivered.
    pub delivered: u64,
    /// Transactions that were proposed and dropped.
    pub discarded: u64,
    /// What is wrong, if something is.
    pub failure: Option<Failure>,
}

/// A walk that went wrong.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What is broken.
    pub broken: Broken,
    /// From the beginning of the only initial state of its seed's [`Plan::ensemble`].
    pub path: Vec<Action>,
}

impl Plan {
    /// The ensemble that the walk of this seed goes through: every server is up, on a new disk. With every
    /// other seed one server's disk, if there are three or more, is gone whenever that server dies. With
    /// every third seed strangers introduce themselves in the name of one server. Nothing is spared the
    /// servers ([`Harsh`]).
    pub fn ensemble(&self, seed: u64) -> Ensemble {
        let mut setting = self.setting(seed);
        for config in &mut setting.configs {
            *config = Constant::new(PeerConfig { snap_count: SNAPSHOT_AFTER, ..PeerConfig::clone(config) });
        }
        // The others must be able to do without it.
        let fragile = seed % 2 == 1 && self.servers > 2;
        setting.fragile = fragile.then(|| (seed / 2) as usize % self.servers);
        // Strangers take the name of one, and claim what no server has promised.
        let forged =
            || Forged { server: ServerId((seed / 3) as i64 % self.servers as i64 + 1), accepted_epoch: 40 };
        setting.forged = seed.is_multiple_of(3).then(forged);
        ensemble(setting, vec![Durable::empty(); self.servers], calm())
    }

    /// With one seed of four the last server is an observer, with one of four servers decide by groups. With
    /// four of eight clients write at every server, and ask for `sync`.
    fn setting(&self, seed: u64) -> Setting {
        let n = self.servers;
        let ids = |n: usize| (1..=n as i64).map(ServerId);
        let (verifier, observers) = match seed % 4 {
            1 if n > 3 => (QuorumVerifier::Majority(ids(n - 1).collect()), 1),
            2 if n > 3 => {
                let members = |group: usize| ids(n).skip(group).step_by(GROUPS).map(|id| (id, 1)).collect();
                let groups = (0..GROUPS).map(|group| Group { members: members(group) }).collect();
                (QuorumVerifier::Hierarchical(groups), 0)
            }
            _ => (QuorumVerifier::Majority(ids(n).collect()), 0),
        };
        let anywhere = seed / 4 % 2 == 1;
        Setting {
            submit_anywhere: anywhere,
            syncs: anywhere,
            harsh: Harsh::ALL,
            ..setting_of(&verifier, observers, ElectionMode::Fast, self.variant)
        }
    }

    /// The walk of this seed.
    pub fn walk(&self, seed: u64) -> Walk {
        self.walk_of(&self.ensemble(seed), seed)
    }

    /// The walk of this seed through the first initial state of an ensemble of that size.
    pub fn walk_of(&self, ensemble: &Ensemble, seed: u64) -> Walk {
        let mut walker = Walker::new(ensemble, self.servers, seed);
        // Core's own assertions are findings; what they interrupt is not looked at again.
        let outcome = catch_unwind(AssertUnwindSafe(|| walker.walk(self)));
        let broken = match outcome {
            Ok(broken) => broken,
            Err(_) => Some(Broken::Assertion),
        };
        let world = &walker.world;
        let ghost = world.ghost();
        Walk {
            steps: world.steps(),
            faults: walker.faults,
            epochs: ghost.newest.map_or(0, |(epoch, _)| u64::from(epoch)),
            delivered: ghost.delivered.len() as u64,
            discarded: ghost.discarded.len() as u64,
            failure: broken.map(|broken| Failure { broken, path: walker.path }),
        }
    }
}

/// Nothing but what has to happen.
fn calm() -> Budget {
    Budget { faults: 0, txns: 0, elections: u8::MAX, resends: 1 }
}

/// What has to happen, and one fault.
fn with_fault() -> Budget {
    Budget { faults: 1, ..calm() }
}

/// The transaction that the `n`-th submission carries.
fn with_txn(n: usize) -> Budget {
    Budget { txns: (n % 250) as u8 + 1, ..calm() }
}

/// What an action needs to be possible, in a walk whose path so far has `submitted` submissions.
fn budget_for(action: &Action, submitted: usize) -> Budget {
    match action {
        Action::Submit(_) | Action::Ask(_) => with_txn(submitted),
        Action::Crash(..)
        | Action::Cut(_)
        | Action::Silence(_)
        | Action::PhaseLimit(_)
        | Action::Forge(_) => with_fault(),
        _ => calm(),
    }
}

/// How often things happen in one walk, in parts of [`ALWAYS`].
struct Rates {
    fault: f64,
    submit: f64,
    partition: f64,
    /// Of each server's inputs: how likely one is taken when it is come across.
    server: Vec<u8>,
    disk: Vec<u8>,
    /// Likewise, of a process that is down.
    restart: u8,
}

const ALWAYS: u8 = 16;

impl Rates {
    fn draw(rng: &mut Rng, servers: usize) -> Self {
        let pace = |rng: &mut Rng| if rng.bool() { ALWAYS } else { rng.u8(1..=ALWAYS) };
        // From one fault in twenty actions to one in five thousand.
        Rates {
            fault: 0.05 * 10f64.powf(-2.0 * rng.f64()),
            submit: 0.2 * 10f64.powf(-1.5 * rng.f64()),
            partition: 0.002 * rng.f64(),
            server: (0..servers).map(|_| pace(rng)).collect(),
            disk: (0..servers).map(|_| pace(rng)).collect(),
            restart: rng.u8(1..=ALWAYS),
        }
    }

    /// Faults have stopped: everything happens.
    fn steady(servers: usize) -> Self {
        Rates {
            fault: 0.0,
            submit: 0.0,
            partition: 0.0,
            server: vec![ALWAYS; servers],
            disk: vec![ALWAYS; servers],
            restart: ALWAYS,
        }
    }
}

struct Walker<'a> {
    ensemble: &'a Ensemble,
    world: World,
    rng: Rng,
    rates: Rates,
    /// Which side of a partition each server is on.
    rooms: Vec<bool>,
    /// Which processes stand still.
    frozen: Vec<bool>,
    path: Vec<Action>,
    submitted: usize,
    faults: u64,
    possible: Vec<Action>,
}

impl<'a> Walker<'a> {
    fn new(ensemble: &'a Ensemble, servers: usize, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let rates = Rates::draw(&mut rng, servers);
        Walker {
            ensemble,
            world: ensemble.init[0].clone(),
            rng,
            rates,
            rooms: vec![false; servers],
            frozen: vec![false; servers],
            path: Vec::new(),
            submitted: 0,
            faults: 0,
            possible: Vec::new(),
        }
    }

    fn walk(&mut self, plan: &Plan) -> Option<Broken> {
        for _ in 0..plan.chaos {
            let chance = self.rng.f64();
            let (fault, submit) = (self.rates.fault, self.rates.submit);
            if self.rng.f64() < self.rates.partition {
                let whole = self.rng.bool();
                for room in &mut self.rooms {
                    *room = !whole && self.rng.bool();
                }
            }
            if self.rng.f64() < self.rates.partition {
                self.frozen.fill(false);
                let still = self.rng.usize(..self.frozen.len());
                self.frozen[still] = self.rng.bool();
            }
            let done = if chance < fault {
                self.fault()
            } else if chance < fault + submit {
                self.submit()
            } else {
                None
            };
            if let Some(broken) = done.or_else(|| self.go_on()).flatten() {
                return Some(broken);
            }
        }
        self.heal(plan)
    }

    /// Without faults every server comes to serve and to have everything.
    fn heal(&mut self, plan: &Plan) -> Option<Broken> {
        self.rates = Rates::steady(self.rooms.len());
        self.rooms.fill(false);
        self.frozen.fill(false);
        let mut more = true;
        for _ in 0..plan.heal {
            if self.healed() {
                if !more {
                    return None;
                }
                more = false;
                if let Some(broken) = self.submit().flatten() {
                    return Some(broken);
                }
            }
            match self.go_on() {
                Some(Some(broken)) => return Some(broken),
                Some(None) => {}
                None => break,
            }
        }
        (more || !self.healed()).then_some(Broken::Terminal)
    }

    fn healed(&self) -> bool {
        let delivered = &self.world.ghost().delivered;
        let led = self.world.peers().any(|(_, p)| p.established_epoch().is_some());
        let whole = |(_, p): (usize, &quorate_core::QuorumPeer<crate::byte::Byte>)| {
            p.serving() && p.service().applied().len() == delivered.len()
        };
        led && self.nothing_under_way()
            && self.world.servers().all(|s| s.peer.is_some())
            && self.world.peers().all(whole)
    }

    /// Whether no write is pending and no packet is under way.
    fn nothing_under_way(&self) -> bool {
        self.world.servers().all(|s| s.disk.pending.is_empty())
            && self.world.connections().iter().all(|c| c.to_leader.is_empty() && c.to_learner.is_empty())
    }

    /// Something that has to happen sooner or later. `None` if there is nothing.
    fn go_on(&mut self) -> Option<Option<Broken>> {
        self.collect(calm());
        if self.possible.is_empty() {
            return None;
        }
        // Everything is taken in the end: a rate is a delay, a partition lasts as long as it lasts.
        for _ in 0..64 {
            let k = self.rng.usize(..self.possible.len());
            if self.rng.u8(..ALWAYS) < self.rate(&self.possible[k]) {
                let action = self.possible.swap_remove(k);
                return Some(self.act(action));
            }
        }
        Some(None)
    }

    fn fault(&mut self) -> Option<Option<Broken>> {
        self.collect(with_fault());
        self.possible.retain(is_fault);
        if self.possible.is_empty() {
            return None;
        }
        // The kinds are equally likely, however many ways each of them has.
        let pick = self.rng.usize(..self.possible.len());
        let kind = std::mem::discriminant(&self.possible[self.rng.usize(..self.possible.len())]);
        let mut same = self.possible.iter().filter(|a| std::mem::discriminant(*a) == kind);
        let count = same.clone().count();
        let action = same.nth(pick % count).expect("one of them").clone();
        let done = self.act(action);
        // A timeout of a server that waits in vain needed none.
        self.faults += u64::from(self.world.budget().faults == 0);
        Some(done)
    }

    fn submit(&mut self) -> Option<Option<Broken>> {
        self.collect(with_txn(self.submitted));
        self.possible.retain(is_submission);
        if self.possible.is_empty() {
            return None;
        }
        let k = self.rng.usize(..self.possible.len());
        let action = self.possible.swap_remove(k);
        Some(self.act(action))
    }

    fn collect(&mut self, budget: Budget) {
        self.world.allow(budget);
        self.possible.clear();
        self.world.actions(&mut self.possible);
    }

    /// How readily an action is taken.
    fn rate(&self, action: &Action) -> u8 {
        if self.actor(action).is_some_and(|i| self.frozen[i]) {
            return 0;
        }
        let crosses = |a: usize, b: usize| self.rooms[a] != self.rooms[b];
        match *action {
            Action::Start(_) => self.rates.restart,
            Action::Sync(i) | Action::Snapshot(i) => self.rates.disk[i],
            Action::Vote { from, to } if crosses(from, to) => 0,
            Action::Vote { to, .. } => self.rates.server[to],
            Action::Deliver(c, side) => {
                let connection = &self.world.connections()[c];
                let waits = crosses(connection.learner, connection.leader);
                if waits { 0 } else { self.rates.server[connection.owner(side)] }
            }
            Action::Down(c, side) => self.rates.server[self.world.connections()[c].owner(side)],
            Action::Connect(i) => {
                let leader = self.world.servers().nth(i).and_then(|s| s.peer.as_ref()?.status().leader);
                let waits = leader.is_some_and(|id| crosses(i, id.0 as usize - 1));
                if waits { 0 } else { self.rates.server[i] }
            }
            // The pause is usually long enough for the votes to arrive.
            Action::Decide(_) | Action::Resend(_) | Action::PhaseLimit(_) => 1,
            _ => ALWAYS,
        }
    }

    /// The process that does it, if one does.
    fn actor(&self, action: &Action) -> Option<usize> {
        match *action {
            Action::Vote { to, .. } => Some(to),
            Action::Deliver(c, side) | Action::Down(c, side) => Some(self.world.connections()[c].owner(side)),
            Action::Decide(i)
            | Action::Resend(i)
            | Action::PhaseLimit(i)
            | Action::Connect(i)
            | Action::Sync(i)
            | Action::Snapshot(i) => Some(i),
            _ => None,
        }
    }

    fn act(&mut self, action: Action) -> Option<Broken> {
        self.path.push(action);
        let action = self.path.last().expect("it was just pushed");
        self.world.allow(budget_for(action, self.submitted));
        self.submitted += usize::from(is_submission(action));
        self.world.act(action);
        self.ensemble.broken(&self.world).map(Broken::Invariant)
    }
}

/// Whether a client asks for something: each time with another transaction.
fn is_submission(action: &Action) -> bool {
    matches!(action, Action::Submit(_) | Action::Ask(_))
}

/// Whether this needs a fault's budget now.
fn is_fault(action: &Action) -> bool {
    matches!(
        action,
        Action::Crash(..) | Action::Cut(_) | Action::Silence(_) | Action::PhaseLimit(_) | Action::Forge(_)
    )
}
