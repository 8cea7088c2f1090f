//! Dropping the end of history: no transaction after a zxid may be left, in any file.
//!
//! The intent is written first (`truncate.<zxid>`). So a crash leaves the history either as it was or, once
//! the next start has finished the work, truncated. ZooKeeper keeps one transaction too many if the zxid is
//! in no log, keeps snapshots that contain later ones, and syncs nothing.

use std::path::{Path, PathBuf};

use quorate_core::ids::Zxid;
use quorate_core::wire::files::FileKind;

use super::disk::{Disk, SyncPoint};
use super::error::{During, StorageError};
use super::log_reader::LogReader;
use super::paths::Paths;

/// Note the intent; from here on it will be carried out.
pub(super) fn begin<D: Disk>(disk: &D, paths: &Paths, zxid: Zxid) -> Result<(), StorageError> {
    let marker = paths.truncate(zxid);
    disk.create(&marker).during("create", &marker)?;
    disk.sync_dir(&paths.snap, SyncPoint::TruncateBegun).during("sync", &paths.snap)
}

/// Carry it out. May be repeated after a crash at any point.
pub(super) fn finish<D: Disk>(disk: &D, paths: &Paths, zxid: Zxid) -> Result<(), StorageError> {
    let mut removed = false;
    for name in disk.list(&paths.snap).during("list", &paths.snap)? {
        if FileKind::Snapshot.parse_name(&name).is_some_and(|(at, _)| at > zxid) {
            let path = paths.snap.join(name);
            disk.remove(&path).during("remove", &path)?;
            removed = true;
        }
    }
    if removed {
        disk.sync_dir(&paths.snap, SyncPoint::TruncatedSnapshots).during("sync", &paths.snap)?;
    }
    let mut removed = false;
    // Of the logs that stay only the newest can have anything after `zxid`.
    let mut newest: Option<(Zxid, PathBuf)> = None;
    for name in disk.list(&paths.log).during("list", &paths.log)? {
        let Some((first, _)) = FileKind::Log.parse_name(&name) else { continue };
        let path = paths.log.join(name);
        if first > zxid {
            disk.remove(&path).during("remove", &path)?;
            removed = true;
        } else if newest.as_ref().is_none_or(|(newest, _)| first > *newest) {
            newest = Some((first, path));
        }
    }
    if let Some((_, path)) = &newest {
        cut(disk, path, zxid)?;
    }
    if removed {
        disk.sync_dir(&paths.log, SyncPoint::TruncatedLogs).during("sync", &paths.log)?;
    }
    let marker = paths.truncate(zxid);
    disk.remove(&marker).during("remove", &marker)?;
    disk.sync_dir(&paths.snap, SyncPoint::TruncateDone).during("sync", &paths.snap)
}

/// Cut a log behind its last record up to `zxid`. It is synced even if there is nothing to cut: a
/// process that was killed may have cut it and not synced it.
fn cut<D: Disk>(disk: &D, path: &Path, zxid: Zxid) -> Result<(), StorageError> {
    let file = disk.open(path).during("open", path)?;
    let mut reader = LogReader::open(disk, path)?;
    while let Some(record) = reader.next_record()? {
        if record.zxid > zxid {
            disk.set_len(&file, record.at).during("cut", path)?;
            break;
        }
    }
    disk.sync(&file, SyncPoint::TruncatedTail).during("sync", path)
}
