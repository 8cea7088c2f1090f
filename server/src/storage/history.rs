//! Reads the logs after a snapshot: which transactions there are, and whether any is missing. The caller
//! decides what is kept of them.
//!
//! Nothing is changed here: what has to be mended comes back as [`Mending`], to be done when
//! everything else is known to be in order.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use quorate_core::ids::Zxid;
use quorate_core::wire::files::FileKind;
use simd_adler32::adler32;

use super::disk::{Disk, SyncPoint};
use super::error::{During, StorageError};
use super::log_reader::{Damage, Ending, LogReader, Record};
use super::paths::Paths;

/// The type of an error transaction: it has no effect.
const ERROR_TXN: i32 = -1;

/// The logs as they are.
#[derive(Debug, Default)]
pub(super) struct Logs {
    /// The last transaction after the snapshot.
    pub(super) last: Option<Zxid>,
    /// The first log with a transaction in it.
    pub(super) some_log: Option<PathBuf>,
    /// Every log that was read.
    pub(super) read: Vec<PathBuf>,
    /// What has to be mended.
    pub(super) mending: Mending,
}

/// What a crash has left behind.
#[derive(Debug, Default)]
pub(super) struct Mending {
    /// A torn tail: the file and the length of what is intact.
    cut: Option<(PathBuf, u64)>,
    /// Logs without a transaction behind the last one that has some (ZOOKEEPER-2332).
    empty: Vec<PathBuf>,
}

/// How a file ends that no later transaction continues so far.
struct FileEnd {
    path: PathBuf,
    intact: u64,
    damage: Option<Damage>,
    /// Whether there is a transaction in it.
    used: bool,
}

/// Read every log that may contain transactions after `base`. `keep` is given these, oldest first,
/// without a gap.
pub(super) fn read<D: Disk>(
    disk: &D,
    paths: &Paths,
    base: Zxid,
    keep: &mut dyn FnMut(Zxid, Bytes),
) -> Result<Logs, StorageError> {
    let mut files: Vec<(Zxid, PathBuf)> = Vec::new();
    for name in disk.list(&paths.log).during("list", &paths.log)? {
        if let Some((first, _)) = FileKind::Log.parse_name(&name) {
            files.push((first, paths.log.join(name)));
        }
    }
    files.sort();
    // The transaction after the snapshot is in the newest file that does not begin after it.
    let start = files.iter().rposition(|(first, _)| first.0 <= base.0.saturating_add(1)).unwrap_or(0);
    let (logs, open_ends, seen) = (Logs::default(), Vec::new(), Vec::new());
    let mut reading = Reading { logs, last: base, base, seen, open_ends, keep };
    for (first, path) in files.drain(..).skip(start) {
        reading.read_file(disk, first, path)?;
    }
    reading.finish()
}

/// Files read so far.
struct Reading<'a> {
    keep: &'a mut dyn FnMut(Zxid, Bytes),
    logs: Logs,
    base: Zxid,
    last: Zxid,
    /// Every transaction that was read, in order, with its checksum.
    seen: Vec<(Zxid, u32)>,
    /// The last file with transactions and the files without after it.
    open_ends: Vec<FileEnd>,
}

impl Reading<'_> {
    fn read_file<D: Disk>(&mut self, disk: &D, name: Zxid, path: PathBuf) -> Result<(), StorageError> {
        let mut reader = LogReader::open(disk, &path)?;
        self.logs.read.push(path.clone());
        let mut within = None;
        while let Some(record) = reader.next_record()? {
            match within {
                None if record.zxid != name => {
                    let what =
                        format!("the first transaction is {}, which is not the file's name", record.zxid);
                    return Err(reader.damaged(record.at, what));
                }
                None => {
                    for end in self.open_ends.drain(..) {
                        check_continued(&end, self.last, record.zxid)?;
                    }
                    self.logs.some_log.get_or_insert_with(|| path.clone());
                }
                Some(_) => {}
            }
            self.add(&record, within).map_err(|last| StorageError::Gap {
                path: path.clone(),
                offset: record.at,
                last,
                found: record.zxid,
            })?;
            within = Some(record.zxid);
        }
        let intact = reader.position();
        let damage = match reader.ending() {
            Ending::Clean => None,
            Ending::Damage(damage) => Some(damage),
        };
        self.open_ends.push(FileEnd { path, intact, damage, used: within.is_some() });
        Ok(())
    }

    /// Add a transaction that comes after `within` in the same file. The error is the transaction
    /// it should continue and does not.
    fn add(&mut self, record: &Record, within: Option<Zxid>) -> Result<(), Zxid> {
        if self.is_repeated(record) {
            return Ok(());
        }
        if record.zxid <= self.base {
            return match within {
                Some(within) if record.zxid < within => Err(within),
                _ => Ok(()),
            };
        }
        if self.last.may_be_followed_by(record.zxid) {
            self.last = record.zxid;
            self.logs.last = Some(record.zxid);
            (self.keep)(record.zxid, record.payload.clone());
            return Ok(());
        }
        // A standalone ZooKeeper logs a request that fails before it gets a zxid with the last
        // one. It has no effect.
        if record.zxid == self.last && record.kind == ERROR_TXN { Ok(()) } else { Err(self.last) }
    }

    /// Whether the transaction was read before. A ZooKeeper follower that comes back to its leader logs again
    /// what it had logged and not applied.
    fn is_repeated(&mut self, record: &Record) -> bool {
        let (txn, sum) = (record.zxid, adler32(&&record.payload[..]));
        match self.seen.last() {
            Some((last, _)) if txn <= *last => self.seen.binary_search(&(txn, sum)).is_ok(),
            _ => {
                self.seen.push((txn, sum));
                false
            }
        }
    }

    fn finish(mut self) -> Result<Logs, StorageError> {
        for end in self.open_ends {
            if let Some(damage) = &end.damage {
                check_tail(&end, damage)?;
                tracing::warn!(
                    file = %end.path.display(), offset = damage.at, what = damage.what,
                    bytes = damage.ends - damage.at,
                    "the log ends with a write that was not finished and not acknowledged; it is cut off"
                );
            }
            match (end.used, end.damage) {
                (false, _) => self.logs.mending.empty.push(end.path),
                (true, Some(_)) => self.logs.mending.cut = Some((end.path, end.intact)),
                (true, None) => {}
            }
        }
        Ok(self.logs)
    }
}

/// At the end of the last log: what an unfinished write leaves, or damage.
fn check_tail(end: &FileEnd, damage: &Damage) -> Result<(), StorageError> {
    match damage.verdict() {
        None => Ok(()),
        Some(what) => Err(damaged(&end.path, damage, what)),
    }
}

/// At the end of a log that another one continues with `next`: nothing may be missing between.
///
/// A server that was killed leaves an unfinished write, which was not acknowledged, and goes on in a new
/// file when it is started again. Where the new file has what should be here, nothing can be missing.
fn check_continued(end: &FileEnd, last: Zxid, next: Zxid) -> Result<(), StorageError> {
    let Some(damage) = &end.damage else { return Ok(()) };
    match damage.verdict() {
        Some(_) if damage.intact_after.is_none() && last.next() == Some(next) => Ok(()),
        Some(what) => {
            let what = format!("{what}; a later log goes on with transaction {next}");
            Err(damaged(&end.path, damage, what))
        }
        None => Ok(()),
    }
}

fn damaged(path: &Path, damage: &Damage, what: String) -> StorageError {
    StorageError::DamagedLog { path: path.to_path_buf(), offset: damage.at, what }
}

impl Mending {
    /// Cut the torn tail, remove logs without transactions.
    pub(super) fn apply<D: Disk>(&self, disk: &D, paths: &Paths) -> Result<(), StorageError> {
        if let Some((path, intact)) = &self.cut {
            let file = disk.open(path).during("open", path)?;
            disk.set_len(&file, *intact).during("cut", path)?;
            disk.sync(&file, SyncPoint::LogTailCut).during("sync", path)?;
        }
        for path in &self.empty {
            disk.remove(path).during("remove", path)?;
        }
        if !self.empty.is_empty() {
            disk.sync_dir(&paths.log, SyncPoint::EmptyLogsRemoved).during("sync", &paths.log)?;
        }
        Ok(())
    }
}
