//! The first message each way: a session is asked for, and given.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::ids::SessionId;
use crate::wire::jute::{Jute, Reader, WireError, write_buffer};

/// The length of every session password a server sends, in bytes.
pub const PASSWORD_LEN: usize = 16;

/// Asks for a new session, or for one that exists.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ConnectRequest {
    /// Always 0; servers ignore it.
    pub protocol_version: i32,
    /// The newest zxid the client has seen; a server that is behind it does not answer.
    pub last_zxid_seen: i64,
    /// The session timeout the client wants, ms.
    pub timeout_ms: i32,
    /// The session; 0 for a new one.
    pub session: SessionId,
    /// The session's password; of any length for a new session.
    pub password: Option<Bytes>,
    /// Whether a read-only server will do. `None`: a client of the protocol before 3.4, which
    /// does not send the byte and must not be sent it either (ZOOKEEPER-4814).
    pub read_only: Option<bool>,
}

impl Jute for ConnectRequest {
    fn read(r: &mut Reader<'_>, _: &'static str) -> Result<Self, WireError> {
        Ok(ConnectRequest {
            protocol_version: r.int("ConnectRequest.protocolVersion")?,
            last_zxid_seen: r.long("ConnectRequest.lastZxidSeen")?,
            timeout_ms: r.int("ConnectRequest.timeOut")?,
            session: Jute::read(r, "ConnectRequest.sessionId")?,
            password: r.buffer("ConnectRequest.passwd")?,
            read_only: r.boolean("ConnectRequest.readOnly").ok(),
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.protocol_version.write(out);
        self.last_zxid_seen.write(out);
        self.timeout_ms.write(out);
        self.session.write(out);
        self.password.write(out);
        if let Some(read_only) = self.read_only {
            read_only.write(out);
        }
    }
}

/// Gives a session, or refuses it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ConnectResponse {
    /// Always 0.
    pub protocol_version: i32,
    /// The session timeout in force, ms; 0: the session does not exist (any more).
    pub timeout_ms: i32,
    /// The session; 0 if refused.
    pub session: SessionId,
    /// The session's password; zeros if refused.
    pub password: [u8; PASSWORD_LEN],
    /// Whether the server is read-only. `None` exactly if the request had none.
    pub read_only: Option<bool>,
}

impl ConnectResponse {
    /// The answer to a session that is unknown or whose password is wrong. `read_only`: whether the
    /// server is, if the request had the byte.
    pub fn refused(read_only: Option<bool>) -> Self {
        ConnectResponse {
            protocol_version: 0,
            timeout_ms: 0,
            session: SessionId(0),
            password: [0; PASSWORD_LEN],
            read_only,
        }
    }
}

impl Jute for ConnectResponse {
    fn read(r: &mut Reader<'_>, _: &'static str) -> Result<Self, WireError> {
        let protocol_version = r.int("ConnectResponse.protocolVersion")?;
        let timeout_ms = r.int("ConnectResponse.timeOut")?;
        let session = Jute::read(r, "ConnectResponse.sessionId")?;
        // A client stores the password and sends it back: a shorter one is padded, as it would be
        // in the zeroed array it is kept in.
        let mut password = [0; PASSWORD_LEN];
        let sent = r.buffer("ConnectResponse.passwd")?.unwrap_or_default();
        let n = sent.len().min(PASSWORD_LEN);
        password[..n].copy_from_slice(&sent[..n]);
        let read_only = r.boolean("ConnectResponse.readOnly").ok();
        Ok(ConnectResponse { protocol_version, timeout_ms, session, password, read_only })
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.protocol_version.write(out);
        self.timeout_ms.write(out);
        self.session.write(out);
        write_buffer(out, Some(&self.password));
        if let Some(read_only) = self.read_only {
            read_only.write(out);
        }
    }
}
