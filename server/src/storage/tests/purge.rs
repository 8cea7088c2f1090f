//! What a purge removes, and above all what it does not.

use std::path::{Path, PathBuf};

use quorate_core::ids::Zxid;

use super::super::disk::Disk;
use super::super::{Storage, StorageConfig, StorageError, purge};
use super::files::{log_file, snapshot_file};
use super::images::{Fingerprint, FingerprintBuilder, txn};
use super::test_disk::TestDisk;

/// Five snapshots, and logs that do not begin where they stand.
fn disk() -> TestDisk {
    let disk = TestDisk::new();
    for zxid in [0, 10, 20, 30, 40] {
        let path = format!("/data/version-2/snapshot.{zxid:x}");
        disk.put(Path::new(&path), &snapshot_file(Zxid(zxid), Fingerprint(zxid)));
    }
    for (first, last) in [(1, 7), (8, 15), (16, 25), (26, 38), (39, 45)] {
        let txns: Vec<_> = (first..=last).map(|zxid| txn(Zxid(zxid), zxid, 0)).collect();
        disk.put(Path::new(&format!("/data/version-2/log.{first:x}")), &log_file(&txns));
    }
    disk
}

fn open(disk: &TestDisk) -> Result<(Storage<TestDisk>, Zxid, Zxid), StorageError> {
    let config = StorageConfig { pre_alloc_size: 0, ..StorageConfig::new("/data") };
    let opened = Storage::open(disk.clone(), &config, &FingerprintBuilder::default(), || Fingerprint(0));
    opened.map(|(storage, found)| (storage, found.snapshot.zxid, found.last()))
}

/// The zxids in the names of what is left: snapshots, logs.
fn left(disk: &TestDisk) -> (Vec<u64>, Vec<u64>) {
    let zxids = |prefix: &str| {
        let hex = |path: PathBuf| {
            let name = path.file_name()?.to_str()?.strip_prefix(prefix)?.to_owned();
            u64::from_str_radix(&name, 16).ok()
        };
        let mut found: Vec<u64> = disk.files().into_keys().filter_map(hex).collect();
        found.sort_unstable();
        found
    };
    (zxids("snapshot."), zxids("log."))
}

fn purge_stopped(disk: &TestDisk, retain: usize) -> Result<usize, StorageError> {
    purge(disk, Path::new("/data"), Path::new("/data"), retain).map(|purged| purged.removed.len())
}

#[test]
fn the_newest_snapshots_and_every_log_they_need_stay() {
    for running in [false, true] {
        let disk = disk();
        if running {
            let (storage, ..) = open(&disk).unwrap();
            let purged = storage.purger().purge(3).unwrap();
            assert!(purged.bytes > 0);
        } else {
            assert_eq!(purge_stopped(&disk, 3).unwrap(), 4);
        }
        // Transaction 21 is in log.16 (0x10), which begins before snapshot 20.
        assert_eq!(left(&disk), (vec![20, 30, 40], vec![16, 26, 39]), "running: {running}");
        // Each of the three is enough, should the newer ones turn out to be damaged.
        for damaged in ["/data/version-2/snapshot.28", "/data/version-2/snapshot.1e"] {
            assert_eq!(open(&disk).unwrap().2, Zxid(45));
            disk.put(Path::new(damaged), b"");
        }
        let (_, snapshot, last) = open(&disk).unwrap();
        assert_eq!((snapshot, last), (Zxid(20), Zxid(45)));
        assert_eq!(purge_stopped(&disk, 3).unwrap(), 0, "one of three is left that can be used");
    }
}

#[test]
fn damaged_snapshots_are_not_counted() {
    let disk = disk();
    let newest = Path::new("/data/version-2/snapshot.28");
    let mut bytes = disk.get(newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    disk.put(newest, &bytes);
    // It ends as a complete one does: only reading it tells.
    purge_stopped(&disk, 3).unwrap();
    assert_eq!(left(&disk).0, [10, 20, 30, 40]);
    let (storage, snapshot, _) = open(&disk).unwrap();
    assert_eq!(snapshot, Zxid(30));
    // A running server looks at both ends only, but keeps the one it has read.
    storage.purger().purge(1).unwrap();
    assert_eq!(left(&disk), (vec![30, 40], vec![26, 39]));
}

#[test]
fn too_few_snapshots_are_left_alone() {
    let disk = disk();
    assert_eq!(purge_stopped(&disk, 6).unwrap(), 0);
    assert_eq!(left(&disk).0.len(), 5);
}

#[test]
fn a_directory_in_use_or_in_the_middle_of_something_is_left_alone() {
    let disk = disk();
    let (storage, ..) = open(&disk).unwrap();
    assert!(matches!(purge_stopped(&disk, 3), Err(StorageError::Locked { .. })));
    drop(storage);
    disk.put(Path::new("/data/version-2/truncate.28"), b"");
    assert!(matches!(purge_stopped(&disk, 3), Err(StorageError::Unexpected { .. })));
    assert_eq!(left(&disk).0.len(), 5);
    disk.remove(Path::new("/data/version-2/truncate.28")).unwrap();
    assert_eq!(purge_stopped(&disk, 3).unwrap(), 4);
}
