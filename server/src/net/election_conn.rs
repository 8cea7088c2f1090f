//! The connections of the election port: how far each is, what it says, which are to be read or written in this turn.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::{Buf, BytesMut};
use mio::net::TcpStream;
use mio::{Interest, Registry};
use quorate_core::election::Notification;
use quorate_core::ids::ServerId;
use quorate_core::wire::election::{InitialMessage, NotificationMessage};
use quorate_core::wire::frame::FrameDecoder;

use super::slab::Slab;
use super::socket::Socket;
use super::stranger::{Expected, Greeting};
use super::token::{PortKind, Source};

/// Every connection, and what is to be done with them in this turn of the loop.
#[derive(Default)]
pub(super) struct Conns {
    slab: Slab<Conn>,
    /// How many there were.
    made: u64,
    work: VecDeque<usize>,
    later: Vec<usize>,
    dirty: Vec<usize>,
}

/// A connection.
pub(super) struct Conn {
    pub(super) socket: Socket,
    pub(super) peer: SocketAddr,
    /// Its number among all connections of the port, in the order in which they were made.
    number: u64,
    pub(super) stage: Stage,
    pub(super) frames: FrameDecoder,
    /// What it said first.
    pub(super) greeting: Greeting,
    queued: bool,
    read: bool,
    dirty: bool,
}

/// How far it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// We dialed; not established yet.
    Dialing(ServerId, Instant),
    /// They dialed; the initial message is not here yet.
    Unknown(Instant),
    /// In use.
    Up(ServerId),
}

/// What a connection said.
pub(super) enum Said {
    /// Who it is.
    Hello(ServerId),
    /// Its vote.
    Vote(ServerId, Notification),
}

impl Conns {
    /// Take over a connection.
    pub(super) fn insert(
        &mut self,
        mut stream: TcpStream,
        peer: SocketAddr,
        stage: Stage,
        registry: &Registry,
    ) -> io::Result<usize> {
        let token = Source::Connection(PortKind::Election, self.slab.vacant()).token();
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        self.made += 1;
        Ok(self.slab.insert(Conn {
            socket: Socket::new(stream),
            peer,
            number: self.made,
            stage,
            frames: FrameDecoder::election(),
            greeting: Greeting::default(),
            queued: false,
            read: false,
            dirty: false,
        }))
    }

    /// Dropping the connection closes it and takes it out of the event loop.
    pub(super) fn remove(&mut self, index: usize) -> Option<Conn> {
        let conn = self.slab.remove(index)?;
        self.work.retain(|i| *i != index);
        self.later.retain(|i| *i != index);
        self.dirty.retain(|i| *i != index);
        Some(conn)
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut Conn> {
        self.slab.get_mut(index)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &Conn)> {
        self.slab.iter()
    }

    /// A connection's number in the order in which connections were made.
    pub(super) fn number(&self, index: usize) -> Option<u64> {
        self.slab.get(index).map(|conn| conn.number)
    }

    /// The connection that has waited longest to be known, if this many are unknown.
    pub(super) fn oldest_of_unknown(&self, many: usize) -> Option<usize> {
        let due = |(index, conn): (usize, &Conn)| match conn.stage {
            Stage::Unknown(due) => Some((due, index)),
            Stage::Dialing(..) | Stage::Up(_) => None,
        };
        let unknown = || self.slab.iter().filter_map(due);
        if unknown().count() < many {
            return None;
        }
        unknown().min().map(|(_, index)| index)
    }

    /// The connections whose time is over.
    pub(super) fn late(&self, now: Instant) -> Vec<usize> {
        let late = |(_, conn): &(usize, &Conn)| conn.deadline().is_some_and(|due| due <= now);
        self.slab.iter().filter(late).map(|(index, _)| index).collect()
    }

    /// There is something to send on a connection.
    pub(super) fn mark_dirty(&mut self, index: usize) {
        if let Some(conn) = self.slab.get_mut(index)
            && !conn.dirty
        {
            conn.dirty = true;
            self.dirty.push(index);
        }
    }

    /// The connections on which there is something to send.
    pub(super) fn take_dirty(&mut self) -> Vec<usize> {
        let dirty = std::mem::take(&mut self.dirty);
        for index in &dirty {
            if let Some(conn) = self.slab.get_mut(*index) {
                conn.dirty = false;
            }
        }
        dirty
    }

    /// Read a connection in this turn if there is something to read.
    pub(super) fn queue(&mut self, index: usize) {
        if let Some(conn) = self.slab.get_mut(index)
            && conn.socket.readable
            && !conn.queued
        {
            conn.queued = true;
            self.work.push_back(index);
        }
    }

    /// A new turn of the loop: every connection may be read again.
    pub(super) fn begin_turn(&mut self) {
        self.work.extend(self.later.drain(..));
    }

    /// The connection whose turn it is, read once in this turn.
    pub(super) fn next_to_read(&mut self, scratch: &mut [u8]) -> Option<(usize, &mut Conn)> {
        let index = *self.work.front()?;
        let conn = self.slab.get_mut(index).expect("a connection that is removed leaves the queue");
        if !conn.read {
            conn.read = true;
            let bytes = conn.socket.read(scratch);
            conn.greeting.heard(bytes);
            conn.frames.feed(bytes);
        }
        Some((index, conn))
    }

    /// The connection whose turn it is has nothing more to say in this turn.
    pub(super) fn leave(&mut self) {
        let Some(index) = self.work.pop_front() else { return };
        let Some(conn) = self.slab.get_mut(index) else { return };
        (conn.read, conn.queued) = (false, conn.socket.readable);
        if conn.frames.buffer().is_empty() {
            *conn.frames.buffer() = BytesMut::new();
        }
        if conn.queued {
            self.later.push(index);
        }
    }

    /// Whether there is something to do without waiting for the system.
    pub(super) fn has_work(&self) -> bool {
        !(self.work.is_empty() && self.later.is_empty() && self.dirty.is_empty())
    }
}

impl Conn {
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Dialing(_, due) | Stage::Unknown(due) => Some(due),
            Stage::Up(_) => None,
        }
    }

    pub(super) fn who(&self) -> String {
        match self.stage {
            Stage::Up(server) | Stage::Dialing(server, _) => format!("server {server} ({})", self.peer),
            Stage::Unknown(_) => self.peer.to_string(),
        }
    }

    pub(super) fn next(&mut self) -> Result<Option<Said>, String> {
        match self.stage {
            Stage::Dialing(..) => Ok(None),
            Stage::Unknown(_) => {
                if let Some(what) = self.greeting.stranger(Expected::Election) {
                    return Err(what.to_owned());
                }
                let buffer = self.frames.buffer();
                let Some((message, length)) = InitialMessage::parse(buffer).map_err(|e| e.to_string())?
                else {
                    return Ok(None);
                };
                buffer.advance(length);
                Ok(Some(Said::Hello(message.server)))
            }
            Stage::Up(server) => {
                let Some(frame) = self.frames.next_frame().map_err(|e| e.to_string())? else {
                    return Ok(None);
                };
                let message = NotificationMessage::read(&frame).map_err(|e| e.to_string())?;
                Ok(Some(Said::Vote(server, message.notification)))
            }
        }
    }
}
