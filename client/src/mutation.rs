//! Deliberately broken rules of recipes, for proving that the models' properties have teeth.
//!
//! Exists only with the feature `mutants`, which no shipped build turns on. [`mutated!`] marks the places.

/// A rule of a recipe to break.
#[cfg(feature = "mutants")]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Mutation {
    /// A holder is not told that its connection is lost (CURATOR-206).
    LossKeepsLock,
    /// A deletion whose reply is lost counts as done (CURATOR-678).
    LossLeavesZnode,
    /// A creation whose reply is lost is made again, without a look whether it was done (CURATOR-45).
    UnknownCreationRepeated,
    /// Every contender waits for the first one, and all are woken together.
    WaitsForFirst,
    /// The end of the contender in front is enough to hold, wherever in the queue that was.
    EventIsEnough,
    /// A holder does not watch its own znode.
    OwnZnodeNotWatched,
    /// A directory that is not there is an end, not something to create (CURATOR-388).
    MissingDirectoryFails,
    /// A directory that was reaped while a lost creation is searched for is an end (CURATOR-724).
    SearchNeedsDirectory,
    /// A token is the last change of the holder's znode, not its creation.
    TokenFromChange,
    /// A contender that gives up while its znode is being created leaves it behind (CURATOR-62).
    StopWhileCreatingForgets,
    /// Whatever is in the directory counts as a contender.
    ForeignZnodesCount,
    /// Contenders stand in the order of their whole names, not of their numbers.
    OrderByName,
    /// A contender holds though its connection was lost meanwhile.
    HeldThoughSuspended,
    /// A contender that is gone when it is to be watched is waited for (CURATOR-527).
    GoneIsWaitedFor,
    /// A token is the number in the name of the holder's znode: it begins anew with a new directory.
    TokenFromNumber,
    /// A contender that waits does not listen when it is to stop (CURATOR-335).
    StopWhileWaitingIgnored,
    /// Contenders that could hold together wait for each other.
    SharersWait,
    /// Contenders that can share pass those that cannot.
    ReadersPassWriters,
    /// Any event of a barrier's znode opens the barrier (apache/curator #1290).
    EventOpensBarrier,
    /// The loss of the connection opens a barrier.
    LossOpensBarrier,
    /// A barrier whose znode was written to is not watched any more.
    BarrierWatchedOnce,
    /// A member that leaves a double barrier does not wait for the others (CURATOR-233).
    LeavesAlone,
    /// The last one to come does not say that all are there.
    ReadyNotSaid,
    /// All are said to be there when one is missing.
    ReadyTooEarly,
    /// The last one to leave leaves the word that all are there.
    ReadyKept,
    /// A member that comes to a double barrier and loses the reply takes itself for counted.
    LostComingCounts,
    /// A consumer that has lost the reply to a claim takes the item for another one's (kazoo #175).
    LostClaimForgotten,
    /// An item is given to its consumer without a claim (CURATOR-605).
    TakenWithoutClaim,
    /// A consumer that stops takes its item out of the queue, done or not.
    StopFinishes,
    /// A claimed item ends the search: those behind it are not looked at.
    ClaimedEndsSearch,
    /// The newest item is taken first.
    NewestFirst,
    /// A consumer that waits does not mind that a claim is given up.
    ClaimEndIgnored,
    /// A consumer that stops leaves its claim, and the item, to the end of its session.
    StopKeepsClaim,
    /// An item that is gone when it was claimed is given to the consumer nevertheless.
    GoneItemGiven,
    /// A copy tells znodes apart by the version of their data, not by the transactions (CURATOR-391).
    CacheComparesVersion,
    /// A copy is not compared after a reconnect (CURATOR-311).
    ReconnectNotCompared,
    /// What was read again is told again, changed or not (CURATOR-324).
    CacheToldTwice,
    /// What is not there any more after a reconnect stays in the copy.
    GoneNotRemoved,
    /// An event that comes while something is read is forgotten.
    EventDuringReadDropped,
    /// A copy is said to have everything before all of it was read.
    InSyncTooEarly,
    /// What was read on the connection before counts for the comparison on this one.
    OldReadCounts,
    /// A copy removes what an event says is deleted, without a look: the event may be an old one.
    EventIsBelieved,
    /// A znode that is gone when it is to be read ends the copy.
    GoneEndsCopy,
    /// A copy that has everything compares it again, and again.
    ComparesForEver,
}

/// Whether this machine is to break this rule: always `false` in a shipped build.
macro_rules! mutated {
    ($machine:expr, $name:ident) => {{
        #[cfg(feature = "mutants")]
        let broken = $machine.mutation == Some($crate::mutation::Mutation::$name);
        #[cfg(not(feature = "mutants"))]
        let broken = {
            let _ = (&$machine, stringify!($name));
            false
        };
        broken
    }};
}
pub(crate) use mutated;

/// Gives a machine its field for the broken rule: `breaking` sets it.
macro_rules! breakable {
    ($machine:ident) => {
        #[cfg(feature = "mutants")]
        impl $machine {
            /// Break this rule.
            #[must_use]
            pub fn breaking(self, mutation: Option<$crate::mutation::Mutation>) -> Self {
                $machine { mutation, ..self }
            }
        }
    };
}
pub(crate) use breakable;
