//! Removes snapshots and logs that recovery does not need (autopurge and `quorate data purge`).
//!
//! The newest snapshots that can be used stay, and every log that may contain a transaction after
//! the oldest of these. While there are fewer snapshots than are to stay, nothing is removed.
//! Whatever part of the removals survives a crash is in order: nothing has to be synced.

use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use quorate_core::ids::Zxid;
use quorate_core::wire::files::{Compression, END_MARK, FileKind, HEADER_LEN};
use quorate_core::wire::snapshot::SnapshotItem;
use quorate_core::wire::state::{Reach, SnapshotBuilder};

use super::disk::Disk;
use super::error::{During, StorageError};
use super::paths::{INSTALL, LOCK, Paths, TRUNCATE};
use super::snapshot_file::{self, SnapshotName};
use super::snapshots::Snapshots;

/// What was removed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Purged {
    /// The files, in the order of their removal.
    pub removed: Vec<PathBuf>,
    /// Their length, in bytes.
    pub bytes: u64,
}

/// Removes old files of a running server, on any thread.
pub struct Purger<D: Disk> {
    disk: Arc<D>,
    paths: Paths,
    snapshots: Snapshots,
}

impl<D: Disk> Purger<D> {
    pub(super) fn new(disk: Arc<D>, paths: Paths, snapshots: Snapshots) -> Self {
        Purger { disk, paths, snapshots }
    }

    /// Keep the `retain` newest snapshots and what is needed with them. The newest snapshot that this
    /// process has read or written whole is always kept: the others were only looked at.
    ///
    /// Nothing waits for longer than one removal takes.
    ///
    /// # Errors
    /// The disk's; some files may be gone, none that is needed.
    pub fn purge(&self, retain: usize) -> Result<Purged, StorageError> {
        let (disk, paths) = (&*self.disk, &self.paths);
        let mut known = self.snapshots.lock();
        let generation = known.generation();
        let Some(newest) = known.newest() else { return Ok(Purged::default()) };
        let usable = |name: &SnapshotName| looks_complete(disk, name);
        let Some(base) = oldest_kept(disk, paths, retain, usable)? else { return Ok(Purged::default()) };
        let base = base.min(newest);
        let old = older_than(disk, paths, base)?;
        known.forget_before(base);
        drop(known);
        let mut purged = Purged::default();
        for path in old {
            // While this lock is taken history is not replaced, nor has it been.
            let known = self.snapshots.lock();
            if known.generation() != generation {
                break;
            }
            remove(disk, path, &mut purged)?;
        }
        Ok(purged)
    }
}

/// Purge the directories of a server that does not run. `retain` is as in [`Purger::purge`], but every
/// snapshot that is to stay is read to its end.
///
/// # Errors
/// The disk's; [`StorageError::Locked`] if a server runs; [`StorageError::Unexpected`] if a server was
/// stopped while it replaced its history, which it has to finish first.
pub fn purge<D: Disk>(
    disk: &D,
    data_dir: &Path,
    data_log_dir: &Path,
    retain: usize,
) -> Result<Purged, StorageError> {
    let canonical = |dir: &Path| disk.canonical(dir).during("resolve", dir);
    let paths = Paths::new(canonical(data_dir)?, canonical(data_log_dir)?);
    let mut locks = Vec::new();
    for dir in if paths.differ() { vec![&paths.data, &paths.data_log] } else { vec![&paths.data] } {
        let path = dir.join(LOCK);
        locks.push(disk.lock(&path).during("lock", &path)?.ok_or(StorageError::Locked { path })?);
    }
    let names = disk.list(&paths.snap).during("list", &paths.snap)?;
    if let Some(name) = names.iter().find(|name| name.starts_with(INSTALL) || name.starts_with(TRUNCATE)) {
        let why = "the server has to finish what it was stopped in: start it once, then purge";
        return Err(StorageError::Unexpected { path: paths.snap.join(name), why });
    }
    let usable = |name: &SnapshotName| {
        Ok(snapshot_file::read(disk, &name.path, name.zxid, name.compression, Discard).is_ok())
    };
    let mut purged = Purged::default();
    if let Some(base) = oldest_kept(disk, &paths, retain, usable)? {
        for path in older_than(disk, &paths, base)? {
            remove(disk, path, &mut purged)?;
        }
    }
    Ok(purged)
}

/// Where the oldest snapshot stands that is to stay, or `None` if there are not that many.
fn oldest_kept<D: Disk>(
    disk: &D,
    paths: &Paths,
    retain: usize,
    usable: impl Fn(&SnapshotName) -> Result<bool, StorageError>,
) -> Result<Option<Zxid>, StorageError> {
    let mut names = Vec::new();
    for name in disk.list(&paths.snap).during("list", &paths.snap)? {
        if let Some((zxid, compression)) = FileKind::Snapshot.parse_name(&name) {
            names.push(SnapshotName { zxid, compression, path: paths.snap.join(name) });
        }
    }
    names.sort();
    let mut left = retain.max(1);
    while let Some(name) = names.pop() {
        if usable(&name)? {
            left -= 1;
            if left == 0 {
                return Ok(Some(name.zxid));
            }
        }
    }
    Ok(None)
}

/// What a snapshot at `base`, and every later one, can do without: snapshots, then logs, oldest first.
fn older_than<D: Disk>(disk: &D, paths: &Paths, base: Zxid) -> Result<Vec<PathBuf>, StorageError> {
    let old = |dir: &Path, kind: FileKind| -> Result<Vec<(Zxid, PathBuf)>, StorageError> {
        let names = disk.list(dir).during("list", dir)?;
        let mut old: Vec<(Zxid, PathBuf)> = names
            .iter()
            .filter_map(|name| Some((kind.parse_name(name)?.0, dir.join(name))))
            .filter(|(zxid, _)| *zxid <= base)
            .collect();
        old.sort();
        Ok(old)
    };
    let snapshots = old(&paths.snap, FileKind::Snapshot)?.into_iter().filter(|(zxid, _)| *zxid < base);
    let mut logs = old(&paths.log, FileKind::Log)?;
    // The transaction after `base` may be in the last log that begins before it.
    logs.pop();
    Ok(snapshots.chain(logs).map(|(_, path)| path).collect())
}

fn remove<D: Disk>(disk: &D, path: PathBuf, purged: &mut Purged) -> Result<(), StorageError> {
    let len = disk.open(&path).and_then(|file| disk.len(&file)).unwrap_or(0);
    match disk.remove(&path) {
        Err(gone) if gone.kind() == io::ErrorKind::NotFound => return Ok(()),
        removed => removed.during("remove", &path)?,
    }
    purged.bytes += len;
    purged.removed.push(path);
    Ok(())
}

/// Whether a snapshot begins and ends as a complete one does. Of a compressed one only the beginning tells
/// something. One that cannot be read is of no use.
fn looks_complete<D: Disk>(disk: &D, name: &SnapshotName) -> Result<bool, StorageError> {
    let look = || -> io::Result<bool> {
        let file = disk.open(&name.path)?;
        let mut head = [0; HEADER_LEN];
        if disk.read_at(&file, 0, &mut head)? < HEADER_LEN {
            return Ok(false);
        }
        let mut tail = [0; END_MARK.len()];
        let len = disk.len(&file)?;
        disk.read_at(&file, len.saturating_sub(tail.len() as u64), &mut tail)?;
        Ok(match name.compression {
            Compression::None => FileKind::Snapshot.check_header(&head).is_ok() && tail == END_MARK,
            Compression::Gzip => head[..2] == [0x1f, 0x8b],
            Compression::Snappy => false,
        })
    };
    look().during("read", &name.path)
}

/// Reads a snapshot for its seals only.
#[derive(Clone, Copy, Debug)]
struct Discard;

impl SnapshotBuilder for Discard {
    type Snapshot = ();
    type Error = Infallible;

    fn add(&mut self, _: SnapshotItem) -> Result<(), Infallible> {
        Ok(())
    }

    fn finish(self, _: Zxid, _: Reach) -> Result<(), Infallible> {
        Ok(())
    }
}
