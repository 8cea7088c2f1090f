//! Which models and properties must notice each broken rule.

use quorate_core::Mutation;

use crate::fall::Fall;
use crate::models::{ModelSpec, Variant};

/// A broken rule.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// The rule.
    pub mutation: Mutation,
    /// The key of the bug of ZooKeeper that it brings back, if it is one.
    pub bug: Option<&'static str>,
    /// The models that are searched for its death, the cheapest that kills first.
    pub models: &'static [&'static str],
    /// Why it survives them.
    pub survives: Option<&'static str>,
}

/// How many steps a search goes on after the first kill, to see what else falls.
pub const BEYOND: usize = 2;

/// The pseudo-property of a state that every model must come across.
pub const REACHABLE: &str = "Reachable";

/// How a mutant died.
#[derive(Debug)]
pub struct Death {
    /// The model that killed it.
    pub model: &'static str,
    /// Every property that fell and the length of its shortest counterexample, the earliest first.
    pub fallen: Vec<(&'static str, usize)>,
    /// A state that cannot be reached any more, if that is what killed it.
    pub unreached: Option<&'static str>,
    /// What the search of that model came to.
    pub fall: Fall,
}

impl Mutant {
    /// Its name.
    pub fn name(&self) -> String {
        format!("{:?}", self.mutation)
    }

    /// Search its models, in order, until one kills it.
    pub fn death(&self, models: &[ModelSpec]) -> Option<Death> {
        self.models.iter().find_map(|name| {
            let spec = models.iter().find(|m| m.name == *name).expect("a model of the catalogue");
            let fall = (spec.build)(Variant::broken(self.mutation)).fall(BEYOND);
            let unreached = fall.unreached.first().copied();
            let mut fallen = fall.fallen.clone();
            fallen.extend(unreached.map(|_| (REACHABLE, 0)));
            (!fallen.is_empty()).then_some(Death { model: spec.name, fallen, unreached, fall })
        })
    }
}

const fn mutant(mutation: Mutation, models: &'static [&'static str]) -> Mutant {
    Mutant { mutation, bug: None, models, survives: None }
}

const fn bug(key: &'static str, mutation: Mutation, models: &'static [&'static str]) -> Mutant {
    Mutant { mutation, bug: Some(key), models, survives: None }
}

const fn survivor(mutation: Mutation, models: &'static [&'static str], why: &'static str) -> Mutant {
    Mutant { mutation, bug: None, models, survives: Some(why) }
}

/// Every mutant: the rules, then the bugs.
pub const MUTANTS: &[Mutant] = &[
    // Election.
    mutant(Mutation::VoteOrderIgnoresZxid, &["election"]),
    mutant(Mutation::VoteOrderIgnoresEpoch, &["election"]),
    mutant(Mutation::DecidesAtHalf, &["election"]),
    survivor(
        Mutation::LowerRoundCounts,
        &["election", "zab-oracle"],
        "a vote keeps its value through all rounds here, and discovery refuses a leader that is behind",
    ),
    mutant(Mutation::CheckLeaderSkipped, &["election"]),
    // Discovery.
    mutant(Mutation::LobbyForgotten, &["quiet"]),
    mutant(Mutation::EpochIsMax, &["zab-oracle"]),
    mutant(Mutation::AcceptedEpochNotSaved, &["zab-oracle"]),
    survivor(
        Mutation::OldEpochAccepted,
        &["zab-sync"],
        "a Quorate leader never offers an older epoch: it steps down when a voter reports a later one",
    ),
    mutant(Mutation::AheadFollowerIgnored, &["zab-oracle"]),
    // Synchronisation.
    mutant(Mutation::TruncationSkipped, &["zab-sync"]),
    mutant(Mutation::DiffPointIgnored, &["zab-oracle"]),
    mutant(Mutation::DiffOfAnySize, &["zab-sync"]),
    mutant(Mutation::CurrentEpochNotRaised, &["zab-oracle"]),
    mutant(Mutation::UpToDateBeforeQuorum, &["zab-oracle"]),
    mutant(Mutation::HeldCommitsForgotten, &["zab-oracle"]),
    mutant(Mutation::TailAppliedAtStart, &["zab-oracle"]),
    // Broadcast.
    mutant(Mutation::AckBeforeSync, &["zab-oracle"]),
    mutant(Mutation::CommitOnMinority, &["zab-oracle"]),
    mutant(Mutation::ProposalOnlyInService, &["zab-oracle"]),
    mutant(Mutation::LeadsWithoutQuorum, &["zab-oracle"]),
    survivor(
        Mutation::OldGenerationAccepted,
        &["zab-oracle"],
        "only a learner that hangs up leaves packets on an old connection, and these models cut it instead",
    ),
    // Sessions in time.
    mutant(Mutation::BucketRoundsDown, &["buckets"]),
    mutant(Mutation::BucketTooLate, &["buckets"]),
    mutant(Mutation::ExpiryByWallClock, &["buckets"]),
    mutant(Mutation::NewLeaderKeepsDeadlines, &["buckets"]),
    mutant(Mutation::TouchIgnored, &["buckets"]),
    mutant(Mutation::ClosingSessionTouched, &["buckets"]),
    // Requests.
    mutant(Mutation::OutstandingIgnored, &["road"]),
    mutant(Mutation::MultiNotRolledBack, &["road"]),
    mutant(Mutation::MultiAppliesPartly, &["road"]),
    mutant(Mutation::SequenceFromChildren, &["road"]),
    mutant(Mutation::CversionNotRaised, &["road"]),
    mutant(Mutation::DeleteLeavesPzxid, &["road"]),
    mutant(Mutation::VersionNotCompared, &["road"]),
    mutant(Mutation::EphemeralsOutliveSession, &["road"]),
    mutant(Mutation::CloseSessionSeesTreeOnly, &["road"]),
    // Bugs of ZooKeeper.
    bug("ZOOKEEPER-4643", Mutation::EpochBeforeHistory, &["zab-sync", "zab-oracle"]),
    bug("ZOOKEEPER-4646", Mutation::NewLeaderAckBeforeSync, &["zab-oracle"]),
];

/// Properties that no mutant needs to break, and why.
pub const IMPLIED: &[(&str, &str)] = &[];
