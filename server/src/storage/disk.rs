//! The few file operations storage needs, so that tests can put a disk under it that forgets.

use std::io;
use std::path::{Path, PathBuf};

/// A place to keep files.
///
/// What a crash leaves behind of a file: what was synced with [`Disk::sync`] and any part of what was done to
/// it later. Of a directory: what was synced with [`Disk::sync_dir`] and any of the later creations, renames
/// and removals. Syncing a file does not sync its name.
pub trait Disk: Send + Sync + 'static {
    /// An open file.
    type File: Send;
    /// A lock that is taken as long as this value lives.
    type Lock: Send;

    /// The names of the files in a directory; directories in it are not ours, whatever they are called.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Make one directory; its parent must exist.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;

    /// The one name of a directory that may have several (links, relative paths).
    fn canonical(&self, dir: &Path) -> io::Result<PathBuf>;

    /// Whether there is a file or directory of this name.
    fn exists(&self, path: &Path) -> io::Result<bool>;

    /// Make a file that must not exist yet and open it for reading and writing.
    fn create(&self, path: &Path) -> io::Result<Self::File>;

    /// Open a file for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Self::File>;

    /// The length of a file in bytes.
    fn len(&self, file: &Self::File) -> io::Result<u64>;

    /// Where from `at` on, before the end, something may be that is not zero: what is passed over was
    /// never written. `None` if nothing is. A disk that does not know such places says `at`.
    fn next_data(&self, file: &Self::File, at: u64) -> io::Result<Option<u64>>;

    /// Read at an offset; fewer bytes than asked for only at the end of the file.
    fn read_at(&self, file: &Self::File, offset: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Write all of it at an offset.
    fn write_at(&self, file: &Self::File, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cut a file or extend it with zeros.
    fn set_len(&self, file: &Self::File, len: u64) -> io::Result<()>;

    /// Give a file another name in the same directory, replacing what had it. Atomic.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Remove a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Make a file's content and length survive a crash (`fdatasync`).
    fn sync(&self, file: &Self::File, point: SyncPoint) -> io::Result<()>;

    /// Make the names in a directory survive a crash.
    fn sync_dir(&self, dir: &Path, point: SyncPoint) -> io::Result<()>;

    /// Take a lock that one process can have, or `None` if another has it.
    fn lock(&self, path: &Path) -> io::Result<Option<Self::Lock>>;
}

/// Every place where something is synced, and so every promise that would be broken without it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SyncPoint {
    /// A directory that was made, before anything in it.
    DirectoryCreated,
    /// The name of a directory that was there: a process that was killed may have made it and not
    /// synced it.
    DirectoryFound,
    /// The names a start finds, before it acts on them. A rename that a killed process did not sync is seen
    /// by the next one and lost in a power failure.
    NamesFound,
    /// The content of the files a start has read, before it is reported as recovered.
    ContentFound,
    /// Transactions, before they are reported as logged.
    LogRecords,
    /// The name of a new log file, before the transactions in it are reported as logged.
    LogCreated,
    /// A torn tail that was cut off, before a later file makes it a hole.
    LogTailCut,
    /// Log files without a transaction that were removed, before their names are used again.
    EmptyLogsRemoved,
    /// The content of an epoch file, before it gets its name.
    EpochContent,
    /// The name of an epoch file, before it is reported as saved.
    EpochRenamed,
    /// The content of a snapshot, before it gets its name.
    SnapshotContent,
    /// The name of a snapshot, before it is reported as taken.
    SnapshotRenamed,
    /// The intent to truncate, before the first file is touched.
    TruncateBegun,
    /// Snapshots that a truncation retires, before it is over.
    TruncatedSnapshots,
    /// Logs that a truncation removes, before it is over.
    TruncatedLogs,
    /// The cut in the last log, before the truncation is over.
    TruncatedTail,
    /// The end of a truncation, before the next transaction is logged.
    TruncateDone,
    /// The content of a snapshot that will replace everything, before it does.
    InstallContent,
    /// The log after it, before it does.
    InstallTail,
    /// The name of that log.
    InstallTailNamed,
    /// The name that makes it the truth.
    InstallBegun,
    /// Older logs that it replaces, before it gets its final name.
    InstallRetiredLogs,
    /// Older snapshots that it replaces, before it gets its final name.
    InstallRetiredSnapshots,
    /// The final name of a snapshot that replaces everything, before the next transaction is logged.
    InstallDone,
    /// What a start has settled, before anything else is written. That is the first snapshot, epochs that
    /// were missing, and the end of a half-saved `currentEpoch.tmp`. Such a file could be taken for the epoch
    /// of what will be logged.
    StartSettled,
    /// The mark that a server with an empty disk must not vote, before anything is written that
    /// would make the disk look like any other.
    UnsyncedMarked,
    /// The end of that mark, before the `initialize` file that ended it is removed.
    UnsyncedCleared,
    /// The `initialize` file that was used, which must not be used again.
    InitializeUsed,
}

impl SyncPoint {
    /// What is synced, in the words of a log line.
    pub fn of(self) -> &'static str {
        match self {
            SyncPoint::LogRecords | SyncPoint::LogCreated => "the transaction log",
            SyncPoint::EpochContent | SyncPoint::EpochRenamed => "an epoch file",
            SyncPoint::SnapshotContent | SyncPoint::SnapshotRenamed => "a snapshot",
            SyncPoint::InstallContent
            | SyncPoint::InstallTail
            | SyncPoint::InstallTailNamed
            | SyncPoint::InstallBegun
            | SyncPoint::InstallRetiredLogs
            | SyncPoint::InstallRetiredSnapshots
            | SyncPoint::InstallDone => "a leader's snapshot",
            SyncPoint::TruncateBegun
            | SyncPoint::TruncatedSnapshots
            | SyncPoint::TruncatedLogs
            | SyncPoint::TruncatedTail
            | SyncPoint::TruncateDone => "a truncation",
            SyncPoint::DirectoryCreated
            | SyncPoint::DirectoryFound
            | SyncPoint::NamesFound
            | SyncPoint::ContentFound
            | SyncPoint::LogTailCut
            | SyncPoint::EmptyLogsRemoved
            | SyncPoint::StartSettled
            | SyncPoint::UnsyncedMarked
            | SyncPoint::UnsyncedCleared
            | SyncPoint::InitializeUsed => "the data directory",
        }
    }
}
