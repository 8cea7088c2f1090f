//! One server before the judge: what its clients asked, what it applied, and what it answered.
//!
//! A [`Hearing`] is told, in order, what arrives from clients, which transactions were logged, and what is
//! sent to clients. Its [`Judge`] does each request when the server has applied the transaction that came of
//! it. So every answer is compared with what the judge says at the zxid that the answer names.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use quorate_core::auth::digest;
use quorate_core::ids::{ConnId, SessionId, Zxid};
use quorate_core::pipeline::{ClientEvent, ClientReply, ClientTxn, Settings, TreeService};
use quorate_core::wire::client::{AuthPacket, CreateMode, OpCode, Request, RequestHeader, Response};
use quorate_core::wire::jute::{Jute, Reader};
use quorate_core::wire::record::Id;
use quorate_core::wire::txn::{Txn, TxnBody, TxnHeader};

use super::rules::{Client, Moment};
use super::words::{Answer, BAD_ARGUMENTS, Identity, MARSHALLING_ERROR, Op};
use super::{Judge, glue};

/// What no transaction sets: the configuration, where it is shown.
const CONFIG: &str = "/zookeeper/config";
/// The answers that tell of the server, not of znodes: another connection has the session, and there is no
/// leader.
const OF_THE_SERVER: [i32; 2] = [-118, -119];

/// A request of a client.
#[derive(Debug)]
struct Case {
    number: u64,
    conn: (usize, ConnId),
    xid: i32,
    code: OpCode,
    op: Option<Op>,
    /// What is answered without a transaction.
    at_once: Option<Answer>,
    is: Arc<Vec<Identity>>,
}

/// The requests of all servers, and which transactions came of them.
#[derive(Debug, Default)]
pub struct Cases {
    number: u64,
    undecided: BTreeMap<i64, VecDeque<Arc<Case>>>,
    decided: BTreeMap<Zxid, Option<Arc<Case>>>,
}

impl Cases {
    /// The request that this transaction came of, if it was heard.
    fn of(&mut self, zxid: Zxid, txn: &Txn) -> Option<Arc<Case>> {
        let Cases { undecided, decided, .. } = self;
        let find = || {
            let TxnHeader { client_id, cxid, .. } = txn.header;
            let waiting = undecided.get_mut(&client_id.0)?;
            // The clients of some libraries count from 1 again on each connection, and what was sent on the
            // one before may never have become a transaction.
            let may_be = |case: &Case| case.xid == cxid && is_kind(txn, case);
            let mut all = (0..waiting.len()).filter(|i| may_be(&waiting[*i]));
            let at = match (all.next()?, all.next_back()) {
                (only, None) => only,
                (first, Some(last)) => {
                    (first..=last).rev().find(|i| may_be(&waiting[*i]) && came_of(txn, &waiting[*i]))?
                }
            };
            let case = waiting.remove(at)?;
            // A connection's requests are ordered as they came.
            waiting.retain(|other| other.conn != case.conn || other.number > case.number);
            Some(case)
        };
        decided.entry(zxid).or_insert_with(find).clone()
    }
}

/// Whether a transaction is of the kind that a request makes.
fn is_kind(txn: &Txn, case: &Case) -> bool {
    txn.header.op == OpCode::Error.to_i32() || txn.header.op == case.code.to_i32()
}

/// Whether a transaction does what a request asks for. Of one that failed that cannot be told.
fn came_of(txn: &Txn, case: &Case) -> bool {
    glue::op_of(txn).zip(case.op.as_ref()).is_some_and(|(done, asked)| is_done(&done, asked))
}

fn is_done(done: &Op, asked: &Op) -> bool {
    match (done, asked) {
        (Op::Create { path, data, .. }, Op::Create { path: asked, data: with, .. }) => {
            path.starts_with(asked) && data == with
        }
        (Op::Delete { path, .. }, Op::Delete { path: asked, .. }) => path == asked,
        (Op::SetData { path, data, .. }, Op::SetData { path: asked, data: with, .. }) => {
            path == asked && data == with
        }
        (Op::SetAcl { path, .. }, Op::SetAcl { path: asked, .. }) => path == asked,
        (Op::Check { path, .. }, Op::Check { path: asked, .. }) => path == asked,
        (Op::Multi(done), Op::Multi(asked)) => {
            done.len() == asked.len() && done.iter().zip(asked).all(|(done, asked)| is_done(done, asked))
        }
        (done, asked) => done == asked,
    }
}

/// A connection of a client.
#[derive(Debug)]
struct Connection {
    session: Option<i64>,
    is: Arc<Vec<Identity>>,
    unanswered: VecDeque<Arc<Case>>,
    /// Authentications are answered at once.
    proofs: VecDeque<i32>,
}

/// The clients of one server's process, as the judge follows them.
#[derive(Debug)]
pub struct Hearing {
    server: usize,
    super_digest: Option<String>,
    /// The name in the certificate of the client that may do everything.
    super_user: Option<String>,
    shows_config: bool,
    /// What the judge has at the transaction that the server has applied.
    pub judge: Judge,
    /// Whether the judge has what the server has: its answers are judged.
    judging: bool,
    applied: Zxid,
    logged: VecDeque<(Zxid, ClientTxn)>,
    connections: BTreeMap<ConnId, Connection>,
    /// What the transaction that was applied last is answered with.
    last: Option<(u64, Answer)>,
}

impl Hearing {
    /// The judge takes what the service has applied, up to `applied`, as it is.
    pub fn new(server: usize, settings: &Settings, service: &TreeService, applied: Zxid) -> Self {
        Hearing {
            server,
            super_digest: settings.super_digest.clone(),
            super_user: settings.x509_super_user.clone(),
            shows_config: settings.config.is_some(),
            judge: glue::judge(service, settings),
            judging: true,
            applied,
            logged: VecDeque::new(),
            connections: BTreeMap::new(),
            last: None,
        }
    }

    /// A hearing for a state that may have effects of later transactions. What is asked is heard, and nothing
    /// is judged.
    #[must_use]
    pub fn of_fuzzy(self) -> Self {
        Hearing { judging: false, ..self }
    }

    /// The server has another state: its clients stay.
    #[must_use]
    pub fn instead_of(self, before: Hearing) -> Self {
        Hearing { connections: before.connections, ..self }
    }

    /// Whether answers are judged.
    pub fn is_judging(&self) -> bool {
        self.judging
    }

    /// From now on answers are judged. The judge takes what the service has applied, up to `applied`, as it
    /// is.
    pub fn takes(&mut self, settings: &Settings, service: &TreeService, applied: Zxid) {
        self.judge = glue::judge(service, settings);
        (self.judging, self.applied, self.last) = (true, applied, None);
        self.logged.retain(|(zxid, _)| *zxid > applied);
    }

    /// A transaction was logged.
    pub fn logged(&mut self, zxid: Zxid, txn: &ClientTxn) {
        self.logged.push_back((zxid, txn.clone()));
    }

    /// What was logged after this is gone.
    pub fn truncated(&mut self, zxid: Zxid) {
        self.logged.retain(|(logged, _)| *logged <= zxid);
    }

    /// Something arrives from a client.
    pub fn hears(&mut self, cases: &mut Cases, conn: ConnId, event: &ClientEvent) {
        match event {
            ClientEvent::Connect { address, certificate, .. } => {
                let mut is = vec![glue::identity(&Id::new("ip", &address.to_string()))];
                if let Some(name) = certificate {
                    if self.super_user.as_ref() == Some(name) {
                        is.push(glue::identity(&Id::new("super", name)));
                    }
                    is.push(glue::identity(&Id::new("x509", name)));
                }
                let (unanswered, proofs) = (VecDeque::new(), VecDeque::new());
                let connection = Connection { session: None, is: Arc::new(is), unanswered, proofs };
                self.connections.insert(conn, connection);
            }
            ClientEvent::Closed => drop(self.connections.remove(&conn)),
            ClientEvent::Frame(frame) => self.asked(cases, conn, frame),
        }
    }

    fn asked(&mut self, cases: &mut Cases, conn: ConnId, frame: &bytes::Bytes) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let mut reader = Reader::new(frame);
        let Ok(header) = RequestHeader::read(&mut reader, "") else { return };
        let Some(code) = OpCode::from_i32(header.op).filter(|code| code.is_for_clients()) else { return };
        match code {
            OpCode::Auth => {
                if let Ok(packet) = AuthPacket::read(&mut reader, "") {
                    connection.proofs.push_back(header.xid);
                    prove(Arc::make_mut(&mut connection.is), &packet, self.super_digest.as_deref());
                }
                return;
            }
            OpCode::Sasl => return connection.proofs.push_back(header.xid),
            _ => {}
        }
        let request = Request::read(code, &mut reader);
        let at_once = match &request {
            Err(_) => Some(Answer::Error(MARSHALLING_ERROR)),
            // It would be the end of other servers.
            Ok(Request::CreateTtl(r)) if r.ttl < 0 && is_without_ttl(r.flags) => {
                Some(Answer::Error(BAD_ARGUMENTS))
            }
            Ok(_) => None,
        };
        cases.number += 1;
        let case = Arc::new(Case {
            number: cases.number,
            conn: (self.server, conn),
            xid: header.xid,
            code,
            op: request.ok().and_then(|request| glue::op(&request)),
            at_once,
            is: Arc::clone(&connection.is),
        });
        connection.unanswered.push_back(Arc::clone(&case));
        if let Some(session) = connection.session.filter(|_| code.is_write()) {
            cases.undecided.entry(session).or_default().push_back(case);
        }
    }

    /// The server has applied everything up to this.
    ///
    /// # Errors
    /// A transaction that is not what the judge makes of its request.
    pub fn applied(&mut self, cases: &mut Cases, zxid: Zxid) -> Result<(), String> {
        while let Some((next, txn)) = pop_if(&mut self.logged, |(next, _)| *next <= zxid) {
            if next > self.applied {
                let txn = Txn::decode(&txn.0).map_err(|why| format!("transaction {next}: {why}"))?;
                self.does(cases, next, &txn)?;
                self.applied = next;
            }
        }
        self.applied = self.applied.max(zxid);
        Ok(())
    }

    fn does(&mut self, cases: &mut Cases, zxid: Zxid, txn: &Txn) -> Result<(), String> {
        let case = cases.of(zxid, txn);
        self.last = None;
        if !self.judging {
            return Ok(());
        }
        if matches!(txn.body, TxnBody::Error(code) if OF_THE_SERVER.contains(&code)) {
            return Ok(());
        }
        let at = Moment { zxid: zxid.0 as i64, time: txn.header.time };
        let session = txn.header.client_id.0;
        let failure_of_txn = glue::failure(txn);
        if let Some((case, op)) = case.as_ref().and_then(|case| Some((case, case.op.as_ref()?))) {
            let answer = self.judge.write(at, Client { session, is: &case.is }, op);
            if failure_of_txn != failure(&answer) {
                return Err(format!("{} is, for {op:?}, {:?}; the judge says {answer:?}", zxid, txn.body));
            }
            self.last = Some((case.number, answer));
        } else if let Some(op) = glue::op_of(txn).filter(|_| failure_of_txn.is_none()) {
            let root = [glue::identity(&Id::new("super", ""))];
            let answer = self.judge.write(at, Client { session, is: &root }, &op);
            if failure(&answer).is_some() {
                return Err(format!("{} is {op:?}, and the judge says {answer:?}", zxid));
            }
        }
        if matches!(txn.body, TxnBody::CloseSession(_)) {
            cases.undecided.remove(&session);
        }
        Ok(())
    }

    /// Something is sent to a client. Answers whether the judge had something to say about it.
    ///
    /// # Errors
    /// An answer that is not the judge's.
    pub fn answers(&mut self, cases: &mut Cases, conn: ConnId, reply: &ClientReply) -> Result<bool, String> {
        let (header, body) = match reply {
            ClientReply::Reply { header, body, .. } => (header, body),
            ClientReply::Connect(response) => {
                self.opened(cases, conn, response.session);
                return Ok(false);
            }
            ClientReply::Notification { .. } => return Ok(false),
        };
        // An operation that is none is refused at once, ahead of requests that wait.
        if header.zxid == -1 {
            return Ok(false);
        }
        if let Ok(zxid @ 1..) = u64::try_from(header.zxid) {
            self.applied(cases, Zxid(zxid))?;
        }
        let Some(connection) = self.connections.get_mut(&conn) else {
            return Err(format!("{conn:?} is answered {reply:?} and has not asked"));
        };
        if header.zxid == 0 && pop_if(&mut connection.proofs, |xid| *xid == header.xid).is_some() {
            return Ok(false);
        }
        let asked = |case: &Arc<Case>| case.xid == header.xid || case.code == OpCode::Ping;
        let Some(case) = pop_if(&mut connection.unanswered, asked) else {
            return Err(format!("{conn:?} is answered {reply:?} out of turn"));
        };
        let session = connection.session.unwrap_or_default();
        if !self.judging {
            return Ok(false);
        }
        match self.says(&case, session, header.err) {
            None => Ok(false),
            Some(says) => compare(&case, &says, header.err, body).map(|()| true),
        }
    }

    /// What the judge says to this request.
    fn says(&self, case: &Case, session: i64, err: i32) -> Option<Answer> {
        if OF_THE_SERVER.contains(&err) {
            return None;
        }
        if case.at_once.is_some() {
            return case.at_once.clone();
        }
        let op = case.op.as_ref().filter(|op| !(self.shows_config && mentions_config(op)))?;
        if case.code.is_write() {
            let (number, answer) = self.last.as_ref()?;
            return (*number == case.number).then(|| answer.clone());
        }
        // The end of its session is proposed, and not applied: the leader knows.
        if err == super::words::SESSION_EXPIRED {
            return None;
        }
        Some(self.judge.read(Client { session, is: &case.is }, op))
    }

    fn opened(&mut self, cases: &mut Cases, conn: ConnId, SessionId(session): SessionId) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.session = Some(session);
            let early = connection.unanswered.iter().filter(|case| case.code.is_write()).cloned();
            cases.undecided.entry(session).or_default().extend(early);
        }
    }

    /// The first znode that is not what the judge says.
    pub fn difference(&self, service: &TreeService) -> Option<String> {
        if !self.judging {
            return None;
        }
        let (found, judged) = (glue::znodes(service.tree()), &self.judge.znodes);
        let paths = found.keys().chain(judged.keys());
        let mut differing = paths.filter(|path| found.get(*path) != judged.get(*path));
        let path = differing.find(|path| !(self.shows_config && *path == CONFIG))?;
        Some(format!("{path} is {:?}, and the judge says {:?}", found.get(path), judged.get(path)))
    }

    /// A connection is closed.
    pub fn closed(&mut self, conn: ConnId) {
        self.connections.remove(&conn);
    }
}

/// Take the first one, if it is such a one.
fn pop_if<T>(queue: &mut VecDeque<T>, is_wanted: impl Fn(&T) -> bool) -> Option<T> {
    if queue.front().is_some_and(is_wanted) { queue.pop_front() } else { None }
}

fn is_without_ttl(flags: i32) -> bool {
    CreateMode::from_i32(flags).is_some_and(|mode| !mode.is_ttl())
}

fn prove(is: &mut Vec<Identity>, packet: &AuthPacket, super_digest: Option<&str>) {
    let Some(proof) = packet.auth.as_ref().filter(|_| packet.scheme == "digest") else { return };
    let id = digest::identity(proof);
    let is_super = super_digest == Some(id.as_str());
    let proved = [Some(Id::new("digest", &id)), is_super.then(|| Id::new("super", ""))];
    for identity in proved.iter().flatten().map(glue::identity) {
        if !is.contains(&identity) {
            is.push(identity);
        }
    }
}

fn mentions_config(op: &Op) -> bool {
    match op {
        Op::Multi(parts) | Op::MultiRead(parts) => parts.iter().any(mentions_config),
        Op::SetData { path, .. } | Op::SetAcl { path, .. } | Op::Check { path, .. } => path == CONFIG,
        Op::Exists(path) | Op::GetData(path) | Op::GetAcl(path) | Op::GetChildren(path, _) => path == CONFIG,
        _ => false,
    }
}

/// How an answer fails: as a whole, or in its parts.
fn failure(answer: &Answer) -> Option<Vec<i32>> {
    match answer {
        Answer::Error(code) => Some(vec![*code]),
        Answer::Parts(parts) => {
            let codes = parts.iter().map(|part| if let Answer::Error(code) = part { *code } else { 0 });
            Some(codes.collect()).filter(|codes: &Vec<i32>| codes.iter().any(|code| *code != 0))
        }
        _ => None,
    }
}

fn compare(case: &Case, says: &Answer, err: i32, body: &Response) -> Result<(), String> {
    let told = glue::answer(err, body);
    if told == *says {
        return Ok(());
    }
    let asked = case.op.as_ref().map_or_else(|| format!("{:?}", case.code), |op| format!("{op:?}"));
    Err(format!("{asked} is answered {told:?}, and the judge says {says:?}"))
}
