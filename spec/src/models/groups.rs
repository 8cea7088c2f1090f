//! Hierarchical quorums: more than half of the weight in more than half of the groups. Two sets that decide
//! share a server, so two groups never decide apart.

use quorate_core::config::ElectionMode;
use quorate_core::election::ServerState;
use quorate_core::ids::ServerId;
use quorate_core::quorum::{Group, QuorumVerifier};

use super::ensemble::{Ensemble, Reachable};
use super::faults::imagining;
use super::model_spec::Variant;
use super::worlds::{
    all_started, election_in, ensemble, leads, leads_established, setting_of, somebody_has_a_leader,
};
use crate::world::{Budget, Durable, Setting, World};

/// Servers 1 and 2 alone in a group each, 3 and 4 together. {1, 2} is a quorum though it is half of the
/// servers; {1, 3} and {2, 4} are none. No majority helps {3, 4} without 1 or 2.
fn verifier() -> QuorumVerifier {
    let group = |ids: &[i64]| Group { members: ids.iter().map(|id| (ServerId(*id), 1)).collect() };
    QuorumVerifier::Hierarchical(vec![group(&[1]), group(&[2]), group(&[3, 4])])
}

/// The election port alone, with four servers.
pub(super) fn election(variant: Variant) -> Ensemble {
    let setting = setting_of(&verifier(), 0, ElectionMode::Fast, variant);
    let budget = Budget { elections: u8::MAX, ..Budget::default() };
    Ensemble {
        sometimes: &[
            Reachable { name: "server 2 leads", reached: |w| leads(w, 1) },
            Reachable { name: "server 4 leads", reached: |w| leads(w, 3) },
            Reachable { name: "1 and 2 decide alone", reached: together },
        ],
        terminal: somebody_has_a_leader,
        ..all_started(election_in(setting, budget, &[0]))
    }
}

/// Server 2 leads, server 1 follows, and the others have not decided.
fn together(world: &World) -> bool {
    let state = |i| world.peers().find(|(j, _)| *j == i).map(|(_, p)| p.state());
    let states: Vec<_> = (0..4).filter_map(state).collect();
    states == [ServerState::Following, ServerState::Leading, ServerState::Looking, ServerState::Looking]
}

/// The election port alone, with one group of three: either the first weighs as much as the others together,
/// or the third weighs nothing.
pub(super) fn weights(variant: Variant) -> Ensemble {
    let setting = |weights: [u32; 3]| {
        let members = (1..).map(ServerId).zip(weights).collect();
        let verifier = QuorumVerifier::Hierarchical(vec![Group { members }]);
        Setting { eager: false, ..setting_of(&verifier, 0, ElectionMode::Fast, variant) }
    };
    let budget = Budget { elections: 2, ..Budget::default() };
    // Two beginnings each. No disk is like another: a state does not contain its setting.
    let mut ensemble = election_in(setting([2, 1, 1]), budget, &[0, 0b10]);
    ensemble.init.extend(election_in(setting([1, 1, 0]), budget, &[0b10_0000, 0b01_0000]).init);
    Ensemble {
        sometimes: &[
            Reachable { name: "the heavy one leads", reached: |w| leads(w, 0) },
            Reachable { name: "server 3 leads", reached: |w| leads(w, 2) },
            Reachable {
                name: "server 2 leads, for what is better has no weight",
                reached: |w| leads(w, 1) && w.servers().nth(2).is_some_and(|s| s.disk.durable.log.len() == 2),
            },
        ],
        ..imagining(ensemble)
    }
}

/// ZAB with groups and an election oracle.
pub(super) fn zab(variant: Variant) -> Ensemble {
    zab_within(Budget { faults: 0, txns: 1, elections: 2, resends: 0 }, variant)
}

/// With an oracle and a fault, and one election less.
pub(super) fn zab_with_fault(variant: Variant) -> Ensemble {
    zab_within(Budget { faults: 1, txns: 1, elections: 1, resends: 0 }, variant)
}

fn zab_within(budget: Budget, variant: Variant) -> Ensemble {
    let setting = setting_of(&verifier(), 0, ElectionMode::Oracle, variant);
    Ensemble {
        sometimes: &[
            Reachable {
                name: "1 and 2 establish a leader alone",
                reached: |w| {
                    let busy = w.connections().iter().any(|c| c.learner > 1 || c.leader > 1);
                    leads_established(w, 0) && !busy
                },
            },
            Reachable {
                name: "2, 3 and 4 establish a leader alone",
                reached: |w| {
                    let busy = w.connections().iter().any(|c| c.learner == 0 || c.leader == 0);
                    leads_established(w, 3) && !busy
                },
            },
            Reachable { name: "a transaction is delivered", reached: |w| !w.ghost().delivered.is_empty() },
            Reachable { name: "everybody serves", reached: |w| w.servers().all(|s| s.serving()) },
        ],
        ..ensemble(setting, vec![Durable::empty(); 4], budget)
    }
}
