//! What has happened so far that should not happen often.

/// What has happened so far that should not happen often.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Counters {
    /// Transactions whose bytes could not be read; they were applied as failed ones.
    pub unreadable_txns: u64,
    /// Transactions whose digest was not the tree's.
    pub digest_mismatches: u64,
    /// Sessions that this server, as leader, let expire.
    pub expired_sessions: u64,
}
