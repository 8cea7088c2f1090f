//! One connection of the quorum port: what it says, and what waits to be sent.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use quorate_core::Reason;
use quorate_core::ids::{Link, ServerId};
use quorate_core::wire::quorum::{PeerDecoder, Side as End, WirePayload, write_snapshot_trailer};
use quorate_core::wire::state::SnapshotBody;
use quorate_core::zab::Packet;
use tracing::info;

use super::counts::LinkCounts;
#[cfg(feature = "mutants")]
use crate::mutation::mutated;
use crate::net::between::{Greets, Stage};
use crate::net::engine::{Conn, Protocol};
use crate::net::stranger::{Expected, Greeting};

/// Bytes that may wait for one server besides a snapshot. A server that falls behind by more is of no use.
const MAX_UNSENT: usize = 512 << 20;
/// A snapshot is sent in pieces of this many bytes.
const PIECE: usize = 64 * 1024;
/// Pieces of a snapshot that are sent in one turn at most.
const PIECES_PER_TURN: usize = 16;

/// How often core is told that a learner's synchronisation makes progress.
const PROGRESS_PAUSE: Duration = Duration::from_millis(100);

/// What there is of a connection of the quorum port besides its socket.
pub(super) struct Peer<P: WirePayload> {
    pub(super) stage: Stage<Link>,
    /// Which of the two ends this server is.
    pub(super) end: End,
    decoder: PeerDecoder<P>,
    /// What it said first.
    greeting: Greeting,
    /// What follows the bytes in the socket's buffer.
    pub(super) rest: VecDeque<Segment>,
    pub(super) rest_bytes: usize,
    /// When core was last told that everything is read, this many bytes had arrived in all.
    mark: u64,
    /// The pause between two times that core is told so.
    mark_pause: Duration,
    /// When core is told so again at the earliest.
    mark_due: Instant,
    /// Until UPTODATE: when core is told next that bytes move.
    progress: Option<Instant>,
    /// What is counted of it.
    pub(super) counts: LinkCounts,
    /// What came last.
    #[cfg(feature = "mutants")]
    pub(super) latest: Option<Packet<P>>,
    /// What the next packet has overtaken.
    #[cfg(feature = "mutants")]
    overtaken: Option<Packet<P>>,
}

/// What a connection says.
pub(super) enum Said<P: WirePayload> {
    /// What had arrived when this was last said has been read.
    AllRead(Link),
    /// Bytes of a synchronisation move.
    Progress(Link),
    /// The first packet, and which server the learner says it is.
    Hello(Option<ServerId>, Packet<P>),
    /// A packet.
    Packet(Link, Packet<P>),
}

/// Something to be sent.
pub(super) enum Segment {
    Bytes(Vec<u8>),
    Snapshot(Box<dyn SnapshotBody + Send>),
}

/// How much was sent.
pub(super) enum Flushed {
    /// Everything, or as much as the system takes.
    Done,
    /// There is more, and it may be the others' turn.
    More,
}

impl<P: WirePayload> Protocol for Peer<P> {
    type Said = Said<P>;

    fn feed(&mut self, bytes: &[u8]) {
        self.greeting.heard(bytes);
        self.decoder.feed(bytes);
    }

    fn rest(&mut self) {
        if self.decoder.buffer().is_empty() {
            *self.decoder.buffer() = BytesMut::new();
        }
    }

    fn before_read(conn: &mut Conn<Self>, now: Instant) -> Option<Said<P>> {
        conn.all_read(now).map(Said::AllRead)
    }

    fn next(conn: &mut Conn<Self>, now: Instant) -> Result<Option<Said<P>>, String> {
        if let Some(link) = conn.progress(now) {
            return Ok(Some(Said::Progress(link)));
        }
        if let Some(what) = conn.stranger() {
            return Err(what.to_owned());
        }
        let Some(packet) = conn.packet()? else { return Ok(None) };
        Ok(match conn.stage {
            Stage::Up(link) => Some(Said::Packet(link, conn.received(now, link, packet))),
            Stage::Unknown(_) => {
                Some(Said::Hello(conn.decoder.learner().and_then(|info| info.server), packet))
            }
            Stage::Dialing(..) => None,
        })
    }

    fn is_dialing(&self) -> bool {
        self.stage.is_dialing()
    }

    fn deadline(&self) -> Option<Instant> {
        self.stage.deadline()
    }
}

impl<P: WirePayload> Greets for Peer<P> {
    fn greeting(&self) -> &Greeting {
        &self.greeting
    }
}

/// How a message begins to bring a learner up to date, if it does.
pub(super) fn synchronisation<P: WirePayload>(packet: &Packet<P>) -> Option<String> {
    match packet {
        Packet::Diff { zxid } => Some(format!("DIFF to {zxid}")),
        Packet::Trunc { zxid } => Some(format!("TRUNC to {zxid}")),
        Packet::Snap { zxid, .. } => Some(format!("SNAP at {zxid}")),
        _ => None,
    }
}

/// What a line in the log says of an offence that a stranger may commit again and again.
pub(super) fn refusal(link: Link, reason: Reason) -> Option<String> {
    match reason {
        Reason::NotInConfig => {
            Some(format!("says it is server {}, which is not in the configuration", link.server))
        }
        Reason::CannotActivate => {
            Some(format!("server {} activates a configuration that this server cannot follow", link.server))
        }
        _ => None,
    }
}

impl<P: WirePayload> Peer<P> {
    /// A connection that has carried nothing yet.
    pub(super) fn new(
        now: Instant,
        stage: Stage<Link>,
        (end, decoder): (End, PeerDecoder<P>),
        mark_pause: Duration,
    ) -> Self {
        Peer {
            stage,
            end,
            decoder,
            greeting: Greeting::default(),
            rest: VecDeque::new(),
            rest_bytes: 0,
            mark: 0,
            mark_pause,
            mark_due: now,
            progress: None,
            counts: LinkCounts::begin(),
            #[cfg(feature = "mutants")]
            latest: None,
            #[cfg(feature = "mutants")]
            overtaken: None,
        }
    }

    /// What it is, if it is no learner: looked for until it has introduced itself.
    fn stranger(&self) -> Option<&'static str> {
        match self.stage {
            Stage::Unknown(_) => self.greeting.stranger(Expected::Quorum),
            Stage::Dialing(..) | Stage::Up(_) => None,
        }
    }

    /// The next packet.
    fn packet(&mut self) -> Result<Option<Packet<P>>, String> {
        #[cfg(feature = "mutants")]
        if let Some(packet) = self.overtaken.take() {
            return Ok(Some(packet));
        }
        let greeting = &self.greeting;
        let next = self.decoder.next_packet();
        let next = next.map_err(|error| greeting.foreign().map_or(error.to_string(), str::to_owned))?;
        #[cfg(feature = "mutants")]
        if mutated!(LinkReordered)
            && matches!(self.stage, Stage::Up(_))
            && let Some(first) = next
        {
            return Ok(match self.decoder.next_packet() {
                Ok(Some(second)) => {
                    self.overtaken = Some(first);
                    Some(second)
                }
                _ => Some(first),
            });
        }
        Ok(next)
    }

    /// A packet has come.
    fn received(&mut self, now: Instant, link: Link, packet: Packet<P>) -> Packet<P> {
        if let Some(how) = synchronisation(&packet) {
            info!("quorum port: synchronised by server {} by {how}", link.server);
        }
        self.note_stage(now, &packet);
        self.counts.received(&packet);
        #[cfg(feature = "mutants")]
        {
            self.latest = Some(packet.clone());
        }
        packet
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
    pub(super) fn all_read(&mut self, now: Instant) -> Option<Link> {
        let Stage::Up(link) = self.stage else { return None };
        if self.socket.taken < self.mark || self.mark_due > now {
            return None;
        }
        // After `now`: what arrives in between is still to be read.
        self.mark = self.socket.taken.saturating_add(self.socket.arrived());
        self.mark_due = now + self.mark_pause;
        Some(link)
    }

    /// The link to tell core of: a synchronisation is under way, bytes moved, and the pause since the last
    /// time is over.
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
                    std::mem::swap(socket.out(), bytes);
                    peer.rest.pop_front();
                }
                Some(Segment::Snapshot(body)) => {
                    if body.fill(socket.out(), PIECE) {
                        write_snapshot_trailer(socket.out());
                        peer.rest.pop_front();
                    }
                }
            }
        }
        Ok(Flushed::More)
    }
}
