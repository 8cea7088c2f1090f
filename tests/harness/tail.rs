//! The end of a log, for the message of a test that failed.

use std::fs;
use std::path::Path;

const LINES: usize = 40;

/// The last lines of a file.
pub(crate) fn tail(path: &Path) -> String {
    let text = match fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(why) => return format!("{}: {why}", path.display()),
    };
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
