//! The models that compare ZAB with Paxos, with their bounds, counts and what must come out.

use std::sync::Arc;

use quorate_core::config::ElectionMode;
use quorate_core::ids::Zxid;

use super::ensemble::Ensemble;
use super::model_spec::{Expected, ModelSpec, Variant};
use super::paxos::duel::{Distinguished, Duel};
use super::paxos::fast::Fast;
use super::paxos::multi::Multi;
use super::paxos::single::Single;
use super::protocol::{Checked, Protocol};
use super::worlds::{lead_undisturbed, quiet, setting, zab};
use crate::byte::Byte;
use crate::properties;
use crate::properties::invariant::Invariant;
use crate::search::Searchable;
use crate::world::{Action, Budget, Durable, Setting, World};

pub(super) fn catalogue() -> Vec<ModelSpec> {
    vec![
        ModelSpec {
            name: "zab-order",
            composes: "as zab-oracle, with two transactions outstanding: the workload of multi-two",
            bounds: "3 servers, 1 fault. An established leader, 2 transactions, 2 more elections. Or the \
                     logs of the primaries that multi-two's counterexample has at its third, 1 election, 1 \
                     transaction",
            unique: 498_400,
            expected: Expected::Holds,
            build: |variant| Box::new(zab_order(variant)),
        },
        ModelSpec {
            name: "paxos",
            composes: "single-decree Paxos: 2 proposers, 3 acceptors, 1 learner; messages lost, repeated, reordered",
            bounds: "3 ballots, each proposer with ballots of its own",
            unique: 2_377_017,
            expected: Expected::Holds,
            build: |variant| paxos(Single { ballots: 3, learners: 1 }, variant),
        },
        ModelSpec {
            name: "duel",
            composes: "single-decree Paxos, 2 proposers that pre-empt each other; nothing is lost",
            bounds: "3 acceptors, any number of ballots",
            unique: 337_399,
            expected: Expected::Livelock(7, 28),
            build: |variant| paxos(Duel, variant),
        },
        ModelSpec {
            name: "duel-ended",
            composes: "from every state of duel, one proposer distinguished",
            bounds: "3 acceptors, any number of ballots",
            unique: 674_798,
            expected: Expected::Holds,
            build: |variant| paxos(Distinguished, variant),
        },
        ModelSpec {
            name: "multi-one",
            composes: "multi-Paxos, 1 proposal outstanding; FIFO channels, lost suffixes",
            bounds: "3 primaries with a ballot each, 3 acceptors, 2 slots",
            unique: 199_115,
            expected: Expected::Holds,
            build: |variant| paxos(Multi { primaries: 3, slots: 2, window: 1, learners: 0 }, variant),
        },
        ModelSpec {
            name: "multi-two",
            composes: "the same with 2 proposals outstanding",
            bounds: "3 primaries with a ballot each, 3 acceptors, 2 slots",
            unique: 316_922,
            expected: Expected::Violates("LocalPrimaryOrder", 21),
            build: |variant| paxos(Multi { primaries: 3, slots: 2, window: 2, learners: 0 }, variant),
        },
        ModelSpec {
            name: "fast",
            composes: "Fast Paxos: 2 clients ask the acceptors directly. A collision is followed by a fast round",
            bounds: "3 acceptors, any number of rounds",
            unique: 327,
            expected: Expected::Livelock(6, 7),
            build: |variant| paxos(Fast, variant),
        },
        ModelSpec {
            name: "claim-clock",
            composes: "as quiet, restarted after epoch 1: 'an epoch is the logical clock of its election'",
            bounds: "3 servers started in any order, no fault",
            unique: 2_142,
            expected: Expected::Violates("EpochIsClock", 13),
            build: |variant| Box::new(clock(variant)),
        },
        ModelSpec {
            name: "claim-logged",
            composes: "as zab-order: 'what a leader has logged is never discarded'",
            bounds: "3 servers, 2 transactions, 2 elections after the first, 1 fault",
            unique: 444_005,
            expected: Expected::Violates("LoggedSurvives", 12),
            build: |variant| Box::new(order(variant, CLAIM_LOGGED)),
        },
    ]
}

/// Servers that have been started and wait for the oracle, in a world that delivers nothing by itself.
pub fn started(n: usize) -> World {
    let setting = Setting { eager: false, ..setting(n, ElectionMode::Oracle, Variant::default()) };
    let budget = Budget { elections: 1, ..Budget::default() };
    let mut world = World::new(Arc::new(setting), vec![Durable::empty(); n], budget);
    (0..n).for_each(|i| world.act(&Action::Start(i)));
    world
}

fn paxos<P: Protocol>(protocol: P, variant: Variant) -> Box<dyn Searchable> {
    Box::new(Checked { protocol, salt: variant.salt })
}

/// A leader of epoch 1 that all servers follow and that has nothing to do; then transactions and a fault.
fn order(variant: Variant, invariants: &'static [Invariant]) -> Ensemble {
    let quiet = Budget { elections: 1, ..Budget::default() };
    let mut ensemble = zab(3, ElectionMode::Oracle, quiet, vec![Durable::empty(); 3], variant);
    let world = &mut ensemble.init[0];
    lead_undisturbed(world);
    world.allow(Budget { faults: 1, txns: 2, elections: 2, resends: 0 });
    Ensemble { invariants, ..ensemble }
}

/// [`order`] with the properties of ZAB, and what two primaries have left behind when multi-Paxos with a
/// window of two fails.
fn zab_order(variant: Variant) -> Ensemble {
    let mut ensemble = order(variant, properties::ZAB);
    let left = |epoch, log: &[(u32, u32)]| {
        let txn = |(epoch, counter): &(u32, u32)| {
            let zxid = Zxid::new(*epoch, *counter);
            (zxid, Byte::logged(zxid))
        };
        let log = log.iter().map(txn).collect();
        Durable { accepted_epoch: epoch, current_epoch: epoch, log, ..Durable::empty() }
    };
    let disks = vec![left(1, &[(1, 1), (1, 2)]), left(2, &[(2, 1)]), left(2, &[])];
    let budget = Budget { faults: 1, txns: 1, elections: 1, resends: 0 };
    ensemble.init.extend(zab(3, ElectionMode::Oracle, budget, disks, variant).init);
    ensemble
}

const CLAIM_LOGGED: &[Invariant] = &[Invariant {
    name: "LoggedSurvives",
    claim: "What a leader has logged is never discarded.",
    source: "a popular statement; it holds for what a quorum has logged",
    holds: |_, w| {
        let discarded = |(zxid, _): &(Zxid, Byte)| w.ghost().discarded.contains(zxid);
        !w.servers().any(|s| s.disk.durable.log.iter().any(discarded))
    },
}];

/// A restart of all servers after epoch 1.
fn clock(variant: Variant) -> Ensemble {
    const CLAIM: &[Invariant] = &[Invariant {
        name: "EpochIsClock",
        claim: "An established leader's epoch is the logical clock of its election.",
        source: "a popular statement",
        holds: |_, w| {
            w.peers().all(|(_, p)| p.established_epoch().is_none_or(|e| u64::from(e) == p.status().round))
        },
    }];
    let disk = Durable { accepted_epoch: 1, current_epoch: 1, ..Durable::empty() };
    let setting = Arc::new(setting(3, ElectionMode::Fast, variant));
    let world = World::new(setting, vec![disk; 3], Budget::default());
    Ensemble { init: vec![world], invariants: CLAIM, sometimes: &[], ..quiet(variant) }
}
