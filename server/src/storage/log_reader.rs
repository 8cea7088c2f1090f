//! Reads one log file: its records, and how it ends.
//!
//! A file may end with zeros (preallocation), or with records that were being written when the machine
//! stopped. Everything else is damage, and the reader of several files decides what it means.
//!
//! # What an unfinished write leaves
//!
//! A batch of records is written behind the last one, where the file has zeros or ends, and then synced. Both
//! this server and ZooKeeper do it like this. A process that is killed has written a first part of its batch.
//! When the power fails, any of the batch's sectors may be on the disk and any may not. In place of a missing
//! one the zeros that were there before are read. What is on the disk is what was written; nothing else comes
//! into being.
//!
//! So the first record that is not whole is torn and was not acknowledged, if ([`Damage::torn`])
//!
//! * it ends before its end and zeros follow, or the file ends there, or
//! * a whole sector of it is zeros.
//!
//! A record whose bytes are all there, and are not what its checksum says, was changed after it was written.
//! It may have been acknowledged, and so may everything behind it. The same is true of a hole with an intact
//! record behind it. It may be of the last batch, but no byte tells where that began.

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
/// What a disk writes as a whole or not at all, in bytes. On disks with larger sectors it is true of
/// these, too.
const SECTOR: u64 = 512;
/// Where in a record the zxid begins, in bytes.
const ZXID_AT: u64 = RECORD_HEADER_LEN as u64 + 12;
/// A record begins with four zeros: with no more of it in a sector nothing tells whether that is missing.
const TELLING: u64 = 5;

/// A transaction in a log file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Record {
    /// Where the record starts.
    pub(crate) at: u64,
    /// Where the record ends.
    pub(crate) end: u64,
    /// The transaction's zxid.
    pub(crate) zxid: Zxid,
    /// The transaction's type.
    pub(crate) kind: i32,
    /// The serialized transaction.
    pub(crate) payload: Bytes,
}

/// What comes after the last record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Ending {
    /// Nothing follows, or only zeros.
    Clean,
    /// Something that is no record.
    Damage(Damage),
}

/// Something that is no record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Damage {
    /// Where the damage begins, in bytes.
    pub(crate) at: u64,
    /// What is wrong.
    pub(crate) what: String,
    /// Whether it is what an unfinished write leaves. Then it was never synced, and no server or client was
    /// told that it is in the log.
    pub(crate) torn: bool,
    /// Where what is no transaction ends: behind it are zeros, or nothing.
    pub(crate) ends: u64,
    /// A later transaction that is intact: then this is no torn tail.
    pub(crate) intact_after: Option<u64>,
}

impl Damage {
    /// What is wrong and how much of the file it concerns; `None` if it is what an unfinished write leaves.
    pub(crate) fn verdict(&self) -> Option<String> {
        let Damage { at, what, torn, ends, intact_after } = self;
        match intact_after {
            Some(after) => Some(format!(
                "{what}, and an intact transaction follows at byte {after}; {} bytes from the damage on may be \
                 transactions that were acknowledged",
                ends - at
            )),
            None if *torn => None,
            None => Some(format!(
                "{what}; an unfinished write does not look like this: the last {} bytes may have been transactions \
                 that were acknowledged",
                ends - at
            )),
        }
    }
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
            return self.end((!clean).then(|| what.to_string()));
        }
        let Some(head) = head.first_chunk() else {
            return self.end(Some("the file ends within a record's header".to_string()));
        };
        let header = RecordHeader::parse(head);
        let payload = match usize::try_from(header.len) {
            Ok(len) if len > 0 => len,
            _ => return self.end(Some(format!("unreasonable length {}", header.len))),
        };
        let end = self.at + record_len(payload) as u64;
        if end > self.len {
            return self.end(Some("the file ends within a record".to_string()));
        }
        let record = self.peek(end - self.at)?;
        if record.len() as u64 != end - self.at {
            let source = io::ErrorKind::UnexpectedEof.into();
            return Err(StorageError::Io { action: "read", path: self.path.clone(), source });
        }
        let payload = record.slice(RECORD_HEADER_LEN..record.len() - 1);
        match record[record.len() - 1] {
            RECORD_END => {}
            _ => return self.end(Some("a record does not end with 'B'".to_string())),
        }
        let computed = adler32(&&payload[..]);
        if header.checksum != i64::from(computed) {
            let what = format!("checksum {:#x}, but the content has {computed:#x}", header.checksum);
            return self.end(Some(what));
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
                let begins = header[..written] == FileKind::Log.header()[..written];
                let torn =
                    begins && self.zeros_from(HEADER_LEN as u64)? || self.lacks_sector(0, HEADER_LEN)?;
                self.damaged_end(wrong.to_string(), torn)?;
            }
            None => {
                let torn = FileKind::Log.header().starts_with(&header);
                self.damaged_end("the file ends within its header".to_string(), torn)?;
            }
        }
        Ok(())
    }

    /// There is no record here: nothing, or something that is none.
    fn end(&mut self, wrong: Option<String>) -> Result<Option<Record>, StorageError> {
        match wrong {
            None => self.ending = Some(Ending::Clean),
            Some(what) => {
                let torn = self.is_torn()?;
                self.damaged_end(what, torn)?;
            }
        }
        Ok(None)
    }

    fn damaged_end(&mut self, what: String, torn: bool) -> Result<(), StorageError> {
        let (intact_after, ends) = (self.intact_after(self.at + 1)?, self.content_end(self.at)?);
        self.ending = Some(Ending::Damage(Damage { at: self.at, what, torn, ends, intact_after }));
        Ok(())
    }

    /// Whether an unfinished write can have left what begins here.
    fn is_torn(&self) -> Result<bool, StorageError> {
        let head = self.read(self.at, (RECORD_HEADER_LEN + TXN_HEADER_LEN) as u64)?;
        let content_end = self.content_end(self.at)?;
        let body_at = self.at + RECORD_HEADER_LEN as u64;
        if content_end <= body_at && head.iter().take(4).all(|byte| *byte == 0) {
            return Ok(true);
        }
        if self.lacks_sector(self.at, RECORD_HEADER_LEN)? {
            return Ok(true);
        }
        let Some(len) = self.claimed_len(&head, content_end) else { return Ok(false) };
        let end = self.at + record_len(len) as u64;
        if content_end >= end {
            return self.lacks_sector(self.at, record_len(len));
        }
        // It ends before its end, unless only its length is wrong.
        let payload = (content_end - 1).checked_sub(body_at).and_then(|len| usize::try_from(len).ok());
        match payload.filter(|len| *len >= TXN_HEADER_LEN) {
            Some(payload) => Ok(!self.is_intact(self.at, payload)?),
            None => Ok(true),
        }
    }

    /// The length of a payload, if what a record begins with can be what was written here.
    fn claimed_len(&self, head: &[u8], content_end: u64) -> Option<usize> {
        let (header, txn) = head.split_first_chunk()?;
        let header = RecordHeader::parse(header);
        let len = usize::try_from(header.len).ok().filter(|len| *len >= TXN_HEADER_LEN)?;
        u32::try_from(header.checksum).ok().filter(|checksum| *checksum > 0)?;
        let zxid_at = self.at + ZXID_AT;
        let is_there = content_end >= zxid_at + 8 && zxid_at / SECTOR == (zxid_at + 7) / SECTOR;
        let zxid =
            txn_zxid_and_type(txn).map(|(zxid, _)| zxid).filter(|zxid| is_there && *zxid != Zxid::ZERO);
        let follows = |zxid| zxid == self.last || self.last.may_be_followed_by(zxid);
        (self.last == Zxid::ZERO || zxid.is_none_or(follows)).then_some(len)
    }

    /// Whether of what should be here a whole sector is zeros.
    fn lacks_sector(&self, from: u64, len: usize) -> Result<bool, StorageError> {
        let to = (from + len as u64).min(self.len);
        let mut at = from;
        while at < to {
            let sector_end = (at / SECTOR + 1) * SECTOR;
            // Of a header alone it is not known what follows it in its sector.
            let end = if len <= HEADER_LEN { sector_end } else { sector_end.min(to) };
            let part = self.read(at, end - at)?;
            let tells = at > from || end - at >= TELLING;
            if tells && is_zero(&part) {
                return Ok(true);
            }
            at = sector_end;
        }
        Ok(false)
    }

    /// Where the last byte behind `from` that is not zero ends; `from` if there is none.
    fn content_end(&self, from: u64) -> Result<u64, StorageError> {
        let (mut at, mut end) = (from, from);
        while let Some(data) = self.next_data(at)? {
            let bytes = self.read(data, WINDOW as u64)?;
            if let Some(last) = bytes.iter().rposition(|byte| *byte != 0) {
                end = data + last as u64 + 1;
            }
            at = data + bytes.len().max(1) as u64;
        }
        Ok(end)
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
        while let Some(data) = self.next_data(at)? {
            let bytes = self.read(data, WINDOW as u64)?;
            if !is_zero(&bytes) {
                return Ok(false);
            }
            at = data + bytes.len().max(1) as u64;
        }
        Ok(true)
    }

    /// Where from `at` on something was written: all before it is zeros. `None` at the end.
    fn next_data(&self, at: u64) -> Result<Option<u64>, StorageError> {
        if at >= self.len {
            return Ok(None);
        }
        let data = self.disk.next_data(&self.file, at).during("look for data in", &self.path)?;
        Ok(data.filter(|data| *data < self.len))
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

/// Whether all bytes are zero; looks at many at once.
fn is_zero(bytes: &[u8]) -> bool {
    let mut chunks = bytes.chunks_exact(64);
    chunks.all(|chunk| chunk.iter().fold(0, |all, byte| all | byte) == 0)
        && chunks.remainder().iter().all(|byte| *byte == 0)
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
