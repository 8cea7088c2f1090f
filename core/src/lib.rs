//! Every decision of a Quorate server, as pure functions.
//!
//! ```text
//!  bytes ─ wire ─► Input ─► QuorumPeer::step ─► Output ─ wire ─► bytes
//!                            │ election   who leads
//!                            │ zab        which history, in which order
//!                            └ service    sessions, znodes, watches (or, in models, a list of bytes)
//! ```
//!
//! [`QuorumPeer`] is one member of an ensemble. [`QuorumPeer::step`] takes one [`Input`] and says in
//! [`Outputs`] what is to be done. The server's event loop, the models' world and every test call
//! this one function. It reads no clock, touches no file and knows no socket.
//!
//! # The contract between core and its shell
//!
//! 1. **All of it at once.** A step returns everything it wants. Outputs to one destination keep their
//!    order; between destinations the shell is free.
//! 2. **Durability is a conversation.** A storage output carries a [`Ticket`](ids::Ticket); nothing that
//!    depends on it is sent before [`Input::Done`] for that ticket. Operations take effect in order, a
//!    crash leaves a prefix of them, and a failed write ends the process.
//! 3. **Connections have generations.** What arrives on a [`Link`](ids::Link) that was replaced is
//!    dropped; after [`Output::Hangup`] nothing of that link is wanted.
//! 4. **Alarms have names and symbolic delays** ([`timer`]). They may fire at any moment after they were
//!    set: correctness never rests on their length.
//! 5. **Applied means known to be committed.** A logged tail is not applied before a quorum has it, not at
//!    start-up either.
//! 6. **An offence by a peer is a [`Reason`] to hang up; a client's mistake is an error code.** The content
//!    of a replicated transaction is never asserted: one that makes no sense fails as a transaction.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod auth;
pub mod config;
pub mod election;
pub mod ids;
mod input;
mod invariants;
pub mod membership;
mod mutation;
mod output;
pub mod payload;
mod peer;
pub mod pipeline;
pub mod quorum;
#[cfg(feature = "recording")]
pub mod recording;
mod recovered;
pub mod rename;
pub mod session;
mod status;
mod storage;
pub mod timer;
pub mod tree;
pub mod watch;
pub mod wire;
pub mod zab;

pub use input::{ClientOf, Input};
#[cfg(feature = "mutants")]
pub use mutation::Mutation;
pub use output::{Output, Outputs, Reason, ReplyOf};
pub use peer::QuorumPeer;
pub use recovered::{Inconsistent, Recovered};
pub use status::{LearnerStatus, Status, ZabState};
