//! What an examination says is what the start that follows does.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use quorate_core::ids::Zxid;

use super::super::{RealDisk, Storage, StorageConfig, StorageError, examine, log_after};
use super::files::{damaged_record, log_file, record, snapshot_file};
use super::images::{Fingerprint, FingerprintBuilder, txn};

type Files = Vec<(&'static str, Vec<u8>)>;

fn directories() -> Vec<Files> {
    let txns = |zxids: std::ops::RangeInclusive<u64>| zxids.map(|z| txn(Zxid(z), z, 0)).collect::<Vec<_>>();
    let log = |zxids| log_file(&txns(zxids));
    let snapshot = |zxid| snapshot_file(Zxid(zxid), Fingerprint(zxid));
    let torn = [log(1..=6), record(&txn(Zxid(7), 7, 9))[..30].to_vec()].concat();
    let hole = [log(1..=6), damaged_record(&txn(Zxid(7), 7, 9)), record(&txn(Zxid(8), 8, 0))].concat();
    let epoch = |epoch: &str| epoch.as_bytes().to_vec();
    vec![
        vec![],
        vec![("snapshot.0", snapshot(0)), ("log.1", log(1..=9))],
        vec![("snapshot.0", snapshot(0)), ("log.1", torn.clone()), ("log.7", vec![]), ("tmp.x", vec![1])],
        vec![("snapshot.0", snapshot(0)), ("log.1", torn), ("truncate.4", vec![])],
        vec![("snapshot.5", snapshot(5)), ("log.1", log(1..=9)), ("truncate.8", vec![])],
        vec![("snapshot.0", snapshot(0)), ("log.1", log(1..=9)), ("install.64", snapshot(100))],
        vec![
            ("snapshot.0", snapshot(0)),
            ("log.1", log(1..=9)),
            ("acceptedEpoch", epoch("1")),
            ("install.64-1-65", snapshot(100)),
            ("installing.65", log(101..=103)),
        ],
        vec![("snapshot.0", snapshot(0)), ("log.1", log(1..=9)), ("installing.65", log(101..=103))],
        vec![("snapshot.0", snapshot(0)), ("snapshot.5", vec![0; 9]), ("log.1", log(1..=9))],
        vec![("snapshot.0", snapshot(0)), ("snapshot.a", vec![0; 9]), ("log.1", log(1..=9))],
        vec![("snapshot.0", snapshot(0)), ("snapshot.a", snapshot(10)[..60].to_vec()), ("log.1", log(1..=9))],
        vec![("snapshot.0", vec![]), ("log.1", log(1..=9))],
        vec![("snapshot.0", snapshot(0)), ("log.1", hole)],
        vec![("snapshot.0", snapshot(0)), ("log.1", log(1..=3)), ("log.5", log(5..=9))],
        vec![("log.1", log(1..=3))],
        vec![("acceptedEpoch", epoch("3")), ("currentEpoch", epoch("3"))],
        vec![("snapshot.0", snapshot(0)), ("acceptedEpoch", epoch("3")), ("currentEpoch", epoch("4"))],
        vec![("snapshot.0", snapshot(0)), ("acceptedEpoch", epoch("x"))],
    ]
}

fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn an_examination_tells_what_the_next_start_does_and_changes_nothing() {
    let mut started = 0;
    for files in directories() {
        let dir = tempfile::tempdir().unwrap();
        let version = dir.path().join("version-2");
        fs::create_dir(&version).unwrap();
        for (name, bytes) in &files {
            fs::write(version.join(name), bytes).unwrap();
        }
        let names: Vec<_> = files.iter().map(|(name, _)| *name).collect();
        let before = contents(&version);
        let config = StorageConfig { pre_alloc_size: 0, ..StorageConfig::new(dir.path()) };
        let blank = FingerprintBuilder::default();
        let told = examine(&config, &blank, || Fingerprint(0)).and_then(|examined| {
            let mut entries = Vec::new();
            let base = examined.recovered.snapshot.zxid;
            log_after(&examined.overlay, &config, base, &mut |zxid, txn| entries.push((zxid, txn)))?;
            Ok((examined, entries))
        });
        assert_eq!(contents(&version), before, "{names:?}");
        let done: Result<_, StorageError> =
            Storage::open(RealDisk::default(), &config, &blank, || Fingerprint(0)).map(|(_, found)| found);
        match (told, done) {
            (Ok((told, entries)), Ok(done)) => {
                started += 1;
                let of = |found: &super::super::Recovered<Fingerprint>| {
                    (found.accepted_epoch, found.current_epoch, found.snapshot, found.image, found.trusted)
                };
                assert_eq!(of(&told.recovered), of(&done), "{names:?}");
                assert_eq!(entries, done.entries, "{names:?}");
                assert_eq!(told.last, done.last(), "{names:?}");
            }
            (Err(told), Err(done)) => assert_eq!(told.to_string(), done.to_string()),
            (told, done) => panic!("{names:?}: {:?}, then {done:?}", told.err()),
        }
    }
    assert_eq!(started, 11, "of the directories");
}
