//! `sync` in an ensemble: clients of the leader and of followers ask while proposals are outstanding, and
//! while the leader's disk is behind.

use quorate_core::config::{Constant, ElectionMode, PeerConfig};

use super::ensemble::{Ensemble, Reachable};
use super::model_spec::{Expected, ModelSpec, Variant};
use super::prepared::{NOTHING, Run, ensemble};
use super::worlds::{led, serving_agree, setting};
use crate::world::{Action, Budget, Durable, Setting, World};

pub(super) fn catalogue() -> Vec<ModelSpec> {
    vec![
        ModelSpec {
            name: "syncs",
            composes: "as zab-oracle, begun when all servers serve; clients write at the leader and ask \
                       every server for sync",
            bounds: "3 servers, 4 transactions and syncs together, or 2 of them and 1 fault; no election",
            unique: 501_923,
            expected: Expected::Holds,
            build: |variant| Box::new(syncs(variant)),
        },
        ModelSpec {
            name: "backlog",
            composes: "the same, where clients write everywhere and the leader proposes nothing for learners while its own \
                       disk has something to write",
            bounds: "3 servers, 3 transactions and syncs together, or 2 of them and 1 fault; no election",
            unique: 183_586,
            expected: Expected::Holds,
            build: |variant| Box::new(backlog(variant)),
        },
    ]
}

/// Every server serves, and its clients ask for `sync`.
fn begin(setting: Setting, budget: Budget) -> World {
    let mut run = Run::start(Setting { syncs: true, ..setting }, vec![Durable::empty(); 3]);
    run.act(&Action::Lead(1));
    run.settle();
    run.end(budget)
}

/// At the end all servers serve the same, and nothing that was asked waits.
fn all_answered(world: &World) -> bool {
    (led(world) || world.elections_used_up())
        && serving_agree(world)
        && world.servers().all(|s| s.asked() == 0)
        && world.peers().all(|(_, peer)| peer.status().parked_requests == 0)
}

fn backlog(variant: Variant) -> Ensemble {
    let setting = || {
        let mut setting = Setting { submit_anywhere: true, ..setting(3, ElectionMode::Oracle, variant) };
        for config in &mut setting.configs {
            *config = Constant::new(PeerConfig { max_backlog: 0, ..PeerConfig::clone(config) });
        }
        setting
    };
    Ensemble {
        sometimes: &[Reachable {
            name: "two requests wait for the leader's disk",
            reached: |w| parked(w) >= 2,
        }],
        terminal: all_answered,
        ..ensemble(vec![
            begin(setting(), Budget { txns: 3, ..NOTHING }),
            begin(setting(), Budget { txns: 2, faults: 1, ..NOTHING }),
        ])
    }
}

fn syncs(variant: Variant) -> Ensemble {
    let begin = |budget| begin(setting(3, ElectionMode::Oracle, variant), budget);
    let disturbed = begin(Budget { txns: 2, faults: 1, ..NOTHING });
    Ensemble {
        sometimes: &[
            Reachable { name: "two syncs wait for different proposals", reached: |w| waiting(w) >= 2 },
            Reachable {
                name: "a sync is lost with its server",
                reached: |w| w.budget().faults == 0 && w.servers().any(|s| !s.serving()),
            },
        ],
        terminal: all_answered,
        ..ensemble(vec![begin(Budget { txns: 4, ..NOTHING }), disturbed])
    }
}

/// How many requests wait for a leader's disk.
fn parked(world: &World) -> usize {
    world.peers().map(|(_, peer)| peer.status().parked_requests).sum()
}

/// How many syncs wait at leaders.
fn waiting(world: &World) -> usize {
    world.peers().map(|(_, peer)| peer.status().pending_syncs).sum()
}
