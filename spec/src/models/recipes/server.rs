//! One server that leads itself: a real service whose transactions are applied as soon as they are proposed.

use std::sync::Arc;

use bytes::Bytes;
use quorate_core::ids::{ConnId, Now, SessionId, Zxid};
use quorate_core::payload::{Effect, Effects, Origin, RequestKind, Service, ServingRole};
use quorate_core::pipeline::{ClientEvent, ClientReply, ClientRequest, TreeService};
use quorate_core::wire::client::{EventType, OpCode, PathRequest, Request};
use quorate_core::wire::record::Stat;

use crate::models::model_spec::Variant;
use crate::models::service::{Served, at, connect, frame, znodes};

/// The connection of a program of its own, which prepares and meddles.
const OPERATOR: ConnId = ConnId(0);

/// The server.
#[derive(Clone, PartialEq, Hash, Debug)]
pub struct Server {
    served: Served,
    zxid: Zxid,
}

/// What one event at the server has led to.
#[derive(Default, Debug)]
pub struct Done {
    /// Frames for clients, in order. `None`: the connection is closed.
    pub told: Vec<(ConnId, Option<Bytes>)>,
    /// Which connections the deletion of a znode was told to.
    pub woken: Vec<(String, Vec<ConnId>)>,
}

impl Server {
    /// A server with these znodes, made by the operator.
    pub fn new(variant: Variant, begin: Vec<Request>) -> Self {
        let mut served = Served::new(1, 2_000, variant);
        served.step(|service, fx| service.serve(now(), ServingRole::Leader, Zxid::new(1, 0), fx));
        let mut server = Server { served, zxid: Zxid::new(1, 0) };
        server.hear(OPERATOR, connect(SessionId(0), 10_000, Zxid::ZERO));
        for request in begin {
            server.operate(&request);
        }
        server
    }

    /// What of a client's bytes the server does, to the end.
    pub fn hear(&mut self, conn: ConnId, event: ClientEvent) -> Done {
        let fx = self.served.client(now(), conn, event);
        self.finish(fx)
    }

    /// The operator asks for something.
    pub fn operate(&mut self, request: &Request) -> Done {
        self.hear(OPERATOR, frame(7, request))
    }

    /// A session has been silent for too long.
    pub fn expire(&mut self, session: SessionId) -> Done {
        self.submit(internal(session, OpCode::CloseSession, Bytes::new()))
    }

    /// A container is found to be empty, and deleted.
    pub fn reap(&mut self, path: &str) -> Done {
        let body = Request::DeleteContainer(PathRequest { path: path.into() }).body();
        self.submit(internal(SessionId(0), OpCode::DeleteContainer, body))
    }

    /// Whether this container has had children and has none.
    pub fn may_reap(&self, path: &str) -> bool {
        let tree = self.served.get().tree();
        tree.get(path).is_some_and(|node| node.num_children() == 0 && tree.stat(&node).cversion > 0)
    }

    /// Whether a session is open.
    pub fn has_session(&self, session: SessionId) -> bool {
        self.served.get().sessions().any(|(open, _)| open == session)
    }

    /// Everything below a path, that included, in order.
    pub fn znodes(&self, path: &str) -> Vec<(String, Stat)> {
        znodes(self.served.get().tree(), path)
    }

    /// A znode's data.
    pub fn data(&self, path: &str) -> Option<Vec<u8>> {
        self.served.get().tree().get(path).map(|node| node.data().unwrap_or_default().to_vec())
    }

    /// The last transaction.
    pub fn zxid(&self) -> Zxid {
        self.zxid
    }

    fn submit(&mut self, request: ClientRequest) -> Done {
        self.finish(vec![Effect::Submit(request)])
    }

    /// Propose and apply what is submitted, answer what is asked, until nothing is left.
    fn finish(&mut self, fx: Effects<TreeService>) -> Done {
        let mut done = Done::default();
        let mut left: std::collections::VecDeque<_> = fx.into();
        while let Some(effect) = left.pop_front() {
            match effect {
                Effect::Reply(conn, reply) => {
                    let mut bytes = Vec::new();
                    reply.write(&mut bytes);
                    done.told.push((conn, Some(bytes.into())));
                }
                Effect::Close(conn) => done.told.push((conn, None)),
                Effect::Submit(request) => {
                    let fx = self.carry_out(&request);
                    done.woken.extend(woken(&fx));
                    left.extend(fx);
                }
                Effect::Revalidate(touch) => left.extend(self.served.step(|service, fx| {
                    let valid = service.revalidate(now(), touch, Origin::Local);
                    service.revalidated(now(), touch.session, valid, fx);
                })),
            }
        }
        done.told.retain(|(conn, _)| *conn != OPERATOR);
        done
    }

    fn carry_out(&mut self, request: &ClientRequest) -> Effects<TreeService> {
        if TreeService::kind(request) == RequestKind::Sync {
            return self.served.step(|service, fx| service.synced(now(), request, fx));
        }
        self.zxid = self.zxid.next().expect("a few");
        let zxid = self.zxid;
        self.served.step(|service, fx| {
            let txn = service.prepare(now(), zxid, request, Origin::Local);
            service.apply(now(), zxid, &txn, fx);
        })
    }
}

/// Whom a transaction's deletions have woken.
fn woken(fx: &Effects<TreeService>) -> Vec<(String, Vec<ConnId>)> {
    let mut woken: Vec<(String, Vec<ConnId>)> = Vec::new();
    for effect in fx {
        let Effect::Reply(conn, ClientReply::Notification { event, .. }) = effect else { continue };
        let event = Arc::clone(event);
        if event.event != EventType::NodeDeleted {
            continue;
        }
        match woken.iter_mut().find(|(path, _)| *path == event.path) {
            Some((_, conns)) => conns.push(*conn),
            None => woken.push((event.path.clone(), vec![*conn])),
        }
    }
    woken
}

fn internal(session: SessionId, op: OpCode, body: Bytes) -> ClientRequest {
    ClientRequest { session, cxid: 0, op: op.to_i32(), body, auth: Arc::default() }
}

/// Time stands still.
fn now() -> Now {
    at(1_000, 0)
}
