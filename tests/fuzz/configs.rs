//! Configuration files: any of them is understood or refused in words.

use std::fs;

use fastrand::Rng;
use quorate::config::{ServerConfig, Strictness};

use super::corpus::kept;
use super::mutate::mutated;
use super::run::cases;

/// A file whose lines are exchanged, doubled or dropped, or whose bytes are changed.
fn changed(rng: &mut Rng, corpus: &[Vec<u8>]) -> Vec<u8> {
    if rng.bool() {
        return mutated(rng, corpus);
    }
    let text = String::from_utf8_lossy(&corpus[rng.usize(..corpus.len())]).into_owned();
    let mut lines: Vec<&str> = text.lines().collect();
    for _ in 0..rng.u8(1..6) {
        if lines.is_empty() {
            break;
        }
        let (at, other) = (rng.usize(..lines.len()), rng.usize(..lines.len()));
        match rng.u8(..3) {
            0 => lines.swap(at, other),
            1 => lines.insert(at, lines[other]),
            _ => {
                lines.remove(at);
            }
        }
    }
    lines.join("\n").into_bytes()
}

#[test]
fn configuration_files() {
    let corpus = kept(".cfg");
    assert!(corpus.len() >= 3, "the corpus has configuration files");
    let dir = tempfile::tempdir().expect("a directory");
    let (file, data) = (dir.path().join("zoo.cfg"), dir.path().join("data"));
    fs::create_dir(&data).expect("a directory");
    cases("configuration files", 200, |rng| {
        let text =
            String::from_utf8_lossy(&changed(rng, &corpus)).replace("DATA", &data.display().to_string());
        fs::write(&file, text).expect("a file");
        let myid = if rng.bool() { b"1".to_vec() } else { mutated(rng, &[b"1\n".to_vec(), b"255".to_vec()]) };
        fs::write(data.join("myid"), myid).expect("a file");
        let strictness = if rng.bool() { Strictness::Strict } else { Strictness::AsTheFileSays };
        if let Err(errors) = ServerConfig::load(&file, strictness) {
            assert!(!errors.to_string().is_empty(), "an error says something");
        }
    });
}
