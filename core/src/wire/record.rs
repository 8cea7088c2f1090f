//! The records that messages, transactions and snapshots have in common.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::jute::{Jute, Reader, WireError, record, write_string};
use crate::ids::Zxid;

/// Permission bits of an [`Acl`] (`ZooDefs.Perms`).
pub mod perms {
    /// Read data and list children.
    pub const READ: i32 = 1;
    /// Set the znode's data.
    pub const WRITE: i32 = 1 << 1;
    /// Create children.
    pub const CREATE: i32 = 1 << 2;
    /// Delete children.
    pub const DELETE: i32 = 1 << 3;
    /// Set the znode's ACL.
    pub const ADMIN: i32 = 1 << 4;
    /// All permissions.
    pub const ALL: i32 = READ | WRITE | CREATE | DELETE | ADMIN;
}

/// An identity, as an authentication scheme names it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "recording", derive(serde::Serialize, serde::Deserialize))]
pub struct Id {
    /// The scheme: `world`, `ip`, `digest`, `x509`, `sasl`, `auth`, `super`.
    pub scheme: String,
    /// The identity, in the scheme's own form.
    pub id: String,
}

impl Jute for Id {
    /// A null string is read as an empty one: clients write the id of the scheme `auth` that way.
    fn read(from: &mut Reader<'_>, _: &'static str) -> Result<Self, WireError> {
        let mut text = |field| from.string(field).map(|text| text.map_or_else(String::new, Cow::into_owned));
        Ok(Id { scheme: text("Id.scheme")?, id: text("Id.id")? })
    }

    fn write(&self, out: &mut Vec<u8>) {
        write_string(out, &self.scheme);
        write_string(out, &self.id);
    }
}

impl Id {
    /// `scheme:id`.
    pub fn new(scheme: &str, id: &str) -> Self {
        Id { scheme: scheme.to_string(), id: id.to_string() }
    }

    /// Every client: `world:anyone`.
    pub fn anyone() -> Self {
        Id::new("world", "anyone")
    }
}

record! {
    /// What an identity may do: one entry of a znode's access control list.
    #[derive(PartialOrd, Ord)]
    #[cfg_attr(feature = "recording", derive(serde::Serialize, serde::Deserialize))]
    pub struct Acl {
        /// Bits of [`perms`].
        pub perms: i32,
        /// The identity that may do it.
        pub id: Id,
    }
}

impl Acl {
    /// `perms` for `scheme:id`.
    pub fn new(perms: i32, scheme: &str, id: &str) -> Self {
        Acl { perms, id: Id::new(scheme, id) }
    }

    /// Everything for every client (`OPEN_ACL_UNSAFE`).
    pub fn open() -> Self {
        Acl { perms: perms::ALL, id: Id::anyone() }
    }
}

record! {
    /// One identity of a connection, as `whoAmI` reports it.
    pub struct ClientInfo {
        /// The authentication scheme.
        pub auth_scheme: String,
        /// The identity, without secrets.
        pub user: String,
    }
}

/// A znode's metadata as clients see it: 68 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Stat {
    /// The transaction that created the znode.
    pub czxid: Zxid,
    /// The transaction that last set its data.
    pub mzxid: Zxid,
    /// When it was created, ms since 1970.
    pub ctime: i64,
    /// When its data was last set, ms since 1970.
    pub mtime: i64,
    /// How often its data was set.
    pub version: i32,
    /// How often its children changed: 2·(persisted cversion) − (number of children).
    pub cversion: i32,
    /// How often its ACL was set.
    pub aversion: i32,
    /// The session that owns an ephemeral znode; 0 for every other.
    pub ephemeral_owner: i64,
    /// Length of its data in bytes; 0 for null.
    pub data_length: i32,
    /// Number of its children.
    pub num_children: i32,
    /// The transaction that last created or deleted a child.
    pub pzxid: Zxid,
}

impl Stat {
    /// The size of a serialized `Stat`, in bytes.
    pub const LEN: usize = 68;
}

impl Jute for Stat {
    fn read(r: &mut Reader<'_>, _: &'static str) -> Result<Self, WireError> {
        Ok(Stat {
            czxid: Jute::read(r, "Stat.czxid")?,
            mzxid: Jute::read(r, "Stat.mzxid")?,
            ctime: Jute::read(r, "Stat.ctime")?,
            mtime: Jute::read(r, "Stat.mtime")?,
            version: Jute::read(r, "Stat.version")?,
            cversion: Jute::read(r, "Stat.cversion")?,
            aversion: Jute::read(r, "Stat.aversion")?,
            ephemeral_owner: Jute::read(r, "Stat.ephemeralOwner")?,
            data_length: Jute::read(r, "Stat.dataLength")?,
            num_children: Jute::read(r, "Stat.numChildren")?,
            pzxid: Jute::read(r, "Stat.pzxid")?,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let mut b = [0; Stat::LEN];
        b[0..8].copy_from_slice(&self.czxid.0.to_be_bytes());
        b[8..16].copy_from_slice(&self.mzxid.0.to_be_bytes());
        b[16..24].copy_from_slice(&self.ctime.to_be_bytes());
        b[24..32].copy_from_slice(&self.mtime.to_be_bytes());
        b[32..36].copy_from_slice(&self.version.to_be_bytes());
        b[36..40].copy_from_slice(&self.cversion.to_be_bytes());
        b[40..44].copy_from_slice(&self.aversion.to_be_bytes());
        b[44..52].copy_from_slice(&self.ephemeral_owner.to_be_bytes());
        b[52..56].copy_from_slice(&self.data_length.to_be_bytes());
        b[56..60].copy_from_slice(&self.num_children.to_be_bytes());
        b[60..68].copy_from_slice(&self.pzxid.0.to_be_bytes());
        out.extend_from_slice(&b);
    }
}

record! {
    /// A znode's metadata as snapshots keep it: 60 bytes.
    #[derive(Copy, Default)]
    #[cfg_attr(feature = "recording", derive(serde::Serialize, serde::Deserialize))]
    pub struct StatPersisted {
        /// The transaction that created the znode.
        pub czxid: Zxid,
        /// The transaction that last set its data.
        pub mzxid: Zxid,
        /// When it was created, ms since 1970.
        pub ctime: i64,
        /// When its data was last set, ms since 1970.
        pub mtime: i64,
        /// How often its data was set.
        pub version: i32,
        /// How often a child was created (deletions do not count).
        pub cversion: i32,
        /// How often its ACL was set.
        pub aversion: i32,
        /// 0, a session, or the marks of containers and TTL znodes (`EphemeralType`).
        pub ephemeral_owner: i64,
        /// The transaction that last created or deleted a child.
        pub pzxid: Zxid,
    }
}

impl StatPersisted {
    /// The size of a serialized `StatPersisted`, in bytes.
    pub const LEN: usize = 60;
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;

    #[test]
    fn sizes() {
        assert_eq!(Stat::default().to_bytes().len(), Stat::LEN);
        assert_eq!(StatPersisted::default().to_bytes().len(), StatPersisted::LEN);
        assert_eq!(perms::ALL, 31);
        assert_eq!(Acl::open().to_bytes(), b"\0\0\0\x1f\0\0\0\x05world\0\0\0\x06anyone");
    }

    proptest! {
        #[test]
        fn every_stat_comes_back(bytes in any::<[[u8; 17]; 4]>()) {
            let bytes = Bytes::from(bytes.concat());
            let stat = Stat::from_bytes(&bytes).unwrap();
            prop_assert_eq!(&stat.to_bytes()[..], &bytes[..]);
            let persisted = StatPersisted::from_bytes(&bytes).unwrap();
            prop_assert_eq!(&persisted.to_bytes()[..], &bytes[..StatPersisted::LEN]);
        }
    }
}
