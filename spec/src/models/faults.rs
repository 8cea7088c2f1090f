//! Elections while servers die, start again, give their leader up, or come late.

use quorate_core::QuorumPeer;
use quorate_core::config::ElectionMode;
use quorate_core::election::ServerState;
use quorate_core::ids::ServerId;
use quorate_core::quorum::QuorumVerifier;
use quorate_core::timer::Timer;

use super::ensemble::{Ensemble, Reachable};
use super::model_spec::Variant;
use super::worlds::{all_started, election_in, leads, led_by_quorum, setting, setting_of};
use crate::byte::Byte;
use crate::properties::invariant::Invariant;
use crate::world::{Action, Budget, QuorumPort, Setting, World};

/// The rounds after which no server gives a leader up any more.
const ROUNDS: u8 = 2;

/// Servers die and start again; a follower whose leader does not lead looks for another, and one may without
/// cause.
pub(super) fn election(variant: Variant) -> Ensemble {
    let setting = Setting { eager: false, ..setting(3, ElectionMode::Fast, variant) };
    let budget = Budget { faults: 1, elections: ROUNDS, ..Budget::default() };
    // The first is the best by its epoch, the others are alike.
    let ensemble = all_started(election_in(setting, budget, &[0b1]));
    Ensemble {
        sometimes: &[
            Reachable { name: "server 1 leads in the second round", reached: |w| leads(w, 0) && second(w) },
            Reachable { name: "server 3 leads in the second round", reached: |w| leads(w, 2) && second(w) },
            Reachable {
                name: "two servers lead",
                reached: |w| w.peers().filter(|(_, p)| p.state() == ServerState::Leading).count() == 2,
            },
            Reachable {
                name: "the clocks of two that look differ by one",
                reached: |w| {
                    let looking = |p: ServerState| p == ServerState::Looking;
                    let rounds = w.peers().filter(|(_, p)| looking(p.state())).map(|(_, p)| p.status().round);
                    let rounds: Vec<u64> = rounds.collect();
                    rounds.iter().any(|r| rounds.contains(&(r + 1)))
                },
            },
        ],
        ..imagining(ensemble)
    }
}

/// As [`election`], but votes wait for servers that are down. The last one is sent again to a server that is
/// back, though its sender may have decided since.
pub(super) fn reconnecting(variant: Variant) -> Ensemble {
    let setting = Setting { eager: false, votes_wait: true, ..setting(3, ElectionMode::Fast, variant) };
    let budget = Budget { faults: 1, elections: 1, ..Budget::default() };
    let ensemble = all_started(election_in(setting, budget, &[0b1]));
    Ensemble {
        sometimes: &[
            Reachable { name: "server 1 leads", reached: |w| leads(w, 0) },
            Reachable { name: "server 3 leads", reached: |w| leads(w, 2) },
            Reachable {
                name: "a vote waits that its sender no longer has",
                reached: |w| {
                    let looks = |p: &QuorumPeer<Byte>| p.state() == ServerState::Looking;
                    let old = |i: usize, j: usize| {
                        let vote = w.vote_under_way(i, j);
                        vote.is_some_and(|vote| vote.state == ServerState::Looking)
                    };
                    w.peers().any(|(i, p)| !looks(p) && w.peers().any(|(j, q)| looks(q) && old(i, j)))
                },
            },
        ],
        ..imagining(ensemble)
    }
}

/// A server whose leader does not lead looks for another, up to the bound on rounds.
pub(super) fn imagining(ensemble: Ensemble) -> Ensemble {
    let imagined = |world: &World| world.with_quorum_port(QuorumPort::Imagined);
    Ensemble {
        init: ensemble.init.iter().map(imagined).collect(),
        terminal: |w| led_by_quorum(w) || w.bound_holds_somebody(),
        ..ensemble
    }
}

fn second(world: &World) -> bool {
    world.peers().any(|(_, p)| p.status().round == u64::from(ROUNDS))
}

/// A server that decides while others have a leader that a quorum follows decides for that one.
const JOINS: &[Invariant] = &[Invariant {
    name: "JoinsTheEstablished",
    claim: "A server that looks for a leader while a quorum follows one finds that one.",
    source: "FastLeaderElection.lookForLeader, FOLLOWING and LEADING",
    holds: |_, w| {
        let joined =
            |(i, leader): (usize, Option<ServerId>)| i == STALE || leader.is_none_or(|l| l == LEADER);
        w.peers().map(|(i, p)| (i, p.status().leader)).all(joined)
    },
}];

/// Whom the quorum follows.
const LEADER: ServerId = ServerId(4);
/// The index of the one that claims to lead without being followed.
const STALE: usize = 4;

/// Servers 2, 3 and 4 have a leader. Server 5 was their leader before and does not know that it is no more;
/// what they said to it has yet to arrive. Then 1 comes, or an observer.
pub(super) fn late(variant: Variant) -> Ensemble {
    let voters = QuorumVerifier::Majority((1..=5).map(ServerId).collect());
    let budget = Budget { elections: u8::MAX, ..Budget::default() };
    let begin = |observers| {
        let setting = setting_of(&voters, observers, ElectionMode::Fast, variant);
        let ensemble = election_in(setting, budget, &[0]);
        let mut world = ensemble.init[0].clone();
        drive(&mut world, &[2, 3, STALE]);
        for i in [2, 3] {
            world.fire(i, Timer::PhaseLimit);
        }
        drive(&mut world, &[1, 2, 3]);
        world
    };
    let ensemble = election_in(setting(5, ElectionMode::Fast, variant), budget, &[0]);
    let mut observed = begin(1);
    observed.act(&Action::Start(5));
    Ensemble {
        init: vec![begin(0), observed],
        invariants: JOINS,
        sometimes: &[
            Reachable { name: "server 1 joins", reached: |w| joined(w, 0) },
            Reachable { name: "the observer joins", reached: |w| joined(w, 5) },
        ],
        terminal: |w| joined(w, 0) && (w.servers().count() == 5 || joined(w, 5)),
        ..ensemble
    }
}

fn joined(world: &World, i: usize) -> bool {
    world.peers().any(|(j, p)| j == i && p.status().leader == Some(LEADER))
}

/// Start the servers that are down, and let these servers talk among themselves until they have decided.
fn drive(world: &mut World, servers: &[usize]) {
    for i in servers {
        if world.peers().all(|(j, _)| j != *i) {
            world.act(&Action::Start(*i));
        }
    }
    let mut actions = Vec::new();
    loop {
        actions.clear();
        world.actions(&mut actions);
        let inside = |a: &&Action| match a {
            Action::Vote { from, to } => servers.contains(from) && servers.contains(to),
            _ => false,
        };
        let decides = |a: &&Action| matches!(a, Action::Decide(i) if servers.contains(i));
        match actions.iter().find(inside).or_else(|| actions.iter().find(decides)) {
            Some(action) => world.act(action),
            None => break,
        }
    }
}
