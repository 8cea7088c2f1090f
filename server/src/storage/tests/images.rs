//! The states the tests keep: one that remembers its whole history in a number, and any at all.

use bytes::Bytes;
use quorate_core::ids::Zxid;
use quorate_core::wire::files::Sections;
use quorate_core::wire::record::StatPersisted;
use quorate_core::wire::snapshot::{Nodes, OPEN_ACL_INDEX, SnapshotEncoder, SnapshotItem, SnapshotNode};

use super::super::SnapshotInfo;
use super::super::image::{BodyEncoder, Image, ImageBuilder, ImageError};

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

impl Image for Fingerprint {
    type Builder = FingerprintBuilder;

    fn encoder(&self) -> Box<dyn BodyEncoder + '_> {
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

/// Reads a [`Fingerprint`].
#[derive(Clone, Default)]
pub(super) struct FingerprintBuilder(Option<u64>);

impl ImageBuilder for FingerprintBuilder {
    type Image = Fingerprint;

    fn push(&mut self, item: SnapshotItem) -> Result<(), ImageError> {
        if let SnapshotItem::Node(node) = item {
            let bytes = node.data.as_deref().and_then(|data| data.first_chunk()).copied();
            self.0 = Some(u64::from_be_bytes(bytes.ok_or("not a fingerprint")?));
        }
        Ok(())
    }

    fn finish(self, _: SnapshotInfo, sections: &Sections) -> Result<Fingerprint, ImageError> {
        let number = self.0.ok_or("no root")?;
        match sections.digest {
            Some(digest) if digest.digest != number as i64 => Err("another digest".into()),
            _ => Ok(Fingerprint(number)),
        }
    }
}

/// Whatever a snapshot contains, as it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Items {
    /// Effects of later transactions are in it, too.
    pub(super) is_fuzzy: bool,
    pub(super) items: Vec<SnapshotItem>,
    pub(super) sections: Sections,
}

impl Image for Items {
    type Builder = Items;

    fn encoder(&self) -> Box<dyn BodyEncoder + '_> {
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
        self.sections.digest.map(|digest| (digest.version, digest.digest))
    }

    fn is_exact(&self) -> bool {
        !self.is_fuzzy
    }
}

impl ImageBuilder for Items {
    type Image = Items;

    fn push(&mut self, item: SnapshotItem) -> Result<(), ImageError> {
        self.items.push(item);
        Ok(())
    }

    fn finish(mut self, _: SnapshotInfo, sections: &Sections) -> Result<Items, ImageError> {
        self.sections = *sections;
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
