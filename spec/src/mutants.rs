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
    mutant(Mutation::CommitOnMinority, &["zab-oracle"]),
    mutant(Mutation::EpochIsMax, &["zab-oracle"]),
    mutant(Mutation::OldEpochAccepted, &["zab-sync"]),
    mutant(Mutation::AheadFollowerIgnored, &["zab-oracle"]),
    mutant(Mutation::UpToDateBeforeQuorum, &["zab-oracle"]),
    mutant(Mutation::LeadsWithoutQuorum, &["zab-oracle"]),
    mutant(Mutation::ProposalOnlyInService, &["zab-oracle"]),
    mutant(Mutation::OldGenerationAccepted, &["zab-oracle"]),
    mutant(Mutation::CurrentEpochNotRaised, &["zab-oracle"]),
    mutant(Mutation::TailAppliedAtStart, &["zab-oracle"]),
    mutant(Mutation::AcceptedEpochNotSaved, &["zab-oracle"]),
    mutant(Mutation::LowerRoundCounts, &["election", "whole"]),
    mutant(Mutation::CheckLeaderSkipped, &["election"]),
];
