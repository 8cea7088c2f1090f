//! Requests as frames.

use alloc::vec::Vec;

use quorate_core::wire::client::{OpCode, Request, RequestHeader, write_frame};
use quorate_core::wire::jute::Jute;

/// Append a request.
pub(super) fn write_request(out: &mut Vec<u8>, xid: i32, request: &Request) {
    write_frame(out, |out| {
        RequestHeader { xid, op: OpCode::to_i32(request.op()) }.write(out);
        request.write_body(out);
    });
}
