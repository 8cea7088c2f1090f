//! Observers: they ask for the leader, see what is committed, in order, and are never counted.

use quorate_core::config::ElectionMode;
use quorate_core::ids::ServerId;
use quorate_core::quorum::QuorumVerifier;

use super::ensemble::{Ensemble, Reachable};
use super::model_spec::Variant;
use super::worlds::{election_in, ensemble, lead_undisturbed, leads, led_by_quorum, setting_of};
use crate::world::{Budget, Durable, Setting, World};

/// The index of the only observer, after three voters.
const OBSERVER: usize = 3;

fn voters() -> QuorumVerifier {
    QuorumVerifier::Majority((1..=3).map(ServerId).collect())
}

/// The election port alone: two voters, which need each other, and an observer.
pub(super) fn election(variant: Variant) -> Ensemble {
    let voters = QuorumVerifier::Majority((1..=2).map(ServerId).collect());
    let setting = Setting { eager: false, ..setting_of(&voters, 1, ElectionMode::Fast, variant) };
    // No server tells the observer of the decision if it does not ask again.
    let budget = Budget { elections: u8::MAX, resends: 1, ..Budget::default() };
    Ensemble {
        sometimes: &[
            Reachable { name: "server 1 leads, and the observer knows", reached: |w| known(w, 0) },
            Reachable { name: "server 2 leads, and the observer knows", reached: |w| known(w, 1) },
        ],
        terminal: |w| led_by_quorum(w) && (known(w, 0) || known(w, 1) || w.budget().resends == 0),
        // All alike; the first best by its epoch.
        ..election_in(setting, budget, &[0, 1])
    }
}

fn known(world: &World, leader: usize) -> bool {
    leads(world, leader) && world.peers().count() == 3
}

/// A leader that all servers follow, the observer too; then a write anywhere, a fault, another election.
pub(super) fn zab(variant: Variant) -> Ensemble {
    let mut setting = setting_of(&voters(), 1, ElectionMode::Oracle, variant);
    setting.submit_anywhere = true;
    let quiet = Budget { elections: 1, ..Budget::default() };
    let mut ensemble = ensemble(setting, vec![Durable::empty(); 4], quiet);
    let world = &mut ensemble.init[0];
    lead_undisturbed(world);
    world.allow(Budget { faults: 1, txns: 1, elections: 1, resends: 0 });
    Ensemble {
        sometimes: &[
            Reachable {
                name: "the observer serves what was committed",
                reached: |w| delivered(w) && observer(w).is_some_and(|applied| applied == 1),
            },
            Reachable {
                name: "the observer survives a change of leader",
                reached: |w| {
                    let second = w.ghost().newest.is_some_and(|(epoch, _)| epoch == 2);
                    second && w.servers().all(|s| s.serving())
                },
            },
            Reachable {
                name: "a leader is gone though the observer follows it",
                reached: |w| {
                    let leads = w.peers().any(|(_, p)| p.established_epoch().is_some());
                    !leads && observer(w).is_some()
                },
            },
        ],
        ..ensemble
    }
}

fn delivered(world: &World) -> bool {
    !world.ghost().delivered.is_empty()
}

/// How much the observer has applied, if it serves.
fn observer(world: &World) -> Option<usize> {
    let (_, peer) = world.peers().find(|(i, p)| *i == OBSERVER && p.serving())?;
    Some(peer.service().applied().len())
}
