//! Small models that begin in the middle of a run. What takes many steps to get to is gone through once, by
//! the rules and in one order. Everything that can happen from there is searched.

use std::sync::Arc;

use quorate_core::config::{Constant, ElectionMode, PeerConfig};
use quorate_core::election::ServerState;
use quorate_core::ids::{ServerId, Zxid};
use quorate_core::membership::Membership;
use quorate_core::quorum::QuorumVerifier;
use quorate_core::timer::Timer;
use quorate_core::{QuorumPeer, ZabState};

use super::ensemble::{Ensemble, Reachable};
use super::model_spec::{Expected, ModelSpec, Variant};
use super::worlds::{led, serving_agree, setting};
use crate::byte::Byte;
use crate::properties;
use crate::world::{Action, Budget, Durable, Modelled, QuorumPort, Setting, World};

pub(super) fn catalogue() -> Vec<ModelSpec> {
    vec![
        ModelSpec {
            name: "in-service",
            composes: "as zab-oracle, begun when all servers serve and have one transaction",
            bounds: "3 servers, leader with and without a window, 1 or 2 transactions, at most 1 fault, no election",
            unique: 40_084,
            expected: Expected::Holds,
            build: |variant| Box::new(in_service(variant)),
        },
        ModelSpec {
            name: "discarded",
            composes: "as zab-oracle, begun before and after a second epoch is established without a proposal of the first",
            bounds: "3 servers, the proposal on the first leader's disk alone, 1 fault, 2 elections and 1",
            unique: 116_732,
            expected: Expected::Holds,
            build: |variant| Box::new(discarded(variant)),
        },
        ModelSpec {
            name: "one-behind",
            composes: "as zab-oracle, begun when two servers have committed what the third lacks",
            bounds: "3 servers that look for a leader, 1 fault and 2 elections, or 1 transaction and 1 election",
            unique: 97_540,
            expected: Expected::Holds,
            build: |variant| Box::new(one_behind(variant)),
        },
        ModelSpec {
            name: "two-leaders",
            composes: "as zab-oracle, begun when two leaders have chosen the same epoch",
            bounds: "3 servers, the follower's promise given to one of them, 2 faults",
            unique: 11_506,
            expected: Expected::Holds,
            build: |variant| Box::new(two_leaders(variant)),
        },
        ModelSpec {
            name: "four",
            composes: "as zab-oracle, begun when the leader synchronises, and when all servers serve",
            bounds: "4 servers, of which 2 are no quorum, 1 transaction, no fault",
            unique: 468,
            expected: Expected::Holds,
            build: |variant| Box::new(four(variant)),
        },
        ModelSpec {
            name: "observed",
            composes: "as zab-oracle, with an observer, on a new disk or on one that has promised a later epoch",
            bounds: "3 voters and 1 observer, 1 election, 1 transaction or one that a voter lacks, no fault",
            unique: 15_199,
            expected: Expected::Holds,
            build: |variant| Box::new(observed(variant)),
        },
        ModelSpec {
            name: "late",
            composes: "as quiet, begun when two voters serve: the third and an observer come to an established leader",
            bounds: "3 voters and 1 observer, leader in its first and its second round, no fault",
            unique: 1_022,
            expected: Expected::Holds,
            build: |variant| Box::new(late(variant)),
        },
        ModelSpec {
            name: "rounds",
            composes: "as election, begun when some have given up a leader that others still follow",
            bounds: "3 servers whose rounds differ by up to 3, no fault",
            unique: 10_176,
            expected: Expected::Holds,
            build: |variant| Box::new(rounds(variant)),
        },
        ModelSpec {
            name: "stranger",
            composes: "as election, with a server that only some have in their configuration",
            bounds: "3 servers, the third a stranger to the first, equal histories",
            unique: 549,
            expected: Expected::Holds,
            build: |variant| Box::new(stranger(variant)),
        },
    ]
}

pub(super) const NOTHING: Budget = Budget { faults: 0, txns: 0, elections: 0, resends: 0 };
const PLENTY: Budget = Budget { faults: 9, txns: 9, elections: 9, resends: 0 };

/// A run that is being prepared.
pub(super) struct Run<P: Modelled = Byte>(pub(super) World<P>);

impl<P: Modelled> Run<P> {
    /// All servers start.
    pub(super) fn start(setting: Setting<P>, disks: Vec<Durable<P>>) -> Self {
        let servers = 0..disks.len();
        let mut run = Run(World::new(Arc::new(setting), disks, NOTHING));
        servers.for_each(|i| run.act(&Action::Start(i)));
        run
    }

    /// This happens, whatever the budget.
    pub(super) fn act(&mut self, action: &Action) {
        self.0.allow(PLENTY);
        self.0.act(action);
    }

    /// What is wanted of what has to happen sooner or later happens, as long as it is not enough.
    pub(super) fn go_on(
        &mut self,
        wanted: impl Fn(&World<P>, &Action) -> bool,
        enough: impl Fn(&World<P>) -> bool,
    ) {
        self.0.allow(NOTHING);
        let mut possible = Vec::new();
        // A server that breaks a rule may do so for ever.
        for _ in 0..1000 {
            possible.clear();
            self.0.actions(&mut possible);
            // To give up is the last thing to do.
            let gives_up = |a: &&Action| matches!(a, Action::PhaseLimit(_));
            let mut next = possible.iter().filter(|a| wanted(&self.0, a));
            let next = next.clone().find(|a| !gives_up(a)).or_else(|| next.next());
            let Some(next) = next.filter(|_| !enough(&self.0)) else { break };
            self.0.act(next);
        }
    }

    /// Everything that has to happen happens.
    pub(super) fn settle(&mut self) {
        self.go_on(|_, _| true, |_| false);
    }

    /// The connection between these two breaks.
    pub(super) fn cut(&mut self, learner: usize, leader: usize) {
        let between = |c: &crate::world::Connection<P>| (c.learner, c.leader) == (learner, leader) && !c.cut;
        let c = self.0.connections().iter().position(between).expect("they are connected");
        self.act(&Action::Cut(c));
    }

    pub(super) fn end(mut self, budget: Budget) -> World<P> {
        self.0.allow(budget);
        self.0
    }
}

pub(super) fn oracle(variant: Variant) -> Run {
    Run::start(setting(3, ElectionMode::Oracle, variant), vec![Durable::empty(); 3])
}

pub(super) fn ensemble(init: Vec<World>) -> Ensemble {
    Ensemble {
        init,
        invariants: properties::ZAB,
        sometimes: &[],
        terminal: |w| (led(w) || w.elections_used_up()) && serving_agree(w),
        goal: None,
    }
}

/// All servers serve, and have delivered one transaction.
fn serving(leader: usize, variant: Variant) -> Run {
    let mut run = oracle(variant);
    run.act(&Action::Lead(leader));
    run.settle();
    run.act(&Action::Submit(leader));
    run.settle();
    run
}

fn in_service(variant: Variant) -> Ensemble {
    let one_fault = Budget { faults: 1, txns: 1, ..NOTHING };
    let two_outstanding = Budget { txns: 2, ..NOTHING };
    let behind_its_window = Budget { txns: 2, ..one_fault };
    let budgets = [(0, behind_its_window), (1, one_fault), (1, two_outstanding)];
    ensemble(budgets.into_iter().map(|(leader, budget)| serving(leader, variant).end(budget)).collect())
}

fn discarded(variant: Variant) -> Ensemble {
    let mut run = oracle(variant);
    run.act(&Action::Lead(0));
    run.settle();
    run.act(&Action::Submit(0));
    run.act(&Action::Crash(0, 1));
    run.act(&Action::Start(0));
    run.go_on(|_, a| matches!(a, Action::Down(..)), |_| false);
    let budget = Budget { faults: 1, txns: 0, elections: 1, resends: 0 };
    let before = Run(run.0.clone()).end(Budget { elections: 2, ..budget });
    run.act(&Action::Lead(1));
    run.go_on(|_, a| !concerns(a, 0), |_| false);
    let mut ensemble = ensemble(vec![before, run.end(budget)]);
    ensemble.sometimes = &[Reachable {
        name: "a third epoch is established",
        reached: |w| w.peers().any(|(_, p)| p.established_epoch() == Some(3)),
    }];
    ensemble
}

/// Whether a server is asked to follow.
pub(super) fn concerns(action: &Action, server: usize) -> bool {
    matches!(action, Action::Follow(i, _) if *i == server)
}

fn one_behind(variant: Variant) -> Ensemble {
    let run = all_but_one(oracle(variant));
    let again = Run(run.0.clone()).end(Budget { txns: 1, elections: 1, ..NOTHING });
    ensemble(vec![run.end(Budget { faults: 1, elections: 2, ..NOTHING }), again])
}

/// Servers 1 and 2 have committed what server 3 lacks; every server looks for a leader.
fn all_but_one(mut run: Run) -> Run {
    run.act(&Action::Lead(1));
    run.settle();
    run.cut(2, 1);
    run.go_on(|_, a| matches!(a, Action::Down(..)), |_| false);
    run.act(&Action::Submit(1));
    run.go_on(|_, a| !concerns(a, 2), |_| false);
    run.act(&Action::Crash(1, 0));
    run.act(&Action::Start(1));
    run.go_on(|_, a| matches!(a, Action::Down(..)), |_| false);
    run
}

/// Server 3 chose epoch 1 when server 2 had introduced itself. Then server 2 promised epoch 1 to server 1,
/// lost it before it was synchronised, and is with server 3 again.
fn two_leaders(variant: Variant) -> Ensemble {
    let mut run = oracle(variant);
    run.act(&Action::Lead(2));
    run.act(&Action::Follow(1, 2));
    run.go_on(|_, a| *a == Action::Sync(2), |_| false);
    run.act(&Action::Crash(1, 0));
    run.act(&Action::Start(1));
    run.go_on(|_, a| matches!(a, Action::Down(..)), |_| false);
    run.act(&Action::Lead(0));
    run.act(&Action::Follow(1, 0));
    run.go_on(|_, a| !matches!(a, Action::Follow(..)), |w| phase(w, 0) == Some(ZabState::Synchronization));
    run.cut(1, 0);
    run.go_on(|_, a| matches!(a, Action::Down(..)), |_| false);
    run.act(&Action::Follow(1, 2));
    ensemble(vec![run.end(Budget { faults: 2, txns: 0, elections: 0, resends: 0 })])
}

pub(super) fn phase(world: &World, i: usize) -> Option<ZabState> {
    world.servers().nth(i)?.zab()
}

fn four(variant: Variant) -> Ensemble {
    let started = || {
        let setting = setting(4, ElectionMode::Oracle, variant);
        let mut run = Run::start(setting, vec![Durable::empty(); 4]);
        run.act(&Action::Lead(1));
        run
    };
    let mut synchronizing = started();
    synchronizing.go_on(|_, a| matches!(a, Action::Follow(..)), |_| false);
    synchronizing.go_on(|_, _| true, |w| phase(w, 1) == Some(ZabState::Synchronization));
    let mut serving = started();
    serving.settle();
    let budget = Budget { txns: 1, ..NOTHING };
    ensemble(vec![synchronizing.end(NOTHING), serving.end(budget)])
}

/// Three voters and an observer.
fn with_observer(election: ElectionMode, variant: Variant) -> Setting {
    let mut setting = setting(3, election, variant);
    let observer = ServerId(4);
    let know = |config: &PeerConfig<Byte>, id: ServerId| {
        let membership = Membership { observers: vec![observer], ..Membership::clone(&config.membership) };
        Constant::new(PeerConfig { id, membership: membership.into(), ..config.clone() })
    };
    let mut configs: Vec<_> = setting.configs.iter().map(|c| know(c, c.id)).collect();
    configs.push(know(&setting.configs[1], observer));
    setting.configs = configs;
    setting
}

fn observed(variant: Variant) -> Ensemble {
    let world = |promised: u32, wanted: fn(&Action) -> bool| {
        let mut disks = vec![Durable::empty(); 4];
        disks[3].accepted_epoch = promised;
        let mut run = Run::start(with_observer(ElectionMode::Oracle, variant), disks);
        run.act(&Action::Lead(1));
        run.go_on(|_, a| wanted(a), |_| false);
        run.end(Budget { txns: 1, ..NOTHING })
    };
    let started = Run::start(with_observer(ElectionMode::Oracle, variant), vec![Durable::empty(); 4]);
    let behind = all_but_one(started).end(Budget { elections: 1, ..NOTHING });
    let mut ensemble = ensemble(vec![world(0, |a| concerns(a, 3)), world(5, |a| !concerns(a, 3)), behind]);
    ensemble.sometimes = &[Reachable {
        name: "the observer serves the transaction",
        reached: |w| w.peers().any(|(i, p)| i == 3 && p.serving() && p.service().applied().len() == 1),
    }];
    ensemble
}

/// Two voters serve; a voter and an observer have not started.
fn late(variant: Variant) -> Ensemble {
    let world = |rounds: usize| {
        let setting = with_observer(ElectionMode::Fast, variant);
        let mut run = Run(World::new(Arc::new(setting), vec![Durable::empty(); 4], NOTHING));
        run.act(&Action::Start(0));
        run.act(&Action::Start(1));
        let awake = |_: &World, a: &Action| !matches!(a, Action::Start(2 | 3));
        run.go_on(awake, |_| false);
        for _ in 1..rounds {
            run.act(&Action::Crash(1, 0));
            run.go_on(awake, |_| false);
        }
        run.end(NOTHING)
    };
    Ensemble {
        terminal: |w| w.servers().all(|s| s.serving()) && serving_agree(w),
        ..ensemble(vec![world(1), world(2)])
    }
}

/// Elections among servers whose rounds differ.
fn rounds(variant: Variant) -> Ensemble {
    let mut init = Vec::new();
    for best in 0..3 {
        let mut setting = setting(3, ElectionMode::Fast, variant);
        (setting.quorum_port, setting.eager) = (QuorumPort::Absent, false);
        let mut disks = vec![Durable { accepted_epoch: 2, current_epoch: 1, ..Durable::empty() }; 3];
        let zxid = Zxid::new(1, 1);
        disks[best].log.push((zxid, Byte::logged(zxid)));
        let mut elected = Run::start(setting, disks);
        elected.settle();
        let give_up = |world: &World, who: &[usize]| {
            let mut run = Run(world.clone());
            for i in who {
                if run.0.armed(*i, Timer::PhaseLimit) {
                    run.0.fire(*i, Timer::PhaseLimit);
                }
            }
            run
        };
        for (a, b, c) in [(0, 1, 2), (1, 2, 0), (0, 2, 1)] {
            // Two of them elect again, and again; the third notices late.
            let mut ahead = give_up(&elected.0, &[a, b]);
            init.push(ahead.0.clone());
            ahead.settle();
            init.push(give_up(&ahead.0, &[c]).0);
            init.push(give_up(&ahead.0, &[c, a, b]).0);
            let mut further = give_up(&ahead.0, &[a, b]);
            let to_c = |_: &World, x: &Action| matches!(x, Action::Vote { to, .. } if *to == c);
            further.go_on(to_c, |_| false);
            init.push(give_up(&further.0, &[c]).0);
            further.settle();
            init.push(give_up(&further.0, &[c]).0);
        }
    }
    init.iter_mut().for_each(|world| world.allow(Budget { elections: u8::MAX, ..NOTHING }));
    Ensemble {
        init,
        invariants: properties::ELECTION,
        sometimes: &[],
        terminal: |w| {
            // No server looks any more, and a quorum follows one that leads.
            w.peers().all(|(_, p)| p.state() != ServerState::Looking) && quorum_follows(w)
        },
        goal: None,
    }
}

pub(super) fn quorum_follows(w: &World) -> bool {
    let follows = |voter: ServerId, leader: ServerId| {
        w.peers().any(|(i, p)| i as i64 + 1 == voter.0 && p.status().leader == Some(leader))
    };
    let mut leaders = w.peers().filter(|(_, p)| p.state() == ServerState::Leading);
    leaders
        .any(|(_, l): (usize, &QuorumPeer<Byte>)| l.membership().is_quorum(|id| follows(id, l.config().id)))
}

/// Servers 2 and 3 vote among three; server 1 knows only itself and server 2.
fn stranger(variant: Variant) -> Ensemble {
    let mut setting = setting(3, ElectionMode::Fast, variant);
    (setting.quorum_port, setting.eager) = (QuorumPort::Absent, false);
    let verifiers = vec![QuorumVerifier::Majority(vec![ServerId(1), ServerId(2)])];
    let membership = Membership { verifiers, ..Membership::clone(&setting.configs[0].membership) }.into();
    setting.configs[0] = Constant::new(PeerConfig { membership, ..(*setting.configs[0]).clone() });
    let run = Run::start(setting, vec![Durable::empty(); 3]);
    Ensemble {
        init: vec![run.end(Budget { elections: u8::MAX, ..NOTHING })],
        invariants: properties::ELECTION,
        sometimes: &[Reachable { name: "a quorum follows", reached: quorum_follows }],
        terminal: |_| true,
        goal: None,
    }
}
