//! Snapshots on disk: which can be trusted, and taking another one in the background.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quorate_core::ids::Zxid;
use quorate_core::wire::files::FileKind;
use quorate_core::wire::state::Snapshot;

use super::disk::{Disk, SyncPoint};
use super::error::{During, StorageError};
use super::paths::Paths;
use super::snapshot_file::{self, SnapshotInfo};

/// The snapshots this process has read or written, shared with the thread that writes one.
#[derive(Clone, Debug, Default)]
pub(super) struct Snapshots(Arc<Mutex<Known>>);

/// See [`Snapshots`].
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Raised by everything that replaces history: a snapshot that was begun before is not
    /// published any more.
    generation: u64,
    /// Where each stands, and the last transaction that may have effects in it.
    usable: BTreeMap<Zxid, Zxid>,
}

impl Snapshots {
    pub(super) fn new(first: SnapshotInfo) -> Self {
        let snapshots = Snapshots::default();
        snapshots.lock().add(first);
        snapshots
    }

    /// No thread publishes a snapshot while this is held.
    pub(super) fn lock(&self) -> MutexGuard<'_, Known> {
        // The map is changed in single steps: a panic elsewhere leaves it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// A snapshot of this name is on disk and complete.
    pub(super) fn add(&mut self, info: SnapshotInfo) {
        self.usable.insert(info.zxid, info.reaches);
    }

    /// Where the newest stands.
    pub(super) fn newest(&self) -> Option<Zxid> {
        self.usable.keys().next_back().copied()
    }

    /// Changes with everything that replaces history.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Those in front of `base` are about to be removed.
    pub(super) fn forget_before(&mut self, base: Zxid) {
        self.usable = self.usable.split_off(&base);
    }

    /// The history before now is not the truth any more, except what `keep` says.
    pub(super) fn replace(&mut self, keep: impl Fn(Zxid) -> bool) {
        self.generation += 1;
        self.usable.retain(|_, reaches| keep(*reaches));
    }

    /// The state at `zxid` can be rebuilt from a snapshot that contains nothing later.
    ///
    /// # Errors
    /// It cannot; nothing has been changed.
    pub(super) fn check_reachable(&self, zxid: Zxid) -> Result<(), StorageError> {
        match self.usable.values().min() {
            Some(base) if *base > zxid => Err(StorageError::CannotTruncate { zxid, base: *base }),
            _ => Ok(()),
        }
    }
}

/// What became of a snapshot.
#[derive(Debug)]
pub enum Outcome {
    /// The snapshot is there and durable.
    Taken,
    /// The snapshot was dropped: the history it belongs to is not the truth any more.
    Replaced,
    /// The snapshot was dropped: it has effects of transactions after the one where it would stand
    /// ([`Snapshot::is_exact`]). One that is taken later has not.
    NotExact,
    /// The snapshot could not be written. Nothing depends on a snapshot as long as the log can be written, so
    /// the next one is tried when its time comes.
    GivenUp(StorageError),
}

/// A snapshot to be taken, on any thread: [`SnapshotJob::run`].
pub struct SnapshotJob<D: Disk, I> {
    disk: Arc<D>,
    paths: Paths,
    snapshots: Snapshots,
    generation: u64,
    zxid: Zxid,
    image: I,
}

impl<D: Disk, I: Snapshot> SnapshotJob<D, I> {
    pub(super) fn new(disk: Arc<D>, paths: Paths, snapshots: Snapshots, zxid: Zxid, image: I) -> Self {
        let generation = snapshots.lock().generation;
        SnapshotJob { disk, paths, snapshots, generation, zxid, image }
    }

    /// Where the snapshot will stand.
    pub fn zxid(&self) -> Zxid {
        self.zxid
    }

    /// Write the snapshot, if the history it belongs to is not replaced meanwhile (by a truncation, by a
    /// leader's snapshot). What cannot be written is given up: the log and the older snapshots are as
    /// they were.
    ///
    /// # Errors
    /// The directory could not be synced. Names of the log are in it too: a later sync may succeed although
    /// one of these was lost.
    pub fn run(self) -> Result<Outcome, StorageError> {
        if !self.image.is_exact() {
            return Ok(Outcome::NotExact);
        }
        let name = FileKind::Snapshot.name(self.zxid);
        let beside = self.paths.temporary(&name);
        let (disk, dir) = (&*self.disk, &self.paths.snap);
        let written = snapshot_file::write(disk, &beside, self.zxid, &self.image, SyncPoint::SnapshotContent);
        let mut known = self.snapshots.lock();
        if written.is_err() || known.generation != self.generation {
            // What cannot be removed now is nothing to the next start, which removes it.
            let _ = disk.remove(&beside);
            return match written {
                Ok(()) => Ok(Outcome::Replaced),
                Err(why) => Ok(Outcome::GivenUp(why)),
            };
        }
        let path = dir.join(name);
        if let Err(why) = disk.rename(&beside, &path).during("make a snapshot of", &path) {
            let _ = disk.remove(&beside);
            return Ok(Outcome::GivenUp(why));
        }
        disk.sync_dir(dir, SyncPoint::SnapshotRenamed).during("sync", dir)?;
        known.add(SnapshotInfo { zxid: self.zxid, reaches: self.zxid });
        Ok(Outcome::Taken)
    }
}
