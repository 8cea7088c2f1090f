//! A client of Quorate and of ZooKeeper.
//!
//! ```no_run
//! # #[cfg(feature = "tokio")]
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use quorate_client::Client;
//!
//! let client = Client::connect("127.0.0.1:2181,127.0.0.1:2182/app").await?;
//! client.create("/config/colour").data("blue").parents().await?;
//! let (node, changed) = client.get("/config/colour").watch().await?;
//! client.set("/config/colour", "green").version(node.stat.version).await?;
//! println!("{:?} at {:?}", changed.await?.event, client.get("/config/colour").await?.data);
//! let members = client.children("/config").await?.names;
//! client.multi().delete("/config/colour").check("/config", -1).await?;
//! client.close().await;
//! # drop(members);
//! # Ok(())
//! # }
//! ```
//!
//! # Three outcomes
//!
//! An operation is *done*, *refused*, or *unknown* ([`Error::is_unknown`]). The third is said when the
//! connection was lost with the request on its way. A write may have been done then, or may be done yet.
//! Nothing is repeated behind the caller's back; [`Client::retrying`] repeats what can be.
//!
//! # What a connection's loss means
//!
//! The session goes on with another server. Watches are set again there, and one-shot watches are told what
//! they have missed. Operations that were not sent wait. [`Client::states`] tells of all this. Between
//! [`State::Suspended`] and [`State::Reconnected`] the session may expire, so that whatever rests on an
//! ephemeral znode is in doubt.
//!
//! # Layers
//!
//! | module | job | needs |
//! |---|---|---|
//! | [`session`] | everything that a session decides, as a pure state machine | no standard library |
//! | [`Client`] | a task around it that has the connection | the feature `tokio` |
//! | [`retry`] | what is tried again, and when | the feature `tokio` |
//! | [`blocking`] | the client for programs without `async` | the feature `tokio` |
//! | [`typed`] | values with types, through a codec | the features `json` and `postcard` have codecs |
//!
//! [`State::Suspended`]: session::State::Suspended
//! [`State::Reconnected`]: session::State::Reconnected
#![cfg_attr(not(any(test, feature = "tokio")), no_std)]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(feature = "tokio"),
    allow(rustdoc::broken_intra_doc_links, reason = "it has the whole client")
)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr))]

extern crate alloc;

#[cfg(feature = "tokio")]
pub mod blocking;
#[cfg(feature = "tokio")]
pub mod client;
#[cfg(feature = "tokio")]
mod error;
#[cfg(feature = "tokio")]
mod mark;
mod mutation;
pub mod recipes;
#[cfg(feature = "tokio")]
pub mod retry;
pub mod session;
#[cfg(feature = "tokio")]
pub mod typed;

#[cfg(feature = "tokio")]
pub use client::Client;
#[cfg(feature = "tokio")]
pub use error::{ConnectError, Error, ErrorKind, Result};
#[cfg(feature = "mutants")]
pub use mutation::Mutation;
pub use quorate_core::ids::{SessionId, Zxid};
pub use quorate_core::wire::client::{
    AddWatchMode, CreateMode, EventType, MultiOp, MultiResult, OpCode, Request, Response, WatcherType,
};
pub use quorate_core::wire::error_code::ErrorCode;
pub use quorate_core::wire::record::{Acl, ClientInfo, Id, Stat, perms};
