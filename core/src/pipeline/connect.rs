//! How a connection gets its session, and how it loses it.

use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;

use bytes::Bytes;

use super::connection::{Connection, Pending, Stage, Work};
use super::message::{ClientReply, ClientRequest};
use super::rules::clients as rules;
use super::tree_service::{Fx, TreeService, close_session};
use crate::auth::identities::{TooMany, with_proved};
use crate::ids::{ConnId, Now, SessionId, Touch};
use crate::payload::{Effect, ServingRole};
use crate::session::password::{is_password, password};
use crate::wire::client::{ConnectRequest, ConnectResponse, OpCode, Request};
use crate::wire::jute::Jute;
use crate::wire::record::Id;

impl TreeService {
    /// A ConnectRequest: the checks are in ZooKeeper's order (`processConnectRequest`).
    pub(super) fn connect(
        &mut self,
        now: Now,
        conn: ConnId,
        frame: &Bytes,
        (address, certificate): (IpAddr, Option<String>),
        fx: &mut Fx,
    ) {
        let Ok(request) = ConnectRequest::from_bytes(frame) else { return self.close(conn, fx) };
        if self.clients.connections.contains_key(&conn) {
            return self.close(conn, fx);
        }
        if self.is_read_only() && request.read_only != Some(true) {
            return fx.push(Effect::Close(conn));
        }
        // The client has seen a future that this server does not know yet: let it go elsewhere.
        // (Negative: no server has ever been there.)
        let ahead = self.is_behind(request.last_zxid_seen);
        if ahead && rules::client_ahead_is_refused(&self.settings) {
            return fx.push(Effect::Close(conn));
        }
        let timeout_ms = self.settings.negotiate(request.timeout_ms);
        let is_new = request.session == SessionId(0);
        let session = if is_new {
            let (sessions, here) = (&self.state.sessions, &self.clients.by_session);
            self.clients.ids.next(|id| sessions.contains_key(&id) || here.contains_key(&id))
        } else {
            request.session
        };
        if self.has_local_sessions() && self.state.sessions.contains_key(&session) {
            // It is the ensemble's: whether it still lives, a leader must say.
            return fx.push(Effect::Close(conn));
        }
        // Whoever else speaks for the session here is cut off, even before the password is looked at.
        if let Some(other) = self.clients.by_session.get(&session) {
            self.close(*other, fx);
        }
        if !is_new && !is_password(session, &request.password.unwrap_or_default()) {
            return self.refuse_session(conn, request.read_only, fx);
        }
        let Some(auth) = self.identities(address, certificate) else { return self.close(conn, fx) };
        let connection = Connection {
            address,
            session,
            timeout_ms,
            read_only: request.read_only,
            new_session: is_new,
            auth,
            stage: Stage::Pending(VecDeque::new()),
        };
        self.clients.connections.insert(conn, connection);
        self.clients.by_session.insert(session, conn);
        if self.has_local_sessions() {
            if self.attach_locally(now, Touch { session, timeout_ms }, is_new) {
                self.establish(now, conn, fx);
            } else {
                self.forget(conn);
                self.refuse_session(conn, request.read_only, fx);
            }
        } else if is_new {
            let work = Work::Commit { parts: vec![] };
            self.clients.queues.push(
                session,
                Pending { conn, xid: 0, op: OpCode::CreateSession, after: self.clients.has_up_to, work },
            );
            let body = Request::CreateSession(timeout_ms).body();
            fx.push(Effect::Submit(ClientRequest::internal(session, OpCode::CreateSession, body)));
        } else if ahead && rules::client_ahead_is_let_in(&self.settings) {
            self.establish(now, conn, fx);
        } else {
            fx.push(Effect::Revalidate(Touch { session, timeout_ms }));
        }
    }

    /// What a client is before it has said anything; nothing, if its name is too long to be sent to a leader.
    fn identities(&self, address: IpAddr, certificate: Option<String>) -> Option<Arc<[Id]>> {
        let mut shown = Vec::new();
        if let Some(name) = certificate {
            if self.settings.x509_super_user.as_ref() == Some(&name) {
                shown.push(Id::new("super", &name));
            }
            shown.push(Id::new("x509", &name));
        }
        let here = [Id::new("ip", &address.to_string())];
        match with_proved(&here, shown) {
            Ok(Some(all)) => Some(all),
            Ok(None) => Some(Arc::new(here)),
            Err(TooMany) => None,
        }
    }

    /// Whether a client has seen a later zxid than this server shows; a negative one is no zxid.
    pub fn is_behind(&self, last_zxid_seen: i64) -> bool {
        u64::try_from(last_zxid_seen).is_ok_and(|seen| seen > self.state.applied.0)
    }

    /// The leader's answer to a connection that came back to its session.
    pub(super) fn session_answer(&mut self, now: Now, session: SessionId, valid: bool, fx: &mut Fx) {
        let Some(conn) = self.clients.by_session.get(&session).copied() else { return };
        let Some(connection) = self.clients.connections.get(&conn) else { return };
        if connection.new_session || connection.stage == Stage::Established {
            return;
        }
        if valid {
            return self.establish(now, conn, fx);
        }
        let read_only = connection.read_only;
        self.forget(conn);
        self.refuse_session(conn, read_only, fx);
    }

    /// The session does not exist (any more), or the password is not its own.
    fn refuse_session(&self, conn: ConnId, read_only: Option<bool>, fx: &mut Fx) {
        let refusal = ConnectResponse::refused(read_only.map(|_| self.is_read_only()));
        fx.push(Effect::Reply(conn, ClientReply::Connect(refusal)));
        fx.push(Effect::Close(conn));
    }

    /// The connection has its session: say so, and serve what it has sent meanwhile.
    pub(super) fn establish(&mut self, now: Now, conn: ConnId, fx: &mut Fx) {
        let is_read_only = self.is_read_only();
        let Some(connection) = self.clients.connections.get_mut(&conn) else { return };
        let (session, timeout_ms) = (connection.session, connection.timeout_ms);
        let response = ConnectResponse {
            protocol_version: 0,
            timeout_ms,
            session,
            password: password(session),
            read_only: connection.read_only.map(|_| is_read_only),
        };
        fx.push(Effect::Reply(conn, ClientReply::Connect(response)));
        let stage = core::mem::replace(&mut connection.stage, Stage::Established);
        if self.role == Some(ServingRole::Learner) {
            self.clients.touches.insert(session, timeout_ms);
        }
        if let Stage::Pending(frames) = stage {
            for frame in frames {
                self.frame(now, conn, frame, fx);
            }
        }
    }

    /// Close a connection and forget it. Its session lives on.
    pub(super) fn close(&mut self, conn: ConnId, fx: &mut Fx) {
        self.forget(conn);
        fx.push(Effect::Close(conn));
    }

    /// The connection is gone.
    pub(super) fn forget(&mut self, conn: ConnId) {
        let Some(connection) = self.clients.connections.remove(&conn) else { return };
        if self.clients.by_session.get(&connection.session) == Some(&conn) {
            self.clients.by_session.remove(&connection.session);
        }
        self.clients.watches.remove_watcher(conn);
    }

    /// A new leader ends the sessions that own znodes but are not known: their end was lost with
    /// a damaged or very old data directory.
    pub(super) fn close_unknown_owners(&mut self, fx: &mut Fx) {
        // Without extended types the mark of a TTL znode reads as a session. It is none.
        let is_mark = |session: SessionId| (session.0 as u64) >> 40 == 0xFF_0000;
        let unknown: Vec<SessionId> = self
            .state
            .tree
            .owned()
            .sessions()
            .map(|(session, _)| session)
            .filter(|session| !self.state.sessions.contains_key(session) && !is_mark(*session))
            .collect();
        fx.extend(unknown.into_iter().map(|session| Effect::Submit(close_session(session))));
    }
}
