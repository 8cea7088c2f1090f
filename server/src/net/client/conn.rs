//! One connection of the client port: how far it is, what it says, when it has been silent too long.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use quorate_core::ids::ConnId;
use quorate_core::pipeline::{ClientEvent, ClientReply};
use quorate_core::wire::frame::FrameDecoder;

use super::budget::Held;
use super::stats::{CREATE_SESSION, ConnectionLine, Counts, Waiting, operation};
use crate::clock::wall_ms;
use crate::net::engine::{Conn, Protocol};
use crate::net::stranger::foreign;
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
    frames: FrameDecoder,
    address: IpAddr,
    /// The name in the certificate that the client has shown.
    pub(super) certificate: Option<String>,
    pub(super) stage: Stage,
    pub(super) since: Instant,
    heard: Instant,
    /// When each request that is not answered yet arrived.
    waiting: VecDeque<Waiting>,
    pub(super) counts: Counts,
    /// The session and its timeout (ms), once there is one.
    session: Option<(i64, i32)>,
    established_ms: i64,
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

/// A request that was answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answered {
    /// The request.
    pub(super) waiting: Waiting,
    /// The xid of the reply.
    pub(super) xid: i32,
    /// The zxid of the reply.
    pub(super) zxid: i64,
}

impl Happened {
    /// The frame in it.
    pub(super) fn frame(&self) -> Option<&Bytes> {
        match self {
            Happened::Event(_, ClientEvent::Frame(frame) | ClientEvent::Connect { frame, .. }) => Some(frame),
            Happened::Event(_, ClientEvent::Closed) | Happened::Asked(..) | Happened::Left(_) => None,
        }
    }
}

impl Protocol for Client {
    type Said = Happened;

    fn feed(&mut self, bytes: &[u8]) {
        self.frames.feed(bytes);
    }

    fn rest(&mut self) {
        if self.frames.buffer().is_empty() {
            *self.frames.buffer() = BytesMut::new();
        }
    }

    fn next(conn: &mut Conn<Self>, now: Instant) -> Result<Option<Happened>, String> {
        conn.happened(now)
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
            certificate: None,
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

    /// Whether a request of it is in process.
    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The client's requests in process.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &Waiting> {
        self.waiting.iter()
    }

    /// Whether a client speaks, or is about to.
    pub(super) fn is_in_service(&self) -> bool {
        matches!(self.stage, Stage::Greeting | Stage::Connecting | Stage::Open(_))
    }

    /// The session; 0 without one.
    pub(super) fn session(&self) -> i64 {
        self.session.map_or(0, |(session, _)| session)
    }

    /// An answer or an event is sent. The request that it answers, if it does.
    pub(super) fn answered(&mut self, reply: &ClientReply) -> Option<Answered> {
        self.counts.sent += 1;
        let (xid, zxid) = match reply {
            ClientReply::Connect(response) => {
                let timeout = u64::try_from(response.timeout_ms).unwrap_or(0);
                self.stage = Stage::Open(Duration::from_millis(timeout));
                self.session = Some((response.session.0, response.timeout_ms));
                (0, 0)
            }
            ClientReply::Reply { op, header, .. } => {
                // An answer that overtakes others is one to what came last or almost last.
                let in_turn = self.waiting.front().is_some_and(|waiting| waiting.op == *op);
                let overtakes = || self.waiting.iter().rposition(|waiting| waiting.op == *op);
                let waiting = self.waiting.remove(if in_turn { 0 } else { overtakes()? })?;
                return Some(Answered { waiting, xid: header.xid, zxid: header.zxid });
            }
            ClientReply::Notification { .. } => return None,
        };
        Some(Answered { waiting: self.waiting.pop_front()?, xid, zxid })
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
    fn happened(&mut self, now: Instant) -> Result<Option<Happened>, String> {
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
            let (address, certificate) = (self.address, self.certificate.take());
            (CREATE_SESSION, ClientEvent::Connect { frame, address, certificate })
        } else {
            (operation(&frame), ClientEvent::Frame(frame))
        };
        self.waiting.push_back(Waiting { since: now, op, bytes });
        Ok(Some(Happened::Event(self.id, event)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_core::wire::client::{OpCode, ReplyHeader, Response};

    fn reply(op: OpCode, xid: i32) -> ClientReply {
        ClientReply::Reply {
            op: op.to_i32(),
            header: ReplyHeader { xid, zxid: 9, err: 0 },
            body: Response::Empty,
        }
    }

    #[test]
    fn an_answer_that_overtakes_others_is_not_taken_for_one_of_them() {
        let now = Instant::now();
        let mut client = Client::new(ConnId(1), IpAddr::from([127, 0, 0, 1]), now, 1024);
        for (op, n) in [(OpCode::Create, 1), (OpCode::GetData, 2), (OpCode::Auth, 3), (OpCode::Create, 4)] {
            let since = now + Duration::from_millis(n);
            client.waiting.push_back(Waiting { since, op: op.to_i32(), bytes: 0 });
        }
        let mut answers = |op, xid| {
            let answered = client.answered(&reply(op, xid)).unwrap();
            (answered.waiting.op, answered.waiting.since.duration_since(now).as_millis(), answered.xid)
        };
        let [create, read, auth] = [OpCode::Create, OpCode::GetData, OpCode::Auth].map(OpCode::to_i32);
        assert_eq!(answers(OpCode::Auth, -4), (auth, 3, -4));
        assert_eq!(answers(OpCode::Create, 1), (create, 1, 1));
        assert_eq!(answers(OpCode::GetData, 2), (read, 2, 2));
        assert_eq!(answers(OpCode::Create, 4), (create, 4, 4));
        assert!(client.answered(&reply(OpCode::Create, 5)).is_none(), "nothing waits");
    }
}
