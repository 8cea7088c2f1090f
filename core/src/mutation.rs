//! Deliberately broken rules, for proving that the properties have teeth.
//!
//! Exists only with the feature `mutants`, which no shipped build turns on. Each variant names the
//! rule it breaks; [`mutated!`] marks the place.

/// A rule to break.
#[cfg(feature = "mutants")]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Mutation {
    /// The vote order ignores the zxid.
    VoteOrderIgnoresZxid,
    /// The vote order ignores the epoch.
    VoteOrderIgnoresEpoch,
    /// An election is decided by half of the voters.
    DecidesAtHalf,
    /// A vote of a lower round is counted.
    LowerRoundCounts,
    /// A leader's claim is believed without hearing it from that leader.
    CheckLeaderSkipped,
    /// currentEpoch is written before the history it stands for (ZOOKEEPER-4643).
    EpochBeforeHistory,
    /// NEWLEADER is acknowledged before anything is on disk (ZOOKEEPER-4646).
    NewLeaderAckBeforeSync,
    /// A proposal is acknowledged before it is on disk.
    AckBeforeSync,
    /// The learner does not truncate when told to.
    TruncationSkipped,
    /// A learner ignores how far the leader says in DIFF that it has committed.
    DiffPointIgnored,
    /// A transaction is committed with the acknowledgement of one server.
    CommitOnMinority,
    /// The new epoch is the largest accepted one, not one more.
    EpochIsMax,
    /// A learner accepts an epoch older than the one it promised.
    OldEpochAccepted,
    /// A leader does not mind a follower that is ahead of it.
    AheadFollowerIgnored,
    /// UPTODATE is sent before a quorum acknowledged NEWLEADER.
    UpToDateBeforeQuorum,
    /// A leader keeps leading without a quorum.
    LeadsWithoutQuorum,
    /// Proposals are sent only to followers that acknowledged NEWLEADER.
    ProposalOnlyInService,
    /// Packets of a replaced connection are handled.
    OldGenerationAccepted,
    /// currentEpoch is never raised.
    CurrentEpochNotRaised,
    /// A logged tail is taken for committed at start-up.
    TailAppliedAtStart,
    /// acceptedEpoch is not written before ACKEPOCH is sent.
    AcceptedEpochNotSaved,
    /// What was committed while a follower was synchronised is not told to it afterwards.
    HeldCommitsForgotten,
    /// A learner is sent transactions one by one however much they take.
    DiffOfAnySize,
    /// Who dialed before this server had won the election is not told that it has.
    LobbyForgotten,
}

/// Whether this peer is to break this rule: always `false` in a shipped build.
macro_rules! mutated {
    ($config:expr, $name:ident) => {{
        #[cfg(feature = "mutants")]
        let broken = $config.mutation == Some($crate::mutation::Mutation::$name);
        #[cfg(not(feature = "mutants"))]
        let broken = {
            let _ = &$config;
            false
        };
        broken
    }};
}
pub(crate) use mutated;
