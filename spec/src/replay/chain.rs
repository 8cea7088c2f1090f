//! A history of which two can be compared, and one recognised as the beginning of another, at once.

use std::hash::Hasher;

use quorate_core::ids::Zxid;
use xxhash_rust::xxh3::Xxh3;

/// A transaction: its place and a fingerprint of its bytes.
pub(super) type Entry = (Zxid, u64);

/// Transactions in the order of their zxids, with a fingerprint of every beginning.
#[derive(Clone, Debug, Default)]
pub(super) struct Chain {
    entries: Vec<Entry>,
    beginnings: Vec<u64>,
}

impl Chain {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn last(&self) -> Option<Zxid> {
        self.entries.last().map(|(zxid, _)| *zxid)
    }

    pub(super) fn push(&mut self, entry: Entry) {
        let mut hasher = Xxh3::new();
        hasher.write_u64(self.beginnings.last().copied().unwrap_or_default());
        hasher.write_u64(entry.0.0);
        hasher.write_u64(entry.1);
        self.entries.push(entry);
        self.beginnings.push(hasher.finish());
    }

    pub(super) fn shorten(&mut self, len: usize) {
        self.entries.truncate(len);
        self.beginnings.truncate(len);
    }

    /// How many transactions there are up to this zxid.
    pub(super) fn up_to(&self, zxid: Zxid) -> usize {
        self.entries.partition_point(|(z, _)| *z <= zxid)
    }

    /// The transaction with this zxid.
    pub(super) fn find(&self, zxid: Zxid) -> Option<Entry> {
        let at = self.up_to(zxid).checked_sub(1)?;
        Some(self.entries[at]).filter(|(z, _)| *z == zxid)
    }

    /// The first `len` transactions of this history.
    pub(super) fn beginning(&self, len: usize) -> Chain {
        Chain { entries: self.entries[..len].to_vec(), beginnings: self.beginnings[..len].to_vec() }
    }

    /// Whether the first `len` of this one are the first `len` of another.
    pub(super) fn agrees(&self, other: &Chain, len: usize) -> bool {
        len == 0
            || self.len() >= len
                && other.len() >= len
                && self.beginnings[len - 1] == other.beginnings[len - 1]
    }
}

impl PartialEq for Chain {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.agrees(other, self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(entries: &[(u32, u64)]) -> Chain {
        let mut chain = Chain::default();
        for (counter, txn) in entries {
            chain.push((Zxid::new(1, *counter), *txn));
        }
        chain
    }

    #[test]
    fn beginnings_are_compared_by_content() {
        let (short, long) = (chain(&[(1, 7), (2, 8)]), chain(&[(1, 7), (2, 8), (3, 9)]));
        assert!(long.agrees(&short, 2) && !short.agrees(&long, 3) && short != long);
        assert_eq!(long.beginning(2), short);
        assert!(!chain(&[(1, 7), (2, 0), (3, 9)]).agrees(&long, 3), "another content");
        assert!(!chain(&[(1, 7), (4, 8), (5, 9)]).agrees(&long, 2), "another zxid");
        assert_eq!(
            (long.find(Zxid::new(1, 2)), long.find(Zxid::new(1, 4))),
            (Some((Zxid::new(1, 2), 8)), None)
        );
        let mut cut = long.clone();
        cut.shorten(long.up_to(Zxid::new(1, 2)));
        assert_eq!(cut, short);
    }
}
