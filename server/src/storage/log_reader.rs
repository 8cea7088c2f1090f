//! Reads one log file: its records, and how it ends.
//!
//! A file may end with zeros (preallocation), or with a record that was being written when the
//! machine stopped. Everything else is damage, and who reads several files decides what it means.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use quorate_core::ids::Zxid;
use quorate_core::wire::files::{
    FileKind, HEADER_LEN, RECORD_END, RECORD_HEADER_LEN, RecordHeader, TXN_HEADER_LEN, record_len,
    txn_zxid_and_type,
};
use simd_adler32::adler32;

use super::disk::Disk;
use super::error::{During, StorageError};

/// How much is read at once, in bytes.
const WINDOW: usize = 1 << 20;

/// A transaction in a log file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Record {
    /// Where the record starts.
    pub(super) at: u64,
    /// Where it ends.
    pub(super) end: u64,
    /// Its zxid.
    pub(super) zxid: Zxid,
    /// Its type.
    pub(super) kind: i32,
    /// The serialized transaction.
    pub(super) payload: Bytes,
}

/// What comes after the last record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Ending {
    /// Nothing, or zeros.
    Clean,
    /// Something that is no record.
    Damage(Damage),
}

/// Something that is no record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Damage {
    /// Where.
    pub(super) at: u64,
    /// What is wrong.
    pub(super) what: String,
    /// Whether it is a record whose end was never written: nothing but zeros follow. Such a record
    /// was never synced, so nobody was told that it is in the log.
    pub(super) unfinished: bool,
    /// A later transaction that is intact: then this is no torn tail.
    pub(super) intact_after: Option<u64>,
}

/// Reads one log file from its start.
pub(super) struct LogReader<'a, D: Disk> {
    disk: &'a D,
    file: D::File,
    path: PathBuf,
    len: u64,
    at: u64,
    last: Zxid,
    window: Bytes,
    window_at: u64,
    ending: Option<Ending>,
}

impl<'a, D: Disk> LogReader<'a, D> {
    /// Open a file and look at its header.
    pub(super) fn open(disk: &'a D, path: &Path) -> Result<Self, StorageError> {
        let file = disk.open(path).during("open", path)?;
        let len = disk.len(&file).during("read the length of", path)?;
        let mut reader = LogReader {
            disk,
            file,
            path: path.to_path_buf(),
            len,
            at: 0,
            last: Zxid::ZERO,
            window: Bytes::new(),
            window_at: 0,
            ending: None,
        };
        reader.header()?;
        Ok(reader)
    }

    /// The next record, or `None` at the end.
    pub(super) fn next_record(&mut self) -> Result<Option<Record>, StorageError> {
        if self.ending.is_some() {
            return Ok(None);
        }
        let head = self.peek(RECORD_HEADER_LEN as u64)?;
        if head.iter().all(|b| *b == 0) {
            let clean = self.zeros_from(self.at)?;
            let what = "zeros where a transaction should begin";
            return self.end(if clean { None } else { Some((what.to_string(), false)) });
        }
        let Some(head) = head.first_chunk() else {
            return self.end(Some(("the file ends within a record's header".to_string(), true)));
        };
        let header = RecordHeader::parse(head);
        let body_at = self.at + RECORD_HEADER_LEN as u64;
        let payload = match usize::try_from(header.len) {
            Ok(len) if len > 0 => len,
            _ => {
                let unfinished = header.len == 0 && self.zeros_from(body_at)?;
                return self.end(Some((format!("unreasonable length {}", header.len), unfinished)));
            }
        };
        let end = self.at + record_len(payload) as u64;
        if end > self.len {
            return self.end(Some(("the file ends within a record".to_string(), true)));
        }
        let record = self.peek(end - self.at)?;
        if record.len() as u64 != end - self.at {
            let source = io::ErrorKind::UnexpectedEof.into();
            return Err(StorageError::Io { action: "read", path: self.path.clone(), source });
        }
        let payload = record.slice(RECORD_HEADER_LEN..record.len() - 1);
        match record[record.len() - 1] {
            RECORD_END => {}
            trailer => {
                let unfinished = trailer == 0 && self.zeros_from(end)?;
                return self.end(Some(("a record does not end with 'B'".to_string(), unfinished)));
            }
        }
        let computed = adler32(&&payload[..]);
        if header.checksum != i64::from(computed) {
            let what = format!("checksum {:#x}, but the content has {computed:#x}", header.checksum);
            return self.end(Some((what, false)));
        }
        let Some((zxid, kind)) = txn_zxid_and_type(&payload) else {
            let what = format!("an intact record of {} bytes, too short for a transaction", payload.len());
            return Err(self.damaged(self.at, what));
        };
        let record = Record { at: self.at, end, zxid, kind, payload };
        (self.at, self.last) = (end, zxid);
        Ok(Some(record))
    }

    /// Where the last intact record ends.
    pub(super) fn position(&self) -> u64 {
        self.at
    }

    /// How the file ends; to be asked after the last record.
    pub(super) fn ending(self) -> Ending {
        self.ending.unwrap_or(Ending::Clean)
    }

    /// The error "this file is damaged here".
    pub(super) fn damaged(&self, offset: u64, what: String) -> StorageError {
        StorageError::DamagedLog { path: self.path.clone(), offset, what }
    }

    fn header(&mut self) -> Result<(), StorageError> {
        let header = self.peek(HEADER_LEN as u64)?;
        let complete = header.first_chunk::<HEADER_LEN>();
        match complete.map(|h| FileKind::Log.check_header(h)) {
            Some(Ok(())) => {
                self.at = HEADER_LEN as u64;
                return Ok(());
            }
            _ if self.zeros_from(0)? => self.ending = Some(Ending::Clean),
            Some(Err(wrong)) => {
                let written = header.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
                let torn = header[..written] == FileKind::Log.header()[..written];
                let unfinished = torn && self.zeros_from(HEADER_LEN as u64)?;
                self.end(Some((wrong.to_string(), unfinished)))?;
            }
            None => {
                let torn = FileKind::Log.header().starts_with(&header);
                self.end(Some(("the file ends within its header".to_string(), torn)))?;
            }
        }
        Ok(())
    }

    fn end(&mut self, damage: Option<(String, bool)>) -> Result<Option<Record>, StorageError> {
        self.ending = Some(match damage {
            None => Ending::Clean,
            Some((what, unfinished)) => {
                let intact_after = self.intact_after(self.at + 1)?;
                Ending::Damage(Damage { at: self.at, what, unfinished, intact_after })
            }
        });
        Ok(None)
    }

    /// The next `n` bytes, fewer at the end of the file.
    fn peek(&mut self, n: u64) -> Result<Bytes, StorageError> {
        let n = n.min(self.len - self.at);
        let within = self.at >= self.window_at && self.at + n <= self.window_at + self.window.len() as u64;
        if !within {
            self.window = self.read(self.at, n.max(WINDOW as u64))?;
            self.window_at = self.at;
        }
        let start = (self.at - self.window_at) as usize;
        Ok(self.window.slice(start..self.window.len().min(start + n as usize)))
    }

    fn read(&self, at: u64, n: u64) -> Result<Bytes, StorageError> {
        let mut bytes = vec![0; n.min(self.len.saturating_sub(at)) as usize];
        let read = self.disk.read_at(&self.file, at, &mut bytes).during("read", &self.path)?;
        bytes.truncate(read);
        Ok(bytes.into())
    }

    fn zeros_from(&self, mut at: u64) -> Result<bool, StorageError> {
        while at < self.len {
            let bytes = self.read(at, WINDOW as u64)?;
            if bytes.iter().any(|b| *b != 0) {
                return Ok(false);
            }
            at += bytes.len().max(1) as u64;
        }
        Ok(true)
    }

    fn intact_after(&self, at: u64) -> Result<Option<u64>, StorageError> {
        let bytes = self.read(at, u64::MAX)?;
        Ok(find_record(&bytes, self.last).map(|found| at + found as u64))
    }
}

/// Where the first intact record of a transaction after `last` begins, at any offset.
fn find_record(bytes: &[u8], last: Zxid) -> Option<usize> {
    let mut at = 0;
    while at + record_len(TXN_HEADER_LEN) <= bytes.len() {
        let head: &[u8; RECORD_HEADER_LEN] = bytes[at..].first_chunk()?;
        if head == &[0; RECORD_HEADER_LEN] {
            let skip = bytes[at..].iter().position(|b| *b != 0)?;
            at += skip + 1 - RECORD_HEADER_LEN;
            continue;
        }
        let header = RecordHeader::parse(head);
        let payload = usize::try_from(header.len).ok().filter(|len| *len >= TXN_HEADER_LEN);
        let record = payload.and_then(|len| bytes[at..].get(..record_len(len)));
        if let Some([body @ .., RECORD_END]) = record {
            let payload = &body[RECORD_HEADER_LEN..];
            let later = txn_zxid_and_type(payload).is_some_and(|(zxid, _)| zxid > last);
            if later && header.checksum == i64::from(adler32(&payload)) {
                return Some(at);
            }
        }
        at += 1;
    }
    None
}
