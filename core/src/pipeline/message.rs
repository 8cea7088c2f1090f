//! What goes in and out of the service: events and replies of clients, requests to the leader,
//! transactions.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::IpAddr;

use bytes::Bytes;

use crate::ids::SessionId;
use crate::payload::Size;
use crate::wire::client::{
    ConnectResponse, OpCode, ReplyHeader, Response, WatcherEvent, write_frame, write_reply, xid,
};
use crate::wire::jute::Jute;
use crate::wire::record::Id;

/// A transaction as it is logged, proposed and applied: the serialized header, body and digest.
///
/// It is encoded once, by the leader; all other servers keep the bytes as they came.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "recording", derive(serde::Serialize, serde::Deserialize))]
pub struct ClientTxn(pub Bytes);

impl Size for ClientTxn {
    fn size(&self) -> usize {
        self.0.len()
    }
}

/// What a client's connection delivers.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "recording", derive(serde::Serialize, serde::Deserialize))]
pub enum ClientEvent {
    /// The first frame: a ConnectRequest (without its length). Once per connection, first.
    Connect {
        /// The frame's bytes.
        frame: Bytes,
        /// Where the client is: its identity of scheme `ip`.
        address: IpAddr,
        /// The name in the certificate that the client has proved to have: its identity of scheme `x509`.
        certificate: Option<String>,
    },
    /// A later frame: a request's header and body (without their length).
    Frame(Bytes),
    /// The connection is gone; nothing can be sent any more. The session lives on.
    Closed,
}

/// One frame for a client.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ClientReply {
    /// The answer to a ConnectRequest.
    Connect(ConnectResponse),
    /// The answer to a request.
    Reply {
        /// The operation that the request named. Answers come in the order of the requests, but one to `auth`
        /// or `sasl` may overtake those to others.
        op: i32,
        /// Which request, the zxid the client has now seen, and the error.
        header: ReplyHeader,
        /// The answer; it is not sent if there is an error.
        body: Response,
    },
    /// A watch fired.
    Notification {
        /// The zxid of the transaction that fired it; −1 for what `setWatches` makes up for.
        zxid: i64,
        /// What happened; shared by all clients that are told the same.
        event: Arc<WatcherEvent>,
    },
}

impl ClientReply {
    /// Append the frame, length included.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            ClientReply::Connect(response) => write_frame(out, |out| response.write(out)),
            ClientReply::Reply { header, body, .. } => write_reply(out, *header, body),
            ClientReply::Notification { zxid, event } => write_frame(out, |out| {
                ReplyHeader { xid: xid::NOTIFICATION, zxid: *zxid, err: 0 }.write(out);
                event.write(out);
            }),
        }
    }
}

/// A request that needs the leader: what REQUEST carries.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "recording", derive(serde::Serialize, serde::Deserialize))]
pub struct ClientRequest {
    /// Whose.
    pub session: SessionId,
    /// The request's xid.
    pub cxid: i32,
    /// The operation; not necessarily a known one if a learner sent it.
    pub op: i32,
    /// The body as the client sent it, bytes behind it included.
    pub body: Bytes,
    /// The client's identities when it sent the request; empty for requests of servers.
    pub auth: Arc<[Id]>,
}

impl Size for ClientRequest {
    fn size(&self) -> usize {
        let identities = self.auth.iter().map(|id| id.scheme.len() + id.id.len()).sum::<usize>();
        self.body.len() + identities
    }
}

impl ClientRequest {
    /// A request that a server makes up for a session: no client, no identities.
    pub(super) fn internal(session: SessionId, op: OpCode, body: Bytes) -> Self {
        ClientRequest { session, cxid: 0, op: op.to_i32(), body, auth: Arc::default() }
    }
}
