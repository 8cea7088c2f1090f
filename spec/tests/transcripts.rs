//! Every transcript says what happens; every message of the quorum port is shown in one.
//!
//! `QUORATE_TRANSCRIPTS=write cargo test -p quorate-spec --test transcripts` writes them anew: read
//! the difference before it is committed.

use std::fs;
use std::path::{Path, PathBuf};

use quorate_spec::transcript::perform;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts")
}

fn transcripts() -> Vec<(String, String)> {
    let entries = fs::read_dir(directory()).expect("the directory of the transcripts");
    let mut all: Vec<(String, String)> = entries
        .map(|entry| entry.expect("it can be read").path())
        .filter(|path| path.extension().is_some_and(|e| e == "txt"))
        .map(|path| {
            let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
            (name, fs::read_to_string(path).expect("a transcript is text"))
        })
        .collect();
    all.sort();
    all
}

/// The first line in which two texts differ, with what is before it.
fn difference(is: &str, says: &str) -> String {
    let (is, says): (Vec<&str>, Vec<&str>) = (is.lines().collect(), says.lines().collect());
    let at = is.iter().zip(&says).take_while(|(a, b)| a == b).count();
    let context = is[at.saturating_sub(3)..at].join("\n");
    let line = |lines: &[&str]| lines.get(at).map_or("(the end)".to_owned(), |l| l.to_string());
    format!("line {}:\n{context}\n- {}\n+ {}", at + 1, line(&says), line(&is))
}

#[test]
fn every_transcript_says_what_happens() {
    let write = std::env::var_os("QUORATE_TRANSCRIPTS").is_some_and(|value| value == "write");
    let mut wrong = Vec::new();
    for (name, says) in transcripts() {
        match perform(&says) {
            Ok(is) if is == says => {}
            Ok(is) if write => fs::write(directory().join(name + ".txt"), is).expect("it can be written"),
            Ok(is) => wrong.push(format!("{name}.txt, {}", difference(&is, &says))),
            Err(why) => wrong.push(format!("{name}.txt, {why}")),
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n\n"));
}

/// The rows of the tables of docs/PROTOCOL.md that name a transcript: message and transcript.
fn shown() -> Vec<(String, String)> {
    let text = include_str!("../../docs/PROTOCOL.md");
    let ports = text.split("## Client port").next().expect("there is a first part");
    let mut shown = Vec::new();
    let mut column = None;
    for line in ports.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        if let Some(at) = cells.iter().position(|cell| *cell == "message") {
            assert_eq!(cells.last(), Some(&"shown in"), "{line}");
            column = Some(at);
        } else if let (Some(at), Some(name)) = (column, cells.last().and_then(|c| c.strip_prefix('`'))) {
            shown.push((cells[at].to_owned(), name.trim_end_matches('`').to_owned()));
        }
    }
    shown
}

#[test]
fn a_message_is_shown_where_the_documentation_says() {
    let shown = shown();
    assert!(shown.len() >= 15, "the tables are not found: {shown:?}");
    let transcripts = transcripts();
    for (message, name) in shown {
        let (_, text) = transcripts.iter().find(|(n, _)| *n == name).unwrap_or_else(|| {
            panic!("docs/PROTOCOL.md: {message} is said to be shown in {name}, which is not there")
        });
        // Of "notification, FOLLOWING (1) or LEADING (2)" the state.
        let word = message.trim_start_matches("notification, ").split(' ').next().expect("a word");
        let word = if word == "notification" { "no vote" } else { word };
        let sent = text.lines().any(|line| line.trim_start().starts_with("→ ") && line.contains(word));
        assert!(sent, "docs/PROTOCOL.md: {message} is said to be shown in {name}, and is not");
    }
}
