//! The judge's words: what may be asked, what may be answered, and the numbers that stand for errors.

use bytes::Bytes;

/// The znode, or its parent, is not there.
pub const NO_NODE: i32 = -101;
/// The ACL does not allow it.
pub const NO_AUTH: i32 = -102;
/// The znode has another version.
pub const BAD_VERSION: i32 = -103;
/// An ephemeral znode has no children.
pub const NO_CHILDREN_FOR_EPHEMERALS: i32 = -108;
/// The znode is there already.
pub const NODE_EXISTS: i32 = -110;
/// The znode has children.
pub const NOT_EMPTY: i32 = -111;
/// The session has ended.
pub const SESSION_EXPIRED: i32 = -112;
/// The ACL is none.
pub const INVALID_ACL: i32 = -114;
/// The request cannot be read, or its transaction would be too long.
pub const MARSHALLING_ERROR: i32 = -5;
/// The operation is not known, or not allowed by the configuration.
pub const UNIMPLEMENTED: i32 = -6;
/// A path or a flag is none.
pub const BAD_ARGUMENTS: i32 = -8;
/// The part of a multi comes behind the one that failed.
pub const RUNTIME_INCONSISTENCY: i32 = -2;

/// A scheme and an id of that scheme.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// `world`, `ip`, `digest`, `auth` or `super`.
    pub scheme: String,
    /// What the scheme calls it.
    pub id: String,
}

/// An entry of an ACL: bits 1 read, 2 write, 4 create, 8 delete, 16 admin.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grant {
    /// The bits of the permissions.
    pub perms: i32,
    /// Whom they are given.
    pub to: Identity,
}

/// What a client is told of a znode.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[expect(missing_docs, reason = "ZooKeeper's names")]
pub struct Stat {
    pub czxid: i64,
    pub mzxid: i64,
    pub ctime: i64,
    pub mtime: i64,
    pub version: i32,
    pub cversion: i32,
    pub aversion: i32,
    pub ephemeral_owner: i64,
    pub data_length: i32,
    pub num_children: i32,
    pub pzxid: i64,
}

/// The four operations that create.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// `create`.
    Create,
    /// `create2`.
    Create2,
    /// `createContainer`.
    Container,
    /// `createTTL`, with the time in ms.
    Ttl(i64),
}

/// A request.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the programmer's guide has them")]
pub enum Op {
    Create {
        how: How,
        path: String,
        data: Option<Bytes>,
        acl: Vec<Grant>,
        flags: i32,
    },
    Delete {
        path: String,
        version: i32,
    },
    /// The leader's own: an empty container, or a znode whose time is over.
    DeleteContainer(String),
    SetData {
        path: String,
        data: Option<Bytes>,
        version: i32,
    },
    SetAcl {
        path: String,
        acl: Vec<Grant>,
        version: i32,
    },
    Check {
        path: String,
        version: i32,
    },
    Multi(Vec<Op>),
    OpenSession,
    CloseSession,
    Exists(String),
    GetData(String),
    GetAcl(String),
    /// `getChildren`; with the stat it is `getChildren2`.
    GetChildren(String, bool),
    GetAllChildrenNumber(String),
    GetEphemerals(Option<String>),
    MultiRead(Vec<Op>),
    Sync(Option<String>),
}

/// An answer. Names are in order of the alphabet.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "as the answers of the operations")]
pub enum Answer {
    Error(i32),
    Done,
    /// A check that holds.
    Holds,
    Path(Option<String>),
    Created(String, Stat),
    Stat(Stat),
    Data(Option<Bytes>, Stat),
    Acl(Vec<Grant>, Stat),
    Names(Vec<String>),
    NamesAndStat(Vec<String>, Stat),
    Number(i32),
    Parts(Vec<Answer>),
}
