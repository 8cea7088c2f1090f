//! Recordings as files: found, read, checked, in the order of the starts.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use quorate_core::ids::{Link, Now, ServerId};
use quorate_core::recording::{self, Damage, Frames, Header, Record};

use super::error::ReplayError;
use super::summary::kind;

/// How recordings' names end.
const SUFFIX: &str = "qrec";

/// The recording of one start.
#[derive(Debug)]
pub struct Recording {
    /// The path of the file.
    pub path: PathBuf,
    /// What the start began with.
    pub header: Header,
    /// Whether it ends within a record.
    pub torn: bool,
    /// The connections, in the order in which they were opened.
    pub(super) opened: Vec<Opened>,
    bytes: Vec<u8>,
    /// The end of the last whole record.
    end: usize,
}

/// A connection as one end knew it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opened {
    pub(super) link: Link,
    pub(super) dialed: bool,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    /// When, in milliseconds since 1970.
    pub(super) wall_ms: i64,
}

impl Recording {
    /// The id of the recorded server.
    pub fn id(&self) -> ServerId {
        self.header.config.id
    }

    /// Read one file and check all of it.
    ///
    /// # Errors
    /// [`ReplayError::Io`], [`ReplayError::Unreadable`].
    pub fn open(path: &Path) -> Result<Recording, ReplayError> {
        let bytes = fs::read(path).map_err(|error| ReplayError::Io(path.to_owned(), error))?;
        Recording::parse(path, bytes)
    }

    /// Check all of a recording whose bytes were read before.
    ///
    /// # Errors
    /// [`ReplayError::Unreadable`].
    pub fn parse(path: &Path, bytes: Vec<u8>) -> Result<Recording, ReplayError> {
        let unreadable = |offset, why| ReplayError::Unreadable { path: path.to_owned(), offset, why };
        let damaged = |offset, why: Damage| unreadable(offset, why.to_string());
        let malformed =
            |offset, why: postcard::Error| unreadable(offset, format!("this is no record: {why}"));
        let mut frames = Frames::new(&bytes).map_err(|why| damaged(0, why))?;
        let first = frames.offset();
        let content = frames.next().map_err(|why| damaged(first, why))?;
        let content = content.ok_or_else(|| unreadable(first, "the file ends before its header".into()))?;
        let mut header = match recording::read(content).map_err(|why| malformed(first, why))? {
            Record::Header(header) => *header,
            other => return Err(unreadable(first, format!("{} where the header must be", kind(&other)))),
        };
        if let Some((_, image)) = &mut header.recovered.snapshot {
            let settings = &header.config.settings;
            *image = image.read_again(settings).map_err(|why| unreadable(first, why.to_string()))?;
        }
        let (mut opened, mut torn, mut ended): (Vec<Opened>, _, _) = (Vec::new(), false, false);
        loop {
            let at = frames.offset();
            let content = match frames.next() {
                Ok(Some(content)) => content,
                Ok(None) => break,
                Err(Damage::Torn) => {
                    torn = true;
                    break;
                }
                Err(why) => return Err(damaged(at, why)),
            };
            if ended {
                return Err(unreadable(at, "something follows the end".into()));
            }
            match content.first() {
                Some(0) => return Err(unreadable(at, "a second header".into())),
                // A step: only the time is of interest yet.
                Some(1) => {
                    let (_, now): (u8, Now) =
                        postcard::take_from_bytes(content).map_err(|why| malformed(at, why))?.0;
                    if let Some(opened) = opened.last_mut().filter(|opened| opened.wall_ms == i64::MIN) {
                        opened.wall_ms = now.wall_ms;
                    }
                }
                _ => match recording::read(content).map_err(|why| malformed(at, why))? {
                    Record::Opened { link, dialed, local, remote } => {
                        // The next step's time is its.
                        opened.push(Opened { link, dialed, local, remote, wall_ms: i64::MIN });
                    }
                    Record::End => ended = true,
                    _ => {}
                },
            }
        }
        let end = frames.offset();
        Ok(Recording { path: path.to_owned(), header, torn, opened, bytes, end })
    }

    /// What follows the header.
    pub(super) fn records(&self) -> Frames<'_> {
        let mut frames = Frames::new(&self.bytes[..self.end]).expect("it was checked");
        frames.next().expect("it was checked");
        frames
    }

    /// The record that begins at an offset.
    pub(super) fn record_at(&self, offset: usize) -> Option<Record> {
        let content = self.bytes.get(offset + 8..)?;
        // A record ends by itself.
        postcard::take_from_bytes(content).ok().map(|(record, _)| record)
    }
}

/// Read recordings, and those in directories (and theirs), in the order of their starts.
///
/// # Errors
/// What cannot be read.
pub fn load(paths: &[PathBuf]) -> Result<Vec<Recording>, ReplayError> {
    let mut files = Vec::new();
    for path in paths {
        let before = files.len();
        collect(path, true, &mut files)?;
        if files.len() == before {
            return Err(ReplayError::Nothing(path.clone()));
        }
    }
    files.sort();
    files.dedup();
    let mut recordings: Vec<Recording> =
        files.iter().map(|path| Recording::open(path)).collect::<Result<_, _>>()?;
    recordings.sort_by_key(|recording| (recording.header.wall_ms, recording.id()));
    Ok(recordings)
}

fn collect(path: &Path, named: bool, files: &mut Vec<PathBuf>) -> Result<(), ReplayError> {
    let failed = |error| ReplayError::Io(path.to_owned(), error);
    if path.metadata().map_err(failed)?.is_dir() {
        for entry in fs::read_dir(path).map_err(failed)? {
            collect(&entry.map_err(failed)?.path(), false, files)?;
        }
    } else if named || path.extension().is_some_and(|suffix| suffix == SUFFIX) {
        files.push(path.to_owned());
    }
    Ok(())
}
