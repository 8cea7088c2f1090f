//! What there is instead of a tree: the answers.

use bytes::Bytes;
use quorate_core::ids::{SessionId, Zxid};
use quorate_core::wire::client::{
    ConnectRequest, ConnectResponse, CreateMode, CreateRequest, MultiOp, MultiResult, OpCode, PASSWORD_LEN,
    ReplyHeader, Request, RequestHeader, Response, write_data_reply, write_frame, write_reply,
};
use quorate_core::wire::error_code::ErrorCode;
use quorate_core::wire::jute::{Jute, Reader, WireError};
use quorate_core::wire::record::Stat;

use super::super::value::Values;

/// What there is instead of a tree.
pub(super) struct State {
    values: Values,
    /// How many writes, and sessions, there were.
    pub(super) zxid: u64,
    /// The version of the last value that was set: every znode's.
    version: u64,
    /// The connections that have asked for the next change, of any znode.
    pub(super) watchers: Vec<usize>,
}

/// Whether a request's frame is a write.
pub(super) fn is_write(frame: &[u8]) -> bool {
    let op = frame.get(4..8).and_then(|op| op.try_into().ok()).map(i32::from_be_bytes);
    op.and_then(OpCode::from_i32).is_some_and(|op| op.is_write())
}

impl State {
    /// Nothing was written; values have this size.
    pub(super) fn new(values: Values) -> State {
        State { values, zxid: 1, version: 0, watchers: Vec::new() }
    }

    /// The answer to a client that connects.
    pub(super) fn connect(&mut self, request: &ConnectRequest, out: &mut Vec<u8>) {
        self.zxid += 1;
        let new = SessionId(self.zxid as i64);
        let response = ConnectResponse {
            protocol_version: 0,
            timeout_ms: request.timeout_ms,
            session: if request.session.0 == 0 { new } else { request.session },
            password: [0; PASSWORD_LEN],
            read_only: request.read_only,
        };
        write_frame(out, |out| response.write(out));
    }

    /// Append the answer to a frame; the path that was set, if a connection watches.
    pub(super) fn answer(
        &mut self,
        index: usize,
        frame: &Bytes,
        out: &mut Vec<u8>,
    ) -> Result<Option<String>, WireError> {
        let mut reader = Reader::new(frame);
        let header = RequestHeader::read(&mut reader, "")?;
        let op = OpCode::from_i32(header.op).unwrap_or(OpCode::Error);
        let request = Request::read(op, &mut reader)?;
        if op.is_write() {
            self.zxid += 1;
        }
        let ok = ReplyHeader::ok(header.xid, Zxid(self.zxid));
        let refused = |code: ErrorCode| ReplyHeader { err: code.to_i32(), ..ok };
        let mut changed = None;
        let body = match request {
            Request::GetData(get) => {
                // A key's znode is there, its parent is not: nothing is to be removed before a run.
                let Some(key) = key(&get.path) else {
                    write_reply(out, refused(ErrorCode::NoNode), &Response::Empty);
                    return Ok(None);
                };
                if get.watch {
                    self.watchers.push(index);
                }
                let mut value = Vec::with_capacity(self.values.size());
                self.values.write(&mut value, key, self.version);
                write_data_reply(out, ok, Some(&value), &stat(value.len()));
                return Ok(None);
            }
            Request::SetData(set) => {
                let value = set.data.unwrap_or_default();
                self.version = Values::version(&value).unwrap_or(self.version);
                changed = (!self.watchers.is_empty()).then_some(set.path);
                Response::Stat(stat(value.len()))
            }
            Request::Create(create) => Response::Path(name(create.path, create.flags)),
            Request::Multi(parts) => {
                if let Some(MultiOp::Create(CreateRequest { data: Some(value), .. })) = parts.last() {
                    self.version = Values::version(value).unwrap_or(self.version);
                }
                Response::Multi(parts.into_iter().map(part).collect())
            }
            Request::Sync(path) => Response::Sync(path),
            Request::GetChildren(_) => Response::Children(Vec::new()),
            Request::Delete(_) | Request::Ping | Request::CloseSession => Response::Empty,
            _ => {
                write_reply(out, refused(ErrorCode::Unimplemented), &Response::Empty);
                return Ok(None);
            }
        };
        write_reply(out, ok, &body);
        Ok(changed)
    }
}

fn part(part: MultiOp) -> MultiResult {
    match part {
        MultiOp::Create(create) => MultiResult::Create(name(create.path, create.flags)),
        MultiOp::Create2(create) | MultiOp::CreateContainer(create) => {
            MultiResult::Create2(create.path, stat(create.data.map_or(0, |data| data.len())))
        }
        MultiOp::CreateTtl(create) => {
            MultiResult::Create2(create.path, stat(create.data.map_or(0, |data| data.len())))
        }
        MultiOp::Delete(_) => MultiResult::Delete,
        MultiOp::SetData(set) => MultiResult::SetData(stat(set.data.map_or(0, |data| data.len()))),
        MultiOp::Check(_) => MultiResult::Check,
    }
}

fn name(path: String, flags: i32) -> String {
    let sequential = CreateMode::from_i32(flags).is_some_and(CreateMode::is_sequential);
    if sequential { path + "0000000000" } else { path }
}

fn stat(length: usize) -> Stat {
    Stat { data_length: i32::try_from(length).unwrap_or(i32::MAX), ..Stat::default() }
}

/// The key of a path that ends as [`super::request::Paths`] makes them.
fn key(path: &str) -> Option<u64> {
    let (_, name) = path.rsplit_once('/')?;
    let digits = name.strip_prefix('n').filter(|digits| digits.len() == 13)?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::check::{Asked, Checker};
    use crate::bench::request::{Paths, get_data, set_data};

    #[test]
    fn its_answers_pass_the_checks() {
        let (values, paths) = (Values::new(100), Paths::below("/bench"));
        let mut state = State::new(values.clone());
        let mut checker = Checker::new(0, 1);
        let copy = Bytes::copy_from_slice;
        for key in [0, 7, 123_456] {
            let (mut asked, mut answered) = (Vec::new(), Vec::new());
            set_data(&mut asked, checker.ask(Asked::Write(key), 0), &paths, key, &values, 5);
            let end = asked.len();
            get_data(&mut asked, checker.ask(Asked::Read(key), 0), &paths, key, true);
            assert_eq!(state.answer(0, &copy(&asked[4..end]), &mut answered).unwrap(), None);
            let middle = answered.len();
            assert_eq!(state.answer(0, &copy(&asked[end + 4..]), &mut answered).unwrap(), None);
            checker.reply(&answered[4..middle], &values).unwrap();
            checker.reply(&answered[middle + 4..], &values).unwrap();
            assert_eq!(state.watchers.pop(), Some(0));
        }
    }

    #[test]
    fn keys_are_read_from_paths() {
        assert_eq!(key("/bench/n0000000001234"), Some(1234));
        for other in ["/bench", "/bench/n12", "/bench/m0000000001234", "/bench/n00000000x1234", ""] {
            assert_eq!(key(other), None, "{other}");
        }
    }
}
