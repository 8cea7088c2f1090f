//! Values as people read them: Stats, ACLs, dates, and data that may be anything.

use std::borrow::Cow;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use quorate_client::{Acl, Stat, perms};

/// Data as text: what is not UTF-8 and control characters are escaped. Lines and tabs stay.
pub(super) fn data(bytes: &[u8]) -> Cow<'_, str> {
    escaped(bytes, |c| matches!(c, '\n' | '\t'))
}

/// A name, a path or an identity in one line.
pub(super) fn name(text: &str) -> Cow<'_, str> {
    escaped(text.as_bytes(), |_| false)
}

fn escaped(bytes: &[u8], stays: impl Fn(char) -> bool) -> Cow<'_, str> {
    let is_plain = |c: char| stays(c) || !(c.is_control() || moves_text(c));
    if let Ok(text) = std::str::from_utf8(bytes)
        && text.chars().all(is_plain)
    {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                c if is_plain(c) => shown.push(c),
                c if u32::from(c) < 0x80 => push(&mut shown, format_args!("\\x{:02x}", u32::from(c))),
                c => push(&mut shown, format_args!("\\u{{{:x}}}", u32::from(c))),
            }
        }
        for byte in chunk.invalid() {
            push(&mut shown, format_args!("\\x{byte:02x}"));
        }
    }
    Cow::Owned(shown)
}

/// Characters that change the direction in which text is shown, or hide it.
fn moves_text(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Writing to a string does not fail.
fn push(text: &mut String, what: std::fmt::Arguments<'_>) {
    let _ = text.write_fmt(what);
}

/// Data in base64.
pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Data from base64.
pub(super) fn from_base64(text: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(text).map_err(|why| format!("not base64: {why}"))
}

const RULE: &str = "+--------+-------------------------------------------------+----------------+";

/// Data byte by byte, sixteen in a line; the last line is not ended.
pub(super) fn hex_dump(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return String::new();
    }
    let mut text = String::from("         +-------------------------------------------------+\n         |");
    (0..16).for_each(|i| push(&mut text, format_args!("  {i:x}")));
    push(&mut text, format_args!(" |\n{RULE}\n"));
    for (i, row) in bytes.chunks(16).enumerate() {
        let hex: String = row.iter().map(|byte| format!(" {byte:02x}")).collect();
        let shown = |byte: &u8| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' };
        let chars: String = row.iter().map(shown).collect();
        push(&mut text, format_args!("|{:08x}|{hex:48} |{chars:16}|\n", i * 16));
    }
    text + RULE
}

/// A time in ms since 1970 as Java shows it, in the time zone of this machine.
pub(super) fn date(ms: i64) -> String {
    date_in(ms, TimeZone::system())
}

fn date_in(ms: i64, zone: TimeZone) -> String {
    match Timestamp::from_millisecond(ms) {
        Ok(time) => time.to_zoned_datetime(zone).strftime("%a %b %d %H:%M:%S %Z %Y").to_string(),
        // Beyond the year 9999.
        Err(_) => format!("{ms} ms"),
    }
}

/// A Stat, one line for each field.
pub(super) fn stat(stat: &Stat) -> String {
    format!(
        "cZxid = 0x{:x}\nctime = {}\nmZxid = 0x{:x}\nmtime = {}\npZxid = 0x{:x}\ncversion = {}\n\
         dataVersion = {}\naclVersion = {}\nephemeralOwner = 0x{:x}\ndataLength = {}\nnumChildren = {}",
        stat.czxid.0,
        date(stat.ctime),
        stat.mzxid.0,
        date(stat.mtime),
        stat.pzxid.0,
        stat.cversion,
        stat.version,
        stat.aversion,
        stat.ephemeral_owner,
        stat.data_length,
        stat.num_children,
    )
}

/// Which letters mean which permissions, in the order in which they are shown.
pub(super) const PERMISSIONS: [(char, i32); 5] = [
    ('c', perms::CREATE),
    ('d', perms::DELETE),
    ('r', perms::READ),
    ('w', perms::WRITE),
    ('a', perms::ADMIN),
];

/// Permissions as letters.
pub(super) fn permissions(bits: i32) -> String {
    PERMISSIONS.iter().filter(|(_, bit)| bits & bit != 0).map(|(letter, _)| letter).collect()
}

/// An entry of an ACL: two lines, as Java's records and permissions are shown.
pub(super) fn acl_entry(acl: &Acl) -> String {
    format!("'{},'{}\n: {}", name(&csv(&acl.id.scheme)), name(&csv(&acl.id.id)), permissions(acl.perms))
}

/// Text as a field among commas.
fn csv(text: &str) -> String {
    let mut field = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\0' | '\n' | '\r' | ',' | '}' | '%' => push(&mut field, format_args!("%{:02X}", u32::from(c))),
            c => field.push(c),
        }
    }
    field
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(data(b"plain\n\ttext \xc3\xa4"), "plain\n\ttext \u{e4}");
        assert_eq!(data(b"\x1b[2J\r\x00\x7f"), "\\x1b[2J\\x0d\\x00\\x7f");
        assert_eq!(data(b"a\xff\xfeb\xc3"), "a\\xff\\xfeb\\xc3");
        assert_eq!(data("\u{9b}31m \u{202e}".as_bytes()), "\\u{9b}31m \\u{202e}");
        assert_eq!(name("a\nb\\"), "a\\x0ab\\");
    }

    #[test]
    fn a_dump_has_sixteen_bytes_in_a_line() {
        let dump = hex_dump(b"0123456789abcdef\x00\xff");
        let lines: Vec<_> = dump.lines().collect();
        assert_eq!(lines[1], "         |  0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f |");
        assert_eq!(lines[3], "|00000000| 30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66 |0123456789abcdef|");
        assert_eq!(lines[4], "|00000010| 00 ff                                           |..              |");
        assert_eq!((lines[5], lines.len(), hex_dump(b"").len()), (RULE, 6, 0));
    }

    #[test]
    fn dates_are_those_of_java() {
        assert_eq!(date_in(0, TimeZone::UTC), "Thu Jan 01 00:00:00 UTC 1970");
        assert_eq!(date_in(1_790_000_000_999, TimeZone::UTC), "Mon Sep 21 14:13:20 UTC 2026");
        assert_eq!(date_in(i64::MAX, TimeZone::UTC), "9223372036854775807 ms");
        assert!(date_in(-1, TimeZone::UTC).ends_with("1969"));
    }

    #[test]
    fn acls() {
        let entry = Acl::new(perms::READ | perms::CREATE, "digest", "a,b:c%");
        assert_eq!(acl_entry(&entry), "'digest,'a%2Cb:c%25\n: cr");
        assert_eq!(permissions(31), "cdrwa");
    }

    proptest! {
        #[test]
        fn nothing_that_is_shown_moves_the_cursor(bytes: Vec<u8>) {
            prop_assert!(data(&bytes).chars().all(|c| matches!(c, '\n' | '\t') || !c.is_control()));
        }

        #[test]
        fn base64_there_and_back(bytes: Vec<u8>) {
            prop_assert_eq!(from_base64(&base64(&bytes)).unwrap(), bytes);
        }
    }
}
