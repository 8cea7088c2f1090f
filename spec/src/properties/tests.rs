//! Every predicate can say no: each refuses a state that was made to break it.

use std::sync::Arc;

use quorate_core::LearnerStatus;
use quorate_core::config::{Constant, ElectionMode, PeerConfig};
use quorate_core::ids::{Epoch, ServerId, Zxid};
use quorate_core::membership::Membership;
use quorate_core::quorum::QuorumVerifier;

use super::{
    ELECTION, Scene, ZAB, introduction_is_harmless, observer_ends_no_reign, state_is_named_truly,
    sync_flushes, zab_in,
};
use crate::byte::Byte;
use crate::models::{Ensemble, Variant, zab};
use crate::world::{Action, Budget, Durable, Ghost, World};

/// Three servers, made up.
struct MadeUp {
    ghost: Ghost<u8>,
    preloaded: Vec<(Zxid, u8)>,
    established: [Option<Epoch>; 3],
    learners: Vec<(usize, LearnerStatus)>,
    epochs: [(Epoch, Epoch); 3],
    on_disk: [bool; 3],
    applied: [bool; 3],
    in_memory: [bool; 3],
}

impl MadeUp {
    /// Server 1 leads epoch 2 with server 2 in service. Every server has one transaction of epoch 1, which a
    /// disk held from the start, and one of epoch 2.
    fn good() -> Self {
        let mut ghost = Ghost::default();
        ghost.deliver(0, &[(Zxid::new(1, 1), 7)]);
        ghost.establish(2, 0, &[(Zxid::new(1, 1), 7)]);
        ghost.propose(Zxid::new(2, 1), 8);
        ghost.deliver(0, &[(Zxid::new(1, 1), 7), (Zxid::new(2, 1), 8)]);
        MadeUp {
            ghost,
            preloaded: vec![(Zxid::new(1, 1), 7)],
            established: [Some(2), None, None],
            learners: vec![(1, LearnerStatus { id: ServerId(2), voter: true, in_service: true })],
            epochs: [(2, 2), (2, 2), (2, 1)],
            on_disk: [true, true, false],
            applied: [true; 3],
            in_memory: [true; 3],
        }
    }
}

impl Scene for MadeUp {
    type Txn = u8;

    fn servers(&self) -> usize {
        3
    }
    fn ghost(&self) -> &Ghost<u8> {
        &self.ghost
    }
    fn preloaded(&self, txn: (Zxid, u8)) -> bool {
        self.preloaded.contains(&txn)
    }
    fn is_quorum(&self, has: &dyn Fn(usize) -> bool) -> bool {
        (0..3).filter(|i| has(*i)).count() > 1
    }
    fn established(&self, i: usize) -> Option<Epoch> {
        self.established[i]
    }
    fn learners(&self, i: usize) -> Vec<(usize, LearnerStatus)> {
        if i == 0 { self.learners.clone() } else { Vec::new() }
    }
    fn epochs_on_disk(&self, i: usize) -> (Epoch, Epoch) {
        self.epochs[i]
    }
    fn disk_has_delivered(&self, i: usize) -> bool {
        self.on_disk[i]
    }
    fn applied_has_delivered(&self, i: usize) -> bool {
        self.applied[i]
    }
    fn memory_matches_disk(&self, i: usize) -> bool {
        self.in_memory[i]
    }
}

/// The properties that something breaks, and what that is.
type Spoilt = (&'static [&'static str], fn(&mut MadeUp));

/// What breaks which property, and no other one that is not named with it.
const SPOILT: &[Spoilt] = &[
    // Two servers have delivered different second transactions.
    (&["PrefixConsistency"], |s| s.ghost.deliver(0, &[(Zxid::new(1, 1), 7), (Zxid::new(2, 1), 9)])),
    // Server 3 is established in the same epoch.
    (&["Leadership"], |s| s.ghost.establish(2, 2, &[(Zxid::new(1, 1), 7)])),
    // Two lead an older epoch at the same time.
    (&["Leadership", "ServingLeaderHasQuorum"], |s| s.established = [Some(2), Some(1), Some(1)]),
    // What a disk held is not what was delivered.
    (&["Integrity"], |s| s.preloaded = vec![(Zxid::new(1, 1), 6)]),
    // What was proposed is not what was delivered.
    (&["Integrity"], |s| s.ghost.proposed = vec![(Zxid::new(2, 1), 9)]),
    // There is a hole.
    (&["LocalPrimaryOrder"], |s| {
        s.ghost.propose(Zxid::new(2, 3), 9);
        s.ghost.delivered.push((Zxid::new(2, 3), 9));
    }),
    // An epoch does not begin at its beginning.
    (&["LocalPrimaryOrder"], |s| {
        s.preloaded = vec![(Zxid::new(1, 2), 7)];
        s.ghost.delivered[0].0 = Zxid::new(1, 2);
    }),
    // A later primary begins without what was delivered.
    (&["PrimaryIntegrity", "DiscardedStaysDead"], |s| s.ghost.establish(3, 0, &[(Zxid::new(1, 1), 7)])),
    // Something of epoch 1 comes after epoch 2 has begun.
    (&["PrimaryIntegrity"], |s| {
        s.preloaded.push((Zxid::new(1, 2), 9));
        s.ghost.delivered.pop();
        s.ghost.deliver(0, &[(Zxid::new(1, 1), 7), (Zxid::new(1, 2), 9)]);
    }),
    // Only one disk has it.
    (&["CommittedSurvives"], |s| s.on_disk = [true, false, false]),
    // The newest leader does not have it.
    (&["CommittedSurvives"], |s| s.applied[0] = false),
    // What a later epoch does not contain is delivered.
    (&["DiscardedStaysDead"], |s| s.ghost.discarded.push(Zxid::new(2, 1))),
    // A leader's only follower is not in service, is an observer, is gone.
    (&["ServingLeaderHasQuorum"], |s| s.learners[0].1.in_service = false),
    (&["ServingLeaderHasQuorum"], |s| s.learners[0].1.voter = false),
    (&["ServingLeaderHasQuorum"], |s| s.learners.clear()),
    (&["AckImpliesDurable"], |s| s.ghost.broken.ack_durable = true),
    (&["EpochsMonotone"], |s| s.ghost.broken.epoch_monotone = true),
    // currentEpoch is ahead of acceptedEpoch.
    (&["EpochsMonotone"], |s| s.epochs[2] = (1, 2)),
    (&["MemoryMatchesDisk"], |s| s.in_memory[2] = false),
    (&["StoredDataIsAccepted"], |s| s.ghost.broken.disk_refused = true),
    (&["NoOffence"], |s| s.ghost.broken.offence = true),
    (&["DiffWithinLimit"], |s| s.ghost.broken.oversized_diff = true),
    (&["StepDownWithoutQuorum"], |s| s.ghost.broken.leads_unheard = true),
    (&["SyncFlushes"], |s| s.ghost.broken.sync_overtaken = true),
    (&["VoteIsNotWorse"], |s| s.ghost.broken.worse_vote = true),
    (&["OnlyAskersAreAnswered"], |s| s.ghost.broken.needless_answer = true),
    (&["LostDiskHasNoSay"], |s| s.ghost.broken.lost_disk_spoke = true),
    (&["StateIsNamedTruly"], |s| s.ghost.broken.premature_name = true),
    (&["IntroductionIsHarmless"], |s| s.ghost.broken.harmful_introduction = true),
    (&["ObserverEndsNoReign"], |s| s.ghost.broken.observer_deposed = true),
];

fn broken(scene: &MadeUp) -> Vec<&'static str> {
    // What recordings are judged by, and what only worlds are.
    let mut all = zab_in();
    all.push((&sync_flushes::SYNC_FLUSHES, sync_flushes::holds));
    all.push((&introduction_is_harmless::INTRODUCTION_IS_HARMLESS, introduction_is_harmless::holds));
    all.push((&observer_ends_no_reign::OBSERVER_ENDS_NO_REIGN, observer_ends_no_reign::holds));
    all.push((&state_is_named_truly::STATE_IS_NAMED_TRULY, state_is_named_truly::holds));
    all.iter().filter(|(_, holds)| !holds(scene)).map(|(invariant, _)| invariant.name).collect()
}

#[test]
fn a_good_state_breaks_nothing() {
    assert_eq!(broken(&MadeUp::good()), Vec::<&str>::new());
}

#[test]
fn every_predicate_refuses_what_breaks_it_and_no_other_does() {
    for (k, (names, spoil)) in SPOILT.iter().enumerate() {
        let mut scene = MadeUp::good();
        spoil(&mut scene);
        assert_eq!(broken(&scene), *names, "spoilt state {k}");
    }
    for invariant in ZAB {
        assert!(SPOILT.iter().any(|(names, _)| names.contains(&invariant.name)), "{}", invariant.name);
    }
}

fn holds(name: &str, model: &Ensemble, world: &World) -> bool {
    let invariant = ELECTION.iter().find(|i| i.name == name).expect("a property of elections");
    (invariant.holds)(model, world)
}

/// Three servers with an oracle that makes server 2 follow the server of this index.
fn follows(disks: Vec<Durable>, leader: usize, forget: bool) -> (Ensemble, World) {
    let budget = Budget { elections: 1, ..Budget::default() };
    let model = zab(3, ElectionMode::Oracle, budget, disks.clone(), Variant::default());
    let mut setting = crate::models::setting(3, ElectionMode::Oracle, Variant::default());
    if forget {
        let verifiers = vec![QuorumVerifier::Majority(vec![ServerId(1), ServerId(2)])];
        let membership = Membership { verifiers, ..Membership::clone(&setting.configs[1].membership) }.into();
        setting.configs[1] = Constant::new(PeerConfig { membership, ..(*setting.configs[1]).clone() });
    }
    let mut world = World::new(Arc::new(setting), disks, budget);
    for i in 0..3 {
        world.act(&Action::Start(i));
    }
    world.act(&Action::Lead(leader));
    world.act(&Action::Follow(1, leader));
    (model, world)
}

#[test]
fn who_elects_a_server_that_most_others_beat_is_found_out() {
    let zxid = Zxid::new(1, 1);
    let with_more = Durable {
        accepted_epoch: 1,
        current_epoch: 1,
        log: vec![(zxid, Byte::logged(zxid))],
        ..Durable::empty()
    };
    let disks = vec![Durable::empty(), with_more.clone(), with_more];
    let (model, world) = follows(disks.clone(), 2, false);
    assert!(holds("ElectedIsBestOfQuorum", &model, &world));
    let (model, world) = follows(disks, 0, false);
    assert!(!holds("ElectedIsBestOfQuorum", &model, &world));
}

#[test]
fn who_follows_a_stranger_is_found_out() {
    let disks = vec![Durable::empty(); 3];
    let (model, world) = follows(disks.clone(), 2, false);
    assert!(holds("LeaderIsInConfig", &model, &world));
    let (model, world) = follows(disks, 2, true);
    assert!(!holds("LeaderIsInConfig", &model, &world));
}
