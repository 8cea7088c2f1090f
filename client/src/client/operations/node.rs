//! A znode as it is answered.

use bytes::Bytes;
use quorate_core::wire::record::Stat;

/// A znode's data and Stat.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Node {
    /// The data; a znode without data has none, as has one with empty data.
    pub data: Bytes,
    /// The Stat.
    pub stat: Stat,
}

/// Data up to this length, in bytes, is copied out of its frame, so that it keeps nothing else alive.
pub(super) const COPIED: usize = 32 << 10;

/// Data that keeps no more alive than it is long, or not much more.
pub(super) fn own(data: Option<Bytes>) -> Bytes {
    match data {
        Some(data) if data.len() <= COPIED => Bytes::copy_from_slice(&data),
        data => data.unwrap_or_default(),
    }
}
