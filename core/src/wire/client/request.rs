//! What a client asks for: the body of every operation.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use super::multi::{self, MultiOp, ReadOp};
use super::opcode::OpCode;
use crate::wire::jute::{Jute, Reader, Why, WireError, decode_string, int_enum, record, write_buffer};
use crate::wire::record::Acl;

int_enum! {
    /// The flags of a create (`CreateMode`).
    pub enum CreateMode {
        /// Stays until it is deleted.
        Persistent = 0,
        /// Goes with its session.
        Ephemeral = 1,
        /// Persistent, with a number at the end of its name.
        PersistentSequential = 2,
        /// Ephemeral, with a number at the end of its name.
        EphemeralSequential = 3,
        /// Goes some time after its last child.
        Container = 4,
        /// Goes when it has no children and was not changed for some time.
        PersistentWithTtl = 5,
        /// Persistent, with a number at the end of its name.
        PersistentSequentialWithTtl = 6,
    }
}

impl CreateMode {
    /// Whether the name gets a number.
    pub const fn is_sequential(self) -> bool {
        matches!(
            self,
            CreateMode::PersistentSequential
                | CreateMode::EphemeralSequential
                | CreateMode::PersistentSequentialWithTtl
        )
    }

    /// Whether the znode goes with its session.
    pub const fn is_ephemeral(self) -> bool {
        matches!(self, CreateMode::Ephemeral | CreateMode::EphemeralSequential)
    }

    /// Whether the znode has a time to live.
    pub const fn is_ttl(self) -> bool {
        matches!(self, CreateMode::PersistentWithTtl | CreateMode::PersistentSequentialWithTtl)
    }
}

int_enum! {
    /// Which watches to check or remove (`Watcher.WatcherType`).
    pub enum WatcherType {
        /// Watches on the children.
        Children = 1,
        /// Watches on the data or on the existence.
        Data = 2,
        /// Watches of every kind.
        Any = 3,
        /// Persistent watches (since 3.9).
        Persistent = 4,
        /// Persistent recursive watches (since 3.9).
        PersistentRecursive = 5,
    }
}

int_enum! {
    /// The kind of watch that `addWatch` sets.
    pub enum AddWatchMode {
        /// Fires again and again, for the znode and its children.
        Persistent = 0,
        /// As `Persistent`, and for everything below too.
        PersistentRecursive = 1,
    }
}

record! {
    /// create, create2, createContainer; the flags are checked later ([`CreateMode`]).
    pub struct CreateRequest {
        /// The path, or for a sequential znode what its path starts with.
        pub path: String,
        /// The data; null is not empty.
        pub data: Option<Bytes>,
        /// The ACL as asked for.
        pub acl: Vec<Acl>,
        /// A [`CreateMode`], if it is one.
        pub flags: i32,
    }
}

record! {
    /// createTTL.
    pub struct CreateTtlRequest {
        /// The path, or for a sequential znode what its path starts with.
        pub path: String,
        /// The data; null is not empty.
        pub data: Option<Bytes>,
        /// The ACL as asked for.
        pub acl: Vec<Acl>,
        /// A [`CreateMode`], if it is one.
        pub flags: i32,
        /// Time to live, ms.
        pub ttl: i64,
    }
}

record! {
    /// delete.
    pub struct DeleteRequest {
        /// The path.
        pub path: String,
        /// The version it must have; −1: any.
        pub version: i32,
    }
}

record! {
    /// setData.
    pub struct SetDataRequest {
        /// The path.
        pub path: String,
        /// The data; null is not empty.
        pub data: Option<Bytes>,
        /// The version it must have; −1: any.
        pub version: i32,
    }
}

record! {
    /// setACL.
    pub struct SetAclRequest {
        /// The path.
        pub path: String,
        /// The ACL as asked for.
        pub acl: Vec<Acl>,
        /// The version the ACL must have; −1: any.
        pub version: i32,
    }
}

record! {
    /// check, a part of a multi.
    pub struct CheckVersionRequest {
        /// The path.
        pub path: String,
        /// The version it must have; −1: any.
        pub version: i32,
    }
}

record! {
    /// exists, getData, getChildren, getChildren2.
    pub struct WatchRequest {
        /// The path.
        pub path: String,
        /// Whether to set a watch.
        pub watch: bool,
    }
}

record! {
    /// getACL, sync, getAllChildrenNumber.
    pub struct PathRequest {
        /// The path.
        pub path: String,
    }
}

record! {
    /// checkWatches, removeWatches.
    pub struct WatcherRequest {
        /// The path.
        pub path: String,
        /// Which of its watches.
        pub watcher: WatcherType,
    }
}

record! {
    /// addWatch.
    pub struct AddWatchRequest {
        /// The path.
        pub path: String,
        /// The kind of watch.
        pub mode: AddWatchMode,
    }
}

record! {
    /// reconfig: either joining and leaving servers, or all members.
    pub struct ReconfigRequest {
        /// `server.N=…` of the servers to add or change, separated by commas.
        pub joining_servers: Option<String>,
        /// The ids of the servers to remove, separated by commas.
        pub leaving_servers: Option<String>,
        /// All of the new configuration.
        pub new_members: Option<String>,
        /// The version the configuration must have; −1: any.
        pub cur_config_id: i64,
    }
}

record! {
    /// auth.
    pub struct AuthPacket {
        /// Always 0; servers ignore it.
        pub auth_type: i32,
        /// The scheme.
        pub scheme: String,
        /// The proof, in the scheme's own form.
        pub auth: Option<Bytes>,
    }
}

/// setWatches, setWatches2: the watches a client had on its last connection.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct SetWatchesRequest {
    /// What happened up to this zxid has been told.
    pub relative_zxid: i64,
    /// Watches of getData.
    pub data: Vec<String>,
    /// Watches of exists on znodes that did not.
    pub exist: Vec<String>,
    /// Watches of getChildren.
    pub child: Vec<String>,
    /// Persistent watches; setWatches2 only.
    pub persistent: Vec<String>,
    /// Persistent recursive watches; setWatches2 only.
    pub persistent_recursive: Vec<String>,
}

impl SetWatchesRequest {
    fn read(r: &mut Reader<'_>, with_persistent: bool) -> Result<Self, WireError> {
        let mut request = SetWatchesRequest {
            relative_zxid: r.long("SetWatches.relativeZxid")?,
            data: r.some_vector("SetWatches.dataWatches")?,
            exist: r.some_vector("SetWatches.existWatches")?,
            child: r.some_vector("SetWatches.childWatches")?,
            ..SetWatchesRequest::default()
        };
        if with_persistent {
            request.persistent = r.some_vector("SetWatches2.persistentWatches")?;
            request.persistent_recursive = r.some_vector("SetWatches2.persistentRecursiveWatches")?;
        }
        Ok(request)
    }

    fn write(&self, out: &mut Vec<u8>, with_persistent: bool) {
        self.relative_zxid.write(out);
        self.data.write(out);
        self.exist.write(out);
        self.child.write(out);
        if with_persistent {
            self.persistent.write(out);
            self.persistent_recursive.write(out);
        }
    }
}

/// A request: the operation and its body.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Request {
    /// Begin a session with this timeout in ms (between servers).
    CreateSession(i32),
    /// Close the session.
    CloseSession,
    /// Create a znode.
    Create(CreateRequest),
    /// Create a znode, answer its Stat too.
    Create2(CreateRequest),
    /// Create a container.
    CreateContainer(CreateRequest),
    /// Create a TTL znode.
    CreateTtl(CreateTtlRequest),
    /// Delete a znode.
    Delete(DeleteRequest),
    /// Delete an empty container or TTL znode (the leader itself).
    DeleteContainer(PathRequest),
    /// Whether a znode exists.
    Exists(WatchRequest),
    /// Data and Stat of a znode.
    GetData(WatchRequest),
    /// Replace the data of a znode.
    SetData(SetDataRequest),
    /// The ACL of a znode.
    GetAcl(PathRequest),
    /// Replace the ACL of a znode.
    SetAcl(SetAclRequest),
    /// The names of a znode's children.
    GetChildren(WatchRequest),
    /// The names of a znode's children, and its Stat.
    GetChildren2(WatchRequest),
    /// Catch up with the leader; the path means nothing and may be null.
    Sync(Option<String>),
    /// Keep the session alive.
    Ping,
    /// A check outside of a multi: refused from clients, but an older follower forwards it.
    Check(CheckVersionRequest),
    /// Several writes, all or none.
    Multi(Vec<MultiOp>),
    /// Several reads.
    MultiRead(Vec<ReadOp>),
    /// Change the ensemble's configuration.
    Reconfig(ReconfigRequest),
    /// Whether a watch is set.
    CheckWatches(WatcherRequest),
    /// Remove a watch.
    RemoveWatches(WatcherRequest),
    /// Add an identity to the connection.
    Auth(AuthPacket),
    /// Set watches again after a reconnect.
    SetWatches(SetWatchesRequest),
    /// The watches of a client that comes back, with the persistent kinds.
    SetWatches2(SetWatchesRequest),
    /// A step of a SASL handshake.
    Sasl(Option<Bytes>),
    /// The session's ephemeral znodes whose paths start with this; null: all.
    GetEphemerals(Option<String>),
    /// How many znodes live below a znode.
    GetAllChildrenNumber(PathRequest),
    /// Set a persistent watch.
    AddWatch(AddWatchRequest),
    /// The connection's identities.
    WhoAmI,
}

impl Request {
    /// Read the body of a request; bytes after it are ignored.
    ///
    /// # Errors
    /// The field that cannot be read: such a request is answered with `MarshallingError`. An
    /// `op` that is no request (`Error`) is one of them.
    pub fn decode(op: OpCode, body: &Bytes) -> Result<Self, WireError> {
        Self::read(op, &mut Reader::new(body))
    }

    /// Read the body of a request.
    ///
    /// # Errors
    /// As [`Request::decode`].
    pub fn read(op: OpCode, r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(match op {
            OpCode::Error => return Err(r.error("RequestHeader.type", Why::Value(-1))),
            OpCode::CreateSession => Request::CreateSession(r.int("CreateSession.timeOut")?),
            OpCode::CloseSession => Request::CloseSession,
            OpCode::Create => Request::Create(Jute::read(r, "")?),
            OpCode::Create2 => Request::Create2(Jute::read(r, "")?),
            OpCode::CreateContainer => Request::CreateContainer(Jute::read(r, "")?),
            OpCode::CreateTtl => Request::CreateTtl(Jute::read(r, "")?),
            OpCode::Delete => Request::Delete(Jute::read(r, "")?),
            OpCode::DeleteContainer => Request::DeleteContainer(read_delete_container(r)?),
            OpCode::Exists => Request::Exists(Jute::read(r, "")?),
            OpCode::GetData => Request::GetData(Jute::read(r, "")?),
            OpCode::SetData => Request::SetData(Jute::read(r, "")?),
            OpCode::GetAcl => Request::GetAcl(Jute::read(r, "")?),
            OpCode::SetAcl => Request::SetAcl(Jute::read(r, "")?),
            OpCode::GetChildren => Request::GetChildren(Jute::read(r, "")?),
            OpCode::GetChildren2 => Request::GetChildren2(Jute::read(r, "")?),
            OpCode::Sync => Request::Sync(Jute::read(r, "SyncRequest.path")?),
            OpCode::Ping => Request::Ping,
            OpCode::Check => Request::Check(Jute::read(r, "")?),
            OpCode::Multi => Request::Multi(multi::read_parts(r)?),
            OpCode::MultiRead => Request::MultiRead(multi::read_parts(r)?),
            OpCode::Reconfig => Request::Reconfig(Jute::read(r, "")?),
            OpCode::CheckWatches => Request::CheckWatches(Jute::read(r, "")?),
            OpCode::RemoveWatches => Request::RemoveWatches(Jute::read(r, "")?),
            OpCode::Auth => Request::Auth(Jute::read(r, "")?),
            OpCode::SetWatches => Request::SetWatches(SetWatchesRequest::read(r, false)?),
            OpCode::SetWatches2 => Request::SetWatches2(SetWatchesRequest::read(r, true)?),
            OpCode::Sasl => Request::Sasl(r.buffer("GetSASLRequest.token")?),
            OpCode::GetEphemerals => Request::GetEphemerals(Jute::read(r, "GetEphemerals.prefixPath")?),
            OpCode::GetAllChildrenNumber => Request::GetAllChildrenNumber(Jute::read(r, "")?),
            OpCode::AddWatch => Request::AddWatch(Jute::read(r, "")?),
            OpCode::WhoAmI => Request::WhoAmI,
        })
    }

    /// The operation.
    pub const fn op(&self) -> OpCode {
        match self {
            Request::CreateSession(_) => OpCode::CreateSession,
            Request::CloseSession => OpCode::CloseSession,
            Request::Create(_) => OpCode::Create,
            Request::Create2(_) => OpCode::Create2,
            Request::CreateContainer(_) => OpCode::CreateContainer,
            Request::CreateTtl(_) => OpCode::CreateTtl,
            Request::Delete(_) => OpCode::Delete,
            Request::DeleteContainer(_) => OpCode::DeleteContainer,
            Request::Exists(_) => OpCode::Exists,
            Request::GetData(_) => OpCode::GetData,
            Request::SetData(_) => OpCode::SetData,
            Request::GetAcl(_) => OpCode::GetAcl,
            Request::SetAcl(_) => OpCode::SetAcl,
            Request::GetChildren(_) => OpCode::GetChildren,
            Request::GetChildren2(_) => OpCode::GetChildren2,
            Request::Sync(_) => OpCode::Sync,
            Request::Ping => OpCode::Ping,
            Request::Check(_) => OpCode::Check,
            Request::Multi(_) => OpCode::Multi,
            Request::MultiRead(_) => OpCode::MultiRead,
            Request::Reconfig(_) => OpCode::Reconfig,
            Request::CheckWatches(_) => OpCode::CheckWatches,
            Request::RemoveWatches(_) => OpCode::RemoveWatches,
            Request::Auth(_) => OpCode::Auth,
            Request::SetWatches(_) => OpCode::SetWatches,
            Request::SetWatches2(_) => OpCode::SetWatches2,
            Request::Sasl(_) => OpCode::Sasl,
            Request::GetEphemerals(_) => OpCode::GetEphemerals,
            Request::GetAllChildrenNumber(_) => OpCode::GetAllChildrenNumber,
            Request::AddWatch(_) => OpCode::AddWatch,
            Request::WhoAmI => OpCode::WhoAmI,
        }
    }

    /// Append the body (without header).
    pub fn write_body(&self, out: &mut Vec<u8>) {
        match self {
            Request::CloseSession | Request::Ping | Request::WhoAmI => {}
            Request::CreateSession(timeout_ms) => timeout_ms.write(out),
            Request::Create(r) | Request::Create2(r) | Request::CreateContainer(r) => r.write(out),
            Request::CreateTtl(r) => r.write(out),
            Request::Delete(r) => r.write(out),
            Request::DeleteContainer(r) => write_buffer(out, Some(r.path.as_bytes())),
            Request::Exists(r) | Request::GetData(r) => r.write(out),
            Request::GetChildren(r) | Request::GetChildren2(r) => r.write(out),
            Request::SetData(r) => r.write(out),
            Request::GetAcl(r) | Request::GetAllChildrenNumber(r) => r.write(out),
            Request::SetAcl(r) => r.write(out),
            Request::Check(r) => r.write(out),
            Request::Multi(parts) => multi::write_parts(parts, out),
            Request::MultiRead(parts) => multi::write_parts(parts, out),
            Request::Reconfig(r) => r.write(out),
            Request::CheckWatches(r) | Request::RemoveWatches(r) => r.write(out),
            Request::Auth(r) => r.write(out),
            Request::SetWatches(r) => r.write(out, false),
            Request::SetWatches2(r) => r.write(out, true),
            Request::Sasl(token) => token.write(out),
            Request::GetEphemerals(path) | Request::Sync(path) => path.write(out),
            Request::AddWatch(r) => r.write(out),
        }
    }

    /// The body alone: what a REQUEST packet carries to the leader.
    pub fn body(&self) -> Bytes {
        let mut out = Vec::new();
        self.write_body(&mut out);
        out.into()
    }
}

/// deleteContainer carries its path as a buffer since 3.9, as bare bytes before.
fn read_delete_container(r: &mut Reader<'_>) -> Result<PathRequest, WireError> {
    let mut bare = r.clone();
    let rest = bare.rest();
    if rest.first() == Some(&b'/') {
        *r = bare;
        return Ok(PathRequest { path: decode_string(&rest).into_owned() });
    }
    Jute::read(r, "")
}
