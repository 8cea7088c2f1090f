//! A committed transaction changes the state, tells watchers, and answers the client that asked for it.
//!
//! Nothing in a transaction's content can stop a server: what cannot be read or done fails as a
//! transaction, on every server alike.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use bytes::Bytes;

use super::connection::{Pending, Work};
use super::message::ClientTxn;
use super::rules::apply as rules;
use super::rules::prepare::{pzxid_of_deletion, set_data_sets_times};
use super::tree_service::{Fx, TreeService};
use super::watches::Notifier;
use crate::ids::{Now, SessionId, Touch, Zxid};
use crate::payload::Effect;
use crate::tree::owner::MAX_TTL;
use crate::tree::{NewZnode, Owner, TreeError, digest, path};
use crate::watch::Told;
use crate::wire::client::{EventType, MultiResult, OpCode, Response};
use crate::wire::error_code::ErrorCode;
use crate::wire::record::{Acl, Stat};
use crate::wire::state::Reach;
use crate::wire::txn::{CreateTtlTxn, CreateTxn, SetAclTxn, SetDataTxn, Txn, TxnBody, TxnHeader};

/// A digest is noted after every zxid that is a multiple of this, and so many of them are kept (as
/// ZooKeeper's `DataTree`).
const DIGEST_INTERVAL: u64 = 128;
const DIGESTS: usize = 1024;

/// What a transaction has done.
enum Done<'a> {
    /// Nothing to tell.
    Nothing,
    /// A znode was created.
    Created(&'a str, Stat),
    /// A znode's data or list was set.
    Set(Stat),
    /// The configuration was replaced.
    Configured(&'a Option<Bytes>, Stat),
    /// The parts of a multi.
    Parts(Vec<Result<Done<'a>, i32>>),
}

/// What a transaction may say once it is applied: what it did, or an error code.
type Outcome<'a> = Result<Done<'a>, i32>;

fn failed(code: ErrorCode) -> i32 {
    code.to_i32()
}

impl From<TreeError> for ErrorCode {
    fn from(error: TreeError) -> Self {
        error.code()
    }
}

impl TreeService {
    pub(super) fn apply_txn(&mut self, now: Now, zxid: Zxid, txn: &ClientTxn, fx: &mut Fx) {
        let decoded = Txn::decode(&txn.0);
        let told_before = fx.len();
        let (header, outcome) = match &decoded {
            Ok(txn) => {
                let outcome = self.apply_body(zxid, &txn.header, &txn.body, fx);
                if matches!(self.state.reach, Reach::UpTo(last) if last <= zxid) {
                    self.state.reach = Reach::Exact;
                }
                if let Some(logged) = txn.digest.filter(|logged| logged.version == digest::VERSION)
                    && self.state.reach == Reach::Exact
                    && logged.tree_digest != self.state.tree.digest()
                {
                    self.counters.digest_mismatches += 1;
                }
                self.sessions_changed(now, &txn.header, &txn.body);
                (Some(txn.header), outcome)
            }
            Err(error) => {
                self.counters.unreadable_txns += 1;
                (error.header, Err(failed(ErrorCode::MarshallingError)))
            }
        };
        self.state.applied = zxid;
        self.note_digest(zxid);
        let late =
            if rules::events_follow_reply(&self.settings) { fx.split_off(told_before) } else { Fx::new() };
        if let Some(leading) = &mut self.leading {
            leading.outstanding.applied(zxid);
        }
        if let Some(header) = header {
            self.finish(now, &header, outcome, fx);
        }
        fx.extend(late);
    }

    /// What servers of one history have in common, for comparison (`DataTree.logZxidDigest`).
    fn note_digest(&mut self, zxid: Zxid) {
        if zxid.0.is_multiple_of(DIGEST_INTERVAL) {
            if self.state.digests.len() == DIGESTS {
                self.state.digests.pop_front();
            }
            self.state.digests.push_back((zxid, self.state.tree.digest()));
        }
    }

    fn apply_body<'a>(
        &mut self,
        zxid: Zxid,
        header: &TxnHeader,
        body: &'a TxnBody,
        fx: &mut Fx,
    ) -> Outcome<'a> {
        match body {
            TxnBody::Error(code) => Err(*code),
            TxnBody::CreateSession(_) => Ok(Done::Nothing),
            TxnBody::CloseSession(paths) => {
                self.delete_all(zxid, header.client_id, paths.as_deref().unwrap_or_default(), fx);
                Ok(Done::Nothing)
            }
            TxnBody::Multi(parts) => self.apply_parts(zxid, header, parts, fx),
            _ => self.apply_one(zxid, header, body, fx).map_err(failed),
        }
    }

    /// All parts, or none if one of them failed when the transaction was prepared.
    fn apply_parts<'a>(
        &mut self,
        zxid: Zxid,
        header: &TxnHeader,
        parts: &'a [TxnBody],
        fx: &mut Fx,
    ) -> Outcome<'a> {
        let first_error = rules::failed_part(&self.settings, parts);
        let outcomes = parts.iter().enumerate().map(|(i, part)| match (part, first_error) {
            (TxnBody::Error(code), _) => Err(*code),
            (_, Some(first)) if i < first => Err(failed(ErrorCode::Ok)),
            (_, Some(_)) => Err(failed(ErrorCode::RuntimeInconsistency)),
            (part, None) => self.apply_one(zxid, header, part, fx).map_err(failed),
        });
        Ok(Done::Parts(outcomes.collect()))
    }

    fn apply_one<'a>(
        &mut self,
        zxid: Zxid,
        header: &TxnHeader,
        body: &'a TxnBody,
        fx: &mut Fx,
    ) -> Result<Done<'a>, ErrorCode> {
        match body {
            TxnBody::Create(txn) => {
                let owner = if txn.ephemeral { Owner::Session(header.client_id) } else { Owner::Nobody };
                let done = self.create(zxid, header, txn, owner, fx);
                if done.as_ref().err() == Some(&ErrorCode::NodeExists) {
                    self.state.tree.mend_parent(&txn.path, txn.parent_cversion, zxid);
                }
                done
            }
            TxnBody::Create2(txn) => {
                let owner = if txn.ephemeral { Owner::Session(header.client_id) } else { Owner::Nobody };
                self.create(zxid, header, txn, owner, fx)
            }
            TxnBody::CreateContainer(txn) => self.create(zxid, header, txn, Owner::Container, fx),
            TxnBody::CreateTtl(CreateTtlTxn { path, data, acl, parent_cversion, ttl }) => {
                // Java's leaders let impossible ones through and die of them.
                if !(0..=MAX_TTL).contains(ttl) {
                    return Err(ErrorCode::BadArguments);
                }
                let new = NewZnode {
                    path,
                    data: data.as_deref(),
                    acl,
                    owner: Owner::Ttl(*ttl),
                    parent_cversion: *parent_cversion,
                };
                self.create_znode(zxid, header, new, fx)
            }
            TxnBody::Delete(path) | TxnBody::DeleteContainer(path) => {
                self.delete(zxid, path, fx)?;
                Ok(Done::Nothing)
            }
            TxnBody::SetData(txn) => self.set_data(zxid, header, txn, fx).map(Done::Set),
            TxnBody::Reconfig(txn) => {
                let stat = self.set_data(zxid, header, txn, fx)?;
                Ok(Done::Configured(&txn.data, stat))
            }
            TxnBody::SetAcl(SetAclTxn { path, acl, version }) => {
                self.state.tree.set_acl(path, acl, *version)?;
                Ok(Done::Set(self.stat(path)))
            }
            // Checked when it was prepared. As a transaction of its own it is in logs damaged by
            // ZOOKEEPER-2623, and does nothing.
            TxnBody::Check(_) => Ok(Done::Nothing),
            TxnBody::Error(code) => Err(ErrorCode::from_i32(*code).unwrap_or(ErrorCode::SystemError)),
            TxnBody::CreateSession(_) | TxnBody::CloseSession(_) | TxnBody::Multi(_) => {
                Err(ErrorCode::MarshallingError)
            }
        }
    }

    fn create<'a>(
        &mut self,
        zxid: Zxid,
        header: &TxnHeader,
        txn: &'a CreateTxn,
        owner: Owner,
        fx: &mut Fx,
    ) -> Result<Done<'a>, ErrorCode> {
        let CreateTxn { path, data, acl, parent_cversion, .. } = txn;
        let parent_cversion = *parent_cversion;
        self.create_znode(
            zxid,
            header,
            NewZnode { path, data: data.as_deref(), acl, owner, parent_cversion },
            fx,
        )
    }

    fn create_znode<'a>(
        &mut self,
        zxid: Zxid,
        header: &TxnHeader,
        new: NewZnode<'a>,
        fx: &mut Fx,
    ) -> Result<Done<'a>, ErrorCode> {
        let stat = self.state.tree.create(new, zxid, header.time)?;
        if !self.clients.watches.is_empty() {
            let parent_acl = self.parent_acl(new.path);
            let (watches, mut notifier) = self.notifier(zxid, fx);
            watches.created(new.path, |told| notifier.tell(told, acl_for(&told, new.acl, &parent_acl)));
        }
        Ok(Done::Created(new.path, stat))
    }

    fn delete(&mut self, zxid: Zxid, path: &str, fx: &mut Fx) -> Result<(), ErrorCode> {
        let deleted = self.state.tree.delete(path, pzxid_of_deletion(&self.settings, zxid))?;
        if !self.clients.watches.is_empty() {
            let parent_acl = self.parent_acl(path);
            let (watches, mut notifier) = self.notifier(zxid, fx);
            watches.deleted(path, |told| notifier.tell(told, acl_for(&told, &deleted.acl, &parent_acl)));
        }
        Ok(())
    }

    fn set_data(
        &mut self,
        zxid: Zxid,
        header: &TxnHeader,
        txn: &SetDataTxn,
        fx: &mut Fx,
    ) -> Result<Stat, ErrorCode> {
        let SetDataTxn { path, data, version } = txn;
        let (mut zxid, mut time) = (zxid, header.time);
        if !set_data_sets_times(&self.settings) {
            let stat = self.stat(path);
            (zxid, time) = (stat.mzxid, stat.mtime);
        }
        let stat = self.state.tree.set_data(path, data.as_deref(), *version, zxid, time)?;
        if !self.clients.watches.is_empty()
            && let Some(node) = self.state.tree.get(path)
        {
            let acl = Arc::clone(self.state.tree.acl(&node));
            let (watches, mut notifier) = self.notifier(zxid, fx);
            watches.data_changed(path, |told| notifier.tell(told, &acl));
        }
        Ok(stat)
    }

    /// The end of a session: the znodes that the transaction names, in its order, and whatever
    /// else belongs to the session here.
    fn delete_all(&mut self, zxid: Zxid, session: SessionId, paths: &[String], fx: &mut Fx) {
        if !rules::end_deletes_ephemerals(&self.settings) {
            return;
        }
        for path in paths {
            // One that is not there (replay of a fuzzy snapshot) is gone already.
            let _ = self.delete(zxid, path, fx);
        }
        if !rules::end_deletes_what_is_left(&self.settings) {
            return;
        }
        let left: Vec<Arc<str>> = self.state.tree.owned().of_session(session).cloned().collect();
        for path in left {
            let _ = self.delete(zxid, &path, fx);
        }
    }

    fn sessions_changed(&mut self, now: Now, header: &TxnHeader, body: &TxnBody) {
        let session = header.client_id;
        match body {
            TxnBody::CreateSession(timeout_ms) => {
                let timeout_ms = *timeout_ms;
                self.state.sessions.insert(session, timeout_ms);
                if let Some(leading) = &mut self.leading
                    && !leading.tracker.is_tracked(session)
                {
                    leading.tracker.track(now.elapsed_ms, Touch { session, timeout_ms }, None);
                }
            }
            TxnBody::CloseSession(_) => {
                self.state.sessions.remove(&session);
                if let Some(leading) = &mut self.leading
                    && rules::end_is_noted(&self.settings)
                {
                    leading.tracker.remove(session);
                }
            }
            _ => {}
        }
    }

    /// Answer the request that this transaction came from, if it came from here, and what waited
    /// behind it.
    fn finish(&mut self, now: Now, header: &TxnHeader, outcome: Outcome<'_>, fx: &mut Fx) {
        let session = header.client_id;
        if let Some(pending) = self.clients.queues.take_committed(header) {
            self.answer_commit(now, pending, outcome, fx);
        }
        if header.op == OpCode::CloseSession.to_i32() {
            // Whoever still speaks for the session learns of its end by losing the connection.
            if let Some(conn) = self.clients.by_session.get(&session)
                && rules::end_closes_connection(&self.settings)
            {
                self.close(*conn, fx);
            }
            self.clients.queues.remove(session);
            self.clients.touches.remove(session);
            return;
        }
        self.proceed(now, session, fx);
    }

    fn answer_commit(&mut self, now: Now, pending: Pending, outcome: Outcome<'_>, fx: &mut Fx) {
        let asked = pending.asked();
        let Pending { conn, op, work: Work::Commit { parts }, .. } = pending else { return };
        if !self.clients.connections.contains_key(&conn) {
            return;
        }
        if op == OpCode::CreateSession {
            return match outcome {
                Ok(_) => self.establish(now, conn, fx),
                Err(_) => self.close(conn, fx),
            };
        }
        // The session speaks through another server by now: no answer.
        if outcome.as_ref().err() == Some(&failed(ErrorCode::SessionMoved)) {
            return self.close(conn, fx);
        }
        self.reply(asked, outcome.map(|done| response(op, &parts, done)), fx);
        if op == OpCode::CloseSession {
            fx.push(Effect::Close(conn));
            self.forget(conn);
        }
    }

    fn stat(&self, path: &str) -> Stat {
        self.state.tree.get(path).map(|node| self.state.tree.stat(&node)).unwrap_or_default()
    }

    fn parent_acl(&self, path: &str) -> Arc<[Acl]> {
        let parent = path::parent(path).and_then(|parent| self.state.tree.get(parent));
        parent.map_or_else(Arc::default, |node| Arc::clone(self.state.tree.acl(&node)))
    }

    fn notifier<'a>(
        &'a mut self,
        zxid: Zxid,
        fx: &'a mut Fx,
    ) -> (&'a mut crate::watch::WatchManager, Notifier<'a>) {
        let skip_acl = self.settings.skip_acl;
        (&mut self.clients.watches, Notifier::new(&self.clients.connections, skip_acl, zxid, fx))
    }
}

/// The list that decides whether a watcher is told: for children it is their parent's.
fn acl_for<'a>(told: &Told<'_>, znode: &'a [Acl], parent: &'a [Acl]) -> &'a [Acl] {
    if told.event == EventType::NodeChildrenChanged { parent } else { znode }
}

/// What the client is told about what its request has done.
fn response(op: OpCode, parts: &[OpCode], done: Done<'_>) -> Response {
    match (op, done) {
        (OpCode::Create, Done::Created(path, _)) => Response::Path(String::from(path)),
        (_, Done::Created(path, stat)) => Response::PathStat(String::from(path), stat),
        (_, Done::Set(stat)) => Response::Stat(stat),
        (_, Done::Configured(data, stat)) => Response::Data { data: data.clone(), stat },
        (_, Done::Nothing) => Response::Empty,
        (_, Done::Parts(outcomes)) => {
            let results = outcomes.into_iter().zip(parts.iter().chain(core::iter::repeat(&OpCode::Error)));
            Response::Multi(results.map(|(outcome, op)| result(*op, outcome)).collect())
        }
    }
}

fn result(op: OpCode, outcome: Outcome<'_>) -> MultiResult {
    match outcome {
        Err(code) => MultiResult::Error(code),
        Ok(Done::Created(path, _)) if op == OpCode::Create => MultiResult::Create(String::from(path)),
        Ok(Done::Created(path, stat)) => MultiResult::Create2(String::from(path), stat),
        Ok(Done::Set(stat)) => MultiResult::SetData(stat),
        Ok(_) if op == OpCode::Delete => MultiResult::Delete,
        Ok(_) => MultiResult::Check,
    }
}
