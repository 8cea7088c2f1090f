//! What every request and every reply starts with, and how a whole frame is written.

use alloc::vec::Vec;

use super::response::Response;
use crate::ids::Zxid;
use crate::wire::jute::{Jute, record, write_buffer};
use crate::wire::record::Stat;

/// The xids with a meaning of their own; every other is echoed.
pub mod xid {
    /// A watch event, server → client.
    pub const NOTIFICATION: i32 = -1;
    /// A ping, and its reply whatever xid the ping had.
    pub const PING: i32 = -2;
    /// An authentication.
    pub const AUTH: i32 = -4;
    /// Watches set again after a reconnect.
    pub const SET_WATCHES: i32 = -8;
}

record! {
    /// Starts every request but the first.
    #[derive(Copy)]
    pub struct RequestHeader {
        /// Which request of this connection; comes back in the reply.
        pub xid: i32,
        /// The operation: an [`OpCode`](super::OpCode) if it is known.
        pub op: i32,
    }
}

record! {
    /// Starts every reply and every notification.
    #[derive(Copy)]
    pub struct ReplyHeader {
        /// Which request is answered, or [`xid::NOTIFICATION`].
        pub xid: i32,
        /// Where the server's state stands; −1 or 0 where there is nothing to say.
        pub zxid: i64,
        /// An [`ErrorCode`](crate::wire::error_code::ErrorCode); not 0: no body follows.
        pub err: i32,
    }
}

impl ReplyHeader {
    /// The size of a serialized header, in bytes.
    pub const LEN: usize = 16;

    /// The header of a reply without error.
    pub fn ok(xid: i32, zxid: Zxid) -> Self {
        ReplyHeader { xid, zxid: zxid.0 as i64, err: 0 }
    }
}

/// Append a frame: a length and the body that `write` appends. Nothing is copied twice.
pub fn write_frame(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out);
    let len = i32::try_from(out.len() - start - 4).expect("a frame's length must fit an int");
    out[start..start + 4].copy_from_slice(&len.to_be_bytes());
}

/// Append the frame of a reply. The body is left out if the header carries an error.
pub fn write_reply(out: &mut Vec<u8>, header: ReplyHeader, body: &Response) {
    write_frame(out, |out| {
        header.write(out);
        if header.err == 0 {
            body.write(out);
        }
    });
}

/// Append the frame of a `getData` reply straight from where the data lives.
pub fn write_data_reply(out: &mut Vec<u8>, header: ReplyHeader, data: Option<&[u8]>, stat: &Stat) {
    out.reserve(4 + ReplyHeader::LEN + 4 + data.map_or(0, <[u8]>::len) + Stat::LEN);
    write_frame(out, |out| {
        header.write(out);
        write_buffer(out, data);
        stat.write(out);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn the_short_way_writes_the_same_bytes() {
        let header = ReplyHeader::ok(7, Zxid::new(1, 2));
        let stat = Stat { version: 3, ..Stat::default() };
        for data in [None, Some(Bytes::new()), Some(Bytes::from_static(b"abc"))] {
            let (mut long, mut short) = (Vec::new(), Vec::new());
            write_reply(&mut long, header, &Response::Data { data: data.clone(), stat });
            write_data_reply(&mut short, header, data.as_deref(), &stat);
            assert_eq!(long, short);
        }
    }

    #[test]
    fn an_error_has_no_body() {
        let mut out = Vec::new();
        write_reply(&mut out, ReplyHeader { xid: 1, zxid: 2, err: -101 }, &Response::ChildrenNumber(5));
        assert_eq!(out.len(), 4 + ReplyHeader::LEN);
        assert_eq!(out[..4], [0, 0, 0, 16]);
    }
}
