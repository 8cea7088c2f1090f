//! Where everything is: ZooKeeper's directories and the names storage adds to them.

use std::path::PathBuf;

use quorate_core::ids::Zxid;
use quorate_core::wire::files::{FileKind, parse_hex};

/// The subdirectory that holds the data, in `dataDir` and in `dataLogDir`.
pub const VERSION_DIR: &str = "version-2";

/// The names that storage adds to ZooKeeper's. They begin with neither `log.` nor `snapshot.`, so
/// that ZooKeeper leaves them alone.
pub(crate) const LOCK: &str = "quorate.lock";
/// A snapshot or a log being written: nothing yet.
pub(super) const TEMPORARY: &str = "tmp.";
/// A snapshot that replaces everything else there is.
pub(super) const INSTALL: &str = "install.";
/// The log after such a snapshot, until it gets its name.
pub(super) const INSTALLING: &str = "installing.";
/// An intent to drop everything after a zxid.
pub(super) const TRUNCATE: &str = "truncate.";
/// A server with an empty disk that no leader has given a history yet.
pub(super) const UNSYNCED: &str = "unsynced";
/// The end of the name of an epoch file being written, as ZooKeeper has it.
pub(super) const EPOCH_TMP: &str = ".tmp";
/// ZooKeeper's epoch files.
pub(super) const ACCEPTED_EPOCH: &str = "acceptedEpoch";
/// ZooKeeper's epoch files.
pub(super) const CURRENT_EPOCH: &str = "currentEpoch";
/// The operator's word that an empty disk is a first start.
pub(crate) const INITIALIZE: &str = "initialize";

/// The directories of one server.
#[derive(Clone, Debug)]
pub(super) struct Paths {
    /// `dataDir`.
    pub(super) data: PathBuf,
    /// `dataLogDir`.
    pub(super) data_log: PathBuf,
    /// `dataDir/version-2`: snapshots and epochs.
    pub(super) snap: PathBuf,
    /// `dataLogDir/version-2`: logs.
    pub(super) log: PathBuf,
}

impl Paths {
    /// Both canonical: two names of one directory would look like two directories.
    pub(super) fn new(data: PathBuf, data_log: PathBuf) -> Self {
        let (snap, log) = (data.join(VERSION_DIR), data_log.join(VERSION_DIR));
        Paths { data, data_log, snap, log }
    }

    /// The directories that hold data, each once.
    pub(super) fn version_dirs(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.snap].into_iter().chain(self.differ().then_some(&self.log))
    }

    /// Whether logs and snapshots live in different directories.
    pub(super) fn differ(&self) -> bool {
        self.snap != self.log
    }

    pub(super) fn log_file(&self, first: Zxid) -> PathBuf {
        self.log.join(FileKind::Log.name(first))
    }

    /// A log none of whose transactions is durable yet.
    pub(super) fn new_log(&self, first: Zxid) -> PathBuf {
        self.log.join(format!("{TEMPORARY}{}", FileKind::Log.name(first)))
    }

    pub(super) fn snapshot(&self, zxid: Zxid) -> PathBuf {
        self.snap.join(FileKind::Snapshot.name(zxid))
    }

    pub(super) fn temporary(&self, name: &str) -> PathBuf {
        self.snap.join(format!("{TEMPORARY}{name}"))
    }

    pub(super) fn install(&self, zxid: Zxid) -> PathBuf {
        self.snap.join(format!("{INSTALL}{:x}", zxid.0))
    }

    pub(super) fn installing(&self, first: Zxid) -> PathBuf {
        self.log.join(format!("{INSTALLING}{:x}", first.0))
    }

    pub(super) fn truncate(&self, zxid: Zxid) -> PathBuf {
        self.snap.join(format!("{TRUNCATE}{:x}", zxid.0))
    }

    pub(super) fn unsynced(&self) -> PathBuf {
        self.snap.join(UNSYNCED)
    }

    pub(super) fn initialize(&self) -> PathBuf {
        self.data_log.join(INITIALIZE)
    }
}

/// The zxid in `prefix` + hexadecimal.
pub(super) fn parse_marker(prefix: &str, name: &str) -> Option<Zxid> {
    name.strip_prefix(prefix).and_then(parse_hex)
}
