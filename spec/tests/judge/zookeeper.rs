//! ZooKeeper itself before the judge: the same random clients, one request at a time.
//!
//! The server must be new and without other clients. `tests/interop/judge.py` starts one.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bytes::Bytes;
use quorate_core::auth::digest;
use quorate_core::ids::SessionId;
use quorate_core::wire::client::{
    AuthPacket, ConnectRequest, ConnectResponse, DeleteRequest, MultiOp, OpCode, ReplyHeader, Request,
    RequestHeader, Response, SetAclRequest,
};
use quorate_core::wire::jute::{Jute, Reader};
use quorate_core::wire::record::Acl;
use quorate_spec::judge::rules::{Client, Moment};
use quorate_spec::judge::words::{Answer, Identity, MARSHALLING_ERROR, Op, Stat};
use quorate_spec::judge::{Judge, glue};

use super::requests::{CLIENTS, ROOT, Step};

/// A client's connection.
struct Connection {
    stream: TcpStream,
    session: i64,
    is: Vec<Identity>,
    xid: i32,
}

/// A server, its clients, and the judge.
pub(crate) struct ZooKeeper {
    address: String,
    judge: Judge,
    clients: [Option<Connection>; CLIENTS],
    pub(crate) judged: usize,
}

fn identity(scheme: &str, id: &str) -> Identity {
    Identity { scheme: scheme.into(), id: id.into() }
}

impl ZooKeeper {
    pub(crate) fn new(address: String) -> Self {
        let mut judge = Judge::of_new_ensemble();
        judge.has_ttl = true;
        ZooKeeper { address, judge, clients: [const { None }; CLIENTS], judged: 0 }
    }

    pub(crate) fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Ask(client, request) => self.ask(*client, request),
            _ => Ok(()),
        }
    }

    /// Everything is as it was, but for what the stats of the system's znodes have counted.
    pub(crate) fn clean(&mut self) -> Result<(), String> {
        for client in 0..CLIENTS {
            if self.clients[client].is_some() {
                self.ask(client, &Request::CloseSession)?;
            }
        }
        let proof = Some(Bytes::from_static(ROOT.as_bytes()));
        self.ask(0, &Request::Auth(AuthPacket { auth_type: 0, scheme: "digest".into(), auth: proof }))?;
        let paths: Vec<String> = self.judge.znodes.keys().rev().cloned().collect();
        for path in paths {
            let request = match path.as_str() {
                "/" | "/zookeeper" | "/zookeeper/quota" | "/zookeeper/config" => {
                    let read_only = Acl { perms: 1, ..Acl::open() };
                    let acl = vec![if path.ends_with("config") { read_only } else { Acl::open() }];
                    Request::SetAcl(SetAclRequest { path, acl, version: -1 })
                }
                _ => Request::Delete(DeleteRequest { path, version: -1 }),
            };
            self.ask(0, &request)?;
        }
        self.ask(0, &Request::CloseSession)
    }

    fn ask(&mut self, client: usize, request: &Request) -> Result<(), String> {
        // The server would die of it.
        if matches!(request, Request::CreateTtl(r) if r.ttl < 0 && r.flags < 5) {
            return Ok(());
        }
        // ZooKeeper takes a container with an ephemeral's flags for one until the multi is applied.
        let both = |part: &MultiOp| matches!(part, MultiOp::CreateContainer(r) if [1, 3].contains(&r.flags));
        if matches!(request, Request::Multi(parts) if parts.iter().any(both)) {
            return Ok(());
        }
        // ZooKeeper writes characters outside of the basic plane otherwise than it reads them.
        if matches!(request, Request::Sync(Some(path)) if path.contains(|c| c > '\u{ffff}')) {
            return Ok(());
        }
        // ZooKeeper counts the root among what is below the empty path.
        if matches!(request, Request::GetAllChildrenNumber(r) if r.path.is_empty()) {
            return Ok(());
        }
        self.exchange(client, request).map_err(|why| format!("{request:?}: {why}"))?
    }

    fn exchange(&mut self, client: usize, request: &Request) -> io::Result<Result<(), String>> {
        if self.clients[client].is_none() {
            let connection = Connection::open(&self.address)?;
            let (at, who) = (Moment { zxid: 0, time: 0 }, Client { session: connection.session, is: &[] });
            self.judge.write(at, who, &Op::OpenSession);
            self.clients[client] = Some(connection);
        }
        let connection = self.clients[client].as_mut().expect("it is connected");
        let (header, told) = connection.ask(request)?;
        if let Request::Auth(packet) = request {
            connection.prove(packet);
            return Ok(Ok(()));
        }
        if *request == Request::CloseSession {
            let closed = self.clients[client].take().expect("it was connected");
            let (at, who) =
                (Moment { zxid: header.zxid, time: 0 }, Client { session: closed.session, is: &[] });
            self.judge.write(at, who, &Op::CloseSession);
            return Ok(Ok(()));
        }
        let who = Client { session: connection.session, is: &connection.is };
        // Some requests cannot be read by any server.
        let says = match Request::decode(request.op(), &request.body()) {
            Err(_) => Answer::Error(MARSHALLING_ERROR),
            Ok(read) => match glue::op(&read) {
                Some(op) if read.op().is_write() => {
                    self.judge.write(Moment { zxid: header.zxid, time: 0 }, who, &op)
                }
                Some(op) => self.judge.read(who, &op),
                None => return Ok(Ok(())),
            },
        };
        self.judged += 1;
        let told = timeless(told);
        Ok(if told == says {
            Ok(())
        } else {
            Err(format!("{request:?} is answered {told:?}, and the judge says {says:?}"))
        })
    }
}

impl Connection {
    fn open(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let hello = ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: 0,
            timeout_ms: 60_000,
            session: SessionId(0),
            password: Some(Bytes::from_static(&[0; 16])),
            read_only: Some(false),
        };
        let is = vec![identity("ip", "127.0.0.1")];
        let mut connection = Connection { stream, session: 0, is, xid: 0 };
        connection.send(&hello.to_bytes())?;
        let frame = connection.receive()?;
        let response = ConnectResponse::from_bytes(&frame).map_err(io::Error::other)?;
        connection.session = response.session.0;
        Ok(connection)
    }

    fn ask(&mut self, request: &Request) -> io::Result<(ReplyHeader, Answer)> {
        self.xid += 1;
        let xid = match request.op() {
            OpCode::Auth => -4,
            OpCode::Ping => -2,
            _ => self.xid,
        };
        let mut frame = RequestHeader { xid, op: request.op().to_i32() }.to_bytes();
        frame.extend_from_slice(&request.body());
        self.send(&frame)?;
        let reply = self.receive()?;
        let mut reader = Reader::new(&reply);
        let header = ReplyHeader::read(&mut reader, "").map_err(io::Error::other)?;
        if header.xid != xid {
            return Err(io::Error::other(format!("{header:?} answers no request")));
        }
        let body = match header.err {
            0 => Response::read(request.op(), &mut reader).map_err(io::Error::other)?,
            _ => Response::Empty,
        };
        Ok((header, glue::answer(header.err, &body)))
    }

    fn prove(&mut self, packet: &AuthPacket) {
        let proof = packet.auth.as_deref().unwrap_or_default();
        let proved = identity("digest", &digest::identity(proof));
        for identity in [Some(proved), (proof == ROOT.as_bytes()).then(|| identity("super", ""))] {
            self.is.extend(identity.filter(|identity| !self.is.contains(identity)));
        }
    }

    fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        let length = (frame.len() as u32).to_be_bytes();
        self.stream.write_all(&[&length, frame].concat())
    }

    fn receive(&mut self) -> io::Result<Bytes> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut frame)?;
        Ok(frame.into())
    }
}

/// The answer without the server's clock.
fn timeless(answer: Answer) -> Answer {
    let stat = |stat: Stat| Stat { ctime: 0, mtime: 0, ..stat };
    match answer {
        Answer::Created(path, s) => Answer::Created(path, stat(s)),
        Answer::Stat(s) => Answer::Stat(stat(s)),
        Answer::Data(data, s) => Answer::Data(data, stat(s)),
        Answer::Acl(acl, s) => Answer::Acl(acl, stat(s)),
        Answer::NamesAndStat(names, s) => Answer::NamesAndStat(names, stat(s)),
        Answer::Parts(parts) => Answer::Parts(parts.into_iter().map(timeless).collect()),
        other => other,
    }
}
