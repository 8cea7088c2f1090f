//! Known weaknesses of ZooKeeper servers, each to be switched on by itself.

/// Weaknesses of ZooKeeper servers that can cost what was acknowledged, each to be switched on by itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Flaws {
    /// At NEWLEADER currentEpoch is written first, and the acknowledgement leaves at once. The history is
    /// still on its way to the log (ZOOKEEPER-3911, 4643, 4646: up to 3.8.4 and 3.9.1).
    pub early_ack: bool,
    /// A leader counts what a follower acknowledged over an earlier connection, while it has the follower
    /// truncate just that and log it again. All versions.
    pub stale_acks: bool,
    /// TRUNC and SNAP leave older files where they are. TRUNC takes nothing out of a snapshot
    /// (ZOOKEEPER-1549). A snapshot of a later name outlives both, and so does what the log has after the
    /// zxid of a SNAP. All versions.
    pub files_outlive_sync: bool,
    /// A server that leaves its leader between TRUNC and NEWLEADER keeps in memory what it has on no disk,
    /// and vouches for it (ZOOKEEPER-5094). All versions.
    pub memory_outlives_sync: bool,
}

impl Flaws {
    /// A server with none of these flaws.
    pub const NONE: Flaws =
        Flaws { early_ack: false, stale_acks: false, files_outlive_sync: false, memory_outlives_sync: false };
}
