//! From one connection to the next: dialing, the greeting, losses, the end.

use bytes::{Bytes, BytesMut};
use quorate_core::ids::SessionId;
use quorate_core::wire::client::{ConnectRequest, ConnectResponse, PASSWORD_LEN, Request, write_frame, xid};
use quorate_core::wire::jute::Jute;

use super::frame::write_request;
use super::io::{End, Ended, Moment, Offence, Outcome, Output, Outputs, Refusal, State, Timer};
use super::pending::Effect;
use super::settings::Host;
use super::{Phase, SEARCH_PAUSE_MS, Session, Up};

/// A session that has lost its connection dials again within this, ms: the clients of a dead server come one
/// by one.
const AFTER_LOSS_MS: u64 = 100;

/// A session that has tried every server in vain waits for at least the first and less than the second, ms.
const AFTER_ALL_FAILED_MS: (u64, u64) = (100, 1_000);

impl Session {
    /// Dial the next server.
    pub(super) fn dial(&mut self, at: Moment, out: &mut Outputs) {
        let host = self.take_host();
        self.phase = Phase::Dialing { since_ms: at.ms };
        out.push(Output::Dial(host));
    }

    /// The next server, in turn.
    fn take_host(&mut self) -> Host {
        let host = self.hosts[self.next_host].clone();
        self.next_host = (self.next_host + 1) % self.hosts.len();
        host
    }

    /// Ask the server that was dialed for the session.
    pub(super) fn greet(&mut self, at: Moment, out: &mut Outputs) {
        let Phase::Dialing { since_ms } = self.phase else { return };
        let (session, password) = self.asked();
        let request = ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: self.last_zxid,
            timeout_ms: self.settings.timeout_ms,
            session,
            password: Some(Bytes::copy_from_slice(&password)),
            read_only: Some(self.settings.read_only),
        };
        write_frame(&mut out.bytes, |out| request.write(out));
        // An attempt is as long as dialing and greeting together.
        self.phase = Phase::Greeting { since_ms: since_ms.min(at.ms), arrived: BytesMut::new() };
    }

    /// The session to ask for: what a read-only server has made up is no session of the ensemble.
    fn asked(&self) -> (SessionId, [u8; PASSWORD_LEN]) {
        if self.is_global { (self.id, self.password) } else { (SessionId(0), [0; PASSWORD_LEN]) }
    }

    /// A server has answered the greeting.
    pub(super) fn take_greeting(&mut self, at: Moment, frame: &Bytes, arrived: BytesMut, out: &mut Outputs) {
        let response = match ConnectResponse::from_bytes(frame) {
            Ok(response) => response,
            Err(error) => return self.lose(at, Ended::Offence(Offence::Unreadable(error)), out),
        };
        if response.timeout_ms <= 0 {
            return self.end(End::Expired, Ended::Expired, out);
        }
        let (asked, got) = (self.asked().0, response.session);
        if got.0 == 0 || (asked.0 != 0 && asked != got) {
            return self.lose(at, Ended::Offence(Offence::OtherSession { asked, got }), out);
        }
        let read_only = response.read_only.unwrap_or(false);
        if read_only && !self.settings.read_only {
            return self.lose(at, Ended::Offence(Offence::ReadOnly), out);
        }
        self.id = got;
        self.password = response.password;
        self.timeout_ms = response.timeout_ms;
        self.is_global |= !read_only;
        self.failed = 0;
        let is_first = self.begun_ms.take().is_some();
        self.phase = Phase::Up(Up {
            read_only,
            arrived,
            sent: [].into(),
            proving: [].into(),
            setting_watches: 0,
            sent_ms: at.ms,
            heard_ms: at.ms,
            search_ms: read_only.then_some(at.ms + SEARCH_PAUSE_MS),
            closing: false,
        });
        let state = match (read_only, is_first) {
            (true, _) => State::ReadOnly,
            (false, true) => State::Connected,
            (false, false) => State::Reconnected,
        };
        self.tell(state, out);
        self.resume(out);
    }

    /// On a fresh connection: identities first, then watches, then what waits.
    fn resume(&mut self, out: &mut Outputs) {
        let Phase::Up(up) = &mut self.phase else { return };
        for (i, identity) in self.identities.iter().enumerate() {
            write_request(&mut out.bytes, xid::AUTH, &Request::Auth(identity.packet.clone()));
            up.proving.push_back(i);
        }
        for request in self.watches.requests(self.last_zxid) {
            write_request(&mut out.bytes, xid::SET_WATCHES, &request);
            up.setting_watches += 1;
        }
        while let Some(unsent) = self.unsent.pop_front() {
            self.send_unsent(unsent, out);
        }
    }

    /// The connection, or the attempt at one, has ended or is ended.
    pub(super) fn lose(&mut self, at: Moment, why: Ended, out: &mut Outputs) {
        let was_up = match &self.phase {
            Phase::Dialing { .. } | Phase::Greeting { .. } => false,
            Phase::Up(up) if up.closing => return self.end(End::Closed, why, out),
            Phase::Up(_) => true,
            Phase::New | Phase::Pausing { .. } | Phase::Over(_) => return,
        };
        let found = why == Ended::WritableServerFound;
        self.hang_up(why, out);
        if was_up {
            self.tell(State::Suspended, out);
        }
        self.failed += 1;
        let pause_ms = if found {
            0
        } else if was_up {
            at.random % AFTER_LOSS_MS
        } else if self.failed >= self.hosts.len() {
            let (least, less_than) = AFTER_ALL_FAILED_MS;
            self.failed = 0;
            least + at.random % (less_than - least)
        } else {
            0
        };
        if pause_ms == 0 {
            self.dial(at, out);
        } else {
            self.phase = Phase::Pausing { until_ms: at.ms + pause_ms };
        }
    }

    /// Drop the connection. What was on its way has an unknown outcome.
    fn hang_up(&mut self, why: Ended, out: &mut Outputs) {
        out.bytes.clear();
        out.push(Output::Hangup(why));
        if let Phase::Up(up) = &mut self.phase {
            for sent in up.sent.drain(..) {
                out.complete(sent.id, Outcome::Unknown);
            }
        }
        self.phase = Phase::New;
    }

    /// The session is over, and nothing of it is left.
    pub(super) fn end(&mut self, end: End, why: Ended, out: &mut Outputs) {
        let proving = match &self.phase {
            Phase::Over(_) => return,
            Phase::Up(up) => up.proving.clone(),
            _ => [].into(),
        };
        if !matches!(self.phase, Phase::New | Phase::Pausing { .. }) {
            self.hang_up(why, out);
        }
        for (i, identity) in self.identities.iter_mut().enumerate() {
            let outcome =
                if proving.contains(&i) { Outcome::Unknown } else { Outcome::Refused(Refusal::Over(end)) };
            out.complete(identity.waiting.take(), outcome);
        }
        for unsent in self.unsent.drain(..) {
            out.complete(unsent.id, Outcome::Refused(Refusal::Over(end)));
        }
        self.watches.clear();
        self.begun_ms = None;
        self.phase = Phase::Over(end);
        self.tell(State::Over(end), out);
    }

    /// The user wants no more of it.
    pub(super) fn close(&mut self, at: Moment, out: &mut Outputs) {
        match &self.phase {
            Phase::Up(up) if up.closing => {}
            Phase::Up(_) => {
                self.send(at, None, &Request::CloseSession, Effect::Close, out);
                if let Phase::Up(up) = &mut self.phase {
                    up.closing = true;
                }
            }
            // No server can be told: the session expires there.
            _ => self.end(End::Closed, Ended::Over(End::Closed), out),
        }
    }

    /// An alarm has fired; one that is not wanted any more means nothing.
    pub(super) fn take_alarm(&mut self, at: Moment, timer: Timer, out: &mut Outputs) {
        if !self.alarms().any(|(wanted, _)| wanted == timer) {
            return;
        }
        match timer {
            Timer::Dial => self.dial(at, out),
            Timer::Attempt => self.lose(at, Ended::AttemptTimedOut, out),
            Timer::Connect => self.end(End::NeverConnected, Ended::Over(End::NeverConnected), out),
            Timer::Silence => self.lose(at, Ended::Silence, out),
            Timer::Ping => {
                write_request(&mut out.bytes, xid::PING, &Request::Ping);
                if let Phase::Up(up) = &mut self.phase {
                    up.sent_ms = at.ms;
                }
            }
            Timer::Search => {
                let host = self.take_host();
                if let Phase::Up(up) = &mut self.phase {
                    up.search_ms = Some(at.ms + SEARCH_PAUSE_MS);
                }
                out.push(Output::Probe(host));
            }
        }
    }

    /// A server was asked whether it takes writes.
    pub(super) fn take_probe(&mut self, at: Moment, host: &Host, writable: bool, out: &mut Outputs) {
        let searches = matches!(&self.phase, Phase::Up(up) if up.read_only && !up.closing);
        let found = self.hosts.iter().position(|known| known == host);
        if let (true, true, Some(found)) = (searches, writable, found) {
            self.next_host = found;
            self.lose(at, Ended::WritableServerFound, out);
        }
    }
}
