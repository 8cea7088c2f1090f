//! Writes and reads one snapshot file, as a stream with a running checksum.
//!
//! # Torn or damaged
//!
//! A file that cannot be used is one of two things ([`Unusable`]):
//!
//! * **Torn**: what is there is the beginning of a snapshot, and the end was never written. The file
//!   ends before the seal of the tree, or zeros stand where the rest should be.
//! * **Damaged**: something in it is not what was written. It may have been complete once.
//!
//! This server syncs a snapshot before it gives it the name `snapshot.<zxid>`, so a torn one is not
//! its own. ZooKeeper writes the snapshots that it takes while it serves under their final names;
//! when it is killed meanwhile, a torn one stays. `recovery.rs` says what follows from this.

use std::error::Error;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use quorate_core::ids::Zxid;
use quorate_core::wire::files::{
    Compression, END_MARK, FileKind, HEADER_LEN, LayoutError, MAX_SECTIONS_LEN, SEAL_LEN, Sections,
    SnapshotDigest,
};
use quorate_core::wire::snapshot::{SnapshotDecoder, SnapshotItem};
use quorate_core::wire::state::{Reach, Snapshot, SnapshotBuilder};
use simd_adler32::Adler32;

use super::disk::{Disk, SyncPoint};
use super::error::{During, StorageError};

/// What is wrong with an item of a snapshot.
pub type ItemError = Box<dyn Error + Send + Sync>;

/// This much is written or read at once, in bytes.
const CHUNK: usize = 1 << 18;
/// A file that ends with this number of zeros, in bytes, was not written to its end. What a snapshot ends
/// with is not zero, and a compressed one ends with a few zeros at most.
const ZERO_TAIL: u64 = 512;
/// The fewest bytes that begin and end compressed content.
const GZIP_LEN: u64 = 18;

/// Write a snapshot that stands at `zxid` to a file that will get its final name later, and make
/// its content durable.
pub(super) fn write<D: Disk, I: Snapshot>(
    disk: &D,
    path: &Path,
    zxid: Zxid,
    image: &I,
    point: SyncPoint,
) -> Result<(), StorageError> {
    Body::write(disk, path, image)?.finish(disk, &sections(zxid, image), point)
}

/// Give a snapshot that stands at `zxid` piece by piece, byte for byte as [`write`] writes it.
///
/// # Errors
/// What `give` fails with.
pub(crate) fn encode<I: Snapshot, E>(
    zxid: Zxid,
    image: &I,
    give: &mut dyn FnMut(Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let (mut adler, mut encoder) = (Adler32::new(), image.body());
    let mut chunk = FileKind::Snapshot.header().to_vec();
    let mut complete = false;
    while !complete {
        complete = encoder.fill(&mut chunk, CHUNK);
        adler.write(&chunk);
        give(std::mem::take(&mut chunk))?;
    }
    sections(zxid, image).write(&mut chunk, |bytes| {
        adler.write(bytes);
        adler.finish()
    });
    give(chunk)
}

/// A snapshot file that has everything but what follows the tree.
pub(super) struct Body<D: Disk> {
    file: D::File,
    path: PathBuf,
    adler: Adler32,
    /// Where the file ends so far, in bytes.
    at: u64,
}

impl<D: Disk> Body<D> {
    /// Write sessions, lists and znodes.
    pub(super) fn write<I: Snapshot>(disk: &D, path: &Path, image: &I) -> Result<Self, StorageError> {
        if disk.exists(path).during("look for", path)? {
            disk.remove(path).during("remove", path)?;
        }
        let file = disk.create(path).during("create", path)?;
        let (mut adler, mut at) = (Adler32::new(), 0);
        let mut encoder = image.body();
        let mut chunk = FileKind::Snapshot.header().to_vec();
        let mut complete = false;
        while !complete {
            complete = encoder.fill(&mut chunk, CHUNK);
            adler.write(&chunk);
            disk.write_at(&file, at, &chunk).during("write to", path)?;
            at += chunk.len() as u64;
            chunk.clear();
        }
        Ok(Body { file, path: path.to_path_buf(), adler, at })
    }

    /// Write what follows the tree, and make all of it durable.
    pub(super) fn finish(self, disk: &D, sections: &Sections, point: SyncPoint) -> Result<(), StorageError> {
        let Body { file, path, mut adler, at } = self;
        let mut end = Vec::new();
        sections.write(&mut end, |bytes| {
            adler.write(bytes);
            adler.finish()
        });
        disk.write_at(&file, at, &end).during("write to", &path)?;
        disk.sync(&file, point).during("sync", &path)
    }
}

fn sections<I: Snapshot>(zxid: Zxid, image: &I) -> Sections {
    let digest = image.digest().map(|(version, digest)| SnapshotDigest { zxid, version, digest });
    Sections { digest, last_processed: Some(zxid) }
}

/// What a snapshot file contains besides the state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SnapshotInfo {
    /// Where it stands: every transaction up to this one is in it.
    pub zxid: Zxid,
    /// The last transaction that may have effects in it. Equal to `zxid`, except in snapshots that
    /// Java wrote while transactions were applied.
    pub reaches: Zxid,
}

/// Why a snapshot cannot be used.
#[derive(Debug)]
pub(crate) enum Unusable {
    /// The file was never written to its end, and what is there is as it was written.
    Torn(String),
    /// The file is not what was written, or cannot be read.
    Damaged(ItemError),
    /// The state may have effects of transactions up to the first, and the log ends with the second: it is
    /// unknown which.
    AheadOfLog(Zxid, Zxid),
}

impl Unusable {
    /// Whether it was never complete.
    pub(crate) fn is_torn(&self) -> bool {
        matches!(self, Unusable::Torn(_))
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unusable::Torn(what) => f.write_str(what),
            Unusable::Damaged(why) => why.fmt(f),
            Unusable::AheadOfLog(reaches, last) => {
                write!(f, "it may have effects of transactions up to {reaches}, but the log ends with {last}")
            }
        }
    }
}

impl<E: Into<ItemError>> From<E> for Unusable {
    fn from(why: E) -> Self {
        Unusable::Damaged(why.into())
    }
}

/// Read a snapshot into a builder that was given nothing yet, and check its seals.
///
/// # Errors
/// Why it cannot be used.
pub(super) fn read<D: Disk, B: SnapshotBuilder>(
    disk: &D,
    path: &Path,
    zxid: Zxid,
    compression: Compression,
    builder: B,
) -> Result<(SnapshotInfo, B::Snapshot), Unusable> {
    let mut builder = builder;
    let sections = read_items(disk, path, compression, &mut |item| Ok(builder.add(item)?))?;
    let reaches = [sections.digest.map(|d| d.zxid), sections.last_processed];
    let reaches = reaches.into_iter().flatten().fold(zxid, Zxid::max);
    let info = SnapshotInfo { zxid, reaches };
    Ok((info, builder.finish(zxid, Reach::UpTo(reaches))?))
}

/// Read a snapshot item by item and check its seals: what was pushed can be trusted when this returns.
///
/// # Errors
/// Why it cannot be used; what `push` finds wrong.
pub(crate) fn read_items<D: Disk>(
    disk: &D,
    path: &Path,
    compression: Compression,
    push: &mut dyn FnMut(SnapshotItem) -> Result<(), ItemError>,
) -> Result<Sections, Unusable> {
    let file = disk.open(path)?;
    let len = disk.len(&file)?;
    let written = written_len(disk, &file, len)?;
    let mut end = [0; END];
    let from = written.saturating_sub(END as u64);
    let read = disk.read_at(&file, from, &mut end[END - (written - from) as usize..])?;
    let is_read = read as u64 == written - from;
    let file = DiskReader { disk, file, at: 0 }.take(written);
    let read = match compression {
        // What ends as a snapshot does was complete, whatever is wrong with it now.
        Compression::None => read_stream(Source::new(file, is_read && !is_an_end(&end), None), push),
        // Compressed content has an end of its own, with the length of the content in its last bytes.
        Compression::Gzip => {
            let [.., a, b, c, d] = end;
            let content =
                (written == len && len >= GZIP_LEN).then(|| u64::from(u32::from_le_bytes([a, b, c, d])));
            read_stream(Source::new(MultiGzDecoder::new(file), written == 0, content), push)
        }
        Compression::Snappy => {
            Err("snappy is not supported: let ZooKeeper write a snapshot with gz or without compression"
                .into())
        }
    };
    match read {
        Err(Unusable::Torn(what)) if written < len => {
            Err(Unusable::Torn(format!("{what}; its last {} bytes are zeros", len - written)))
        }
        read => read,
    }
}

/// The longest end of a snapshot by which it is known: the mark before a section, a digest, a seal.
const END: usize = END_MARK.len() + 20 + SEAL_LEN;

/// Whether a file that ends like this was written to its end. Then there is a seal, and the mark of what is
/// before it in its place. Before the seal is the tree, or another seal and a section of 8 or 20 bytes.
fn is_an_end(end: &[u8; END]) -> bool {
    let has_mark = |at: usize| end[..at].ends_with(&END_MARK);
    has_mark(END) && [0, 8, 20].iter().any(|section| has_mark(END - SEAL_LEN - section))
}

/// The length of a file without the zeros at its end, if there are too many of them to be a part of
/// its content.
fn written_len<D: Disk>(disk: &D, file: &D::File, len: u64) -> io::Result<u64> {
    let (mut end, mut block) = (len, vec![0; CHUNK]);
    while end > 0 {
        let from = end.saturating_sub(CHUNK as u64);
        let block = &mut block[..(end - from) as usize];
        let read = disk.read_at(file, from, block)?;
        match block[..read].iter().rposition(|byte| *byte != 0) {
            Some(last) => {
                end = from + last as u64 + 1;
                break;
            }
            None => end = from,
        }
    }
    Ok(if len - end < ZERO_TAIL { len } else { end })
}

/// The content of a snapshot file.
struct Source<R> {
    stream: R,
    /// The content ends before its end.
    is_cut: bool,
    /// How long the end of the file says that the content is, if it has such an end.
    claimed: Option<u64>,
    /// How much was read.
    read: u64,
}

impl<R: Read> Source<R> {
    fn new(stream: R, is_cut: bool, claimed: Option<u64>) -> Self {
        Source { stream, is_cut, claimed, read: 0 }
    }

    /// Read until `into` is full or there is nothing more; returns how many bytes were read.
    fn fill(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < into.len() {
            match self.stream.read(&mut into[filled..]) {
                Ok(0) => break,
                Ok(len) => filled += len,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
                    self.is_cut = true;
                    break;
                }
                Err(e) => return Err(e),
            }
        }
        self.read += filled as u64;
        Ok(filled)
    }

    /// There is nothing more where something should be.
    ///
    /// Damage can also make compressed content seem longer than it is. Then the length that was written
    /// at the end is near to what could be read; bytes from anywhere else would not be.
    fn ends(&self, what: String) -> Unusable {
        let near = self.read / 8..self.read.saturating_mul(8).saturating_add(CHUNK as u64);
        let is_complete = self.claimed.is_some_and(|claimed| near.contains(&claimed));
        if self.is_cut && !is_complete { Unusable::Torn(what) } else { Unusable::Damaged(what.into()) }
    }
}

fn read_stream(
    mut source: Source<impl Read>,
    push: &mut dyn FnMut(SnapshotItem) -> Result<(), ItemError>,
) -> Result<Sections, Unusable> {
    let mut header = [0; HEADER_LEN];
    let len = source.fill(&mut header)?;
    if len < HEADER_LEN {
        // The last eight bytes may be anything.
        source.is_cut &= FileKind::Snapshot.header()[..8].starts_with(&header[..len.min(8)]);
        return Err(source.ends(format!("ends within its header, at byte {len}")));
    }
    FileKind::Snapshot.check_header(&header)?;
    let mut adler = Adler32::new();
    adler.write(&header);
    // What was written once must be readable, whatever the limits are today.
    let mut decoder = SnapshotDecoder::new(i32::MAX as usize);
    let mut chunk = vec![0; CHUNK];
    let mut fed = 0;
    let mut tail = 'body: loop {
        let len = source.fill(&mut chunk)?;
        if len == 0 {
            return Err(source.ends(format!("ends within the tree, at byte {}", HEADER_LEN as u64 + fed)));
        }
        decoder.feed(&chunk[..len]);
        while let Some(item) = decoder.next_item().map_err(|e| e.after(HEADER_LEN as u64))? {
            let end = item == SnapshotItem::End;
            push(item)?;
            if end {
                let body = (decoder.position() - fed) as usize;
                adler.write(&chunk[..body]);
                break 'body chunk[body..len].to_vec();
            }
        }
        adler.write(&chunk[..len]);
        fed += len as u64;
    };
    let before = tail.len();
    tail.resize(MAX_SECTIONS_LEN.max(before), 0);
    let more = source.fill(&mut tail[before..])?;
    tail.truncate(before + more);
    let sections = Sections::parse(&tail, |bytes| {
        adler.write(bytes);
        adler.finish()
    });
    sections.map_err(|wrong| match wrong {
        LayoutError::Unsealed => source.ends(wrong.to_string()),
        // The beginning of a digest of the length of a zxid.
        LayoutError::Checksum { .. } if tail.len() == 8 + 2 * SEAL_LEN => source.ends(wrong.to_string()),
        wrong => wrong.into(),
    })
}

/// A file of a [`Disk`] as a [`Read`].
struct DiskReader<'a, D: Disk> {
    disk: &'a D,
    file: D::File,
    at: u64,
}

impl<D: Disk> Read for DiskReader<'_, D> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.disk.read_at(&self.file, self.at, into)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// A snapshot file's name taken apart.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct SnapshotName {
    /// Where it stands, as its name says.
    pub(super) zxid: Zxid,
    /// How it is compressed.
    pub(super) compression: Compression,
    /// The snapshot's path.
    pub(super) path: PathBuf,
}
