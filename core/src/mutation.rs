//! Deliberately broken rules, for proving that the properties have teeth.
//!
//! Exists only with the feature `mutants`, which no shipped build turns on. Each variant names the
//! rule it breaks; [`mutated!`] breaks it, in a file of rules (`rules.rs`, `rules/`) and nowhere else.

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
    /// A learner that dialed before this server had won the election is not told that it has.
    LobbyForgotten,
    /// What a learner asked while much waited for the leader's disk is not taken up again.
    ParkedForgotten,
    /// A leader whose disk is late goes on.
    LateDiskLeads,
    /// A server whose disk is late votes.
    LateDiskVotes,
    /// A learner in service does not count what it hears.
    LearnerLeaseNotRenewed,
    /// A learner counts what it reads from when it reads it.
    LearnerLeaseFromReceipt,
    /// The server with the smaller id uses the connection that it dialed to the larger one.
    SmallerIdKeepsDial,
    /// A connection of the election port is used though a newer one was used before.
    OldConnectionTaken,
    /// A connection of the election port that is replaced is not closed.
    ReplacedConnectionKept,
    /// A vote that was on a connection which is lost is not sent on the next one.
    LastVoteNotResent,
    /// A server that loses a connection while it dials forgets that it dials.
    LossForgetsAttempt,
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
    /// A multi whose part fails does what comes before that part.
    MultiStopsAtFailure,
    /// A transaction names the digest that the tree has before it.
    DigestOfBefore,
    /// The present ACL of a znode says which clients may change it, not the ACL that is outstanding.
    PresentAclCounts,
    /// The end of a session is prepared without the ephemerals that are outstanding.
    CloseSessionSeesTreeOnly,
    /// A client that has seen a later state than this server's may ask for its session.
    ReconnectBehindAccepted,
    /// Such a client is let in at once, without the leader.
    ReconnectBehindLetIn,
    /// A read does not wait for its session's writes before it.
    ReadBeforeOwnWrite,
    /// A watch event is sent after the reply to the write that caused it.
    EventAfterReply,
    /// A znode that is not there is not watched.
    MissingZnodeNotWatched,
    /// A one-shot watch stays after it has fired.
    OneShotStays,
    /// A persistent watch goes when it has fired.
    PersistentFiresOnce,
    /// A recursive watch is not told of what happens below its znode.
    RecursiveNotBelow,
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
    /// Of two equal votes the one for the smaller server id wins.
    VoteOrderReversesIds,
    /// A vote of a higher round does not make a server forget the votes of its old round.
    HigherRoundKeepsReceived,
    /// In a higher round a server goes on with its old vote, not with its own.
    HigherRoundKeepsVote,
    /// In a higher round a server takes the vote that it hears, however its own compares.
    HigherRoundTakesAnyVote,
    /// A server that says that it leads is believed, no matter which other servers follow it.
    LeaderBelievedAlone,
    /// A voter that is in an older round is not told the newer one.
    LaggardNotAnswered,
    /// A server does not count its own vote.
    DecidesWithoutItself,
    /// A server that has a leader does not answer one that looks for it.
    LookerNotAnswered,
    /// A vote that loses is not answered with the one that beats it.
    LoserNotAnswered,
    /// An observer that asks for the leader is not answered.
    ObserverNotAnswered,
    /// Whatever an observer says is answered, even if it has a leader.
    ObserverAlwaysAnswered,
    /// A leader counts the promise of an epoch that was promised before, perhaps to another leader.
    RepeatedPromiseCounts,
    /// A learner promises an epoch again as if it had not promised it before.
    EqualEpochPromisedAgain,
    /// Whether a follower is ahead is told by its last zxid alone.
    AheadByZxidOnly,
    /// Whether a follower is ahead is told by its epoch alone.
    AheadByEpochOnly,
    /// A follower's currentEpoch is compared with the epoch that the leader has promised, its own.
    AheadByPromisedEpoch,
    /// acceptedEpoch is raised with NEWLEADER, not with the promise.
    AcceptedEpochAtNewLeader,
    /// A leader lets clients in once its history is chosen, before a quorum has it.
    LeaderServesEarly,
    /// A leader synchronises before a quorum has promised its epoch.
    PromisesNotAwaited,
    /// A leader offers its epoch before that is on its own disk.
    OwnPromiseNotAwaited,
    /// An observer's promise counts.
    ObserverPromiseCounts,
    /// currentEpoch is raised with the promise, not with the history.
    CurrentEpochAtPromise,
    /// The learner truncates one transaction too many.
    TruncatesTooFar,
    /// The learner truncates one transaction too few.
    TruncatesTooLittle,
    /// A state that is installed does not replace what was listed.
    SnapKeepsLog,
    /// A background snapshot has the transactions in it that are proposed and not committed.
    SnapshotHasTail,
    /// A background snapshot says that it has what is proposed, and has what is applied.
    SnapshotStandsAhead,
    /// A server that has lost its disk votes as if it had never had anything.
    LostDiskVotes,
    /// A server that has lost its disk promises an epoch as if it had never promised one.
    LostDiskPromises,
    /// A learner takes the leader's answer to a sync for that to its newest one.
    LearnerSyncsNewestFirst,
    /// A server of weight 0 may be elected.
    WeightlessLeads,
    /// A leader serves on after its lease is over.
    LeaseIgnored,
    /// That pings are answered does not renew a lease.
    AnswersNotCounted,
    /// An answered ping counts from when the answer was read, not from when the ping was sent.
    LeaseFromReceipt,
    /// A learner serves on after it has heard nothing for as long as a lease is.
    LearnerLeaseIgnored,
    /// A claim to have promised an epoch is believed however far ahead that is.
    EpochLeapsAnywhere,
    /// A leader makes way for a later epoch as soon as a voter claims to have promised one.
    YieldsAtOnce,
    /// A newcomer takes the place of a learner that is connected and alive.
    NewcomerTakesOver,
    /// A learner that asks for a state promises the epoch with it, as if it had nothing.
    StatelessPromiseCounts,
    /// A learner that asks for a state is sent a history, and drops what it has before it has that.
    ReplacedByNothing,
    /// A leader that is not established names the state it sends after the start of its epoch.
    SnapLabelledEstablished,
    /// A learner with proposals that are not committed keeps them, if the leader has applied nothing to
    /// truncate to.
    TailKeptWithoutBase,
    /// A learner truncates what the leader of its own epoch proposed and will propose again.
    OwnTailTruncated,
    /// A learner is sent what comes after its last transaction, whether or not they agree up to it.
    SyncAlwaysDiff,
    /// A learner that lacks more than is listed is sent what is listed.
    WindowIgnored,
    /// The state that an initial history is sent as lacks what was not applied.
    SnapWithoutTail,
    /// A state is said to contain what is still outstanding.
    SnapLabelledLate,
    /// A leader is established without having applied its initial history.
    InitialHistoryNotCommitted,
    /// A leader is established before its own currentEpoch and history are on disk.
    OwnHistoryNotAwaited,
    /// Half of the voters establish a leader.
    EstablishedAtHalf,
    /// An observer that is synchronised counts when a leader is to be established.
    ObserverSynchronizedCounts,
    /// A learner serves as soon as it has acknowledged NEWLEADER.
    ServesBeforeUpToDate,
    /// What was logged before NEWLEADER was acknowledged is never acknowledged.
    EarlyProposalsNotAcked,
    /// A leader counts its own log before it is on disk.
    OwnAckBeforeSync,
    /// Half of the voters commit a transaction.
    CommitAtHalf,
    /// COMMIT is sent for the newest proposal, not for the oldest.
    CommitsOutOfOrder,
    /// COMMIT makes a learner apply everything it has logged.
    CommitAppliesAll,
    /// A sync is answered though proposals before it are outstanding.
    SyncNotDelayed,
    /// A sync waits for the oldest outstanding proposal, not for the newest.
    SyncWaitsForOldest,
    /// Of the syncs that waited for a commit one is answered.
    SyncsNotDrained,
    /// Of the syncs that wait the newest is answered first.
    SyncsNewestFirst,
    /// A new epoch goes on counting where the last one stopped.
    CounterNotReset,
    /// A proposal is numbered in the epoch of the one before it.
    EpochNotInZxid,
    /// A learner whose connection is gone still counts.
    DisconnectedStillCounts,
    /// That a learner's connection is gone is no reason to look whether there still is a quorum.
    LossNotChecked,
    /// A silent learner is never given up.
    SilentFollowerKept,
    /// Observers are not told what is committed.
    ObserverNotInformed,
    /// What was logged but not committed is in the state that a server goes into the next election with
    /// (ZOOKEEPER-2845).
    StateKeptThroughElection,
    /// A synchronisation tells what is only proposed as committed (ZOOKEEPER-3911).
    UncommittedSentAsCommitted,
    /// A learner serves before it has applied what it was told is committed (ZOOKEEPER-3023).
    ServesBeforeApplied,
    /// COMMIT is sent between NEWLEADER and UPTODATE (ZOOKEEPER-4394).
    CommitDuringSync,
    /// A proposal's acknowledgement overtakes NEWLEADER's, and is taken for it (ZOOKEEPER-4685).
    ProposalAckForNewLeader,
    /// When a role ends, memory forgets what is not on disk yet, and the log queue still writes it
    /// (ZOOKEEPER-4712).
    LogQueueNotDrained,
    /// Proposals between NEWLEADER and UPTODATE are lost (ZOOKEEPER-4785).
    ProposalsDuringSyncLost,
    /// A DIFF is sent from a list that has a hole (ZOOKEEPER-4925).
    DiffWithHole,
    /// A truncation is done on disk and not in memory (ZOOKEEPER-5094).
    TruncatedOnDiskOnly,
    /// A vote for a server that is not in the configuration counts (ZOOKEEPER-2988).
    StrangerElected,
    /// Whether a leader says itself that it leads is looked up among the wrong votes (ZOOKEEPER-3537).
    CheckLeaderInWrongSet,
    /// A state that a leader sent is acknowledged without ever being on disk (ZOOKEEPER-3642).
    SnapNotOnDisk,
    /// NEWLEADER is sent before the history that it ends (ZOOKEEPER-3104).
    NewLeaderBeforeHistory,
    /// A session whose end is proposed may create ephemerals (ZOOKEEPER-1208).
    ClosingSessionCreates,
    /// A transaction is proposed however long it is.
    SizeNotChecked,
    /// The end of a session names every ephemeral, however long the transaction becomes.
    CloseSessionAlwaysNamed,
    /// The end of a session deletes only what the transaction names.
    NamelessEndDeletesNothing,
    /// setACL leaves the version of the ACL as it is.
    AversionNotRaised,
    /// setData does not tell by which transaction, and when, the data was set.
    SetDataLeavesTimes,
    /// An ephemeral znode may have children.
    EphemeralsHaveChildren,
    /// Behind the part of a multi that fails every part fails for the same reason.
    PartsBehindFailAlike,
    /// The ACL of a znode, not its parent's, tells which clients may delete it.
    DeleteAsksZnode,
    /// A version is compared before it is looked whether the client may do what it wants.
    VersionBeforeAcl,
    /// A check is logged with the version that the znode has now, not with the outstanding one.
    CheckLogsPresentVersion,
    /// setACL compares the version of the data.
    SetAclComparesVersion,
    /// A leader answers a write of its own client when it proposes it.
    WriteAnsweredEarly,
    /// A leader does not answer a learner that asks about a session.
    RevalidationNotAnswered,
    /// A session that comes to another server is refused there.
    MovedSessionRefused,
    /// A server that stops to serve keeps the requests that wait for an answer.
    StopKeepsQueue,
    /// A transaction that was proposed before a request arrived is taken for its answer.
    EarlierTransactionAnswers,
    /// An observer is told that a session is open while what was proposed before is not committed.
    ObserverAnsweredEarly,
    /// A new leader does not know the sessions of those before it.
    LeaderForgetsSessions,
    /// The leader goes on knowing a session that has ended.
    EndedSessionTracked,
    /// A state that is installed leaves the sessions as they were.
    InstallKeepsSessions,
    /// The start of an epoch is not shown to clients as the last zxid.
    EpochStartNotShown,
    /// An observer that has promised a later epoch ends a reign as a voter does.
    ObserverEndsReign,
    /// A leader that one voter is lost to steps down, though a quorum is with it.
    AnyLossDeposes,
}

/// Whether this peer is to break this rule: always `false` in a shipped build.
macro_rules! mutated {
    ($config:expr, $name:ident) => {{
        #[cfg(feature = "mutants")]
        let broken = $config.mutation == Some($crate::mutation::Mutation::$name);
        #[cfg(not(feature = "mutants"))]
        let broken = {
            // The name keeps two hooks in a row apart for lints that compare conditions.
            let _ = (&$config, stringify!($name));
            false
        };
        broken
    }};
}
pub(crate) use mutated;
