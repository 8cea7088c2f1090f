//! The layouts of ZooKeeper's log and snapshot files: names, headers, records, seals and sections.
//!
//! Pure: checksums (Adler-32) are computed by the caller, which reads and writes the files. Source:
//! `FileTxnLog`, `FileSnap`, `SnapStream`, `Util`.
//!
//! ```text
//! log       header | record*                       then zeros
//! record    checksum i64 | length i32 | payload | 'B'
//! snapshot  header | body | seal | digest, seal | lastProcessedZxid, seal
//! seal      checksum i64 of everything before it | "/"
//! ```

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::ids::Zxid;

/// The length of a file's header, in bytes.
pub const HEADER_LEN: usize = 16;
/// The only file version there is.
pub const VERSION: i32 = 2;
/// The length of what precedes a record's payload, in bytes.
pub const RECORD_HEADER_LEN: usize = 12;
/// The byte after a record's payload.
pub const RECORD_END: u8 = b'B';
/// The length of a serialized `TxnHeader`, in bytes: no payload is shorter.
pub const TXN_HEADER_LEN: usize = 32;
/// The length of a seal, in bytes.
pub const SEAL_LEN: usize = 13;
/// The string "/": after the last znode, and at the end of every seal.
pub const END_MARK: [u8; 5] = [0, 0, 0, 1, b'/'];

/// The two kinds of files.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FileKind {
    /// `log.<zxid of its first transaction>`.
    Log,
    /// `snapshot.<zxid it stands at>`.
    Snapshot,
}

/// How a file's content is compressed, as its name says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Compression {
    /// The content is not compressed.
    #[default]
    None,
    /// Compressed by gzip: `.gz`.
    Gzip,
    /// Compressed by Snappy: `.snappy`.
    Snappy,
}

impl FileKind {
    /// The first four bytes: `ZKLG` or `ZKSN`.
    pub const fn magic(self) -> [u8; 4] {
        match self {
            FileKind::Log => *b"ZKLG",
            FileKind::Snapshot => *b"ZKSN",
        }
    }

    /// The name before the first dot.
    pub const fn prefix(self) -> &'static str {
        match self {
            FileKind::Log => "log",
            FileKind::Snapshot => "snapshot",
        }
    }

    /// The file's first [`HEADER_LEN`] bytes: magic, version, database id (0; −1 in snapshots).
    pub const fn header(self) -> [u8; HEADER_LEN] {
        let [a, b, c, d] = self.magic();
        let id = match self {
            FileKind::Log => 0,
            FileKind::Snapshot => 0xff,
        };
        [a, b, c, d, 0, 0, 0, VERSION as u8, id, id, id, id, id, id, id, id]
    }

    /// Whether a file that begins like this is of this kind and of a version that can be read.
    pub fn check_header(self, header: &[u8; HEADER_LEN]) -> Result<(), LayoutError> {
        if header[..4] != self.magic() {
            return Err(LayoutError::Magic { kind: self });
        }
        let version = int(&header[4..8]);
        if version == VERSION { Ok(()) } else { Err(LayoutError::Version { version }) }
    }

    /// `log.` or `snapshot.` and the zxid in hexadecimal.
    pub fn name(self, zxid: Zxid) -> String {
        format!("{}.{:x}", self.prefix(), zxid.0)
    }

    /// The zxid and compression that a file's name says, or `None` if the name is not of this kind
    /// (`.tmp` and other endings are not).
    pub fn parse_name(self, name: &str) -> Option<(Zxid, Compression)> {
        let rest = name.strip_prefix(self.prefix())?.strip_prefix('.')?;
        let (digits, compression) = match (self, rest.split_once('.')) {
            (_, None) => (rest, Compression::None),
            (FileKind::Snapshot, Some((digits, "gz"))) => (digits, Compression::Gzip),
            (FileKind::Snapshot, Some((digits, "snappy"))) => (digits, Compression::Snappy),
            (_, Some(_)) => return None,
        };
        parse_hex(digits).map(|zxid| (zxid, compression))
    }
}

/// A zxid in hexadecimal without sign, as file names have it.
pub fn parse_hex(digits: &str) -> Option<Zxid> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u64::from_str_radix(digits, 16).ok().map(Zxid)
}

/// What precedes a record's payload.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RecordHeader {
    /// Adler-32 of the payload, zero-extended.
    pub checksum: i64,
    /// Length of the payload in bytes; 0 after the last record.
    pub len: i32,
}

impl RecordHeader {
    /// Read it from a record's first bytes.
    pub fn parse(bytes: &[u8; RECORD_HEADER_LEN]) -> Self {
        RecordHeader { checksum: long(&bytes[..8]), len: int(&bytes[8..]) }
    }
}

/// Append a record. `checksum` is the Adler-32 of `payload`.
///
/// # Panics
/// If the payload's length does not fit an `i32`: no such transaction gets past the frame limit.
pub fn write_record(out: &mut Vec<u8>, checksum: u32, payload: &[u8]) {
    let len = i32::try_from(payload.len()).expect("a transaction is shorter than 2 GiB");
    out.reserve(record_len(payload.len()));
    out.extend_from_slice(&i64::from(checksum).to_be_bytes());
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(payload);
    out.push(RECORD_END);
}

/// The length in the file of a record with a payload of `payload` bytes.
pub const fn record_len(payload: usize) -> usize {
    RECORD_HEADER_LEN + payload + 1
}

/// The zxid and type in the `TxnHeader` a payload begins with, or `None` if it is too short.
pub fn txn_zxid_and_type(payload: &[u8]) -> Option<(Zxid, i32)> {
    let header = payload.first_chunk::<TXN_HEADER_LEN>()?;
    Some((Zxid(long(&header[12..20]) as u64), int(&header[28..])))
}

/// The tree's digest in a snapshot (`ZxidDigest`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SnapshotDigest {
    /// The last transaction the snapshot contains effects of. In a snapshot that Java wrote while
    /// transactions were applied it can be greater than the zxid the snapshot stands at.
    pub zxid: Zxid,
    /// How the digest was computed.
    pub version: i32,
    /// The digest.
    pub digest: i64,
}

/// What follows the body of a snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Sections {
    /// Present if digests were enabled.
    pub digest: Option<SnapshotDigest>,
    /// The zxid the snapshot stands at (since 3.9).
    pub last_processed: Option<Zxid>,
}

/// Longer than everything that this version knows to follow a snapshot's body, in bytes.
pub const MAX_SECTIONS_LEN: usize = 256;

impl Sections {
    /// Append the seal of the body, then each section with its own. `update` adds bytes to the
    /// running Adler-32 of the file and returns it.
    ///
    /// Without a digest the last section is left out too: Java would take one for the other.
    pub fn write(&self, out: &mut Vec<u8>, mut update: impl FnMut(&[u8]) -> u32) {
        let mut section = |content: &[u8]| {
            out.extend_from_slice(content);
            let checksum = update(content);
            let start = out.len();
            out.extend_from_slice(&i64::from(checksum).to_be_bytes());
            out.extend_from_slice(&END_MARK);
            update(&out[start..]);
        };
        section(&[]);
        let Some(digest) = self.digest else { return };
        let mut content = Vec::with_capacity(20);
        content.extend_from_slice(&digest.zxid.0.to_be_bytes());
        content.extend_from_slice(&digest.version.to_be_bytes());
        content.extend_from_slice(&digest.digest.to_be_bytes());
        section(&content);
        if let Some(zxid) = self.last_processed {
            section(&zxid.0.to_be_bytes());
        }
    }

    /// Read what follows the body. `update` adds bytes to the running Adler-32 of the file and
    /// returns it. A section that is cut off counts as absent, as in Java; one whose seal is wrong
    /// does not.
    pub fn parse(mut bytes: &[u8], mut update: impl FnMut(&[u8]) -> u32) -> Result<Self, LayoutError> {
        let mut sections = Sections::default();
        if !take_section(&mut bytes, 0, "the tree", &mut update)? {
            return Err(LayoutError::Unsealed);
        }
        if bytes.len() != 8 + SEAL_LEN {
            let Some((digest, len)) = parse_digest(bytes)? else { return Ok(sections) };
            if !take_section(&mut bytes, len, "the digest", &mut update)? {
                return Ok(sections);
            }
            sections.digest = Some(digest);
        }
        let Some(zxid) = bytes.first_chunk::<8>().copied() else { return Ok(sections) };
        if take_section(&mut bytes, 8, "lastProcessedZxid", &mut update)? {
            sections.last_processed = Some(Zxid(u64::from_be_bytes(zxid)));
        }
        Ok(sections)
    }
}

/// Skip a section of `len` bytes and its seal, if both are there and the seal is right.
fn take_section(
    bytes: &mut &[u8],
    len: usize,
    of: &'static str,
    update: &mut impl FnMut(&[u8]) -> u32,
) -> Result<bool, LayoutError> {
    let Some((section, rest)) = bytes.split_at_checked(len + SEAL_LEN) else { return Ok(false) };
    let (content, seal) = section.split_at(len);
    let computed = update(content);
    let stored = long(&seal[..8]);
    if stored != i64::from(computed) {
        return Err(LayoutError::Checksum { of, stored, computed });
    }
    if seal[8..] != END_MARK {
        return Err(LayoutError::Mark { of });
    }
    update(seal);
    *bytes = rest;
    Ok(true)
}

/// The digest at the start of `bytes` and its length; before version 2 it is a hexadecimal string.
fn parse_digest(bytes: &[u8]) -> Result<Option<(SnapshotDigest, usize)>, LayoutError> {
    let Some(fixed) = bytes.first_chunk::<20>() else { return Ok(None) };
    let zxid = Zxid(long(&fixed[..8]) as u64);
    let version = int(&fixed[8..12]);
    if version >= 2 {
        return Ok(Some((SnapshotDigest { zxid, version, digest: long(&fixed[12..]) }, 20)));
    }
    let text = usize::try_from(int(&fixed[12..16])).ok().filter(|len| *len <= 16);
    let text = text.ok_or(LayoutError::Digest)?;
    let Some(text) = bytes.get(16..16 + text) else { return Ok(None) };
    let digest = core::str::from_utf8(text).ok().and_then(parse_hex).ok_or(LayoutError::Digest)?;
    Ok(Some((SnapshotDigest { zxid, version, digest: digest.0 as i64 }, 16 + text.len())))
}

/// Why a file is not what its name says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LayoutError {
    /// The file does not begin as one of this kind does.
    Magic {
        /// The kind it should be.
        kind: FileKind,
    },
    /// A version that is not known.
    Version {
        /// The version.
        version: i32,
    },
    /// The file ends before the tree's seal does.
    Unsealed,
    /// A seal does not match.
    Checksum {
        /// The part of the file that was sealed.
        of: &'static str,
        /// The checksum in the file.
        stored: i64,
        /// The checksum of the bytes before it.
        computed: u32,
    },
    /// A seal does not end with "/".
    Mark {
        /// The part of the file that was sealed.
        of: &'static str,
    },
    /// The digest is not a number.
    Digest,
}

impl fmt::Display for LayoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LayoutError::Magic { kind } => {
                write!(f, "does not begin with {}", core::str::from_utf8(&kind.magic()).unwrap_or_default())
            }
            LayoutError::Version { version } => write!(f, "has version {version}, not {VERSION}"),
            LayoutError::Unsealed => f.write_str("ends before the seal of the tree"),
            LayoutError::Checksum { of, stored, computed } => {
                write!(f, "the seal of {of} says checksum {stored:#x}, the content has {computed:#x}")
            }
            LayoutError::Mark { of } => write!(f, "the seal of {of} does not end with \"/\""),
            LayoutError::Digest => f.write_str("the digest is not a number"),
        }
    }
}

impl core::error::Error for LayoutError {}

fn long(bytes: &[u8]) -> i64 {
    bytes.iter().take(8).fold(0, |n, b| n << 8 | i64::from(*b))
}

fn int(bytes: &[u8]) -> i32 {
    bytes.iter().take(4).fold(0, |n, b| n << 8 | i32::from(*b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;
    use proptest::prelude::*;

    /// Adler-32 by its definition.
    fn adler(state: &mut (u32, u32), bytes: &[u8]) -> u32 {
        for byte in bytes {
            state.0 = (state.0 + u32::from(*byte)) % 65521;
            state.1 = (state.1 + state.0) % 65521;
        }
        state.1 << 16 | state.0
    }

    fn sections_of(file: &[u8], body_end: usize) -> Result<Sections, LayoutError> {
        let mut state = (1, 0);
        adler(&mut state, &file[..body_end]);
        Sections::parse(&file[body_end..], |bytes| adler(&mut state, bytes))
    }

    const LOG: &[u8] = include_bytes!("../../../tests/golden/log.1.bin");
    const SNAPSHOT_0: &[u8] = include_bytes!("../../../tests/golden/snapshot.0.bin");
    const SNAPSHOT_31: &[u8] = include_bytes!("../../../tests/golden/snapshot.31.bin");
    const SNAPSHOT_MASTER: &[u8] = include_bytes!("../../../tests/golden/snapshot.master.bin");

    #[test]
    fn headers_are_zookeepers() {
        assert_eq!(LOG[..HEADER_LEN], FileKind::Log.header());
        assert_eq!(SNAPSHOT_0[..HEADER_LEN], FileKind::Snapshot.header());
        let log = FileKind::Log.header();
        assert_eq!(FileKind::Log.check_header(&log), Ok(()));
        assert_eq!(
            FileKind::Snapshot.check_header(&log).map_err(|e| e.to_string()),
            Err("does not begin with ZKSN".to_string())
        );
        let mut newer = log;
        newer[7] = 3;
        assert_eq!(FileKind::Log.check_header(&newer), Err(LayoutError::Version { version: 3 }));
    }

    #[test]
    fn names() {
        let zxid = Zxid::new(5, 0x1a);
        assert_eq!(FileKind::Log.name(zxid), "log.50000001a");
        assert_eq!(FileKind::Snapshot.name(Zxid::ZERO), "snapshot.0");
        assert_eq!(FileKind::Log.parse_name("log.50000001a"), Some((zxid, Compression::None)));
        assert_eq!(FileKind::Snapshot.parse_name("snapshot.5.gz"), Some((Zxid(5), Compression::Gzip)));
        assert_eq!(FileKind::Snapshot.parse_name("snapshot.5.snappy"), Some((Zxid(5), Compression::Snappy)));
        for name in
            ["log.", "log", "log.x", "log.+5", "log.5.bak", "log.5.gz", "snapshot.5", "log.11111111111111111"]
        {
            assert_eq!(FileKind::Log.parse_name(name), None, "{name}");
        }
        assert_eq!(FileKind::Snapshot.parse_name("snapshot.5.tmp"), None);
    }

    #[test]
    fn the_records_of_a_log_are_written_back_as_they_were() {
        let (mut at, mut written, mut expected) = (HEADER_LEN, FileKind::Log.header().to_vec(), 1);
        loop {
            let header = RecordHeader::parse(LOG[at..].first_chunk().unwrap());
            if header.len == 0 {
                break;
            }
            let payload = &LOG[at + RECORD_HEADER_LEN..][..header.len as usize];
            let checksum = adler(&mut (1, 0), payload);
            assert_eq!(i64::from(checksum), header.checksum);
            assert_eq!(txn_zxid_and_type(payload).unwrap().0, Zxid(expected));
            expected += 1;
            write_record(&mut written, checksum, payload);
            at += record_len(payload.len());
            assert_eq!(LOG[at - 1], RECORD_END);
        }
        assert!(expected > 0x20);
        assert_eq!(written, LOG[..at]);
        assert!(LOG[at..].iter().all(|b| *b == 0));
    }

    #[test]
    fn the_sections_of_snapshots() {
        let digest = |zxid, digest| Some(SnapshotDigest { zxid: Zxid(zxid), version: 2, digest });
        let cases = [
            (SNAPSHOT_0, 2 * SEAL_LEN + 20, digest(0, 0), None),
            (SNAPSHOT_31, 2 * SEAL_LEN + 20, digest(0x31, 0x4_319e_b8a8), None),
        ];
        for (file, len, digest, last_processed) in cases {
            let found = sections_of(file, file.len() - len).unwrap();
            assert_eq!(found, Sections { digest, last_processed });
        }
        let len = 3 * SEAL_LEN + 28;
        let found = sections_of(SNAPSHOT_MASTER, SNAPSHOT_MASTER.len() - len).unwrap();
        assert_eq!(found.digest.map(|d| d.zxid), found.last_processed);
        for (file, len) in [(SNAPSHOT_0, 46), (SNAPSHOT_31, 46), (SNAPSHOT_MASTER, len)] {
            let body_end = file.len() - len;
            let sections = sections_of(file, body_end).unwrap();
            let mut state = (1, 0);
            adler(&mut state, &file[..body_end]);
            let mut out = vec![];
            sections.write(&mut out, |bytes| adler(&mut state, bytes));
            assert_eq!(out, file[body_end..]);
        }
    }

    #[test]
    fn every_damaged_byte_of_the_seals_is_noticed() {
        let body_end = SNAPSHOT_MASTER.len() - (3 * SEAL_LEN + 28);
        let intact = sections_of(SNAPSHOT_MASTER, body_end).unwrap();
        for at in 0..SNAPSHOT_MASTER.len() {
            let mut file = SNAPSHOT_MASTER.to_vec();
            file[at] ^= 1;
            assert_ne!(sections_of(&file, body_end), Ok(intact), "byte {at}");
        }
        for end in body_end + SEAL_LEN..SNAPSHOT_MASTER.len() {
            // A digest cut to the length of a zxid reads as one, whose seal is wrong.
            let cut = sections_of(&SNAPSHOT_MASTER[..end], body_end);
            assert_eq!(cut.is_err(), end == body_end + 2 * SEAL_LEN + 8, "cut at {end}");
            assert_eq!(cut.unwrap_or_default().last_processed, None, "cut at {end}");
        }
        assert_eq!(sections_of(&SNAPSHOT_MASTER[..body_end + 12], body_end), Err(LayoutError::Unsealed));
    }

    #[test]
    fn a_digest_before_version_2_is_text() {
        let mut content = 7u64.to_be_bytes().to_vec();
        content.extend_from_slice(&1i32.to_be_bytes());
        content.extend_from_slice(&3i32.to_be_bytes());
        content.extend_from_slice(b"abc");
        assert_eq!(
            parse_digest(&[content.as_slice(), &[0; 4]].concat()),
            Ok(Some((SnapshotDigest { zxid: Zxid(7), version: 1, digest: 0xabc }, 19)))
        );
        content[18] = b'x';
        assert_eq!(parse_digest(&[content.as_slice(), &[0; 4]].concat()), Err(LayoutError::Digest));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let mut state = (1, 0);
            let _ = Sections::parse(&bytes, |bytes| adler(&mut state, bytes));
            let _ = parse_digest(&bytes);
            let _ = txn_zxid_and_type(&bytes);
        }

        #[test]
        fn sections_come_back(body: Vec<u8>, zxid: u64, digest: i64, both: bool) {
            let digest = SnapshotDigest { zxid: Zxid(zxid), version: 2, digest };
            let sections = Sections { digest: Some(digest), last_processed: both.then_some(Zxid(zxid)) };
            let mut file = body.clone();
            let mut state = (1, 0);
            adler(&mut state, &body);
            let mut out = Vec::new();
            sections.write(&mut out, |bytes| adler(&mut state, bytes));
            file.extend_from_slice(&out);
            prop_assert_eq!(sections_of(&file, body.len()), Ok(sections));
        }

        #[test]
        fn names_come_back(zxid: u64) {
            for kind in [FileKind::Log, FileKind::Snapshot] {
                prop_assert_eq!(kind.parse_name(&kind.name(Zxid(zxid))), Some((Zxid(zxid), Compression::None)));
            }
        }
    }
}
