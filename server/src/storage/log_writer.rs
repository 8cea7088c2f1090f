//! Writes the log: records at the end of the newest file, one sync for many.
//!
//! A new file has a temporary name until its first records are durable. So a killed server leaves neither
//! an empty log nor preallocated zeros without a header. ZooKeeper refuses to start with either.

use std::io;
use std::mem;
use std::path::PathBuf;
use std::sync::Arc;

use quorate_core::ids::Zxid;
use quorate_core::wire::files::{FileKind, txn_zxid_and_type, write_record};
use simd_adler32::adler32;

use super::disk::{Disk, SyncPoint};
use super::error::{During, StorageError};
use super::paths::Paths;
use crate::mutation::mutated;

/// This much is collected before it is written, in bytes.
const CHUNK: usize = 1 << 20;
/// Small batches are written into zeros that are on disk already, this much at a time, in bytes. Then a sync
/// has no new blocks to note (measured on ext4: 0.2 ms instead of 0.36 ms). Batches of more than an eighth of
/// it are not worth writing everything twice.
const ZEROS: usize = 1 << 20;
/// A file is extended when less than this is left, in bytes (`FilePadding`).
const MARGIN: u64 = 4096;

/// Writes the log.
pub(super) struct LogWriter<D: Disk> {
    disk: Arc<D>,
    paths: Paths,
    pre_alloc_size: u64,
    size_limit: Option<u64>,
    last: Zxid,
    active: Option<Active<D>>,
    buffer: Vec<u8>,
}

/// The file being written.
struct Active<D: Disk> {
    file: D::File,
    /// The name of the file from its first sync on.
    path: PathBuf,
    /// The name of the file before, until the first sync gives it the other.
    temporary: Option<PathBuf>,
    /// The end of what was handed to the disk.
    written: u64,
    /// The length of the file.
    len: u64,
    /// Up to here it has blocks.
    filled: u64,
    /// Whether something was written since the last sync.
    dirty: bool,
}

impl<D: Disk> LogWriter<D> {
    /// Continue after `last`, in a new file.
    pub(super) fn new(
        disk: Arc<D>,
        paths: Paths,
        pre_alloc_size: u64,
        size_limit: Option<u64>,
        last: Zxid,
    ) -> Self {
        LogWriter { disk, paths, pre_alloc_size, size_limit, last, active: None, buffer: Vec::new() }
    }

    /// The last transaction.
    pub(super) fn last(&self) -> Zxid {
        self.last
    }

    /// Add a transaction; it is durable after the next [`LogWriter::sync`].
    pub(super) fn append(&mut self, zxid: Zxid, payload: &[u8]) -> Result<(), StorageError> {
        check(self.last, zxid, payload)?;
        if self.active.is_none() {
            self.begin(zxid)?;
        }
        write_record(&mut self.buffer, adler32(&payload), payload);
        self.last = zxid;
        let pending = self.buffer.len() as u64;
        let full = |limit| self.active.as_ref().is_some_and(|active| active.written + pending > limit);
        if self.size_limit.is_some_and(full) {
            return self.roll();
        }
        if self.buffer.len() >= CHUNK { self.flush() } else { Ok(()) }
    }

    /// Make everything added so far durable.
    pub(super) fn sync(&mut self) -> Result<(), StorageError> {
        self.flush()?;
        let Some(active) = self.active.as_mut().filter(|active| active.dirty) else { return Ok(()) };
        self.disk.sync(&active.file, SyncPoint::LogRecords).during("sync", &active.path)?;
        if let Some(temporary) = active.temporary.take() {
            self.disk.rename(&temporary, &active.path).during("rename", &temporary)?;
            if !mutated!(DirectorySyncForgotten) {
                self.disk.sync_dir(&self.paths.log, SyncPoint::LogCreated).during("sync", &self.paths.log)?;
            }
        }
        active.dirty = false;
        Ok(())
    }

    /// Sync, and begin a new file with the next transaction.
    pub(super) fn roll(&mut self) -> Result<(), StorageError> {
        self.sync()?;
        self.active = None;
        Ok(())
    }

    /// The files have changed under the writer: the log now ends with `last`.
    pub(super) fn restart(&mut self, last: Zxid) {
        self.active = None;
        self.buffer.clear();
        self.last = last;
    }

    fn begin(&mut self, first: Zxid) -> Result<(), StorageError> {
        let path = self.paths.log_file(first);
        if self.disk.exists(&path).during("look for", &path)? {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists)).during("create", &path);
        }
        let temporary = self.paths.new_log(first);
        let file = self.disk.create(&temporary).during("create", &temporary)?;
        let temporary = Some(temporary);
        self.active = Some(Active { file, path, temporary, written: 0, len: 0, filled: 0, dirty: true });
        self.buffer.extend_from_slice(&FileKind::Log.header());
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StorageError> {
        let Some(active) = self.active.as_mut().filter(|_| !self.buffer.is_empty()) else { return Ok(()) };
        let end = active.written + self.buffer.len() as u64;
        if let Some(len) = padded(end, active.len, self.pre_alloc_size) {
            self.disk.set_len(&active.file, len).during("extend", &active.path)?;
            active.len = len;
        }
        if end > active.filled && self.buffer.len() < ZEROS / 8 {
            let zeros = ZEROS.min(active.len.saturating_sub(end) as usize);
            self.buffer.resize(self.buffer.len() + zeros, 0);
        }
        self.disk.write_at(&active.file, active.written, &self.buffer).during("write to", &active.path)?;
        active.filled = active.filled.max(active.written + self.buffer.len() as u64);
        active.written = end;
        active.len = active.len.max(end);
        active.dirty = true;
        // A batch of unusual size should not be paid for ever.
        if self.buffer.capacity() > 4 * CHUNK {
            mem::take(&mut self.buffer);
        }
        self.buffer.clear();
        Ok(())
    }
}

/// Whether a transaction may be logged after `last`.
pub(super) fn check(last: Zxid, zxid: Zxid, payload: &[u8]) -> Result<(), StorageError> {
    if !last.may_be_followed_by(zxid) {
        return Err(StorageError::NotNext { last, found: zxid });
    }
    let header = txn_zxid_and_type(payload).map(|(zxid, _)| zxid);
    if header != Some(zxid) {
        return Err(StorageError::NotATransaction { zxid, header });
    }
    Ok(())
}

/// The length a file should be extended to so that what ends at `end` fits, or `None` if it does
/// already. ZooKeeper extends in steps of `preAllocSize`; 0 turns it off.
fn padded(end: u64, len: u64, step: u64) -> Option<u64> {
    if step == 0 || end + MARGIN < len {
        return None;
    }
    let wanted = end + MARGIN + 1 - len;
    Some(len + wanted.div_ceil(step) * step)
}

#[cfg(test)]
mod tests {
    use super::padded;

    #[test]
    fn files_grow_in_steps() {
        let mib = 64 << 20;
        assert_eq!(padded(100, 0, mib), Some(mib));
        assert_eq!(padded(mib - 4097, mib, mib), None);
        assert_eq!(padded(mib - 4096, mib, mib), Some(2 * mib));
        assert_eq!(padded(3 * mib, mib, mib), Some(4 * mib));
        assert_eq!(padded(1 << 40, 10, 0), None);
    }
}
