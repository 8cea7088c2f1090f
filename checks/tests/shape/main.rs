//! The shape of the sources: no circle of more than two files imports, no file or function is too long.

mod graph;
mod imports;
mod names;
mod sources;

use std::fmt::Write as _;
use std::path::Path;

use graph::circles;
use imports::imports;
use sources::Sources;

/// The crates of the workspace whose imports are looked at.
const CRATES: [&str; 5] = ["core", "spec", "server", "checks", "client"];
/// Where there are Rust files.
const FOLDERS: [&str; 11] = [
    "core/src",
    "core/tests",
    "spec/src",
    "spec/tests",
    "server/src",
    "server/tests",
    "checks/src",
    "checks/tests",
    "client/src",
    "client/tests",
    "tests",
];
/// A file has fewer lines than this.
const LONGEST_FILE: usize = 600;
/// A function has at most this many lines, unless it is a list.
const LONGEST_FUNCTION: usize = 100;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("checks is in the workspace")
}

#[test]
fn no_circle_of_more_than_two_files_imports() {
    let mut told = String::new();
    for name in CRATES {
        let sources = Sources::of_crate(&root().join(name));
        let edges = imports(&sources);
        for circle in circles(&edges) {
            writeln!(told, "\n{name}: {} files import each other in a circle", circle.len())
                .expect("a string");
            for edge in edges.iter().filter(|edge| circle.contains(&edge.from) && circle.contains(&edge.to)) {
                writeln!(told, "  {} -> {}: {}", edge.from, edge.to, edge.items.join(" ")).expect("a string");
            }
        }
    }
    assert!(told.is_empty(), "{told}");
}

#[test]
fn no_file_and_no_function_is_too_long() {
    let mut told = Vec::new();
    for folder in FOLDERS {
        for (path, text) in sources::files(&root().join(folder)) {
            let lines = text.lines().count();
            if lines >= LONGEST_FILE {
                told.push(format!("{}: {lines} lines", path.display()));
            }
            for (function, lines) in names::long_functions(&text, LONGEST_FUNCTION) {
                told.push(format!("{}: {function} has {lines} lines", path.display()));
            }
        }
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
}
