//! The two threads that wait for the disk: one writes the log, one writes snapshots and removes old
//! files.
//!
//! Group commit needs no timer: whatever was queued while the last sync ran is the next batch.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use mio::Waker;
use quorate_core::ids::{Ticket, Zxid};
use quorate_core::pipeline::TreeImage;
use quorate_core::wire::state::Snapshot;
use tracing::{debug, error, info, warn};

use super::backlog::{Backlog, Word};
use super::recorder::SyncedUpTo;
use crate::config::Autopurge;
use crate::error::{Error, system};
use crate::mutation::mutated;
use crate::net::Pressure;
use crate::storage::{Outcome, Purger, RealDisk, SnapshotJob, Storage, StorageError, StorageOp};

/// What a storage operation is made of.
pub(crate) type Op = StorageOp<TreeImage>;
/// A snapshot to be written.
type Job<I> = SnapshotJob<RealDisk, I>;

/// How long the log writer may take for what is queued when the server stops. What it has not
/// written by then was not acknowledged.
const LAST_WRITES: Duration = Duration::from_secs(10);
/// After a snapshot that could not be written none is tried for this long; after the next one for twice
/// as long, and so on.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
/// The longest of these pauses.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// How long a leader's snapshot and what follows it wait for the rest of the leader's history, which is
/// under way.
const HOLD: Duration = Duration::from_secs(3);

/// How often the snapshot thread looks whether older files are to be removed.
const PURGE_LOOK: Duration = Duration::from_secs(5);

/// What a thread has to say.
#[derive(Debug)]
pub(crate) enum Finished {
    /// This operation and every earlier one is durable; the batch took this time.
    Done(Ticket, Duration),
    /// The snapshot is durable; it took this time.
    SnapshotTaken(Duration),
    /// The snapshot was given up. Nothing is lost: the log has everything.
    SnapshotGivenUp {
        /// Whether the snapshot could not be written. Otherwise it was not wanted any more.
        failed: bool,
    },
    /// The log cannot be written: the process must end.
    LogFailed(StorageError),
    /// The directory of the snapshots cannot be synced: the process ends.
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
    /// When older files are removed; the snapshot thread looks at it.
    purges: Arc<Mutex<Option<Autopurge>>>,
    /// The log writer is gone.
    gone: bool,
}

impl<I: Snapshot> DiskThreads<I> {
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
        let when = Arc::new(Mutex::new(autopurge));
        let purges = Purges { purger: storage.purger(), when: Arc::clone(&when), last: None };
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
            purges: when,
            gone: false,
        })
    }

    /// Add an operation to this turn's batch.
    pub(crate) fn add(&mut self, op: StorageOp<I>) {
        self.batch.push(op);
    }

    /// Hand this turn's batch to the log writer; says how many operations that were, if there is a batch.
    pub(crate) fn submit(&mut self) -> Option<usize> {
        if self.batch.is_empty() {
            return None;
        }
        let batch = std::mem::take(&mut self.batch);
        if let Some(last) = batch.iter().rev().find_map(StorageOp::ticket) {
            let bytes = batch.iter().map(StorageOp::size).sum();
            self.backlog.given(Instant::now(), last, batch.len(), bytes);
        }
        let operations = batch.len();
        if let Some(ops) = &self.ops {
            self.gone |= ops.send(batch).is_err();
        }
        Some(operations)
    }

    /// How long the batches that are done had waited, since this was asked last.
    pub(crate) fn waits(&mut self) -> impl Iterator<Item = Duration> {
        self.backlog.waits()
    }

    /// Remove older files at other times, or never.
    pub(crate) fn set_autopurge(&self, autopurge: Option<Autopurge>) {
        *self.purges.lock().unwrap_or_else(PoisonError::into_inner) = autopurge;
    }

    /// Operations and bytes that are not durable yet.
    pub(crate) fn backlog(&self) -> (usize, usize) {
        self.backlog.amount()
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
            Some(Word::Silent { time, operations, bytes }) => error!(
                "the disk of the transaction log has not answered for {} s; {operations} operations with {bytes} \
                 bytes wait for it, and no write is acknowledged before",
                time.as_secs(),
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
        // If the driver listens no more the process is ending.
        let _ = self.outbox.send(finished);
        let _ = self.waker.wake();
    }
}

fn write_log<I: Snapshot>(
    mut storage: Storage<RealDisk>,
    inbox: &Receiver<Vec<StorageOp<I>>>,
    jobs: &Sender<Job<I>>,
    teller: &Teller,
    synced: &SyncedUpTo,
    close: &Sender<Storage<RealDisk>>,
) {
    while let Some(mut batch) = next_batch(&mut storage, inbox, teller, synced) {
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
    if let Err(why) = storage.settle() {
        return teller.tell(Finished::LogFailed(why));
    }
    // The driver does not wait for it if the process ends for another reason.
    let _ = close.send(storage);
}

/// What is to be done next; `None` at the end. What waits in the storage does not wait for long.
fn next_batch<I: Snapshot>(
    storage: &mut Storage<RealDisk>,
    inbox: &Receiver<Vec<StorageOp<I>>>,
    teller: &Teller,
    synced: &SyncedUpTo,
) -> Option<Vec<StorageOp<I>>> {
    if !storage.is_holding() {
        return inbox.recv().ok();
    }
    let began = Instant::now();
    match inbox.recv_timeout(HOLD) {
        Err(RecvTimeoutError::Timeout) => {}
        batch => return batch.ok(),
    }
    match storage.settle() {
        Ok(Some(ticket)) => {
            synced.set(ticket);
            teller.tell(Finished::Done(ticket, began.elapsed().saturating_sub(HOLD)));
        }
        Ok(None) => {}
        Err(why) => {
            teller.tell(Finished::LogFailed(why));
            return None;
        }
    }
    inbox.recv().ok()
}

/// Old files, and when they are removed.
struct Purges {
    purger: Purger<RealDisk>,
    when: Arc<Mutex<Option<Autopurge>>>,
    /// When they were removed last.
    last: Option<Instant>,
}

impl Purges {
    /// Remove them if it is time. What fails is tried again the next time: nothing depends on it.
    fn run_if_due(&mut self) {
        let Some(when) = *self.when.lock().unwrap_or_else(PoisonError::into_inner) else { return };
        if self.last.is_some_and(|last| last.elapsed() < when.interval) {
            return;
        }
        self.last = Some(Instant::now());
        match self.purger.purge(when.retain) {
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
fn next_job<I>(inbox: &Receiver<Job<I>>, purges: &mut Purges) -> Option<Job<I>> {
    loop {
        purges.run_if_due();
        match inbox.recv_timeout(PURGE_LOOK) {
            Ok(job) => return Some(job),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
}

/// When snapshots are tried again after some could not be written.
#[derive(Debug, Default)]
struct Pause {
    failures: u32,
    until: Option<Instant>,
}

impl Pause {
    /// One could not be written; returns for how long none is tried.
    fn failed(&mut self, now: Instant) -> Duration {
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(16)).min(LONGEST_PAUSE);
        self.failures += 1;
        self.until = Some(now + pause);
        pause
    }

    /// Whether it is too early for another.
    fn lasts(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }
}

fn write_snapshots<I: Snapshot>(inbox: &Receiver<Job<I>>, teller: &Teller, mut purges: Purges) {
    let mut pause = Pause::default();
    while let Some(job) = next_job(inbox, &mut purges) {
        let began = Instant::now();
        if pause.lasts(began) {
            debug!("snapshot {} is not tried: the last one could not be written", job.zxid());
            teller.tell(Finished::SnapshotGivenUp { failed: false });
            continue;
        }
        let finished = write_snapshot(job, began, &mut pause);
        let is_over = matches!(finished, Finished::SnapshotFailed(_));
        teller.tell(finished);
        if is_over {
            return;
        }
    }
}

/// Write one and say what came of it.
fn write_snapshot<I: Snapshot>(job: Job<I>, began: Instant, pause: &mut Pause) -> Finished {
    let zxid: Zxid = job.zxid();
    match job.run() {
        Ok(Outcome::Taken) => {
            info!("snapshot {zxid} written");
            *pause = Pause::default();
            return Finished::SnapshotTaken(began.elapsed());
        }
        Ok(Outcome::Replaced) => info!("snapshot {zxid} dropped: the history it belongs to was replaced"),
        Ok(Outcome::NotExact) => {
            info!("snapshot {zxid} not written: the state that ZooKeeper left is not caught up with yet");
        }
        Ok(Outcome::GivenUp(why)) => {
            let wait = pause.failed(Instant::now()).as_secs();
            let advice = if why.is_no_room() { ": make room" } else { "" };
            error!(
                "snapshot {zxid} given up: {why}; nothing is lost, the log has everything, and the next snapshot \
                 is tried when its time comes, in {wait} s at the earliest{advice}"
            );
            return Finished::SnapshotGivenUp { failed: true };
        }
        Err(why) => return Finished::SnapshotFailed(why),
    }
    Finished::SnapshotGivenUp { failed: false }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::fs;
    use std::path::Path;

    use mio::Poll;
    use quorate_core::wire::snapshot::SnapshotItem;
    use quorate_core::wire::state::{Reach, SnapshotBody, SnapshotBuilder};

    use super::*;
    use crate::storage::{StorageConfig, VERSION_DIR};

    /// A state whose snapshot says when it is begun, and is not finished before it may.
    #[derive(Clone)]
    struct Slow(Option<Gate>);
    type Gate = (Sender<()>, Arc<Mutex<Receiver<()>>>);

    impl Snapshot for Slow {
        type Builder = NoBuilder;

        fn body(&self) -> Box<dyn SnapshotBody + '_> {
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

    impl SnapshotBody for Empty {
        fn fill(&mut self, _: &mut Vec<u8>, _: usize) -> bool {
            true
        }
    }

    #[derive(Clone)]
    struct NoBuilder;

    impl SnapshotBuilder for NoBuilder {
        type Snapshot = Slow;
        type Error = Infallible;

        fn add(&mut self, _: SnapshotItem) -> Result<(), Infallible> {
            Ok(())
        }

        fn finish(self, _: Zxid, _: Reach) -> Result<Slow, Infallible> {
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

    /// An append of an error transaction whose header names the transaction `n`.
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

    /// What the log writer says next of what is durable.
    fn next_done(disk: &mut DiskThreads<Slow>) -> Ticket {
        loop {
            match disk.finished(Instant::now()) {
                Some(Finished::Done(ticket, _)) => return ticket,
                None => thread::sleep(Duration::from_millis(1)),
                Some(other) => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_leaders_snapshot_does_not_wait_for_ever_for_what_completes_it() {
        let dir = tempfile::tempdir().unwrap();
        let (mut disk, _poll) = start(dir.path());
        let data = dir.path().join(VERSION_DIR);
        disk.add(StorageOp::InstallSnapshot(Ticket(0), Zxid(4), Slow(None)));
        disk.add(append(5));
        disk.submit();
        assert_eq!(next_done(&mut disk), Ticket(5));
        assert!(data.join("snapshot.4").exists() && data.join("log.5").exists());
        // Nor when the server stops.
        disk.add(StorageOp::InstallSnapshot(Ticket(6), Zxid(7), Slow(None)));
        disk.stop().unwrap();
        assert!(data.join("snapshot.7").exists() && !data.join("log.5").exists());
    }

    #[test]
    fn a_snapshot_that_cannot_be_written_ends_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (mut disk, _poll) = start(dir.path());
        let data = dir.path().join(VERSION_DIR);
        fs::create_dir(data.join("snapshot.1")).unwrap();
        let mut heard = Vec::new();
        for n in [1, 2] {
            disk.add(append(n));
            disk.add(StorageOp::TakeSnapshot(Zxid(n), Slow(None)));
            disk.submit();
            while heard.len() < n as usize {
                match disk.finished(Instant::now()) {
                    Some(Finished::SnapshotGivenUp { failed }) => heard.push(failed),
                    Some(Finished::Done(..)) => {}
                    None => thread::sleep(Duration::from_millis(1)),
                    Some(other) => panic!("{other:?}"),
                }
            }
        }
        // The second was not tried: it is too early.
        assert_eq!(heard, [true, false]);
        disk.stop().unwrap();
        assert!(data.join("log.2").exists() && !data.join("snapshot.2").exists());
        assert!(!data.join("tmp.snapshot.1").exists());
    }

    #[test]
    fn the_pauses_between_snapshots_that_fail_grow_and_are_bounded() {
        let (mut pause, now) = (Pause::default(), Instant::now());
        assert!(!pause.lasts(now));
        let pauses: Vec<u64> = (0..12).map(|_| pause.failed(now).as_secs()).collect();
        assert_eq!(pauses[..4], [30, 60, 120, 240]);
        assert_eq!(pauses[8..], [3600; 4]);
        assert!(pause.lasts(now + Duration::from_secs(3599)) && !pause.lasts(now + LONGEST_PAUSE));
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
