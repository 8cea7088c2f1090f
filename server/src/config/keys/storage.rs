//! Keys about the log, snapshots and the data directory.

use super::key::{INT, Key, Kind, count, number};
use super::name;

/// 8 GiB: no single file of a log should grow faster.
const MAX_PRE_ALLOC_KIB: i64 = 8 << 20;
/// 64 TiB: larger limits are none.
const MAX_KIB: i64 = 1 << 36;

pub(super) const KEYS: &[Key] = &[
    Key::new(
        name::SNAP_COUNT,
        number(2, i64::MAX, "transactions"),
        "100000",
        "A snapshot is taken, and a new log file begun, after this number of transactions.",
    ),
    Key::new(
        name::PRE_ALLOC_SIZE,
        number(4, MAX_PRE_ALLOC_KIB, "KiB"),
        "65536",
        "By how much a log file grows at a time.",
    ),
    Key::new(
        name::COMMIT_LOG_COUNT,
        number(1, INT, "transactions"),
        "500",
        "Committed transactions kept in memory, with which a server that was away is brought up to date without a \
         snapshot; at most 64 MiB.",
    ),
    Key::new(
        name::DB_AUTOCREATE,
        Kind::Bool,
        "true",
        "`false`: a server whose data directory is empty does not vote before it has taken over the leader's data, \
         unless a file `initialize` in dataDir says that it is new.",
    ),
    Key::new(
        name::SNAPSHOT_TRUST_EMPTY,
        Kind::Bool,
        "false",
        "`true`: start with logs but without a snapshot, as ZooKeeper 3.4 may leave them.",
    ),
    Key::new(
        name::AUTOPURGE_PURGE_INTERVAL,
        Kind::Interval,
        "0",
        "How often old snapshots and logs are removed, the first time at once; 0: never.",
    ),
    Key::new(
        name::AUTOPURGE_SNAP_RETAIN_COUNT,
        count(i64::MIN, i64::MAX),
        "3",
        "How many of the newest snapshots stay, with the logs they need; at least 3.",
    ),
    Key::new(
        name::SNAP_SIZE_LIMIT_IN_KB,
        number(i64::MIN, MAX_KIB, "KiB"),
        "262144, or the size of the tree if that is more",
        "A snapshot is also taken after transactions of this size; 0 and less: only after `snapCount`. A start holds \
         all transactions after the snapshot in memory.",
    ),
    Key::new(
        name::TXN_LOG_SIZE_LIMIT_IN_KB,
        number(i64::MIN, MAX_KIB, "KiB"),
        "-1",
        "A log file that is longer is followed by a new one; 0 and less: any length.",
    ),
    Key::new(name::DATADIR_AUTOCREATE, Kind::Bool, "true", "Missing directories are made. `false`: they are missed."),
    Key::new(
        name::FORCE_SYNC,
        Kind::Word("no"),
        "yes",
        "Every write is synced before it is acknowledged; `no` is warned about and changes nothing.",
    ),
    Key::new(
        name::FSYNC_WARNINGTHRESHOLDMS,
        number(0, 3_600_000, "ms"),
        "1000",
        "A sync of the log that takes longer is reported.",
    ),
    Key::new(
        "snapshotSizeFactor",
        Kind::Text("number"),
        "0.33",
        "a server that was away is brought up to date from memory (`commitLogCount`) or, if it lacks more than 16 MiB \
         and a third of the data, by a snapshot; not from log files",
    )
    .ignored(&[]),
    Key::new(
        "snapshot.compression.method",
        Kind::OneOf(&["", "gz", "snappy"]),
        "",
        "snapshots are written uncompressed; those compressed with gz can be read",
    )
    .ignored(&[""]),
    Key::new(
        "serializeLastProcessedZxid.enabled",
        Kind::Bool,
        "true",
        "every snapshot ends with the zxid it stands at; servers that do not know that pass over it",
    )
    .ignored(&["true"]),
    Key::new(
        "flushDelay",
        number(0, INT, "ms"),
        "0",
        "what arrives during one sync of the log is synced together, without waiting for more",
    )
    .ignored(&["0"]),
    Key::new(
        "maxWriteQueuePollTime",
        number(0, INT, "ms"),
        "flushDelay / 3",
        "what arrives during one sync of the log is synced together, without waiting for more",
    )
    .ignored(&["0"]),
    Key::new(
        "maxBatchSize",
        count(0, INT),
        "1000",
        "what arrives during one sync of the log is synced together",
    )
    .ignored(&[]),
    Key::new(
        "syncEnabled",
        Kind::Bool,
        "true",
        "observers write logs and snapshots as the others do",
    )
    .also(&["observer.syncEnabled"])
    .ignored(&["true"]),
];
