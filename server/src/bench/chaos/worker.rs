//! One client of a run: a session that asks for a mixture of things and looks at every answer.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use quorate_core::ids::SessionId;
use quorate_core::wire::client::{
    CreateMode, CreateRequest, DeleteRequest, MultiOp, ReplyHeader, Request, Response, SetDataRequest,
    WatchRequest, WatcherEvent, xid,
};
use quorate_core::wire::error_code::ErrorCode;
use quorate_core::wire::jute::{Jute, Reader};
use quorate_core::wire::record::Acl;

use super::super::client::{Client, Session};
use super::super::failure::Failure;
use super::super::value::Random;
use super::expected::{Made, Own, SHARED, Seen};
use super::shared::{HERE, ROOT, Shared, shared_path};

/// The timeout of sessions: some faults are longer.
pub(super) const TIMEOUT: Duration = Duration::from_secs(3);
/// How long an answer may take before another server is tried.
const LIMIT: Duration = Duration::from_millis(1200);
/// How long a client waits before it dials again.
const PAUSE: Duration = Duration::from_millis(40);
/// One lost connection of this number is followed by a time in which the session expires.
const NAPS: u64 = 10;
const NAP: Duration = Duration::from_millis(4500);
/// Requests under way at a time, at most.
const BATCH: u64 = 24;
/// A client has at most this many znodes of its own.
const MADE: usize = 4000;

/// Something to ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ask {
    SetOwn(u64),
    GetOwn,
    SetShared(usize),
    GetShared(usize, bool),
    Make(usize),
    Unmake(usize),
    IsThere(usize),
    /// The next value of its own and a new znode, both or neither.
    Both(u64, usize),
    Stay(u64),
    Sync,
}

/// A request under way: its xid, what it was, and the newest zxid that was acknowledged to any client when it
/// was sent.
struct Sent {
    xid: i32,
    ask: Ask,
    before: i64,
}

/// What became of a client.
#[derive(Debug)]
pub(super) struct Left {
    /// Which client.
    pub(super) number: usize,
    /// The value that only it has written.
    pub(super) own: Own,
    /// The client's own znodes.
    pub(super) made: Vec<Made>,
    /// Sessions of it that have expired.
    pub(super) expired: Vec<SessionId>,
}

/// A client.
pub(super) struct Worker<'a> {
    number: usize,
    shared: &'a Shared,
    random: Random,
    session: Session,
    own: Own,
    made: Vec<Made>,
    seen: Seen,
    /// Ephemerals of this session that were acknowledged.
    here: BTreeSet<u64>,
    /// The number of the next ephemeral.
    next_here: u64,
    expired: Vec<SessionId>,
    /// The newest zxid that a reply has shown.
    zxid: i64,
}

/// A connection is lost, or something is wrong.
enum Trouble {
    Lost(String),
    Wrong(String),
}

impl From<String> for Trouble {
    fn from(what: String) -> Trouble {
        Trouble::Wrong(what)
    }
}

pub(super) fn own_path(number: usize) -> String {
    format!("{ROOT}/own-{number}")
}

pub(super) fn made_parent(number: usize) -> String {
    format!("{ROOT}/made-{number}")
}

pub(super) fn create(path: String, data: Bytes, mode: CreateMode) -> CreateRequest {
    CreateRequest { path, data: Some(data), acl: vec![Acl::open()], flags: mode.to_i32() }
}

fn set(path: String, value: u64) -> SetDataRequest {
    let data = Some(Bytes::copy_from_slice(&value.to_be_bytes()));
    SetDataRequest { path, data, version: -1 }
}

impl<'a> Worker<'a> {
    pub(super) fn new(number: usize, seed: u64, shared: &'a Shared) -> Worker<'a> {
        Worker {
            number,
            shared,
            random: Random::new(seed.wrapping_mul(1_000_003).wrapping_add(number as u64)),
            session: Session::new(TIMEOUT),
            own: Own::default(),
            made: Vec::new(),
            seen: Seen::default(),
            here: BTreeSet::new(),
            next_here: 0,
            expired: Vec::new(),
            zxid: 0,
        }
    }

    /// Ask until the run is over; then find out what of the ephemerals is there.
    pub(super) fn run(mut self) -> Left {
        while !self.shared.is_over() {
            let Some(mut client) = self.attach(LIMIT) else { continue };
            let end = loop {
                if self.shared.is_over() {
                    break None;
                }
                match self.batch(&mut client) {
                    Ok(()) => {}
                    Err(trouble) => break Some(trouble),
                }
            };
            self.session = client.session.clone();
            self.seen.disconnected();
            self.after(end);
        }
        if let Err(what) = self.last_look() {
            self.shared.violation(Some(self.number), what);
        }
        Left { number: self.number, own: self.own, made: self.made, expired: self.expired }
    }

    fn after(&mut self, end: Option<Trouble>) {
        match end {
            Some(Trouble::Wrong(what)) => self.shared.violation(Some(self.number), what),
            Some(Trouble::Lost(why)) => {
                self.shared.reconnects.fetch_add(1, Ordering::Relaxed);
                self.shared.story.client(self.number, format!("its connection is lost: {why}"));
                if self.random.below(NAPS) == 0 {
                    self.nap();
                }
            }
            None => {}
        }
    }

    /// Stand still for longer than the session lives, unless the run is over.
    fn nap(&mut self) {
        self.shared.story.client(self.number, "it stands still".to_owned());
        let until = Instant::now() + NAP;
        while Instant::now() < until && !self.shared.is_over() {
            thread::sleep(PAUSE);
        }
    }

    /// Connect to any server; none if that fails. A session that has expired is replaced.
    fn attach(&mut self, limit: Duration) -> Option<Client> {
        let index = self.random.below(self.shared.servers.len() as u64) as usize;
        match Client::attach(&self.shared.servers[index], self.session.clone(), limit) {
            Ok(client) => {
                let id = client.session.id.0;
                self.session = client.session.clone();
                self.shared
                    .story
                    .client(self.number, format!("connected to server {}, session {id:#x}", index + 1));
                Some(client)
            }
            Err(Failure::NoSession { .. }) if self.session.id.0 != 0 => {
                let id = self.session.id;
                self.shared.story.client(self.number, format!("session {:#x} has expired", id.0));
                self.shared.expired.fetch_add(1, Ordering::Relaxed);
                self.expired.push(id);
                self.here.clear();
                // What it has seen it has seen.
                self.session = Session { zxid: self.session.zxid, ..Session::new(TIMEOUT) };
                None
            }
            Err(_) => {
                thread::sleep(PAUSE);
                None
            }
        }
    }

    fn choose(&mut self) -> Ask {
        let key = self.random.below(SHARED as u64) as usize;
        let any = |random: &mut Random, made: &[Made]| {
            let n = random.below(made.len().max(1) as u64) as usize;
            (made.get(n) == Some(&Made::There)).then_some(n)
        };
        let room = self.made.len() < MADE;
        match self.random.below(20) {
            0..=2 => self.next_own(Ask::SetOwn),
            3..=5 => Ask::GetOwn,
            6..=8 => Ask::SetShared(key),
            9..=12 => Ask::GetShared(key, self.random.below(2) == 0),
            13 if room => Ask::Make(self.next_made()),
            14 if room => {
                let n = self.next_made();
                self.next_own(|value| Ask::Both(value, n))
            }
            15 => any(&mut self.random, &self.made).map_or(Ask::Sync, |n| {
                self.made[n] = Made::Going;
                Ask::Unmake(n)
            }),
            16 | 17 => any(&mut self.random, &self.made).map_or(Ask::GetOwn, Ask::IsThere),
            18 if self.here.len() < 5 => {
                self.next_here += 1;
                Ask::Stay(self.next_here)
            }
            _ => Ask::Sync,
        }
    }

    fn next_own(&mut self, ask: impl FnOnce(u64) -> Ask) -> Ask {
        self.own.asked += 1;
        ask(self.own.asked)
    }

    fn next_made(&mut self) -> usize {
        self.made.push(Made::Asked);
        self.made.len() - 1
    }

    fn made_path(&self, n: usize) -> String {
        format!("{}/{n}", made_parent(self.number))
    }

    fn request(&self, ask: Ask) -> Request {
        let get = |path: String, watch: bool| WatchRequest { path, watch };
        let own = own_path(self.number);
        let make = |n: usize| create(self.made_path(n), Bytes::new(), CreateMode::Persistent);
        match ask {
            Ask::SetOwn(value) => Request::SetData(set(own, value)),
            Ask::GetOwn => Request::GetData(get(own, false)),
            Ask::SetShared(key) => Request::SetData(set(shared_path(key), self.number as u64)),
            Ask::GetShared(key, watch) => Request::GetData(get(shared_path(key), watch)),
            Ask::Make(n) => Request::Create(make(n)),
            Ask::Unmake(n) => Request::Delete(DeleteRequest { path: self.made_path(n), version: -1 }),
            Ask::IsThere(n) => Request::Exists(get(self.made_path(n), false)),
            Ask::Both(value, n) => {
                Request::Multi(vec![MultiOp::SetData(set(own, value)), MultiOp::Create(make(n))])
            }
            Ask::Stay(n) => {
                let path = format!("{HERE}/{:x}-{n}", self.session.id.0);
                Request::Create(create(path, Bytes::new(), CreateMode::Ephemeral))
            }
            Ask::Sync => Request::Sync(Some(ROOT.to_owned())),
        }
    }

    /// Ask for a few things at once, and look at the answers.
    fn batch(&mut self, client: &mut Client) -> Result<(), Trouble> {
        let count = 1 + self.random.below(BATCH);
        let mut sent = Vec::new();
        for _ in 0..count {
            let before = self.shared.newest();
            let ask = self.choose();
            sent.push(Sent { xid: client.ask(&self.request(ask)), ask, before });
        }
        let answered = self.exchange(client, &sent);
        thread::sleep(self.shared.pace * count as u32);
        if let Err((left, _)) = &answered {
            self.shared.unknown.fetch_add(*left as u64, Ordering::Relaxed);
        }
        answered.map_err(|(_, trouble)| trouble)
    }

    /// Send and hear; on trouble, how many were not answered.
    fn exchange(&mut self, client: &mut Client, sent: &[Sent]) -> Result<(), (usize, Trouble)> {
        client.flush().map_err(|why| (sent.len(), Trouble::Lost(why.to_string())))?;
        let mut waiting = sent.iter();
        let mut next = waiting.next();
        while let Some(request) = next {
            let left = waiting.len() + 1;
            let (header, body) = client.message().map_err(|why| (left, Trouble::Lost(why.to_string())))?;
            if header.xid == xid::NOTIFICATION {
                self.event(header, &body).map_err(|what| (left, Trouble::Wrong(what)))?;
                continue;
            }
            let judged = self.answer(client, request, header, &body);
            judged.map_err(|trouble| (left - 1, trouble))?;
            self.shared.operations.fetch_add(1, Ordering::Relaxed);
            next = waiting.next();
        }
        Ok(())
    }

    fn event(&mut self, header: ReplyHeader, body: &Bytes) -> Result<(), String> {
        let event =
            WatcherEvent::read(&mut Reader::new(body), "").map_err(|why| format!("an event: {why}"))?;
        self.shared.events.fetch_add(1, Ordering::Relaxed);
        if header.zxid <= self.zxid {
            return Err(format!(
                "the event of {:#x} comes after a reply that showed {:#x}",
                header.zxid, self.zxid
            ));
        }
        let key = (0..SHARED).find(|key| shared_path(*key) == event.path);
        let Some(key) = key else { return Err(format!("an event of {}, which is not watched", event.path)) };
        self.seen.told(key)
    }

    /// Look at the answer to a request.
    fn answer(
        &mut self,
        client: &Client,
        sent: &Sent,
        header: ReplyHeader,
        body: &Bytes,
    ) -> Result<(), Trouble> {
        let ask = sent.ask;
        let told = |what: &str| format!("{ask:?} is answered with {header:?}: {what}");
        if header.xid != sent.xid {
            return Err(told(&format!("xid {} was first", sent.xid)).into());
        }
        if header.err != 0 {
            let ends = [ErrorCode::SessionExpired, ErrorCode::SessionMoved, ErrorCode::ConnectionLoss];
            if ends.iter().any(|code| code.to_i32() == header.err) {
                return Err(Trouble::Lost(format!("error {}", header.err)));
            }
            return Err(told("an error that cannot be").into());
        }
        if header.zxid < self.zxid {
            return Err(told(&format!("{:#x} was seen before", self.zxid)).into());
        }
        self.zxid = header.zxid;
        let writes = !matches!(ask, Ask::GetOwn | Ask::GetShared(..) | Ask::IsThere(_) | Ask::Sync);
        if writes {
            if header.zxid <= sent.before {
                return Err(told(&format!("{:#x} was acknowledged before it was sent", sent.before)).into());
            }
            self.shared.acknowledged(header.zxid);
        }
        let request = self.request(ask);
        let response = client.judge(&request, header, body).map_err(|why| told(&why.to_string()))?;
        self.shared.story.client(self.number, format!("{ask:?} at {:#x}", header.zxid));
        self.learn(ask, header.zxid, &response).map_err(|what| Trouble::Wrong(told(&what)))
    }

    /// What an answer says must fit to what is known.
    fn learn(&mut self, ask: Ask, zxid: i64, response: &Response) -> Result<(), String> {
        let at = |stat: &quorate_core::wire::record::Stat| match stat.mzxid.0 as i64 == zxid {
            true => Ok(()),
            false => Err(format!("the Stat says mzxid {}", stat.mzxid)),
        };
        match (ask, response) {
            (Ask::SetOwn(value), Response::Stat(stat)) => {
                at(stat)?;
                self.own.read(value)
            }
            (Ask::GetOwn, Response::Data { data, .. }) => self.own.read(number(data.as_ref())?),
            (Ask::SetShared(key), Response::Stat(stat)) => {
                at(stat)?;
                if !self.shared.is_first(key, stat.version) {
                    return Err(format!("another write was acknowledged with version {}", stat.version));
                }
                self.seen.shown(key, stat, false)
            }
            (Ask::GetShared(key, watch), Response::Data { stat, .. }) => self.seen.shown(key, stat, watch),
            (Ask::Make(n), Response::Path(path)) if *path == self.made_path(n) => {
                self.made[n] = Made::There;
                Ok(())
            }
            (Ask::Unmake(n), Response::Empty) => {
                self.made[n] = Made::Gone;
                Ok(())
            }
            (Ask::Both(value, n), Response::Multi(results)) if results.len() == 2 => {
                self.made[n] = Made::There;
                self.own.read(value)
            }
            (Ask::Stay(n), Response::Path(_)) => {
                self.here.insert(n);
                Ok(())
            }
            (Ask::IsThere(_), Response::Stat(_)) | (Ask::Sync, Response::Sync(_)) => Ok(()),
            _ => Err(format!("the body {response:?}")),
        }
    }

    /// When all is whole again: a session that lives has its ephemerals, and is closed.
    fn last_look(&mut self) -> Result<(), String> {
        let until = Instant::now() + Duration::from_secs(30);
        while self.session.id.0 != 0 {
            if Instant::now() > until {
                return Err("the ensemble is whole again, and takes no connection for 30 s".to_owned());
            }
            let Some(mut client) = self.attach(Duration::from_secs(5)) else { continue };
            let names = Request::GetChildren(WatchRequest { path: HERE.to_owned(), watch: false });
            let Ok(Response::Children(names)) = client.call(&names) else { continue };
            let id = self.session.id.0;
            let missing = self.here.iter().find(|n| !names.contains(&format!("{id:x}-{n}")));
            if let Some(n) = missing {
                return Err(format!("session {id:#x} lives, and its ephemeral {n} is gone"));
            }
            // A session that is not closed expires.
            let _ = client.call(&Request::CloseSession);
            break;
        }
        Ok(())
    }
}

/// The number in a value.
pub(super) fn number(data: Option<&Bytes>) -> Result<u64, String> {
    let bytes = data.and_then(|data| <[u8; 8]>::try_from(&data[..]).ok());
    bytes.map(u64::from_be_bytes).ok_or_else(|| format!("the value {data:?}"))
}
