//! Synchronisation: DIFF, TRUNC and SNAP, from every divergence of logs, and with a server dying in the
//! middle.

use quorate_core::config::ElectionMode;
use quorate_core::ids::Zxid;
use quorate_core::zab::Packet;

use super::ensemble::{Ensemble, Reachable};
use super::model_spec::Variant;
use super::worlds::{sends, zab};
use crate::byte::Byte;
use crate::world::{Budget, Durable, Server, World};

/// A disk with this log, and epochs that are at least these and not behind it.
fn disk(log: &[(u32, u32)], accepted: u32, current: u32) -> Durable {
    let epoch = log.last().map_or(0, |z| z.0);
    let entry = |(epoch, counter): &(u32, u32)| {
        let zxid = Zxid::new(*epoch, *counter);
        (zxid, Byte::logged(zxid))
    };
    let (accepted_epoch, current_epoch) = (accepted.max(epoch), current.max(epoch));
    Durable { accepted_epoch, current_epoch, log: log.iter().map(entry).collect(), ..Durable::empty() }
}

/// Synchronisation from every combination of logs that agree up to each zxid they share.
pub(super) fn everywhere(variant: Variant) -> Ensemble {
    let logs: [&[(u32, u32)]; 6] =
        [&[], &[(1, 1)], &[(1, 1), (1, 2)], &[(1, 1), (2, 1)], &[(2, 1)], &[(2, 1), (2, 2)]];
    let agree = |a: &[(u32, u32)], b: &[(u32, u32)]| {
        a.iter().enumerate().all(|(i, z)| !b.contains(z) || b.get(..=i) == Some(&a[..=i]))
    };
    let budget = Budget { faults: 0, txns: 0, elections: 2, resends: 0 };
    let mut ensemble = zab(3, ElectionMode::Oracle, budget, vec![Durable::empty(); 3], variant);
    ensemble.init.clear();
    for code in 0..logs.len().pow(3) {
        let log = |i: u32| logs[code / logs.len().pow(i) % logs.len()];
        let (a, b, c) = (log(0), log(1), log(2));
        if agree(a, b) && agree(b, c) && agree(a, c) {
            // The third has promised an epoch in which no leader was established.
            let disks = vec![disk(a, 0, 0), disk(b, 2, 0), disk(c, 3, 0)];
            ensemble.init.extend(zab(3, ElectionMode::Oracle, budget, disks, variant).init);
        }
    }
    ensemble.sometimes = &[
        Reachable { name: "everybody serves", reached: |w| w.servers().all(|s| s.serving()) },
        Reachable {
            name: "DIFF",
            reached: |w| sends(w, |p| matches!(p, Packet::Diff { .. } | Packet::Proposal { .. })),
        },
        Reachable { name: "TRUNC", reached: |w| sends(w, |p| matches!(p, Packet::Trunc { .. })) },
        Reachable { name: "SNAP", reached: |w| sends(w, |p| matches!(p, Packet::Snap { .. })) },
    ];
    ensemble
}

/// The third server is brought up to date by DIFF, TRUNC or SNAP, and any server may die meanwhile.
pub(super) fn interrupted(variant: Variant) -> Ensemble {
    let both: &[(u32, u32)] = &[(1, 1), (1, 2)];
    let one: &[(u32, u32)] = &[(1, 1)];
    let beginnings = [
        // It lacks two transactions. What the first server has committed it does not remember.
        vec![disk(both, 1, 1), disk(both, 1, 1), disk(&[], 0, 0)],
        // It has one that the next epoch began without.
        vec![disk(one, 2, 2), disk(one, 2, 2), disk(both, 1, 1)],
        // It has one of an epoch that the others never heard of.
        vec![disk(one, 3, 3), disk(one, 3, 3), disk(&[(1, 1), (2, 1)], 2, 2)],
    ];
    let budget = Budget { faults: 1, txns: 0, elections: 2, resends: 0 };
    let begin = |disks| zab(3, ElectionMode::Oracle, budget, disks, variant).init.remove(0);
    let ensemble = zab(3, ElectionMode::Oracle, budget, vec![Durable::empty(); 3], variant);
    Ensemble {
        init: beginnings.into_iter().map(begin).collect(),
        sometimes: &[
            Reachable { name: "everybody serves", reached: |w| w.servers().all(|s| s.serving()) },
            Reachable {
                name: "a learner dies in the middle of DIFF",
                reached: |w| dead(w).any(|s| halfway(s) && s.disk.durable.current_epoch == 0),
            },
            Reachable {
                name: "a learner dies in the middle of TRUNC",
                reached: |w| dead(w).any(|s| halfway(s) && s.disk.durable.current_epoch == 1),
            },
            Reachable {
                name: "a learner dies in the middle of SNAP",
                reached: |w| {
                    let installed = |s: &Server| {
                        let disk = &s.disk.durable;
                        disk.snapshot.is_some() && disk.current_epoch < disk.accepted_epoch
                    };
                    dead(w).any(installed)
                },
            },
            Reachable {
                name: "SNAP because the window is too small",
                reached: |w| {
                    w.connections().iter().any(|c| {
                        let sent = c.to_learner.iter().any(|p| matches!(p, Packet::Snap { .. }));
                        let leader = w.peers().find(|(i, _)| *i == c.leader);
                        let learner = w.servers().nth(c.learner).expect("a server");
                        let last = learner.disk.durable.last();
                        sent && leader.is_some_and(|(_, l)| l.history().base() > last)
                    })
                },
            },
        ],
        ..ensemble
    }
}

fn dead(world: &World) -> impl Iterator<Item = &Server> {
    world.servers().filter(|s| s.peer.is_none())
}

/// The server has promised the new epoch and has the first transaction but not the rest of the history.
fn halfway(server: &Server) -> bool {
    let disk = &server.disk.durable;
    let first = disk.log.len() == 1 && disk.snapshot.is_none();
    first && disk.current_epoch < disk.accepted_epoch && disk.accepted_epoch > 1
}
