//! The client port: connecting, requests, replies, notifications.
//!
//! Every message, both ways, is a length and that many bytes. A connection starts with a
//! [`ConnectRequest`] and its [`ConnectResponse`]; after that requests start with a
//! [`RequestHeader`], replies and notifications with a [`ReplyHeader`]. A reply whose header
//! carries an error has no body. Source: `ClientCnxn`, `ZooKeeperServer`, `zookeeper.jute`.

mod connect;
mod create_flags;
mod event;
mod header;
mod multi;
mod opcode;
mod request;
mod response;

pub use connect::{ConnectRequest, ConnectResponse, PASSWORD_LEN};
pub use create_flags::agreeing_body;
pub use event::{EventType, KeeperState, WatcherEvent};
pub use header::{ReplyHeader, RequestHeader, write_data_reply, write_frame, write_reply, xid};
pub use multi::{MultiHeader, MultiOp, MultiResult, ReadOp};
pub use opcode::{Asker, OpCode, OpKind, Operation};
pub use request::{
    AddWatchMode, AddWatchRequest, AuthPacket, CheckVersionRequest, CreateMode, CreateRequest,
    CreateTtlRequest, DeleteRequest, PathRequest, ReconfigRequest, Request, SetAclRequest, SetDataRequest,
    SetWatchesRequest, WatchRequest, WatcherRequest, WatcherType,
};
pub use response::Response;

#[cfg(test)]
mod golden_tests;
