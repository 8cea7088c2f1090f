//! What disks do besides appending: a snapshot is written beside the log, in its own time. A disk is gone,
//! and its server comes back with an empty one that no configuration vouches for.

use quorate_core::config::{Constant, ElectionMode, PeerConfig};
use quorate_core::ids::Zxid;

use super::ensemble::{Ensemble, Reachable};
use super::model_spec::{Expected, ModelSpec, Variant};
use super::prepared::{NOTHING, Run, ensemble};
use super::worlds::{lead_undisturbed, setting};
use crate::world::{Budget, Disk, DiskOp, Durable, Setting, World};

pub(super) fn catalogue() -> Vec<ModelSpec> {
    vec![
        ModelSpec {
            name: "snapshots",
            composes: "as zab-oracle, begun when all servers serve. Each begins a snapshot after every \
                       transaction, which is on disk before the log has that transaction, or long after",
            bounds: "3 servers, 2 transactions, 1 fault, 1 more election",
            unique: 938_632,
            expected: Expected::Holds,
            build: |variant| Box::new(snapshots(variant)),
        },
        ModelSpec {
            name: "lost-disk",
            composes: "as whole and as zab-oracle, begun when all servers serve; the disk of one server is \
                       gone when its process dies",
            bounds: "3 servers, of which the leader or a follower is the one, 1 transaction, 1 fault, 2 rounds or 1 more \
                     election",
            unique: 440_326,
            expected: Expected::Holds,
            build: |variant| Box::new(lost_disk(variant)),
        },
    ]
}

fn snapshots(variant: Variant) -> Ensemble {
    let mut setting = setting(3, ElectionMode::Oracle, variant);
    for config in &mut setting.configs {
        *config = Constant::new(PeerConfig { snap_count: 1, ..PeerConfig::clone(config) });
    }
    let budget = Budget { faults: 1, txns: 2, elections: 1, resends: 0 };
    Ensemble {
        sometimes: &[
            Reachable {
                name: "a snapshot is on disk before the log has what is in it",
                reached: |w| w.budget().faults > 0 && w.servers().any(|s| ahead(&s.disk)),
            },
            Reachable {
                name: "a state is installed while a snapshot is written",
                reached: |w| w.servers().any(|s| s.disk.snapshot.is_some() && installs(&s.disk)),
            },
            Reachable {
                name: "a second epoch begins with what the first committed",
                reached: |w| w.peers().any(|(_, p)| p.established_epoch() == Some(2)) && delivered(w) > 0,
            },
        ],
        ..ensemble(vec![served(setting, budget)])
    }
}

/// A leader that all servers follow, and this to come.
fn served(setting: Setting, budget: Budget) -> World {
    let disks = vec![Durable::empty(); setting.configs.len()];
    let mut run = Run::start(setting, disks);
    run.0.allow(Budget { elections: 1, ..NOTHING });
    lead_undisturbed(&mut run.0);
    run.end(budget)
}

/// A snapshot on disk has what the log is still to be given.
fn ahead(disk: &Disk) -> bool {
    let has = |zxid: &Zxid| disk.durable.snapshot.iter().any(|(stands, _)| zxid <= stands);
    disk.pending.iter().any(|op| matches!(op, DiskOp::Append(zxid, _) if has(zxid)))
}

fn installs(disk: &Disk) -> bool {
    disk.pending.iter().any(|op| matches!(op, DiskOp::Install(..)))
}

/// A leader has made the history complete.
fn has_epoch(disk: &Disk) -> bool {
    disk.pending.iter().any(|op| matches!(op, DiskOp::Current(_)))
}

fn delivered(world: &World) -> usize {
    world.ghost().delivered.len()
}

fn lost_disk(variant: Variant) -> Ensemble {
    let elections = |election| {
        // The election of its own accord knows two rounds after the one that is over, the oracle one more
        // leader.
        let more = if election == ElectionMode::Fast { 2 } else { 1 };
        let budget = Budget { faults: 1, txns: 1, elections: more, resends: 0 };
        let fragile = move |server| Setting { fragile: Some(server), ..setting(3, election, variant) };
        (0..3).map(move |server| served(fragile(server), budget))
    };
    let init = elections(ElectionMode::Fast).chain(elections(ElectionMode::Oracle)).collect();
    Ensemble {
        sometimes: &[
            Reachable {
                name: "a server with an empty disk looks for a leader that has committed something",
                reached: |w| w.servers().any(|s| s.disk.durable.lost && s.peer.is_some()) && delivered(w) > 0,
            },
            Reachable {
                name: "a server that has lost its disk is given what was delivered",
                reached: |w| {
                    delivered(w) > 0 && w.servers().any(|s| s.disk.durable.lost && has_epoch(&s.disk))
                },
            },
        ],
        ..ensemble(init)
    }
}
