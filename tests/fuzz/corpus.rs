//! What was recorded from ZooKeeper (`tests/golden`), and what has failed before (`tests/fuzz/corpus`).

use std::fs;
use std::path::{Path, PathBuf};

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests")
}

/// The dumps of these recordings.
pub(crate) fn recorded(files: &[&str]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for file in files {
        let path = tests().join("golden").join(file);
        let text = fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        let dumps = text.lines().filter_map(|line| line.trim().strip_prefix("hex:"));
        all.extend(dumps.map(|hex| bytes(hex.trim())));
    }
    assert!(!all.is_empty(), "{files:?} have no dumps");
    all
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex");
    digits.chunks(2).map(byte).collect()
}

/// A recorded file.
pub(crate) fn golden(file: &str) -> Vec<u8> {
    let path = tests().join("golden").join(file);
    fs::read(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// The files of the corpus whose names end so.
pub(crate) fn kept(end: &str) -> Vec<Vec<u8>> {
    let dir = tests().join("fuzz/corpus");
    let files = fs::read_dir(&dir).unwrap_or_else(|why| panic!("{}: {why}", dir.display()));
    let mut paths: Vec<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
    paths.sort();
    let of_kind = paths.iter().filter(|path| path.to_string_lossy().ends_with(end));
    of_kind.map(|path| fs::read(path).expect("a file")).collect()
}
