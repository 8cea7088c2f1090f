//! `acceptedEpoch` and `currentEpoch`: two numbers that must never go back.

use std::path::{Path, PathBuf};

use quorate_core::ids::{Epoch, Zxid};

use super::disk::{Disk, SyncPoint};
use super::error::{During, StorageError};
use super::paths::{ACCEPTED_EPOCH, CURRENT_EPOCH, EPOCH_TMP, Paths};

/// Longer than any epoch is written, in bytes.
const MAX_LEN: usize = 64;

/// Write an epoch file: beside, sync, rename. The directory is to be synced.
fn write<D: Disk>(disk: &D, paths: &Paths, name: &str, epoch: Epoch) -> Result<(), StorageError> {
    let path = paths.snap.join(name);
    let beside = beside(&path);
    if disk.exists(&beside).during("look for", &beside)? {
        disk.remove(&beside).during("remove", &beside)?;
    }
    let file = disk.create(&beside).during("create", &beside)?;
    disk.write_at(&file, 0, epoch.to_string().as_bytes()).during("write to", &beside)?;
    disk.sync(&file, SyncPoint::EpochContent).during("sync", &beside)?;
    disk.rename(&beside, &path).during("rename", &beside)
}

/// Write an epoch file and make its name durable.
fn save<D: Disk>(disk: &D, paths: &Paths, name: &str, epoch: Epoch) -> Result<(), StorageError> {
    write(disk, paths, name, epoch)?;
    disk.sync_dir(&paths.snap, SyncPoint::EpochRenamed).during("sync", &paths.snap)
}

/// Write `acceptedEpoch`.
pub(super) fn save_accepted<D: Disk>(disk: &D, paths: &Paths, epoch: Epoch) -> Result<(), StorageError> {
    save(disk, paths, ACCEPTED_EPOCH, epoch)
}

/// Write `currentEpoch`.
pub(super) fn save_current<D: Disk>(disk: &D, paths: &Paths, epoch: Epoch) -> Result<(), StorageError> {
    save(disk, paths, CURRENT_EPOCH, epoch)
}

/// What the epoch files say, before it is known what the log says.
#[derive(Clone, Copy, Debug)]
pub(super) struct EpochFiles {
    accepted: Option<Epoch>,
    current: Option<Epoch>,
    /// `currentEpoch.tmp`, if there is one: a save that did not get as far as the rename, perhaps
    /// not as far as a number.
    unfinished: Option<Option<Epoch>>,
}

impl EpochFiles {
    /// Read them; a file that is not there is not an error, one that is no number is.
    pub(super) fn read<D: Disk>(disk: &D, paths: &Paths) -> Result<Self, StorageError> {
        let current = paths.snap.join(CURRENT_EPOCH);
        let unfinished = match read(disk, &beside(&current)) {
            Ok(None) => None,
            Ok(Some(epoch)) => Some(Some(epoch)),
            Err(StorageError::BadEpoch { .. }) => Some(None),
            Err(error) => return Err(error),
        };
        let accepted = read(disk, &paths.snap.join(ACCEPTED_EPOCH))?;
        Ok(EpochFiles { accepted, current: read(disk, &current)?, unfinished })
    }

    /// What acceptedEpoch and currentEpoch say.
    pub(super) fn found(&self) -> (Option<Epoch>, Option<Epoch>) {
        (self.accepted, self.current)
    }

    /// The files there are.
    pub(super) fn paths(&self, paths: &Paths) -> impl Iterator<Item = PathBuf> {
        let found = |(there, name): (bool, &str)| there.then(|| paths.snap.join(name));
        let files = [(self.accepted.is_some(), ACCEPTED_EPOCH), (self.current.is_some(), CURRENT_EPOCH)];
        files.map(found).into_iter().flatten()
    }

    /// Nothing but the epochs is there: has something been lost?
    pub(super) fn check_without_data(&self, paths: &Paths) -> Result<(), StorageError> {
        match self.current {
            Some(epoch) if epoch > 0 => {
                Err(StorageError::DataMissing { path: paths.snap.join(CURRENT_EPOCH), epoch })
            }
            _ => Ok(()),
        }
    }

    /// The epochs of a server whose last transaction is `last`.
    ///
    /// A missing file is made from `last`, as ZooKeeper does (servers that ran standalone have none). A log
    /// that has reached a later epoch than `currentEpoch` is what a crash leaves between the two. The history
    /// of an epoch is written before the epoch (ZOOKEEPER-4643). If writing it had begun, it is completed
    /// (ZOOKEEPER-1653). A torn number is never taken for one, because it must equal `acceptedEpoch`.
    ///
    /// # Errors
    /// The files contradict each other or the log.
    pub(super) fn settle(self, paths: &Paths, last: Zxid) -> Result<Settled, StorageError> {
        let mut current = self.current.unwrap_or(last.epoch());
        let accepted = self.accepted.unwrap_or(current.max(last.epoch()));
        let contradiction =
            |what| Err(StorageError::EpochsContradict { path: paths.snap.join(ACCEPTED_EPOCH), what });
        if accepted < current {
            return contradiction(format!("acceptedEpoch is {accepted}, but currentEpoch is {current}"));
        }
        if accepted < last.epoch() {
            return contradiction(format!("acceptedEpoch is {accepted}, but the last transaction is {last}"));
        }
        if last.epoch() > current {
            if self.unfinished == Some(Some(accepted)) {
                current = accepted;
            }
            tracing::info!(%last, current, accepted, "stopped while taking over the history of a new epoch");
        }
        Ok(Settled { files: self, accepted, current })
    }
}

/// The epochs a server starts with.
pub(super) struct Settled {
    files: EpochFiles,
    accepted: Epoch,
    current: Epoch,
}

impl Settled {
    /// acceptedEpoch and currentEpoch.
    pub(super) fn epochs(&self) -> (Epoch, Epoch) {
        (self.accepted, self.current)
    }

    /// Make the files say so. Returns whether the directory is to be synced. At most one file that was there
    /// is replaced, so any part of it may survive a crash.
    pub(super) fn write<D: Disk>(&self, disk: &D, paths: &Paths) -> Result<bool, StorageError> {
        let mut changed = false;
        if self.files.accepted != Some(self.accepted) {
            write(disk, paths, ACCEPTED_EPOCH, self.accepted)?;
            changed = true;
        }
        if self.files.current != Some(self.current) {
            write(disk, paths, CURRENT_EPOCH, self.current)?;
            changed = true;
        } else if self.files.unfinished.is_some() {
            // It must not be taken for the epoch of what will be logged from now on.
            let beside = beside(&paths.snap.join(CURRENT_EPOCH));
            disk.remove(&beside).during("remove", &beside)?;
            changed = true;
        }
        Ok(changed)
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(EPOCH_TMP);
    name.into()
}

fn read<D: Disk>(disk: &D, path: &Path) -> Result<Option<Epoch>, StorageError> {
    if !disk.exists(path).during("look for", path)? {
        return Ok(None);
    }
    let file = disk.open(path).during("open", path)?;
    let mut bytes = [0; MAX_LEN];
    let len = disk.read_at(&file, 0, &mut bytes).during("read", path)?;
    let text = String::from_utf8_lossy(&bytes[..len]);
    // ZooKeeper reads the first line.
    let line = text.lines().next().unwrap_or_default().trim();
    match line.parse() {
        Ok(epoch) if line.bytes().all(|b| b.is_ascii_digit()) => Ok(Some(epoch)),
        _ => Err(StorageError::BadEpoch { path: path.to_path_buf(), content: text.into_owned() }),
    }
}
