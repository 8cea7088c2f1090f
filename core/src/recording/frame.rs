//! Frames: a length, a checksum, a content; what is damaged is noticed, and where.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | the length of the content, little-endian |
//! | 4 | CRC-32 (IEEE) of the content, little-endian |
//! | … | the content |

use alloc::vec::Vec;
use core::fmt;

/// A recording begins with these: a name and the version of the format.
pub const MAGIC: [u8; 8] = *b"QREC\0\0\0\x04";

const HEAD: usize = 8;

/// Begin a frame; what is appended next is its content. Returns where it begins.
pub fn begin_frame(out: &mut Vec<u8>) -> usize {
    let at = out.len();
    out.extend_from_slice(&[0; HEAD]);
    at
}

/// The content is complete.
///
/// # Panics
/// If it is longer than 4 GiB.
pub fn end_frame(out: &mut [u8], at: usize) {
    let (head, content) = out[at..].split_at_mut(HEAD);
    let len = u32::try_from(content.len()).expect("a frame is shorter than 4 GiB");
    head[..4].copy_from_slice(&len.to_le_bytes());
    head[4..].copy_from_slice(&crc32fast::hash(content).to_le_bytes());
}

/// Why a file cannot be read (on).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Damage {
    /// The file does not begin as a recording does.
    Foreign,
    /// A recording of another version of the format.
    Version(u8),
    /// The file ends within a frame: what a process leaves that was killed while it wrote.
    Torn,
    /// A frame's content is not what was written.
    Checksum,
    /// A frame says that it goes on behind the end of the file, and whole ones follow it.
    Length,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::Foreign => f.write_str("this is no recording"),
            Damage::Version(version) => {
                write!(f, "a recording in format {version}; this program reads format {}", MAGIC[7])
            }
            Damage::Torn => f.write_str("the file ends within a record"),
            Damage::Checksum => f.write_str("the checksum of a record does not match"),
            Damage::Length => f.write_str("the length of a record is wrong: there are records behind it"),
        }
    }
}

impl core::error::Error for Damage {}

/// Walks the frames of a recording.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Frames<'a> {
    /// The frames of a whole file.
    ///
    /// # Errors
    /// [`Damage::Foreign`], [`Damage::Version`].
    pub fn new(bytes: &'a [u8]) -> Result<Self, Damage> {
        match bytes.get(..MAGIC.len()) {
            Some(start) if start == MAGIC => Ok(Frames { bytes, at: MAGIC.len() }),
            Some(start) if start[..7] == MAGIC[..7] => Err(Damage::Version(start[7])),
            _ => Err(Damage::Foreign),
        }
    }

    /// Where the next frame begins.
    pub fn offset(&self) -> usize {
        self.at
    }

    /// The content of the next frame; `None` at the end.
    ///
    /// # Errors
    /// [`Damage::Torn`], [`Damage::Checksum`], [`Damage::Length`]; nothing behind that can be read.
    #[expect(clippy::should_implement_trait, reason = "it ends with an error, or with none")]
    pub fn next(&mut self) -> Result<Option<&'a [u8]>, Damage> {
        let rest = &self.bytes[self.at..];
        if rest.is_empty() {
            return Ok(None);
        }
        let Some((content, checksum)) = frame(rest) else {
            let follows = (1..rest.len()).any(|at| is_whole(&rest[at..]));
            return Err(if follows { Damage::Length } else { Damage::Torn });
        };
        if crc32fast::hash(content) != checksum {
            return Err(Damage::Checksum);
        }
        self.at += HEAD + content.len();
        Ok(Some(content))
    }
}

/// The content of the frame that begins here and the checksum it should have, if all of it is here.
fn frame(bytes: &[u8]) -> Option<(&[u8], u32)> {
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    Some((rest.get(..word(0) as usize)?, word(4)))
}

/// Whether a frame begins here. (Zeros look like one without content.)
fn is_whole(bytes: &[u8]) -> bool {
    frame(bytes)
        .is_some_and(|(content, checksum)| !content.is_empty() && crc32fast::hash(content) == checksum)
}
