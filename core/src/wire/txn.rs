//! Transactions as they are logged and proposed: header, body, and the tree's digest after it.
//!
//! One form everywhere: the payload of a log record, the data of PROPOSAL and INFORM. Source:
//! `zookeeper.jute`, `Util.marshallTxnEntry`, `SerializeUtils.deserializeTxn`.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use super::client::OpCode;
use super::jute::{DEFAULT_MAX_FIELD, Jute, Reader, Why, WireError, record, write_length};
use super::record::Acl;
use crate::ids::{SessionId, Zxid};

record! {
    /// The header at the beginning of every transaction.
    #[derive(Copy)]
    pub struct TxnHeader {
        /// The session that asked for it; 0 for the leader's own.
        pub client_id: SessionId,
        /// The xid of its request.
        pub cxid: i32,
        /// The transaction's place in the order.
        pub zxid: Zxid,
        /// The leader's clock, ms since 1970.
        pub time: i64,
        /// What it does: an [`OpCode`] if it is known.
        pub op: i32,
    }
}

impl TxnHeader {
    /// The size of a serialized header, in bytes.
    pub const LEN: usize = 32;
}

record! {
    /// The digest of the whole tree after a transaction.
    #[derive(Copy)]
    pub struct TxnDigest {
        /// Which digest: 2 is the only one in use.
        pub version: i32,
        /// The sum of the digests of all znodes.
        pub tree_digest: i64,
    }
}

impl TxnDigest {
    /// The size of a serialized digest, in bytes.
    pub const LEN: usize = 12;
}

/// What creating a znode takes; create, create2, createContainer.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct CreateTxn {
    /// The path, sequence number included.
    pub path: String,
    /// The data; null is not empty.
    pub data: Option<Bytes>,
    /// The ACL, ready for use.
    pub acl: Vec<Acl>,
    /// Whether the header's session owns it. Containers do not have the field.
    pub ephemeral: bool,
    /// The parent's persisted cversion from now on. −1: one more than it is. The same is meant in logs of
    /// ZooKeeper 3.3, where the field is missing.
    pub parent_cversion: i32,
}

record! {
    /// Creating a TTL znode.
    pub struct CreateTtlTxn {
        /// The path, sequence number included.
        pub path: String,
        /// The data; null is not empty.
        pub data: Option<Bytes>,
        /// The ACL, ready for use.
        pub acl: Vec<Acl>,
        /// The parent's persisted cversion from now on.
        pub parent_cversion: i32,
        /// Time to live, ms. Not checked here: a bad one fails when it is applied.
        pub ttl: i64,
    }
}

record! {
    /// Replacing the data of a znode.
    pub struct SetDataTxn {
        /// The path.
        pub path: String,
        /// The data; null is not empty.
        pub data: Option<Bytes>,
        /// The znode's version from now on.
        pub version: i32,
    }
}

record! {
    /// Replacing the ACL of a znode.
    pub struct SetAclTxn {
        /// The path.
        pub path: String,
        /// The ACL, ready for use.
        pub acl: Vec<Acl>,
        /// The ACL's version from now on.
        pub version: i32,
    }
}

record! {
    /// A check that held.
    pub struct CheckVersionTxn {
        /// The path.
        pub path: String,
        /// The version it had.
        pub version: i32,
    }
}

/// What a transaction does.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum TxnBody {
    /// Begin the header's session with this timeout, ms.
    CreateSession(i32),
    /// Close the header's session and delete its znodes, in this order. `None`: the transaction
    /// does not name them (ZooKeeper 3.5); all that belong to the session are meant.
    CloseSession(Option<Vec<String>>),
    /// Create a znode.
    Create(CreateTxn),
    /// A creation that is answered with a Stat.
    Create2(CreateTxn),
    /// Create a container.
    CreateContainer(CreateTxn),
    /// Create a TTL znode.
    CreateTtl(CreateTtlTxn),
    /// Delete a znode.
    Delete(String),
    /// Delete a container or TTL znode.
    DeleteContainer(String),
    /// Replace the data of a znode.
    SetData(SetDataTxn),
    /// Replace the configuration: data of `/zookeeper/config`.
    Reconfig(SetDataTxn),
    /// Replace the ACL of a znode.
    SetAcl(SetAclTxn),
    /// Nothing. As a transaction of its own only in logs damaged by ZOOKEEPER-2623.
    Check(CheckVersionTxn),
    /// All of these, or nothing if one of them is an `Error`.
    Multi(Vec<TxnBody>),
    /// Nothing: the request failed with this [`ErrorCode`](super::error_code::ErrorCode).
    Error(i32),
}

/// A transaction.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Txn {
    /// Whose transaction it is, when it was made, and its place.
    pub header: TxnHeader,
    /// What the transaction does.
    pub body: TxnBody,
    /// The tree's digest after it; not every server says so, and none for `Error`.
    pub digest: Option<TxnDigest>,
}

/// Bytes that are not a transaction this server understands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TxnError {
    /// The header, if at least that is in order. Then the transaction has a place and is to be
    /// treated as one that fails: it must not take the server down at every replay.
    pub header: Option<TxnHeader>,
    /// What is wrong with the bytes.
    pub error: WireError,
}

impl fmt::Display for TxnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.header {
            Some(header) => write!(f, "transaction {} of type {}: {}", header.zxid, header.op, self.error),
            None => write!(f, "transaction header: {}", self.error),
        }
    }
}

impl core::error::Error for TxnError {}

impl Txn {
    /// Read a transaction; what follows it is ignored. Fields may be as long as the bytes given:
    /// they are here already.
    ///
    /// # Errors
    /// [`TxnError`], which still carries the header if that can be read.
    pub fn decode(bytes: &Bytes) -> Result<Self, TxnError> {
        let mut r = Reader::with_limit(bytes, bytes.len().max(DEFAULT_MAX_FIELD));
        let header = TxnHeader::read(&mut r, "").map_err(|error| TxnError { header: None, error })?;
        let damaged = |error| TxnError { header: Some(header), error };
        let body = TxnBody::read(header.op, &mut r).map_err(damaged)?;
        let digest = if r.remaining() >= TxnDigest::LEN {
            Some(TxnDigest::read(&mut r, "").map_err(damaged)?)
        } else {
            None
        };
        Ok(Txn { header, body, digest })
    }

    /// Append the transaction. The header's type is taken from the body.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_txn(out, self.header, &self.body, self.digest);
    }

    /// The transaction's bytes.
    pub fn encode(&self) -> Bytes {
        let mut out = Vec::new();
        self.write(&mut out);
        out.into()
    }
}

/// Append a transaction from its parts. The header's type is taken from the body.
pub fn write_txn(out: &mut Vec<u8>, header: TxnHeader, body: &TxnBody, digest: Option<TxnDigest>) {
    TxnHeader { op: body.op().to_i32(), ..header }.write(out);
    body.write(out);
    if let Some(digest) = digest {
        digest.write(out);
    }
}

impl TxnBody {
    /// The type that says how the body is to be read.
    pub const fn op(&self) -> OpCode {
        match self {
            TxnBody::CreateSession(_) => OpCode::CreateSession,
            TxnBody::CloseSession(_) => OpCode::CloseSession,
            TxnBody::Create(_) => OpCode::Create,
            TxnBody::Create2(_) => OpCode::Create2,
            TxnBody::CreateContainer(_) => OpCode::CreateContainer,
            TxnBody::CreateTtl(_) => OpCode::CreateTtl,
            TxnBody::Delete(_) => OpCode::Delete,
            TxnBody::DeleteContainer(_) => OpCode::DeleteContainer,
            TxnBody::SetData(_) => OpCode::SetData,
            TxnBody::Reconfig(_) => OpCode::Reconfig,
            TxnBody::SetAcl(_) => OpCode::SetAcl,
            TxnBody::Check(_) => OpCode::Check,
            TxnBody::Multi(_) => OpCode::Multi,
            TxnBody::Error(_) => OpCode::Error,
        }
    }

    /// Read the body of a transaction of this type.
    ///
    /// # Errors
    /// The field that cannot be read, or `TxnHeader.type` if there is no such transaction.
    pub fn read(op: i32, r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(match OpCode::from_i32(op) {
            Some(OpCode::CreateSession) => TxnBody::CreateSession(r.int("CreateSessionTxn.timeOut")?),
            Some(OpCode::CloseSession) => TxnBody::CloseSession(read_close_session(r)?),
            Some(OpCode::SetAcl) => TxnBody::SetAcl(Jute::read(r, "")?),
            Some(OpCode::Reconfig) => TxnBody::Reconfig(Jute::read(r, "")?),
            Some(OpCode::Multi) => TxnBody::Multi(read_multi(r)?),
            _ => return read_simple(op, "TxnHeader.type", r),
        })
    }

    /// Append the body.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            TxnBody::CreateSession(n) | TxnBody::Error(n) => n.write(out),
            TxnBody::CloseSession(None) => {}
            TxnBody::CloseSession(Some(paths)) => paths.write(out),
            TxnBody::Create(txn) | TxnBody::Create2(txn) => write_create(txn, true, out),
            TxnBody::CreateContainer(txn) => write_create(txn, false, out),
            TxnBody::CreateTtl(txn) => txn.write(out),
            TxnBody::Delete(path) | TxnBody::DeleteContainer(path) => path.write(out),
            TxnBody::SetData(txn) | TxnBody::Reconfig(txn) => txn.write(out),
            TxnBody::SetAcl(txn) => txn.write(out),
            TxnBody::Check(txn) => txn.write(out),
            TxnBody::Multi(parts) => {
                write_length(out, parts.len());
                for part in parts {
                    part.op().to_i32().write(out);
                    let start = out.len();
                    0i32.write(out);
                    part.write(out);
                    let len = i32::try_from(out.len() - start - 4).expect("a length must fit an int");
                    out[start..start + 4].copy_from_slice(&len.to_be_bytes());
                }
            }
        }
    }
}

/// The bodies that may also be parts of a multi.
fn read_simple(op: i32, field: &'static str, r: &mut Reader<'_>) -> Result<TxnBody, WireError> {
    Ok(match OpCode::from_i32(op) {
        Some(OpCode::Create) => TxnBody::Create(read_create(r, true)?),
        Some(OpCode::Create2) => TxnBody::Create2(read_create(r, false)?),
        Some(OpCode::CreateContainer) => TxnBody::CreateContainer(read_container(r)?),
        Some(OpCode::CreateTtl) => TxnBody::CreateTtl(Jute::read(r, "")?),
        Some(OpCode::Delete) => TxnBody::Delete(Jute::read(r, "DeleteTxn.path")?),
        Some(OpCode::DeleteContainer) => TxnBody::DeleteContainer(Jute::read(r, "DeleteContainerTxn.path")?),
        Some(OpCode::SetData) => TxnBody::SetData(Jute::read(r, "")?),
        Some(OpCode::Check) => TxnBody::Check(Jute::read(r, "")?),
        Some(OpCode::Error) => TxnBody::Error(r.int("ErrorTxn.err")?),
        _ => return Err(r.error(field, Why::Value(i64::from(op)))),
    })
}

fn read_create(r: &mut Reader<'_>, old_form: bool) -> Result<CreateTxn, WireError> {
    Ok(CreateTxn {
        path: Jute::read(r, "CreateTxn.path")?,
        data: Jute::read(r, "CreateTxn.data")?,
        acl: Jute::read(r, "CreateTxn.acl")?,
        ephemeral: Jute::read(r, "CreateTxn.ephemeral")?,
        parent_cversion: if old_form && r.remaining() < 4 { -1 } else { r.int("CreateTxn.parentCVersion")? },
    })
}

fn read_container(r: &mut Reader<'_>) -> Result<CreateTxn, WireError> {
    Ok(CreateTxn {
        path: Jute::read(r, "CreateContainerTxn.path")?,
        data: Jute::read(r, "CreateContainerTxn.data")?,
        acl: Jute::read(r, "CreateContainerTxn.acl")?,
        ephemeral: false,
        parent_cversion: r.int("CreateContainerTxn.parentCVersion")?,
    })
}

fn write_create(txn: &CreateTxn, with_ephemeral: bool, out: &mut Vec<u8>) {
    txn.path.write(out);
    txn.data.write(out);
    txn.acl.write(out);
    if with_ephemeral {
        txn.ephemeral.write(out);
    }
    txn.parent_cversion.write(out);
}

/// The paths that a closeSession deletes. ZooKeeper 3.5 does not write them: then there is nothing,
/// or (where a later server added it) only the digest. Twelve bytes can be either; they are paths
/// if they read as paths.
fn read_close_session(r: &mut Reader<'_>) -> Result<Option<Vec<String>>, WireError> {
    let before = r.clone();
    match r.remaining() {
        0 => Ok(None),
        TxnDigest::LEN => match r.vector::<String>("CloseSessionTxn.paths2Delete") {
            Ok(paths) if r.remaining() == 0 && paths.iter().all(|path| path.starts_with('/')) => {
                Ok(Some(paths))
            }
            _ => {
                *r = before;
                Ok(None)
            }
        },
        _ => r.vector("CloseSessionTxn.paths2Delete").map(Some),
    }
}

fn read_multi(r: &mut Reader<'_>) -> Result<Vec<TxnBody>, WireError> {
    let count = r.count("MultiTxn.txns")?;
    let mut parts = Vec::new();
    for _ in 0..count {
        let before = r.clone();
        let op = r.int("MultiTxn.type")?;
        let data = Jute::read(r, "MultiTxn.data")?;
        let data: Bytes = Option::ok_or_else(data, || before.error("MultiTxn.data", Why::Null))?;
        let start = (r.position() - data.len()) as u64;
        let mut part = Reader::with_limit(&data, data.len().max(DEFAULT_MAX_FIELD));
        parts.push(read_simple(op, "MultiTxn.type", &mut part).map_err(|e| e.after(start))?);
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::golden::recordings;
    use alloc::string::ToString;
    use alloc::vec;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const LOG: &str = include_str!("../../../tests/golden/03_txnlog.txt");

    /// The payloads of the recorded log records: checksum, length, payload, 'B'.
    fn payloads() -> Vec<Bytes> {
        let records = recordings(LOG).into_iter().skip(1);
        records.map(|r| r.bytes.slice(12..r.bytes.len() - 1)).collect()
    }

    /// The payloads of a whole log file: after 16 bytes of header, records up to a length of 0.
    fn payloads_of_file() -> Vec<Bytes> {
        let file = Bytes::from_static(include_bytes!("../../../tests/golden/log.1.bin"));
        let mut all = Vec::new();
        let mut at = 16;
        loop {
            let len = i32::from_bytes(&file.slice(at + 8..)).unwrap() as usize;
            if len == 0 {
                return all;
            }
            all.push(file.slice(at + 12..at + 12 + len));
            at += 12 + len + 1;
        }
    }

    #[test]
    fn a_real_log_reads_and_writes_as_it_is() {
        let mut seen = BTreeSet::new();
        let file = payloads_of_file();
        assert_eq!(file.len(), 49);
        for payload in file.into_iter().chain(payloads()) {
            let txn = Txn::decode(&payload).unwrap();
            assert_eq!(txn.header.op, txn.body.op().to_i32());
            assert_eq!(txn.digest.is_none(), matches!(txn.body, TxnBody::Error(_)));
            assert_eq!(txn.encode(), payload);
            seen.insert(txn.body.op());
        }
        assert_eq!(seen.len(), 11, "{seen:?}");
    }

    #[test]
    fn fields() {
        let txns: Vec<Txn> = payloads().iter().map(|p| Txn::decode(p).unwrap()).collect();
        assert_eq!(
            txns[0].header,
            TxnHeader {
                client_id: SessionId(0x0100_000f_0e2f_0000),
                cxid: 0,
                zxid: Zxid(1),
                time: 1_795_167_840_132,
                op: -10
            }
        );
        assert_eq!(txns[0].body, TxnBody::CreateSession(10000));
        assert_eq!(txns[0].digest, Some(TxnDigest { version: 2, tree_digest: 0x51c6_d660 }));
        let ttl =
            txns.iter().find_map(|t| if let TxnBody::CreateTtl(ttl) = &t.body { Some(ttl) } else { None });
        assert_eq!(ttl.map(|t| (t.parent_cversion, t.ttl)), Some((3, 600_000)));
        let failed = txns.iter().find(|t| t.header.zxid == Zxid(0x18)).unwrap();
        let TxnBody::Multi(parts) = &failed.body else { panic!() };
        assert_eq!(parts[1..], [TxnBody::Error(-101), TxnBody::Error(-2)]);
        let closed: Vec<_> = txns.iter().filter(|t| t.body.op() == OpCode::CloseSession).collect();
        let paths = vec!["/a/es0000000003".to_string(), "/a/e".to_string()];
        assert_eq!(closed[0].body, TxnBody::CloseSession(Some(paths)));
        assert_eq!(closed[1].body, TxnBody::CloseSession(Some(vec![])));
    }

    fn header(op: i32) -> TxnHeader {
        TxnHeader { client_id: SessionId(5), cxid: 1, zxid: Zxid::new(1, 7), time: 0, op }
    }

    #[test]
    fn a_close_session_of_3_5_names_no_paths() {
        for digest in [None, Some(TxnDigest { version: 2, tree_digest: 0x51c6_d660 })] {
            let txn = Txn { header: header(-11), body: TxnBody::CloseSession(None), digest };
            assert_eq!(Txn::decode(&txn.encode()), Ok(txn));
        }
        // Twelve bytes that are a path.
        let body = TxnBody::CloseSession(Some(vec!["/abc".to_string()]));
        let txn = Txn { header: header(-11), body, digest: None };
        assert_eq!(txn.encode().len(), TxnHeader::LEN + TxnDigest::LEN);
        assert_eq!(Txn::decode(&txn.encode()), Ok(txn));
    }

    #[test]
    fn a_create_of_3_3_has_no_cversion() {
        let create = |parent_cversion| CreateTxn {
            path: "/a".to_string(),
            data: None,
            acl: vec![Acl::open()],
            ephemeral: true,
            parent_cversion,
        };
        let txn = Txn { header: header(1), body: TxnBody::Create(create(9)), digest: None };
        let whole = txn.encode();
        let old = Txn::decode(&whole.slice(..whole.len() - 4)).unwrap();
        assert_eq!(old.body, TxnBody::Create(create(-1)));
        let create2 = Txn { header: header(15), body: TxnBody::Create2(create(9)), digest: None }.encode();
        assert!(Txn::decode(&create2.slice(..create2.len() - 4)).is_err());
    }

    #[test]
    fn poison_keeps_its_place() {
        let mut unknown = Vec::new();
        header(4711).write(&mut unknown);
        let error = Txn::decode(&unknown.into()).unwrap_err();
        assert_eq!(error.header, Some(header(4711)));
        assert_eq!(error.error.why, Why::Value(4711));
        let nested = TxnBody::Multi(vec![TxnBody::Multi(vec![])]);
        let nested = Txn { header: header(14), body: nested, digest: None }.encode();
        let error = Txn::decode(&nested).unwrap_err();
        assert_eq!((error.error.field, error.error.why), ("MultiTxn.type", Why::Value(14)));
        assert_eq!(Txn::decode(&Bytes::from_static(b"short")).unwrap_err().header, None);
    }

    fn path() -> impl Strategy<Value = String> {
        "(/[a-z0-9]{1,8}){1,4}"
    }

    fn data() -> impl Strategy<Value = Option<Bytes>> {
        proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from))
    }

    fn acls() -> impl Strategy<Value = Vec<Acl>> {
        let acl = (0..32i32, "[a-z]{1,6}", any::<String>()).prop_map(|(p, s, i)| Acl::new(p, &s, &i));
        proptest::collection::vec(acl, 0..3)
    }

    fn create() -> impl Strategy<Value = CreateTxn> {
        (path(), data(), acls(), any::<bool>(), any::<i32>()).prop_map(
            |(path, data, acl, ephemeral, parent_cversion)| CreateTxn {
                path,
                data,
                acl,
                ephemeral,
                parent_cversion,
            },
        )
    }

    fn simple() -> impl Strategy<Value = TxnBody> {
        prop_oneof![
            create().prop_map(TxnBody::Create),
            create().prop_map(TxnBody::Create2),
            create().prop_map(|c| TxnBody::CreateContainer(CreateTxn { ephemeral: false, ..c })),
            (create(), any::<i64>()).prop_map(|(c, ttl)| TxnBody::CreateTtl(CreateTtlTxn {
                path: c.path,
                data: c.data,
                acl: c.acl,
                parent_cversion: c.parent_cversion,
                ttl
            })),
            path().prop_map(TxnBody::Delete),
            path().prop_map(TxnBody::DeleteContainer),
            (path(), data(), any::<i32>()).prop_map(|(path, data, version)| TxnBody::SetData(SetDataTxn {
                path,
                data,
                version
            })),
            (path(), any::<i32>())
                .prop_map(|(path, version)| TxnBody::Check(CheckVersionTxn { path, version })),
            any::<i32>().prop_map(TxnBody::Error),
        ]
    }

    fn body() -> impl Strategy<Value = TxnBody> {
        prop_oneof![
            simple(),
            proptest::collection::vec(simple(), 0..4).prop_map(TxnBody::Multi),
            any::<i32>().prop_map(TxnBody::CreateSession),
            proptest::collection::vec(path(), 0..4).prop_map(|paths| TxnBody::CloseSession(Some(paths))),
            (path(), acls(), any::<i32>()).prop_map(|(path, acl, version)| TxnBody::SetAcl(SetAclTxn {
                path,
                acl,
                version
            })),
            (path(), data(), any::<i32>()).prop_map(|(path, data, version)| TxnBody::Reconfig(SetDataTxn {
                path,
                data,
                version
            })),
        ]
    }

    proptest! {
        #[test]
        fn transactions_come_back(body in body(), digest in proptest::option::of(any::<i64>())) {
            let digest = digest.map(|tree_digest| TxnDigest { version: 2, tree_digest });
            let txn = Txn { header: header(body.op().to_i32()), body, digest };
            prop_assert_eq!(Txn::decode(&txn.encode()), Ok(txn));
        }

        #[test]
        fn arbitrary_bodies_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = Txn::decode(&Bytes::from(bytes.clone()));
            for op in OpCode::ALL {
                let mut txn = header(op.to_i32()).to_bytes();
                txn.extend_from_slice(&bytes);
                let _ = Txn::decode(&txn.into());
            }
        }
    }
}
