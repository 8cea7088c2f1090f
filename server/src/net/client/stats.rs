//! What the client port counts: over all connections, and for each.

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Instant;

use quorate_core::pipeline::{ClientEvent, ClientReply};
use quorate_core::wire::client::OpCode;

use super::conn::{Answered, Happened};
use crate::stats::{Sizes, Times};

/// Sums over all connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Totals {
    /// Frames and words received.
    pub(crate) received: u64,
    /// Frames and words sent.
    pub(crate) sent: u64,
    /// How long requests took.
    pub(crate) latency: Times,
    /// Sizes of replies, with their length.
    pub(crate) reply_sizes: Sizes,
    /// Bytes of received frames.
    pub(crate) bytes_received: u64,
    /// Bytes of replies.
    pub(crate) response_bytes: u64,
    /// Bytes of events of watches.
    pub(crate) watch_bytes: u64,
    /// Connections that asked for a session.
    pub(crate) connection_requests: u64,
    /// Connections that were not accepted.
    pub(crate) rejected: u64,
    /// Connections that never asked for a session.
    pub(crate) sessionless_expired: u64,
    /// Connections that were closed because all together held too much.
    pub(crate) shed: u64,
    /// Connections that an operator had closed.
    pub(crate) drained: u64,
    /// TLS handshakes that have failed.
    pub(crate) failed_handshakes: u64,
    /// Connections that were not accepted because too many handshakes were under way.
    pub(crate) handshakes_exceeded: u64,
}

impl Totals {
    /// A client did something.
    pub(super) fn heard(&mut self, happened: &Happened) {
        self.received += 1;
        self.bytes_received += happened.frame().map_or(0, |frame| frame.len() as u64);
        let connects = matches!(happened, Happened::Event(_, ClientEvent::Connect { .. }));
        self.connection_requests += u64::from(connects);
    }

    /// A client is sent an answer or an event of this size.
    pub(super) fn said(&mut self, reply: &ClientReply, size: usize) {
        self.sent += 1;
        match reply {
            ClientReply::Reply { .. } => {
                self.reply_sizes.record(size);
                self.response_bytes += size as u64;
            }
            ClientReply::Notification { .. } => self.watch_bytes += size as u64,
            ClientReply::Connect(_) => {}
        }
    }

    /// A request was answered.
    pub(super) fn answered(&mut self, us: u64) {
        self.latency.record(us);
    }

    /// What `srst` begins anew.
    pub(super) fn reset(&mut self) {
        let kept = *self;
        *self =
            Totals { received: 0, sent: 0, latency: Times::default(), reply_sizes: Sizes::default(), ..kept };
    }
}

/// What is counted of one connection. `crst` begins it anew.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Counts {
    pub(super) received: u64,
    pub(super) sent: u64,
    latency: Times,
    /// The last request that was answered: its operation and the zxid of its reply.
    last: Option<(i32, i64)>,
    /// The xid of the last one that has one of its own.
    last_xid: Option<i32>,
    /// When it was answered.
    answered_ms: u128,
}

impl Counts {
    /// A request of this kind was answered.
    pub(super) fn answered(&mut self, answered: &Answered, us: u64, answered_ms: u128) {
        self.latency.record(us);
        self.last = Some((answered.waiting.op, answered.zxid));
        if answered.xid >= 0 {
            self.last_xid = Some(answered.xid);
        }
        self.answered_ms = answered_ms;
    }
}

/// One connection as `stat` and `cons` show it.
#[derive(Debug)]
pub(crate) struct ConnectionLine<'a> {
    pub(super) peer: SocketAddr,
    /// Whether it is read (1) and written (4) at the moment.
    pub(super) interest: u8,
    pub(super) queued: usize,
    pub(super) counts: &'a Counts,
    /// The session and its timeout (ms), once there is one.
    pub(super) session: Option<(i64, i32)>,
    /// Milliseconds since 1970 when the connection was made.
    pub(super) established_ms: i64,
}

impl ConnectionLine<'_> {
    /// Append the line.
    pub(crate) fn write(&self, out: &mut String, brief: bool) {
        let Counts { received, sent, latency, last, last_xid, answered_ms } = self.counts;
        let _ = write!(
            out,
            " /{}[{:x}](queued={},recved={received},sent={sent}",
            self.peer, self.interest, self.queued
        );
        if let (Some((session, timeout_ms)), false) = (self.session, brief) {
            let (op, zxid) = last.map_or(("NA", -1), |(op, zxid)| (name(op), zxid));
            let _ = write!(out, ",sid={session:#x},lop={op},est={},to={timeout_ms}", self.established_ms);
            if let Some(xid) = last_xid {
                let _ = write!(out, ",lcxid={xid:#x}");
            }
            let (mean, last) = (latency.mean_ms() as u64, latency.last_ms());
            let _ = write!(
                out,
                ",lzxid={zxid:#x},lresp={answered_ms},llat={last},minlat={},avglat={mean},maxlat={}",
                latency.min_ms(),
                latency.max_ms()
            );
        }
        out.push_str(")\n");
    }
}

impl ConnectionLine<'_> {
    /// What the line shows, as values that outlive the connection.
    pub(crate) fn facts(&self) -> ConnectionFacts {
        let Counts { received, sent, latency, last, last_xid, answered_ms } = self.counts;
        let (session, timeout_ms) = self.session.unwrap_or_default();
        ConnectionFacts {
            peer: self.peer,
            interest: self.interest,
            queued: self.queued,
            received: *received,
            sent: *sent,
            session,
            timeout_ms,
            established_ms: self.established_ms,
            operation: last.map_or("NA", |(op, _)| name(op)),
            zxid: last.map_or(-1, |(_, zxid)| zxid),
            xid: last_xid.unwrap_or(-1),
            answered_ms: *answered_ms,
            latency: *latency,
        }
    }
}

/// One connection, as the admin server shows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionFacts {
    /// The client's address.
    pub(crate) peer: SocketAddr,
    /// Whether the connection is read (1) and written (4) at the moment.
    pub(crate) interest: u8,
    /// Requests that are not answered yet.
    pub(crate) queued: usize,
    /// Frames received.
    pub(crate) received: u64,
    /// Frames sent.
    pub(crate) sent: u64,
    /// 0 without a session.
    pub(crate) session: i64,
    /// The session's timeout, ms.
    pub(crate) timeout_ms: i32,
    /// Milliseconds since 1970 when the connection was made.
    pub(crate) established_ms: i64,
    /// The short name of the last request that was answered.
    pub(crate) operation: &'static str,
    /// The zxid of that answer; −1 without one.
    pub(crate) zxid: i64,
    /// The xid of the last request that has one of its own; −1 without one.
    pub(crate) xid: i32,
    /// When the last request was answered, ms since the port was opened.
    pub(crate) answered_ms: u128,
    /// How long requests took.
    pub(crate) latency: Times,
}

/// A connection and when it is closed if it stays silent, as `dump` shows it.
#[derive(Debug)]
pub(crate) struct ConnectionExpiry {
    /// Milliseconds since 1970, rounded up.
    pub(crate) due_ms: i64,
    /// How many are closed then.
    pub(crate) together: usize,
    /// Whose.
    pub(crate) peer: SocketAddr,
    /// 0 without a session.
    pub(crate) session: i64,
}

/// A request that is not answered yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) since: Instant,
    pub(super) op: i32,
    /// The request's length.
    pub(super) bytes: usize,
}

/// Requests of all connections that are not answered yet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct InProcess {
    /// How many.
    pub(super) requests: usize,
    /// Their length together.
    pub(super) bytes: usize,
}

impl InProcess {
    /// One more is handed to core.
    pub(super) fn add(&mut self, bytes: usize) {
        self.requests += 1;
        self.bytes += bytes;
    }

    /// One is answered, or its connection is gone.
    pub(super) fn remove(&mut self, waiting: &Waiting) {
        self.requests -= 1;
        self.bytes -= waiting.bytes;
    }
}

/// The operation that a frame of an established session asks for; 0 if it is too short to say.
pub(super) fn operation(frame: &[u8]) -> i32 {
    frame.get(4..8).and_then(|op| op.try_into().ok()).map_or(0, i32::from_be_bytes)
}

/// The operation that a connection's first frame stands for.
pub(super) const CREATE_SESSION: i32 = -10;

/// What `cons` calls an operation.
fn name(op: i32) -> &'static str {
    OpCode::from_i32(op).map_or("NA", |op| op.operation().short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_shown_as_zookeeper_shows_it() {
        let mut counts = Counts { received: 7, sent: 8, ..Counts::default() };
        let line = |counts: &Counts, session, brief| {
            let peer = "127.0.0.1:4711".parse().unwrap();
            let (interest, queued, established_ms) = (1, 2, 1_700_000_000_000);
            let mut out = String::new();
            ConnectionLine { peer, interest, queued, counts, session, established_ms }.write(&mut out, brief);
            out
        };
        let head = " /127.0.0.1:4711[1](queued=2,recved=7,sent=8";
        assert_eq!(line(&counts, None, false), format!("{head})\n"));
        let answered = |op: OpCode, xid, zxid| {
            let waiting = Waiting { since: Instant::now(), op: op.to_i32(), bytes: 0 };
            Answered { waiting, xid, zxid }
        };
        counts.answered(&answered(OpCode::GetData, 3, 0x1_0000_000e), 2_500, 99);
        counts.answered(&answered(OpCode::Ping, -2, 0x1_0000_000f), 500, 100);
        let session = Some((0x0300_0052_b5a8_0001, 10_000));
        assert_eq!(
            line(&counts, session, false),
            format!(
                "{head},sid=0x3000052b5a80001,lop=PING,est=1700000000000,to=10000,lcxid=0x3,\
                 lzxid=0x10000000f,lresp=100,llat=0,minlat=0,avglat=1,maxlat=2)\n"
            )
        );
        assert_eq!(line(&counts, session, true), format!("{head})\n"));
    }

    #[test]
    fn a_reset_keeps_what_only_ever_grows() {
        let mut totals = Totals { received: 3, bytes_received: 99, ..Totals::default() };
        totals.answered(2000);
        assert_eq!(totals.latency.count(), 1);
        totals.reset();
        assert_eq!(totals, Totals { bytes_received: 99, ..Totals::default() });
    }

    #[test]
    fn a_frames_operation() {
        assert_eq!(operation(&[0, 0, 0, 1, 0, 0, 0, 4, 9]), 4);
        assert_eq!(operation(&[0, 0, 0, 1, 0, 0]), 0);
    }
}
