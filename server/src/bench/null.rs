//! `quorate bench null`: the floor, a server that knows nothing and answers what the other modes ask.
//!
//! It takes the same frames and gives answers of the same size that the checks accept, on one thread,
//! with one read and one write per connection and round. What it leaves out is what a coordination
//! service is: sessions, znodes, their order. No server of this protocol can be faster on this machine
//! by much; how near one comes is what the floor is for. It is not for anything else.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use quorate_core::ids::{SessionId, Zxid};
use quorate_core::wire::client::{
    ConnectRequest, ConnectResponse, CreateMode, CreateRequest, EventType, KeeperState, MultiOp, MultiResult,
    OpCode, PASSWORD_LEN, ReplyHeader, Request, RequestHeader, Response, WatcherEvent, write_data_reply,
    write_frame, write_reply, xid,
};
use quorate_core::wire::error_code::ErrorCode;
use quorate_core::wire::jute::{Jute, Reader, WireError};
use quorate_core::wire::record::Stat;

use super::args::NullArgs;
use super::failure::{Failure, system};
use super::socket::{Socket, cut};
use super::value::Values;

const LISTENER: Token = Token(usize::MAX);

/// Run it until it is killed.
///
/// # Errors
/// The port or the file cannot be used.
pub(super) fn run(args: &NullArgs) -> Result<(), Failure> {
    let log = match &args.durable {
        None => None,
        Some(directory) => {
            let path = directory.join("null.log");
            let file = OpenOptions::new().create(true).append(true).open(&path);
            Some(file.map_err(|why| Failure::File { path, why })?)
        }
    };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
    let listening = TcpListener::bind(address);
    let listener = listening.map_err(|why| Failure::Connect { server: address.to_string(), why })?;
    let failed = system("waiting for sockets");
    let mut server = NullServer {
        poll: Poll::new().map_err(&failed)?,
        listener,
        connections: Vec::new(),
        state: State {
            values: Values::new(args.value_size as usize),
            zxid: 1,
            version: 0,
            watchers: Vec::new(),
        },
        log,
        round: Vec::new(),
    };
    server.poll.registry().register(&mut server.listener, LISTENER, Interest::READABLE).map_err(&failed)?;
    crate::output::say(&format!("ready: {address}"));
    server.run().map_err(system("serving"))
}

struct NullServer {
    poll: Poll,
    listener: TcpListener,
    /// By token; those that have ended stay empty.
    connections: Vec<Option<Connection>>,
    state: State,
    log: Option<File>,
    /// The writes of this round, for the log.
    round: Vec<u8>,
}

struct Connection {
    socket: Socket,
    connected: bool,
    out: Vec<u8>,
}

/// What there is instead of a tree.
struct State {
    values: Values,
    zxid: u64,
    /// The version of the last value that was set: every znode's.
    version: u64,
    /// The connections that have asked for the next change, of any znode.
    watchers: Vec<usize>,
}

impl NullServer {
    fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut buffer = Vec::new();
        let mut touched = Vec::new();
        loop {
            match self.poll.poll(&mut events, None) {
                Err(why) if why.kind() == ErrorKind::Interrupted => continue,
                other => other?,
            }
            for event in &events {
                if event.token() == LISTENER {
                    self.accept()?;
                    continue;
                }
                let index = event.token().0;
                // Whoever breaks the protocol or goes away is gone, no more.
                if self.serve(index, event.is_writable(), &mut buffer, &mut touched).is_err() {
                    self.connections[index] = None;
                }
            }
            if let (Some(log), false) = (&mut self.log, self.round.is_empty()) {
                log.write_all(&self.round)?;
                log.sync_data()?;
            }
            self.round.clear();
            for index in touched.drain(..) {
                if let Some(connection) = &mut self.connections[index] {
                    let sent = connection.socket.send(&connection.out);
                    connection.out.clear();
                    if sent.is_err() {
                        self.connections[index] = None;
                    }
                }
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(why) if why.kind() == ErrorKind::WouldBlock => return Ok(()),
                // The peer may be gone again.
                Err(why) if why.kind() == ErrorKind::ConnectionAborted => continue,
                Err(why) => return Err(why),
            };
            stream.set_nodelay(true)?;
            let both = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut stream, Token(self.connections.len()), both)?;
            self.connections.push(Some(Connection::new(stream)));
        }
    }

    /// Read what is there and make the answers.
    fn serve(
        &mut self,
        index: usize,
        writable: bool,
        buffer: &mut Vec<u8>,
        touched: &mut Vec<usize>,
    ) -> io::Result<()> {
        let invalid = |_: WireError| io::Error::from(ErrorKind::InvalidData);
        let Some(mut connection) = self.connections[index].take() else { return Ok(()) };
        if writable {
            connection.socket.flush()?;
        }
        let mut changed = None;
        while let Some(filled) = connection.socket.fill(buffer)? {
            let mut rest = &buffer[..filled.length];
            while let Some((frame, behind)) = cut(rest).map_err(|_| ErrorKind::InvalidData)? {
                rest = behind;
                if !connection.connected {
                    let request =
                        ConnectRequest::from_bytes(&Bytes::copy_from_slice(frame)).map_err(invalid)?;
                    connection.connected = true;
                    self.state.connect(&request, &mut connection.out);
                    continue;
                }
                let before = self.state.zxid;
                changed = self.state.answer(index, frame, &mut connection.out).map_err(invalid)?.or(changed);
                if self.log.is_some() && self.state.zxid != before {
                    self.round.extend_from_slice(frame);
                }
            }
            connection.socket.keep(rest);
            if !filled.more {
                break;
            }
        }
        if !connection.out.is_empty() {
            touched.push(index);
        }
        self.connections[index] = Some(connection);
        if let Some(path) = changed {
            self.notify(&path, touched);
        }
        Ok(())
    }

    fn notify(&mut self, path: &str, touched: &mut Vec<usize>) {
        let event = WatcherEvent {
            event: EventType::NodeDataChanged,
            state: KeeperState::SyncConnected,
            path: path.to_owned(),
        };
        let mut bytes = Vec::new();
        write_frame(&mut bytes, |out| {
            ReplyHeader::ok(xid::NOTIFICATION, Zxid(self.state.zxid)).write(out);
            event.write(out);
        });
        for index in self.state.watchers.drain(..) {
            if let Some(connection) = &mut self.connections[index] {
                connection.out.extend_from_slice(&bytes);
                touched.push(index);
            }
        }
    }
}

impl Connection {
    fn new(stream: TcpStream) -> Connection {
        Connection { socket: Socket::new(stream), connected: false, out: Vec::new() }
    }
}

impl State {
    fn connect(&mut self, request: &ConnectRequest, out: &mut Vec<u8>) {
        self.zxid += 1;
        let new = SessionId(self.zxid as i64);
        let response = ConnectResponse {
            protocol_version: 0,
            timeout_ms: request.timeout_ms,
            session: if request.session.0 == 0 { new } else { request.session },
            password: [0; PASSWORD_LEN],
            read_only: request.read_only,
        };
        write_frame(out, |out| response.write(out));
    }

    /// Append the answer to a frame; the path that was set, if a connection watches.
    fn answer(&mut self, index: usize, frame: &[u8], out: &mut Vec<u8>) -> Result<Option<String>, WireError> {
        let copy = Bytes::copy_from_slice(frame);
        let mut reader = Reader::new(&copy);
        let header = RequestHeader::read(&mut reader, "")?;
        let op = OpCode::from_i32(header.op).unwrap_or(OpCode::Error);
        let request = Request::read(op, &mut reader)?;
        if op.is_write() {
            self.zxid += 1;
        }
        let ok = ReplyHeader::ok(header.xid, Zxid(self.zxid));
        let refused = |code: ErrorCode| ReplyHeader { err: code.to_i32(), ..ok };
        let mut changed = None;
        let body = match request {
            Request::GetData(get) => {
                // A key's znode is there, its parent is not: nothing is to be removed before a run.
                let Some(key) = key(&get.path) else {
                    write_reply(out, refused(ErrorCode::NoNode), &Response::Empty);
                    return Ok(None);
                };
                if get.watch {
                    self.watchers.push(index);
                }
                let mut value = Vec::with_capacity(self.values.size());
                self.values.write(&mut value, key, self.version);
                write_data_reply(out, ok, Some(&value), &stat(value.len()));
                return Ok(None);
            }
            Request::SetData(set) => {
                let value = set.data.unwrap_or_default();
                self.version = Values::version(&value).unwrap_or(self.version);
                changed = (!self.watchers.is_empty()).then_some(set.path);
                Response::Stat(stat(value.len()))
            }
            Request::Create(create) => Response::Path(name(create.path, create.flags)),
            Request::Multi(parts) => {
                if let Some(MultiOp::Create(CreateRequest { data: Some(value), .. })) = parts.last() {
                    self.version = Values::version(value).unwrap_or(self.version);
                }
                Response::Multi(parts.into_iter().map(part).collect())
            }
            Request::Sync(path) => Response::Sync(path),
            Request::GetChildren(_) => Response::Children(Vec::new()),
            Request::Delete(_) | Request::Ping | Request::CloseSession => Response::Empty,
            _ => {
                write_reply(out, refused(ErrorCode::Unimplemented), &Response::Empty);
                return Ok(None);
            }
        };
        write_reply(out, ok, &body);
        Ok(changed)
    }
}

fn part(part: MultiOp) -> MultiResult {
    match part {
        MultiOp::Create(create) => MultiResult::Create(name(create.path, create.flags)),
        MultiOp::Create2(create) | MultiOp::CreateContainer(create) => {
            MultiResult::Create2(create.path, stat(create.data.map_or(0, |data| data.len())))
        }
        MultiOp::CreateTtl(create) => {
            MultiResult::Create2(create.path, stat(create.data.map_or(0, |data| data.len())))
        }
        MultiOp::Delete(_) => MultiResult::Delete,
        MultiOp::SetData(set) => MultiResult::SetData(stat(set.data.map_or(0, |data| data.len()))),
        MultiOp::Check(_) => MultiResult::Check,
    }
}

fn name(path: String, flags: i32) -> String {
    let sequential = CreateMode::from_i32(flags).is_some_and(CreateMode::is_sequential);
    if sequential { path + "0000000000" } else { path }
}

fn stat(length: usize) -> Stat {
    Stat { data_length: i32::try_from(length).unwrap_or(i32::MAX), ..Stat::default() }
}

/// The key of a path that ends as [`super::request::Paths`] makes them.
fn key(path: &str) -> Option<u64> {
    let (_, name) = path.rsplit_once('/')?;
    let digits = name.strip_prefix('n').filter(|digits| digits.len() == 13)?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::check::{Asked, Checker};
    use crate::bench::request::{Paths, get_data, set_data};

    #[test]
    fn its_answers_pass_the_checks() {
        let (values, paths) = (Values::new(100), Paths::below("/bench"));
        let mut state = State { values: values.clone(), zxid: 1, version: 0, watchers: Vec::new() };
        let mut checker = Checker::new(0, 1);
        for key in [0, 7, 123_456] {
            let (mut asked, mut answered) = (Vec::new(), Vec::new());
            set_data(&mut asked, checker.ask(Asked::Write(key), 0), &paths, key, &values, 5);
            let end = asked.len();
            get_data(&mut asked, checker.ask(Asked::Read(key), 0), &paths, key, true);
            assert_eq!(state.answer(0, &asked[4..end], &mut answered).unwrap(), None);
            let middle = answered.len();
            assert_eq!(state.answer(0, &asked[end + 4..], &mut answered).unwrap(), None);
            checker.reply(&answered[4..middle], &values).unwrap();
            checker.reply(&answered[middle + 4..], &values).unwrap();
            assert_eq!(state.watchers.pop(), Some(0));
        }
    }

    #[test]
    fn keys_are_read_from_paths() {
        assert_eq!(key("/bench/n0000000001234"), Some(1234));
        for other in ["/bench", "/bench/n12", "/bench/m0000000001234", "/bench/n00000000x1234", ""] {
            assert_eq!(key(other), None, "{other}");
        }
    }
}
