//! Operations on their way to a server: checked, numbered, and given up.

use alloc::vec::Vec;

use bytes::Bytes;
use quorate_core::wire::client::{AuthPacket, Request, RequestHeader, Response, write_frame, xid};
use quorate_core::wire::jute::Jute;

use super::frame::write_request;
use super::io::{Moment, OpId, Outcome, Outputs, Refusal};
use super::pending::{Effect, Sent, Unsent, is_users};
use super::{Identity, Phase, Session, chroot};

impl Session {
    /// Send an operation, or let it wait for a connection.
    pub(super) fn submit(
        &mut self,
        at: Moment,
        id: OpId,
        mut request: Request,
        absolute: bool,
        out: &mut Outputs,
    ) {
        let refused = match &self.phase {
            Phase::Over(end) => Some(Refusal::Over(*end)),
            Phase::Up(up) if up.closing => Some(Refusal::Over(super::End::Closed)),
            _ if !is_users(request.op()) => Some(Refusal::NotForClients),
            _ => chroot::validate(&request).err().map(|(path, why)| Refusal::Path(path, why)),
        };
        if let Some(refusal) = refused {
            return out.complete(Some(id), Outcome::Refused(refusal));
        }
        if !absolute {
            chroot::enter(&self.settings.connect.chroot, &mut request);
        }
        if let Request::Auth(packet) = request {
            return self.add_identity(at, id, packet, out);
        }
        let effect = Effect::of(&request);
        if matches!(self.phase, Phase::Up(_)) {
            let (before, xid) = (out.bytes.len(), self.next_xid);
            self.send_as(at, Some(id), &request, effect, absolute, out);
            let len = out.bytes.len() - before - 4;
            if len > self.settings.max_request {
                out.bytes.truncate(before);
                self.next_xid = xid;
                if let Phase::Up(up) = &mut self.phase {
                    up.sent.pop_back();
                }
                self.refuse_length(id, len, out);
            }
            return;
        }
        let body = request.body();
        let len = 8 + body.len();
        if len > self.settings.max_request {
            return self.refuse_length(id, len, out);
        }
        self.unsent.push_back(Unsent { id: Some(id), op: request.op(), body, effect, absolute });
    }

    fn refuse_length(&self, id: OpId, len: usize, out: &mut Outputs) {
        let max = self.settings.max_request;
        out.complete(Some(id), Outcome::Refused(Refusal::TooLong { len, max }));
    }

    /// Send a request on a connection that is up.
    pub(super) fn send(
        &mut self,
        at: Moment,
        id: Option<OpId>,
        request: &Request,
        effect: Effect,
        out: &mut Outputs,
    ) {
        self.send_as(at, id, request, effect, false, out);
    }

    fn send_as(
        &mut self,
        at: Moment,
        id: Option<OpId>,
        request: &Request,
        effect: Effect,
        absolute: bool,
        out: &mut Outputs,
    ) {
        let xid = self.take_xid();
        let Phase::Up(up) = &mut self.phase else { return };
        write_request(&mut out.bytes, xid, request);
        up.sent_ms = at.ms;
        up.sent.push_back(Sent { xid, id, op: request.op(), effect, absolute });
    }

    /// Send what has waited.
    pub(super) fn send_unsent(&mut self, unsent: Unsent, out: &mut Outputs) {
        let xid = self.take_xid();
        let Phase::Up(up) = &mut self.phase else { return };
        let Unsent { id, op, body, effect, absolute } = unsent;
        write_frame(&mut out.bytes, |out: &mut Vec<u8>| {
            RequestHeader { xid, op: op.to_i32() }.write(out);
            out.extend_from_slice(&body);
        });
        up.sent.push_back(Sent { xid, id, op, effect, absolute });
    }

    /// The next number: from 1 up, and after the last one from 1 again.
    fn take_xid(&mut self) -> i32 {
        let xid = self.next_xid;
        self.next_xid = xid.checked_add(1).unwrap_or(1);
        xid
    }

    /// Prove an identity now and on every later connection.
    fn add_identity(&mut self, at: Moment, id: OpId, packet: AuthPacket, out: &mut Outputs) {
        let proof = packet.auth.as_ref().map_or(0, Bytes::len);
        let len = 8 + 4 + 4 + packet.scheme.len() + 4 + proof;
        if len > self.settings.max_request {
            return self.refuse_length(id, len, out);
        }
        if let Some(known) = self.identities.iter().find(|known| known.packet == packet)
            && known.waiting.is_none()
        {
            return out.complete(Some(id), Outcome::Done(Response::Empty));
        }
        self.identities.push(Identity { packet: packet.clone(), waiting: Some(id) });
        if let Phase::Up(up) = &mut self.phase {
            write_request(&mut out.bytes, xid::AUTH, &Request::Auth(packet));
            up.sent_ms = at.ms;
            up.proving.push_back(self.identities.len() - 1);
        }
    }

    /// The caller does not wait any longer. A request that was not sent is not sent any more.
    pub(super) fn give_up(&mut self, id: OpId, out: &mut Outputs) {
        if let Some(i) = self.unsent.iter().position(|unsent| unsent.id == Some(id)) {
            self.unsent.remove(i);
            return out.complete(Some(id), Outcome::Refused(Refusal::GivenUp));
        }
        let sent = match &mut self.phase {
            Phase::Up(up) => up.sent.iter_mut().find(|sent| sent.id == Some(id)).map(|sent| &mut sent.id),
            _ => None,
        };
        let mut waiting = self.identities.iter_mut().map(|known| &mut known.waiting);
        if let Some(waiting) = sent.or_else(|| waiting.find(|waiting| **waiting == Some(id))) {
            out.complete(waiting.take(), Outcome::Unknown);
        }
    }
}
