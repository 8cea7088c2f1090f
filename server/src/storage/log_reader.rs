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
use simd_adler32::{Adler32, adler32};

use super::disk::Disk;
use super::error::{During, StorageError};

/// How much is read at once, in bytes.
const WINDOW: usize = 1 << 20;

/// A transaction in a log file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Record {
    /// Where the record starts.
    pub(crate) at: u64,
    /// Where it ends.
    pub(crate) end: u64,
    /// Its zxid.
    pub(crate) zxid: Zxid,
    /// Its type.
    pub(crate) kind: i32,
    /// The serialized transaction.
    pub(crate) payload: Bytes,
}

/// What comes after the last record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Ending {
    /// Nothing, or zeros.
    Clean,
    /// Something that is no record.
    Damage(Damage),
}

/// Something that is no record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Damage {
    /// Where.
    pub(crate) at: u64,
    /// What is wrong.
    pub(crate) what: String,
    /// Whether it is a record whose end was never written: nothing but zeros follow. Such a record
    /// was never synced, so nobody was told that it is in the log.
    pub(crate) unfinished: bool,
    /// A later transaction that is intact: then this is no torn tail.
    pub(crate) intact_after: Option<u64>,
}

/// Reads one log file from its start.
pub(crate) struct LogReader<'a, D: Disk> {
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
    pub(crate) fn open(disk: &'a D, path: &Path) -> Result<Self, StorageError> {
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
    ///
    /// The file may be one that a server writes to: then what has just been zeros may be followed by a
    /// record. So what looks like a hole is looked at again, until it looks the same.
    pub(crate) fn next_record(&mut self) -> Result<Option<Record>, StorageError> {
        let mut hole = None;
        while self.ending.is_none() {
            if let Some(record) = self.read_record()? {
                return Ok(Some(record));
            }
            let is_hole = |damage: &Damage| damage.intact_after.is_some();
            match self.ending.take() {
                Some(Ending::Damage(damage)) if is_hole(&damage) && hole.as_ref() != Some(&damage) => {
                    hole = Some(damage);
                    self.window = Bytes::new();
                }
                ending => self.ending = ending,
            }
        }
        Ok(None)
    }

    /// The record that begins here, or `None` and the ending is known.
    fn read_record(&mut self) -> Result<Option<Record>, StorageError> {
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
    pub(crate) fn position(&self) -> u64 {
        self.at
    }

    /// The length of the file, in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// How the file ends; to be asked after the last record.
    pub(crate) fn ending(self) -> Ending {
        self.ending.unwrap_or(Ending::Clean)
    }

    /// The error "this file is damaged here".
    pub(crate) fn damaged(&self, offset: u64, what: String) -> StorageError {
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

    /// Where the first intact record of a later transaction begins, at any offset from `at` on.
    fn intact_after(&self, mut at: u64) -> Result<Option<u64>, StorageError> {
        let shortest = record_len(TXN_HEADER_LEN) as u64;
        while at + shortest <= self.len {
            let window = self.read(at, WINDOW as u64)?;
            if (window.len() as u64) < shortest {
                break;
            }
            let mut offset = 0;
            while let Some((found, payload)) = find_candidate(&window[offset..], self.last) {
                offset += found;
                if self.is_intact(at + offset as u64, payload)? {
                    return Ok(Some(at + offset as u64));
                }
                offset += 1;
            }
            // What a record begins with may be cut off by the end of the window.
            at += window.len() as u64 - (shortest - 1);
        }
        Ok(None)
    }

    /// Whether what looks like the beginning of a record with a payload of this length is one.
    fn is_intact(&self, at: u64, payload: usize) -> Result<bool, StorageError> {
        let (body_at, end) = (at + RECORD_HEADER_LEN as u64, at + record_len(payload) as u64);
        if end > self.len || self.read(end - 1, 1)?[..] != [RECORD_END] {
            return Ok(false);
        }
        let header = self.read(at, RECORD_HEADER_LEN as u64)?;
        let Some(header) = header.first_chunk() else { return Ok(false) };
        let (mut adler, mut from) = (Adler32::new(), body_at);
        while from < end - 1 {
            let bytes = self.read(from, (end - 1 - from).min(WINDOW as u64))?;
            if bytes.is_empty() {
                return Ok(false);
            }
            adler.write(&bytes);
            from += bytes.len() as u64;
        }
        Ok(RecordHeader::parse(header).checksum == i64::from(adler.finish()))
    }
}

/// The first place where a record of a transaction after `last` may begin, and its payload's length.
fn find_candidate(bytes: &[u8], last: Zxid) -> Option<(usize, usize)> {
    let mut at = 0;
    while let Some(head) = bytes.get(at..at + RECORD_HEADER_LEN + TXN_HEADER_LEN) {
        if head[..RECORD_HEADER_LEN] == [0; RECORD_HEADER_LEN] {
            let skip = bytes[at..].iter().position(|b| *b != 0)?;
            at += skip + 1 - RECORD_HEADER_LEN;
            continue;
        }
        let (header, txn) = head.split_first_chunk()?;
        let header = RecordHeader::parse(header);
        let len = usize::try_from(header.len).ok().filter(|len| *len >= TXN_HEADER_LEN);
        if let (Some(len), Ok(_)) = (len, u32::try_from(header.checksum))
            && txn_zxid_and_type(txn).is_some_and(|(zxid, _)| zxid > last)
        {
            return Some((at, len));
        }
        at += 1;
    }
    None
}
