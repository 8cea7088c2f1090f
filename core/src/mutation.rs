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
    /// A session expires in the bucket in which its timeout ends, not in the one after it.
    BucketRoundsDown,
    /// A session expires a bucket too late.
    BucketTooLate,
    /// Sessions expire by the wall clock, which may be set.
    ExpiryByWallClock,
    /// A new leader counts the sessions' timeouts from its process's start, not from now.
    NewLeaderKeepsDeadlines,
    /// What learners report of their sessions does not move a deadline.
    TouchIgnored,
    /// A session whose end is proposed can be touched.
    ClosingSessionTouched,
    /// The leader validates against the tree alone, not against what is outstanding.
    OutstandingIgnored,
    /// A multi whose part fails leaves what its earlier parts changed among the outstanding changes.
    MultiNotRolledBack,
    /// A multi whose part fails applies the parts before it.
    MultiAppliesPartly,
    /// The number of a sequential name is the number of children.
    SequenceFromChildren,
    /// A create does not raise its parent's cversion.
    CversionNotRaised,
    /// A delete does not raise its parent's pzxid.
    DeleteLeavesPzxid,
    /// A conditional change ignores the version that it names.
    VersionNotCompared,
    /// The end of a session deletes none of its ephemerals.
    EphemeralsOutliveSession,
    /// The end of a session is prepared without the ephemerals that are outstanding.
    CloseSessionSeesTreeOnly,
    /// A client that has seen a later state than this server's is let in.
    ReconnectBehindAccepted,
    /// A read does not wait for its session's writes before it.
    ReadBeforeOwnWrite,
    /// A watch event is sent after the reply to the write that caused it.
    EventAfterReply,
    /// A one-shot watch stays after it has fired.
    OneShotStays,
    /// A persistent watch goes when it has fired.
    PersistentFiresOnce,
    /// A deletion is told to a connection once for each of its watches.
    DeletionToldTwice,
    /// `setWatches` takes the server's own zxid for the client's.
    SetWatchesComparesOwnZxid,
    /// `setWatches` watches data and children that have changed, and tells nothing.
    SetWatchesTellsNothing,
    /// The end of a connection ends its session, wherever that has moved.
    ConnectionEndsSession,
    /// Any server may speak for a session.
    OwnerNotChecked,
    /// `sync` is answered without the leader.
    SyncNotForwarded,
    /// The leader vouches for sessions that have ended.
    EndedSessionRevalidated,
    /// The connection of a session that has ended stays.
    EndedSessionKeepsConnection,
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
