//! What a data directory holds when the process starts.
//!
//! # A snapshot that cannot be used
//!
//! A start takes the newest snapshot that can be used and the log after it. What newer ones contained
//! must be in that log: then nothing is missing. If it is not, everything depends on whether this server
//! may have acknowledged a transaction that only the lost snapshot held.
//!
//! **A torn one never holds such a transaction** ([`Unusable`] says what torn is). This server gives a
//! snapshot its name only when all of it is synced, so it was ZooKeeper that left the torn one. There
//! are two kinds of ZooKeeper's snapshots:
//!
//! * A leader's snapshot that replaces history is synced before it gets its name, and acknowledged
//!   after that. It cannot be torn.
//! * A snapshot that is taken while the server works contains what was applied. ZooKeeper applies what
//!   others have logged before its own log is flushed, but acknowledges only what it has flushed. So
//!   what this server acknowledged is in the log; what is beyond the log it has only applied.
//!
//! A start therefore passes over a torn snapshot, says so, and goes on with an older one and its log
//! ([`PassedOver`]). The first snapshot of all (`snapshot.0`) contains no transaction: if it is torn,
//! the state before every transaction stands for it.
//!
//! **A fuzzy one that reaches beyond the log** has effects of transactions that cannot be named any more.
//! ZooKeeper was killed before its log was flushed. It is treated like a damaged one, so an older one stands
//! for it if the log contains what its name says. If there is no older one it is refused.
//!
//! **A damaged one may hold such a transaction.** It was complete once. If a leader sent it, it is the
//! only copy of what is between the old log and the new one. If this server took it, the log was synced
//! up to there before, so that the log has lost something as well. Such a start is refused: going on
//! would break the word of a voter.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use quorate_core::ids::{Epoch, Zxid};
use quorate_core::wire::files::FileKind;
use quorate_core::wire::state::Snapshot;

use super::config::StorageConfig;
use super::disk::{Disk, SyncPoint};
use super::epochs::EpochFiles;
use super::error::{During, StorageError};
use super::history::Logs;
use super::install::Marker;
use super::paths::{LOCK, Paths, TEMPORARY, TRUNCATE, VERSION_DIR, parse_marker};
use super::snapshot_file::{SnapshotInfo, SnapshotName, Unusable};
use super::{history, install, snapshot_file, truncate};

/// What a data directory holds.
#[derive(Clone, Debug)]
pub struct Recovered<I> {
    /// `acceptedEpoch`.
    pub accepted_epoch: Epoch,
    /// `currentEpoch`.
    pub current_epoch: Epoch,
    /// Where the snapshot stands.
    pub snapshot: SnapshotInfo,
    /// The state in it.
    pub image: I,
    /// The log after it, oldest first, without a gap.
    pub entries: Vec<(Zxid, Bytes)>,
    /// Whether the history is the truth even if it is empty. False on a server that came up with an empty
    /// disk where `db.autocreate=false` and the `initialize` file was not made. Such a server's history is
    /// the truth once it has a leader's complete history.
    pub trusted: bool,
}

impl<I> Recovered<I> {
    /// The last transaction.
    pub fn last(&self) -> Zxid {
        self.entries.last().map_or(self.snapshot.zxid, |(zxid, _)| *zxid)
    }
}

/// A torn snapshot that a start goes on without.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PassedOver {
    /// The file.
    pub(crate) path: PathBuf,
    /// Where its name says it stands.
    pub(crate) zxid: Zxid,
    /// How it can be told that it was never complete.
    reason: String,
    /// Where the snapshot stands that is used instead; `None`: the state before every transaction.
    instead: Option<Zxid>,
    /// The last transaction there is, if it is before `zxid`.
    log_ends: Option<Zxid>,
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PassedOver { path, zxid, reason, instead, log_ends } = self;
        let path = path.display();
        write!(
            f,
            "{path} was never written to its end ({reason}), as ZooKeeper leaves it when it is killed; "
        )?;
        match instead {
            Some(instead) => write!(f, "the start uses snapshot {instead} and the log after it")?,
            None => f.write_str("no transaction is in it, and the start begins with an empty tree")?,
        }
        match log_ends {
            Some(last) => write!(
                f,
                "; the log ends with {last}: what the torn snapshot had up to {zxid} this server has not acknowledged"
            ),
            None => f.write_str(": nothing is missing"),
        }
    }
}

/// A data directory that is locked and in order.
pub(super) struct Opened<D: Disk, I> {
    pub(super) paths: Paths,
    pub(super) locks: Vec<D::Lock>,
    /// What was recovered, without the log's entries.
    pub(super) recovered: Recovered<I>,
    /// Snapshots that are torn.
    pub(super) passed_over: Vec<PassedOver>,
}

/// Lock the directory, finish what a crash interrupted, read everything, mend what a crash tore.
/// `blank` begins what is read, `initial` is the state before every transaction; `keep` is given the
/// log after the snapshot, oldest first, without a gap.
pub(super) fn open<D: Disk, I: Snapshot>(
    disk: &D,
    config: &StorageConfig,
    blank: &I::Builder,
    initial: impl FnOnce() -> I,
    keep: &mut dyn FnMut(Zxid, Bytes),
) -> Result<Opened<D, I>, StorageError> {
    let data_dir = canonical_dir(disk, &config.data_dir, config.autocreate_dirs)?;
    let data_log_dir = match &config.data_log_dir {
        Some(dir) => canonical_dir(disk, dir, config.autocreate_dirs)?,
        None => data_dir.clone(),
    };
    let paths = Paths::new(data_dir, data_log_dir);
    let locks = lock(disk, &paths)?;
    check_places(disk, &paths)?;
    for dir in paths.version_dirs() {
        disk.sync_dir(dir, SyncPoint::NamesFound).during("sync", dir)?;
    }
    finish_interrupted(disk, &paths)?;

    let initialize = exists(disk, &paths.initialize())?;
    let epochs = EpochFiles::read(disk, &paths)?;
    let (found, passed_over) = load_newest::<D, I>(disk, &paths, blank, keep)?;
    let fresh = found.is_none();
    let (path, (snapshot, image), logs) = match found {
        Some((path, found, logs)) => (Some(path), found, logs),
        None => {
            let logs = history::read(disk, &paths, Zxid::ZERO, keep)?;
            match &logs.some_log {
                Some(path) if !config.trust_empty_snapshot && passed_over.is_empty() => {
                    return Err(StorageError::NoSnapshot { path: path.clone() });
                }
                Some(_) => {}
                None => epochs.check_without_data(&paths)?,
            }
            (None, (SnapshotInfo { zxid: Zxid::ZERO, reaches: Zxid::ZERO }, initial()), logs)
        }
    };
    for path in logs.read.iter().cloned().chain(path).chain(epochs.paths(&paths)) {
        let file = disk.open(&path).during("open", &path)?;
        disk.sync(&file, SyncPoint::ContentFound).during("sync", &path)?;
    }
    let settled = epochs.settle(&paths, logs.last.unwrap_or(snapshot.zxid))?;
    // Nothing is refused from here on.
    for torn in &passed_over {
        tracing::warn!("{torn}");
    }
    if fresh {
        if logs.some_log.is_none() && !config.autocreate_db && !initialize {
            mark_unsynced(disk, &paths)?;
        }
        write_initial(disk, &paths, &image)?;
    }
    if settled.write(disk, &paths)? || fresh {
        disk.sync_dir(&paths.snap, SyncPoint::StartSettled).during("sync", &paths.snap)?;
    }
    let (accepted_epoch, current_epoch) = settled.epochs();
    logs.mending.apply(disk, &paths)?;
    if initialize {
        clear_unsynced(disk, &paths)?;
        disk.remove(&paths.initialize()).during("remove", &paths.initialize())?;
        disk.sync_dir(&paths.data_log, SyncPoint::InitializeUsed).during("sync", &paths.data_log)?;
    }
    // currentEpoch is raised when a leader's history is complete.
    let trusted = current_epoch > 0 || !exists(disk, &paths.unsynced())?;
    let entries = Vec::new();
    let recovered = Recovered { accepted_epoch, current_epoch, snapshot, image, entries, trusted };
    Ok(Opened { paths, locks, recovered, passed_over })
}

/// The snapshot every history begins with: ZooKeeper refuses logs without one, and so do we. The
/// directory is to be synced.
fn write_initial<D: Disk, I: Snapshot>(disk: &D, paths: &Paths, image: &I) -> Result<(), StorageError> {
    let beside = paths.temporary("initial");
    snapshot_file::write(disk, &beside, Zxid::ZERO, image, SyncPoint::SnapshotContent)?;
    disk.rename(&beside, &paths.snapshot(Zxid::ZERO)).during("rename", &beside)
}

/// Mark a server that must not vote yet.
fn mark_unsynced<D: Disk>(disk: &D, paths: &Paths) -> Result<(), StorageError> {
    let path = paths.unsynced();
    if !exists(disk, &path)? {
        disk.create(&path).during("create", &path)?;
        disk.sync_dir(&paths.snap, SyncPoint::UnsyncedMarked).during("sync", &paths.snap)?;
    }
    Ok(())
}

/// The operator says that the empty disk is a first start.
fn clear_unsynced<D: Disk>(disk: &D, paths: &Paths) -> Result<(), StorageError> {
    let path = paths.unsynced();
    if exists(disk, &path)? {
        disk.remove(&path).during("remove", &path)?;
        disk.sync_dir(&paths.snap, SyncPoint::UnsyncedCleared).during("sync", &paths.snap)?;
    }
    Ok(())
}

fn exists<D: Disk>(disk: &D, path: &Path) -> Result<bool, StorageError> {
    disk.exists(path).during("look for", path)
}

/// The data directory's one name, once the directory in it that holds the data is there.
fn canonical_dir<D: Disk>(disk: &D, dir: &Path, create: bool) -> Result<PathBuf, StorageError> {
    ensure_dir(disk, &dir.join(VERSION_DIR), create)?;
    disk.canonical(dir).during("resolve", dir)
}

fn ensure_dir<D: Disk>(disk: &D, dir: &Path, create: bool) -> Result<(), StorageError> {
    // The parent of a relative path of one component is the working directory.
    let parent = match dir.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    if exists(disk, dir)? {
        return match disk.sync_dir(parent, SyncPoint::DirectoryFound) {
            // Then another process has made it.
            Err(denied) if denied.kind() == ErrorKind::PermissionDenied => Ok(()),
            synced => synced.during("sync", parent),
        };
    }
    if !create {
        return Err(StorageError::NoDirectory { path: dir.to_path_buf() });
    }
    ensure_dir(disk, parent, create)?;
    disk.create_dir(dir).during("create", dir)?;
    disk.sync_dir(parent, SyncPoint::DirectoryCreated).during("sync", parent)
}

fn lock<D: Disk>(disk: &D, paths: &Paths) -> Result<Vec<D::Lock>, StorageError> {
    let mut locks = Vec::new();
    let dirs: &[&PathBuf] = if paths.differ() { &[&paths.data, &paths.data_log] } else { &[&paths.data] };
    for dir in dirs {
        let path = dir.join(LOCK);
        match disk.lock(&path).during("lock", &path)? {
            Some(lock) => locks.push(lock),
            None => return Err(StorageError::Locked { path }),
        }
    }
    Ok(locks)
}

/// Logs among the snapshots or the reverse: the two settings were mixed up.
fn check_places<D: Disk>(disk: &D, paths: &Paths) -> Result<(), StorageError> {
    if !paths.differ() {
        return Ok(());
    }
    for (dir, wrong) in [(&paths.snap, FileKind::Log), (&paths.log, FileKind::Snapshot)] {
        let names = disk.list(dir).during("list", dir)?;
        if let Some(name) = names.iter().find(|name| wrong.parse_name(name).is_some()) {
            return Err(StorageError::WrongDirectory { path: dir.join(name) });
        }
    }
    Ok(())
}

/// Finish an installation or a truncation that a crash interrupted, drop what was never finished.
fn finish_interrupted<D: Disk>(disk: &D, paths: &Paths) -> Result<(), StorageError> {
    for dir in paths.version_dirs() {
        let names = disk.list(dir).during("list", dir)?;
        for name in names.iter().filter(|name| name.starts_with(TEMPORARY)) {
            let path = dir.join(name);
            disk.remove(&path).during("remove", &path)?;
        }
    }
    let names = disk.list(&paths.snap).during("list", &paths.snap)?;
    let mut installs = names.iter().filter_map(|name| Marker::parse(name));
    let mut truncates = names.iter().filter_map(|name| parse_marker(TRUNCATE, name));
    match (installs.next(), truncates.next()) {
        (None, None) => return install::drop_unfinished(disk, paths),
        (Some(marker), None) => {
            tracing::info!(zxid = %marker.zxid, "finishing the installation of a snapshot that a stop interrupted");
            install::finish(disk, paths, marker)?;
        }
        (None, Some(zxid)) => {
            tracing::info!(%zxid, "finishing a truncation of the log that a stop interrupted");
            truncate::finish(disk, paths, zxid)?;
        }
        (Some(marker), Some(_)) => return Err(only_one(paths.snap.join(marker.name()))),
    }
    match (installs.next(), truncates.next()) {
        (None, None) => install::drop_unfinished(disk, paths),
        (Some(marker), _) => Err(only_one(paths.snap.join(marker.name()))),
        (_, Some(zxid)) => Err(only_one(paths.truncate(zxid))),
    }
}

fn only_one(path: PathBuf) -> StorageError {
    StorageError::Unexpected { path, why: "only one installation or truncation can be under way" }
}

type Found<I> = (PathBuf, (SnapshotInfo, I), Logs);

/// A snapshot that cannot be used, newest first.
struct Failed {
    name: SnapshotName,
    why: Unusable,
}

impl Failed {
    fn lost(self) -> StorageError {
        let Failed { name: SnapshotName { path, zxid, .. }, why } = self;
        StorageError::SnapshotLost { path, zxid, reason: why.to_string() }
    }

    fn passed_over(self, instead: Option<Zxid>, log_ends: Option<Zxid>) -> PassedOver {
        let Failed { name: SnapshotName { path, zxid, .. }, why } = self;
        PassedOver { path, zxid, reason: why.to_string(), instead, log_ends }
    }
}

/// The newest snapshot that can be used and the log after it; `None` if there is no snapshot, or only a
/// torn `snapshot.0`. And the torn ones that are newer.
///
/// If newer ones are damaged, the log must contain what they did.
fn load_newest<D: Disk, I: Snapshot>(
    disk: &D,
    paths: &Paths,
    blank: &I::Builder,
    keep: &mut dyn FnMut(Zxid, Bytes),
) -> Result<(Option<Found<I>>, Vec<PassedOver>), StorageError> {
    let names = disk.list(&paths.snap).during("list", &paths.snap)?;
    let mut candidates: Vec<SnapshotName> = Vec::new();
    for name in names {
        if let Some((zxid, compression)) = FileKind::Snapshot.parse_name(&name) {
            candidates.push(SnapshotName { zxid, compression, path: paths.snap.join(name) });
        }
    }
    candidates.sort();
    let mut failed: Vec<Failed> = Vec::new();
    while let Some(name) = candidates.pop() {
        let why = match snapshot_file::read(disk, &name.path, name.zxid, name.compression, blank.clone()) {
            Ok((info, _)) if !candidates.is_empty() && !log_covers(disk, paths, info)? => {
                let last = log_end(disk, paths, name.zxid)?;
                Unusable::AheadOfLog(info.reaches, last)
            }
            Ok(found) => {
                let (logs, passed_over) = read_log(disk, paths, name.zxid, failed, keep)?;
                return Ok((Some((name.path, found, logs)), passed_over));
            }
            Err(why) => why,
        };
        if !why.is_torn() {
            tracing::warn!(file = %name.path.display(), reason = %why, "snapshot cannot be used");
        }
        failed.push(Failed { name, why });
    }
    if failed.iter().all(|failed| failed.why.is_torn() && failed.name.zxid == Zxid::ZERO) {
        return Ok((None, failed.into_iter().map(|failed| failed.passed_over(None, None)).collect()));
    }
    // There is one: the list is not empty.
    let newest = failed.into_iter().next().map(|Failed { name: SnapshotName { path, .. }, why }| {
        StorageError::NoUsableSnapshot { path, reason: why.to_string() }
    });
    newest.map_or(Ok((None, Vec::new())), Err)
}

/// Whether every transaction that a snapshot may have effects of is in it or in the log.
fn log_covers<D: Disk>(disk: &D, paths: &Paths, snapshot: SnapshotInfo) -> Result<bool, StorageError> {
    Ok(snapshot.reaches == snapshot.zxid || log_end(disk, paths, snapshot.zxid)? >= snapshot.reaches)
}

/// The last transaction of the log after a snapshot at `base`.
fn log_end<D: Disk>(disk: &D, paths: &Paths, base: Zxid) -> Result<Zxid, StorageError> {
    Ok(history::read(disk, paths, base, &mut |_, _| ())?.last.unwrap_or(base))
}

/// The log after the snapshot at `base`, which stands in for the newer ones that `failed`.
fn read_log<D: Disk>(
    disk: &D,
    paths: &Paths,
    base: Zxid,
    mut failed: Vec<Failed>,
    keep: &mut dyn FnMut(Zxid, Bytes),
) -> Result<(Logs, Vec<PassedOver>), StorageError> {
    // One of this zxid in another form can be used.
    failed.retain(|failed| failed.name.zxid > base);
    let (torn, mut damaged): (Vec<Failed>, Vec<Failed>) =
        failed.into_iter().partition(|failed| failed.why.is_torn());
    let logs = history::read(disk, paths, base, &mut |zxid, txn| {
        damaged.retain(|failed| failed.name.zxid != zxid);
        keep(zxid, txn);
    })?;
    if let Some(lost) = damaged.into_iter().next() {
        return Err(lost.lost());
    }
    let last = logs.last.unwrap_or(base);
    let passed_over = torn.into_iter().map(|torn| {
        let log_ends = (torn.name.zxid > last).then_some(last);
        torn.passed_over(Some(base), log_ends)
    });
    Ok((logs, passed_over.collect()))
}
