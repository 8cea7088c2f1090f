//! What servers say: replies in order, events, and what is neither.

use bytes::{Bytes, BytesMut};
use quorate_core::wire::client::{MultiResult, OpCode, ReplyHeader, Response, WatcherEvent, xid};
use quorate_core::wire::error_code::ErrorCode;
use quorate_core::wire::frame::split_frame;
use quorate_core::wire::jute::{Jute, Reader, WireError};

use super::io::{End, Ended, Moment, Offence, Outcome, Output, Outputs, Refusal, WatchEvent};
use super::pending::{Effect, Sent};
use super::{Phase, Session, chroot};

impl Session {
    /// Bytes arrived: every frame in them is taken, until one of them ends the connection.
    pub(super) fn take_bytes(&mut self, at: Moment, bytes: &[u8], out: &mut Outputs) {
        if let Some(arrived) = self.arrived() {
            arrived.extend_from_slice(bytes);
        }
        if let Phase::Up(up) = &mut self.phase {
            up.heard_ms = at.ms;
        }
        let limits = 0..=self.settings.max_reply;
        while let Some(arrived) = self.arrived() {
            match split_frame(arrived, limits.clone()) {
                Ok(None) => break,
                Ok(Some(frame)) => self.take_frame(at, &frame, out),
                Err(error) => self.lose(at, Ended::Offence(Offence::Unreadable(error)), out),
            }
        }
    }

    fn arrived(&mut self) -> Option<&mut BytesMut> {
        match &mut self.phase {
            Phase::Greeting { arrived, .. } => Some(arrived),
            Phase::Up(up) => Some(&mut up.arrived),
            _ => None,
        }
    }

    fn take_frame(&mut self, at: Moment, frame: &Bytes, out: &mut Outputs) {
        if let Phase::Greeting { arrived, .. } = &mut self.phase {
            let arrived = core::mem::take(arrived);
            return self.take_greeting(at, frame, arrived, out);
        }
        match self.read_reply(frame, out) {
            Ok(None) => {}
            Ok(Some(end)) => self.end(end, Ended::Over(end), out),
            Err(offence) => self.lose(at, Ended::Offence(offence), out),
        }
    }

    /// Take a reply or an event. `Some`: the session is over.
    fn read_reply(&mut self, frame: &Bytes, out: &mut Outputs) -> Result<Option<End>, Offence> {
        let mut r = Reader::with_limit(frame, frame.len());
        let header = ReplyHeader::read(&mut r, "")?;
        if header.xid == xid::NOTIFICATION {
            let event = WatcherEvent::read(&mut r, "")?;
            self.take_event(header.zxid, event, out);
            return Ok(None);
        }
        if header.zxid > 0 && header.zxid < self.last_zxid {
            return Err(Offence::ZxidBack { seen: self.last_zxid, got: header.zxid });
        }
        let end = match header.xid {
            xid::PING => None,
            xid::AUTH => self.take_proof(header.err, out)?,
            xid::SET_WATCHES => {
                self.take_set_watches(header.err)?;
                None
            }
            _ => self.take_reply(header, &mut r, out)?,
        };
        // Events of a transaction come before replies that carry its zxid. That of an event itself is not
        // taken: further events of the same transaction may be missing yet.
        self.last_zxid = self.last_zxid.max(header.zxid);
        Ok(end)
    }

    fn take_event(&mut self, zxid: i64, event: WatcherEvent, out: &mut Outputs) {
        let (kinds, recursive) = self.watches.fire(event.event, &event.path);
        // Told twice, or of a watch that was given up.
        if kinds.is_empty() && !recursive {
            return;
        }
        let path = self.inside(&event.path);
        let zxid = (zxid > 0).then_some(zxid);
        out.push(Output::Event(WatchEvent { event: event.event, path, zxid, kinds, recursive }));
    }

    /// A server answers an identity. Its answers overtake other replies.
    fn take_proof(&mut self, err: i32, out: &mut Outputs) -> Result<Option<End>, Offence> {
        let Phase::Up(up) = &mut self.phase else { return Ok(None) };
        let proved = up.proving.pop_front().ok_or(Offence::UnknownXid(xid::AUTH))?;
        let waiting = self.identities[proved].waiting.take();
        if err == 0 {
            out.complete(waiting, Outcome::Done(Response::Empty));
            return Ok(None);
        }
        out.complete(waiting, Outcome::Refused(Refusal::Server(err)));
        for other in up.proving.drain(..) {
            out.complete(self.identities[other].waiting.take(), Outcome::Unknown);
        }
        self.identities.remove(proved);
        Ok(Some(End::AuthFailed))
    }

    fn take_set_watches(&mut self, err: i32) -> Result<(), Offence> {
        let Phase::Up(up) = &mut self.phase else { return Ok(()) };
        up.setting_watches =
            up.setting_watches.checked_sub(1).ok_or(Offence::UnknownXid(xid::SET_WATCHES))?;
        if err == 0 { Ok(()) } else { Err(Offence::WatchesNotSet(err)) }
    }

    /// A server answers the request that is next.
    fn take_reply(
        &mut self,
        header: ReplyHeader,
        r: &mut Reader<'_>,
        out: &mut Outputs,
    ) -> Result<Option<End>, Offence> {
        let Phase::Up(up) = &mut self.phase else { return Ok(None) };
        let sent = up.sent.front().ok_or(Offence::UnknownXid(header.xid))?;
        if sent.xid != header.xid {
            return Err(Offence::WrongXid { expected: sent.xid, got: header.xid });
        }
        // As long as the reply may be no answer, the request is still on its way.
        let root = if sent.absolute { "" } else { &self.settings.connect.chroot };
        let outcome = outcome(sent, header.err, r, root)?;
        let Some(Sent { id, op, effect, .. }) = up.sent.pop_front() else { return Ok(None) };
        let closed = effect == Effect::Close;
        self.take_effect(op, effect, &outcome);
        out.complete(id, outcome);
        Ok(closed.then_some(End::Closed))
    }

    fn take_effect(&mut self, op: OpCode, effect: Effect, outcome: &Outcome) {
        let code = |code: ErrorCode| Outcome::Refused(Refusal::Server(code.to_i32()));
        match effect {
            Effect::Watch { path, kinds, .. } if matches!(outcome, Outcome::Done(_)) => {
                self.watches.set(&path, kinds);
            }
            Effect::Watch { path, absent, .. }
                if op == OpCode::Exists && *outcome == code(ErrorCode::NoNode) =>
            {
                self.watches.set(&path, absent);
            }
            Effect::Unwatch { path, kinds }
                if matches!(outcome, Outcome::Done(_)) || *outcome == code(ErrorCode::NoWatcher) =>
            {
                self.watches.remove(&path, kinds);
            }
            _ => {}
        }
    }
}

impl From<WireError> for Offence {
    fn from(error: WireError) -> Self {
        Offence::Unreadable(error)
    }
}

/// What a reply says of a request. Paths are told without the root.
fn outcome(sent: &Sent, err: i32, r: &mut Reader<'_>, root: &str) -> Result<Outcome, Offence> {
    if err != 0 {
        return Ok(Outcome::Refused(Refusal::Server(err)));
    }
    let mut response = Response::read(sent.op, r)?;
    match (&response, &sent.effect) {
        (Response::Error(code), _) if *code != 0 => return Ok(Outcome::Refused(Refusal::Server(*code))),
        (Response::Multi(results), Effect::Parts(parts)) => {
            if results.len() != *parts {
                return Err(Offence::Results);
            }
            if sent.op == OpCode::Multi
                && let Some(refusal) = failed_part(results)?
            {
                return Ok(Outcome::Refused(refusal));
            }
        }
        _ => {}
    }
    chroot::leave(root, &mut response, sent.op == OpCode::GetEphemerals);
    Ok(Outcome::Done(response))
}

/// The part of a multi that failed: parts in front of it say 0, parts behind it something else.
fn failed_part(results: &[MultiResult]) -> Result<Option<Refusal>, Offence> {
    let mut failed = results.iter().filter_map(|result| match result {
        MultiResult::Error(code) => Some(*code),
        _ => None,
    });
    let Some(first) = failed.next() else { return Ok(None) };
    if failed.count() + 1 != results.len() {
        return Err(Offence::Results);
    }
    let code_of = |result: &MultiResult| if let MultiResult::Error(code) = result { *code } else { first };
    let at = results.iter().position(|result| code_of(result) != 0).ok_or(Offence::Results)?;
    Ok(Some(Refusal::Part { index: at, code: code_of(&results[at]) }))
}
