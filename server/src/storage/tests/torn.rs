//! Torn snapshots: what a killed ZooKeeper leaves is passed over, and what was once complete never is.

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use quorate_core::ids::Zxid;

use super::super::recovery::{self, PassedOver};
use super::super::{Recovered, StorageConfig, StorageError};
use super::files::{log_file, snapshot_file};
use super::images::{Fingerprint, FingerprintBuilder, txn};
use super::test_disk::TestDisk;

const DIR: &str = "/data/version-2";
/// Where the newest snapshot stands: beyond the log, which ends with 3.
const BEYOND: Zxid = Zxid(9);

type Found = (Recovered<Fingerprint>, Vec<PassedOver>);

fn open(files: &[(&str, &[u8])]) -> Result<Found, StorageError> {
    let disk = TestDisk::new();
    for (name, bytes) in files {
        disk.put(&Path::new(DIR).join(name), bytes);
    }
    let (blank, mut entries) = (FingerprintBuilder::default(), Vec::new());
    let config = StorageConfig::new("/data");
    let mut keep = |zxid, txn| entries.push((zxid, txn));
    let opened = recovery::open::<_, Fingerprint>(&disk, &config, &blank, || Fingerprint(1), &mut keep)?;
    let (mut recovered, passed_over) = (opened.recovered, opened.passed_over);
    recovered.entries = entries;
    Ok((recovered, passed_over))
}

/// An older snapshot with its log up to 3, and this as the newest snapshot.
fn open_with(name: &str, newest: &[u8]) -> Result<Found, StorageError> {
    let log = log_file(&[1, 2, 3].map(|zxid| txn(Zxid(zxid), zxid, 3)));
    let older = snapshot_file(Zxid(1), Fingerprint(77));
    open(&[("snapshot.1", &older), ("log.1", &log), (name, newest)])
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut gz = GzEncoder::new(Vec::new(), Compression::default());
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap()
}

/// The start says that the newest is torn, and the older one and its log stand for it.
fn assert_passed_over(found: Result<Found, StorageError>, name: &str, case: &str) {
    let (recovered, passed_over) = found.unwrap_or_else(|error| panic!("{case}: {error}"));
    assert_eq!((recovered.snapshot.zxid, recovered.last()), (Zxid(1), Zxid(3)), "{case}");
    assert_eq!(recovered.image, Fingerprint(77), "{case}");
    let [torn] = &passed_over[..] else { panic!("{case}: {passed_over:?}") };
    assert_eq!((torn.path.clone(), torn.zxid), (Path::new(DIR).join(name), BEYOND), "{case}");
    let said = torn.to_string();
    for part in [name, "never written to its end", "uses snapshot 0x1", "the log ends with 0x3", "up to 0x9"]
    {
        assert!(said.contains(part), "{case}: {said}");
    }
}

#[test]
fn a_snapshot_beyond_the_log_that_was_never_complete_is_passed_over() {
    let whole = snapshot_file(BEYOND, Fingerprint(5));
    let (mut torn, mut usable) = (0, 0);
    for cut in 0..whole.len() {
        for zeros in [0, 512, 5000] {
            let mut newest = whole[..cut].to_vec();
            newest.resize(cut + zeros, 0);
            let case = format!("cut at {cut}, {zeros} zeros");
            match open_with("snapshot.9", &newest) {
                // All but sections behind the sealed tree.
                Ok((found, _)) if found.snapshot.zxid == BEYOND => {
                    assert_eq!((found.image, found.last()), (Fingerprint(5), BEYOND), "{case}");
                    usable += 1;
                }
                found => {
                    assert_passed_over(found, "snapshot.9", &case);
                    torn += 1;
                }
            }
        }
    }
    assert!(torn > 2 * usable && usable > 0, "{torn} and {usable}");
}

#[test]
fn a_compressed_one_too() {
    let whole = gz(&snapshot_file(BEYOND, Fingerprint(5)));
    for cut in 0..whole.len() {
        for zeros in [0, 512] {
            let mut newest = whole[..cut].to_vec();
            newest.resize(cut + zeros, 0);
            let case = format!("cut at {cut}, {zeros} zeros");
            match open_with("snapshot.9.gz", &newest) {
                // The trailer has begun: the content is whole, and sealed.
                Ok((found, _)) if found.snapshot.zxid == BEYOND => assert!(cut + 30 > whole.len(), "{case}"),
                found => assert_passed_over(found, "snapshot.9.gz", &case),
            }
        }
    }
}

#[test]
fn a_snapshot_beyond_the_log_that_was_complete_is_never_passed_over() {
    let plain = snapshot_file(BEYOND, Fingerprint(5));
    for (name, whole) in [("snapshot.9", plain.clone()), ("snapshot.9.gz", gz(&plain))] {
        for at in 0..whole.len() {
            for flip in [0x01, 0x10, 0x80, 0xff] {
                let mut newest = whole.clone();
                newest[at] ^= flip;
                match open_with(name, &newest) {
                    // What is not looked at, or a section behind the sealed tree.
                    Ok((found, _)) => assert_eq!((found.image, found.last()), (Fingerprint(5), BEYOND)),
                    Err(StorageError::SnapshotLost { zxid, .. }) => assert_eq!(zxid, BEYOND),
                    Err(error) => panic!("{name}, byte {at}, {flip:#x}: {error}"),
                }
            }
        }
    }
}

#[test]
fn what_a_damaged_snapshot_may_have_held_is_not_given_up_with_the_server() {
    let mut damaged = snapshot_file(BEYOND, Fingerprint(5));
    damaged[40] ^= 1;
    let error = open_with("snapshot.9", &damaged).unwrap_err().to_string();
    assert!(error.contains("which this server may have acknowledged"), "{error}");
    assert!(error.contains("move this server's data away") && !error.contains("empty"), "{error}");
}

#[test]
fn torn_and_damaged_ones_are_told_apart_when_both_are_there() {
    let log = log_file(&[1, 2, 3].map(|zxid| txn(Zxid(zxid), zxid, 3)));
    let (first, torn) =
        (snapshot_file(Zxid::ZERO, Fingerprint(77)), &snapshot_file(BEYOND, Fingerprint(5))[..50]);
    let mut damaged = snapshot_file(Zxid(2), Fingerprint(6));
    damaged[40] ^= 1;
    // The damaged one is within the log, the torn one beyond it.
    let files = [("snapshot.0", &first[..]), ("log.1", &log), ("snapshot.2", &damaged), ("snapshot.9", torn)];
    let (found, passed_over) = open(&files).unwrap();
    assert_eq!((found.snapshot.zxid, found.last(), passed_over.len()), (Zxid::ZERO, Zxid(3), 1));
    // The other way round the damaged one may be the only copy.
    let files = [("snapshot.0", &first[..]), ("log.1", &log), ("snapshot.2", torn), ("snapshot.9", &damaged)];
    assert!(matches!(open(&files), Err(StorageError::SnapshotLost { zxid: BEYOND, .. })));
    // Both within the log: nothing is missing.
    let files = [("snapshot.0", &first[..]), ("log.1", &log), ("snapshot.2", torn)];
    let (_, passed_over) = open(&files).unwrap();
    assert!(passed_over[0].to_string().ends_with("nothing is missing"), "{}", passed_over[0]);
}

#[test]
fn the_first_snapshot_may_be_torn_for_no_transaction_is_in_it() {
    let log = log_file(&[1, 2].map(|zxid| txn(Zxid(zxid), zxid, 3)));
    let first = snapshot_file(Zxid::ZERO, Fingerprint(1));
    for cut in [0, 10, 40] {
        let (found, passed_over) = open(&[("snapshot.0", &first[..cut]), ("log.1", &log)]).unwrap();
        assert_eq!((found.image, found.last(), passed_over.len()), (Fingerprint(1), Zxid(2), 1));
        assert_eq!(open(&[("snapshot.0", &first[..cut])]).unwrap().0.last(), Zxid::ZERO);
    }
    // Epochs tell that there was more; and a later torn one is no first one.
    let lost = open(&[("snapshot.0", &first[..40]), ("acceptedEpoch", b"2"), ("currentEpoch", b"2")]);
    assert!(matches!(lost, Err(StorageError::DataMissing { .. })));
    let lost = open(&[("snapshot.0", &first[..40]), ("snapshot.9", &first[..40]), ("log.1", &log)]);
    assert!(matches!(lost, Err(StorageError::NoUsableSnapshot { .. })));
}

#[test]
fn a_fuzzy_snapshot_that_reaches_beyond_the_log_is_passed_over() {
    // Its name says 2, its content 9.
    let fuzzy = snapshot_file(BEYOND, Fingerprint(5));
    let (found, _) = open_with("snapshot.2", &fuzzy).expect("the older one and the log have everything");
    assert_eq!((found.snapshot.zxid, found.last(), found.image), (Zxid(1), Zxid(3), Fingerprint(77)));
    // What only it has cannot be done without.
    let log = log_file(&[1, 2, 3].map(|zxid| txn(Zxid(zxid), zxid, 3)));
    let older = snapshot_file(Zxid(1), Fingerprint(77));
    let error = open(&[("snapshot.1", &older), ("log.1", &log), ("snapshot.5", &fuzzy)]).unwrap_err();
    assert!(matches!(error, StorageError::SnapshotLost { zxid: Zxid(5), .. }), "{error}");
    assert!(error.to_string().contains("up to 0x9"), "{error}");
}
