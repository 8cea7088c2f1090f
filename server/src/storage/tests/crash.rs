//! Random work, crashes or a full disk anywhere (also during recovery), and what must be true afterwards. The
//! state is that after a first part of the operations, and everything reported as durable is in it.
//!
//! And the check of the check: with any one of the syncs left out, this must fail.

use std::path::{Path, PathBuf};

use quorate_core::ids::{Epoch, Ticket, Zxid};
use quorate_core::wire::files::FileKind;

use super::super::disk::{Disk, SyncPoint};
use super::super::{Outcome, SnapshotJob, Storage, StorageConfig, StorageError, StorageOp};
use super::files::{log_file, record, snapshot_file};
use super::images::{Fingerprint, FingerprintBuilder, txn};
use super::test_disk::{Rng, Room, TestDisk};

/// Everything that must survive.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Truth {
    accepted: Epoch,
    current: Epoch,
    trusted: bool,
    /// Where the state stands and what it is, oldest first: the state that was installed last,
    /// then one for each transaction.
    history: Vec<(Zxid, Fingerprint)>,
}

impl Truth {
    fn last(&self) -> (Zxid, Fingerprint) {
        self.history[self.history.len() - 1]
    }

    fn seen(&self) -> (Epoch, Epoch, bool, (Zxid, Fingerprint)) {
        (self.accepted, self.current, self.trusted || self.current > 0, self.last())
    }
}

/// What ends a life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    /// The process is killed.
    Kill,
    /// The disk is full; the process ends because of it.
    Full,
}

struct Run {
    rng: Rng,
    fault: Fault,
    disk: TestDisk,
    config: StorageConfig,
    /// What may be found: from what was last reported to what was last asked for.
    possible: Vec<Truth>,
    /// The operation that each of these is the truth after.
    after: Vec<Ticket>,
    /// The snapshots that were reported as taken and not asked to be replaced since.
    taken: Vec<Zxid>,
    /// Below this point nothing is truncated: the oldest state that can be rebuilt.
    floor: Zxid,
    tickets: u64,
    initialized: bool,
    /// A machine has stopped and left a hole in the last batch with an intact record behind it. A start
    /// cannot tell it from damage, and leaves it to the operator.
    is_refused: bool,
}

fn initial() -> Fingerprint {
    Fingerprint(7)
}

impl Run {
    fn new(seed: u64, skip: Option<SyncPoint>, fault: Fault) -> Self {
        let mut rng = Rng(seed);
        let disk = TestDisk::new();
        let mut config = StorageConfig::new("/data");
        config.pre_alloc_size = [0, 64, 4096][rng.below(3) as usize];
        config.txn_log_size_limit = [None, Some(100), Some(1000)][rng.below(3) as usize];
        config.data_log_dir = rng.one_in(2).then(|| PathBuf::from("/logs/here"));
        config.autocreate_db = rng.one_in(2);
        disk.skip(skip);
        let trusted = config.autocreate_db;
        let start = Truth { accepted: 0, current: 0, trusted, history: vec![(Zxid::ZERO, initial())] };
        Run {
            rng,
            fault,
            disk,
            config,
            possible: vec![start],
            after: vec![Ticket(0)],
            taken: Vec::new(),
            floor: Zxid::ZERO,
            tickets: 1,
            initialized: false,
            is_refused: false,
        }
    }

    fn initialize(&self) -> PathBuf {
        self.config.data_log_dir.as_deref().unwrap_or(Path::new("/data")).join("initialize")
    }

    /// Start, work, crash.
    fn live(&mut self) -> Result<(), String> {
        if self.rng.one_in(6) && !self.possible[0].trusted {
            self.disk.put(&self.initialize(), b"");
            self.possible.iter_mut().for_each(|truth| truth.trusted = true);
            self.initialized = true;
        }
        let changes = if self.rng.one_in(3) { self.rng.below(25) } else { self.rng.below(150) };
        let end = match self.fault {
            Fault::Kill => None,
            Fault::Full if self.rng.one_in(4) => Some(Room::Syncs(changes / 2)),
            Fault::Full => Some(Room::Writes(changes)),
        };
        match end {
            None => self.disk.kill_after(changes + 1),
            Some(room) => self.disk.room(room),
        }
        let mut used = self.try_start()?;
        if end.is_some() {
            // Started again and again while the disk is full: nothing gets lost by that.
            for _ in 0..self.rng.below(3) {
                used |= self.try_start()?;
            }
            self.disk.room(Room::Enough);
        }
        // The machine goes with it, or not.
        if self.rng.one_in(3) {
            self.disk.restart();
        } else {
            self.disk = self.disk.crash(&mut self.rng);
        }
        if used && self.disk.exists(&self.initialize()).unwrap() {
            return Err("initialize was used and is still there".to_string());
        }
        Ok(())
    }

    /// Start and work until the fault ends it. Returns whether a start found `initialize`.
    fn try_start(&mut self) -> Result<bool, String> {
        let mut used = false;
        let opened = Storage::open(self.disk.clone(), &self.config, &FingerprintBuilder::default(), initial);
        match opened {
            Ok((storage, found)) => {
                self.disk.is_mended();
                let mut history = vec![(found.snapshot.zxid, found.image)];
                for (zxid, txn) in &found.entries {
                    let (_, before) = history[history.len() - 1];
                    history.push((*zxid, before.then(*zxid, txn)));
                }
                let trusted = found.trusted;
                let (accepted, current) = (found.accepted_epoch, found.current_epoch);
                let seen = Truth { accepted, current, trusted, history };
                let truth = self.possible.iter().find(|truth| truth.seen() == seen.seen());
                let Some(truth) = truth.cloned() else {
                    return Err(format!("found {:?}, possible: {:?}", seen.seen(), self.describe()));
                };
                if self.taken.iter().any(|taken| *taken > found.snapshot.zxid) {
                    return Err(format!(
                        "snapshots {:?} were taken, {} found",
                        self.taken, found.snapshot.zxid
                    ));
                }
                used = self.initialized;
                // What is in front of the snapshot cannot be rebuilt for sure.
                self.floor = found.snapshot.zxid;
                self.possible = vec![truth];
                self.after = vec![Ticket(self.tickets - 1)];
                self.work(storage)?;
            }
            Err(error) if self.ended_by(&error) => {}
            Err(StorageError::DamagedLog { what, .. })
                if self.disk.has_holes() && what.contains("an intact transaction follows") =>
            {
                self.is_refused = true;
            }
            Err(error) => return Err(format!("refused: {error}")),
        }
        Ok(used)
    }

    /// Whether this is what the fault of this life looks like.
    fn ended_by(&self, error: &StorageError) -> bool {
        match self.fault {
            Fault::Kill => self.disk.killed(),
            Fault::Full => self.disk.is_full() && error.is_no_room(),
        }
    }

    fn describe(&self) -> Vec<(Epoch, Epoch, bool, (Zxid, Fingerprint))> {
        self.possible.iter().map(Truth::seen).collect()
    }

    fn work(&mut self, mut storage: Storage<TestDisk>) -> Result<(), String> {
        let mut jobs: Vec<SnapshotJob<TestDisk, Fingerprint>> = Vec::new();
        loop {
            let ops: Vec<_> = (0..=self.rng.below(4)).map(|_| self.next_op()).collect();
            let was_holding = storage.is_holding();
            match storage.execute(ops.clone()) {
                Ok(executed) => {
                    // What waited may have become durable with a snapshot that has no ticket.
                    let waited = executed.done.filter(|_| was_holding);
                    let ticket = ops.iter().rev().find_map(StorageOp::ticket).or(waited);
                    if executed.done != ticket && !storage.is_holding() {
                        return Err(format!("reported {:?} of {ops:?}", executed.done));
                    }
                    self.reported(executed.done);
                    jobs.extend(executed.snapshots);
                }
                Err(error) if self.ended_by(&error) => return Ok(()),
                Err(error) => return Err(format!("{ops:?}: {error}")),
            }
            if self.rng.one_in(5) {
                match storage.settle() {
                    Ok(done) => self.reported(done),
                    Err(error) if self.ended_by(&error) => return Ok(()),
                    Err(error) => return Err(format!("settle: {error}")),
                }
            }
            if self.rng.one_in(6) {
                match storage.purger().purge(1 + self.rng.below(2) as usize) {
                    // The snapshots are those of a history that is about to be replaced.
                    Ok(_) if storage.is_holding() => {}
                    // What is in front of the snapshots that stay cannot be rebuilt.
                    Ok(_) => self.floor = self.floor.max(self.oldest_snapshot()),
                    Err(error) if self.ended_by(&error) => return Ok(()),
                    Err(error) => return Err(format!("purge: {error}")),
                }
            }
            if self.rng.one_in(2) && !jobs.is_empty() {
                let job = jobs.remove(0);
                let zxid = job.zxid();
                match job.run() {
                    Ok(Outcome::Taken) => self.taken.push(zxid),
                    Ok(Outcome::Replaced) => {}
                    Ok(Outcome::NotExact) => return Err("it is exact".to_string()),
                    Ok(Outcome::GivenUp(_)) if self.disk.killed() => return Ok(()),
                    // The server goes on.
                    Ok(Outcome::GivenUp(error)) if self.ended_by(&error) => self.check_given_up(zxid)?,
                    Ok(Outcome::GivenUp(error)) => return Err(format!("there is room: {error}")),
                    Err(error) if self.ended_by(&error) => return Ok(()),
                    Err(error) => return Err(format!("snapshot: {error}")),
                }
            }
        }
    }

    /// This operation and everything before it is durable.
    fn reported(&mut self, done: Option<Ticket>) {
        let Some(done) = done else { return };
        let forgotten = self.after.iter().take_while(|after| **after < done).count();
        assert!(self.after.get(forgotten) == Some(&done), "{done:?} was not asked for");
        self.after.drain(..forgotten);
        self.possible.drain(..forgotten);
    }

    fn oldest_snapshot(&self) -> Zxid {
        let names = self.disk.list(Path::new("/data/version-2")).unwrap();
        let zxids = names.iter().filter_map(|name| FileKind::Snapshot.parse_name(name));
        zxids.map(|(zxid, _)| zxid).min().expect("there is always a snapshot")
    }

    /// A snapshot that found no room takes none.
    fn check_given_up(&self, zxid: Zxid) -> Result<(), String> {
        let left = self.disk.list(Path::new("/data/version-2")).unwrap();
        match left.iter().find(|name| name.starts_with("tmp.snapshot.")) {
            Some(name) => Err(format!("{name} of snapshot {zxid} is still there")),
            None => Ok(()),
        }
    }

    /// The next operation, and what is true after it.
    fn next_op(&mut self) -> StorageOp<Fingerprint> {
        let mut truth = self.possible[self.possible.len() - 1].clone();
        let (last, before) = truth.last();
        let ticket = Ticket(self.tickets);
        self.tickets += 1;
        self.after.push(ticket);
        let op = match self.rng.below(20) {
            0 => {
                truth.accepted += 1;
                StorageOp::SaveAcceptedEpoch(ticket, truth.accepted)
            }
            1 if truth.current < truth.accepted => {
                truth.current = truth.accepted;
                StorageOp::SaveCurrentEpoch(ticket, truth.current)
            }
            2 | 3 => {
                let kept: Vec<usize> =
                    (0..truth.history.len()).filter(|i| truth.history[*i].0 >= self.floor).collect();
                let keep = kept[self.rng.below(kept.len() as u64) as usize];
                truth.history.truncate(keep + 1);
                let (zxid, _) = truth.last();
                self.taken.retain(|taken| *taken <= zxid);
                StorageOp::Truncate(ticket, zxid)
            }
            4 => {
                let epoch = self.rng.below(u64::from(truth.accepted) + 1) as Epoch;
                let zxid = Zxid::new(epoch, self.rng.below(6) as u32);
                let image = Fingerprint(self.rng.next());
                truth.history = vec![(zxid, image)];
                self.floor = zxid;
                self.taken.clear();
                StorageOp::InstallSnapshot(ticket, zxid, image)
            }
            5 | 6 => {
                // A state behind the last truncation point or installation, in front of the end.
                let from = truth.history.iter().position(|(zxid, _)| *zxid >= self.floor).unwrap_or(0);
                let at = from + self.rng.below((truth.history.len() - from) as u64) as usize;
                let (zxid, image) = truth.history[at];
                self.possible.push(truth);
                return StorageOp::TakeSnapshot(zxid, image);
            }
            _ => {
                let zxid = if truth.accepted > last.epoch() && self.rng.one_in(2) {
                    Zxid::new(truth.accepted, 1)
                } else {
                    last.next().expect("no counter ends in a test")
                };
                let extra = match self.rng.below(20) {
                    0 | 1 => 600,
                    2 => 2500,
                    _ => self.rng.below(30) as usize,
                };
                let txn = txn(zxid, self.rng.next(), extra);
                truth.history.push((zxid, before.then(zxid, &txn)));
                StorageOp::Append(ticket, zxid, txn)
            }
        };
        self.possible.push(truth);
        op
    }
}

fn run(seed: u64, lives: u64, skip: Option<SyncPoint>) -> Result<Vec<SyncPoint>, String> {
    run_with(seed, lives, skip, Fault::Kill)
}

fn run_with(seed: u64, lives: u64, skip: Option<SyncPoint>, fault: Fault) -> Result<Vec<SyncPoint>, String> {
    lives_of(seed, lives, skip, fault).map(|(reached, _)| reached)
}

/// What was synced, and whether the last start was left to the operator.
fn lives_of(
    seed: u64,
    lives: u64,
    skip: Option<SyncPoint>,
    fault: Fault,
) -> Result<(Vec<SyncPoint>, bool), String> {
    let mut run = Run::new(seed, skip, fault);
    let mut reached = Vec::new();
    for life in 0..lives {
        let disk = run.disk.clone();
        run.live().map_err(|error| format!("seed {seed}, life {life}: {error}"))?;
        reached.extend(disk.reached());
        if run.is_refused {
            break;
        }
    }
    Ok((reached, run.is_refused))
}

/// How many histories of how many crashes.
const SEEDS: u64 = 4000;
const LIVES: u64 = 8;

#[test]
fn whatever_was_reported_survives_any_crash() {
    let mut refused = 0;
    for seed in 0..SEEDS {
        match lives_of(seed, LIVES, None, Fault::Kill) {
            Ok((_, is_refused)) => refused += u64::from(is_refused),
            Err(error) => panic!("{error}"),
        }
    }
    assert!(refused < SEEDS / 10, "{refused} of {SEEDS} were left to the operator");
}

#[test]
fn whatever_was_reported_survives_a_full_disk() {
    for seed in 0..SEEDS {
        if let Err(error) = run_with(seed, LIVES, None, Fault::Full) {
            panic!("{error}");
        }
    }
}

const EVERY_POINT: [SyncPoint; 27] = [
    SyncPoint::DirectoryCreated,
    SyncPoint::DirectoryFound,
    SyncPoint::NamesFound,
    SyncPoint::ContentFound,
    SyncPoint::LogRecords,
    SyncPoint::LogCreated,
    SyncPoint::LogTailCut,
    SyncPoint::EmptyLogsRemoved,
    SyncPoint::EpochContent,
    SyncPoint::EpochRenamed,
    SyncPoint::StartSettled,
    SyncPoint::SnapshotContent,
    SyncPoint::SnapshotRenamed,
    SyncPoint::TruncateBegun,
    SyncPoint::TruncatedSnapshots,
    SyncPoint::TruncatedLogs,
    SyncPoint::TruncatedTail,
    SyncPoint::TruncateDone,
    SyncPoint::InstallContent,
    SyncPoint::InstallTail,
    SyncPoint::InstallTailNamed,
    SyncPoint::InstallBegun,
    SyncPoint::InstallRetiredLogs,
    SyncPoint::InstallRetiredSnapshots,
    SyncPoint::InstallDone,
    SyncPoint::UnsyncedMarked,
    SyncPoint::UnsyncedCleared,
];

#[test]
fn without_any_one_sync_something_is_lost() {
    let mut toothless = Vec::new();
    for point in EVERY_POINT.into_iter().chain([SyncPoint::InitializeUsed]) {
        let loss = match point {
            SyncPoint::LogTailCut => mended_then_next_epoch(&[1, 2], Some(point)),
            SyncPoint::EmptyLogsRemoved => mended_then_next_epoch(&[1], Some(point)),
            // Some losses need a crash at one point of a rare operation.
            _ => (0..8 * SEEDS).find_map(|seed| run(seed, LIVES, Some(point)).err()),
        };
        match loss {
            Some(loss) => println!("without {point:?}: {loss}"),
            None => toothless.push(point),
        }
    }
    assert_eq!(toothless, [], "nothing is lost without these syncs");
}

/// A log with these transactions ends with a torn one (if there is only one: in a file of its
/// own). It is mended, and the first transaction of the next epoch follows. What a crash at any point
/// of this spoils, if anything: too rare for chance to find.
fn mended_then_next_epoch(zxids: &[u64], skip: Option<SyncPoint>) -> Option<String> {
    let mut config = StorageConfig::new("/data");
    config.data_log_dir = Some("/logs".into());
    config.pre_alloc_size = 64;
    let before: Vec<_> = zxids.iter().map(|zxid| txn(Zxid(*zxid), 1, 0)).collect();
    // A sector in its middle was not written.
    let mut torn = record(&txn(Zxid(zxids.len() as u64 + 1), 1, 2000));
    torn[400..1700].fill(0);
    let next = Zxid::new(1, 1);
    for (kill, seed) in (1..40).flat_map(|kill| (0..40).map(move |seed| (kill, seed))) {
        let disk = TestDisk::new();
        let log = log_file(&before);
        if zxids.len() > 1 {
            disk.put(Path::new("/logs/version-2/log.1"), &[log, torn.clone()].concat());
        } else {
            disk.put(Path::new("/logs/version-2/log.1"), &log);
            disk.put(Path::new("/logs/version-2/log.2"), &[log_file(&[]), torn.clone()].concat());
        }
        disk.put(Path::new("/data/version-2/snapshot.0"), &snapshot_file(Zxid::ZERO, initial()));
        disk.put(Path::new("/data/version-2/acceptedEpoch"), b"1");
        disk.put(Path::new("/data/version-2/currentEpoch"), b"1");
        disk.skip(skip);
        disk.kill_after(kill);
        let mut least = zxids.len();
        if let Ok((mut storage, found)) =
            Storage::open(disk.clone(), &config, &FingerprintBuilder::default(), initial)
        {
            assert_eq!(found.entries.len(), zxids.len());
            let append = StorageOp::<Fingerprint>::Append(Ticket(0), next, txn(next, 1, 0));
            least += usize::from(storage.execute([append]).is_ok());
        }
        let disk = disk.crash(&mut Rng(seed));
        match Storage::open(disk.clone(), &config, &FingerprintBuilder::default(), initial) {
            Ok((_, found)) if found.entries.len() >= least => {
                // ZooKeeper does not pass over it once there is a later log.
                let torn = |path: &PathBuf, bytes: &Vec<u8>| {
                    path.starts_with("/logs/version-2") && bytes.windows(torn.len()).any(|part| part == torn)
                };
                if let Some((path, _)) = disk.files().iter().find(|(path, bytes)| torn(path, bytes)) {
                    return Some(format!("kill {kill}, seed {seed}: {} is still torn", path.display()));
                }
            }
            Ok((_, found)) => return Some(format!("kill {kill}, seed {seed}: {} left", found.entries.len())),
            Err(error) => return Some(format!("kill {kill}, seed {seed}: {error}")),
        }
    }
    None
}

#[test]
fn a_mended_log_goes_on() {
    for zxids in [&[1][..], &[1, 2]] {
        assert_eq!(mended_then_next_epoch(zxids, None), None);
    }
}

#[test]
fn every_sync_is_reached() {
    let mut reached: Vec<SyncPoint> = (0..500).flat_map(|seed| run(seed, LIVES, None).unwrap()).collect();
    reached.sort_by_key(|point| format!("{point:?}"));
    reached.dedup();
    // Only ZooKeeper leaves a log without a transaction: see `mended_then_next_epoch`.
    let left_by_zookeeper = |point: &SyncPoint| *point == SyncPoint::EmptyLogsRemoved;
    let missing: Vec<_> =
        EVERY_POINT.iter().filter(|point| !reached.contains(point) && !left_by_zookeeper(point)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Neither an empty log nor zeros without a header: ZooKeeper refuses to start with either.
#[test]
fn a_log_has_its_name_only_with_a_transaction_in_it() {
    let whole = log_file(&[txn(Zxid(1), 1, 0)]);
    let mut named = 0;
    for (kill, seed) in (1..60).flat_map(|kill| (0..20).map(move |seed| (kill, seed))) {
        let disk = TestDisk::new();
        let config = StorageConfig { pre_alloc_size: 4096, ..StorageConfig::new("/data") };
        disk.kill_after(kill);
        if let Ok((mut storage, _)) =
            Storage::open(disk.clone(), &config, &FingerprintBuilder::default(), initial)
        {
            let appends =
                (1..4).map(|n| StorageOp::<Fingerprint>::Append(Ticket(n), Zxid(n), txn(Zxid(n), 1, 0)));
            for append in appends {
                let _ = storage.execute([append]);
            }
        }
        // The process was killed, or the machine stopped too.
        for disk in [disk.clone(), disk.crash(&mut Rng(seed))] {
            if let Some(log) = disk.get(Path::new("/data/version-2/log.1")) {
                assert!(log.starts_with(&whole), "kill {kill}, seed {seed}: {log:?}");
                named += 1;
            }
        }
    }
    assert!(named > 100, "{named}");
}

#[test]
fn nothing_is_done_after_a_failure() {
    let disk = TestDisk::new();
    let (mut storage, _) =
        Storage::open(disk.clone(), &StorageConfig::new("/data"), &FingerprintBuilder::default(), initial)
            .unwrap();
    disk.kill_after(1);
    let append = || vec![StorageOp::<Fingerprint>::Append(Ticket(0), Zxid(1), txn(Zxid(1), 0, 0))];
    assert!(matches!(storage.execute(append()), Err(StorageError::Io { .. })));
    disk.kill_after(u64::MAX);
    assert!(matches!(storage.execute(append()), Err(StorageError::Failed(_))));
}
