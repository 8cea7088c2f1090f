//! The service as a whole: one server that decides for itself, driven by clients' bytes.

mod connecting;
mod edges;
mod flags;
mod fuzzy;
mod golden_log;
mod limits;
mod ordering;
mod read_only;
mod reigns;
mod requests;
mod speculation;
mod transactions;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;

use super::tree_service::Fx;
use super::*;
use crate::ids::{ConnId, Now, ServerId, SessionId, Ticket, Touch, Zxid};
use crate::payload::{Effect, Origin, Payload, RequestKind, Service, ServingRole, Size};
use crate::wire::client::OpCode;
use crate::wire::client::{
    ConnectRequest, ConnectResponse, CreateRequest, ReplyHeader, Request, RequestHeader, Response,
};
use crate::wire::jute::Jute;
use crate::wire::record::Acl;
use crate::wire::txn::{Txn, TxnBody, TxnHeader};

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A server that is its own ensemble. Requests are ordered at once and applied as soon as they are
/// not held back.
struct Server {
    service: TreeService,
    now: Now,
    zxid: Zxid,
    /// Whether ordered requests stay where they are until [`Server::release`].
    hold: bool,
    held: VecDeque<Held>,
    out: Vec<(ConnId, ClientReply)>,
    closed: Vec<ConnId>,
    log: Vec<(Zxid, ClientTxn)>,
    last_conn: u64,
}

enum Held {
    Txn(Zxid, ClientTxn),
    Sync(ClientRequest),
}

impl Server {
    fn new() -> Self {
        Self::with(|settings| settings.extended_types = true)
    }

    fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::new(ServerId(1), 2000);
        change(&mut settings);
        let service = <ClientTxn as Payload>::Service::new(&settings, None);
        let mut server = Server {
            service,
            now: Now { elapsed_ms: 1_000_000, wall_ms: 0x1a1_f866_8816 },
            zxid: Zxid::ZERO,
            hold: false,
            held: VecDeque::new(),
            out: vec![],
            closed: vec![],
            log: vec![],
            last_conn: Ticket::default().0,
        };
        server.step(|service, now, fx| service.serve(now, ServingRole::Leader, Zxid::ZERO, fx));
        server
    }

    fn step(&mut self, call: impl FnOnce(&mut TreeService, Now, &mut Fx)) {
        let mut fx = vec![];
        call(&mut self.service, self.now, &mut fx);
        self.effects(fx);
    }

    fn effects(&mut self, fx: Fx) {
        for effect in fx {
            match effect {
                Effect::Reply(conn, reply) => self.out.push((conn, reply)),
                Effect::Close(conn) => self.closed.push(conn),
                Effect::Submit(request) => self.submit(&request, Origin::Local),
                Effect::Revalidate(touch) => {
                    let valid = self.service.revalidate(self.now, touch, Origin::Local);
                    self.step(|service, now, fx| service.revalidated(now, touch.session, valid, fx));
                }
            }
        }
    }

    fn submit(&mut self, request: &ClientRequest, origin: Origin) {
        match TreeService::kind(request) {
            RequestKind::Sync => self.held.push_back(Held::Sync(request.clone())),
            RequestKind::Write => {
                self.zxid = self.zxid.next().expect("a zxid is left");
                let txn = self.service.prepare(self.now, self.zxid, request, origin);
                self.held.push_back(Held::Txn(self.zxid, txn));
            }
        }
        if !self.hold {
            self.release();
        }
    }

    fn release(&mut self) {
        while self.release_one() {}
    }

    fn release_one(&mut self) -> bool {
        match self.held.pop_front() {
            None => return false,
            Some(Held::Sync(request)) => self.step(|service, now, fx| service.synced(now, &request, fx)),
            Some(Held::Txn(zxid, txn)) => {
                self.log.push((zxid, txn.clone()));
                self.step(|service, now, fx| service.apply(now, zxid, &txn, fx));
            }
        }
        true
    }

    fn event(&mut self, conn: ConnId, event: ClientEvent) {
        self.step(|service, now, fx| service.client(now, conn, event, fx));
    }

    fn dial(&mut self, request: &ConnectRequest) -> ConnId {
        self.last_conn += 1;
        let conn = ConnId(self.last_conn);
        let frame = Bytes::from(request.to_bytes());
        self.event(conn, ClientEvent::Connect { frame, address: LOCALHOST, certificate: None });
        conn
    }

    /// A connection with a new session.
    fn connect(&mut self) -> ConnId {
        let conn = self.dial(&hello());
        let response = self.connected(conn);
        assert_ne!(response.timeout_ms, 0);
        conn
    }

    fn connected(&mut self, conn: ConnId) -> ConnectResponse {
        match self.take(conn).as_slice() {
            [ClientReply::Connect(response)] => response.clone(),
            other => panic!("not connected: {other:?}"),
        }
    }

    /// Everything sent to this connection since the last time.
    fn take(&mut self, conn: ConnId) -> Vec<ClientReply> {
        let (mine, others) = core::mem::take(&mut self.out).into_iter().partition(|(to, _)| *to == conn);
        self.out = others;
        let mine: Vec<(ConnId, ClientReply)> = mine;
        mine.into_iter().map(|(_, reply)| reply).collect()
    }

    fn send_raw(&mut self, conn: ConnId, xid: i32, op: i32, body: &[u8]) {
        let mut frame = RequestHeader { xid, op }.to_bytes();
        frame.extend_from_slice(body);
        self.event(conn, ClientEvent::Frame(frame.into()));
    }

    fn send(&mut self, conn: ConnId, xid: i32, request: &Request) {
        self.send_raw(conn, xid, request.op().to_i32(), &request.body());
    }

    /// Ask and get the one answer; the error is the code.
    fn ask(&mut self, conn: ConnId, request: &Request) -> Result<Response, i32> {
        self.send(conn, 77, request);
        match self.take(conn).pop() {
            Some(ClientReply::Reply { header, body, .. }) if header.err == 0 => Ok(body),
            Some(ClientReply::Reply { header, .. }) => Err(header.err),
            other => panic!("no answer to {request:?}: {other:?}"),
        }
    }

    fn session(&self, conn: ConnId) -> SessionId {
        self.service.clients.connections[&conn].session
    }

    fn is_closed(&self, conn: ConnId) -> bool {
        self.closed.contains(&conn)
    }

    fn wait(&mut self, ms: u64) {
        self.now.elapsed_ms += ms;
        self.now.wall_ms += ms as i64;
        self.step(|service, now, fx| service.expire(now, fx));
    }
}

fn hello() -> ConnectRequest {
    ConnectRequest {
        protocol_version: 0,
        last_zxid_seen: 0,
        timeout_ms: 10_000,
        session: SessionId(0),
        password: Some(Bytes::from_static(&[0; 16])),
        read_only: Some(false),
    }
}

fn create(path: &str, flags: i32) -> Request {
    Request::Create(CreateRequest {
        path: path.into(),
        data: Some(Bytes::new()),
        acl: vec![Acl::open()],
        flags,
    })
}

fn xids(replies: &[ClientReply]) -> Vec<i32> {
    let xid = |reply: &ClientReply| match reply {
        ClientReply::Reply { header, .. } => header.xid,
        ClientReply::Notification { .. } => -1,
        ClientReply::Connect(_) => 0,
    };
    replies.iter().map(xid).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| alloc::format!("{b:02x}")).collect()
}

/// A reply's header and the bytes of its body.
fn encoded(reply: &ClientReply) -> (ReplyHeader, Vec<u8>) {
    let mut frame = vec![];
    reply.write(&mut frame);
    let frame = Bytes::from(frame);
    let header = ReplyHeader::from_bytes(&frame.slice(4..)).expect("a header");
    (header, frame[4 + ReplyHeader::LEN..].to_vec())
}
