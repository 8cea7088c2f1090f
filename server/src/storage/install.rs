//! Replacing everything by a leader's snapshot: the old state whole or the new one, never a mix.
//!
//! The snapshot is written under a name that is ignored, and becomes the truth with one rename (to
//! `install.<zxid>`). Only then is the old state removed and the snapshot given the name ZooKeeper
//! knows. A start that finds `install.<zxid>` finishes the work. Old logs must be gone before the
//! new name is there: their transactions after the snapshot's zxid would be replayed on top of it.

use std::path::Path;

use quorate_core::ids::Zxid;
use quorate_core::wire::files::FileKind;

use super::disk::{Disk, SyncPoint};
use super::error::{During, StorageError};
use super::image::Image;
use super::paths::Paths;
use super::snapshot_file;

/// Write the snapshot and make it the truth; from here on the rest will be carried out.
pub(super) fn begin<D: Disk, I: Image>(
    disk: &D,
    paths: &Paths,
    zxid: Zxid,
    image: &I,
) -> Result<(), StorageError> {
    let beside = paths.temporary("install");
    snapshot_file::write(disk, &beside, zxid, image, SyncPoint::InstallContent)?;
    disk.rename(&beside, &paths.install(zxid)).during("rename", &beside)?;
    disk.sync_dir(&paths.snap, SyncPoint::InstallBegun).during("sync", &paths.snap)
}

/// Carry it out. May be repeated after a crash at any point.
pub(super) fn finish<D: Disk>(disk: &D, paths: &Paths, zxid: Zxid) -> Result<(), StorageError> {
    remove_all(disk, &paths.log, FileKind::Log, SyncPoint::InstallRetiredLogs)?;
    remove_all(disk, &paths.snap, FileKind::Snapshot, SyncPoint::InstallRetiredSnapshots)?;
    let installed = paths.install(zxid);
    disk.rename(&installed, &paths.snapshot(zxid)).during("rename", &installed)?;
    disk.sync_dir(&paths.snap, SyncPoint::InstallDone).during("sync", &paths.snap)
}

fn remove_all<D: Disk>(disk: &D, dir: &Path, kind: FileKind, point: SyncPoint) -> Result<(), StorageError> {
    for name in disk.list(dir).during("list", dir)? {
        if kind.parse_name(&name).is_some() {
            let path = dir.join(name);
            disk.remove(&path).during("remove", &path)?;
        }
    }
    disk.sync_dir(dir, point).during("sync", dir)
}
