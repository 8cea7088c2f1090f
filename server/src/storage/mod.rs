//! Storage: ZooKeeper's data directory, written so that no crash loses what was acknowledged.
//!
//! [`Storage`] carries out core's storage outputs in order, on one thread. Each is durable before
//! the next takes effect, except that consecutive transactions share one sync; so a crash leaves
//! the effect of a prefix. [`Storage::open`] reads what is there.
//!
//! | operation | becomes true with | a crash before that leaves |
//! |---|---|---|
//! | append | the sync of the log (and, for a new file, of the directory) | any first part of the batch |
//! | truncate | the name `truncate.<zxid>` | the log as it was |
//! | install a snapshot, with what is appended until `currentEpoch` is saved | the rename to `install.*` | snapshots, log and epoch as they were |
//! | save an epoch | the rename over the old file | the old epoch |
//! | snapshot in the background | the rename to `snapshot.<zxid>` | the older snapshot, and the log |
//!
//! Directories are synced after each of these (ZooKeeper does not). A failed sync is fatal.
//! Whatever a start cannot explain by a crash it refuses, naming file and offset.

mod config;
mod disk;
mod epochs;
mod error;
mod examine;
mod history;
mod install;
mod log_reader;
mod log_writer;
mod overlay;
mod paths;
mod purge;
mod real_disk;
mod recovery;
mod snapshot_file;
mod snapshots;
mod truncate;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use quorate_core::ids::{Epoch, Ticket, Zxid};
use quorate_core::wire::state::Snapshot;

pub use config::StorageConfig;
pub use disk::{Disk, SyncPoint};
pub use error::StorageError;
pub(crate) use examine::{Examined, What, examine, files, is_in_use, log_after};
pub(crate) use log_reader::{Ending, LogReader, Record};
pub use overlay::Overlay;
pub use paths::VERSION_DIR;
pub(crate) use paths::{INITIALIZE, LOCK};
pub use purge::{Purged, Purger, purge};
pub use real_disk::RealDisk;
pub(crate) use recovery::PassedOver;
pub use recovery::Recovered;
pub use snapshot_file::{ItemError, SnapshotInfo};
pub(crate) use snapshot_file::{encode as encode_snapshot, read_items};
pub use snapshots::{Outcome, SnapshotJob};

use install::Held;
use log_writer::LogWriter;
use paths::Paths;
use snapshots::Snapshots;

/// One storage output of core.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StorageOp<I> {
    /// Write a serialized transaction at the end of the log.
    Append(Ticket, Zxid, Bytes),
    /// Drop every logged transaction after this one.
    Truncate(Ticket, Zxid),
    /// Replace snapshots and log by this state.
    InstallSnapshot(Ticket, Zxid, I),
    /// Write `acceptedEpoch`.
    SaveAcceptedEpoch(Ticket, Epoch),
    /// Write `currentEpoch`.
    SaveCurrentEpoch(Ticket, Epoch),
    /// Begin a new log file and prepare a snapshot, which [`SnapshotJob::run`] takes elsewhere. It
    /// passes through here so that it is known what it is older than.
    TakeSnapshot(Zxid, I),
}

impl<I> StorageOp<I> {
    /// The receipt that core was given for it.
    pub fn ticket(&self) -> Option<Ticket> {
        match self {
            StorageOp::Append(ticket, ..)
            | StorageOp::Truncate(ticket, _)
            | StorageOp::InstallSnapshot(ticket, ..)
            | StorageOp::SaveAcceptedEpoch(ticket, _)
            | StorageOp::SaveCurrentEpoch(ticket, _) => Some(*ticket),
            StorageOp::TakeSnapshot(..) => None,
        }
    }

    /// The memory it holds while it waits, in bytes; images share theirs with the running state.
    pub fn size(&self) -> usize {
        size_of::<Self>() + if let StorageOp::Append(_, _, txn) = self { txn.len() } else { 0 }
    }
}

/// What came of a batch.
pub struct Executed<D: Disk, I> {
    /// The last operation of the batch: it and every earlier one is durable.
    pub done: Option<Ticket>,
    /// Snapshots to take in the background.
    pub snapshots: Vec<SnapshotJob<D, I>>,
}

/// A server's data directory. Dropping it releases the directory.
pub struct Storage<D: Disk> {
    disk: Arc<D>,
    paths: Paths,
    log: LogWriter<D>,
    snapshots: Snapshots,
    /// A leader's snapshot that is not complete yet.
    held: Option<Held<D>>,
    failed: Option<String>,
    _locks: Vec<D::Lock>,
}

impl<D: Disk> Storage<D> {
    /// Take a data directory and read it. What is read is put together in copies of `blank`;
    /// `initial` is the state before every transaction, from which a first start begins.
    ///
    /// What a crash left unfinished is finished or dropped. Nothing is changed if the directory is
    /// refused for its content.
    ///
    /// # Errors
    /// Every [`StorageError`] but those of a running storage.
    pub fn open<I: Snapshot>(
        disk: D,
        config: &StorageConfig,
        blank: &I::Builder,
        initial: impl FnOnce() -> I,
    ) -> Result<(Self, Recovered<I>), StorageError> {
        let disk = Arc::new(disk);
        let mut entries = Vec::new();
        let mut keep = |zxid, txn| entries.push((zxid, txn));
        let recovery::Opened { paths, locks, mut recovered, .. } =
            recovery::open(&*disk, config, blank, initial, &mut keep)?;
        recovered.entries = entries;
        let log = LogWriter::new(
            Arc::clone(&disk),
            paths.clone(),
            config.pre_alloc_size,
            config.txn_log_size_limit,
            recovered.last(),
        );
        let snapshots = Snapshots::new(recovered.snapshot);
        Ok((Storage { disk, paths, log, snapshots, held: None, failed: None, _locks: locks }, recovered))
    }

    /// Carry out operations in order. When this returns, all of them are durable, except for those that wait
    /// ([`Storage::is_holding`]). A leader's snapshot and what is appended after it become durable with the
    /// next operation of another kind, or with [`Storage::settle`].
    ///
    /// # Errors
    /// After an error nothing more is done: which operations are durable is found out by the next
    /// start.
    pub fn execute<I: Snapshot>(
        &mut self,
        ops: impl IntoIterator<Item = StorageOp<I>>,
    ) -> Result<Executed<D, I>, StorageError> {
        if let Some(failed) = &self.failed {
            return Err(StorageError::Failed(failed.clone()));
        }
        let executed = self.run(ops);
        if let Err(error) = &executed {
            self.failed = Some(error.to_string());
        }
        executed
    }

    /// Whether operations wait for the one that completes a leader's history.
    pub fn is_holding(&self) -> bool {
        self.held.is_some()
    }

    /// Make durable what waits, if anything does; returns the last of these operations.
    ///
    /// # Errors
    /// As [`Storage::execute`].
    pub fn settle(&mut self) -> Result<Option<Ticket>, StorageError> {
        if let Some(failed) = &self.failed {
            return Err(StorageError::Failed(failed.clone()));
        }
        let settled = self.settle_held(None);
        if let Err(error) = &settled {
            self.failed = Some(error.to_string());
        }
        settled
    }

    /// What removes files that are not needed any more.
    pub fn purger(&self) -> Purger<D> {
        Purger::new(Arc::clone(&self.disk), self.paths.clone(), self.snapshots.clone())
    }

    /// The last transaction in the log, or where the snapshot stands if there is none after it.
    pub fn last(&self) -> Zxid {
        self.held.as_ref().map_or(self.log.last(), Held::last)
    }

    fn run<I: Snapshot>(
        &mut self,
        ops: impl IntoIterator<Item = StorageOp<I>>,
    ) -> Result<Executed<D, I>, StorageError> {
        let mut executed = Executed { done: None, snapshots: Vec::new() };
        for op in ops {
            let Some(op) = self.hold(op, &mut executed.done)? else { continue };
            let ticket = match op {
                StorageOp::Append(ticket, zxid, txn) => {
                    self.log.append(zxid, &txn)?;
                    ticket
                }
                StorageOp::Truncate(ticket, zxid) => {
                    self.truncate(zxid)?;
                    ticket
                }
                StorageOp::InstallSnapshot(ticket, zxid, image) => {
                    self.log.roll()?;
                    // What was begun before is not published any more.
                    self.snapshots.lock().replace(|_| true);
                    self.held = Some(Held::begin(&*self.disk, &self.paths, ticket, zxid, &image)?);
                    continue;
                }
                StorageOp::SaveAcceptedEpoch(ticket, epoch) => {
                    self.log.sync()?;
                    epochs::save_accepted(&*self.disk, &self.paths, epoch)?;
                    ticket
                }
                StorageOp::SaveCurrentEpoch(ticket, epoch) => {
                    self.log.sync()?;
                    epochs::save_current(&*self.disk, &self.paths, epoch)?;
                    ticket
                }
                StorageOp::TakeSnapshot(zxid, image) => {
                    self.log.roll()?;
                    let (disk, snapshots) = (Arc::clone(&self.disk), self.snapshots.clone());
                    executed.snapshots.push(SnapshotJob::new(
                        disk,
                        self.paths.clone(),
                        snapshots,
                        zxid,
                        image,
                    ));
                    continue;
                }
            };
            executed.done = Some(ticket);
        }
        self.log.sync()?;
        Ok(executed)
    }

    fn truncate(&mut self, zxid: Zxid) -> Result<(), StorageError> {
        self.log.roll()?;
        let mut known = self.snapshots.lock();
        known.check_reachable(zxid)?;
        known.replace(|reaches| reaches <= zxid);
        truncate::begin(&*self.disk, &self.paths, zxid)?;
        truncate::finish(&*self.disk, &self.paths, zxid)?;
        self.log.restart(self.log.last().min(zxid));
        Ok(())
    }

    /// While a leader's snapshot is staged, transactions wait with it. The epoch that begins with it makes
    /// all of it the truth. With these operations nothing more is to be done. Any other operation comes back:
    /// it is done after what was staged. `done` is what is durable.
    fn hold<I>(
        &mut self,
        op: StorageOp<I>,
        done: &mut Option<Ticket>,
    ) -> Result<Option<StorageOp<I>>, StorageError> {
        let Some(held) = &mut self.held else { return Ok(Some(op)) };
        match op {
            StorageOp::Append(ticket, zxid, txn) => {
                log_writer::check(held.last(), zxid, &txn)?;
                if !held.append(ticket, zxid, txn) {
                    *done = self.settle_held(None)?;
                }
                Ok(None)
            }
            StorageOp::SaveCurrentEpoch(ticket, epoch) if epoch > 0 => {
                self.settle_held(Some(epoch))?;
                *done = Some(ticket);
                Ok(None)
            }
            op => {
                *done = self.settle_held(None)?;
                Ok(Some(op))
            }
        }
    }

    fn settle_held(&mut self, epoch: Option<Epoch>) -> Result<Option<Ticket>, StorageError> {
        let Some(held) = self.held.take() else { return Ok(None) };
        let (zxid, last, ticket) = (held.zxid(), held.last(), held.ticket);
        let mut known = self.snapshots.lock();
        known.replace(|_| false);
        held.settle(&self.disk, &self.paths, epoch)?;
        known.add(SnapshotInfo { zxid, reaches: zxid });
        self.log.restart(last);
        Ok(Some(ticket))
    }
}
