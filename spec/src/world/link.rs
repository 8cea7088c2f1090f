//! A connection of the quorum port: two queues that break like TCP.
//!
//! What one end sent before it closed still arrives, then the other end sees the connection down. A cut loses
//! what is under way in both directions. Every prefix of it may have arrived, because each delivery could
//! have happened before the cut.

use std::collections::VecDeque;

use quorate_core::zab::Packet;

use super::marked::Marked;
use crate::byte::Byte;

/// One connection from a learner to a leader.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Connection<P: Marked = Byte> {
    /// Index of the server that dialed.
    pub learner: usize,
    /// Index of the server that was dialed.
    pub leader: usize,
    /// Distinguishes it from the other connections of this pair that still exist.
    pub generation: u32,
    /// Under way to the leader.
    pub to_leader: VecDeque<Packet<P>>,
    /// Under way to the learner.
    pub to_learner: VecDeque<Packet<P>>,
    /// The learner's end.
    pub learner_end: End,
    /// The leader's end.
    pub leader_end: End,
    /// The connection is broken; both ends have yet to see it.
    pub cut: bool,
    /// Where the clock moves: how many packets that had arrived at the last mark are still to be read. The
    /// first number is the learner's end, the second the leader's. A mark says that everything before it is
    /// read.
    pub unread: [usize; 2],
}

/// One end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum End {
    /// Accepted, nothing read yet: the peer has not been told.
    Unannounced,
    /// The end is in use.
    Open,
    /// Closed, or its owner died.
    Closed,
}

/// Which end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Side {
    /// The one that dialed.
    Learner,
    /// The one that was dialed.
    Leader,
}

impl<P: Marked> Connection<P> {
    /// A fresh connection.
    pub fn new(learner: usize, leader: usize, generation: u32) -> Self {
        Connection {
            learner,
            leader,
            generation,
            to_leader: VecDeque::new(),
            to_learner: VecDeque::new(),
            learner_end: End::Open,
            leader_end: End::Unannounced,
            cut: false,
            unread: [0; 2],
        }
    }

    /// This connection's place among all connections.
    pub(super) fn place(&self) -> (usize, usize, u32) {
        (self.learner, self.leader, self.generation)
    }

    /// The server at an end.
    pub fn owner(&self, side: Side) -> usize {
        match side {
            Side::Learner => self.learner,
            Side::Leader => self.leader,
        }
    }

    /// From whom to whom it carries what this end reads.
    pub fn between(&self, side: Side) -> (usize, usize) {
        match side {
            Side::Learner => (self.leader, self.learner),
            Side::Leader => (self.learner, self.leader),
        }
    }

    /// How this end stands.
    pub fn end(&self, side: Side) -> End {
        match side {
            Side::Learner => self.learner_end,
            Side::Leader => self.leader_end,
        }
    }

    /// What is under way to this end, oldest first.
    pub fn queue(&self, side: Side) -> &VecDeque<Packet<P>> {
        match side {
            Side::Learner => &self.to_learner,
            Side::Leader => &self.to_leader,
        }
    }

    /// Close one end: what was under way to it is gone.
    pub fn close(&mut self, side: Side) {
        match side {
            Side::Learner => {
                self.learner_end = End::Closed;
                self.to_learner.clear();
            }
            Side::Leader => {
                self.leader_end = End::Closed;
                self.to_leader.clear();
            }
        }
    }

    /// The owner of one end died: what it had sent is lost too.
    pub fn die(&mut self, side: Side) {
        self.close(side);
        self.to_leader.clear();
        self.to_learner.clear();
    }

    /// Break the connection.
    pub fn cut(&mut self) {
        self.to_leader.clear();
        self.to_learner.clear();
        self.cut = true;
    }

    /// Whether one end is about to see the connection down.
    pub fn sees_down(&self, side: Side) -> bool {
        let (mine, other, queue) = match side {
            Side::Learner => (self.learner_end, self.leader_end, &self.to_learner),
            Side::Leader => (self.leader_end, self.learner_end, &self.to_leader),
        };
        mine == End::Open && (self.cut || other == End::Closed) && queue.is_empty()
    }

    /// Whether one end may see the connection down before it has read everything. A TCP connection is reset
    /// if its other end is closed while something lies there unread.
    pub fn is_reset(&self, side: Side) -> bool {
        let (mine, other, queue) = match side {
            Side::Learner => (self.learner_end, self.leader_end, &self.to_learner),
            Side::Leader => (self.leader_end, self.learner_end, &self.to_leader),
        };
        mine == End::Open && other == End::Closed && !queue.is_empty()
    }

    /// Whether no server has an end of this connection any more. An end that was never announced has nothing
    /// to lose.
    pub fn gone(&self) -> bool {
        let leader_gone = match self.leader_end {
            End::Closed => true,
            End::Unannounced => self.to_leader.is_empty() && (self.cut || self.learner_end == End::Closed),
            End::Open => false,
        };
        self.learner_end == End::Closed && leader_gone
    }
}
