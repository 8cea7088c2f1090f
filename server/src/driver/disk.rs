//! The two threads that wait for the disk: one writes the log, one writes snapshots and removes old
//! files.
//!
//! Group commit needs no timer: whatever was queued while the last sync ran is the next batch.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use mio::Waker;
use quorate_core::ids::{Ticket, Zxid};
use quorate_core::pipeline::TreeImage;
use tracing::{error, info, warn};

use super::backlog::{Backlog, Word};
use super::recorder::SyncedUpTo;
use crate::config::Autopurge;
use crate::error::{Error, system};
use crate::mutation::mutated;
use crate::net::Pressure;
use crate::storage::{Image, Outcome, Purger, RealDisk, SnapshotJob, Storage, StorageError, StorageOp};

/// What a storage operation is made of.
pub(crate) type Op = StorageOp<TreeImage>;
/// A snapshot to be written.
type Job<I> = SnapshotJob<RealDisk, I>;

/// How long the log writer may take for what is queued when the server stops. What it has not
/// written by then was not acknowledged.
const LAST_WRITES: Duration = Duration::from_secs(10);

/// What a thread has to say.
#[derive(Debug)]
pub(crate) enum Finished {
    /// This operation and every earlier one is durable; the batch took so long.
    Done(Ticket, Duration),
    /// The snapshot is durable, or was given up; it took so long.
    SnapshotTaken(Duration),
    /// The log cannot be written: the process must end.
    LogFailed(StorageError),
    /// The snapshot cannot be written: the process ends.
    SnapshotFailed(StorageError),
}

/// The threads and the ways to them and back.
#[derive(Debug)]
pub(crate) struct DiskThreads<I = TreeImage> {
    /// Dropped first when the threads shall end.
    ops: Option<Sender<Vec<StorageOp<I>>>>,
    finished: Receiver<Finished>,
    /// The log writer's storage, when it has nothing more to write.
    closed: Receiver<Storage<RealDisk>>,
    batch: Vec<StorageOp<I>>,
    backlog: Backlog,
    /// The log writer is gone.
    gone: bool,
}

impl<I: Image> DiskThreads<I> {
    /// Start both. `waker` is woken for everything they have to say.
    pub(crate) fn start(
        storage: Storage<RealDisk>,
        waker: Arc<Waker>,
        autopurge: Option<Autopurge>,
        synced: SyncedUpTo,
    ) -> Result<Self, Error> {
        let (ops, ops_inbox) = channel();
        let (jobs, jobs_inbox) = channel();
        let (outbox, finished) = channel();
        let (close, closed) = channel();
        let tell = Teller { outbox, waker };
        let purges = autopurge.map(|when| Purges { purger: storage.purger(), when, due: Instant::now() });
        let teller = tell.clone();
        let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
            thread::Builder::new().name(name.into()).spawn(run).map_err(system("starting a disk thread"))
        };
        spawn(
            "log-writer",
            Box::new(move || write_log(storage, &ops_inbox, &jobs, &teller, &synced, &close)),
        )?;
        spawn("snapshot", Box::new(move || write_snapshots(&jobs_inbox, &tell, purges)))?;
        Ok(DiskThreads {
            ops: Some(ops),
            finished,
            closed,
            batch: Vec::new(),
            backlog: Backlog::default(),
            gone: false,
        })
    }

    /// Add an operation to this turn's batch.
    pub(crate) fn add(&mut self, op: StorageOp<I>) {
        self.batch.push(op);
    }

    /// Hand this turn's batch to the log writer.
    pub(crate) fn submit(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let batch = std::mem::take(&mut self.batch);
        if let Some(last) = batch.iter().rev().find_map(StorageOp::ticket) {
            let bytes = batch.iter().map(StorageOp::size).sum();
            self.backlog.given(Instant::now(), last, bytes);
        }
        if let Some(ops) = &self.ops {
            self.gone |= ops.send(batch).is_err();
        }
    }

    /// The next thing a thread has to say.
    pub(crate) fn finished(&mut self, now: Instant) -> Option<Finished> {
        let Ok(finished) = self.finished.try_recv() else {
            // It has said why it ended, unless it could not.
            return self.gone.then(|| Finished::LogFailed(StorageError::Failed("its thread is gone".into())));
        };
        if let Finished::Done(ticket, _) = finished {
            let word = self.backlog.done(now, ticket);
            self.tell(word);
        }
        Some(finished)
    }

    /// What the network should do about what waits for the disk.
    pub(crate) fn pressure(&self) -> Pressure {
        self.backlog.pressure()
    }

    /// When [`watch`](Self::watch) has something to do.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.backlog.next_due()
    }

    /// Say so if the disk does not answer.
    pub(crate) fn watch(&mut self, now: Instant) {
        let word = self.backlog.word(now);
        self.tell(word);
    }

    fn tell(&self, word: Option<Word>) {
        match word {
            None => {}
            Some(Word::Silent(time, bytes)) => error!(
                "the disk of the transaction log has not answered for {} s; {} KiB wait to be written, and no \
                 write is acknowledged before",
                time.as_secs(),
                bytes / 1024
            ),
            Some(Word::Answers(time)) => {
                warn!("the disk of the transaction log answers again, after {} s", time.as_secs());
            }
        }
    }

    /// Write what is queued for the log; the process is about to end.
    ///
    /// A snapshot under way is abandoned: under its temporary name it is nothing, and the next
    /// start removes it. The directory stays taken until the process is gone.
    ///
    /// # Errors
    /// The log could not be written, or not within [`LAST_WRITES`].
    pub(crate) fn stop(mut self) -> Result<(), Error> {
        self.submit();
        drop(self.ops.take());
        match self.closed.recv_timeout(LAST_WRITES) {
            Ok(storage) => {
                std::mem::forget(storage);
                Ok(())
            }
            Err(RecvTimeoutError::Timeout) => Err(Error::LogUnfinished(LAST_WRITES)),
            Err(RecvTimeoutError::Disconnected) => {
                let failed = self.finished.try_iter().find_map(|finished| match finished {
                    Finished::LogFailed(why) => Some(Error::Log(why)),
                    _ => None,
                });
                Err(failed.unwrap_or(Error::LogUnfinished(Duration::ZERO)))
            }
        }
    }
}

/// Says things and wakes the loop to hear them.
#[derive(Clone)]
struct Teller {
    outbox: Sender<Finished>,
    waker: Arc<Waker>,
}

impl Teller {
    fn tell(&self, finished: Finished) {
        // If nobody listens any more the process is ending.
        let _ = self.outbox.send(finished);
        let _ = self.waker.wake();
    }
}

fn write_log<I: Image>(
    mut storage: Storage<RealDisk>,
    inbox: &Receiver<Vec<StorageOp<I>>>,
    jobs: &Sender<Job<I>>,
    teller: &Teller,
    synced: &SyncedUpTo,
    close: &Sender<Storage<RealDisk>>,
) {
    while let Ok(first) = inbox.recv() {
        let mut batch = first;
        while let Ok(more) = inbox.try_recv() {
            batch.extend(more);
        }
        let began = Instant::now();
        if mutated!(SentBeforeSync)
            && let Some(last) = batch.iter().rev().find_map(StorageOp::ticket)
        {
            teller.tell(Finished::Done(last, Duration::ZERO));
        }
        match storage.execute(batch) {
            Ok(executed) => {
                if let Some(ticket) = executed.done {
                    synced.set(ticket);
                    teller.tell(Finished::Done(ticket, began.elapsed()));
                }
                for job in executed.snapshots {
                    let _ = jobs.send(job);
                }
            }
            Err(why) => return teller.tell(Finished::LogFailed(why)),
        }
    }
    // Nobody waits for it if the process ends for another reason.
    let _ = close.send(storage);
}

/// Old files, and when they are removed next.
struct Purges {
    purger: Purger<RealDisk>,
    when: Autopurge,
    due: Instant,
}

impl Purges {
    /// Remove them if it is time. What fails is tried again the next time: nothing depends on it.
    fn run_if_due(&mut self) {
        if Instant::now() < self.due {
            return;
        }
        self.due = Instant::now() + self.when.interval;
        match self.purger.purge(self.when.retain) {
            Ok(purged) if purged.removed.is_empty() => {}
            Ok(purged) => {
                for path in &purged.removed {
                    info!("autopurge: removed {}", path.display());
                }
                info!("autopurge: {} files removed, {} KiB", purged.removed.len(), purged.bytes / 1024);
            }
            Err(why) => warn!("autopurge: {why}"),
        }
    }
}

/// The next snapshot to be taken, `None` when there will be none; removes old files meanwhile.
fn next_job<I>(inbox: &Receiver<Job<I>>, purges: &mut Option<Purges>) -> Option<Job<I>> {
    loop {
        let Some(purges) = purges else { return inbox.recv().ok() };
        purges.run_if_due();
        match inbox.recv_timeout(purges.due.saturating_duration_since(Instant::now())) {
            Ok(job) => return Some(job),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
}

fn write_snapshots<I: Image>(inbox: &Receiver<Job<I>>, teller: &Teller, mut purges: Option<Purges>) {
    while let Some(job) = next_job(inbox, &mut purges) {
        let zxid: Zxid = job.zxid();
        let began = Instant::now();
        match job.run() {
            Ok(Outcome::Taken) => info!("snapshot {zxid} written"),
            Ok(Outcome::Replaced) => info!("snapshot {zxid} dropped: the history it belongs to was replaced"),
            Ok(Outcome::NoRoom(why)) => warn!(
                "snapshot {zxid} given up: {why}; nothing is lost, the log has everything, and the next snapshot \
                 is tried when its time comes: make room"
            ),
            Err(why) => return teller.tell(Finished::SnapshotFailed(why)),
        }
        teller.tell(Finished::SnapshotTaken(began.elapsed()));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::sync::Mutex;

    use mio::Poll;
    use quorate_core::wire::files::Sections;
    use quorate_core::wire::snapshot::SnapshotItem;

    use super::*;
    use crate::storage::{BodyEncoder, ImageBuilder, ImageError, StorageConfig, VERSION_DIR};

    /// A state whose snapshot says when it is begun, and is not finished before it may.
    #[derive(Clone)]
    struct Slow(Option<Gate>);
    type Gate = (Sender<()>, Arc<Mutex<Receiver<()>>>);

    impl Image for Slow {
        type Builder = NoBuilder;

        fn encoder(&self) -> Box<dyn BodyEncoder + '_> {
            if let Some((begun, go_on)) = &self.0 {
                begun.send(()).unwrap();
                let _ = go_on.lock().unwrap().recv();
            }
            Box::new(Empty)
        }

        fn digest(&self) -> Option<(i32, i64)> {
            None
        }
    }

    struct Empty;

    impl BodyEncoder for Empty {
        fn fill(&mut self, _: &mut Vec<u8>, _: usize) -> bool {
            true
        }
    }

    #[derive(Clone)]
    struct NoBuilder;

    impl ImageBuilder for NoBuilder {
        type Image = Slow;

        fn push(&mut self, _: SnapshotItem) -> Result<(), ImageError> {
            Ok(())
        }

        fn finish(self, _: &Sections) -> Result<Slow, ImageError> {
            Ok(Slow(None))
        }
    }

    fn start(dir: &Path) -> (DiskThreads<Slow>, Poll) {
        let poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), mio::Token(0)).unwrap());
        let config = StorageConfig { pre_alloc_size: 0, ..StorageConfig::new(dir) };
        let (storage, _) = Storage::open(RealDisk::default(), &config, &NoBuilder, || Slow(None)).unwrap();
        (DiskThreads::start(storage, waker, None, SyncedUpTo::default()).unwrap(), poll)
    }

    /// Its header names the transaction; it is an error transaction.
    fn append(n: u64) -> StorageOp<Slow> {
        let mut txn = vec![0; 40];
        txn[12..20].copy_from_slice(&n.to_be_bytes());
        txn[28..32].copy_from_slice(&(-1i32).to_be_bytes());
        StorageOp::Append(Ticket(n), Zxid(n), txn.into())
    }

    #[test]
    fn a_stop_writes_the_log_and_does_not_wait_for_a_snapshot() {
        let dir = tempfile::tempdir().unwrap();
        let (mut disk, _poll) = start(dir.path());
        let (begun, is_begun) = channel();
        let (_go_on, may_go_on) = channel();
        disk.add(append(1));
        disk.add(StorageOp::TakeSnapshot(Zxid(1), Slow(Some((begun, Arc::new(Mutex::new(may_go_on)))))));
        disk.submit();
        is_begun.recv().unwrap();
        disk.add(append(2));
        disk.stop().unwrap();
        let data = dir.path().join(VERSION_DIR);
        assert!(data.join("log.2").metadata().unwrap().len() > 40);
        assert!(!data.join("snapshot.1").exists());
    }

    #[test]
    fn a_log_that_cannot_be_written_at_the_end_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let (mut disk, _poll) = start(dir.path());
        fs::remove_dir_all(dir.path().join(VERSION_DIR)).unwrap();
        disk.add(append(1));
        let error = disk.stop().unwrap_err();
        assert!(matches!(error, Error::Log(_)), "{error}");
        assert_eq!(error.exit_code(), crate::error::EXIT_LOG);
    }
}
