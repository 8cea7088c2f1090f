//! Mixed ensembles: one or two servers of three behave as ZooKeeper does.

use std::sync::Arc;

use quorate_core::config::ElectionMode;
use quorate_core::ids::Zxid;
use quorate_core::quorum::QuorumVerifier;
use quorate_core::zab::Packet;

use super::ensemble::{Ensemble, Reachable};
use super::model_spec::{Expected, ModelSpec, Variant};
use super::prepared::{Run, concerns};
use super::worlds::{ensemble, led, serving_agree, setting, setting_of};
use crate::byte::Byte;
use crate::world::{Action, Budget, Durable, Flaws, Setting, Side, World};

/// What a ZooKeeper server that nothing else is wrong with may do as a leader of Quorate followers.
const AS_LEADER: Flaws = Flaws { stale_acks: true, ..Flaws::NONE };

const ONE_OF_EACH: Budget = Budget { faults: 1, txns: 1, elections: 2, resends: 0 };

pub(super) fn catalogue() -> Vec<ModelSpec> {
    vec![
        ModelSpec {
            name: "java-one",
            composes: "as zab-oracle, with a server that behaves as ZooKeeper does and as a leader counts acknowledgements of \
                       earlier connections",
            bounds: "3 servers of which the third is the one, 2 elections, 1 transaction, 1 fault",
            unique: 396_343,
            expected: Expected::Holds,
            build: |variant| Box::new(plain(&[2], AS_LEADER, ONE_OF_EACH, variant)),
        },
        ModelSpec {
            name: "java-two",
            composes: "as zab-oracle, with two servers that behave as ZooKeeper does, without its weaknesses",
            bounds: "3 servers of which the second and the third are these, 2 elections, 1 transaction, 1 fault",
            unique: 477_705,
            expected: Expected::Holds,
            build: |variant| Box::new(plain(&[1, 2], Flaws::NONE, ONE_OF_EACH, variant)),
        },
        ModelSpec {
            name: "java-sync",
            composes: "as java-one, from logs that have diverged: DIFF, TRUNC and SNAP both ways, and a server dies",
            bounds: "3 servers of which the second or the third is the one, 3 divergences of logs, 2 elections, 1 fault",
            unique: 520_895,
            expected: Expected::Holds,
            build: |variant| Box::new(diverged(&[&[1], &[2]], AS_LEADER, variant)),
        },
        ModelSpec {
            name: "java-dirty",
            composes: "as java-one, begun when the one has led twice and has a snapshot of more than was \
                       ever committed. Or a Quorate server starts on its disk",
            bounds: "3 servers, 2 elections, 1 transaction or 1 fault",
            unique: 244_257,
            expected: Expected::Holds,
            build: |variant| Box::new(dirty(AS_LEADER, variant)),
        },
        ModelSpec {
            name: "java-named",
            composes: "as java-two, begun when a Quorate leader that was not established has sent an \
                       observer its state and died. The state has, or lacks, what the next leader lacks, or \
                       has",
            bounds: "3 voters of which two behave as ZooKeeper does, an observer that does or does not, 1 election, \
                     1 transaction",
            unique: 249_082,
            expected: Expected::Holds,
            build: |variant| Box::new(named(variant)),
        },
        ModelSpec {
            name: "java-early-ack",
            composes: "as java-sync, with a ZooKeeper follower that acknowledges NEWLEADER before its log is on disk",
            bounds: "3 servers of which the third is the one and lacks two transactions, 2 elections, 1 fault",
            unique: 95_078,
            expected: Expected::Violates("CommittedSurvives", 23),
            build: |variant| {
                let flaws = Flaws { early_ack: true, ..Flaws::NONE };
                Box::new(weak(&[2], flaws, lacking(), Budget { txns: 0, ..ONE_OF_EACH }, variant))
            },
        },
        ModelSpec {
            name: "java-old-acks",
            composes: "as java-two, with a ZooKeeper leader that counts acknowledgements of earlier \
                       connections, begun when all servers serve",
            bounds: "3 servers, the second leads and the third behaves as it does, 1 transaction, 1 fault, no election",
            unique: 3_122,
            expected: Expected::Violates("CommittedSurvives", 11),
            build: |variant| Box::new(old_acks(variant)),
        },
        ModelSpec {
            name: "java-files",
            composes: "as java-sync, with a ZooKeeper follower whose older files outlive TRUNC and SNAP",
            bounds: "3 servers of which the third is the one and has what the next epoch began without, 2 elections, no fault",
            unique: 2_690,
            expected: Expected::Violates("PrimaryIntegrity", 17),
            build: |variant| {
                let flaws = Flaws { files_outlive_sync: true, ..Flaws::NONE };
                let budget = Budget { txns: 0, faults: 0, ..ONE_OF_EACH };
                Box::new(weak(&[2], flaws, surplus(), budget, variant))
            },
        },
        ModelSpec {
            name: "java-memory",
            composes: "as java-sync, with a ZooKeeper follower whose memory outlives a TRUNC that was interrupted",
            bounds: "3 servers of which the third is the one and has what the next epoch began without, 1 election, 1 fault",
            unique: 14_055,
            expected: Expected::Violates("CommittedSurvives", 18),
            build: |variant| {
                let flaws = Flaws { memory_outlives_sync: true, ..Flaws::NONE };
                let (a, b, next) = (txn(1, 1), txn(1, 2), txn(2, 1));
                let disks = [disk((2, 2), &[a, next]), disk((2, 2), &[a]), disk((1, 1), &[a, b])];
                let budget = Budget { txns: 0, elections: 1, ..ONE_OF_EACH };
                Box::new(weak(&[2], flaws, disks, budget, variant))
            },
        },
    ]
}

/// Three servers, of which these behave as ZooKeeper does.
fn mixed(java: &[usize], flaws: Flaws, variant: Variant) -> Setting {
    java.iter().fold(setting(3, ElectionMode::Oracle, variant), |setting, i| setting.with_java(*i, flaws))
}

fn mixed_ensemble(init: Vec<World>) -> Ensemble {
    Ensemble { terminal: quiet_mixed_ensemble_agrees, sometimes: &[], ..super::prepared::ensemble(init) }
}

fn plain(java: &[usize], flaws: Flaws, budget: Budget, variant: Variant) -> Ensemble {
    Ensemble {
        terminal: quiet_mixed_ensemble_agrees,
        sometimes: &[
            Reachable { name: "a transaction is delivered", reached: |w| !w.ghost().delivered.is_empty() },
            Reachable { name: "a proposal is discarded", reached: |w| !w.ghost().discarded.is_empty() },
            Reachable { name: "a ZooKeeper leader is established", reached: java_leads },
            Reachable { name: "everybody serves", reached: everybody_serves },
        ],
        ..ensemble(mixed(java, flaws, variant), vec![Durable::empty(); 3], budget)
    }
}

fn java_leads(w: &World) -> bool {
    w.java_peers().any(|(_, java)| java.established_epoch().is_some())
}

fn everybody_serves(w: &World) -> bool {
    w.servers().all(|s| s.serving())
}

/// Whether a leader sends a learner this, one that behaves as ZooKeeper does another that does or does not.
fn between(w: &World, from_java: bool, what: impl Fn(&Packet<Byte>) -> bool) -> bool {
    let java = |i| w.setting().java(i).is_some();
    let pairs = |c: &&crate::world::Connection| java(c.leader) == from_java && java(c.learner) != from_java;
    w.connections().iter().filter(pairs).any(|c| c.to_learner.iter().any(&what))
}

fn is_trunc(packet: &Packet<Byte>) -> bool {
    matches!(packet, Packet::Trunc { .. })
}

fn is_snap(packet: &Packet<Byte>) -> bool {
    matches!(packet, Packet::Snap { .. })
}

/// A transaction that a disk held before anything happened.
fn txn(epoch: u32, counter: u32) -> (Zxid, Byte) {
    let zxid = Zxid::new(epoch, counter);
    (zxid, Byte::logged(zxid))
}

/// A disk with these epochs and this log.
fn disk(epochs: (u32, u32), log: &[(Zxid, Byte)]) -> Durable {
    Durable { accepted_epoch: epochs.0, current_epoch: epochs.1, log: log.to_vec(), ..Durable::empty() }
}

fn started(setting: Setting, disks: Vec<Durable>, budget: Budget) -> World {
    Run::start(setting, disks).end(budget)
}

/// The third server lacks two transactions. What the first has committed it does not remember.
fn lacking() -> [Durable; 3] {
    let (a, b) = (txn(1, 1), txn(1, 2));
    [disk((1, 1), &[a, b]), disk((1, 1), &[a, b]), disk((0, 0), &[])]
}

/// The third server has a transaction that the next epoch began without.
fn surplus() -> [Durable; 3] {
    let (a, b) = (txn(1, 1), txn(1, 2));
    [disk((2, 2), &[a]), disk((2, 2), &[a]), disk((1, 1), &[a, b])]
}

/// Servers on these disks, with a weakness that costs what was acknowledged.
fn weak(java: &[usize], flaws: Flaws, disks: [Durable; 3], budget: Budget, variant: Variant) -> Ensemble {
    let world = started(mixed(java, flaws, variant), disks.to_vec(), budget);
    // What has gone wrong need not come to agree.
    Ensemble { terminal: |_| true, ..mixed_ensemble(vec![world]) }
}

/// All servers serve, and the leader behaves as ZooKeeper does.
fn old_acks(variant: Variant) -> Ensemble {
    let mut run = Run::start(mixed(&[1, 2], AS_LEADER, variant), vec![Durable::empty(); 3]);
    run.act(&Action::Lead(1));
    run.settle();
    let budget = Budget { elections: 0, ..ONE_OF_EACH };
    Ensemble { terminal: |_| true, ..mixed_ensemble(vec![run.end(budget)]) }
}

/// From logs that have diverged, with one server in each of these places that behaves as ZooKeeper does.
fn diverged(places: &[&[usize]], flaws: Flaws, variant: Variant) -> Ensemble {
    let (a, foreign) = (txn(1, 1), txn(2, 1));
    // The third has a transaction of an epoch that the others never heard of.
    let strange = [disk((3, 3), &[a]), disk((3, 3), &[a]), disk((2, 2), &[a, foreign])];
    let beginnings = [lacking(), surplus(), strange];
    let budget = Budget { txns: 0, ..ONE_OF_EACH };
    let worlds = places.iter().flat_map(|java| {
        beginnings.iter().map(|disks| started(mixed(java, flaws, variant), disks.to_vec(), budget))
    });
    Ensemble {
        sometimes: &[
            Reachable { name: "TRUNC from Quorate to ZooKeeper", reached: |w| between(w, false, is_trunc) },
            Reachable { name: "SNAP from Quorate to ZooKeeper", reached: |w| between(w, false, is_snap) },
            Reachable { name: "TRUNC from ZooKeeper to Quorate", reached: |w| between(w, true, is_trunc) },
            Reachable { name: "SNAP from ZooKeeper to Quorate", reached: |w| between(w, true, is_snap) },
            Reachable { name: "everybody serves", reached: everybody_serves },
        ],
        ..mixed_ensemble(worlds.collect())
    }
}

/// The third server behaves as ZooKeeper does. It has begun to lead with a transaction that it alone has, and
/// has a snapshot of it. What the first server lacks is committed. All are up and look for a leader.
fn dirty(flaws: Flaws, variant: Variant) -> Ensemble {
    let mut run = Run::start(mixed(&[2], flaws, variant), vec![Durable::empty(); 3]);
    run.act(&Action::Lead(2));
    // The second server is with it from the beginning: its history begins at zero.
    run.go_on(|w, a| !reads_history(w, a, 0), |_| false);
    run.settle();
    run.0.submit(2, Byte(b'a'));
    run.settle();
    // The second is committed without the first server, the third is on the leader's disk alone.
    run.act(&Action::Crash(0, 0));
    let asleep = |_: &World, a: &Action| !matches!(a, Action::Start(_));
    run.go_on(asleep, |_| false);
    run.0.submit(2, Byte(b'b'));
    run.go_on(asleep, |_| false);
    run.0.submit(2, Byte(b'c'));
    run.act(&Action::Crash(1, 0));
    run.act(&Action::Crash(2, 1));
    // It leads again, and dies before any server follows.
    run.act(&Action::Start(2));
    run.act(&Action::Lead(2));
    run.act(&Action::Crash(2, 1));
    let taken_over = Run(run.0.without_java());
    let worlds = [run, taken_over].map(|mut run| {
        (0..3).for_each(|i| run.act(&Action::Start(i)));
        [Budget { txns: 0, ..ONE_OF_EACH }, Budget { faults: 0, ..ONE_OF_EACH }]
            .map(|budget| Run(run.0.clone()).end(budget))
    });
    Ensemble {
        sometimes: &[
            Reachable { name: "TRUNC to the dirty server", reached: |w| sends_third(w, is_trunc) },
            Reachable { name: "SNAP to the dirty server", reached: |w| sends_third(w, is_snap) },
            Reachable {
                name: "what was never committed is on no disk",
                reached: |w| {
                    w.servers().all(|s| !s.disk.durable.history().iter().any(|(_, txn)| txn.0 == b'c'))
                },
            },
            Reachable { name: "everybody serves", reached: everybody_serves },
        ],
        ..mixed_ensemble(worlds.into_iter().flatten().collect())
    }
}

fn sends_third(w: &World, what: impl Fn(&Packet<Byte>) -> bool) -> bool {
    w.connections().iter().any(|c| c.learner == 2 && c.to_learner.iter().any(&what))
}

/// A Quorate leader that is not established sends an observer its state and dies; a ZooKeeper leader comes
/// after it. Either no other server has what the state has, or the next leader commits what it lacks.
fn named(variant: Variant) -> Ensemble {
    let voters = QuorumVerifier::Majority((1..=3).map(quorate_core::ids::ServerId).collect());
    let setting = |observer: bool| {
        let mut setting = setting_of(&voters, 1, ElectionMode::Oracle, variant);
        for i in [1, 2].into_iter().chain(observer.then_some(3)) {
            setting = setting.with_java(i, Flaws::NONE);
        }
        setting
    };
    let (a, b, c) = (txn(1, 1), txn(1, 2), txn(1, 3));
    let snapshot = Some((b.0, Arc::new(vec![a, b])));
    let beginnings = [
        vec![disk((1, 1), &[a, b, c]), disk((1, 1), &[a]), disk((1, 1), &[a]), Durable::empty()],
        vec![
            Durable { snapshot, ..disk((1, 1), &[]) },
            disk((1, 1), &[a, b]),
            disk((1, 1), &[a, b, c]),
            Durable::empty(),
        ],
    ];
    let worlds = beginnings.iter().flat_map(|disks| {
        [false, true].map(|observer| {
            let mut run = Run::start(setting(observer), disks.clone());
            run.act(&Action::Lead(0));
            run.go_on(|w, a| !concerns(a, 2) && !reads_history(w, a, 1), |_| false);
            let observer = run.0.servers().last().expect("the observer");
            assert_eq!((run.0.ghost().newest, observer.disk.durable.current_epoch), (None, 2));
            run.act(&Action::Crash(0, 0));
            run.end(Budget { faults: 0, txns: 1, elections: 1, resends: 0 })
        })
    });
    Ensemble {
        sometimes: &[
            Reachable {
                name: "the observer has the state of a leader that never was",
                reached: |w| w.servers().last().is_some_and(|s| s.disk.durable.last().epoch() == 1),
            },
            Reachable {
                name: "a transaction of the next leader is delivered, and the observer serves",
                reached: |w| {
                    let third = w.ghost().delivered.last().is_some_and(|(zxid, _)| zxid.epoch() == 3);
                    third && w.servers().last().is_some_and(|s| s.serving())
                },
            },
            Reachable { name: "everybody serves", reached: everybody_serves },
        ],
        ..mixed_ensemble(worlds.collect())
    }
}

/// Whether a learner reads what comes after LEADERINFO.
fn reads_history(w: &World, action: &Action, learner: usize) -> bool {
    let Action::Deliver(c, Side::Learner) = action else { return false };
    let connection = &w.connections()[*c];
    let first = connection.to_learner.front();
    connection.learner == learner && !matches!(first, Some(Packet::LeaderInfo { .. }))
}

/// Where nothing can happen any more, all servers that serve have everything that was delivered, and one of
/// them is an established leader. Or there is none, and the bound on elections is used up.
fn quiet_mixed_ensemble_agrees(w: &World) -> bool {
    let java = || w.java_peers().filter(|(_, java)| java.serving());
    let agrees = java().all(|(_, java)| {
        let stuck = java.established_epoch().is_some() && java.has_outstanding();
        **java.applied() == w.ghost().delivered && !stuck
    });
    (led(w) || java_leads(w) || w.elections_used_up()) && serving_agree(w) && agrees
}
