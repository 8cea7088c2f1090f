//! What a client is answered, in which order, and when it is let in.

use crate::ids::Zxid;
use crate::mutation::mutated;
use crate::pipeline::settings::Settings;

/// Always in a shipped build: a server refuses a client that has seen a later zxid than it shows
/// (`ZooKeeperServer.processConnectRequest`).
#[inline]
pub(in crate::pipeline) fn client_ahead_is_refused(settings: &Settings) -> bool {
    !(mutated!(settings, ReconnectBehindLetIn) || mutated!(settings, ReconnectBehindAccepted))
}

/// Never in a shipped build: a client that has seen a later zxid is let in without asking the leader.
#[inline]
pub(in crate::pipeline) fn client_ahead_is_let_in(settings: &Settings) -> bool {
    mutated!(settings, ReconnectBehindLetIn)
}

/// Always in a shipped build: a server that begins to serve shows the start of its epoch as the last zxid.
#[inline]
pub(in crate::pipeline) fn epoch_start_is_shown(settings: &Settings) -> bool {
    !mutated!(settings, EpochStartNotShown)
}

/// Never in a shipped build: a `sync` is answered by the client's own server.
#[inline]
pub(in crate::pipeline) fn sync_is_local(settings: &Settings) -> bool {
    mutated!(settings, SyncNotForwarded)
}

/// Always in a shipped build: a read waits for the session's own writes before it.
#[inline]
pub(in crate::pipeline) fn reads_wait_for_writes(settings: &Settings) -> bool {
    !mutated!(settings, ReadBeforeOwnWrite)
}

/// The zxid behind which a transaction can be the answer to a request that arrives now: the last one here.
#[inline]
pub(in crate::pipeline) fn answered_behind(settings: &Settings, last: Zxid) -> Zxid {
    if mutated!(settings, EarlierTransactionAnswers) { Zxid::ZERO } else { last }
}

/// Never in a shipped build: a leader answers a write of its own client when it proposes it.
#[inline]
pub(in crate::pipeline) fn write_is_answered_early(settings: &Settings) -> bool {
    mutated!(settings, WriteAnsweredEarly)
}

/// Always in a shipped build: a server that stops to serve forgets the requests that wait for an answer.
#[inline]
pub(in crate::pipeline) fn stop_forgets_queues(settings: &Settings) -> bool {
    !mutated!(settings, StopKeepsQueue)
}

/// Whether `exists` watches a znode: one that is missing too, for its creation.
#[inline]
pub(in crate::pipeline) fn exists_watches(settings: &Settings, is_there: bool) -> bool {
    is_there || !mutated!(settings, MissingZnodeNotWatched)
}

/// The last zxid that a client with setWatches has `seen`: what it says, not what this server has applied.
#[inline]
pub(in crate::pipeline) fn seen_by_client(settings: &Settings, seen: i64, applied: Zxid) -> i64 {
    if mutated!(settings, SetWatchesComparesOwnZxid) { applied.0 as i64 } else { seen }
}

/// Always in a shipped build: a client with setWatches is told what it has missed.
#[inline]
pub(in crate::pipeline) fn set_watches_tells(settings: &Settings) -> bool {
    !mutated!(settings, SetWatchesTellsNothing)
}
