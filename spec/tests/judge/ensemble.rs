//! A leader and a learner without a network: their clients' requests become transactions that both apply.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use quorate_core::auth::digest;
use quorate_core::ids::{ConnId, Link, Now, ServerId, SessionId, Zxid};
use quorate_core::payload::{Effect, Origin, RequestKind, Service, ServingRole};
use quorate_core::pipeline::{
    ClientEvent, ClientReply, ClientRequest, ClientTxn, ImageBuilder, Settings, TreeImage, TreeService,
};
use quorate_core::wire::client::{ConnectRequest, Request, RequestHeader};
use quorate_core::wire::jute::Jute;
use quorate_core::wire::record::StatPersisted;
use quorate_spec::judge::hearing::{Cases, Hearing};

use super::requests::{CLIENTS, ROOT, Step};

const FOLLOWER: Origin = Origin::Learner(Link { server: ServerId(2), generation: 1 });

/// What an ensemble is configured with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Config {
    pub(crate) has_ttl: bool,
    pub(crate) skips_acl: bool,
    pub(crate) longest: usize,
    /// Which rule the servers break.
    #[cfg(feature = "mutants")]
    pub(crate) mutation: Option<quorate_core::Mutation>,
}

struct Server {
    service: TreeService,
    hearing: Hearing,
    /// So much of the log is applied.
    applied: usize,
    /// Syncs, and how much of the log each waits for.
    syncs: VecDeque<(usize, ClientRequest)>,
}

/// Both servers and everything between them.
pub(crate) struct Ensemble {
    servers: [Server; 2],
    cases: Cases,
    log: Vec<(Zxid, ClientTxn)>,
    now: Now,
    xid: i32,
    /// The connections of the clients: the even ones are the leader's.
    conns: [Option<ConnId>; CLIENTS],
    next: u64,
    /// How many answers the judge had something to say about.
    pub(crate) judged: usize,
}

impl Ensemble {
    pub(crate) fn new(config: Config) -> Self {
        let now = Now { elapsed_ms: 0, wall_ms: 1_000_000 };
        let begin = Zxid::new(1, 0);
        let server = |i: usize| {
            let settings = Settings {
                extended_types: config.has_ttl,
                skip_acl: config.skips_acl,
                max_txn: config.longest,
                #[cfg(feature = "mutants")]
                mutation: config.mutation,
                super_digest: Some(digest::identity(ROOT.as_bytes())),
                ..Settings::new(ServerId(i as i64 + 1), 2000)
            };
            let mut service = TreeService::new(&settings, Some(&near_the_ends(&settings)));
            let hearing = Hearing::new(i, &settings, &service, begin);
            let role = if i == 0 { ServingRole::Leader } else { ServingRole::Learner };
            service.serve(now, role, begin, &mut Vec::new());
            Server { service, hearing, applied: 0, syncs: VecDeque::new() }
        };
        Ensemble {
            servers: [0, 1].map(server),
            cases: Cases::default(),
            log: vec![],
            now,
            xid: 0,
            conns: [None; CLIENTS],
            next: 0,
            judged: 0,
        }
    }

    pub(crate) fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Ask(client, request) => self.ask(*client, request),
            Step::Apply(server) => self.apply(*server).map(drop),
            Step::CatchUp => self.catch_up(),
            Step::Time(ms) => {
                self.now.elapsed_ms += ms.unsigned_abs();
                self.now.wall_ms += ms;
                Ok(())
            }
        }
    }

    pub(crate) fn catch_up(&mut self) -> Result<(), String> {
        for server in 0..2 {
            while self.apply(server)? {}
        }
        Ok(())
    }

    fn ask(&mut self, client: usize, request: &Request) -> Result<(), String> {
        let conn = match self.conns[client] {
            Some(conn) => conn,
            None => self.connect(client)?,
        };
        self.xid += 1;
        let xid = if matches!(request, Request::Auth(_)) { -4 } else { self.xid };
        let mut frame = RequestHeader { xid, op: request.op().to_i32() }.to_bytes();
        frame.extend_from_slice(&request.body());
        self.client(client % 2, conn, ClientEvent::Frame(frame.into()))
    }

    fn connect(&mut self, client: usize) -> Result<ConnId, String> {
        self.next += 1;
        let conn = ConnId(self.next);
        self.conns[client] = Some(conn);
        let hello = ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: 0,
            timeout_ms: 30_000,
            session: SessionId(0),
            password: Some(Bytes::from_static(&[0; 16])),
            read_only: Some(false),
        };
        let address = IpAddr::V4(Ipv4Addr::new(10, 0, 0, client as u8));
        self.client(
            client % 2,
            conn,
            ClientEvent::Connect { frame: hello.to_bytes().into(), address, certificate: None },
        )?;
        Ok(conn)
    }

    fn client(&mut self, i: usize, conn: ConnId, event: ClientEvent) -> Result<(), String> {
        let Server { service, hearing, .. } = &mut self.servers[i];
        hearing.hears(&mut self.cases, conn, &event);
        let mut fx = Vec::new();
        service.client(self.now, conn, event, &mut fx);
        self.perform(i, fx)
    }

    /// Apply the next transaction, if there is one.
    fn apply(&mut self, i: usize) -> Result<bool, String> {
        let server = &mut self.servers[i];
        let Some((zxid, txn)) = self.log.get(server.applied).cloned() else { return Ok(false) };
        server.applied += 1;
        let mut fx = Vec::new();
        server.service.apply(self.now, zxid, &txn, &mut fx);
        self.perform(i, fx)?;
        let Server { service, hearing, .. } = &mut self.servers[i];
        hearing.applied(&mut self.cases, zxid)?;
        if let Some(differs) = hearing.difference(service) {
            return Err(format!("after {zxid} {differs}"));
        }
        self.answer_syncs(i)?;
        Ok(true)
    }

    fn answer_syncs(&mut self, i: usize) -> Result<(), String> {
        let server = &mut self.servers[i];
        let is_due = |sync: &(usize, ClientRequest)| sync.0 <= server.applied;
        if !server.syncs.front().is_some_and(is_due) {
            return Ok(());
        }
        let Some((_, request)) = server.syncs.pop_front() else { return Ok(()) };
        let mut fx = Vec::new();
        server.service.synced(self.now, &request, &mut fx);
        self.perform(i, fx)?;
        self.answer_syncs(i)
    }

    fn perform(&mut self, i: usize, fx: Vec<Effect<TreeService>>) -> Result<(), String> {
        for effect in fx {
            match effect {
                Effect::Submit(request) if TreeService::kind(&request) == RequestKind::Sync => {
                    self.servers[i].syncs.push_back((self.log.len(), request));
                    self.answer_syncs(i)?;
                }
                Effect::Submit(request) => self.propose(i, &request),
                Effect::Reply(conn, reply) => self.told(i, conn, &reply)?,
                Effect::Close(conn) => {
                    self.servers[i].hearing.closed(conn);
                    for mine in self.conns.iter_mut().filter(|mine| **mine == Some(conn)) {
                        *mine = None;
                    }
                }
                Effect::Revalidate(_) => return Err("no client comes back to a session".into()),
            }
        }
        Ok(())
    }

    fn propose(&mut self, i: usize, request: &ClientRequest) {
        let zxid = Zxid::new(1, self.log.len() as u32 + 1);
        let origin = if i == 0 { Origin::Local } else { FOLLOWER };
        let txn = self.servers[0].service.prepare(self.now, zxid, request, origin);
        for server in &mut self.servers {
            server.hearing.logged(zxid, &txn);
        }
        self.log.push((zxid, txn));
    }

    fn told(&mut self, i: usize, conn: ConnId, reply: &ClientReply) -> Result<(), String> {
        let judged = self.servers[i].hearing.answers(&mut self.cases, conn, reply)?;
        self.judged += usize::from(judged);
        Ok(())
    }
}

/// A state in which numbers are about to end. `/n` has versions and a counter near the last; `/n/x` has
/// versions just before −1.
fn near_the_ends(settings: &Settings) -> TreeImage {
    let mut image = ImageBuilder::new(settings);
    let mut add = |path: &str, version: i32, cversion: i32| {
        let zxid = Zxid::new(0, 1);
        let stat = StatPersisted {
            czxid: zxid,
            mzxid: zxid,
            pzxid: zxid,
            version,
            aversion: version,
            cversion,
            ..StatPersisted::default()
        };
        image.node(path, Some(b"old"), -1, stat).expect("it has a parent");
    };
    add("/", 0, 4);
    add("/a", 0, 0);
    add("/n", i32::MAX - 1, i32::MAX - 2);
    add("/n/x", -3, 0);
    image.finish(Zxid::new(0, 1)).expect("it has a root")
}
