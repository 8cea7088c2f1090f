//! Environments that spare the servers nothing. Learners give up a leader that is well, and last words of a
//! process arrive. Any leader is followed, and two votes of a server are under way.

use quorate_core::QuorumPeer;
use quorate_core::config::ElectionMode;
use quorate_core::election::ServerState;
use quorate_core::zab::Packet;

use super::ensemble::{Ensemble, Reachable};
use super::model_spec::{Expected, ModelSpec, Variant};
use super::worlds::{all_started, election_in, ensemble, leads, setting};
use crate::byte::Byte;
use crate::world::{Budget, Durable, End, Harsh, Setting, World};

/// The models `harsh-*`.
pub(super) fn catalogue() -> Vec<ModelSpec> {
    vec![
        ModelSpec {
            name: "harsh-zab",
            composes: "as zab-oracle; learners give up leaders that are well, any leader is followed, last words arrive",
            bounds: "3 servers, 2 elections, 1 transaction, 1 fault",
            unique: 509_205,
            expected: Expected::Holds,
            build: |variant| Box::new(zab(Budget { faults: 1, txns: 1, elections: 2, resends: 0 }, variant)),
        },
        ModelSpec {
            name: "harsh-votes",
            composes: "as election, with an older vote under way in front of the newest one",
            bounds: "3 servers, all started, the second with the best last zxid",
            unique: 602_912,
            expected: Expected::Holds,
            build: |variant| Box::new(votes(&[0b00_10_00], variant)),
        },
    ]
}

/// ZAB with an election oracle, where servers are spared nothing but older votes.
pub(super) fn zab(budget: Budget, variant: Variant) -> Ensemble {
    let harsh = Harsh { older_votes: 0, ..Harsh::ALL };
    let setting = Setting { harsh, ..setting(3, ElectionMode::Oracle, variant) };
    Ensemble {
        sometimes: &[
            Reachable {
                name: "an acknowledgement of a server that is down is under way",
                reached: |w| {
                    w.connections().iter().any(|c| {
                        let down = w.peers().all(|(i, _)| i != c.learner);
                        down && c.to_leader.iter().any(|packet| matches!(packet, Packet::Ack { .. }))
                    })
                },
            },
            Reachable {
                name: "an acknowledgement of a learner that gave its leader up is under way",
                reached: |w| {
                    w.connections().iter().any(|c| {
                        let looks = |(i, p): (usize, &QuorumPeer<Byte>)| {
                            i == c.learner && p.state() == ServerState::Looking
                        };
                        c.learner_end == End::Closed
                            && w.peers().any(looks)
                            && c.to_leader.iter().any(|packet| matches!(packet, Packet::Ack { .. }))
                    })
                },
            },
            Reachable {
                name: "two lead, and the third follows the older one",
                reached: |w| {
                    let leads = |(_, p): &(usize, &QuorumPeer<Byte>)| p.state() == ServerState::Leading;
                    w.peers().filter(leads).count() == 2
                        && w.peers().any(|(_, p)| p.state() == ServerState::Following)
                },
            },
            Reachable { name: "a transaction is delivered", reached: |w| !w.ghost().delivered.is_empty() },
            Reachable { name: "everybody serves", reached: |w| w.servers().all(|s| s.serving()) },
        ],
        ..ensemble_of(setting, budget)
    }
}

fn ensemble_of(setting: Setting, budget: Budget) -> Ensemble {
    let n = setting.configs.len();
    ensemble(setting, vec![Durable::empty(); n], budget)
}

/// The election port alone, from every assignment of last zxids in the same epoch.
pub(super) fn all_votes(variant: Variant) -> Ensemble {
    let longer = |code: usize, i: usize| (code >> i & 1) << (2 * i + 1);
    let codes: Vec<usize> = (0..1 << 3).map(|code| (0..3).map(|i| longer(code, i)).sum()).collect();
    votes(&codes, variant)
}

fn votes(codes: &[usize], variant: Variant) -> Ensemble {
    let harsh = Harsh { older_votes: 1, ..Harsh::default() };
    let setting = Setting { eager: false, harsh, ..setting(3, ElectionMode::Fast, variant) };
    let budget = Budget { elections: u8::MAX, ..Budget::default() };
    Ensemble {
        sometimes: &[
            Reachable { name: "server 2 leads", reached: |w| leads(w, 1) },
            Reachable { name: "server 3 leads", reached: |w| leads(w, 2) },
            Reachable {
                name: "two votes of one server are under way to another",
                reached: World::has_older_votes,
            },
        ],
        ..all_started(election_in(setting, budget, codes))
    }
}
