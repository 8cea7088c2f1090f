//! The last chapter of docs/PROTOCOL.md names transcripts, recordings and tests: they are there, and every
//! transcript and recording is named.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The rows: rule, transcripts, recordings, tests.
fn rows() -> Vec<[Vec<String>; 4]> {
    let text = include_str!("../../docs/PROTOCOL.md");
    let chapter = text.split("## Where each rule is shown").nth(1).expect("there is the chapter");
    let rows = chapter.lines().filter(|line| line.starts_with("| ")).skip(1);
    let cell = |cell: &str| -> Vec<String> {
        cell.split(", ").map(|name| name.trim_matches('`').to_owned()).filter(|name| name != "–").collect()
    };
    rows.map(|line| {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(|text| cell(text.trim())).collect();
        cells.try_into().unwrap_or_else(|_| panic!("not four columns: {line}"))
    })
    .collect()
}

/// The names of the files below a directory, without what follows the last dot.
fn names(directory: &str, ending: &str) -> BTreeSet<String> {
    let files = fs::read_dir(root().join(directory)).expect(directory);
    let names = files.map(|file| file.expect("a file").file_name().into_string().expect("text"));
    names.filter_map(|name| Some(name.strip_suffix(ending)?.to_owned())).collect()
}

/// Everything that is written in the sources below a directory.
fn sources(directory: &Path, into: &mut String) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            *into += &fs::read_to_string(&path).expect("a source");
        }
    }
}

#[test]
fn every_transcript_and_every_recording_is_named() {
    let rows = rows();
    let named = |column: usize| rows.iter().flat_map(move |row| row[column].iter().cloned()).collect();
    let transcripts: BTreeSet<String> = named(1);
    assert_eq!(transcripts, names("spec/transcripts", ".txt"));
    let recorded: BTreeSet<String> = named(2);
    let numbers = names("tests/golden", ".txt").iter().map(|name| name[..2].to_owned()).collect();
    assert_eq!(recorded, numbers);
}

#[test]
fn every_named_test_is_there() {
    let mut text = String::new();
    for directory in ["core/src", "spec/src", "spec/tests", "tests/behaviour"] {
        sources(&root().join(directory), &mut text);
    }
    let programs = names("tests/interop", "");
    for [rule, _, _, tests] in rows() {
        assert!(!tests.is_empty(), "{rule:?}");
        for test in tests {
            let function = test.rsplit("::").next().expect("a name");
            let there = programs.contains(&test) || text.contains(&format!("fn {function}("));
            assert!(there, "{rule:?}: there is no {test}");
        }
    }
}
