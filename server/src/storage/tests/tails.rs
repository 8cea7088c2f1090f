//! The ends of logs: what an unfinished write leaves is cut off, and nothing else is.

use std::path::Path;

use bytes::Bytes;
use proptest::prelude::*;
use quorate_core::ids::Zxid;

use super::super::{Storage, StorageConfig, StorageError};
use super::files::{log_file, record, snapshot_file};
use super::images::{Fingerprint, FingerprintBuilder, txn};
use super::test_disk::{Rng, TestDisk};

const LOG: &str = "/data/version-2/log.1";

/// How many transactions a start finds in a log.
fn open(log: &[u8]) -> Result<usize, StorageError> {
    let disk = TestDisk::new();
    disk.put(Path::new("/data/version-2/snapshot.0"), &snapshot_file(Zxid::ZERO, Fingerprint(1)));
    disk.put(Path::new(LOG), log);
    let opened = || {
        Storage::open(disk.clone(), &StorageConfig::new("/data"), &FingerprintBuilder::default(), || {
            Fingerprint(1)
        })
    };
    let found = opened()?.1.entries.len();
    assert_eq!(opened()?.1.entries.len(), found, "the second start finds the same");
    Ok(found)
}

fn txns(count: u64, extra: usize) -> Vec<Bytes> {
    (1..=count).map(|zxid| txn(Zxid(zxid), zxid | 0x55, extra)).collect()
}

/// A log with preallocated zeros behind it, and where its last transactions begin.
fn padded(count: u64, extra: usize) -> (Vec<u8>, Vec<usize>) {
    let txns = txns(count, extra);
    let mut log = log_file(&txns);
    let mut starts = Vec::new();
    let mut at = 16;
    for txn in &txns {
        starts.push(at);
        at += record(txn).len();
    }
    assert_eq!(at, log.len());
    starts.push(at);
    log.resize((at / 4096 + 3) * 4096, 0);
    (log, starts)
}

fn refused(log: &[u8]) -> (u64, String) {
    match open(log) {
        Err(StorageError::DamagedLog { offset, what, .. }) => (offset, what),
        other => panic!("{other:?}"),
    }
}

/// A start reads a log a few times, and not once for each of its records.
#[test]
fn what_is_read_of_a_log_is_a_small_multiple_of_its_length() {
    let log = log_file(&txns(20_000, 100));
    let disk = TestDisk::new();
    disk.put(Path::new("/data/version-2/snapshot.0"), &snapshot_file(Zxid::ZERO, Fingerprint(1)));
    disk.put(Path::new(LOG), &log);
    let config = StorageConfig::new("/data");
    let opened = Storage::open(disk.clone(), &config, &FingerprintBuilder::default(), || Fingerprint(1));
    assert_eq!(opened.unwrap().1.entries.len(), 20_000);
    assert!(disk.bytes_read() < 8 * log.len() as u64, "{} of {}", disk.bytes_read(), log.len());
}

/// A ZooKeeper follower may lose its leader before it has applied what it has logged. If it finds the same
/// leader again, it is sent all of it again, and logs it again.
#[test]
fn what_was_logged_twice_counts_once() {
    let log =
        |zxids: &[u64]| log_file(&zxids.iter().map(|zxid| txn(Zxid(*zxid), *zxid, 7)).collect::<Vec<_>>());
    assert_eq!(open(&log(&[1, 2, 3, 1, 2, 3, 4])).unwrap(), 4);
    assert_eq!(open(&log(&[1, 2, 3, 2, 3])).unwrap(), 3);
    assert_eq!(open(&log(&[1, 2, 3, 1])).unwrap(), 3);
    // What comes again is what came before.
    let mut other = log(&[1, 2, 3]);
    other.extend_from_slice(&record(&txn(Zxid(2), 99, 7)));
    assert!(matches!(open(&other), Err(StorageError::Gap { .. })));
    // Nothing is missing between.
    assert!(matches!(open(&log(&[1, 2, 3, 1, 2, 3, 5])), Err(StorageError::Gap { .. })));
}

/// Also before a snapshot, and in the file after the first one.
#[test]
fn what_was_logged_twice_may_be_in_a_snapshot_or_in_two_files() {
    let txns = |zxids: &[u64]| zxids.iter().map(|zxid| txn(Zxid(*zxid), *zxid, 7)).collect::<Vec<_>>();
    let disk = TestDisk::new();
    disk.put(Path::new("/data/version-2/snapshot.2"), &snapshot_file(Zxid(2), Fingerprint(1)));
    disk.put(Path::new(LOG), &log_file(&txns(&[1, 2, 3, 1, 2, 3])));
    disk.put(Path::new("/data/version-2/log.4"), &log_file(&txns(&[4, 5, 2, 3, 4, 5, 6])));
    let config = StorageConfig::new("/data");
    let opened = Storage::open(disk, &config, &FingerprintBuilder::default(), || Fingerprint(1)).unwrap();
    let found: Vec<u64> = opened.1.entries.iter().map(|(zxid, _)| zxid.0).collect();
    assert_eq!(found, [3, 4, 5, 6]);
}

#[test]
fn garbage_over_acknowledged_transactions_is_refused_with_its_place_and_length() {
    let (log, starts) = padded(40, 80);
    let end = starts[40];
    for seed in 0..200 {
        let mut rng = Rng(seed);
        let len = 1 + rng.below(2000) as usize;
        let mut log = log.clone();
        log[end - len..end].fill_with(|| 1 + rng.below(255) as u8);
        let (offset, what) = refused(&log);
        let begins = starts.iter().rposition(|start| *start <= end - len).unwrap();
        assert_eq!(offset, starts[begins] as u64, "seed {seed}");
        let lost = format!("the last {} bytes may have been transactions", end - starts[begins]);
        assert!(what.contains(&lost), "seed {seed}: {what}");
    }
}

#[test]
fn any_sectors_of_the_last_batch_may_be_missing() {
    let (mut cut, mut held) = (0, 0);
    for (count, extra) in [(30, 20), (12, 900), (5, 3000), (3, 9000)] {
        let (log, starts) = padded(count, extra);
        for seed in 0..400 {
            let mut rng = Rng(seed);
            // What was synced before, and the batch behind it.
            let synced = rng.below(count) as usize;
            let mut torn = log.clone();
            torn[starts[synced]..].fill(0);
            for (torn, log) in torn.chunks_mut(512).zip(log.chunks(512)) {
                if rng.one_in(2) {
                    torn.copy_from_slice(log);
                }
            }
            if torn == log {
                continue;
            }
            match open(&torn) {
                Ok(found) => {
                    assert!(found >= synced, "{count} of {extra}, seed {seed}: {found} of {synced}");
                    cut += 1;
                }
                // Nothing shows what made that hole.
                Err(StorageError::DamagedLog { what, .. }) => {
                    assert!(what.contains("an intact transaction follows"), "seed {seed}: {what}");
                    held += 1;
                }
                Err(error) => panic!("{count} of {extra}, seed {seed}: {error}"),
            }
        }
    }
    assert!(cut > held / 2 && held > 0, "{cut} were cut, {held} left to the operator");
}

#[test]
fn a_first_part_of_the_last_batch_is_cut_wherever_it_ends() {
    let (log, starts) = padded(6, 700);
    for end in starts[3]..starts[6] {
        let whole = starts.iter().filter(|start| **start <= end).count() - 1;
        let mut torn = log.clone();
        torn[end..].fill(0);
        assert_eq!(open(&torn).unwrap(), whole, "{end} bytes and zeros");
        assert_eq!(open(&log[..end]).unwrap(), whole, "{end} bytes");
    }
}

#[test]
fn a_wrong_length_does_not_make_a_record_an_unfinished_one() {
    let (log, starts) = padded(6, 700);
    for flip in [0x01, 0x02, 0x10, 0x80] {
        for byte in 8..12 {
            let mut damaged = log.clone();
            damaged[starts[5] + byte] ^= flip;
            let (offset, what) = refused(&damaged);
            assert_eq!(offset, starts[5] as u64, "byte {byte}, {flip:#x}: {what}");
        }
    }
}

proptest! {
    #[test]
    fn a_changed_byte_of_the_last_record_is_never_cut(
        extra in 0usize..3000, at in 0.0f64..1.0, flip in 1u8..255, count in 1u64..4,
    ) {
        let (mut log, starts) = padded(count, extra);
        let (from, to) = (starts[count as usize - 1], starts[count as usize]);
        log[from + ((to - from) as f64 * at) as usize] ^= flip;
        // A sector that was written as zeros could be a missing one; there is none here.
        let (offset, _) = refused(&log);
        prop_assert_eq!(offset, from as u64);
    }
}
