//! A server's history and state: what truncation, a leader's state and a background snapshot do to them.

use crate::config::PeerConfig;
use crate::ids::Zxid;
use crate::mutation::mutated;
use crate::payload::Payload;

/// Always in a shipped build: what is truncated on disk is truncated in memory (ZOOKEEPER-5094).
#[inline]
pub(crate) fn truncates_memory(config: &PeerConfig<impl Payload>) -> bool {
    !mutated!(config, TruncatedOnDiskOnly)
}

/// Always in a shipped build: a state that is installed takes the place of the listed transactions.
#[inline]
pub(crate) fn state_replaces_history(config: &PeerConfig<impl Payload>) -> bool {
    !mutated!(config, SnapKeepsLog)
}

/// Always in a shipped build: a state that is installed is written to disk (ZOOKEEPER-3642).
#[inline]
pub(crate) fn state_is_written(config: &PeerConfig<impl Payload>) -> bool {
    !mutated!(config, SnapNotOnDisk)
}

/// What the transactions that a learner lacks may take, in bytes, before it is sent a state instead. `state`:
/// the state's size (`snapshotSizeFactor`).
#[inline]
pub(crate) fn diff_limit(config: &PeerConfig<impl Payload>, state: usize) -> usize {
    if mutated!(config, DiffOfAnySize) {
        return usize::MAX;
    }
    config.diff_limit.of(state)
}

/// Never in a shipped build: a background snapshot has the proposals in it that are not committed.
#[inline]
pub(crate) fn snapshot_has_tail(config: &PeerConfig<impl Payload>) -> bool {
    mutated!(config, SnapshotHasTail)
}

/// The zxid that a background snapshot is named with: the last transaction that is `applied`.
#[inline]
pub(crate) fn snapshot_stands_at(config: &PeerConfig<impl Payload>, applied: Zxid, last: Zxid) -> Zxid {
    let ahead = mutated!(config, SnapshotHasTail) || mutated!(config, SnapshotStandsAhead);
    if ahead { last } else { applied }
}
