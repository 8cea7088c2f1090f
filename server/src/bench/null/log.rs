//! A file that is appended to and synced on a thread of its own, and is never read.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;

use mio::Waker;

/// The file is written from its beginning again after this many bytes. They are there from the start, so
/// that a sync has no new blocks to note, which is what servers do with their logs too.
const LENGTH: u64 = 16 << 20;

/// Writes in order: what is given while a sync runs is the next batch.
pub(super) struct Log {
    batches: Sender<Batch>,
    synced: Receiver<io::Result<u64>>,
}

/// Bytes, and the number of the last write in them.
struct Batch {
    last: u64,
    bytes: Vec<u8>,
}

impl Log {
    /// Make the file; `waker` is woken after each sync.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn open(path: &Path, waker: Arc<Waker>) -> io::Result<Log> {
        let file = OpenOptions::new().create(true).truncate(true).write(true).open(path)?;
        file.write_all_at(&vec![0; LENGTH as usize], 0)?;
        file.sync_all()?;
        let (batches, to_write) = channel();
        let (done, synced) = channel();
        let writer = move || {
            let mut end = 0;
            while let Ok(batch) = to_write.recv() {
                let result = write(&file, &mut end, batch, &to_write);
                let failed = result.is_err();
                // Without a server to tell there is no wish either.
                if done.send(result).is_err() || waker.wake().is_err() || failed {
                    return;
                }
            }
        };
        thread::Builder::new().name("log".to_owned()).spawn(writer)?;
        Ok(Log { batches, synced })
    }

    /// Append these bytes, the last write in which has this number.
    ///
    /// # Errors
    /// The thread has ended.
    pub(super) fn append(&self, last: u64, bytes: Vec<u8>) -> io::Result<()> {
        self.batches.send(Batch { last, bytes }).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    /// The number of the last write that is on the disk, if a sync has ended since the last call.
    ///
    /// # Errors
    /// A write or a sync has failed.
    pub(super) fn synced(&self) -> io::Result<Option<u64>> {
        let mut last = None;
        loop {
            match self.synced.try_recv() {
                Ok(synced) => last = Some(synced?),
                Err(TryRecvError::Empty) => return Ok(last),
                Err(TryRecvError::Disconnected) => return Err(io::ErrorKind::BrokenPipe.into()),
            }
        }
    }
}

/// Write a batch and everything that waits behind it, and sync once.
fn write(file: &File, end: &mut u64, batch: Batch, waiting: &Receiver<Batch>) -> io::Result<u64> {
    let mut next = Some(batch);
    let mut last = 0;
    while let Some(batch) = next {
        file.write_all_at(&batch.bytes, *end)?;
        *end += batch.bytes.len() as u64;
        if *end > LENGTH {
            *end = 0;
        }
        last = batch.last;
        next = waiting.try_recv().ok();
    }
    file.sync_data()?;
    Ok(last)
}
