//! A client's frame: what it is, whether it may go on, and where to.

use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;

use super::connection::{Asked, Pending, Stage, Work};
use super::message::{ClientReply, ClientRequest};
use super::rules::clients as rules;
use super::tree_service::{Fx, TreeService};
use crate::auth::digest;
use crate::auth::identities::{TooMany, with_proved};
use crate::ids::{ConnId, Now, SessionId, Touch};
use crate::payload::{Effect, Origin};
use crate::session::SessionError;
use crate::wire::client::{
    AuthPacket, CreateMode, OpCode, ReplyHeader, Request, RequestHeader, Response, agreeing_body,
};
use crate::wire::error_code::ErrorCode;
use crate::wire::jute::{Jute, Reader};
use crate::wire::record::Id;

/// A request's body, as bytes and as what they say.
struct Arrived {
    body: Bytes,
    request: Result<Request, ErrorCode>,
}

impl TreeService {
    /// A frame behind the first one.
    pub(super) fn frame(&mut self, now: Now, conn: ConnId, frame: Bytes, fx: &mut Fx) {
        let Some(connection) = self.clients.connections.get_mut(&conn) else { return };
        if let Stage::Pending(frames) = &mut connection.stage {
            frames.push_back(frame);
            return;
        }
        let mut reader = Reader::with_limit(&frame, self.settings.max_field);
        let Ok(header) = RequestHeader::read(&mut reader, "") else { return self.close(conn, fx) };
        let asked = Asked { conn, xid: header.xid, op: header.op };
        let op = OpCode::from_i32(header.op).filter(|op| op.is_for_clients());
        let Some(op) = op else { return self.refuse(asked, -1, ErrorCode::Unimplemented, fx) };
        match op {
            OpCode::Auth => match AuthPacket::read(&mut reader, "") {
                Ok(packet) => self.authenticate(asked, &packet, fx),
                Err(_) => self.close(conn, fx),
            },
            // No SASL is configured: an empty token, and the client goes on without.
            OpCode::Sasl => {
                if !matches!(reader.buffer("GetSASLRequest.token"), Ok(Some(_))) {
                    return self.close(conn, fx);
                }
                let header = ReplyHeader { xid: header.xid, zxid: 0, err: 0 };
                let reply = ClientReply::Reply { op: asked.op, header, body: Response::Sasl(None) };
                fx.push(Effect::Reply(conn, reply));
            }
            _ if self.needs_leader(op) => {
                let request = Err(ErrorCode::NotReadOnly);
                self.enqueue(now, conn, header.xid, op, Arrived { body: Bytes::new(), request }, fx);
            }
            OpCode::CloseSession if self.has_local_sessions() => self.close_locally(asked, fx),
            _ => {
                let body = reader.clone().rest();
                let request = Request::read(op, &mut reader);
                let request = request.map_err(|_| ErrorCode::MarshallingError).and_then(locally_valid);
                let agreed = request.as_ref().ok().and_then(|request| agreeing_body(request, &body));
                let body = agreed.unwrap_or(body);
                self.enqueue(now, conn, header.xid, op, Arrived { body, request }, fx);
            }
        }
    }

    /// Writes go to the leader at once; everything waits for its turn.
    fn enqueue(&mut self, now: Now, conn: ConnId, xid: i32, op: OpCode, arrived: Arrived, fx: &mut Fx) {
        let Some(connection) = self.clients.connections.get(&conn) else { return };
        let session = connection.session;
        let touch = Touch { session, timeout_ms: connection.timeout_ms };
        let auth = Arc::clone(&connection.auth);
        let mut work = work_of(arrived.request, &auth);
        if rules::sync_is_local(&self.settings)
            && let Work::Sync { path } = &work
        {
            work = Work::Read { request: Request::Sync(path.clone()), auth: Arc::clone(&auth) };
        }
        if let Some(leading) = &mut self.leading {
            // A session whose end is proposed is not served any more; its connection is about to go.
            if !leading.tracker.touch(now.elapsed_ms, touch) {
                return;
            }
            if matches!(work, Work::Read { .. }) {
                match leading.tracker.check(session, Origin::Local) {
                    Ok(()) => {}
                    Err(SessionError::Moved) => return self.close(conn, fx),
                    Err(SessionError::Expired) => work = Work::Failed(ErrorCode::SessionExpired),
                }
            }
        } else if self.has_local_sessions() {
            self.touch_locally(now, touch);
        } else {
            self.clients.touches.insert(session, touch.timeout_ms);
        }
        let is_ordered = matches!(work, Work::Commit { .. } | Work::Sync { .. });
        let after = rules::answered_behind(&self.settings, self.clients.has_up_to);
        let pending = Pending { conn, xid, op, after, work };
        let waits = self.clients.queues.is_waiting(session) && rules::reads_wait_for_writes(&self.settings);
        if !is_ordered && !waits {
            return self.answer(now, pending, fx);
        }
        let early = rules::write_is_answered_early(&self.settings) && self.leading.is_some();
        if early && matches!(pending.work, Work::Commit { .. }) {
            self.reply(pending.asked(), Ok(Response::Empty), fx);
        } else {
            self.clients.queues.push(session, pending);
        }
        if is_ordered {
            let request = ClientRequest { session, cxid: xid, op: op.to_i32(), body: arrived.body, auth };
            fx.push(Effect::Submit(request));
        }
    }

    /// The session's oldest request is answered: so are those behind it that only waited for it.
    pub(super) fn proceed(&mut self, now: Now, session: SessionId, fx: &mut Fx) {
        while let Some(pending) = self.clients.queues.take_ready(session) {
            self.answer(now, pending, fx);
        }
    }

    /// Answer a request that is not ordered, if its connection is still there.
    fn answer(&mut self, _now: Now, pending: Pending, fx: &mut Fx) {
        let asked = pending.asked();
        let Pending { conn, xid, work, .. } = pending;
        if !self.clients.connections.contains_key(&conn) {
            return;
        }
        let answer = match &work {
            Work::Read { request, auth } => self.read(conn, request, auth, fx),
            Work::Failed(code) => Err(*code),
            Work::Commit { .. } | Work::Sync { .. } => return,
        };
        // A ping is answered as a ping, whatever it called itself.
        let is_ping = matches!(work, Work::Read { request: Request::Ping, .. });
        let xid = if is_ping { crate::wire::client::xid::PING } else { xid };
        self.reply(Asked { xid, ..asked }, answer.map_err(ErrorCode::to_i32), fx);
    }

    /// The leader says that everything before this `sync` is here.
    pub(super) fn answer_sync(&mut self, pending: Pending, fx: &mut Fx) {
        let asked = pending.asked();
        let Work::Sync { path } = pending.work else { return };
        if self.clients.connections.contains_key(&asked.conn) {
            self.reply(asked, Ok(Response::Sync(path)), fx);
        }
    }

    /// Send an answer under the zxid that this server's state stands at.
    pub(super) fn reply(&mut self, asked: Asked, answer: Result<Response, i32>, fx: &mut Fx) {
        let (err, body) = match answer {
            Ok(body) => (0, body),
            Err(code) => (code, Response::Empty),
        };
        let Asked { conn, xid, op } = asked;
        let header = ReplyHeader { err, ..ReplyHeader::ok(xid, self.state.applied) };
        fx.push(Effect::Reply(conn, ClientReply::Reply { op, header, body }));
    }

    /// Send an error and close.
    fn refuse(&mut self, asked: Asked, zxid: i64, code: ErrorCode, fx: &mut Fx) {
        let Asked { conn, xid, op } = asked;
        let header = ReplyHeader { xid, zxid, err: code.to_i32() };
        fx.push(Effect::Reply(conn, ClientReply::Reply { op, header, body: Response::Empty }));
        self.close(conn, fx);
    }

    /// Authentication is answered at once, ahead of requests that wait, and concerns only those
    /// that come after it.
    fn authenticate(&mut self, asked: Asked, packet: &AuthPacket, fx: &mut Fx) {
        let Asked { conn, xid, op } = asked;
        let Some(connection) = self.clients.connections.get_mut(&conn) else { return };
        let mut proved: Vec<Id> = match (packet.scheme.as_str(), &packet.auth) {
            ("digest", Some(proof)) => vec![Id::new("digest", &digest::identity(proof))],
            ("ip", _) => vec![Id::new("ip", &connection.address.to_string())],
            // The certificate was looked at when the connection was made.
            ("x509", _) if connection.auth.iter().any(|id| id.scheme == "x509") => vec![],
            _ => return self.refuse(asked, 0, ErrorCode::AuthFailed, fx),
        };
        if self.settings.super_digest.as_ref() == proved.first().map(|id| &id.id) && packet.scheme == "digest"
        {
            proved.push(Id::new("super", ""));
        }
        match with_proved(&connection.auth, proved) {
            Ok(None) => {}
            Ok(Some(ids)) => connection.auth = ids,
            // Every request goes to the leader with all of them: what would be too much there is
            // refused here.
            Err(TooMany) => return self.refuse(asked, 0, ErrorCode::AuthFailed, fx),
        }
        let header = ReplyHeader { xid, zxid: 0, err: 0 };
        fx.push(Effect::Reply(conn, ClientReply::Reply { op, header, body: Response::Empty }));
    }
}

/// A createTTL without the mode and without the time is refused where it arrives: a ZooKeeper leader
/// takes it for good, and dies of the transaction that it makes of it.
fn locally_valid(request: Request) -> Result<Request, ErrorCode> {
    match &request {
        Request::CreateTtl(r)
            if r.ttl < 0 && CreateMode::from_i32(r.flags).is_some_and(|mode| !mode.is_ttl()) =>
        {
            Err(ErrorCode::BadArguments)
        }
        _ => Ok(request),
    }
}

/// What a request waits for.
fn work_of(request: Result<Request, ErrorCode>, auth: &Arc<[Id]>) -> Work {
    match request {
        Err(code) => Work::Failed(code),
        Ok(Request::Sync(path)) => Work::Sync { path },
        Ok(Request::Multi(parts)) => Work::Commit { parts: parts.iter().map(|part| part.op()).collect() },
        Ok(request) if request.op().is_write() => Work::Commit { parts: vec![] },
        Ok(request) => Work::Read { request, auth: Arc::clone(auth) },
    }
}

/// What `whoAmI` calls an identity.
pub(super) fn user_name(id: &Id) -> &str {
    match id.scheme.as_str() {
        "digest" => digest::user(&id.id),
        _ => &id.id,
    }
}
