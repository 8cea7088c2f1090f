//! The two threads that wait for the disk: one writes the log, one writes snapshots.
//!
//! Group commit needs no timer: whatever was queued while the last sync ran is the next batch.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use mio::Waker;
use quorate_core::ids::{Ticket, Zxid};
use quorate_core::pipeline::TreeImage;
use tracing::{error, info};

use crate::error::{Error, system};
use crate::storage::{RealDisk, SnapshotJob, Storage, StorageError, StorageOp};

/// What a storage operation is made of.
pub(crate) type Op = StorageOp<TreeImage>;
/// A snapshot to be written.
type Job = SnapshotJob<RealDisk, TreeImage>;

/// What a thread has to say.
#[derive(Debug)]
pub(crate) enum Finished {
    /// This operation and every earlier one is durable.
    Done(Ticket),
    /// The snapshot is durable, or no longer wanted.
    SnapshotTaken,
    /// The log cannot be written: the process must end.
    LogFailed(StorageError),
    /// The snapshot cannot be written: the process ends.
    SnapshotFailed(StorageError),
}

/// The threads and the ways to them and back.
#[derive(Debug)]
pub(crate) struct DiskThreads {
    /// Dropped first when the threads shall end.
    ops: Option<Sender<Vec<Op>>>,
    finished: Receiver<Finished>,
    threads: Vec<JoinHandle<()>>,
    batch: Vec<Op>,
}

impl DiskThreads {
    /// Start both. `waker` is woken for everything they have to say.
    pub(crate) fn start(storage: Storage<RealDisk>, waker: Arc<Waker>) -> Result<DiskThreads, Error> {
        let (ops, ops_inbox) = channel();
        let (jobs, jobs_inbox) = channel();
        let (outbox, finished) = channel();
        let tell = Teller { outbox, waker };
        let teller = tell.clone();
        let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
            thread::Builder::new().name(name.into()).spawn(run).map_err(system("starting a disk thread"))
        };
        let threads = vec![
            spawn("log-writer", Box::new(move || write_log(storage, &ops_inbox, &jobs, &teller)))?,
            spawn("snapshot", Box::new(move || write_snapshots(&jobs_inbox, &tell)))?,
        ];
        Ok(DiskThreads { ops: Some(ops), finished, threads, batch: Vec::new() })
    }

    /// Add an operation to this turn's batch.
    pub(crate) fn add(&mut self, op: Op) {
        self.batch.push(op);
    }

    /// Hand this turn's batch to the log writer.
    pub(crate) fn submit(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let batch = std::mem::take(&mut self.batch);
        if let Some(ops) = &self.ops {
            // A writer that is gone has said why it ended.
            let _ = ops.send(batch);
        }
    }

    /// The next thing a thread has to say.
    pub(crate) fn finished(&self) -> Option<Finished> {
        self.finished.try_recv().ok()
    }

    /// Finish what is queued and end both threads.
    pub(crate) fn stop(mut self) {
        self.submit();
        drop(self.ops.take());
        for thread in self.threads {
            if thread.join().is_err() {
                error!("a disk thread panicked");
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

fn write_log(mut storage: Storage<RealDisk>, inbox: &Receiver<Vec<Op>>, jobs: &Sender<Job>, teller: &Teller) {
    while let Ok(first) = inbox.recv() {
        let mut batch = first;
        while let Ok(more) = inbox.try_recv() {
            batch.extend(more);
        }
        match storage.execute(batch) {
            Ok(executed) => {
                if let Some(ticket) = executed.done {
                    teller.tell(Finished::Done(ticket));
                }
                for job in executed.snapshots {
                    let _ = jobs.send(job);
                }
            }
            Err(why) => return teller.tell(Finished::LogFailed(why)),
        }
    }
}

fn write_snapshots(inbox: &Receiver<Job>, teller: &Teller) {
    while let Ok(job) = inbox.recv() {
        let zxid: Zxid = job.zxid();
        match job.run() {
            Ok(true) => info!("snapshot {zxid} written"),
            Ok(false) => info!("snapshot {zxid} dropped: the history it belongs to was replaced"),
            Err(why) => return teller.tell(Finished::SnapshotFailed(why)),
        }
        teller.tell(Finished::SnapshotTaken);
    }
}
