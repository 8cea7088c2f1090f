//! Cuts the quorum port's stream into packets and, behind a SNAP packet, the items of a snapshot.

use alloc::vec::Vec;

use bytes::{Bytes, BytesMut};

use super::packet::{PacketType, QuorumPacket};
use crate::wire::jute::{DEFAULT_MAX_FIELD, Jute, Reader, Why, WireError, write_string};
use crate::wire::scan::{Scan, Stop, arrived};
use crate::wire::snapshot::{ItemParser, SnapshotItem};

/// The string that ends the snapshot behind a SNAP packet.
pub const SNAPSHOT_TRAILER: &str = "BenWasHere";

/// Append what ends the snapshot behind a SNAP packet.
pub fn write_snapshot_trailer(out: &mut Vec<u8>) {
    write_string(out, SNAPSHOT_TRAILER);
}

/// What the stream consists of.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Received {
    /// A packet. After a SNAP, items follow.
    Packet(QuorumPacket),
    /// A part of the snapshot; never [`SnapshotItem::End`].
    Item(SnapshotItem),
    /// The snapshot is complete; packets follow.
    SnapshotEnd,
}

/// Bytes of the quorum port as they arrive, and what is in them.
///
/// Buffers in packets are slices of the bytes that arrived: a caller that keeps one for long should
/// copy it.
#[derive(Clone, Debug)]
pub struct PacketDecoder {
    buffer: BytesMut,
    mode: Mode,
    max_field: usize,
    consumed: u64,
}

#[derive(Clone, Debug)]
enum Mode {
    /// A packet, of which this many bytes have been looked at, authinfo entries of them.
    Packet {
        scanned: usize,
        entries: i32,
    },
    Snapshot(ItemParser),
    Trailer,
}

const START: Mode = Mode::Packet { scanned: 0, entries: 0 };

impl Default for PacketDecoder {
    fn default() -> Self {
        Self::new(DEFAULT_MAX_FIELD)
    }
}

impl PacketDecoder {
    /// No string or buffer may be longer than `max_field` bytes, nor a packet's authinfo.
    pub fn new(max_field: usize) -> Self {
        PacketDecoder { buffer: BytesMut::new(), mode: START, max_field, consumed: 0 }
    }

    /// Append bytes that arrived.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// What has arrived and was not taken yet; a socket may be read to its end directly.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The next packet or item, if all of it has arrived.
    ///
    /// # Errors
    /// What is wrong; its position counts from the start of the stream. There is no way on: the
    /// connection is to be closed.
    pub fn next_received(&mut self) -> Result<Option<Received>, WireError> {
        match &mut self.mode {
            Mode::Packet { .. } => self.packet(),
            Mode::Snapshot(parser) => match parser.next_item(&mut self.buffer) {
                Ok(Some(SnapshotItem::End)) => {
                    self.consumed += parser.consumed();
                    self.mode = Mode::Trailer;
                    self.trailer()
                }
                Ok(item) => Ok(item.map(Received::Item)),
                Err(error) => Err(error.after(self.consumed)),
            },
            Mode::Trailer => self.trailer(),
        }
    }

    fn take(&mut self, n: usize) -> Bytes {
        self.consumed += n as u64;
        self.buffer.split_to(n).freeze()
    }

    fn packet(&mut self) -> Result<Option<Received>, WireError> {
        let base = self.consumed;
        let Some(len) = arrived(self.extent()).map_err(|e| e.after(base))? else { return Ok(None) };
        let bytes = self.take(len);
        let mut r = Reader::with_limit(&bytes, self.max_field);
        let packet = QuorumPacket::read(&mut r, "").map_err(|e| e.after(base))?;
        let snapshot = packet.kind == PacketType::Snap.to_i32();
        self.mode = if snapshot { Mode::Snapshot(ItemParser::new(self.max_field)) } else { START };
        Ok(Some(Received::Packet(packet)))
    }

    /// How long the packet is. What was looked at once is not looked at again.
    fn extent(&mut self) -> Result<usize, Stop> {
        let Mode::Packet { scanned, entries } = &mut self.mode else { return Err(Stop::More) };
        if *scanned == 0 {
            let mut scan = Scan::new(&self.buffer, self.max_field);
            scan.skip(4 + 8)?;
            scan.field("QuorumPacket.data")?;
            *entries = scan.int()?;
            *scanned = scan.position();
        }
        let authinfo_limit = self.max_field.saturating_mul(2);
        while *entries > 0 {
            let mut scan = Scan::new(&self.buffer[*scanned..], self.max_field);
            let at = *scanned as u64;
            let placed = |stop| match stop {
                Stop::Bad(error) => Stop::Bad(error.after(at)),
                Stop::More => Stop::More,
            };
            scan.field("Id.scheme").map_err(placed)?;
            scan.field("Id.id").map_err(placed)?;
            *scanned += scan.position();
            *entries -= 1;
            if *scanned > authinfo_limit {
                let why = Why::Length { len: *scanned as i64, max: authinfo_limit as u64 };
                return Err(Stop::Bad(WireError { field: "QuorumPacket.authinfo", at, why }));
            }
        }
        Ok(*scanned)
    }

    fn trailer(&mut self) -> Result<Option<Received>, WireError> {
        let (field, at) = ("Snap.trailer", self.consumed);
        let mut scan = Scan::new(&self.buffer, SNAPSHOT_TRAILER.len());
        let scanned = scan.field(field).map(|trailer| trailer == SNAPSHOT_TRAILER.as_bytes());
        match arrived(scanned).map_err(|e| e.after(at))? {
            None => Ok(None),
            Some(true) => {
                drop(self.take(4 + SNAPSHOT_TRAILER.len()));
                self.mode = START;
                Ok(Some(Received::SnapshotEnd))
            }
            Some(false) => {
                Err(WireError { field, at, why: Why::Invalid("the snapshot does not end with BenWasHere") })
            }
        }
    }
}
