//! Where the data is and how it is kept.

use std::path::PathBuf;

/// Where the data is and how it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StorageConfig {
    /// `dataDir`: snapshots and epochs.
    pub data_dir: PathBuf,
    /// `dataLogDir`: logs; `None` = with the snapshots.
    pub data_log_dir: Option<PathBuf>,
    /// Log files grow in steps of this many bytes (`preAllocSize`, there in KiB); 0 = as needed.
    pub pre_alloc_size: u64,
    /// A log file longer than this many bytes is followed by a new one (`txnLogSizeLimitInKb`).
    pub txn_log_size_limit: Option<u64>,
    /// Accept logs without a snapshot as the complete history (`snapshot.trust.empty`).
    pub trust_empty_snapshot: bool,
    /// Make missing directories (`zookeeper.datadir.autocreate`).
    pub autocreate_dirs: bool,
    /// An empty directory is a first start (`zookeeper.db.autocreate`); otherwise only one with
    /// the file `initialize` is.
    pub autocreate_db: bool,
}

impl StorageConfig {
    /// The defaults of ZooKeeper, for this data directory.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        StorageConfig {
            data_dir: data_dir.into(),
            data_log_dir: None,
            pre_alloc_size: 64 << 20,
            txn_log_size_limit: None,
            trust_empty_snapshot: false,
            autocreate_dirs: true,
            autocreate_db: true,
        }
    }
}
