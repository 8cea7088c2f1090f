//! A recording: what one process of a server was told, and fingerprints of what it made of that.
//!
//! The shell writes it, and a program that reads it can run the same steps through the same
//! [`QuorumPeer::step`](crate::QuorumPeer::step) again. A recording begins with eight bytes that say what it
//! is. A sequence of *frames* (`frame.rs`) follows; each frame holds one [`Record`] in the form of the crate
//! `postcard`. The first is a [`Record::Header`], which nothing else is; [`Record::End`] is the last one if
//! the process ended in order. A process that is killed leaves whole frames and perhaps a part of one.
//!
//! Fingerprints ([`fingerprint`]) are the same on every 64-bit machine, for the same version of this crate.

pub mod fingerprint;
mod frame;
mod image;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::config::PeerConfig;
use crate::ids::{Link, Now, Ticket};
use crate::input::Input;
use crate::pipeline::ClientTxn;
use crate::recovered::Recovered;

pub use frame::{Damage, Frames, MAGIC, begin_frame, end_frame};

/// One thing that is recorded.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Record {
    /// What there was before the first step.
    Header(Box<Header>),
    /// A call of `step`.
    Step {
        /// The time it was told.
        now: Now,
        /// The input.
        input: Input<ClientTxn>,
        /// The fingerprint of all outputs, in order.
        outputs: u64,
    },
    /// The state after the last step.
    State {
        /// The state's fingerprint.
        fingerprint: u64,
        /// Whether that is of everything, or only of what is cheap to look at.
        whole: bool,
    },
    /// The connection of the next input: this end dialed or was dialed. The shell's word for it.
    Opened {
        /// What it is called here.
        link: Link,
        /// Whether this end dialed.
        dialed: bool,
        /// This end's address.
        local: SocketAddr,
        /// The other end's address.
        remote: SocketAddr,
    },
    /// Up to this ticket everything was synced when the next input was handed over. The log
    /// writer's word for it, independent of the input.
    Synced(Ticket),
    /// The process ended as it should.
    End,
}

/// What a start began with: all that is needed to run its steps again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Header {
    /// The version of the program.
    pub program: String,
    /// When, in milliseconds since 1970.
    pub wall_ms: i64,
    /// The configuration.
    pub config: PeerConfig<ClientTxn>,
    /// What was on disk.
    pub recovered: Recovered<ClientTxn>,
}

/// Append a record, as a frame.
pub fn write(out: &mut Vec<u8>, record: &Record) {
    let at = begin_frame(out);
    put(out, record);
    end_frame(out, at);
}

/// Append the first part of the frame of a step, before it is taken; [`finish_step`] appends the rest.
/// Returns where the frame begins.
pub fn begin_step(out: &mut Vec<u8>, now: Now, input: &Input<ClientTxn>) -> usize {
    /// The place of `Record::Step` among the variants.
    const STEP: u8 = 1;
    let at = begin_frame(out);
    put(out, &(STEP, now, input));
    at
}

/// Append the rest of a step that was begun.
pub fn finish_step(out: &mut Vec<u8>, at: usize, outputs: u64) {
    put(out, &outputs);
    end_frame(out, at);
}

fn put(out: &mut Vec<u8>, value: &impl Serialize) {
    let taken = postcard::to_extend(value, core::mem::take(out));
    // A vector takes everything, and every length is known.
    *out = taken.unwrap_or_else(|error| unreachable!("a record cannot be written: {error}"));
}

/// Read a frame's content.
///
/// # Errors
/// It is no record.
pub fn read(content: &[u8]) -> Result<Record, postcard::Error> {
    postcard::from_bytes(content)
}

#[cfg(test)]
mod tests;
