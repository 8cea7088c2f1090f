//! Why storage refuses or gives up: every error names the file, and what an operator can do.

use std::io;
use std::path::{Path, PathBuf};

use quorate_core::ids::{Epoch, Zxid};

/// What is left if nothing can be restored. What the server has is kept, and it must not vote without it.
const REPLACE: &str = ", or else, while all the other servers run, move this server's data away with `quorate \
                       data initialize ZOO_CFG --join --force`: it then copies the state from the leader";

/// A storage error. None of them may be retried: the process reports it and ends.
///
/// After a failed sync the kernel may have dropped the pages it could not write, and a second sync
/// would succeed without them (ZOOKEEPER-2247, ZOOKEEPER-3701).
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file or directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// An earlier error ended this storage; nothing is done any more.
    #[error("storage has failed before: {0}")]
    Failed(String),
    /// Another process has the data directory.
    #[error("{} is locked: another server uses this data directory", .path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// A directory that must exist does not.
    #[error("{} does not exist, and datadir.autocreate=false", .path.display())]
    NoDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// Logs in the snapshot directory or the reverse.
    #[error(
        "{} does not belong here: dataDir and dataLogDir differ, logs live in dataLogDir and snapshots in \
         dataDir; check both settings and move the file",
        .path.display()
    )]
    WrongDirectory {
        /// A file that is in the wrong place.
        path: PathBuf,
    },
    /// A damaged log: what follows the damage cannot be trusted, and dropping it would lose
    /// transactions that may have been acknowledged.
    #[error(
        "{} is damaged at byte {offset}: {what}; restore the file from a backup of this server{REPLACE}",
        .path.display()
    )]
    DamagedLog {
        /// The file.
        path: PathBuf,
        /// Where in the file.
        offset: u64,
        /// What is wrong.
        what: String,
    },
    /// A record of the log does not continue the one before it.
    #[error(
        "{}, byte {offset}: transaction {found} does not follow {last}: transactions are missing or the file \
         belongs to another history; restore the missing log files{REPLACE}",
        .path.display()
    )]
    Gap {
        /// The file.
        path: PathBuf,
        /// Where in the file.
        offset: u64,
        /// The transaction before.
        last: Zxid,
        /// The transaction in this place.
        found: Zxid,
    },
    /// A transaction in memory that must not be written.
    #[error("transaction {found} cannot be logged after {last}")]
    NotNext {
        /// The last transaction in the log.
        last: Zxid,
        /// The transaction given.
        found: Zxid,
    },
    /// The bytes to be logged are not the transaction they are said to be: no server could read
    /// such a log.
    #[error("transaction {zxid} cannot be logged: its serialized header says {}", .header.map_or("nothing".to_string(), |z| z.to_string()))]
    NotATransaction {
        /// The transaction's zxid.
        zxid: Zxid,
        /// The zxid in its serialized header.
        header: Option<Zxid>,
    },
    /// There are snapshots and none can be used.
    #[error(
        "no usable snapshot: {reason} ({}); restore one from a backup of this server{REPLACE}",
        .path.display()
    )]
    NoUsableSnapshot {
        /// The newest snapshot.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A newer snapshot is damaged and the logs do not reach as far as it did.
    #[error(
        "{} is damaged ({reason}) and the logs do not contain the transactions up to {zxid}, which this server \
         may have acknowledged; restore the snapshot or the logs from a backup of this server{REPLACE}",
        .path.display()
    )]
    SnapshotLost {
        /// The snapshot.
        path: PathBuf,
        /// The zxid at which the snapshot stands.
        zxid: Zxid,
        /// What is wrong with it.
        reason: String,
    },
    /// Logs without a snapshot to start from (ZOOKEEPER-2325).
    #[error(
        "{} is there but no snapshot is: the state before the log is missing; restore the snapshot, or, if this \
         is the complete log of an old ZooKeeper server, set snapshot.trust.empty=true for one start",
        .path.display()
    )]
    NoSnapshot {
        /// A log file.
        path: PathBuf,
    },
    /// The epochs tell of a history that is gone.
    #[error(
        "{} says {epoch}, but there is neither a snapshot nor a log: this server has lost its data; to let it \
         start empty remove that file, and it will copy the state from the others",
        .path.display()
    )]
    DataMissing {
        /// The epoch file.
        path: PathBuf,
        /// The epoch in it.
        epoch: Epoch,
    },
    /// An epoch file that is not a number.
    #[error("{} must contain an epoch (0 to {}), but contains {content:?}", .path.display(), Epoch::MAX)]
    BadEpoch {
        /// The file.
        path: PathBuf,
        /// What it contains, shortened.
        content: String,
    },
    /// The epoch files contradict each other or the log.
    #[error(
        "{}: {what}; the file was lost or replaced: restore it{REPLACE}",
        .path.display()
    )]
    EpochsContradict {
        /// The file that is too old.
        path: PathBuf,
        /// The contradiction.
        what: String,
    },
    /// The state at this point cannot be rebuilt from what is on disk.
    #[error(
        "cannot go back to {zxid}: the oldest usable snapshot already contains later transactions, up to {base}"
    )]
    CannotTruncate {
        /// The point asked for.
        zxid: Zxid,
        /// What the oldest usable snapshot contains.
        base: Zxid,
    },
    /// Another server's unfinished business.
    #[error("{} is there, and {why}; move one of them away", .path.display())]
    Unexpected {
        /// The file.
        path: PathBuf,
        /// Why this cannot be.
        why: &'static str,
    },
}

impl StorageError {
    /// Whether there was no room: on the disk, in a quota, or in the longest file there may be.
    pub fn is_no_room(&self) -> bool {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        matches!(self, StorageError::Io { source, .. }
            if matches!(source.kind(), StorageFull | QuotaExceeded | FileTooLarge))
    }
}

/// Adds what was tried to an operating system's error.
pub(super) trait During<T> {
    fn during(self, action: &'static str, path: &Path) -> Result<T, StorageError>;
}

impl<T> During<T> for io::Result<T> {
    fn during(self, action: &'static str, path: &Path) -> Result<T, StorageError> {
        self.map_err(|source| StorageError::Io { action, path: path.to_path_buf(), source })
    }
}
