//! Writes and reads one snapshot file, as a stream with a running checksum.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use quorate_core::ids::Zxid;
use quorate_core::wire::files::{
    Compression, FileKind, HEADER_LEN, MAX_SECTIONS_LEN, Sections, SnapshotDigest,
};
use quorate_core::wire::snapshot::{SnapshotDecoder, SnapshotItem};
use simd_adler32::Adler32;

use super::disk::{Disk, SyncPoint};
use super::error::{During, StorageError};
use super::image::{Image, ImageBuilder, ImageError};

/// This much is written or read at once, in bytes.
const CHUNK: usize = 1 << 18;

/// Write a snapshot that stands at `zxid` to a file that will get its final name later, and make
/// its content durable.
pub(super) fn write<D: Disk, I: Image>(
    disk: &D,
    path: &Path,
    zxid: Zxid,
    image: &I,
    point: SyncPoint,
) -> Result<(), StorageError> {
    if disk.exists(path).during("look for", path)? {
        disk.remove(path).during("remove", path)?;
    }
    let file = disk.create(path).during("create", path)?;
    let (mut adler, mut at) = (Adler32::new(), 0);
    let mut encoder = image.encoder();
    let mut chunk = FileKind::Snapshot.header().to_vec();
    let mut complete = false;
    while !complete {
        complete = encoder.fill(&mut chunk, CHUNK);
        adler.write(&chunk);
        if complete {
            sections(zxid, image).write(&mut chunk, |bytes| {
                adler.write(bytes);
                adler.finish()
            });
        }
        disk.write_at(&file, at, &chunk).during("write to", path)?;
        at += chunk.len() as u64;
        chunk.clear();
    }
    disk.sync(&file, point).during("sync", path)
}

fn sections<I: Image>(zxid: Zxid, image: &I) -> Sections {
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

/// Read a snapshot into a builder that was given nothing yet, and check its seals.
///
/// # Errors
/// Why it cannot be used.
pub(super) fn read<D: Disk, B: ImageBuilder>(
    disk: &D,
    path: &Path,
    zxid: Zxid,
    compression: Compression,
    builder: B,
) -> Result<(SnapshotInfo, B::Image), ImageError> {
    let mut builder = builder;
    let mut sections = read_items(disk, path, compression, &mut |item| builder.push(item))?;
    let reaches = [sections.digest.map(|d| d.zxid), sections.last_processed];
    let reaches = reaches.into_iter().flatten().fold(zxid, Zxid::max);
    sections.last_processed = Some(zxid);
    Ok((SnapshotInfo { zxid, reaches }, builder.finish(&sections)?))
}

/// Read a snapshot item by item and check its seals: what was pushed can be trusted when this returns.
///
/// # Errors
/// Why it cannot be used; what `push` finds wrong.
pub(crate) fn read_items<D: Disk>(
    disk: &D,
    path: &Path,
    compression: Compression,
    push: &mut dyn FnMut(SnapshotItem) -> Result<(), ImageError>,
) -> Result<Sections, ImageError> {
    let file = DiskReader { disk, file: disk.open(path)?, at: 0 };
    match compression {
        Compression::None => read_stream(file, push),
        Compression::Gzip => read_stream(MultiGzDecoder::new(file), push),
        Compression::Snappy => {
            Err("snappy is not supported: let ZooKeeper write a snapshot with gz or without compression"
                .into())
        }
    }
}

fn read_stream(
    mut stream: impl Read,
    push: &mut dyn FnMut(SnapshotItem) -> Result<(), ImageError>,
) -> Result<Sections, ImageError> {
    let mut header = [0; HEADER_LEN];
    stream.read_exact(&mut header).map_err(|e| match e.kind() {
        io::ErrorKind::UnexpectedEof => "ends within its header".into(),
        _ => ImageError::from(e),
    })?;
    FileKind::Snapshot.check_header(&header)?;
    let mut adler = Adler32::new();
    adler.write(&header);
    // What was written once must be readable, whatever the limits are today.
    let mut decoder = SnapshotDecoder::new(i32::MAX as usize);
    let mut chunk = vec![0; CHUNK];
    let mut fed = 0;
    let mut tail = 'body: loop {
        let len = match stream.read(&mut chunk) {
            Ok(0) => return Err(format!("ends within the tree, at byte {}", HEADER_LEN as u64 + fed).into()),
            Ok(len) => len,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e.into()),
        };
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
    let wanted = MAX_SECTIONS_LEN.saturating_sub(tail.len()) as u64;
    stream.take(wanted).read_to_end(&mut tail)?;
    Ok(Sections::parse(&tail, |bytes| {
        adler.write(bytes);
        adler.finish()
    })?)
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
    /// Where it is.
    pub(super) path: PathBuf,
}
