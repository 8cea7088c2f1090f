//! A client that waits for its answers: for what comes before and after the measured time.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bytes::Bytes;
use quorate_core::ids::SessionId;
use quorate_core::wire::client::{
    ConnectRequest, ConnectResponse, PASSWORD_LEN, ReplyHeader, Request, RequestHeader, Response,
    write_frame, xid,
};
use quorate_core::wire::frame::FrameDecoder;
use quorate_core::wire::jute::{Jute, Reader};

use super::check::Checker;
use super::failure::Failure;
use super::request;
use super::server::Server;
use super::socket::MAX_FRAME;

/// How long a connection may take to be accepted.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// A session, as it is kept between connections.
#[derive(Clone, Debug)]
pub(super) struct Session {
    /// The session's id; 0: to be made.
    pub(super) id: SessionId,
    /// The session's password.
    pub(super) password: [u8; PASSWORD_LEN],
    /// The session's timeout in ms: asked for, then given.
    pub(super) timeout_ms: i32,
    /// The newest zxid seen.
    pub(super) zxid: i64,
}

impl Session {
    /// A session to be asked for.
    pub(super) fn new(timeout: Duration) -> Session {
        let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        Session { id: SessionId(0), password: [0; PASSWORD_LEN], timeout_ms, zxid: 0 }
    }

    /// What asks for it.
    pub(super) fn request(&self) -> ConnectRequest {
        ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: self.zxid,
            timeout_ms: self.timeout_ms,
            session: self.id,
            password: Some(Bytes::copy_from_slice(&self.password)),
            read_only: Some(false),
        }
    }

    /// Take what the server gives; false: it refuses.
    pub(super) fn given(&mut self, response: &ConnectResponse) -> bool {
        self.id = response.session;
        self.password = response.password;
        self.timeout_ms = response.timeout_ms;
        response.timeout_ms > 0
    }
}

/// One connection with its session.
#[derive(Debug)]
pub(super) struct Client {
    server: Server,
    stream: TcpStream,
    decoder: FrameDecoder,
    unsent: Vec<u8>,
    next_xid: i32,
    /// The session.
    pub(super) session: Session,
}

impl Client {
    /// Begin a session.
    ///
    /// # Errors
    /// The server is not there, or refuses.
    pub(super) fn connect(server: &Server, timeout: Duration) -> Result<Client, Failure> {
        Client::attach(server, Session::new(timeout), timeout)
    }

    /// Connect with a session, or begin it. No answer may take longer than `limit`.
    ///
    /// # Errors
    /// The server is not there, or refuses.
    pub(super) fn attach(server: &Server, mut session: Session, limit: Duration) -> Result<Client, Failure> {
        let unreachable = |why| Failure::Connect { server: server.to_string(), why };
        let stream =
            TcpStream::connect_timeout(&server.address(), CONNECT_LIMIT.min(limit)).map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        stream.set_read_timeout(Some(limit)).map_err(unreachable)?;
        let mut unsent = Vec::new();
        request::connect(&mut unsent, &session.request());
        session.id = SessionId(session.id.0);
        let mut client = Client {
            server: server.clone(),
            stream,
            decoder: FrameDecoder::new(0, MAX_FRAME),
            unsent,
            next_xid: 1,
            session,
        };
        client.flush()?;
        let frame = client.frame()?;
        let response = ConnectResponse::from_bytes(&frame).map_err(|why| Failure::Unreadable {
            server: server.to_string(),
            what: "a request for a session".to_owned(),
            why,
        })?;
        if !client.session.given(&response) {
            return Err(Failure::NoSession { server: server.to_string() });
        }
        Ok(client)
    }

    /// Ask and wait for the answer.
    ///
    /// # Errors
    /// The connection is lost or the server refuses.
    pub(super) fn call(&mut self, request: &Request) -> Result<Response, Failure> {
        self.ask(request);
        self.flush()?;
        let (header, body) = self.answer()?;
        self.judge(request, header, &body)
    }

    /// Append a request to what [`Client::flush`] sends, and say which xid it gets.
    pub(super) fn ask(&mut self, request: &Request) -> i32 {
        let header = RequestHeader { xid: self.next_xid, op: request.op().to_i32() };
        self.next_xid += 1;
        write_frame(&mut self.unsent, |out| {
            header.write(out);
            request.write_body(out);
        });
        header.xid
    }

    /// Send everything that was asked.
    ///
    /// # Errors
    /// The connection is lost.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        self.stream.write_all(&self.unsent).map_err(|why| self.lost(why))?;
        self.unsent.clear();
        Ok(())
    }

    /// The next answer. Watch events are passed over.
    ///
    /// # Errors
    /// The connection is lost.
    pub(super) fn answer(&mut self) -> Result<(ReplyHeader, Bytes), Failure> {
        loop {
            let (header, body) = self.message()?;
            if header.xid != xid::NOTIFICATION {
                return Ok((header, body));
            }
        }
    }

    /// The next answer or watch event.
    ///
    /// # Errors
    /// The connection is lost.
    pub(super) fn message(&mut self) -> Result<(ReplyHeader, Bytes), Failure> {
        let frame = self.frame()?;
        let mut reader = Reader::new(&frame);
        let header = ReplyHeader::read(&mut reader, "").map_err(|why| self.unreadable("a request", why))?;
        self.session.zxid = self.session.zxid.max(header.zxid);
        Ok((header, reader.rest()))
    }

    /// The answer's meaning.
    ///
    /// # Errors
    /// The server refuses, or the body is not one of this request.
    pub(super) fn judge(
        &self,
        request: &Request,
        header: ReplyHeader,
        body: &Bytes,
    ) -> Result<Response, Failure> {
        let what = || format!("{:?}", request.op());
        if header.err != 0 {
            let server = self.server.to_string();
            return Err(Failure::Refused { server, what: what(), code: header.err });
        }
        Response::read(request.op(), &mut Reader::with_limit(body, MAX_FRAME))
            .map_err(|why| self.unreadable(&what(), why))
    }

    /// Give the socket to a caller that does not wait, and what the next reply is judged by.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn into_parts(self) -> Result<(mio::net::TcpStream, Checker, Session), Failure> {
        self.stream.set_nonblocking(true).map_err(|why| self.lost(why))?;
        let checker = Checker::new(self.session.zxid, self.next_xid);
        Ok((mio::net::TcpStream::from_std(self.stream), checker, self.session))
    }

    /// End the session.
    ///
    /// # Errors
    /// The connection is lost before the answer.
    pub(super) fn close(mut self) -> Result<(), Failure> {
        self.call(&Request::CloseSession).map(|_| ())
    }

    fn frame(&mut self) -> Result<Bytes, Failure> {
        loop {
            if let Some(frame) = self.decoder.next_frame().map_err(|why| self.unreadable("a request", why))? {
                return Ok(frame);
            }
            let mut part = [0; 64 << 10];
            match self.stream.read(&mut part) {
                Ok(0) => return Err(self.lost(ErrorKind::UnexpectedEof.into())),
                Ok(n) => self.decoder.feed(&part[..n]),
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(why) => return Err(self.lost(why)),
            }
        }
    }

    fn lost(&self, why: std::io::Error) -> Failure {
        Failure::Lost { server: self.server.to_string(), why }
    }

    fn unreadable(&self, what: &str, why: quorate_core::wire::jute::WireError) -> Failure {
        Failure::Unreadable { server: self.server.to_string(), what: what.to_owned(), why }
    }
}
