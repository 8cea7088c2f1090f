//! A session, and a test that plays its shell and its servers.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::{Bytes, BytesMut};
use quorate_core::config::Constant;
use quorate_core::ids::SessionId;
use quorate_core::wire::client::{
    AuthPacket, ConnectRequest, ConnectResponse, CreateMode, CreateRequest, EventType, OpCode, ReplyHeader,
    Request, RequestHeader, Response, SetDataRequest, WatchRequest, WatcherEvent, write_frame, write_reply,
    xid,
};
use quorate_core::wire::frame::split_frame;
use quorate_core::wire::jute::{Jute, Reader};
use quorate_core::wire::record::Acl;

use crate::session::{
    End, Ended, Host, Input, Moment, OpId, Outcome, Output, Outputs, Session, Settings, State, Timer,
};

pub(super) const TIMEOUT_MS: i32 = 6_000;
pub(super) const SESSION: SessionId = SessionId(0x1234);
pub(super) const PASSWORD: [u8; 16] = [7; 16];

pub(super) struct Script {
    pub(super) session: Session,
    pub(super) at: Moment,
    /// Everything that was wanted and is not taken yet.
    pub(super) list: Vec<Output>,
    bytes: BytesMut,
}

pub(super) fn settings(connect: &str) -> Settings {
    let mut settings = Settings::new(connect.parse().expect("a connect string"));
    settings.timeout_ms = TIMEOUT_MS;
    settings
}

impl Script {
    /// A session that has begun.
    pub(super) fn begun(settings: Settings) -> Script {
        let session = Session::new(Constant::new(settings), 0);
        let mut script = Script { session, at: Moment::default(), list: Vec::new(), bytes: BytesMut::new() };
        script.input(Input::Start);
        script
    }

    /// A session that has its first connection; what it took is taken.
    pub(super) fn up(settings: Settings) -> Script {
        let mut script = Script::begun(settings);
        script.greeted();
        script.list.clear();
        script
    }

    pub(super) fn on(connect: &str) -> Script {
        Script::up(settings(connect))
    }

    pub(super) fn input(&mut self, input: Input<'_>) {
        let mut out = Outputs::default();
        self.session.step(self.at, input, &mut out);
        if out.list.iter().any(|output| matches!(output, Output::Hangup(_))) {
            self.bytes.clear();
        }
        self.list.append(&mut out.list);
        self.bytes.extend_from_slice(&out.bytes);
    }

    /// The dial succeeds and the server gives the session.
    pub(super) fn greeted(&mut self) -> ConnectRequest {
        self.greeted_by(false)
    }

    /// The dial succeeds and a server that may be read-only gives the session.
    pub(super) fn greeted_by(&mut self, read_only: bool) -> ConnectRequest {
        self.input(Input::Connected);
        let greeting = ConnectRequest::from_bytes(&self.frame().expect("a greeting")).expect("a greeting");
        self.answer_greeting(TIMEOUT_MS, SESSION, read_only);
        greeting
    }

    pub(super) fn answer_greeting(&mut self, timeout_ms: i32, session: SessionId, read_only: bool) {
        let response = ConnectResponse {
            protocol_version: 0,
            timeout_ms,
            session,
            password: PASSWORD,
            read_only: Some(read_only),
        };
        let mut bytes = Vec::new();
        write_frame(&mut bytes, |out| response.write(out));
        self.input(Input::Bytes(&bytes));
    }

    /// The connection is lost; the next one is dialed and given.
    pub(super) fn reconnect(&mut self) -> ConnectRequest {
        self.input(Input::Disconnected);
        if self.session.alarms().any(|(timer, _)| timer == Timer::Dial) {
            self.input(Input::Alarm(Timer::Dial));
        }
        self.greeted()
    }

    fn frame(&mut self) -> Option<Bytes> {
        split_frame(&mut self.bytes, 0..=usize::MAX).expect("the session writes frames")
    }

    /// The next request that was written.
    pub(super) fn request(&mut self) -> Option<(i32, Request)> {
        let frame = self.frame()?;
        let mut r = Reader::with_limit(&frame, frame.len());
        let header = RequestHeader::read(&mut r, "").expect("a header");
        let op = OpCode::from_i32(header.op).expect("an operation");
        Some((header.xid, Request::read(op, &mut r).expect("a request")))
    }

    /// All requests that were written.
    pub(super) fn requests(&mut self) -> Vec<(i32, Request)> {
        core::iter::from_fn(|| self.request()).collect()
    }

    pub(super) fn submit(&mut self, id: u64, request: Request) {
        self.input(Input::Submit { id: OpId(id), request, absolute: false });
    }

    pub(super) fn reply(&mut self, xid: i32, zxid: i64, err: i32, body: &Response) {
        let mut bytes = Vec::new();
        write_reply(&mut bytes, ReplyHeader { xid, zxid, err }, body);
        self.input(Input::Bytes(&bytes));
    }

    /// The request that is next succeeds, with this body.
    pub(super) fn done(&mut self, zxid: i64, body: &Response) {
        let (xid, _) = self.request().expect("a request");
        self.reply(xid, zxid, 0, body);
    }

    /// The request that is next fails.
    pub(super) fn fails(&mut self, zxid: i64, err: i32) {
        let (xid, _) = self.request().expect("a request");
        self.reply(xid, zxid, err, &Response::Empty);
    }

    pub(super) fn event(&mut self, zxid: i64, event: EventType, path: &str) {
        let mut bytes = Vec::new();
        write_frame(&mut bytes, |out| {
            ReplyHeader { xid: xid::NOTIFICATION, zxid, err: 0 }.write(out);
            WatcherEvent::new(event, path.to_owned()).write(out);
        });
        self.input(Input::Bytes(&bytes));
    }

    /// No server reads what was written.
    pub(super) fn forget_written(&mut self) {
        self.bytes.clear();
    }

    /// A session in the same state.
    pub(super) fn twin(&self) -> Script {
        Script {
            session: self.session.clone(),
            at: self.at,
            list: self.list.clone(),
            bytes: self.bytes.clone(),
        }
    }

    /// What was wanted since the last look.
    pub(super) fn take(&mut self) -> Vec<Output> {
        core::mem::take(&mut self.list)
    }

    /// Which outcomes were told since the last look.
    pub(super) fn outcomes(&mut self) -> Vec<(u64, Outcome)> {
        let outcome =
            |output| if let Output::Complete(id, outcome) = output { Some((id.0, outcome)) } else { None };
        self.take().into_iter().filter_map(outcome).collect()
    }

    /// Which states were told since the last look.
    pub(super) fn states(&mut self) -> Vec<State> {
        let state = |output| if let Output::State(state) = output { Some(state) } else { None };
        self.take().into_iter().filter_map(state).collect()
    }

    /// Why connections were hung up since the last look.
    pub(super) fn ended(&mut self) -> Vec<Ended> {
        let ended = |output| if let Output::Hangup(ended) = output { Some(ended) } else { None };
        self.take().into_iter().filter_map(ended).collect()
    }

    /// Which servers were dialed since the last look.
    pub(super) fn dialed(&mut self) -> Vec<Host> {
        let host = |output| if let Output::Dial(host) = output { Some(host) } else { None };
        self.take().into_iter().filter_map(host).collect()
    }

    pub(super) fn over(&self) -> Option<End> {
        if let State::Over(end) = self.session.state() { Some(end) } else { None }
    }

    pub(super) fn alarm(&self, timer: Timer) -> Option<u64> {
        self.session.alarms().find(|(wanted, _)| *wanted == timer).map(|(_, at)| at)
    }
}

pub(super) fn get(path: &str) -> Request {
    Request::GetData(WatchRequest { path: path.to_owned(), watch: false })
}

pub(super) fn exists(path: &str, watch: bool) -> Request {
    Request::Exists(WatchRequest { path: path.to_owned(), watch })
}

pub(super) fn set(path: &str, data: Vec<u8>) -> Request {
    Request::SetData(SetDataRequest { path: path.to_owned(), data: Some(data.into()), version: -1 })
}

pub(super) fn create(path: &str, mode: CreateMode) -> Request {
    let acl = [Acl::open()].into();
    Request::Create2(CreateRequest { path: path.to_owned(), data: None, acl, flags: mode.to_i32() })
}

pub(super) fn auth(user: &str) -> Request {
    let auth = Some(Bytes::copy_from_slice(user.as_bytes()));
    Request::Auth(AuthPacket { auth_type: 0, scheme: String::from("digest"), auth })
}
