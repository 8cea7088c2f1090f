//! One connection of the client port: how far it is, what it says, when it has been silent too long.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use quorate_core::ids::ConnId;
use quorate_core::pipeline::ClientEvent;
use quorate_core::wire::frame::FrameDecoder;

use super::budget::Held;
use super::client_stats::{CREATE_SESSION, ConnectionLine, Counts, Waiting, operation};
use super::engine::{Conn, Protocol};
use super::stranger::foreign;
use crate::clock::wall_ms;
use crate::word::Word;

/// How long the last answers may take before a connection that ends is cut.
const LINGER: Duration = Duration::from_secs(10);
/// Bytes of answers a connection may leave lying before it is not read any more.
const HIGH_WATER: usize = 256 * 1024;

/// Something a client did.
#[derive(Debug)]
pub(crate) enum Happened {
    /// For core.
    Event(ConnId, ClientEvent),
    /// A word is to be answered.
    Asked(ConnId, Word),
    /// The connection is gone that was being sent the answer to its word.
    Left(ConnId),
}

/// What there is of a client's connection besides its socket.
pub(super) struct Client {
    pub(super) id: ConnId,
    pub(super) frames: FrameDecoder,
    address: IpAddr,
    pub(super) stage: Stage,
    pub(super) since: Instant,
    pub(super) heard: Instant,
    /// When each request that is not answered yet arrived.
    pub(super) waiting: VecDeque<Waiting>,
    pub(super) counts: Counts,
    /// The session and its timeout (ms), once there is one.
    pub(super) session: Option<(i64, i32)>,
    pub(super) established_ms: i64,
    /// What the connection held when that was last counted, in bytes.
    counted: usize,
}

/// How far it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// Nothing understood yet.
    Greeting,
    /// Core was asked for the session.
    Connecting,
    /// In service; closed after this long without a frame.
    Open(Duration),
    /// Is sent the answer to a word.
    Answering,
    /// To be closed when everything is sent.
    Closing,
}

impl Protocol for Client {
    fn feed(&mut self, bytes: &[u8]) {
        self.frames.feed(bytes);
    }

    fn rest(&mut self) {
        if self.frames.buffer().is_empty() {
            *self.frames.buffer() = BytesMut::new();
        }
    }
}

impl Conn<Client> {
    /// Whether it is not read now; something else will put it back into the queue.
    pub(super) fn is_paused(&self) -> bool {
        self.waits_for_core() || self.socket.unsent() > HIGH_WATER
    }

    /// Whether there is something to do although the system reports nothing.
    pub(super) fn has_more(&mut self) -> bool {
        self.socket.readable || !self.frames.buffer().is_empty()
    }

    /// What the connection holds besides requests in process, in bytes: when that was last counted, and now.
    pub(super) fn count(&mut self) -> (usize, usize) {
        let now = self.socket.capacity() + self.frames.buffer().len();
        (std::mem::replace(&mut self.counted, now), now)
    }

    /// What the connection at this place makes the server hold, with `others` bytes in core.
    pub(super) fn held(&self, index: usize, others: usize) -> Held {
        let in_process = self.waiting.iter().map(|waiting| waiting.bytes).sum();
        Held { left: self.counted + others, in_process, index }
    }

    /// What an operator is told of it.
    pub(super) fn line(&self) -> ConnectionLine<'_> {
        let (read, written) = (!self.is_paused(), self.socket.unsent() > 0);
        ConnectionLine {
            peer: self.peer,
            interest: u8::from(read) | u8::from(written) << 2,
            queued: self.waiting.len(),
            counts: &self.counts,
            session: self.session,
            established_ms: self.established_ms,
        }
    }
}

impl Client {
    /// A connection that has said nothing yet.
    pub(super) fn new(id: ConnId, address: IpAddr, now: Instant, max_frame: usize) -> Client {
        Client {
            id,
            address,
            frames: FrameDecoder::new(0, max_frame),
            stage: Stage::Greeting,
            since: now,
            heard: now,
            waiting: VecDeque::new(),
            counts: Counts::default(),
            session: None,
            established_ms: wall_ms(),
            counted: 0,
        }
    }

    /// What the connection held when that was last counted, in bytes.
    pub(super) fn counted(&self) -> usize {
        self.counted
    }

    /// Whether what it says next has to wait for what it said.
    fn waits_for_core(&self) -> bool {
        matches!(self.stage, Stage::Connecting | Stage::Answering | Stage::Closing)
    }

    /// When it is closed if nothing more is heard from it.
    pub(super) fn due(&self, sessionless: Duration) -> Instant {
        match self.stage {
            Stage::Greeting | Stage::Connecting => self.since + sessionless,
            Stage::Open(timeout) => self.heard + timeout,
            Stage::Answering | Stage::Closing => self.since + LINGER,
        }
    }

    /// Too long without a session, silent for longer than the session's timeout, or too slow in
    /// taking in the last answers.
    pub(super) fn is_late(&self, now: Instant, sessionless: Duration, queued: bool) -> bool {
        match self.stage {
            Stage::Greeting | Stage::Connecting => now.duration_since(self.since) > sessionless,
            // One that is queued has said something that was not looked at yet.
            Stage::Open(timeout) => {
                now.duration_since(self.heard) > timeout && self.waiting.is_empty() && !queued
            }
            Stage::Answering | Stage::Closing => now.duration_since(self.since) > LINGER,
        }
    }

    /// The next complete frame or word.
    pub(super) fn next(&mut self, now: Instant) -> Result<Option<Happened>, String> {
        if self.stage == Stage::Greeting
            && let Some(head) = self.frames.peek()
        {
            if let Some(word) = Word::recognise(head) {
                let word = word.followed_by(&self.frames.buffer()[4..]);
                self.frames.buffer().clear();
                (self.stage, self.since) = (Stage::Answering, now);
                self.counts.received += 1;
                return Ok(Some(Happened::Asked(self.id, word)));
            }
            if let Some(what) = foreign(&head) {
                return Err(what.to_owned());
            }
        }
        let Some(frame) = self.frames.next_frame().map_err(|error| error.to_string())? else {
            return Ok(None);
        };
        self.heard = now;
        self.counts.received += 1;
        let bytes = frame.len();
        let (op, event) = if self.stage == Stage::Greeting {
            self.stage = Stage::Connecting;
            (CREATE_SESSION, ClientEvent::Connect { frame, address: self.address })
        } else {
            (operation(&frame), ClientEvent::Frame(frame))
        };
        self.waiting.push_back(Waiting { since: now, op, bytes });
        Ok(Some(Happened::Event(self.id, event)))
    }
}
