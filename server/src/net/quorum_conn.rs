//! One connection of the quorum port: how far it is, what waits to be sent, pieces of a snapshot between
//! packets.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use quorate_core::ids::Link;
use quorate_core::wire::quorum::{PeerDecoder, Side as End, WirePayload, write_snapshot_trailer};
use quorate_core::zab::Packet;

use super::engine::{Conn, Protocol};
use super::stranger::{Expected, Greeting};

/// Appends the next piece of a snapshot's body; `true`: that was all.
pub(crate) type SnapshotBody = Box<dyn FnMut(&mut Vec<u8>, usize) -> bool + Send>;

/// Bytes that may wait for one server besides a snapshot. One that takes in less than it is sent
/// for so long is of no use.
const MAX_UNSENT: usize = 512 << 20;
/// A snapshot is sent in pieces of this many bytes, at most so many in one turn.
const PIECE: usize = 64 * 1024;
const PIECES_PER_TURN: usize = 16;

/// How often core is told that a learner's synchronisation makes progress.
const PROGRESS_PAUSE: Duration = Duration::from_millis(100);

/// What there is of a connection of the quorum port besides its socket.
pub(super) struct Peer<P: WirePayload> {
    pub(super) stage: Stage,
    pub(super) end: End,
    pub(super) decoder: PeerDecoder<P>,
    /// What it said first.
    pub(super) greeting: Greeting,
    /// What follows the bytes in the socket's buffer.
    pub(super) rest: VecDeque<Segment>,
    pub(super) rest_bytes: usize,
    /// How much of what had arrived when core was last told that everything is read is still to be read, in
    /// bytes.
    pub(super) unread: usize,
    /// When core is told so again at the earliest.
    pub(super) mark_due: Instant,
    /// Until UPTODATE: when core is told next that bytes move.
    pub(super) progress: Option<Instant>,
    /// What came last.
    #[cfg(feature = "mutants")]
    pub(super) latest: Option<Packet<P>>,
}

/// How far it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stage {
    /// We dialed; not established yet.
    Dialing(Link, Instant),
    /// They dialed; not known yet.
    Unknown(Instant),
    /// Both ends know each other.
    Up(Link),
}

/// Something to be sent.
pub(super) enum Segment {
    Bytes(Vec<u8>),
    Snapshot(SnapshotBody),
}

/// How much was sent.
pub(super) enum Flushed {
    /// Everything, or as much as the system takes.
    Done,
    /// There is more, and it may be the others' turn.
    More,
}

impl<P: WirePayload> Protocol for Peer<P> {
    fn feed(&mut self, bytes: &[u8]) {
        self.greeting.heard(bytes);
        self.decoder.feed(bytes);
        self.unread = self.unread.saturating_sub(bytes.len());
    }

    fn rest(&mut self) {
        if self.decoder.buffer().is_empty() {
            *self.decoder.buffer() = BytesMut::new();
        }
    }
}

impl<P: WirePayload> Peer<P> {
    /// A connection that has carried nothing yet.
    pub(super) fn new(now: Instant, stage: Stage, end: End, decoder: PeerDecoder<P>) -> Self {
        Peer {
            stage,
            end,
            decoder,
            greeting: Greeting::default(),
            rest: VecDeque::new(),
            rest_bytes: 0,
            unread: 0,
            mark_due: now,
            progress: None,
            #[cfg(feature = "mutants")]
            latest: None,
        }
    }

    /// When it is given up.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Dialing(_, due) | Stage::Unknown(due) => Some(due),
            Stage::Up(_) => None,
        }
    }

    /// What it is, if it is no learner: looked for until it has introduced itself.
    pub(super) fn stranger(&self) -> Option<&'static str> {
        match self.stage {
            Stage::Unknown(_) => self.greeting.stranger(Expected::Quorum),
            Stage::Dialing(..) | Stage::Up(_) => None,
        }
    }

    /// A synchronisation begins with the epoch's number and ends with UPTODATE.
    pub(super) fn note_stage(&mut self, now: Instant, packet: &Packet<P>) {
        match packet {
            Packet::LeaderInfo { .. } => self.progress = Some(now),
            Packet::UpToDate => self.progress = None,
            _ => {}
        }
    }
}

impl<P: WirePayload> Conn<Peer<P>> {
    /// The link to tell core of: what had arrived at the last mark is read, and the pause since then is over.
    pub(super) fn all_read(&mut self, now: Instant, pause: Duration) -> Option<Link> {
        let Stage::Up(link) = self.stage else { return None };
        if self.unread > 0 || self.mark_due > now {
            return None;
        }
        // After `now`: what arrives in between is still to be read.
        self.unread = self.socket.arrived();
        self.mark_due = now + pause;
        Some(link)
    }

    /// The link to tell core of: it is being synchronised, bytes moved, and the pause since the last time is over.
    pub(super) fn progress(&mut self, now: Instant) -> Option<Link> {
        let Stage::Up(link) = self.stage else { return None };
        if self.progress? > now || !self.socket.has_moved() {
            return None;
        }
        self.progress = Some(now + PROGRESS_PAUSE);
        Some(link)
    }

    /// Where the next packet goes: behind everything that waits.
    pub(super) fn unsent_tail(&mut self) -> &mut Vec<u8> {
        let (socket, peer) = self.parts();
        if matches!(peer.rest.back(), Some(Segment::Snapshot(_))) {
            peer.rest.push_back(Segment::Bytes(Vec::new()));
        }
        match peer.rest.back_mut() {
            Some(Segment::Bytes(bytes)) => bytes,
            _ => socket.out(),
        }
    }

    pub(super) fn flush(&mut self) -> io::Result<Flushed> {
        let (socket, peer) = self.parts();
        if socket.unsent() + peer.rest_bytes > MAX_UNSENT {
            return Err(io::Error::other("does not take in what it is sent"));
        }
        for _ in 0..PIECES_PER_TURN {
            if !socket.write()? {
                return Ok(Flushed::Done);
            }
            match peer.rest.front_mut() {
                None => return Ok(Flushed::Done),
                Some(Segment::Bytes(bytes)) => {
                    peer.rest_bytes -= bytes.len();
                    socket.swap_buffer(bytes);
                    peer.rest.pop_front();
                }
                Some(Segment::Snapshot(body)) => {
                    if body(socket.out(), PIECE) {
                        write_snapshot_trailer(socket.out());
                        peer.rest.pop_front();
                    }
                }
            }
        }
        Ok(Flushed::More)
    }
}

pub(super) fn who<P: WirePayload>(conn: &Conn<Peer<P>>) -> String {
    match conn.stage {
        Stage::Up(link) | Stage::Dialing(link, _) => format!("server {} ({})", link.server, conn.peer),
        Stage::Unknown(_) => conn.peer.to_string(),
    }
}
