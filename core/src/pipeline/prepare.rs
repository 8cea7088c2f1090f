//! The leader turns a request into a transaction: it validates against what will be, and says what
//! changes (`PrepRequestProcessor`).
//!
//! The order of the checks is ZooKeeper's, since clients see which one fails first.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use bytes::Bytes;

use super::message::ClientRequest;
use super::outstanding::{Future, Outstanding};
use super::rules::prepare as rules;
use super::settings::Settings;
use crate::auth;
use crate::auth::Rights;
use crate::ids::{Now, Touch, Zxid};
use crate::payload::Origin;
use crate::session::{SessionError, SessionTracker};
use crate::tree::owner::MAX_TTL;
use crate::tree::store::Meta;
use crate::tree::{DataTree, Owner, digest, path};
use crate::wire::client::{
    CheckVersionRequest, CreateMode, CreateRequest, CreateTtlRequest, DeleteRequest, MultiOp, OpCode,
    Request, SetAclRequest, SetDataRequest,
};
use crate::wire::error_code::ErrorCode;
use crate::wire::jute::Reader;
use crate::wire::record::{Acl, perms};
use crate::wire::txn::{CheckVersionTxn, CreateTtlTxn, CreateTxn, SetAclTxn, SetDataTxn, TxnBody};

/// Everything that preparing one request looks at and changes.
pub(super) struct Preparation<'a> {
    pub(super) settings: &'a Settings,
    pub(super) tree: &'a DataTree,
    pub(super) outstanding: &'a mut Outstanding,
    pub(super) tracker: &'a mut SessionTracker,
    pub(super) now: Now,
    pub(super) zxid: Zxid,
    pub(super) request: &'a ClientRequest,
    pub(super) origin: Origin,
    /// How many bytes the access control lists of the transaction may still take together.
    pub(super) room: usize,
    /// What the client may do.
    pub(super) rights: Rights<'a>,
}

/// What the four kinds of create have in common.
struct Creation<'a> {
    op: OpCode,
    path: &'a str,
    data: &'a Option<Bytes>,
    acl: &'a [Acl],
    flags: i32,
    /// −1 except for createTTL.
    ttl: i64,
}

impl<'a> Creation<'a> {
    fn plain(op: OpCode, r: &'a CreateRequest) -> Self {
        Creation { op, path: &r.path, data: &r.data, acl: &r.acl, flags: r.flags, ttl: -1 }
    }

    fn with_ttl(r: &'a CreateTtlRequest) -> Self {
        let (data, acl) = (&r.data, &r.acl);
        Creation { op: OpCode::CreateTtl, path: &r.path, data, acl, flags: r.flags, ttl: r.ttl }
    }
}

type Prepared = Result<TxnBody, ErrorCode>;

/// The mode that these flags ask for, if `op` may ask for it: a time to live is for createTTL, and
/// for nothing else.
fn create_mode(op: OpCode, flags: i32) -> Result<CreateMode, ErrorCode> {
    let mode = CreateMode::from_i32(flags).ok_or(ErrorCode::BadArguments)?;
    if mode.is_ttl() == (op == OpCode::CreateTtl) { Ok(mode) } else { Err(ErrorCode::BadArguments) }
}

impl Preparation<'_> {
    /// The transaction's body.
    pub(super) fn prepare(&mut self) -> TxnBody {
        self.outstanding.begin(self.tree);
        self.body().unwrap_or_else(|code| self.fail(code))
    }

    /// The request fails: nothing of what it was to change stays among the outstanding changes.
    pub(super) fn fail(&mut self, code: ErrorCode) -> TxnBody {
        self.outstanding.roll_back();
        TxnBody::Error(code.to_i32())
    }

    fn body(&mut self) -> Prepared {
        let op = OpCode::from_i32(self.request.op).ok_or(ErrorCode::Unimplemented)?;
        // Only the leader's own reaper deletes containers: no ACL is checked for it.
        if op == OpCode::DeleteContainer && self.origin != Origin::Local {
            return Err(ErrorCode::Unimplemented);
        }
        let mut body = Reader::with_limit(&self.request.body, self.settings.max_field);
        let request = Request::read(op, &mut body).map_err(|_| ErrorCode::MarshallingError)?;
        match request {
            Request::CreateSession(timeout_ms) => Ok(self.create_session(timeout_ms)),
            Request::CloseSession => Ok(self.close_session()),
            Request::DeleteContainer(r) => self.delete_container(&r.path),
            Request::Multi(parts) => self.multi(parts),
            Request::Create(r) | Request::Create2(r) | Request::CreateContainer(r) => {
                self.create(&Creation::plain(op, &r))
            }
            Request::CreateTtl(r) => self.create(&Creation::with_ttl(&r)),
            Request::Delete(r) => self.delete(r),
            Request::SetData(r) => self.set_data(r),
            Request::SetAcl(r) => self.set_acl(&r),
            Request::Reconfig(_) => Err(ErrorCode::ReconfigDisabled),
            // A check outside of a multi must not become a transaction (ZOOKEEPER-2623), and
            // reads have no business here.
            _ => Err(ErrorCode::Unimplemented),
        }
    }

    fn create_session(&mut self, timeout_ms: i32) -> TxnBody {
        let touch = Touch { session: self.request.session, timeout_ms };
        self.tracker.track(self.now.elapsed_ms, touch, Some(self.origin));
        TxnBody::CreateSession(timeout_ms)
    }

    fn close_session(&mut self) -> TxnBody {
        let ephemerals = self.outstanding.ephemerals(self.tree, self.request.session);
        let paths = rules::named_by_close_session(self.settings, self.tree, ephemerals);
        for path in &paths {
            if let (Some(znode), Some(parent)) = (self.look(path), path::parent(path)) {
                self.remove(path, &znode, parent);
            }
        }
        self.tracker.set_closing(self.request.session);
        TxnBody::CloseSession(Some(paths.iter().map(|path| String::from(&**path)).collect()))
    }

    /// One part after the other, each seeing those before it; all or nothing.
    fn multi(&mut self, parts: Vec<MultiOp>) -> Prepared {
        self.check_session()?;
        let mut bodies = Vec::with_capacity(parts.len());
        let mut failed = None;
        for part in parts {
            let body = match failed {
                Some(code) => Err(rules::code_behind_failure(self.settings, code)),
                None => match self.part(part) {
                    // No room is left: the request as a whole is too big.
                    Err(ErrorCode::MarshallingError) => return Err(ErrorCode::MarshallingError),
                    body => body,
                },
            };
            bodies.push(body.unwrap_or_else(|code| {
                failed = failed.or(Some(code));
                TxnBody::Error(code.to_i32())
            }));
        }
        if failed.is_some() && rules::failed_multi_is_rolled_back(self.settings) {
            self.outstanding.roll_back();
        }
        Ok(TxnBody::Multi(bodies))
    }

    fn part(&mut self, part: MultiOp) -> Prepared {
        let op = part.op();
        match part {
            // As a part, create2 is a create: followers up to 3.8.1 do not know the other.
            MultiOp::Create(r) | MultiOp::Create2(r) | MultiOp::CreateContainer(r) => {
                let op = if op == OpCode::Create2 { OpCode::Create } else { op };
                self.create(&Creation::plain(op, &r))
            }
            MultiOp::CreateTtl(r) => self.create(&Creation::with_ttl(&r)),
            MultiOp::Delete(r) => self.delete(r),
            MultiOp::SetData(r) => self.set_data(r),
            MultiOp::Check(r) => self.check(r),
        }
    }

    fn create(&mut self, new: &Creation<'_>) -> Prepared {
        let mode = CreateMode::from_i32(new.flags).ok_or(ErrorCode::BadArguments)?;
        if mode.is_ttl() && !self.settings.extended_types {
            return Err(ErrorCode::Unimplemented);
        }
        create_mode(new.op, new.flags)?;
        if mode.is_ttl() && !(1..=MAX_TTL).contains(&new.ttl) {
            return Err(ErrorCode::BadArguments);
        }
        self.check_session()?;
        if new.path.contains('\0') {
            return Err(ErrorCode::BadArguments);
        }
        let parent_path = path::parent(new.path).ok_or(ErrorCode::BadArguments)?;
        let acl = self.fixed_acl(new.acl)?;
        let parent = self.look(parent_path).ok_or(ErrorCode::NoNode)?;
        self.check_acl(&parent.acl, perms::CREATE)?;
        let path = if mode.is_sequential() {
            // The counter ends here: a name given now could be given again.
            if parent.meta.cversion == i32::MAX {
                return Err(ErrorCode::NodeExists);
            }
            format!("{}{:010}", new.path, rules::sequence_number(self.settings, &parent))
        } else {
            String::from(new.path)
        };
        path::validate(&path).map_err(|_| ErrorCode::BadArguments)?;
        if self.look(&path).is_some() {
            return Err(ErrorCode::NodeExists);
        }
        if !rules::may_have_children(self.settings, &parent.owner) {
            return Err(ErrorCode::NoChildrenForEphemerals);
        }
        // The operation decides between a container and the others, as it decides on the transaction.
        let owner = match new.op {
            OpCode::CreateContainer => Owner::Container,
            OpCode::CreateTtl => Owner::Ttl(new.ttl),
            _ if mode.is_ephemeral() => Owner::Session(self.request.session),
            _ => Owner::Nobody,
        };
        let parent_cversion = rules::cversion_with_child(self.settings, parent.meta.cversion);
        self.add(&path, new.data.as_deref(), &acl, owner, (parent_path, parent, parent_cversion));
        let (path, data) = (path, new.data.clone());
        Ok(match new.op {
            OpCode::CreateTtl => {
                TxnBody::CreateTtl(CreateTtlTxn { path, data, acl, parent_cversion, ttl: new.ttl })
            }
            op => {
                let txn = CreateTxn { path, data, acl, ephemeral: mode.is_ephemeral(), parent_cversion };
                match op {
                    OpCode::CreateContainer => TxnBody::CreateContainer(txn),
                    OpCode::Create2 => TxnBody::Create2(txn),
                    _ => TxnBody::Create(txn),
                }
            }
        })
    }

    fn add(
        &mut self,
        path: &str,
        data: Option<&[u8]>,
        acl: &[Acl],
        owner: Owner,
        (parent_path, before, cversion): (&str, Future, i32),
    ) {
        let mut parent = before.clone();
        if cversion > parent.meta.cversion {
            parent.meta.cversion = cversion;
            parent.meta.pzxid = self.zxid;
        }
        parent.children += 1;
        self.outstanding.put(self.zxid, parent_path, Some(&before), Some(parent));
        let meta = Meta {
            czxid: self.zxid,
            mzxid: self.zxid,
            pzxid: self.zxid,
            ctime: self.now.wall_ms,
            mtime: self.now.wall_ms,
            ephemeral_owner: owner.to_raw(),
            content_crc: digest::content_crc(path, data),
            ..Meta::default()
        };
        let acl: Arc<[Acl]> = acl.into();
        self.outstanding.put(self.zxid, path, None, Some(Future { meta, children: 0, acl, owner }));
    }

    fn delete(&mut self, r: DeleteRequest) -> Prepared {
        self.check_session()?;
        if !path::may_be_deleted(&r.path) {
            return Err(ErrorCode::BadArguments);
        }
        let parent_path = path::parent(&r.path).ok_or(ErrorCode::BadArguments)?;
        let parent = self.look(parent_path).ok_or(ErrorCode::NoNode)?;
        let own = if rules::delete_asks_znode(self.settings) { self.look(&r.path) } else { None };
        self.check_acl(own.as_ref().map_or(&parent.acl, |znode| &znode.acl), perms::DELETE)?;
        let znode = self.look(&r.path).ok_or(ErrorCode::NoNode)?;
        self.compare(r.version, znode.meta.version)?;
        if znode.children > 0 {
            return Err(ErrorCode::NotEmpty);
        }
        self.remove(&r.path, &znode, parent_path);
        Ok(TxnBody::Delete(r.path))
    }

    fn delete_container(&mut self, path: &str) -> Prepared {
        if !path::may_be_deleted(path) {
            return Err(ErrorCode::BadArguments);
        }
        let parent_path = path::parent(path).ok_or(ErrorCode::BadArguments)?;
        let znode = self.look(path).ok_or(ErrorCode::NoNode)?;
        if znode.children > 0 {
            return Err(ErrorCode::NotEmpty);
        }
        if !matches!(znode.owner, Owner::Container | Owner::Ttl(_)) {
            return Err(ErrorCode::BadVersion);
        }
        self.remove(path, &znode, parent_path);
        Ok(TxnBody::DeleteContainer(String::from(path)))
    }

    fn remove(&mut self, path: &str, znode: &Future, parent_path: &str) {
        if let Some(before) = self.look(parent_path) {
            let mut parent = before.clone();
            parent.meta.pzxid = parent.meta.pzxid.max(rules::pzxid_of_deletion(self.settings, self.zxid));
            parent.children = parent.children.saturating_sub(1);
            self.outstanding.put(self.zxid, parent_path, Some(&before), Some(parent));
        }
        self.outstanding.put(self.zxid, path, Some(znode), None);
    }

    fn set_data(&mut self, r: SetDataRequest) -> Prepared {
        self.check_session()?;
        if rules::version_comes_before_acl(self.settings)
            && let Some(znode) = self.look(&r.path)
        {
            self.compare(r.version, znode.meta.version)?;
        }
        let before = self.existing(&r.path, perms::WRITE)?;
        let version = self.compare(r.version, before.meta.version)?;
        let mut after = before.clone();
        after.meta.version = version;
        if rules::set_data_sets_times(self.settings) {
            after.meta.mzxid = self.zxid;
            after.meta.mtime = self.now.wall_ms;
        }
        after.meta.content_crc = digest::content_crc(&r.path, r.data.as_deref());
        self.outstanding.put(self.zxid, &r.path, Some(&before), Some(after));
        Ok(TxnBody::SetData(SetDataTxn { path: r.path, data: r.data, version }))
    }

    fn set_acl(&mut self, r: &SetAclRequest) -> Prepared {
        self.check_session()?;
        path::validate(&r.path).map_err(|_| ErrorCode::BadArguments)?;
        let acl = self.fixed_acl(&r.acl)?;
        let before = self.existing(&r.path, perms::ADMIN)?;
        let next = self.compare(r.version, rules::version_of_acl(self.settings, &before.meta))?;
        let version = rules::aversion_after(self.settings, before.meta.aversion, next);
        let mut after = before.clone();
        after.meta.aversion = version;
        after.acl = acl.as_slice().into();
        self.outstanding.put(self.zxid, &r.path, Some(&before), Some(after));
        Ok(TxnBody::SetAcl(SetAclTxn { path: r.path.clone(), acl, version }))
    }

    fn check(&mut self, r: CheckVersionRequest) -> Prepared {
        self.check_session()?;
        let znode = self.existing(&r.path, perms::READ)?;
        let compared = self.compare(r.version, znode.meta.version)?;
        let present = || self.tree.get(&r.path).map(|present| present.meta().version);
        let version = rules::version_of_check(self.settings, compared, present);
        Ok(TxnBody::Check(CheckVersionTxn { path: r.path, version }))
    }

    /// The list to be stored for the one that was asked for; what the lists of one transaction take
    /// together is bounded.
    fn fixed_acl(&mut self, asked: &[Acl]) -> Result<Vec<Acl>, ErrorCode> {
        let acl = auth::fix_acl(self.settings.schemes, asked, &self.request.auth, self.room)?;
        self.room -= acl.iter().map(|entry| 12 + entry.id.scheme.len() + entry.id.id.len()).sum::<usize>();
        Ok(acl)
    }

    fn compare(&self, expected: i32, current: i32) -> Result<i32, ErrorCode> {
        rules::compared_version(self.settings, expected, current)
    }

    /// The znode at a valid path, if the client may do this with it.
    fn existing(&mut self, path: &str, wanted: i32) -> Result<Future, ErrorCode> {
        path::validate(path).map_err(|_| ErrorCode::BadArguments)?;
        let znode = self.look(path).ok_or(ErrorCode::NoNode)?;
        let acl = rules::acl_that_counts(self.settings, self.tree, path, &znode);
        self.check_acl(&Arc::clone(acl), wanted)?;
        Ok(znode)
    }

    fn look(&self, path: &str) -> Option<Future> {
        if rules::outstanding_is_ignored(self.settings) {
            return Outstanding::new(self.settings.hash_key).look(self.tree, path);
        }
        self.outstanding.look(self.tree, path)
    }

    fn check_acl(&mut self, acl: &Arc<[Acl]>, wanted: i32) -> Result<(), ErrorCode> {
        if self.rights.allow(acl, wanted) { Ok(()) } else { Err(ErrorCode::NoAuth) }
    }

    fn check_session(&mut self) -> Result<(), ErrorCode> {
        self.tracker.check(self.request.session, self.origin).map_err(|error| match error {
            SessionError::Expired => ErrorCode::SessionExpired,
            SessionError::Moved => ErrorCode::SessionMoved,
        })
    }
}
