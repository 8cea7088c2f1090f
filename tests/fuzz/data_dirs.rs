//! Data directories: `quorate data check` and `quorate log verify` end with a word about any of them.

use std::fs;
use std::path::Path;
use std::process::Command;

use fastrand::Rng;

use super::corpus::golden;
use super::mutate::mutated;
use super::run::cases;

/// Files with ZooKeeper's names, sometimes whole.
fn fill(rng: &mut Rng, dir: &Path) {
    let log = [golden("log.1.bin")];
    let snapshots = [golden("snapshot.0.bin"), golden("snapshot.31.bin"), golden("snapshot.master.bin")];
    let some = |rng: &mut Rng, corpus: &[Vec<u8>]| {
        if rng.u8(..3) == 0 { corpus[rng.usize(..corpus.len())].clone() } else { mutated(rng, corpus) }
    };
    for name in ["log.1", "log.20", "log.100000001"] {
        if rng.bool() {
            fs::write(dir.join(name), some(rng, &log)).expect("a file");
        }
    }
    for name in ["snapshot.0", "snapshot.31", "snapshot.ffffffffffffffff"] {
        if rng.bool() {
            fs::write(dir.join(name), some(rng, &snapshots)).expect("a file");
        }
    }
    let numbers = [b"1".to_vec(), b"4294967295".to_vec(), b"-1\n".to_vec()];
    for name in
        ["acceptedEpoch", "currentEpoch", "currentEpoch.tmp", "truncate.5", "tmp.snapshot.5", "unsynced"]
    {
        if rng.u8(..4) == 0 {
            fs::write(dir.join(name), some(rng, &numbers)).expect("a file");
        }
    }
}

#[test]
fn data_directories() {
    cases("data directories", 20, |rng| {
        let dir = tempfile::tempdir().expect("a directory");
        let version = dir.path().join("version-2");
        fs::create_dir(&version).expect("a directory");
        fill(rng, &version);
        let log = version.join("log.1");
        let mut looks: Vec<(&[&str], &Path)> = vec![(&["data", "check"], dir.path())];
        if log.exists() {
            looks.push((&["log", "verify"], &log));
        }
        for (words, path) in looks {
            let output = Command::new(env!("CARGO_BIN_EXE_quorate"))
                .args(words)
                .arg(path)
                .output()
                .expect("the program runs");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let code = output.status.code();
            assert!(matches!(code, Some(0 | 1 | 3)), "{words:?}: {code:?}: {said}");
            assert!(!said.contains("panicked"), "{words:?}: {said}");
        }
    });
}
