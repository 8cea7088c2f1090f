//! Which models and properties must notice each broken rule.

use quorate_client::Mutation as ClientMutation;
use quorate_core::Mutation;

use crate::fall::Fall;
use crate::models::{ModelSpec, Variant};
use crate::rule::Rule;

/// A broken rule.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// The rule.
    pub mutation: Rule,
    /// The key of the bug of ZooKeeper, or of one of its clients, that it brings back, if it is one.
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
    /// The mutant's name.
    pub fn name(&self) -> String {
        format!("{:?}", self.mutation)
    }

    /// Search its models, in order, until one kills it.
    pub fn death(&self, models: &[ModelSpec]) -> Option<Death> {
        self.models.iter().find_map(|name| {
            let spec = models.iter().find(|m| m.name == *name).expect("a model of the catalogue");
            // A model that begins in the middle may not get there with a rule broken.
            let build = || (spec.build)(Variant::broken(self.mutation));
            let fall = std::panic::catch_unwind(build).ok()?.fall(BEYOND);
            let unreached = fall.unreached.first().copied();
            let mut fallen = fall.fallen.clone();
            fallen.extend(unreached.map(|_| (REACHABLE, 0)));
            (!fallen.is_empty()).then_some(Death { model: spec.name, fallen, unreached, fall })
        })
    }
}

const fn mutant(mutation: Mutation, models: &'static [&'static str]) -> Mutant {
    Mutant { mutation: Rule::Core(mutation), bug: None, models, survives: None }
}

const fn bug(key: &'static str, mutation: Mutation, models: &'static [&'static str]) -> Mutant {
    Mutant { mutation: Rule::Core(mutation), bug: Some(key), models, survives: None }
}

/// A rule of a recipe.
const fn recipe(mutation: ClientMutation, models: &'static [&'static str]) -> Mutant {
    Mutant { mutation: Rule::Client(mutation), bug: None, models, survives: None }
}

/// A bug that a client of ZooKeeper had in a recipe.
const fn recipe_bug(key: &'static str, mutation: ClientMutation, models: &'static [&'static str]) -> Mutant {
    Mutant { mutation: Rule::Client(mutation), bug: Some(key), models, survives: None }
}

const fn survivor(mutation: Mutation, models: &'static [&'static str], why: &'static str) -> Mutant {
    Mutant { mutation: Rule::Core(mutation), bug: None, models, survives: Some(why) }
}

/// Every mutant: the rules, then the bugs.
pub const MUTANTS: &[Mutant] = &[
    // Election.
    mutant(Mutation::VoteOrderIgnoresZxid, &["election"]),
    mutant(Mutation::VoteOrderIgnoresEpoch, &["election"]),
    mutant(Mutation::DecidesAtHalf, &["election"]),
    mutant(Mutation::LowerRoundCounts, &["shrunk"]),
    mutant(Mutation::CheckLeaderSkipped, &["election"]),
    mutant(Mutation::VoteOrderReversesIds, &["election"]),
    mutant(Mutation::HigherRoundKeepsReceived, &["grown"]),
    mutant(Mutation::HigherRoundKeepsVote, &["shrunk"]),
    mutant(Mutation::HigherRoundTakesAnyVote, &["grown"]),
    mutant(Mutation::LeaderBelievedAlone, &["election-late"]),
    mutant(Mutation::LaggardNotAnswered, &["rounds"]),
    mutant(Mutation::DecidesWithoutItself, &["quiet"]),
    mutant(Mutation::LookerNotAnswered, &["rounds"]),
    mutant(Mutation::LoserNotAnswered, &["rounds"]),
    mutant(Mutation::ObserverNotAnswered, &["late"]),
    mutant(Mutation::ObserverAlwaysAnswered, &["stranger"]),
    // Discovery.
    mutant(Mutation::LobbyForgotten, &["quiet"]),
    mutant(Mutation::WeightlessLeads, &["election-weights"]),
    mutant(Mutation::LeaseIgnored, &["leases"]),
    mutant(Mutation::LearnerLeaseIgnored, &["leases"]),
    mutant(Mutation::LeaseFromReceipt, &["leases"]),
    mutant(Mutation::AnswersNotCounted, &["leases"]),
    mutant(Mutation::LearnerLeaseFromReceipt, &["leases"]),
    mutant(Mutation::LateDiskLeads, &["leases"]),
    mutant(Mutation::LateDiskVotes, &["leases"]),
    mutant(Mutation::AnyLossDeposes, &["leases"]),
    mutant(Mutation::LearnerLeaseNotRenewed, &["leases"]),
    mutant(Mutation::ParkedForgotten, &["backlog"]),
    mutant(Mutation::EpochLeapsAnywhere, &["strangers"]),
    mutant(Mutation::YieldsAtOnce, &["strangers"]),
    mutant(Mutation::NewcomerTakesOver, &["strangers"]),
    mutant(Mutation::StatelessPromiseCounts, &["dirty"]),
    mutant(Mutation::ReplacedByNothing, &["dirty"]),
    mutant(Mutation::SnapLabelledEstablished, &["dirty"]),
    mutant(Mutation::TailKeptWithoutBase, &["java-one"]),
    mutant(Mutation::OwnTailTruncated, &["java-one"]),
    mutant(Mutation::EpochIsMax, &["zab-oracle"]),
    mutant(Mutation::AcceptedEpochNotSaved, &["zab-oracle"]),
    mutant(Mutation::OldEpochAccepted, &["observed"]),
    mutant(Mutation::AheadFollowerIgnored, &["one-behind"]),
    mutant(Mutation::RepeatedPromiseCounts, &["two-leaders"]),
    mutant(Mutation::EqualEpochPromisedAgain, &["two-leaders"]),
    mutant(Mutation::AheadByZxidOnly, &["discarded"]),
    mutant(Mutation::AheadByEpochOnly, &["one-behind"]),
    mutant(Mutation::AheadByPromisedEpoch, &["joins"]),
    mutant(Mutation::AcceptedEpochAtNewLeader, &["joins"]),
    mutant(Mutation::PromisesNotAwaited, &["one-behind"]),
    mutant(Mutation::OwnPromiseNotAwaited, &["zab-sync"]),
    mutant(Mutation::CurrentEpochAtPromise, &["one-behind"]),
    mutant(Mutation::ObserverPromiseCounts, &["observed"]),
    mutant(Mutation::ObserverEndsReign, &["observed"]),
    // Synchronisation.
    mutant(Mutation::TruncationSkipped, &["joins"]),
    mutant(Mutation::DiffPointIgnored, &["in-service"]),
    mutant(Mutation::DiffOfAnySize, &["zab-sync"]),
    mutant(Mutation::CurrentEpochNotRaised, &["zab-oracle"]),
    mutant(Mutation::UpToDateBeforeQuorum, &["zab-oracle"]),
    mutant(Mutation::HeldCommitsForgotten, &["in-service"]),
    mutant(Mutation::TailAppliedAtStart, &["in-service"]),
    mutant(Mutation::TruncatesTooFar, &["zab-sync"]),
    mutant(Mutation::TruncatesTooLittle, &["zab-sync"]),
    mutant(Mutation::SnapKeepsLog, &["zab-sync"]),
    mutant(Mutation::SnapshotHasTail, &["snapshots"]),
    mutant(Mutation::SnapshotStandsAhead, &["snapshots"]),
    mutant(Mutation::LostDiskVotes, &["lost-disk"]),
    mutant(Mutation::LostDiskPromises, &["lost-disk"]),
    mutant(Mutation::SyncAlwaysDiff, &["zab-sync"]),
    mutant(Mutation::WindowIgnored, &["zab-sync"]),
    mutant(Mutation::SnapWithoutTail, &["zab-sync"]),
    mutant(Mutation::SnapLabelledLate, &["in-service"]),
    mutant(Mutation::LeaderServesEarly, &["joins"]),
    mutant(Mutation::InitialHistoryNotCommitted, &["one-behind"]),
    mutant(Mutation::OwnHistoryNotAwaited, &["discarded"]),
    mutant(Mutation::ServesBeforeUpToDate, &["zab-sync"]),
    mutant(Mutation::EarlyProposalsNotAcked, &["zab-oracle"]),
    mutant(Mutation::EstablishedAtHalf, &["four"]),
    mutant(Mutation::ObserverSynchronizedCounts, &["observed"]),
    // Broadcast.
    mutant(Mutation::AckBeforeSync, &["zab-oracle"]),
    mutant(Mutation::CommitOnMinority, &["zab-oracle"]),
    mutant(Mutation::ProposalOnlyInService, &["in-service"]),
    mutant(Mutation::LeadsWithoutQuorum, &["zab-oracle"]),
    mutant(Mutation::OldGenerationAccepted, &["zab-oracle"]),
    mutant(Mutation::OwnAckBeforeSync, &["in-service"]),
    mutant(Mutation::CommitsOutOfOrder, &["in-service"]),
    mutant(Mutation::CommitAppliesAll, &["in-service"]),
    mutant(Mutation::SyncNotDelayed, &["syncs"]),
    mutant(Mutation::SyncWaitsForOldest, &["syncs"]),
    mutant(Mutation::SyncsNotDrained, &["syncs"]),
    mutant(Mutation::SyncsNewestFirst, &["syncs"]),
    mutant(Mutation::LearnerSyncsNewestFirst, &["syncs"]),
    mutant(Mutation::CounterNotReset, &["one-behind"]),
    mutant(Mutation::EpochNotInZxid, &["in-service"]),
    mutant(Mutation::DisconnectedStillCounts, &["zab-oracle"]),
    mutant(Mutation::LossNotChecked, &["zab-oracle"]),
    mutant(Mutation::SilentFollowerKept, &["in-service"]),
    mutant(Mutation::CommitAtHalf, &["four"]),
    mutant(Mutation::ObserverNotInformed, &["observed"]),
    // Sessions in time.
    mutant(Mutation::SmallerIdKeepsDial, &["links"]),
    mutant(Mutation::OldConnectionTaken, &["links"]),
    mutant(Mutation::ReplacedConnectionKept, &["links"]),
    mutant(Mutation::LastVoteNotResent, &["links"]),
    mutant(Mutation::LossForgetsAttempt, &["links"]),
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
    mutant(Mutation::MultiStopsAtFailure, &["road"]),
    mutant(Mutation::DigestOfBefore, &["road"]),
    mutant(Mutation::PresentAclCounts, &["road"]),
    mutant(Mutation::SequenceFromChildren, &["road"]),
    mutant(Mutation::CversionNotRaised, &["road"]),
    mutant(Mutation::DeleteLeavesPzxid, &["road"]),
    mutant(Mutation::VersionNotCompared, &["road"]),
    mutant(Mutation::EphemeralsOutliveSession, &["road"]),
    mutant(Mutation::CloseSessionSeesTreeOnly, &["road"]),
    mutant(Mutation::SizeNotChecked, &["road"]),
    mutant(Mutation::CloseSessionAlwaysNamed, &["road"]),
    mutant(Mutation::NamelessEndDeletesNothing, &["road"]),
    mutant(Mutation::AversionNotRaised, &["road"]),
    mutant(Mutation::SetDataLeavesTimes, &["road"]),
    mutant(Mutation::EphemeralsHaveChildren, &["road"]),
    mutant(Mutation::PartsBehindFailAlike, &["road"]),
    mutant(Mutation::DeleteAsksZnode, &["road"]),
    mutant(Mutation::VersionBeforeAcl, &["road"]),
    mutant(Mutation::CheckLogsPresentVersion, &["road"]),
    mutant(Mutation::SetAclComparesVersion, &["road"]),
    // Clients.
    mutant(Mutation::ReadBeforeOwnWrite, &["clients"]),
    survivor(
        Mutation::ReconnectBehindAccepted,
        &["clients"],
        "the leader's answer about the session comes behind every commit that the client can have seen: by then \
         the server is not behind any more",
    ),
    mutant(Mutation::ReconnectBehindLetIn, &["clients"]),
    mutant(Mutation::EventAfterReply, &["clients"]),
    mutant(Mutation::MissingZnodeNotWatched, &["clients"]),
    mutant(Mutation::OneShotStays, &["clients"]),
    mutant(Mutation::PersistentFiresOnce, &["clients"]),
    mutant(Mutation::RecursiveNotBelow, &["clients"]),
    mutant(Mutation::DeletionToldTwice, &["clients"]),
    mutant(Mutation::SetWatchesComparesOwnZxid, &["clients"]),
    mutant(Mutation::SetWatchesTellsNothing, &["clients"]),
    mutant(Mutation::ConnectionEndsSession, &["clients"]),
    mutant(Mutation::OwnerNotChecked, &["clients"]),
    mutant(Mutation::SyncNotForwarded, &["clients"]),
    mutant(Mutation::EndedSessionRevalidated, &["clients"]),
    mutant(Mutation::EndedSessionKeepsConnection, &["clients"]),
    // Sessions in an ensemble.
    mutant(Mutation::StopKeepsQueue, &["sessions"]),
    mutant(Mutation::EarlierTransactionAnswers, &["sessions"]),
    mutant(Mutation::ObserverAnsweredEarly, &["sessions"]),
    mutant(Mutation::WriteAnsweredEarly, &["sessions"]),
    mutant(Mutation::RevalidationNotAnswered, &["sessions"]),
    mutant(Mutation::MovedSessionRefused, &["sessions"]),
    mutant(Mutation::LeaderForgetsSessions, &["sessions"]),
    mutant(Mutation::EndedSessionTracked, &["sessions"]),
    mutant(Mutation::InstallKeepsSessions, &["sessions"]),
    mutant(Mutation::EpochStartNotShown, &["sessions"]),
    // Recipes.
    recipe(ClientMutation::WaitsForFirst, &["lock"]),
    recipe(ClientMutation::EventIsEnough, &["lock"]),
    recipe(ClientMutation::OwnZnodeNotWatched, &["lock"]),
    recipe(ClientMutation::TokenFromChange, &["lock"]),
    recipe(ClientMutation::ForeignZnodesCount, &["lock"]),
    recipe(ClientMutation::OrderByName, &["lock"]),
    recipe(ClientMutation::HeldThoughSuspended, &["lock"]),
    recipe(ClientMutation::TokenFromNumber, &["lock"]),
    recipe(ClientMutation::SharersWait, &["shared-lock"]),
    recipe(ClientMutation::ReadersPassWriters, &["shared-lock"]),
    recipe(ClientMutation::LossOpensBarrier, &["barrier"]),
    recipe(ClientMutation::BarrierWatchedOnce, &["barrier"]),
    recipe(ClientMutation::ReadyNotSaid, &["double-barrier"]),
    recipe(ClientMutation::ReadyTooEarly, &["double-barrier"]),
    recipe(ClientMutation::ReadyKept, &["double-barrier"]),
    recipe(ClientMutation::LostComingCounts, &["double-barrier"]),
    recipe(ClientMutation::StopFinishes, &["queue"]),
    recipe(ClientMutation::ClaimedEndsSearch, &["queue"]),
    recipe(ClientMutation::NewestFirst, &["queue"]),
    recipe(ClientMutation::ClaimEndIgnored, &["queue"]),
    recipe(ClientMutation::StopKeepsClaim, &["queue"]),
    recipe(ClientMutation::GoneItemGiven, &["queue"]),
    recipe(ClientMutation::GoneNotRemoved, &["cache"]),
    recipe(ClientMutation::EventDuringReadDropped, &["cache"]),
    recipe(ClientMutation::InSyncTooEarly, &["cache"]),
    recipe(ClientMutation::OldReadCounts, &["cache"]),
    recipe(ClientMutation::EventIsBelieved, &["cache"]),
    recipe(ClientMutation::GoneEndsCopy, &["cache"]),
    recipe(ClientMutation::ComparesForEver, &["cache"]),
    // Bugs of ZooKeeper.
    bug("ZOOKEEPER-4643", Mutation::EpochBeforeHistory, &["zab-sync"]),
    bug("ZOOKEEPER-4646", Mutation::NewLeaderAckBeforeSync, &["zab-oracle"]),
    bug("ZOOKEEPER-2845", Mutation::StateKeptThroughElection, &["in-service"]),
    bug("ZOOKEEPER-3911", Mutation::UncommittedSentAsCommitted, &["zab-oracle"]),
    bug("ZOOKEEPER-3023", Mutation::ServesBeforeApplied, &["in-service"]),
    bug("ZOOKEEPER-4394", Mutation::CommitDuringSync, &["in-service"]),
    bug("ZOOKEEPER-4685", Mutation::ProposalAckForNewLeader, &["in-service"]),
    bug("ZOOKEEPER-4712", Mutation::LogQueueNotDrained, &["in-service"]),
    bug("ZOOKEEPER-4785", Mutation::ProposalsDuringSyncLost, &["in-service"]),
    bug("ZOOKEEPER-4925", Mutation::DiffWithHole, &["zab-sync"]),
    bug("ZOOKEEPER-5094", Mutation::TruncatedOnDiskOnly, &["zab-sync"]),
    bug("ZOOKEEPER-3642", Mutation::SnapNotOnDisk, &["zab-sync"]),
    bug("ZOOKEEPER-3104", Mutation::NewLeaderBeforeHistory, &["zab-sync"]),
    bug("ZOOKEEPER-1208", Mutation::ClosingSessionCreates, &["clients"]),
    bug("ZOOKEEPER-3537", Mutation::CheckLeaderInWrongSet, &["rounds"]),
    bug("ZOOKEEPER-2988", Mutation::StrangerElected, &["stranger"]),
    // Bugs of its clients' recipes.
    recipe_bug("CURATOR-206", ClientMutation::LossKeepsLock, &["lock"]),
    recipe_bug("CURATOR-678", ClientMutation::LossLeavesZnode, &["lock"]),
    recipe_bug("CURATOR-45", ClientMutation::UnknownCreationRepeated, &["lock"]),
    recipe_bug("CURATOR-388", ClientMutation::MissingDirectoryFails, &["lock"]),
    recipe_bug("CURATOR-724", ClientMutation::SearchNeedsDirectory, &["lock"]),
    recipe_bug("CURATOR-62", ClientMutation::StopWhileCreatingForgets, &["lock"]),
    recipe_bug("CURATOR-527", ClientMutation::GoneIsWaitedFor, &["lock"]),
    recipe_bug("CURATOR-335", ClientMutation::StopWhileWaitingIgnored, &["lock"]),
    recipe_bug("curator #1290", ClientMutation::EventOpensBarrier, &["barrier"]),
    recipe_bug("CURATOR-233", ClientMutation::LeavesAlone, &["double-barrier"]),
    recipe_bug("CURATOR-605", ClientMutation::TakenWithoutClaim, &["queue"]),
    recipe_bug("kazoo #175", ClientMutation::LostClaimForgotten, &["queue"]),
    recipe_bug("CURATOR-391", ClientMutation::CacheComparesVersion, &["cache"]),
    recipe_bug("CURATOR-311", ClientMutation::ReconnectNotCompared, &["cache"]),
    recipe_bug("CURATOR-324", ClientMutation::CacheToldTwice, &["cache"]),
];

/// A property that no mutant breaks alone, because whatever breaks it breaks others.
#[derive(Clone, Copy, Debug)]
pub struct Implied {
    /// The property.
    pub property: &'static str,
    /// What it follows from.
    pub by: &'static [&'static str],
    /// How the property follows.
    pub why: &'static str,
}

/// Every property without a mutant of its own.
pub const IMPLIED: &[Implied] = &[
    Implied {
        property: "LocalPrimaryOrder",
        by: &["NoOffence"],
        why: "a history refuses what does not follow its last transaction: a hole is an offence before it can be \
              delivered",
    },
    Implied {
        property: "DiscardedStaysDead",
        by: &["PrimaryIntegrity"],
        why: "a proposal is discarded when an epoch is established without it: if it was delivered before, that \
              epoch's primary lacks what was delivered; if it is delivered later, that is of an earlier epoch and late",
    },
    Implied {
        property: "AllOrNothing",
        by: &["AsJudged"],
        why: "the judge takes back what a request has changed that fails: a change that stays is not in its znodes",
    },
    Implied {
        property: "NamesIncrease",
        by: &["AsJudged"],
        why: "the judge counts the children that a znode ever had: a name that is given twice is not the one it gives",
    },
    Implied {
        property: "ParentShowsChildren",
        by: &["AsJudged"],
        why: "the judge counts comings and goings in the parent's stat: another stat is not the one it has",
    },
    Implied {
        property: "VersionsCompared",
        by: &["AsJudged"],
        why: "the judge answers BADVERSION to a change of another version: a change that is made is answered otherwise",
    },
    Implied {
        property: "EphemeralsHaveSessions",
        by: &["AsJudged"],
        why: "the judge deletes a session's ephemerals with it: one that stays is not in its znodes",
    },
    Implied {
        property: "TokensTell",
        by: &["QueueOrder"],
        why: "whoever is told to hold is told so when every earlier contender's znode is gone, and tokens are in the \
              order of the znodes: of two holders the one with the smaller token has none",
    },
    Implied {
        property: "OneHolder",
        by: &["LossIsTold", "QueueOrder"],
        why: "a holder's znode goes when the holder deletes it, or when its session expires, which it has noticed \
              before; until then nobody behind it is told to hold",
    },
    Implied {
        property: "LateDiskHasNoSay",
        by: &["LateDiskHandsOver"],
        why: "a server that is elected while its disk is late leads, and a quorum has outrun it before: a tick later it \
              leads longer than it may",
    },
];

/// Models of protocols that are not core's: no broken rule of core shows in them.
pub const OTHER_PROTOCOLS: &[&str] = &["paxos", "duel", "duel-ended", "multi-one", "multi-two", "fast"];
