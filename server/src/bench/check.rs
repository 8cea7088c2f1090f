//! Judges every reply: a run in which one is wrong is not a result.

use std::collections::VecDeque;

use quorate_core::wire::client::{ReplyHeader, xid};
use quorate_core::wire::error_code::ErrorCode;
use quorate_core::wire::record::Stat;

use super::value::Values;

/// Where `dataLength` is in a serialized Stat.
const DATA_LENGTH: usize = 52;

/// What was asked for, as far as the reply depends on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asked {
    /// getData of a key.
    Read(u64),
    /// setData of a key.
    Write(u64),
    /// A request whose reply has no body.
    Empty,
}

/// A request that is not answered yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Outstanding {
    /// The request's xid.
    pub(super) xid: i32,
    /// What was asked for.
    pub(super) asked: Asked,
    /// When it was due or sent, in ns since the run began.
    pub(super) since: u64,
}

/// What is wrong with a reply.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Wrong {
    /// A reply arrived although no request was outstanding.
    #[error("a reply with xid {xid} although nothing was asked")]
    Unasked {
        /// The xid in the reply.
        xid: i32,
    },
    /// Another request is older.
    #[error("a reply with xid {xid} although {expected} is the oldest request")]
    Order {
        /// The xid in the reply.
        xid: i32,
        /// The oldest outstanding one's.
        expected: i32,
    },
    /// The server refused.
    #[error("error {code} ({name}) for {asked:?}")]
    Refused {
        /// The error code in the reply.
        code: i32,
        /// The name of the error.
        name: String,
        /// What was asked.
        asked: Asked,
    },
    /// The session went back in time.
    #[error("zxid 0x{zxid:x} after 0x{seen:x}")]
    WentBack {
        /// The zxid in the reply.
        zxid: i64,
        /// The newest seen before.
        seen: i64,
    },
    /// Bytes are missing or left over.
    #[error("a body of {length} bytes instead of {expected} for {asked:?}")]
    Length {
        /// How many there are.
        length: usize,
        /// How many there should be.
        expected: usize,
        /// What was asked.
        asked: Asked,
    },
    /// The value is not one of the key asked for.
    #[error("the value is none of key {key}")]
    Value {
        /// The key that was asked for.
        key: u64,
    },
    /// The Stat says another size than the data has.
    #[error("dataLength {found} in the Stat of {expected} bytes")]
    DataLength {
        /// The size that the Stat says, in bytes.
        found: i32,
        /// The size of the value, in bytes.
        expected: usize,
    },
    /// Shorter than a header, or longer than any reply.
    #[error("a frame of {0} bytes")]
    Frame(i64),
}

/// The requests of one connection that are not answered yet, and how far its session has seen.
#[derive(Debug, Default)]
pub(super) struct Checker {
    outstanding: VecDeque<Outstanding>,
    zxid: i64,
    next_xid: i32,
}

impl Checker {
    /// A connection that has seen `zxid` and whose next request gets `next_xid`.
    pub(super) fn new(zxid: i64, next_xid: i32) -> Checker {
        Checker { outstanding: VecDeque::new(), zxid, next_xid }
    }

    /// Note a request and say which xid it gets.
    pub(super) fn ask(&mut self, asked: Asked, since: u64) -> i32 {
        let xid = self.next_xid;
        self.next_xid = if xid == i32::MAX { 1 } else { xid + 1 };
        self.outstanding.push_back(Outstanding { xid, asked, since });
        xid
    }

    /// Note a ping.
    pub(super) fn ask_ping(&mut self, since: u64) {
        self.outstanding.push_back(Outstanding { xid: xid::PING, asked: Asked::Empty, since });
    }

    /// How many requests are not answered.
    pub(super) fn outstanding(&self) -> usize {
        self.outstanding.len()
    }

    /// The one that waits longest.
    pub(super) fn oldest(&self) -> Option<&Outstanding> {
        self.outstanding.front()
    }

    /// Judge a reply's frame (without its length); the request it answers.
    pub(super) fn reply(&mut self, frame: &[u8], values: &Values) -> Result<Outstanding, Wrong> {
        let Some((header, body)) = split_header(frame) else {
            return Err(Wrong::Frame(frame.len() as i64));
        };
        let Some(request) = self.outstanding.pop_front() else {
            return Err(Wrong::Unasked { xid: header.xid });
        };
        let asked = request.asked;
        if header.xid != request.xid {
            return Err(Wrong::Order { xid: header.xid, expected: request.xid });
        }
        if header.err != 0 {
            let name =
                ErrorCode::from_i32(header.err).map_or_else(|| "unknown".to_owned(), |c| format!("{c:?}"));
            return Err(Wrong::Refused { code: header.err, name, asked });
        }
        if header.zxid < self.zxid {
            return Err(Wrong::WentBack { zxid: header.zxid, seen: self.zxid });
        }
        self.zxid = header.zxid;
        let size = values.size();
        let expected = match asked {
            Asked::Read(_) => 4 + size + Stat::LEN,
            Asked::Write(_) => Stat::LEN,
            Asked::Empty => 0,
        };
        if body.len() != expected {
            return Err(Wrong::Length { length: body.len(), expected, asked });
        }
        let stat = match asked {
            Asked::Read(key) => {
                let (length, rest) = body.split_at(4);
                let (value, stat) = rest.split_at(size);
                // Null has no bytes and another length than the empty value.
                if length != (size as u32).to_be_bytes() || !values.is_of(key, value) {
                    return Err(Wrong::Value { key });
                }
                stat
            }
            Asked::Write(_) => body,
            Asked::Empty => return Ok(request),
        };
        let found = data_length(stat);
        if usize::try_from(found) != Ok(size) {
            return Err(Wrong::DataLength { found, expected: size });
        }
        Ok(request)
    }
}

/// The header of a reply and what follows it.
pub(super) fn split_header(frame: &[u8]) -> Option<(ReplyHeader, &[u8])> {
    let (head, body) = frame.split_first_chunk::<{ ReplyHeader::LEN }>()?;
    let [a, b, c, d, z @ .., w, x, y, v] = *head;
    let header = ReplyHeader {
        xid: i32::from_be_bytes([a, b, c, d]),
        zxid: i64::from_be_bytes(z),
        err: i32::from_be_bytes([w, x, y, v]),
    };
    Some((header, body))
}

fn data_length(stat: &[u8]) -> i32 {
    let mut four = [0; 4];
    four.copy_from_slice(&stat[DATA_LENGTH..DATA_LENGTH + 4]);
    i32::from_be_bytes(four)
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
