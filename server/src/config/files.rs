//! The keys that say how the data directory is kept.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::{ConfigErrors, Mistake};
use super::keys::name;
use super::typed::Typed;

/// How the data directory is kept, besides where it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileSettings {
    /// `autopurge.*`: when older snapshots and logs are removed; `None`: never.
    pub autopurge: Option<Autopurge>,
    /// A log file longer than this many bytes is followed by a new one (`txnLogSizeLimitInKb`).
    pub txn_log_size_limit: Option<u64>,
    /// After how many bytes of transactions a snapshot is also taken (`snapSizeLimitInKb`).
    pub snap_size_limit: SnapSizeLimit,
    /// Missing directories are made (`datadir.autocreate`).
    pub autocreate_dirs: bool,
    /// A sync that takes longer is worth a line in the log (`fsync.warningthresholdms`).
    pub fsync_warning: Duration,
}

/// After how many bytes of transactions a snapshot is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SnapSizeLimit {
    /// Nothing is said: the server has a limit of its own.
    Unset,
    /// However many they are.
    Off,
    /// After this many.
    Bytes(usize),
}

/// When older snapshots and logs are removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Autopurge {
    /// How often, the first time at once (`autopurge.purgeInterval`).
    pub interval: Duration,
    /// How many of the newest snapshots stay, at least [`MIN_RETAINED`] (`autopurge.snapRetainCount`).
    pub retain: usize,
}

/// Fewer snapshots than this are never kept, as in ZooKeeper: the newest may turn out to be damaged.
pub const MIN_RETAINED: usize = 3;

/// Read the keys.
pub(super) fn settings(typed: &mut Typed) -> FileSettings {
    warn_of_unsynced(typed);
    FileSettings {
        autopurge: autopurge(typed),
        txn_log_size_limit: kib(typed, name::TXN_LOG_SIZE_LIMIT_IN_KB),
        snap_size_limit: match typed.given_number(name::SNAP_SIZE_LIMIT_IN_KB) {
            None => SnapSizeLimit::Unset,
            Some(kib) if kib <= 0 => SnapSizeLimit::Off,
            Some(kib) => {
                SnapSizeLimit::Bytes(usize::try_from(kib).unwrap_or(usize::MAX).saturating_mul(1024))
            }
        },
        autocreate_dirs: typed.boolean(name::DATADIR_AUTOCREATE),
        fsync_warning: Duration::from_millis(typed.number(name::FSYNC_WARNINGTHRESHOLDMS) as u64),
    }
}

/// Zero and less turn a limit off.
fn kib(typed: &Typed, key: &str) -> Option<u64> {
    u64::try_from(typed.number(key)).ok().filter(|kib| *kib > 0).map(|kib| kib * 1024)
}

/// A server that acknowledges what it has not synced makes the others rely on what it may forget.
fn warn_of_unsynced(typed: &mut Typed) {
    if typed.boolean(name::FORCE_SYNC)
        && let Some(place) = typed.place(name::FORCE_SYNC)
    {
        typed.warn_ignored(
            &place,
            "is not followed: a server that acknowledges what it has not synced can lose it in a power \
             failure, and the ensemble with it; every write is synced",
        );
    }
}

fn autopurge(typed: &mut Typed) -> Option<Autopurge> {
    let retain = usize::try_from(typed.number(name::AUTOPURGE_SNAP_RETAIN_COUNT)).unwrap_or(0);
    if retain < MIN_RETAINED
        && let Some(place) = typed.place(name::AUTOPURGE_SNAP_RETAIN_COUNT)
    {
        typed.warn(&place, "is raised to 3: the newest snapshot may turn out to be damaged");
    }
    let interval = typed.interval(name::AUTOPURGE_PURGE_INTERVAL);
    (!interval.is_zero()).then_some(Autopurge { interval, retain: retain.max(MIN_RETAINED) })
}

/// What a `zoo.cfg` says of the data directory alone: `myid` may be lost, and mistakes in other keys do
/// not matter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Directories {
    /// `dataDir`.
    pub(crate) data_dir: PathBuf,
    /// `dataLogDir`.
    pub(crate) data_log_dir: PathBuf,
    /// `snapshot.trust.empty`.
    pub(crate) trust_empty_snapshot: bool,
    /// `db.autocreate`.
    pub(crate) db_autocreate: bool,
    /// `datadir.autocreate`.
    pub(crate) autocreate_dirs: bool,
    /// `extendedTypesEnabled`.
    pub(crate) extended_types: bool,
    /// The ids of the members.
    pub(crate) members: Vec<i64>,
}

impl Directories {
    /// Read them.
    ///
    /// # Errors
    /// The file cannot be read, or there is no `dataDir` in it.
    pub(crate) fn load(file: &Path) -> Result<Directories, ConfigErrors> {
        let mut typed = Typed::read(file);
        let data_dir = typed.directory(name::DATA_DIR);
        if data_dir.is_none() {
            typed.missing(name::DATA_DIR, "a server needs a directory for its data");
        }
        let matters = |mistake: &Mistake| !matches!(mistake, Mistake::BadMyId(_) | Mistake::Conflict(_));
        let unreadable = |mistake: &Mistake| matches!(mistake, Mistake::Unreadable(_) | Mistake::BadEscape);
        let Some(data_dir) = data_dir.filter(|_| !typed.errors.iter().any(|e| unreadable(&e.kind))) else {
            typed.errors.retain(|error| matters(&error.kind));
            return Err(ConfigErrors(typed.errors));
        };
        Ok(Directories {
            data_log_dir: typed.directory(name::DATA_LOG_DIR).unwrap_or_else(|| data_dir.clone()),
            data_dir,
            trust_empty_snapshot: typed.boolean(name::SNAPSHOT_TRUST_EMPTY),
            db_autocreate: typed.boolean(name::DB_AUTOCREATE),
            autocreate_dirs: typed.boolean(name::DATADIR_AUTOCREATE),
            extended_types: typed.boolean(name::EXTENDED_TYPES_ENABLED),
            members: typed.members.keys().copied().collect(),
        })
    }
}
