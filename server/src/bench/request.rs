//! Requests as bytes, made without an allocation each: the load generator must not be what is measured.

use quorate_core::wire::client::{ConnectRequest, OpCode, RequestHeader, write_frame, xid};
use quorate_core::wire::jute::{Jute, write_length};

use super::value::Values;

/// Digits in the name of a key's znode.
const DIGITS: usize = 13;

/// The paths of the keys: `PARENT/n0000000000000` and so on.
#[derive(Clone, Debug)]
pub(super) struct Paths {
    prefix: String,
}

impl Paths {
    /// Below this znode.
    pub(super) fn below(parent: &str) -> Paths {
        Paths { prefix: format!("{parent}/n") }
    }

    /// Bytes in a path.
    pub(super) fn len(&self) -> usize {
        self.prefix.len() + DIGITS
    }

    /// A key's path.
    pub(super) fn of(&self, key: u64) -> String {
        format!("{}{key:0DIGITS$}", self.prefix)
    }

    /// Append a key's path as jute has it.
    fn write(&self, out: &mut Vec<u8>, mut key: u64) {
        write_length(out, self.len());
        out.extend_from_slice(self.prefix.as_bytes());
        let mut digits = [b'0'; DIGITS];
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (key % 10) as u8;
            key /= 10;
        }
        out.extend_from_slice(&digits);
    }
}

/// Append getData of a key.
pub(super) fn get_data(out: &mut Vec<u8>, xid: i32, paths: &Paths, key: u64, watch: bool) {
    write_frame(out, |out| {
        RequestHeader { xid, op: OpCode::GetData.to_i32() }.write(out);
        paths.write(out, key);
        watch.write(out);
    });
}

/// Append setData of a key, whatever its version.
pub(super) fn set_data(out: &mut Vec<u8>, xid: i32, paths: &Paths, key: u64, values: &Values, version: u64) {
    write_frame(out, |out| {
        RequestHeader { xid, op: OpCode::SetData.to_i32() }.write(out);
        paths.write(out, key);
        write_length(out, values.size());
        values.write(out, key, version);
        (-1i32).write(out);
    });
}

/// Append a ping.
pub(super) fn ping(out: &mut Vec<u8>) {
    write_frame(out, |out| RequestHeader { xid: xid::PING, op: OpCode::Ping.to_i32() }.write(out));
}

/// Append the end of a session.
pub(super) fn close_session(out: &mut Vec<u8>, xid: i32) {
    write_frame(out, |out| RequestHeader { xid, op: OpCode::CloseSession.to_i32() }.write(out));
}

/// Append a request for a session.
pub(super) fn connect(out: &mut Vec<u8>, request: &ConnectRequest) {
    write_frame(out, |out| request.write(out));
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use quorate_core::wire::client::{Request, SetDataRequest, WatchRequest};
    use quorate_core::wire::jute::Reader;

    fn read(frame: &[u8]) -> (RequestHeader, Request) {
        let frame = Bytes::copy_from_slice(&frame[4..]);
        let mut reader = Reader::new(&frame);
        let header = RequestHeader::read(&mut reader, "").unwrap();
        let request = Request::read(OpCode::from_i32(header.op).unwrap(), &mut reader).unwrap();
        assert_eq!(reader.remaining(), 0);
        (header, request)
    }

    #[test]
    fn the_short_way_writes_requests_that_can_be_read() {
        let paths = Paths::below("/bench");
        assert_eq!(paths.of(1234), "/bench/n0000000001234");
        assert_eq!(paths.len(), 21);
        let mut out = Vec::new();
        get_data(&mut out, 9, &paths, 1234, true);
        let asked = WatchRequest { path: paths.of(1234), watch: true };
        assert_eq!(read(&out), (RequestHeader { xid: 9, op: 4 }, Request::GetData(asked)));

        let values = Values::new(100);
        let mut value = Vec::new();
        values.write(&mut value, 1234, 7);
        out.clear();
        set_data(&mut out, 10, &paths, 1234, &values, 7);
        let asked = SetDataRequest { path: paths.of(1234), data: Some(value.into()), version: -1 };
        assert_eq!(read(&out), (RequestHeader { xid: 10, op: 5 }, Request::SetData(asked)));
    }
}
