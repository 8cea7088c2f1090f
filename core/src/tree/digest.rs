//! The data digest, version 2: one number for the contents of the whole tree.
//!
//! The sum of one CRC-32 per znode over path, data and persisted stat (`DigestCalculator`). The
//! root counts with an empty path; what lives below `/zookeeper` does not count.

use super::crc32;
use super::path;
use super::store::Meta;

/// The version of the digest that is logged with it.
pub const VERSION: i32 = 2;

/// The part of a znode's digest that stat changes leave alone: CRC-32 of path and data.
pub fn content_crc(path: &str, data: Option<&[u8]>) -> u32 {
    let path = if path == path::ROOT { "" } else { path };
    crc32::extend(crc32::extend(0, path.as_bytes()), data.unwrap_or_default())
}

/// What the znode adds to the digest of the tree. `meta` holds its [`content_crc`].
pub fn of_node(path: &str, meta: &Meta) -> u64 {
    if path.starts_with("/zookeeper/") {
        return 0;
    }
    let mut stat = [0; 60];
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        stat[at..at + bytes.len()].copy_from_slice(bytes);
        at += bytes.len();
    };
    put(&meta.czxid.0.to_be_bytes());
    put(&meta.mzxid.0.to_be_bytes());
    put(&meta.pzxid.0.to_be_bytes());
    put(&meta.ctime.to_be_bytes());
    put(&meta.mtime.to_be_bytes());
    put(&meta.version.to_be_bytes());
    put(&meta.cversion.to_be_bytes());
    put(&meta.aversion.to_be_bytes());
    put(&meta.ephemeral_owner.to_be_bytes());
    u64::from(crc32::extend(meta.content_crc, &stat))
}
