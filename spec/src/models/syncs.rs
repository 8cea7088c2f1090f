//! `sync` in an ensemble: clients of the leader and of followers ask while proposals are outstanding.

use quorate_core::config::ElectionMode;

use super::catalogue::{led, serving_agree, setting};
use super::prepared::{NOTHING, Run, ensemble};
use super::{Ensemble, Expected, ModelSpec, Reachable, Variant};
use crate::world::{Action, Budget, Durable, Setting, World};

pub(super) fn catalogue() -> Vec<ModelSpec> {
    vec![ModelSpec {
        name: "syncs",
        composes: "as zab-oracle, begun when everybody serves; clients write at the leader and ask everybody for sync",
        bounds: "3 servers, 4 transactions and syncs together, or 2 of them and 1 fault; no election",
        unique: 502_471,
        expected: Expected::Holds,
        build: |variant| Box::new(syncs(variant)),
    }]
}

fn syncs(variant: Variant) -> Ensemble {
    let setting = || Setting { syncs: true, ..setting(3, ElectionMode::Oracle, variant) };
    let begin = |budget| {
        let mut run = Run::start(setting(), vec![Durable::empty(); 3]);
        run.act(&Action::Lead(1));
        run.settle();
        run.end(budget)
    };
    let disturbed = begin(Budget { txns: 2, faults: 1, ..NOTHING });
    Ensemble {
        sometimes: &[
            Reachable { name: "two syncs wait for different proposals", reached: |w| waiting(w) >= 2 },
            Reachable {
                name: "a sync is lost with its server",
                reached: |w| w.budget().faults == 0 && w.servers().any(|s| !s.serving()),
            },
        ],
        terminal: |w| {
            (led(w) || w.elections_used_up()) && serving_agree(w) && w.servers().all(|s| s.asked() == 0)
        },
        ..ensemble(vec![begin(Budget { txns: 4, ..NOTHING }), disturbed])
    }
}

/// How many syncs wait at leaders.
fn waiting(world: &World) -> usize {
    world.peers().map(|(_, peer)| peer.status().pending_syncs).sum()
}
