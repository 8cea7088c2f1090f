//! The parts of a multi, asked and answered.

use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use super::opcode::OpCode;
use super::request::{
    CheckVersionRequest, CreateMode, CreateRequest, CreateTtlRequest, DeleteRequest, SetDataRequest,
    WatchRequest,
};
use crate::wire::jute::{Jute, Reader, Why, WireError, record};
use crate::wire::record::Stat;

record! {
    /// Announces the next part of a multi, or its end.
    #[derive(Copy)]
    pub struct MultiHeader {
        /// The part's operation; −1 at the end and for failed parts.
        pub op: i32,
        /// Whether this is the end.
        pub done: bool,
        /// −1 in requests; in results the part's error.
        pub err: i32,
    }
}

impl MultiHeader {
    const END: MultiHeader = MultiHeader { op: -1, done: true, err: -1 };
}

/// A part of a multi: one write, or a check.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum MultiOp {
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
    /// Replace the data of a znode.
    SetData(SetDataRequest),
    /// Fail unless a znode has this version.
    Check(CheckVersionRequest),
}

/// A part of a multiRead. The watch flag has no effect.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ReadOp {
    /// Data and Stat of a znode.
    GetData(WatchRequest),
    /// The names of a znode's children.
    GetChildren(WatchRequest),
}

/// What the two kinds of multi have in common.
pub(super) trait Part: Sized {
    fn read(op: Option<OpCode>, r: &mut Reader<'_>) -> Result<Option<Self>, WireError>;
    fn op(&self) -> OpCode;
    fn write(&self, out: &mut Vec<u8>);
}

impl Part for MultiOp {
    fn read(op: Option<OpCode>, r: &mut Reader<'_>) -> Result<Option<Self>, WireError> {
        Ok(Some(match op {
            Some(op @ (OpCode::Create | OpCode::Create2 | OpCode::CreateContainer)) => {
                let before = r.clone();
                let request: CreateRequest = Jute::read(r, "")?;
                let why = Why::Value(i64::from(request.flags));
                MultiOp::create(op, request).ok_or_else(|| before.error("CreateRequest.flags", why))?
            }
            Some(OpCode::CreateTtl) => MultiOp::create_ttl(Jute::read(r, "")?),
            Some(OpCode::Delete) => MultiOp::Delete(Jute::read(r, "")?),
            Some(OpCode::SetData) => MultiOp::SetData(Jute::read(r, "")?),
            Some(OpCode::Check) => MultiOp::Check(Jute::read(r, "")?),
            _ => return Ok(None),
        }))
    }

    fn op(&self) -> OpCode {
        MultiOp::op(self)
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            MultiOp::Create(r) | MultiOp::Create2(r) | MultiOp::CreateContainer(r) => r.write(out),
            MultiOp::CreateTtl(r) => r.write(out),
            MultiOp::Delete(r) => r.write(out),
            MultiOp::SetData(r) => r.write(out),
            MultiOp::Check(r) => r.write(out),
        }
    }
}

impl MultiOp {
    /// Read a part of this operation; `None` if a multi cannot have it.
    pub(super) fn read_one(op: Option<OpCode>, r: &mut Reader<'_>) -> Result<Option<Self>, WireError> {
        Part::read(op, r)
    }

    /// What a part of one of the three creates without time to live comes to, as in ZooKeeper 3.9
    /// (`MultiOperationRecord`). It is a container for `createContainer`, whatever its flags, and for the
    /// flags of one, whatever the operation. `None` for flags that are none or that ask for a time to live.
    fn create(op: OpCode, request: CreateRequest) -> Option<Self> {
        match (CreateMode::from_i32(request.flags)?, op) {
            (mode, _) if mode.is_ttl() => None,
            (CreateMode::Container, _) | (_, OpCode::CreateContainer) => {
                Some(MultiOp::CreateContainer(request))
            }
            (_, OpCode::Create2) => Some(MultiOp::Create2(request)),
            _ => Some(MultiOp::Create(request)),
        }
    }

    /// What a `createTTL` comes to: without a mode that has a time to live it is one of the others.
    fn create_ttl(request: CreateTtlRequest) -> Self {
        if CreateMode::from_i32(request.flags).is_some_and(CreateMode::is_ttl) {
            return MultiOp::CreateTtl(request);
        }
        let CreateTtlRequest { path, data, acl, flags, .. } = request;
        let request = CreateRequest { path, data, acl, flags };
        if flags == CreateMode::Container.to_i32() {
            MultiOp::CreateContainer(request)
        } else {
            MultiOp::Create(request)
        }
    }

    /// The operation.
    pub const fn op(&self) -> OpCode {
        match self {
            MultiOp::Create(_) => OpCode::Create,
            MultiOp::Create2(_) => OpCode::Create2,
            MultiOp::CreateContainer(_) => OpCode::CreateContainer,
            MultiOp::CreateTtl(_) => OpCode::CreateTtl,
            MultiOp::Delete(_) => OpCode::Delete,
            MultiOp::SetData(_) => OpCode::SetData,
            MultiOp::Check(_) => OpCode::Check,
        }
    }
}

impl Part for ReadOp {
    fn read(op: Option<OpCode>, r: &mut Reader<'_>) -> Result<Option<Self>, WireError> {
        Ok(Some(match op {
            Some(OpCode::GetData) => ReadOp::GetData(Jute::read(r, "")?),
            Some(OpCode::GetChildren) => ReadOp::GetChildren(Jute::read(r, "")?),
            _ => return Ok(None),
        }))
    }

    fn op(&self) -> OpCode {
        match self {
            ReadOp::GetData(_) => OpCode::GetData,
            ReadOp::GetChildren(_) => OpCode::GetChildren,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        let (ReadOp::GetData(r) | ReadOp::GetChildren(r)) = self;
        r.write(out);
    }
}

/// Read parts up to the end mark. A part of the other kind, or of none, spoils the whole request.
pub(super) fn read_parts<P: Part>(r: &mut Reader<'_>) -> Result<Vec<P>, WireError> {
    let mut parts = Vec::new();
    loop {
        let before = r.clone();
        let header = MultiHeader::read(r, "")?;
        if header.done {
            return Ok(parts);
        }
        match P::read(OpCode::from_i32(header.op), r)? {
            Some(part) => parts.push(part),
            None => return Err(before.error("MultiHeader.type", Why::Value(i64::from(header.op)))),
        }
    }
}

/// Append parts and the end mark.
pub(super) fn write_parts<P: Part>(parts: &[P], out: &mut Vec<u8>) {
    for part in parts {
        MultiHeader { op: part.op().to_i32(), done: false, err: -1 }.write(out);
        part.write(out);
    }
    MultiHeader::END.write(out);
}

/// The answer to one part of a multi or multiRead.
///
/// If a multi fails then every result is an `Error`: 0 in front of the part that failed, its code
/// there, `RuntimeInconsistency` behind it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum MultiResult {
    /// create: the path.
    Create(String),
    /// create2, createContainer, createTTL: path and Stat.
    Create2(String, Stat),
    /// delete.
    Delete,
    /// setData.
    SetData(Stat),
    /// check.
    Check,
    /// getData.
    GetData {
        /// The data.
        data: Option<Bytes>,
        /// The Stat.
        stat: Stat,
    },
    /// getChildren.
    GetChildren(Vec<String>),
    /// An [`ErrorCode`](crate::wire::error_code::ErrorCode), 0 included.
    Error(i32),
}

impl MultiResult {
    const fn op(&self) -> OpCode {
        match self {
            MultiResult::Create(_) => OpCode::Create,
            MultiResult::Create2(..) => OpCode::Create2,
            MultiResult::Delete => OpCode::Delete,
            MultiResult::SetData(_) => OpCode::SetData,
            MultiResult::Check => OpCode::Check,
            MultiResult::GetData { .. } => OpCode::GetData,
            MultiResult::GetChildren(_) => OpCode::GetChildren,
            MultiResult::Error(_) => OpCode::Error,
        }
    }
}

/// Append results and the end mark.
pub(super) fn write_results(results: &[MultiResult], out: &mut Vec<u8>) {
    for result in results {
        let err = if let MultiResult::Error(err) = result { *err } else { 0 };
        MultiHeader { op: result.op().to_i32(), done: false, err }.write(out);
        match result {
            MultiResult::Create(path) => path.write(out),
            MultiResult::Create2(path, stat) => {
                path.write(out);
                stat.write(out);
            }
            MultiResult::Delete | MultiResult::Check => {}
            MultiResult::SetData(stat) => stat.write(out),
            MultiResult::GetData { data, stat } => {
                data.write(out);
                stat.write(out);
            }
            MultiResult::GetChildren(children) => children.write(out),
            MultiResult::Error(err) => err.write(out),
        }
    }
    MultiHeader::END.write(out);
}

/// Read results up to the end mark.
pub(super) fn read_results(r: &mut Reader<'_>) -> Result<Vec<MultiResult>, WireError> {
    let mut results = Vec::new();
    loop {
        let before = r.clone();
        let header = MultiHeader::read(r, "")?;
        if header.done {
            return Ok(results);
        }
        results.push(match OpCode::from_i32(header.op) {
            Some(OpCode::Create) => MultiResult::Create(Jute::read(r, "MultiResponse.path")?),
            Some(OpCode::Create2) => {
                MultiResult::Create2(Jute::read(r, "MultiResponse.path")?, Jute::read(r, "")?)
            }
            Some(OpCode::Delete) => MultiResult::Delete,
            Some(OpCode::SetData) => MultiResult::SetData(Jute::read(r, "")?),
            Some(OpCode::Check) => MultiResult::Check,
            Some(OpCode::GetData) => {
                MultiResult::GetData { data: r.buffer("MultiResponse.data")?, stat: Jute::read(r, "")? }
            }
            Some(OpCode::GetChildren) => MultiResult::GetChildren(Jute::read(r, "MultiResponse.children")?),
            Some(OpCode::Error) => MultiResult::Error(r.int("ErrorResponse.err")?),
            _ => return Err(before.error("MultiHeader.type", Why::Value(i64::from(header.op)))),
        });
    }
}
