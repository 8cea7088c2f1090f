//! The road of a request: from a client's bytes to a transaction and back to a reply.
//!
//! ```text
//!  client's server                          leader                        every server
//!  ───────────────                          ──────                        ────────────
//!  request.rs   frame ─► read ─► read.rs ─► reply
//!                 └────► write ─► Submit ─► prepare.rs ─► transaction ─►  apply.rs ─► tree, sessions
//!  connection.rs  waits in the session's queue  │                            ├─► notifications
//!                                               └ outstanding.rs             └─► reply, next in queue
//! ```
//!
//! A server that knows no leader may serve reads alone (`read_only.rs`).
//!
//! `apply` is the only writer of replicated state. A session's requests are answered in order: a
//! read waits for the session's own writes before it, and for no other session's.

mod apply;
mod connect;
mod connection;
mod counters;
mod image;
mod message;
mod outstanding;
mod prepare;
mod propose;
mod read;
mod read_only;
mod reap;
mod request;
mod rules;
mod settings;
mod status;
mod touches;
mod tree_service;
mod watches;
mod wire;

#[cfg(test)]
mod tests;

pub use counters::Counters;
pub use image::{ImageBuilder, ImageError, ImageNodes, TreeImage};
pub use message::{ClientEvent, ClientReply, ClientRequest, ClientTxn};
pub use settings::{ConfigNode, Settings};
pub use status::ServiceStatus;
pub use tree_service::TreeService;
