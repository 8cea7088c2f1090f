//! What happened in a world, step by step, to be read. No part of a state.

use std::sync::Arc;

use quorate_core::{Input, Output, QuorumPeer, Status};

use super::java::JavaPeer;
use super::marked::{AppliedOf, Marked};
use crate::byte::Byte;

/// One call of `step`.
#[derive(Clone, Debug)]
pub struct Event<P: Marked = Byte> {
    /// Index of the server.
    pub server: usize,
    /// What it was told.
    pub input: Input<P>,
    /// What it wanted done.
    pub outputs: Vec<Output<P>>,
    /// The server before.
    pub before: View<P>,
    /// The server after.
    pub after: View<P>,
}

/// What can be seen of a server.
#[derive(Clone, Debug)]
pub struct View<P: Marked = Byte> {
    /// What it tells about itself.
    pub status: Status,
    /// Whether clients are served.
    pub serving: bool,
    /// What it has applied.
    pub applied: AppliedOf<P>,
}

impl<P: Marked> View<P> {
    /// A server at this moment.
    pub fn of(peer: &QuorumPeer<P>) -> Self {
        let applied = Arc::clone(P::applied(peer.service()));
        View { status: peer.status(), serving: peer.serving(), applied }
    }
}

impl View {
    /// A server that behaves as ZooKeeper does, at this moment.
    pub fn of_java(java: &JavaPeer) -> Self {
        View { status: java.status(), serving: java.serving(), applied: Arc::clone(java.applied()) }
    }
}
