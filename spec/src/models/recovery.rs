//! What is reached from everywhere: no server leads without a network, all servers serve once faults are
//! over.

use std::collections::HashSet;

use quorate_core::config::ElectionMode;
use quorate_core::election::ServerState;

use super::ensemble::{Ensemble, Goal, Reachable};
use super::model_spec::Variant;
use super::worlds::zab;
use crate::world::{Budget, Durable, QuorumPort, World};

/// From every state of a small ensemble the network is gone for good: all servers look for a leader in the
/// end.
pub(super) fn cut_off(variant: Variant) -> Ensemble {
    let budget = Budget { faults: 0, txns: 1, elections: 1, resends: 0 };
    let ensemble = zab(3, ElectionMode::Oracle, budget, vec![Durable::empty(); 3], variant);
    let dead = |world: &World| {
        let mut world = world.with_quorum_port(QuorumPort::Dead);
        world.allow(Budget::default());
        world
    };
    Ensemble {
        init: everywhere(&ensemble).iter().map(dead).collect(),
        sometimes: &[
            Reachable {
                name: "an established leader is cut off",
                reached: |w| w.peers().any(|(_, p)| p.established_epoch().is_some()),
            },
            Reachable { name: "everybody looks", reached: all_look },
        ],
        terminal: all_look,
        goal: Some(Goal::Inevitable(all_look)),
        ..ensemble
    }
}

fn all_look(world: &World) -> bool {
    world.peers().all(|(_, p)| p.state() == ServerState::Looking)
}

/// From every state of a small ensemble with faults, there are no faults any more: all servers can serve
/// again.
pub(super) fn recovers(variant: Variant) -> Ensemble {
    let budget = Budget { faults: 1, txns: 0, elections: 1, resends: 0 };
    let ensemble = zab(3, ElectionMode::Oracle, budget, vec![Durable::empty(); 3], variant);
    let calm = |world: &World| {
        let mut world = world.clone();
        world.allow(Budget { elections: 1, ..Budget::default() });
        world
    };
    Ensemble {
        init: everywhere(&ensemble).iter().map(calm).collect(),
        sometimes: &[Reachable { name: "everybody serves", reached: all_serve }],
        goal: Some(Goal::Possible(all_serve)),
        ..ensemble
    }
}

fn all_serve(world: &World) -> bool {
    world.servers().all(|s| s.serving())
}

/// Every reachable state.
fn everywhere(ensemble: &Ensemble) -> Vec<World> {
    let mut states = ensemble.init.clone();
    let mut known: HashSet<u64> = states.iter().map(World::fingerprint).collect();
    let (mut next, mut actions) = (0, Vec::new());
    while next < states.len() {
        let world = states[next].clone();
        actions.clear();
        world.actions(&mut actions);
        let after = actions.iter().map(|action| world.next(action));
        states.extend(after.filter(|world| known.insert(world.fingerprint())));
        next += 1;
    }
    states
}
