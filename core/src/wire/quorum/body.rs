//! What the packets carry as data, where it is more than a number.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::ids::{ServerId, SessionId, Touch};
use crate::wire::jute::{Jute, Reader, Why, WireError};
use crate::wire::record::Id;

/// The version of the learner protocol: the one with epochs (ZAB 1.0).
pub const PROTOCOL_VERSION: i32 = 0x10000;

/// What a learner says of itself in FOLLOWERINFO and OBSERVERINFO: 20 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LearnerInfo {
    /// The learner's id; `None`: the leader chooses one (−1, −2, …).
    pub server: Option<ServerId>,
    /// The protocol it speaks: [`PROTOCOL_VERSION`]; 1 if it does not say.
    pub protocol_version: i32,
    /// Version of the configuration it knows; 0 if it does not say.
    pub config_version: i64,
}

impl LearnerInfo {
    /// Read the data of FOLLOWERINFO or OBSERVERINFO, of which later fields may be missing.
    pub fn read(data: Option<&Bytes>) -> Result<Self, WireError> {
        let mut info = LearnerInfo { server: None, protocol_version: 1, config_version: 0 };
        let Some(data) = data else { return Ok(info) };
        let mut r = Reader::new(data);
        info.server = Some(Jute::read(&mut r, "LearnerInfo.serverid")?);
        if r.remaining() >= 4 {
            info.protocol_version = r.int("LearnerInfo.protocolVersion")?;
        }
        if r.remaining() >= 8 {
            info.config_version = r.long("LearnerInfo.configVersion")?;
        }
        Ok(info)
    }

    /// Append the data.
    pub(super) fn write(server: ServerId, config_version: i64, out: &mut Vec<u8>) {
        server.write(out);
        PROTOCOL_VERSION.write(out);
        config_version.write(out);
    }
}

/// A client's request on its way to the leader: a REQUEST packet.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct WireRequest {
    /// The client's session.
    pub session: SessionId,
    /// The client's xid.
    pub cxid: i32,
    /// The operation: an [`OpCode`](crate::wire::client::OpCode) if it is known.
    pub op: i32,
    /// The request's body as the client sent it; createSession: the timeout; closeSession: empty.
    pub body: Bytes,
    /// The client's identities; `None` for what the learner asks on its own account.
    pub authinfo: Option<Vec<Id>>,
}

impl WireRequest {
    /// Read the data of a REQUEST; the body is a slice of it.
    pub(super) fn read(data: &Bytes, authinfo: Option<Vec<Id>>) -> Result<Self, WireError> {
        let mut r = Reader::new(data);
        Ok(WireRequest {
            session: Jute::read(&mut r, "Request.sessionId")?,
            cxid: r.int("Request.cxid")?,
            op: r.int("Request.type")?,
            body: r.rest(),
            authinfo,
        })
    }

    /// Append the data.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        self.session.write(out);
        self.cxid.write(out);
        self.op.write(out);
        out.extend_from_slice(&self.body);
    }
}

impl Jute for Touch {
    fn read(r: &mut Reader<'_>, _: &'static str) -> Result<Self, WireError> {
        Ok(Touch { session: Jute::read(r, "Touch.sessionId")?, timeout_ms: Jute::read(r, "Touch.timeout")? })
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.session.write(out);
        self.timeout_ms.write(out);
    }
}

/// Read the touch table of a learner's PING: pairs to the end of the data.
pub(super) fn read_touches(data: &Bytes) -> Result<Vec<Touch>, WireError> {
    let mut r = Reader::new(data);
    let mut touches = Vec::with_capacity(data.len() / 12);
    while r.remaining() > 0 {
        touches.push(Touch::read(&mut r, "")?);
    }
    Ok(touches)
}

/// The data that a packet must have.
pub(super) fn required<'a>(data: Option<&'a Bytes>, field: &'static str) -> Result<&'a Bytes, WireError> {
    data.ok_or(WireError { field, at: 0, why: Why::Null })
}
