//! The state as one stream: sessions, ACLs, znodes; the same in snapshot files and behind SNAP.
//!
//! `int n, n × (session id, timeout ms) · int n, n × (ACL index, ACL) · znodes, parents before
//! children, the root's path empty · the path "/"`. Both directions work in pieces of any size, so
//! that a snapshot never has to be in memory twice. Source: `DataTree.serialize`,
//! `SerializeUtils.serializeSnapshot`, `ReferenceCountedACLCache`.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::{Bytes, BytesMut};

use super::jute::{
    DEFAULT_MAX_FIELD, Jute, Reader, Why, WireError, write_buffer, write_length, write_string,
};
use super::record::{Acl, StatPersisted};
use super::scan::{Scan, Stop, arrived};
use crate::ids::SessionId;

/// The ACL index that means `world:anyone` may do everything; it is in no table.
pub const OPEN_ACL_INDEX: i64 = -1;

/// One thing a snapshot contains, in the order of the stream.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum SnapshotItem {
    /// A session and its timeout, ms.
    Session(SessionId, i32),
    /// An ACL and the index by which znodes name it.
    Acl(i64, Vec<Acl>),
    /// A znode.
    Node(SnapshotNode),
    /// The last item has been read.
    End,
}

/// A znode as a snapshot keeps it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SnapshotNode {
    /// The path; empty for the root.
    pub path: String,
    /// The data; null is not empty. A slice of the bytes that were fed: a caller that keeps it for long
    /// should copy it.
    pub data: Option<Bytes>,
    /// The index of the ACL, or [`OPEN_ACL_INDEX`].
    pub acl: i64,
    /// The metadata.
    pub stat: StatPersisted,
}

impl SnapshotNode {
    /// This znode, borrowed.
    pub fn as_ref(&self) -> NodeRef<'_> {
        NodeRef { path: &self.path, data: self.data.as_deref(), acl: self.acl, stat: self.stat }
    }
}

/// A znode to be written to a snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct NodeRef<'a> {
    /// The path; empty for the root.
    pub path: &'a str,
    /// The data; null is not empty.
    pub data: Option<&'a [u8]>,
    /// The index of the ACL, or [`OPEN_ACL_INDEX`].
    pub acl: i64,
    /// The metadata.
    pub stat: StatPersisted,
}

impl NodeRef<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        write_string(out, self.path);
        write_buffer(out, self.data);
        self.acl.write(out);
        self.stat.write(out);
    }
}

/// Hands out the znodes of a snapshot, parents before children. Like an iterator, except that what
/// it hands out may borrow from it (a path that is put together while walking).
pub trait NodeSource {
    /// The next znode.
    fn next_node(&mut self) -> Option<NodeRef<'_>>;
}

/// An iterator over owned znodes as a [`NodeSource`].
#[derive(Clone, Debug)]
pub struct Nodes<I> {
    nodes: I,
    current: Option<SnapshotNode>,
}

impl<I: Iterator<Item = SnapshotNode>> Nodes<I> {
    /// Hand out what `nodes` yields.
    pub fn new(nodes: I) -> Self {
        Nodes { nodes, current: None }
    }
}

impl<I: Iterator<Item = SnapshotNode>> NodeSource for Nodes<I> {
    fn next_node(&mut self) -> Option<NodeRef<'_>> {
        self.current = self.nodes.next();
        self.current.as_ref().map(SnapshotNode::as_ref)
    }
}

/// Writes a snapshot piece by piece.
#[derive(Clone, Debug)]
pub struct SnapshotEncoder<S, A, N> {
    sessions: S,
    acls: A,
    nodes: N,
    stage: Stage,
}

impl<S, A, L, N> SnapshotEncoder<S, A, N>
where
    S: ExactSizeIterator<Item = (SessionId, i32)>,
    A: ExactSizeIterator<Item = (i64, L)>,
    L: AsRef<[Acl]>,
    N: NodeSource,
{
    /// Write these sessions (with timeouts in ms), ACLs (with indexes) and znodes.
    pub fn new(sessions: S, acls: A, nodes: N) -> Self {
        SnapshotEncoder { sessions, acls, nodes, stage: Stage::SessionCount }
    }

    /// Append the next items until at least `at_least` bytes have been added, or everything.
    /// Returns whether that was everything. What is added is longer by at most one item.
    ///
    /// # Panics
    /// If an iterator yields fewer items than it announced.
    pub fn fill(&mut self, out: &mut Vec<u8>, at_least: usize) -> bool {
        let enough = out.len() + at_least;
        while self.stage != Stage::Done {
            if out.len() >= enough {
                return false;
            }
            self.stage = self.write_one(out);
        }
        true
    }

    fn write_one(&mut self, out: &mut Vec<u8>) -> Stage {
        match self.stage {
            Stage::SessionCount => {
                write_length(out, self.sessions.len());
                Stage::Session(self.sessions.len() as u32)
            }
            Stage::Session(0) => Stage::AclCount,
            Stage::Session(left) => {
                let (session, timeout_ms) = self.sessions.next().expect("as many sessions as announced");
                session.write(out);
                timeout_ms.write(out);
                Stage::Session(left - 1)
            }
            Stage::AclCount => {
                write_length(out, self.acls.len());
                Stage::Acl(self.acls.len() as u32)
            }
            Stage::Acl(0) => Stage::Node,
            Stage::Acl(left) => {
                let (index, acl) = self.acls.next().expect("as many ACLs as announced");
                index.write(out);
                super::jute::write_vector(out, acl.as_ref());
                Stage::Acl(left - 1)
            }
            Stage::Node => match self.nodes.next_node() {
                Some(node) => {
                    node.write(out);
                    Stage::Node
                }
                None => {
                    write_string(out, "/");
                    Stage::Done
                }
            },
            Stage::Done => Stage::Done,
        }
    }
}

/// What comes next in the stream; how many of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    SessionCount,
    Session(u32),
    AclCount,
    Acl(u32),
    Node,
    Done,
}

/// Takes the items of a snapshot from the front of a buffer that the caller fills.
#[derive(Clone, Debug)]
pub(crate) struct ItemParser {
    stage: Stage,
    max_field: usize,
    consumed: u64,
}

impl ItemParser {
    pub(crate) fn new(max_field: usize) -> Self {
        ItemParser { stage: Stage::SessionCount, max_field, consumed: 0 }
    }

    /// How many bytes have been taken from the buffer.
    pub(crate) fn consumed(&self) -> u64 {
        self.consumed
    }

    /// The next item, if all of it has arrived. Nothing after `End`.
    pub(crate) fn next_item(&mut self, buffer: &mut BytesMut) -> Result<Option<SnapshotItem>, WireError> {
        loop {
            match self.stage {
                Stage::SessionCount => match self.count(buffer, "Snapshot.sessions")? {
                    Some(count) => self.stage = Stage::Session(count),
                    None => return Ok(None),
                },
                Stage::Session(0) => self.stage = Stage::AclCount,
                Stage::AclCount => match self.count(buffer, "Snapshot.acls")? {
                    Some(count) => self.stage = Stage::Acl(count),
                    None => return Ok(None),
                },
                Stage::Acl(0) => self.stage = Stage::Node,
                Stage::Session(_) | Stage::Acl(_) | Stage::Node => {
                    return self.item(buffer).map_err(|e| e.after(self.consumed));
                }
                Stage::Done => return Ok(None),
            }
        }
    }

    fn count(&mut self, buffer: &mut BytesMut, field: &'static str) -> Result<Option<u32>, WireError> {
        let Some(head) = buffer.first_chunk() else { return Ok(None) };
        let count = i32::from_be_bytes(*head);
        let why = Why::Value(i64::from(count));
        let count = u32::try_from(count).map_err(|_| WireError { field, at: self.consumed, why })?;
        drop(self.take(buffer, 4));
        Ok(Some(count))
    }

    fn take(&mut self, buffer: &mut BytesMut, n: usize) -> Bytes {
        self.consumed += n as u64;
        buffer.split_to(n).freeze()
    }

    fn item(&mut self, buffer: &mut BytesMut) -> Result<Option<SnapshotItem>, WireError> {
        let Some(len) = arrived(self.extent(buffer))? else { return Ok(None) };
        let base = self.consumed;
        let bytes = self.take(buffer, len);
        // Everything that can be wrong from here on is a null: the error's position is in `bytes`.
        let read = self.read(&mut Reader::with_limit(&bytes, self.max_field));
        let (item, stage) = read.inspect_err(|_| self.consumed = base)?;
        self.stage = stage;
        Ok(Some(item))
    }

    /// How long the next item is.
    fn extent(&self, buffer: &BytesMut) -> Result<usize, Stop> {
        let mut scan = Scan::new(buffer, self.max_field);
        match self.stage {
            Stage::Session(_) => scan.skip(12)?,
            Stage::Acl(_) => {
                scan.skip(8)?;
                scan.vector("Snapshot.acl", |scan| {
                    scan.skip(4)?;
                    scan.field("Id.scheme")?;
                    scan.field("Id.id").map(drop)
                })?;
            }
            _ => {
                if scan.field("Snapshot.path")? != b"/" {
                    scan.field("Snapshot.data")?;
                    scan.skip(8 + StatPersisted::LEN)?;
                }
            }
        }
        Ok(scan.position())
    }

    fn read(&self, r: &mut Reader<'_>) -> Result<(SnapshotItem, Stage), WireError> {
        Ok(match self.stage {
            Stage::Session(left) => {
                let session = Jute::read(r, "Snapshot.sessionId")?;
                (SnapshotItem::Session(session, r.int("Snapshot.timeout")?), Stage::Session(left - 1))
            }
            Stage::Acl(left) => {
                let index = r.long("Snapshot.aclIndex")?;
                (SnapshotItem::Acl(index, r.vector("Snapshot.acl")?), Stage::Acl(left - 1))
            }
            _ => {
                let path: String = Jute::read(r, "Snapshot.path")?;
                if path == "/" {
                    return Ok((SnapshotItem::End, Stage::Done));
                }
                let data = r.buffer("Snapshot.data")?;
                let acl = r.long("Snapshot.acl")?;
                let stat = Jute::read(r, "")?;
                (SnapshotItem::Node(SnapshotNode { path, data, acl, stat }), Stage::Node)
            }
        })
    }
}

/// Reads a snapshot in pieces of any size.
#[derive(Clone, Debug)]
pub struct SnapshotDecoder {
    buffer: BytesMut,
    parser: ItemParser,
}

impl Default for SnapshotDecoder {
    fn default() -> Self {
        Self::new(DEFAULT_MAX_FIELD)
    }
}

impl SnapshotDecoder {
    /// No string or buffer may be longer than `max_field` bytes.
    pub fn new(max_field: usize) -> Self {
        SnapshotDecoder { buffer: BytesMut::new(), parser: ItemParser::new(max_field) }
    }

    /// Append bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next item, if all of it has arrived. [`SnapshotItem::End`] is the last.
    ///
    /// # Errors
    /// What is wrong; its position counts from the start of the stream. There is no way on.
    pub fn next_item(&mut self) -> Result<Option<SnapshotItem>, WireError> {
        self.parser.next_item(&mut self.buffer)
    }

    /// How many bytes the items so far took.
    pub fn position(&self) -> u64 {
        self.parser.consumed()
    }

    /// What was fed and is part of no item so far; behind the end, what follows the snapshot.
    pub fn rest(&self) -> &[u8] {
        &self.buffer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Zxid;
    use alloc::vec;
    use proptest::prelude::*;

    /// Real files: a header of 16 bytes, the stream, seals.
    const FILES: [&[u8]; 3] = [
        include_bytes!("../../../tests/golden/snapshot.0.bin"),
        include_bytes!("../../../tests/golden/snapshot.31.bin"),
        include_bytes!("../../../tests/golden/snapshot.master.bin"),
    ];

    fn read_all(bytes: &[u8], chunk: usize) -> (Vec<SnapshotItem>, u64) {
        let mut decoder = SnapshotDecoder::default();
        let mut items = Vec::new();
        for part in bytes.chunks(chunk) {
            decoder.feed(part);
            while let Some(item) = decoder.next_item().unwrap() {
                items.push(item);
            }
        }
        (items, decoder.position())
    }

    fn write_all(items: &[SnapshotItem], at_least: usize) -> Vec<u8> {
        let (mut sessions, mut acls, mut nodes) = (vec![], vec![], vec![]);
        for item in items.iter().cloned() {
            match item {
                SnapshotItem::Session(id, timeout) => sessions.push((id, timeout)),
                SnapshotItem::Acl(index, acl) => acls.push((index, acl)),
                SnapshotItem::Node(node) => nodes.push(node),
                SnapshotItem::End => {}
            }
        }
        let nodes = Nodes::new(nodes.into_iter());
        let mut encoder = SnapshotEncoder::new(sessions.into_iter(), acls.into_iter(), nodes);
        let mut out = Vec::new();
        loop {
            let before = out.len();
            if encoder.fill(&mut out, at_least) {
                return out;
            }
            assert!(out.len() >= before + at_least);
        }
    }

    #[test]
    fn real_snapshots_read_and_write_as_they_are() {
        for file in FILES {
            let stream = &file[16..];
            let (items, len) = read_all(stream, stream.len());
            assert_eq!(items.last(), Some(&SnapshotItem::End));
            for chunk in [1, 2, 7, 100] {
                assert_eq!(read_all(stream, chunk), (items.clone(), len));
                assert_eq!(write_all(&items, chunk), stream[..len as usize]);
            }
            let SnapshotItem::Node(root) = items.iter().find(|i| matches!(i, SnapshotItem::Node(_))).unwrap()
            else {
                unreachable!()
            };
            assert_eq!((root.path.as_str(), root.data.as_deref()), ("", Some(&b""[..])));
            // What follows is a seal: a checksum and "/".
            assert_eq!(stream[len as usize + 8..][..5], *b"\0\0\0\x01/");
        }
    }

    #[test]
    fn errors_say_where() {
        let mut decoder = SnapshotDecoder::default();
        decoder.feed(&[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 0]);
        assert_eq!(decoder.next_item(), Ok(Some(SnapshotItem::Session(SessionId(1), 9))));
        assert_eq!(decoder.next_item(), Ok(None));
        decoder.feed(&[0xff; 4]);
        assert_eq!(decoder.next_item(), Ok(None), "a null path, but the rest is missing");
        decoder.feed(&[0xff, 0xff, 0xff, 0xfe]);
        let error = decoder.next_item().unwrap_err();
        assert_eq!((error.field, error.at), ("Snapshot.data", 24));
        let mut decoder = SnapshotDecoder::default();
        decoder.feed(&[0x80, 0, 0, 0]);
        assert_eq!(decoder.next_item().unwrap_err().field, "Snapshot.sessions");
    }

    fn item() -> impl Strategy<Value = SnapshotNode> {
        let data = proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20));
        ("(/[a-z]{1,4}){1,3}", data, any::<i64>(), any::<u64>()).prop_map(|(path, data, acl, zxid)| {
            let stat = StatPersisted { czxid: Zxid(zxid), ..StatPersisted::default() };
            SnapshotNode { path, data: data.map(Bytes::from), acl, stat }
        })
    }

    proptest! {
        #[test]
        fn snapshots_come_back(
            sessions in proptest::collection::vec((any::<i64>(), any::<i32>()), 0..4),
            acls in proptest::collection::vec((any::<i64>(), 0..3usize), 0..3),
            nodes in proptest::collection::vec(item(), 0..5),
            chunk in 1usize..50,
        ) {
            let sessions = sessions.into_iter().map(|(id, t)| SnapshotItem::Session(SessionId(id), t));
            let acls = acls.into_iter().map(|(i, n)| SnapshotItem::Acl(i, vec![Acl::open(); n]));
            let nodes = nodes.into_iter().map(SnapshotItem::Node);
            let items: Vec<_> = sessions.chain(acls).chain(nodes).chain([SnapshotItem::End]).collect();
            let bytes = write_all(&items, chunk);
            prop_assert_eq!(read_all(&bytes, chunk), (items, bytes.len() as u64));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 0..200)) {
            let mut decoder = SnapshotDecoder::default();
            decoder.feed(&bytes);
            while let Ok(Some(_)) = decoder.next_item() {}
        }
    }
}
