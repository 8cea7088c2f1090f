//! Synchronisation of a server whose state cannot be truncated: its snapshot has transactions that were never
//! committed. A ZooKeeper leader writes such a snapshot when it starts, and any server may write one while it
//! applies transactions.

use std::sync::Arc;

use quorate_core::config::ElectionMode;
use quorate_core::ids::Zxid;
use quorate_core::zab::Packet;

use super::ensemble::{Ensemble, Reachable};
use super::model_spec::{Expected, ModelSpec, Variant};
use super::prepared::ensemble;
use super::worlds::{quiet_ensemble_agrees, sends, setting};
use crate::byte::Byte;
use crate::world::{Action, Budget, DiskOp, Durable, Setting, World};

pub(super) fn catalogue() -> Vec<ModelSpec> {
    vec![
        ModelSpec {
            name: "dirty",
            composes: "as zab-oracle, begun when one server has a snapshot of more than was ever committed, \
                       or a snapshot that may have some of it. What two servers have is committed",
            bounds: "3 servers, 7 beginnings, 2 elections, 1 transaction or 1 fault",
            unique: 545_508,
            expected: Expected::Holds,
            build: |variant| Box::new(with_oracle(variant)),
        },
        ModelSpec {
            name: "dirty-whole",
            composes: "as dirty, with Fast Leader Election",
            bounds: "3 servers, 2 beginnings, 2 rounds, 1 fault",
            unique: 1_407_122,
            expected: Expected::Holds,
            build: |variant| Box::new(whole(variant)),
        },
    ]
}

/// A transaction that a disk held before anything happened.
fn txn(epoch: u32, counter: u32) -> (Zxid, Byte) {
    let zxid = Zxid::new(epoch, counter);
    (zxid, Byte::logged(zxid))
}

/// A disk with these epochs: a snapshot of the first transactions, unless there are none, and a log of the
/// others.
fn disk(epochs: (u32, u32), snapshot: &[(Zxid, Byte)], log: &[(Zxid, Byte)]) -> Durable {
    Durable {
        accepted_epoch: epochs.0,
        current_epoch: epochs.1,
        snapshot: snapshot.last().map(|(zxid, _)| (*zxid, Arc::new(snapshot.to_vec()))),
        log: log.to_vec(),
        ..Durable::empty()
    }
}

/// A beginning: three disks, and what was committed before.
struct Beginning {
    disks: Vec<Durable>,
    committed: Vec<(Zxid, Byte)>,
}

/// Server 1 has what was never committed in its snapshot; server 3 lacks what the other two committed.
fn lacks_committed(fuzzy: bool) -> Beginning {
    let (a, b, c) = (txn(1, 1), txn(1, 2), txn(1, 3));
    let first = if fuzzy {
        Durable { reaches: c.0, ..disk((1, 1), &[a], &[b, c]) }
    } else {
        disk((1, 1), &[a, b, c], &[])
    };
    Beginning {
        disks: vec![first, disk((2, 2), &[], &[a, b]), disk((2, 1), &[], &[a])],
        committed: vec![a, b],
    }
}

/// Server 1 has a snapshot of what a dead leader alone proposed. The others have begun an epoch without it,
/// empty or with a transaction of its own.
fn foreign(history: &[(Zxid, Byte)]) -> Beginning {
    let dirty = [txn(1, 1), txn(1, 2)];
    let epoch = 2;
    Beginning {
        disks: vec![
            disk((1, 1), &dirty, &[]),
            disk((epoch, epoch), &[], history),
            disk((epoch, epoch), &[], history),
        ],
        committed: history.to_vec(),
    }
}

/// Server 2 has the dirty snapshot, and the others remember all they have applied.
fn second_is_dirty() -> Beginning {
    let (a, b, c) = (txn(1, 1), txn(1, 2), txn(1, 3));
    Beginning {
        disks: vec![disk((2, 2), &[], &[a, b]), disk((1, 1), &[a, b, c], &[]), disk((2, 1), &[], &[a])],
        committed: vec![a, b],
    }
}

fn begin(setting: &Arc<Setting>, beginning: Beginning, budget: Budget) -> World {
    let mut world = World::new(Arc::clone(setting), beginning.disks, budget);
    world = world.having_delivered(&beginning.committed);
    (0..3).for_each(|i| world.act(&Action::Start(i)));
    world
}

const REACHES: &[Reachable] = &[
    Reachable { name: "TRUNC", reached: |w| sends(w, |p| matches!(p, Packet::Trunc { .. })) },
    Reachable {
        name: "a state replaces what could not be truncated",
        reached: |w| w.servers().any(|s| s.disk.pending.iter().any(|op| matches!(op, DiskOp::Install(..)))),
    },
    Reachable { name: "everybody serves", reached: |w| w.servers().all(|s| s.serving()) },
];

fn with_oracle(variant: Variant) -> Ensemble {
    let setting = Arc::new(setting(3, ElectionMode::Oracle, variant));
    let fault = Budget { faults: 1, txns: 0, elections: 2, resends: 0 };
    let more = Budget { faults: 0, txns: 1, elections: 2, resends: 0 };
    let beginnings = [
        (lacks_committed(false), fault),
        (lacks_committed(true), fault),
        (second_is_dirty(), fault),
        (lacks_committed(false), more),
        (foreign(&[]), fault),
        (foreign(&[txn(2, 1)]), fault),
        (foreign(&[txn(2, 1)]), more),
    ];
    Ensemble {
        sometimes: REACHES,
        terminal: quiet_ensemble_agrees,
        ..ensemble(beginnings.into_iter().map(|(from, budget)| begin(&setting, from, budget)).collect())
    }
}

fn whole(variant: Variant) -> Ensemble {
    let setting = Arc::new(setting(3, ElectionMode::Fast, variant));
    let budget = Budget { faults: 1, txns: 0, elections: 1, resends: 0 };
    Ensemble {
        sometimes: REACHES,
        terminal: quiet_ensemble_agrees,
        ..ensemble([lacks_committed(false), foreign(&[])].map(|from| begin(&setting, from, budget)).into())
    }
}
