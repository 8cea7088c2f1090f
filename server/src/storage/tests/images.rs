//! The states the tests keep: one that remembers its whole history in a number, and any at all.

use bytes::Bytes;
use quorate_core::ids::Zxid;
use quorate_core::wire::jute::{Why, WireError};
use quorate_core::wire::record::StatPersisted;
use quorate_core::wire::snapshot::{Nodes, OPEN_ACL_INDEX, SnapshotEncoder, SnapshotItem, SnapshotNode};
use quorate_core::wire::state::{Reach, Snapshot, SnapshotBody, SnapshotBuilder};

/// A history: a number that every transaction changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Fingerprint(pub(super) u64);

impl Fingerprint {
    /// After one more transaction.
    pub(super) fn then(self, zxid: Zxid, txn: &[u8]) -> Self {
        let mix = |n: u64, b: u64| (n ^ b).wrapping_mul(0x0100_0000_01B3).rotate_left(23);
        Fingerprint(txn.iter().fold(mix(self.0, zxid.0), |n, b| mix(n, u64::from(*b))))
    }
}

impl Snapshot for Fingerprint {
    type Builder = FingerprintBuilder;

    fn body(&self) -> Box<dyn SnapshotBody + '_> {
        let data = Some(Bytes::copy_from_slice(&self.0.to_be_bytes()));
        let stat = StatPersisted::default();
        let root = SnapshotNode { path: String::new(), data, acl: OPEN_ACL_INDEX, stat };
        let none = std::iter::empty::<(i64, Vec<_>)>();
        let sessions = Vec::new().into_iter();
        Box::new(SnapshotEncoder::new(sessions, none, Nodes::new(Some(root).into_iter())))
    }

    fn digest(&self) -> Option<(i32, i64)> {
        Some((2, self.0 as i64))
    }
}

const NO_FINGERPRINT: WireError = WireError { field: "root", at: 0, why: Why::Null };

/// Reads a [`Fingerprint`].
#[derive(Clone, Default)]
pub(super) struct FingerprintBuilder(Option<u64>);

impl SnapshotBuilder for FingerprintBuilder {
    type Snapshot = Fingerprint;
    type Error = WireError;

    fn add(&mut self, item: SnapshotItem) -> Result<(), WireError> {
        if let SnapshotItem::Node(node) = item {
            let bytes = node.data.as_deref().and_then(|data| data.first_chunk()).copied();
            self.0 = Some(u64::from_be_bytes(bytes.ok_or(NO_FINGERPRINT)?));
        }
        Ok(())
    }

    fn finish(self, _: Zxid, _: Reach) -> Result<Fingerprint, WireError> {
        self.0.map(Fingerprint).ok_or(NO_FINGERPRINT)
    }
}

/// Whatever a snapshot contains, as it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Items {
    /// Effects of later transactions are in it, too.
    pub(super) is_fuzzy: bool,
    pub(super) items: Vec<SnapshotItem>,
    /// The version of the tree's digest and the digest.
    pub(super) digest: Option<(i32, i64)>,
}

impl Snapshot for Items {
    type Builder = Items;

    fn body(&self) -> Box<dyn SnapshotBody + '_> {
        let (mut sessions, mut acls, mut nodes) = (vec![], vec![], vec![]);
        for item in self.items.iter().cloned() {
            match item {
                SnapshotItem::Session(id, timeout) => sessions.push((id, timeout)),
                SnapshotItem::Acl(index, acl) => acls.push((index, acl)),
                SnapshotItem::Node(node) => nodes.push(node),
                SnapshotItem::End => {}
            }
        }
        let nodes = Nodes::new(nodes.into_iter());
        Box::new(SnapshotEncoder::new(sessions.into_iter(), acls.into_iter(), nodes))
    }

    fn digest(&self) -> Option<(i32, i64)> {
        self.digest
    }

    fn is_exact(&self) -> bool {
        !self.is_fuzzy
    }
}

impl SnapshotBuilder for Items {
    type Snapshot = Items;
    type Error = WireError;

    fn add(&mut self, item: SnapshotItem) -> Result<(), WireError> {
        self.items.push(item);
        Ok(())
    }

    fn finish(self, _: Zxid, _: Reach) -> Result<Items, WireError> {
        Ok(self)
    }
}

/// A transaction as the log keeps it: its header, an empty body of an error transaction's length,
/// and something to tell it from others.
pub(super) fn txn(zxid: Zxid, distinct: u64, extra: usize) -> Bytes {
    let mut bytes = vec![0; 32];
    bytes[12..20].copy_from_slice(&zxid.0.to_be_bytes());
    bytes[28..32].copy_from_slice(&5i32.to_be_bytes());
    bytes.extend_from_slice(&distinct.to_be_bytes());
    bytes.resize(bytes.len() + extra, distinct as u8);
    bytes.into()
}
