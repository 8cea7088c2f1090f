//! A client that shows every frame: one connection, one request at a time, nothing hidden.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use quorate_core::ids::SessionId;
use quorate_core::wire::client::{
    ConnectRequest, ConnectResponse, CreateMode, CreateRequest, DeleteRequest, OpCode, PASSWORD_LEN,
    ReplyHeader, Request, RequestHeader, Response, SetDataRequest, WatchRequest, WatcherEvent, write_frame,
    xid,
};
use quorate_core::wire::error_code::ErrorCode;
use quorate_core::wire::frame::FrameDecoder;
use quorate_core::wire::jute::{Jute, Reader};
use quorate_core::wire::record::{Acl, Stat};

/// How long an answer may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// A session as a client keeps it between connections.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// The session's id; 0 for one that does not exist yet.
    pub(crate) id: SessionId,
    /// The session's password.
    pub(crate) password: [u8; PASSWORD_LEN],
    /// The timeout asked for, then the one given (ms).
    pub(crate) timeout_ms: i32,
    /// The newest zxid seen.
    pub(crate) last_zxid: i64,
    /// Whether a read-only server will do.
    pub(crate) read_only: bool,
    /// The next request's xid: as with other clients, none is used twice in a session.
    next_xid: i32,
}

impl Session {
    /// A session to be asked for.
    pub(crate) fn new(timeout_ms: u32) -> Session {
        let timeout_ms = i32::try_from(timeout_ms).expect("a timeout fits an i32");
        Session {
            id: SessionId(0),
            password: [0; PASSWORD_LEN],
            timeout_ms,
            last_zxid: 0,
            read_only: false,
            next_xid: 1,
        }
    }

    /// This session, of a client that puts up with a read-only server.
    pub(crate) fn or_only_reads(self) -> Session {
        Session { read_only: true, ..self }
    }
}

/// Why a request has no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server says so.
    Code(ErrorCode),
    /// The session does not exist (any more).
    Refused,
    /// The connection was closed, or nothing came for too long.
    Lost(io::Error),
}

/// Whether the connection was lost.
pub(crate) fn lost<T>(result: &Result<T, Failure>) -> bool {
    matches!(result, Err(Failure::Lost(_)))
}

impl From<io::Error> for Failure {
    fn from(why: io::Error) -> Failure {
        Failure::Lost(why)
    }
}

/// One connection with a session.
#[derive(Debug)]
pub(crate) struct RawClient {
    stream: TcpStream,
    decoder: FrameDecoder,
    /// The session.
    pub(crate) session: Session,
    /// Whether the server says that it serves reads only.
    pub(crate) read_only: bool,
    /// Events that have arrived, oldest first, each with the number of replies that came before it.
    pub(crate) events: VecDeque<(u64, WatcherEvent)>,
    /// Replies that have arrived.
    pub(crate) replies: u64,
}

impl RawClient {
    /// Connect to a port of 127.0.0.1 and attach to the session, or begin one.
    pub(crate) fn connect(port: u16, session: &Session) -> Result<RawClient, Failure> {
        Self::connect_within(ANSWER_LIMIT, port, session)
    }

    /// Connect as [`RawClient::connect`] does; this and every later answer may take `limit`.
    pub(crate) fn connect_within(
        limit: Duration,
        port: u16,
        session: &Session,
    ) -> Result<RawClient, Failure> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let stream = TcpStream::connect_timeout(&address, limit)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(limit))?;
        let mut client = RawClient {
            stream,
            decoder: FrameDecoder::new(0, 64 << 20),
            session: session.clone(),
            read_only: false,
            events: VecDeque::new(),
            replies: 0,
        };
        let request = ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: session.last_zxid,
            timeout_ms: session.timeout_ms,
            session: session.id,
            password: Some(Bytes::copy_from_slice(&session.password)),
            read_only: Some(session.read_only),
        };
        client.send(|out| request.write(out))?;
        let response = ConnectResponse::from_bytes(&client.frame()?).map_err(io::Error::other)?;
        if response.timeout_ms <= 0 {
            return Err(Failure::Refused);
        }
        client.read_only = response.read_only == Some(true);
        client.session.id = response.session;
        client.session.password = response.password;
        client.session.timeout_ms = response.timeout_ms;
        Ok(client)
    }

    /// Ask, and wait for the answer.
    pub(crate) fn call(&mut self, request: &Request) -> Result<Response, Failure> {
        self.call_with_zxid(request).map(|(response, _)| response)
    }

    /// Ask, and wait for the answer and its zxid.
    pub(crate) fn call_with_zxid(&mut self, request: &Request) -> Result<(Response, i64), Failure> {
        let op = request.op();
        let xid = if op == OpCode::Ping { xid::PING } else { self.session.next_xid };
        self.session.next_xid += 1;
        self.send(|out| {
            RequestHeader { xid, op: op.to_i32() }.write(out);
            request.write_body(out);
        })?;
        loop {
            let frame = self.frame()?;
            let Some((header, body)) = self.reply(&frame)? else { continue };
            assert_eq!(header.xid, xid, "the reply to another request");
            if header.err != 0 {
                let code = ErrorCode::from_i32(header.err).expect("a code of the protocol");
                return Err(Failure::Code(code));
            }
            let response = Response::read(op, &mut Reader::new(&body)).map_err(io::Error::other)?;
            return Ok((response, header.zxid));
        }
    }

    /// Wait for the next event.
    pub(crate) fn event(&mut self) -> Result<WatcherEvent, Failure> {
        while self.events.is_empty() {
            let frame = self.frame()?;
            let reply = self.reply(&frame)?;
            assert!(reply.is_none(), "a reply that no request waits for: {reply:?}");
        }
        Ok(self.events.pop_front().expect("not empty").1)
    }

    /// create: the path.
    pub(crate) fn create(&mut self, path: &str, data: &[u8], mode: CreateMode) -> Result<String, Failure> {
        let request = Request::Create(CreateRequest {
            path: path.to_owned(),
            data: Some(Bytes::copy_from_slice(data)),
            acl: vec![Acl::open()],
            flags: mode.to_i32(),
        });
        match self.call(&request)? {
            Response::Path(path) => Ok(path),
            other => panic!("{other:?}"),
        }
    }

    /// getData.
    pub(crate) fn get(&mut self, path: &str, watch: bool) -> Result<(Vec<u8>, Stat), Failure> {
        match self.call(&Request::GetData(WatchRequest { path: path.to_owned(), watch }))? {
            Response::Data { data, stat } => Ok((data.unwrap_or_default().to_vec(), stat)),
            other => panic!("{other:?}"),
        }
    }

    /// setData; version −1: whatever it is.
    pub(crate) fn set(&mut self, path: &str, data: &[u8], version: i32) -> Result<Stat, Failure> {
        let request =
            SetDataRequest { path: path.to_owned(), data: Some(Bytes::copy_from_slice(data)), version };
        match self.call(&Request::SetData(request))? {
            Response::Stat(stat) => Ok(stat),
            other => panic!("{other:?}"),
        }
    }

    /// delete.
    pub(crate) fn delete(&mut self, path: &str, version: i32) -> Result<(), Failure> {
        self.call(&Request::Delete(DeleteRequest { path: path.to_owned(), version })).map(drop)
    }

    /// exists: the Stat if it does.
    pub(crate) fn exists(&mut self, path: &str, watch: bool) -> Result<Option<Stat>, Failure> {
        match self.call(&Request::Exists(WatchRequest { path: path.to_owned(), watch })) {
            Ok(Response::Stat(stat)) => Ok(Some(stat)),
            Ok(other) => panic!("{other:?}"),
            Err(Failure::Code(ErrorCode::NoNode)) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// getChildren, in order.
    pub(crate) fn children(&mut self, path: &str, watch: bool) -> Result<Vec<String>, Failure> {
        match self.call(&Request::GetChildren(WatchRequest { path: path.to_owned(), watch }))? {
            Response::Children(mut children) => {
                children.sort();
                Ok(children)
            }
            other => panic!("{other:?}"),
        }
    }

    /// sync.
    pub(crate) fn sync(&mut self) -> Result<(), Failure> {
        self.call(&Request::Sync(Some("/".to_owned()))).map(drop)
    }

    /// ping.
    pub(crate) fn ping(&mut self) -> Result<(), Failure> {
        self.call(&Request::Ping).map(drop)
    }

    /// closeSession; the server then closes the connection.
    pub(crate) fn close(mut self) -> Result<(), Failure> {
        self.call(&Request::CloseSession)?;
        match self.frame() {
            Err(Failure::Lost(_)) => Ok(()),
            other => panic!("after closeSession came {other:?}"),
        }
    }

    /// Wait for the server to close the connection; events may come before.
    pub(crate) fn closed(&mut self) -> bool {
        loop {
            match self.frame() {
                Ok(_) => {}
                Err(Failure::Lost(why)) => {
                    return !matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                }
                Err(_) => return false,
            }
        }
    }

    /// An event is kept, a reply is returned.
    fn reply(&mut self, frame: &Bytes) -> Result<Option<(ReplyHeader, Bytes)>, Failure> {
        let mut reader = Reader::new(frame);
        let header = ReplyHeader::read(&mut reader, "").map_err(io::Error::other)?;
        if header.xid == xid::NOTIFICATION {
            let event = WatcherEvent::read(&mut reader, "").map_err(io::Error::other)?;
            self.events.push_back((self.replies, event));
            return Ok(None);
        }
        self.replies += 1;
        if header.zxid > 0 {
            self.session.last_zxid = header.zxid;
        }
        Ok(Some((header, reader.rest())))
    }

    fn send(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let mut out = Vec::new();
        write_frame(&mut out, write);
        self.stream.write_all(&out)
    }

    fn frame(&mut self) -> Result<Bytes, Failure> {
        let mut buffer = [0; 64 << 10];
        loop {
            if let Some(frame) = self.decoder.next_frame().map_err(io::Error::other)? {
                return Ok(frame);
            }
            match self.stream.read(&mut buffer)? {
                0 => return Err(Failure::Lost(ErrorKind::UnexpectedEof.into())),
                n => self.decoder.feed(&buffer[..n]),
            }
        }
    }
}
