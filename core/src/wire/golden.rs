//! Reads the recordings in `tests/golden`: a line of text, then lines with `hex:` and bytes.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use bytes::Bytes;

/// One recorded message: what the recording says about it, and its bytes.
pub(crate) struct Recorded {
    /// The last line of text above the bytes.
    pub(crate) label: String,
    /// The bytes.
    pub(crate) bytes: Bytes,
}

/// Everything recorded in a file, in order.
pub(crate) fn recordings(text: &str) -> Vec<Recorded> {
    let mut label = "";
    let mut all = Vec::new();
    for line in text.lines() {
        match line.trim().strip_prefix("hex:") {
            Some(hex) => all.push(Recorded { label: label.trim().to_string(), bytes: unhex(hex.trim()) }),
            None if line.trim().is_empty() || is_dump(line) => {}
            None => label = line,
        }
    }
    assert!(!all.is_empty(), "nothing recorded");
    all
}

/// Whether the line is part of the dump for human eyes: four spaces, four digits, two spaces.
fn is_dump(line: &str) -> bool {
    let line = line.as_bytes();
    line.len() > 10
        && line.starts_with(b"    ")
        && line[4..8].iter().all(u8::is_ascii_hexdigit)
        && line[8..10] == *b"  "
}

fn unhex(hex: &str) -> Bytes {
    assert_eq!(hex.len() % 2, 0, "an odd number of digits: {hex}");
    (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hex digits")).collect()
}
