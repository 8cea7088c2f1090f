//! What is stored with a znode, and how znodes are named.

use core::hash::Hash;

use crate::ids::Zxid;
use crate::tree::acl::AclId;

/// The root's id: it is the first znode and never removed.
pub(super) const ROOT: u32 = 0;

/// What is stored with a znode besides its name and data. Fields as in `ZooKeeper`'s `StatPersisted`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Meta {
    /// Zxid of the transaction that created the znode.
    pub czxid: Zxid,
    /// Zxid of the last change of the data.
    pub mzxid: Zxid,
    /// Zxid of the last creation or deletion of a child.
    pub pzxid: Zxid,
    /// When the znode was created, in milliseconds since 1970.
    pub ctime: i64,
    /// When the data changed last, in milliseconds since 1970.
    pub mtime: i64,
    /// Session, container or TTL; 0 for a plain znode.
    pub ephemeral_owner: i64,
    /// Number of changes of the data.
    pub version: i32,
    /// Number of children ever created, as persisted. (Clients are told twice this minus the number of
    /// children.)
    pub cversion: i32,
    /// Number of changes of the ACL.
    pub aversion: i32,
    /// Which of the interned ACLs.
    pub acl: AclId,
    /// CRC-32 of path and data: what the digest of the znode starts with.
    pub content_crc: u32,
}

/// Names a znode of one store, until it is removed. Then the id may come to name another znode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(super) u32);

impl NodeId {
    /// The root.
    pub const ROOT: Self = Self(ROOT);
}

/// Names are cut from paths, which are strings.
pub(super) fn str_of(name: &[u8]) -> &str {
    str::from_utf8(name).expect("names are stored from strings")
}
