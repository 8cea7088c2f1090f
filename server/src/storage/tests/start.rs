//! What a start accepts, refuses and makes: empty directories, epochs, locks, misplaced files.

use std::path::{Path, PathBuf};

use quorate_core::ids::{Ticket, Zxid};

use super::super::{Outcome, RealDisk, Recovered, Storage, StorageConfig, StorageError, StorageOp};
use super::files::{log_file, snapshot_file};
use super::images::{Fingerprint, FingerprintBuilder, txn};
use super::test_disk::TestDisk;

/// Names and contents.
type Files = &'static [(&'static str, &'static str)];
/// The epochs a server starts with, or a part of why it does not.
type Expected = Result<(u32, u32), &'static str>;
type Opened = Result<(Storage<TestDisk>, Recovered<Fingerprint>), StorageError>;

fn open(disk: &TestDisk, config: &StorageConfig) -> Opened {
    Storage::open(disk.clone(), config, &FingerprintBuilder::default(), || Fingerprint(1))
}

fn config() -> StorageConfig {
    StorageConfig { pre_alloc_size: 100, ..StorageConfig::new("/data") }
}

fn names(disk: &TestDisk) -> Vec<PathBuf> {
    disk.files().into_keys().collect()
}

/// A history up to `last`, and what the epoch files say.
fn disk_with(last: Zxid, epochs: &[(&str, &str)]) -> TestDisk {
    let disk = TestDisk::new();
    let dir = Path::new("/data/version-2");
    let snapshot = snapshot_file(last, Fingerprint(5));
    disk.put(&dir.join(format!("snapshot.{:x}", last.0)), &snapshot);
    for (name, content) in epochs {
        disk.put(&dir.join(name), content.as_bytes());
    }
    disk
}

#[test]
fn a_first_start_makes_what_zookeeper_would_find() {
    let disk = TestDisk::new();
    let (_, found) = open(&disk, &config()).unwrap();
    assert!(found.trusted);
    assert_eq!((found.last(), found.image), (Zxid::ZERO, Fingerprint(1)));
    let expected =
        ["acceptedEpoch", "currentEpoch", "snapshot.0"].map(|n| Path::new("/data/version-2").join(n));
    assert_eq!(names(&disk), expected);
    let mut config = config();
    config.autocreate_dirs = false;
    assert!(open(&disk, &config).is_ok());
    assert!(matches!(open(&TestDisk::new(), &config), Err(StorageError::NoDirectory { .. })));
}

#[test]
fn a_lost_disk_is_not_trusted_until_it_has_a_leaders_history() {
    let disk = TestDisk::new();
    let mut config = config();
    config.autocreate_db = false;
    assert!(!open(&disk, &config).unwrap().1.trusted);
    let (mut storage, found) = open(&disk, &config).unwrap();
    assert!(!found.trusted);
    // Half of a history is no history.
    let zxid = Zxid::new(1, 1);
    storage
        .execute([
            StorageOp::<Fingerprint>::SaveAcceptedEpoch(Ticket(0), 1),
            StorageOp::Append(Ticket(1), zxid, txn(zxid, 0, 0)),
        ])
        .unwrap();
    drop(storage);
    let (mut storage, found) = open(&disk, &config).unwrap();
    assert_eq!((found.trusted, found.last()), (false, zxid));
    storage.execute([StorageOp::<Fingerprint>::SaveCurrentEpoch(Ticket(2), 1)]).unwrap();
    drop(storage);
    assert!(open(&disk, &config).unwrap().1.trusted);
}

#[test]
fn the_operator_may_say_that_it_is_a_first_start() {
    let disk = TestDisk::new();
    let mut config = config();
    config.autocreate_db = false;
    config.data_log_dir = Some("/logs".into());
    disk.put(Path::new("/logs/initialize"), b"");
    assert!(open(&disk, &config).unwrap().1.trusted);
    assert_eq!(disk.get(Path::new("/logs/initialize")), None);
    assert!(open(&disk, &config).unwrap().1.trusted);
}

#[test]
fn epochs() {
    let last = Zxid::new(3, 7);
    let cases: [(Files, Expected); 10] = [
        (&[], Ok((3, 3))),
        (&[("acceptedEpoch", "5"), ("currentEpoch", "4\n")], Ok((5, 4))),
        (&[("acceptedEpoch", "5")], Ok((5, 3))),
        (&[("currentEpoch", "4")], Ok((4, 4))),
        // History first, then its epoch: stopped between the two.
        (&[("acceptedEpoch", "3"), ("currentEpoch", "2")], Ok((3, 2))),
        // The epoch was about to be saved (ZOOKEEPER-1653) or not quite.
        (&[("acceptedEpoch", "3"), ("currentEpoch", "2"), ("currentEpoch.tmp", "3")], Ok((3, 3))),
        (&[("acceptedEpoch", "13"), ("currentEpoch", "2"), ("currentEpoch.tmp", "1")], Ok((13, 2))),
        (&[("acceptedEpoch", "3"), ("currentEpoch", "4")], Err("acceptedEpoch is 3, but currentEpoch is 4")),
        (&[("acceptedEpoch", "2"), ("currentEpoch", "2")], Err("the last transaction is 0x300000007")),
        (&[("acceptedEpoch", "x"), ("currentEpoch", "2")], Err("must contain an epoch (0 to 4294967295)")),
    ];
    for (files, expected) in cases {
        let disk = disk_with(last, files);
        match (open(&disk, &config()), expected) {
            (Ok((_, found)), Ok(epochs)) => {
                assert_eq!((found.accepted_epoch, found.current_epoch), epochs, "{files:?}");
                let read = |name| disk.get(&Path::new("/data/version-2").join(name)).unwrap();
                let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim().to_string();
                assert_eq!(text(read("acceptedEpoch")), epochs.0.to_string());
                assert_eq!(text(read("currentEpoch")), epochs.1.to_string());
                assert_eq!(disk.get(Path::new("/data/version-2/currentEpoch.tmp")), None);
            }
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{files:?}: {error}"),
            (found, expected) => panic!("{files:?}: {:?}, not {expected:?}", found.map(|f| f.1)),
        }
    }
    for bad in ["", "-1", "+1", "4294967296", "1 2"] {
        let disk = disk_with(last, &[("acceptedEpoch", bad)]);
        assert!(matches!(open(&disk, &config()), Err(StorageError::BadEpoch { .. })), "{bad:?}");
    }
}

#[test]
fn epochs_without_data_tell_of_a_loss() {
    let disk = TestDisk::new();
    disk.put(Path::new("/data/version-2/currentEpoch"), b"2");
    disk.put(Path::new("/data/version-2/acceptedEpoch"), b"2");
    let before = names(&disk);
    assert!(matches!(open(&disk, &config()), Err(StorageError::DataMissing { epoch: 2, .. })));
    assert_eq!(names(&disk), before);
}

#[test]
fn a_log_without_a_snapshot_is_refused_unless_trusted() {
    let disk = TestDisk::new();
    disk.put(Path::new("/data/version-2/log.1"), &log_file(&[txn(Zxid(1), 0, 0)]));
    let mut config = config();
    assert!(matches!(open(&disk, &config), Err(StorageError::NoSnapshot { .. })));
    config.trust_empty_snapshot = true;
    assert_eq!(open(&disk, &config).unwrap().1.last(), Zxid(1));
    config.trust_empty_snapshot = false;
    assert_eq!(open(&disk, &config).unwrap().1.last(), Zxid(1));
}

#[test]
fn files_of_the_other_directory_are_refused() {
    for wrong in ["/data/version-2/log.1", "/logs/version-2/snapshot.0"] {
        let disk = TestDisk::new();
        disk.put(Path::new(wrong), b"");
        let mut config = config();
        config.data_log_dir = Some("/logs".into());
        match open(&disk, &config) {
            Err(StorageError::WrongDirectory { path }) => assert_eq!(path, Path::new(wrong)),
            other => panic!("{:?}", other.map(|o| o.1)),
        }
    }
}

#[test]
fn a_directory_has_one_server() {
    let dir = tempfile::tempdir().unwrap();
    let config = StorageConfig::new(dir.path());
    let open =
        || Storage::open(RealDisk::default(), &config, &FingerprintBuilder::default(), || Fingerprint(1));
    let first = open().unwrap();
    assert!(matches!(open(), Err(StorageError::Locked { .. })));
    drop(first);
    assert!(open().is_ok());
}

#[test]
fn one_directory_may_have_two_names() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = StorageConfig::new(dir.path());
    config.data_log_dir = Some(dir.path().join("version-2/.."));
    for _ in 0..2 {
        let opened =
            Storage::open(RealDisk::default(), &config, &FingerprintBuilder::default(), || Fingerprint(1));
        let (mut storage, found) = opened.unwrap();
        let next = found.last().next().unwrap();
        storage.execute([StorageOp::<Fingerprint>::Append(Ticket(0), next, txn(next, 0, 0))]).unwrap();
    }
}

#[test]
fn only_what_follows_is_logged() {
    let append = |zxid: u64, header: u64| {
        [StorageOp::<Fingerprint>::Append(Ticket(0), Zxid(zxid), txn(Zxid(header), 0, 0))]
    };
    let fresh = || open(&TestDisk::new(), &config()).unwrap().0;
    assert!(matches!(fresh().execute(append(2, 2)), Err(StorageError::NotNext { .. })));
    assert!(matches!(fresh().execute(append(1, 2)), Err(StorageError::NotATransaction { .. })));
    assert!(fresh().execute(append(1, 1)).is_ok());
}

#[test]
fn a_snapshot_begun_before_an_installation_is_dropped() {
    let disk = TestDisk::new();
    let (mut storage, _) = open(&disk, &config()).unwrap();
    let ops = [
        StorageOp::Append(Ticket(0), Zxid(1), txn(Zxid(1), 0, 0)),
        StorageOp::TakeSnapshot(Zxid(1), Fingerprint(2)),
        StorageOp::InstallSnapshot(Ticket(1), Zxid(0), Fingerprint(3)),
        StorageOp::TakeSnapshot(Zxid(0), Fingerprint(3)),
    ];
    let executed = storage.execute(ops).unwrap();
    assert_eq!(executed.done, Some(Ticket(1)));
    let mut outcomes = executed.snapshots.into_iter().map(|job| job.run().unwrap());
    assert!(matches!(outcomes.next(), Some(Outcome::Replaced)));
    assert!(matches!(outcomes.next(), Some(Outcome::Taken)));
    drop(storage);
    let (_, found) = open(&disk, &config()).unwrap();
    assert_eq!((found.last(), found.image), (Zxid(0), Fingerprint(3)));
    assert!(names(&disk).iter().all(|path| !path.to_string_lossy().contains("tmp")));
}
