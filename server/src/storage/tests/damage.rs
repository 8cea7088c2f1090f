//! Damaged logs and snapshots: what is a torn tail, and what is refused, at every byte.

use std::path::Path;

use bytes::Bytes;
use proptest::prelude::*;
use quorate_core::ids::{Ticket, Zxid};

use super::super::disk::Disk;
use super::super::{Ending, LogReader, Recovered, Storage, StorageConfig, StorageError, StorageOp};
use super::files::{damaged_record, log_file, record, snapshot_file};
use super::images::{Fingerprint, FingerprintBuilder, txn};
use super::test_disk::TestDisk;

const DIR: &str = "/data/version-2";

fn disk_with(files: &[(&str, Vec<u8>)]) -> TestDisk {
    let disk = TestDisk::new();
    disk.put(&Path::new(DIR).join("snapshot.0"), &snapshot_file(Zxid::ZERO, Fingerprint(1)));
    for (name, bytes) in files {
        disk.put(&Path::new(DIR).join(name), bytes);
    }
    disk
}

fn config() -> StorageConfig {
    StorageConfig { pre_alloc_size: 100, ..StorageConfig::new("/data") }
}

fn open(disk: &TestDisk) -> Result<Recovered<Fingerprint>, StorageError> {
    Storage::open(disk.clone(), &config(), &FingerprintBuilder::default(), || Fingerprint(1))
        .map(|(_, recovered)| recovered)
}

fn zxids(found: &Recovered<Fingerprint>) -> Vec<u64> {
    found.entries.iter().map(|(zxid, _)| zxid.0).collect()
}

fn txns(zxids: impl IntoIterator<Item = u64>) -> Vec<Bytes> {
    zxids.into_iter().map(|zxid| txn(Zxid(zxid), zxid, 3)).collect()
}

/// Where each record ends.
fn ends(txns: &[Bytes]) -> Vec<usize> {
    let mut end = 16;
    txns.iter()
        .map(|txn| {
            end += record(txn).len();
            end
        })
        .collect()
}

#[test]
fn a_log_cut_anywhere_ends_with_its_last_complete_transaction() {
    let txns = txns(1..=4);
    let (file, ends) = (log_file(&txns), ends(&txns));
    for padding in [0, 100] {
        for cut in 0..=file.len() {
            let mut torn = file[..cut].to_vec();
            torn.resize(cut + padding, 0);
            let disk = disk_with(&[("log.1", torn)]);
            let complete = ends.iter().filter(|end| **end <= cut).count();
            let found = open(&disk).unwrap();
            assert_eq!(found.entries.len(), complete, "cut at {cut}, {padding} zeros");
            // Mended: a log without transactions is gone, a torn tail is cut off.
            match disk.get(&Path::new(DIR).join("log.1")) {
                None => assert_eq!(complete, 0),
                Some(mended) => assert!(mended.starts_with(&file[..ends[complete - 1]])),
            }
            assert_eq!(open(&disk).unwrap().entries, found.entries);
        }
    }
}

#[test]
fn a_damaged_byte_anywhere_is_no_torn_tail() {
    let txns = txns(1..=4);
    let (file, ends) = (log_file(&txns), ends(&txns));
    for at in 0..file.len() {
        for flip in [0x01, 0x80] {
            let mut damaged = file.clone();
            damaged[at] ^= flip;
            let before = ends.iter().filter(|end| **end <= at).count();
            let disk = disk_with(&[("log.1", damaged.clone())]);
            let id_of_the_database = (8..16).contains(&at);
            match open(&disk) {
                Ok(found) if id_of_the_database => assert_eq!(zxids(&found), [1, 2, 3, 4]),
                Ok(found) => panic!("byte {at}: {:?}", zxids(&found)),
                Err(StorageError::DamagedLog { path, offset, .. }) => {
                    assert_eq!(path, Path::new(DIR).join("log.1"));
                    let start = if at < 16 {
                        0
                    } else if before == 0 {
                        16
                    } else {
                        ends[before - 1]
                    };
                    assert_eq!(offset, start as u64, "byte {at}");
                    // What is refused is not touched.
                    assert_eq!(disk.get(&path), Some(damaged));
                }
                Err(error) => panic!("byte {at}: {error}"),
            }
        }
    }
}

#[test]
fn the_end_of_an_earlier_log_may_be_damaged_only_if_nothing_can_be_missing() {
    let first = log_file(&txns(1..=2));
    let next_epoch = Zxid::new(1, 1);
    let with = |tail: Vec<u8>, name: &str, zxid| {
        let second = log_file(&[txn(zxid, 0, 0)]);
        let disk = disk_with(&[("log.1", [first.clone(), tail].concat()), (name, second)]);
        open(&disk).map(|found| zxids(&found))
    };
    let third = txn(Zxid(3), 0, 40);
    let half = |zeros: usize| [record(&third)[..30].to_vec(), vec![0; zeros]].concat();
    // A record that was being written when the server was killed, and one that follows anyway.
    for tail in [half(0), half(5), half(200), damaged_record(&third), vec![0; 50]] {
        assert_eq!(with(tail, "log.3", Zxid(3)).unwrap(), [1, 2, 3]);
    }
    // A later epoch: an unfinished record was never acknowledged, a damaged one may have been.
    for tail in [half(0), half(200), vec![0; 50]] {
        assert_eq!(with(tail, "log.100000001", next_epoch).unwrap(), [1, 2, next_epoch.0]);
    }
    let refused = with(damaged_record(&third), "log.100000001", next_epoch).unwrap_err();
    assert!(
        matches!(&refused, StorageError::DamagedLog { path, .. } if path.ends_with("log.1")),
        "{refused}"
    );
    assert!(refused.to_string().contains("a later log goes on with transaction 0x100000001"), "{refused}");
    // The same if the damaged one has a file of its own.
    let alone = [log_file(&[]), damaged_record(&third)].concat();
    let second = log_file(&[txn(next_epoch, 0, 0)]);
    let disk = disk_with(&[("log.1", first.clone()), ("log.3", alone), ("log.100000001", second)]);
    let refused = open(&disk).unwrap_err();
    assert!(
        matches!(&refused, StorageError::DamagedLog { path, .. } if path.ends_with("log.3")),
        "{refused}"
    );
}

#[test]
fn gaps_are_refused_with_file_and_offset() {
    let cases: [(&[u64], &[u64], u64, u64); 3] =
        [(&[1, 2, 4], &[], 2, 4), (&[2, 3], &[], 0, 2), (&[1, 2], &[4], 2, 4)];
    for (first, second, last, found) in cases {
        let file = |zxids: &[u64]| log_file(&txns(zxids.iter().copied()));
        let mut files = vec![];
        let name_1 = format!("log.{}", first[0]);
        let name_2 = second.first().map(|zxid| format!("log.{zxid}"));
        files.push((name_1.as_str(), file(first)));
        if let Some(name) = &name_2 {
            files.push((name, file(second)));
        }
        match open(&disk_with(&files)) {
            Err(StorageError::Gap { path, offset, last: l, found: f }) => {
                assert_eq!((l.0, f.0), (last, found));
                let within = if second.is_empty() { first } else { second };
                assert!(path.ends_with(format!("log.{}", within[0])));
                let before = within.iter().take_while(|zxid| **zxid != found).count();
                assert_eq!(offset, 16 + (before * record(&txn(Zxid(1), 0, 3)).len()) as u64);
            }
            other => panic!("{first:?} {second:?}: {other:?}"),
        }
    }
}

#[test]
fn zookeepers_oddities_are_read() {
    // An error transaction that was logged with the last zxid (standalone).
    let mut error = txn(Zxid(2), 9, 0).to_vec();
    error[28..32].copy_from_slice(&(-1i32).to_be_bytes());
    let mut file = log_file(&txns(1..=2));
    file.extend_from_slice(&record(&error));
    file.extend_from_slice(&record(&txns([3])[0]));
    assert_eq!(zxids(&open(&disk_with(&[("log.1", file)])).unwrap()), [1, 2, 3]);
    // Empty logs (ZOOKEEPER-2332), a check outside of a multi (ZOOKEEPER-2623), other people's files.
    let mut check = txn(Zxid(3), 9, 0).to_vec();
    check[28..32].copy_from_slice(&13i32.to_be_bytes());
    let disk = disk_with(&[
        ("log.1", log_file(&txns(1..=2))),
        ("log.3", log_file(&[check.into()])),
        ("log.4", vec![]),
        ("log.5.bak", vec![1; 100]),
        ("log.x", vec![1; 100]),
    ]);
    let (mut storage, found) =
        Storage::open(disk.clone(), &config(), &FingerprintBuilder::default(), || Fingerprint(1)).unwrap();
    assert_eq!(zxids(&found), [1, 2, 3]);
    // The name of the empty log is used again.
    storage.execute([StorageOp::<Fingerprint>::Append(Ticket(1), Zxid(4), txn(Zxid(4), 0, 0))]).unwrap();
    drop(storage);
    assert_eq!(zxids(&open(&disk).unwrap()), [1, 2, 3, 4]);
}

#[test]
fn a_log_without_its_own_first_transaction_is_refused() {
    let error = open(&disk_with(&[("log.1", log_file(&txns([2])))])).unwrap_err();
    assert!(matches!(error, StorageError::DamagedLog { offset: 16, .. }), "{error}");
    let short = record(b"an intact record that is no txn");
    let error = open(&disk_with(&[("log.1", [log_file(&[]), short].concat())])).unwrap_err();
    assert!(matches!(error, StorageError::DamagedLog { offset: 16, .. }), "{error}");
    let error = open(&disk_with(&[("log.1", vec![7; 500])])).unwrap_err();
    assert!(matches!(error, StorageError::DamagedLog { offset: 0, .. }), "{error}");
}

#[test]
fn a_snapshot_damaged_anywhere_is_not_used() {
    let good = snapshot_file(Zxid(2), Fingerprint(77));
    let log = ("log.1", log_file(&txns(1..=3)));
    for at in 0..good.len() {
        for damaged in [good[..at].to_vec(), {
            let mut b = good.clone();
            b[at] ^= 1;
            b
        }] {
            let disk = disk_with(&[("snapshot.2", damaged), log.clone()]);
            let found = open(&disk).unwrap();
            if found.snapshot.zxid == Zxid(2) {
                // The database id, or a section behind the sealed tree that is cut off.
                assert_eq!(found.image, Fingerprint(77), "byte {at}");
                assert_eq!(zxids(&found), [3]);
            } else {
                assert_eq!(zxids(&found), [1, 2, 3], "byte {at}");
            }
        }
    }
}

#[test]
fn an_older_snapshot_is_used_only_if_the_log_contains_what_the_newer_did() {
    let damaged = || ("snapshot.200000002", vec![0; 10]);
    // Not there, not reached, jumped over.
    let jumped = [txns([1]), vec![txn(Zxid::new(2, 1), 0, 0), txn(Zxid::new(3, 1), 0, 0)]].concat();
    for log in [txns(1..=2), vec![], jumped] {
        let disk = disk_with(&[damaged(), ("log.1", log_file(&log))]);
        match open(&disk) {
            Err(StorageError::SnapshotLost { path, zxid, .. }) => {
                assert_eq!(zxid, Zxid::new(2, 2));
                assert!(path.ends_with("snapshot.200000002"));
            }
            other => panic!("{other:?}"),
        }
    }
    let reached = [txns([1]), vec![txn(Zxid::new(2, 1), 0, 0), txn(Zxid::new(2, 2), 0, 0)]].concat();
    assert_eq!(open(&disk_with(&[damaged(), ("log.1", log_file(&reached))])).unwrap().entries.len(), 3);
    // No other one.
    let disk = TestDisk::new();
    disk.put(&Path::new(DIR).join("snapshot.1"), b"");
    assert!(matches!(open(&disk), Err(StorageError::NoUsableSnapshot { .. })));
}

proptest! {
    #[test]
    fn arbitrary_files_never_panic(
        log in proptest::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 0..200),
        header: bool,
        snapshot in proptest::collection::vec(any::<u8>(), 0..200),
        epoch in proptest::collection::vec(any::<u8>(), 0..20),
        name in "(log|snapshot|install|truncate|tmp)\\.[0-9a-fx.]{0,4}",
    ) {
        let log = [if header { log_file(&[]) } else { vec![] }, log].concat();
        let snapshot = [if header { b"ZKSN\0\0\0\x02\0\0\0\0\0\0\0\0".to_vec() } else { vec![] }, snapshot].concat();
        let disk = disk_with(&[("log.1", log.clone()), ("snapshot.3", snapshot), ("acceptedEpoch", epoch)]);
        disk.put(&Path::new(DIR).join(name), &log);
        let _ = open(&disk);
    }
}

#[test]
fn an_intact_record_is_found_wherever_it_lies() {
    // The search begins behind the first byte of the damage and goes on in pieces of 1 MiB.
    for before_the_end in [0, 1, 11, 12, 30, 44, 45, 46, 100] {
        let start = 17 + (1 << 20) - before_the_end;
        let long = txn(Zxid(1), 1, start - 16 - 13 - 40);
        let file = [log_file(&[]), damaged_record(&long), record(&txn(Zxid(2), 2, 3 << 20))].concat();
        match open(&disk_with(&[("log.1", file)])) {
            Err(StorageError::DamagedLog { offset: 16, what, .. }) => {
                assert!(what.contains(&format!("follows at byte {start};")), "{what}");
            }
            other => panic!("{before_the_end}: {other:?}"),
        }
    }
}

#[test]
fn a_log_that_is_being_written_has_no_holes() {
    let txns = txns(1..=5);
    let (whole, ends) = (log_file(&txns), ends(&txns));
    let mut so_far = whole[..ends[2]].to_vec();
    so_far.resize(whole.len() + 100, 0);
    let disk = disk_with(&[("log.1", so_far)]);
    let path = Path::new(DIR).join("log.1");
    let mut reader = LogReader::open(&disk, &path).unwrap();
    let mut next = || reader.next_record().unwrap().map(|record| record.zxid.0);
    assert_eq!([next(), next(), next()], [Some(1), Some(2), Some(3)]);
    // What is read now is still zeros in memory, and two transactions on the disk.
    let file = disk.open(&path).unwrap();
    disk.write_at(&file, ends[2] as u64, &whole[ends[2]..]).unwrap();
    assert_eq!([next(), next(), next()], [Some(4), Some(5), None]);
    assert_eq!(reader.ending(), Ending::Clean);
}
