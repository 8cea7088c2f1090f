//! What happened in a world, step by step, for those who want to read it. No part of a state.

use std::sync::Arc;

use quorate_core::{Input, Output, QuorumPeer, Status};

use super::JavaPeer;
use crate::byte::{Applied, Byte};

/// One call of `step`.
#[derive(Clone, Debug)]
pub struct Event {
    /// Index of the server.
    pub server: usize,
    /// What it was told.
    pub input: Input<Byte>,
    /// What it wanted done.
    pub outputs: Vec<Output<Byte>>,
    /// The server before.
    pub before: View,
    /// The server after.
    pub after: View,
}

/// What can be seen of a server.
#[derive(Clone, Debug)]
pub struct View {
    /// What it tells about itself.
    pub status: Status,
    /// Whether clients are served.
    pub serving: bool,
    /// What it has applied.
    pub applied: Applied,
}

impl View {
    /// A server at this moment.
    pub fn of(peer: &QuorumPeer<Byte>) -> Self {
        View { status: peer.status(), serving: peer.serving(), applied: peer.service().applied().clone() }
    }

    /// A server that behaves as ZooKeeper does, at this moment.
    pub fn of_java(java: &JavaPeer) -> Self {
        View { status: java.status(), serving: java.serving(), applied: Arc::clone(java.applied()) }
    }
}
