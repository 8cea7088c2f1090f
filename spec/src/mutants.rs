//! Which model and property must notice each broken rule.

use quorate_core::Mutation;

/// A broken rule.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// The rule.
    pub mutation: Mutation,
    /// The models that are searched for its death, in this order.
    pub models: &'static [&'static str],
    /// Why it may survive within these models' bounds.
    pub survives: Option<&'static str>,
}

const fn mutant(mutation: Mutation, models: &'static [&'static str]) -> Mutant {
    Mutant { mutation, models, survives: None }
}

/// Every mutant.
pub const MUTANTS: &[Mutant] = &[
    mutant(Mutation::VoteOrderIgnoresZxid, &["election"]),
    mutant(Mutation::VoteOrderIgnoresEpoch, &["election"]),
    mutant(Mutation::DecidesAtHalf, &["election"]),
    mutant(Mutation::EpochBeforeHistory, &["zab-sync", "zab-oracle"]),
    mutant(Mutation::NewLeaderAckBeforeSync, &["zab-oracle"]),
    mutant(Mutation::AckBeforeSync, &["zab-oracle"]),
    mutant(Mutation::TruncationSkipped, &["zab-sync"]),
    mutant(Mutation::DiffPointIgnored, &["zab-oracle"]),
    mutant(Mutation::CommitOnMinority, &["zab-oracle"]),
    mutant(Mutation::EpochIsMax, &["zab-oracle"]),
    Mutant {
        mutation: Mutation::OldEpochAccepted,
        models: &["zab-sync"],
        survives: Some(
            "a Quorate leader never offers an older epoch: it steps down when a voter reports a later one",
        ),
    },
    mutant(Mutation::AheadFollowerIgnored, &["zab-oracle"]),
    mutant(Mutation::UpToDateBeforeQuorum, &["zab-oracle"]),
    mutant(Mutation::LeadsWithoutQuorum, &["zab-oracle"]),
    mutant(Mutation::ProposalOnlyInService, &["zab-oracle"]),
    Mutant {
        mutation: Mutation::OldGenerationAccepted,
        models: &["zab-oracle"],
        survives: Some(
            "only a learner that hangs up leaves packets on an old connection, and these models cut it instead",
        ),
    },
    mutant(Mutation::CurrentEpochNotRaised, &["zab-oracle"]),
    mutant(Mutation::TailAppliedAtStart, &["zab-oracle"]),
    mutant(Mutation::AcceptedEpochNotSaved, &["zab-oracle"]),
    Mutant {
        mutation: Mutation::LowerRoundCounts,
        models: &["election", "whole"],
        survives: Some(
            "a vote keeps its value through all rounds here, and discovery refuses a leader that is behind",
        ),
    },
    mutant(Mutation::CheckLeaderSkipped, &["election"]),
    mutant(Mutation::HeldCommitsForgotten, &["zab-oracle"]),
    mutant(Mutation::DiffOfAnySize, &["zab-sync"]),
    mutant(Mutation::LobbyForgotten, &["quiet"]),
];
