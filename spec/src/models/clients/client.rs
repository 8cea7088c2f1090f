//! A client as ZooKeeper's libraries are ones, and what it may expect to be told.

use std::borrow::Borrow;
use std::collections::VecDeque;
use std::fmt;

use quorate_core::ids::{ConnId, SessionId, Zxid};
use quorate_core::pipeline::ClientReply;
use quorate_core::wire::client::{
    AddWatchMode, EventType, Request, Response, SetWatchesRequest, WatcherEvent, xid,
};
use quorate_core::wire::error_code::ErrorCode;

use super::broadcast::{Change, Chosen};

/// Where a client stands with the servers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Link {
    /// The client has no connection.
    Nowhere,
    /// The client has asked this server for its session.
    Greeting(usize, ConnId),
    /// The client speaks to this server.
    Up(usize, ConnId),
    /// The client was told that its session is over, or has closed it.
    Over,
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Link::Nowhere => f.write_str("has no connection"),
            Link::Greeting(server, _) => write!(f, "asks server {} for its session", server + 1),
            Link::Up(server, _) => write!(f, "is at server {}", server + 1),
            Link::Over => f.write_str("knows that its session is over"),
        }
    }
}

/// What a watch looks at.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// The data of a znode that is there.
    Data,
    /// A znode that is not there.
    Exist,
    /// The children of a znode.
    Child,
    /// Everything, until further notice.
    Persistent,
    /// What is created, set and deleted here and below, until further notice.
    Recursive,
}

/// A watch as the client knows it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Armed {
    /// The path that is watched.
    pub path: String,
    /// What it looks at.
    pub kind: Kind,
    /// The state it was set at; for a persistent one also the last change it has told of.
    pub at: Zxid,
}

/// A request without its answer.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Waiting {
    /// The request's xid.
    pub xid: i32,
    /// The request.
    pub request: Request,
    /// What was chosen when it was sent.
    pub fresh: Zxid,
}

/// What a client can be told wrongly.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Wrong {
    /// An answer out of turn, or a read that shows no state, or not the one of its zxid.
    Inconsistent,
    /// A state before one that was seen.
    WentBack,
    /// A change is shown before the event of a watch on it.
    EventLate,
    /// A watch on something that has changed is set again and tells nothing.
    RearmedSilent,
    /// A persistent watch leaves a change out.
    PersistentSilent,
    /// An event without a watch, or without a change.
    EventUnasked,
    /// A `sync` that was overtaken.
    SyncStale,
    /// A session's old server has changed something.
    OldServerSpoke,
}

/// Everything that went wrong.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Wrongs(u16);

impl Wrongs {
    /// Note that this went wrong.
    pub fn note(&mut self, wrong: Wrong) {
        self.0 |= 1 << wrong as u16;
    }

    /// Whether this went wrong.
    pub fn has(self, wrong: Wrong) -> bool {
        self.0 & 1 << wrong as u16 != 0
    }
}

/// A client.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Client {
    /// The client's session.
    pub session: SessionId,
    /// The client's connection.
    pub link: Link,
    /// How many connections it has had.
    pub links: u64,
    /// The newest state it has seen.
    pub seen: Zxid,
    /// Requests without answers, in order.
    pub waiting: VecDeque<Waiting>,
    /// The client's watches.
    pub armed: Vec<Armed>,
    /// The xid of the last request.
    pub xid: i32,
    /// Whether it has asked for its session's end.
    pub closes: bool,
    /// Whether a creation and deletion while it was away went unnoticed, as they may.
    pub gap: bool,
    /// What it was told wrongly.
    pub wrong: Wrongs,
}

/// A client without a session.
impl Default for Client {
    fn default() -> Self {
        Client {
            session: SessionId(0),
            link: Link::Nowhere,
            links: 0,
            seen: Zxid::ZERO,
            waiting: VecDeque::new(),
            armed: vec![],
            xid: 0,
            closes: false,
            gap: false,
            wrong: Wrongs::default(),
        }
    }
}

impl Client {
    /// The request that sets its watches again behind a new connection, if it has any.
    pub fn set_watches(&self) -> Option<Request> {
        let of = |kind| self.armed.iter().filter(|w| w.kind == kind).map(|w| w.path.clone()).collect();
        (!self.armed.is_empty()).then(|| {
            Request::SetWatches2(SetWatchesRequest {
                relative_zxid: self.seen.0 as i64,
                data: of(Kind::Data),
                exist: of(Kind::Exist),
                child: of(Kind::Child),
                persistent: of(Kind::Persistent),
                persistent_recursive: of(Kind::Recursive),
            })
        })
    }

    /// The connection is gone, and the client does not know what became of the requests.
    pub fn lose(&mut self) {
        if self.link != Link::Over {
            self.link = if self.closes && self.waiting.is_empty() { Link::Over } else { Link::Nowhere };
        }
        if self.link == Link::Over {
            self.armed.clear();
        }
        self.waiting.clear();
    }

    /// Something arrives. Says whether the client is let in by it.
    pub fn hear<C: Borrow<Chosen>>(&mut self, reply: &ClientReply, chosen: &[C]) -> bool {
        match reply {
            ClientReply::Connect(response) => {
                if let (Link::Greeting(server, conn), true) = (self.link, response.timeout_ms != 0) {
                    self.session = response.session;
                    self.link = Link::Up(server, conn);
                    return true;
                }
                (self.link, self.armed) = (Link::Over, vec![]);
            }
            ClientReply::Notification { zxid, event } => self.notified(*zxid, event, chosen),
            ClientReply::Reply { header, body, .. } => {
                let zxid = Zxid(header.zxid.unsigned_abs());
                self.answered(header.xid, zxid, header.err, body, chosen);
            }
        }
        false
    }

    fn notified<C: Borrow<Chosen>>(&mut self, zxid: i64, event: &WatcherEvent, chosen: &[C]) {
        // What setWatches makes up for has no zxid.
        let told = u64::try_from(zxid).ok().map(Zxid);
        let concerns = |w: &Armed| w.kind.looks_at(&w.path, &event.path) && tells(w.kind, event.event);
        let happened =
            |zxid: Zxid| all(chosen).any(|c| c.zxid == zxid && event_of(c, &event.path) == Some(event.event));
        let asked = self.armed.iter().any(concerns);
        let again = |w: &Armed| concerns(w) && told.is_some_and(|zxid| zxid <= w.at);
        if !asked || told.is_some_and(|zxid| !happened(zxid)) || self.armed.iter().any(again) {
            self.wrong.note(Wrong::EventUnasked);
        }
        for watch in self.armed.iter_mut().filter(|w| concerns(w) && w.kind.stays()) {
            let Some(zxid) = told else { continue };
            let between = |c: &Chosen| c.zxid > watch.at && c.zxid < zxid;
            if all(chosen).any(|c| between(c) && watch.is_told_of(c)) {
                self.wrong.note(Wrong::PersistentSilent);
            }
            watch.at = zxid;
        }
        // One event is all that a one-shot watch has; a deletion ends every one on the znode.
        let deleted = event.event == EventType::NodeDeleted;
        let ends = |w: &Armed| !w.kind.stays() && (concerns(w) || deleted && w.path == event.path);
        self.armed.retain(|w| !ends(w));
    }

    fn answered<C: Borrow<Chosen>>(&mut self, xid: i32, zxid: Zxid, err: i32, body: &Response, chosen: &[C]) {
        let turn = self.waiting.iter().position(|w| w.xid == xid);
        if turn != Some(0) {
            self.wrong.note(Wrong::Inconsistent);
        }
        let Some(waiting) = turn.and_then(|at| self.waiting.remove(at)) else { return };
        if zxid < self.seen {
            self.wrong.note(Wrong::WentBack);
        }
        self.seen = self.seen.max(zxid);
        let rearmed = waiting.xid == xid::SET_WATCHES;
        for i in 0..self.armed.len() {
            self.judge(i, zxid, rearmed, chosen);
        }
        let there = |path: &str| exists(path, zxid, chosen);
        match (&waiting.request, body) {
            (Request::Sync(_), _) if zxid < waiting.fresh => self.wrong.note(Wrong::SyncStale),
            (Request::GetData(r), Response::Data { stat, .. }) => {
                if there(&r.path) != Some(stat.mzxid) {
                    self.wrong.note(Wrong::Inconsistent);
                }
                self.arm(&r.path, Kind::Data, zxid, r.watch);
            }
            (Request::Exists(r), Response::Stat(stat)) => {
                if there(&r.path) != Some(stat.mzxid) {
                    self.wrong.note(Wrong::Inconsistent);
                }
                self.arm(&r.path, Kind::Data, zxid, r.watch);
            }
            (Request::Exists(r), _) if err == ErrorCode::NoNode.to_i32() => {
                if there(&r.path).is_some() {
                    self.wrong.note(Wrong::Inconsistent);
                }
                self.arm(&r.path, Kind::Exist, zxid, r.watch);
            }
            (Request::GetChildren(r), Response::Children(names)) => {
                let right = names.iter().all(|name| there(&format!("{}/{name}", r.path)).is_some());
                if !right {
                    self.wrong.note(Wrong::Inconsistent);
                }
                self.arm(&r.path, Kind::Child, zxid, r.watch);
            }
            (Request::AddWatch(r), _) => {
                let recursive = r.mode == AddWatchMode::PersistentRecursive;
                let kind = if recursive { Kind::Recursive } else { Kind::Persistent };
                self.arm(&r.path, kind, zxid, true);
            }
            _ => {}
        }
    }

    fn arm(&mut self, path: &str, kind: Kind, at: Zxid, watch: bool) {
        let same = |w: &Armed| w.path == path && w.kind == kind;
        if watch && !self.armed.iter().any(same) {
            self.armed.push(Armed { path: path.into(), kind, at });
        }
    }

    /// The client has seen the state at `zxid`: what has this watch not told?
    fn judge<C: Borrow<Chosen>>(&mut self, i: usize, zxid: Zxid, rearmed: bool, chosen: &[C]) {
        let Armed { path, kind, at } = &self.armed[i];
        let concerns = |c: &&Chosen| c.zxid > *at && c.zxid <= zxid && self.armed[i].is_told_of(c);
        let changed = all(chosen).any(|c| concerns(&c));
        let wrong = match (kind, rearmed) {
            // It tells what happens from now on.
            (Kind::Persistent | Kind::Recursive, true) => None,
            (Kind::Persistent | Kind::Recursive, false) => Some(Wrong::PersistentSilent),
            // ZooKeeper's own gap: it came and went, and nothing is left to tell of it.
            (Kind::Exist, true) if exists(path, zxid, chosen).is_none() => {
                self.gap |= changed;
                None
            }
            (_, true) => Some(Wrong::RearmedSilent),
            (_, false) => Some(Wrong::EventLate),
        };
        if let (true, Some(wrong)) = (changed, wrong) {
            self.wrong.note(wrong);
        }
        if rearmed {
            self.armed[i].at = zxid;
        }
    }
}

impl Kind {
    /// Whether it is there until it is removed.
    fn stays(self) -> bool {
        matches!(self, Kind::Persistent | Kind::Recursive)
    }

    /// Whether one that is set at `path` may be told of the znode at another.
    fn looks_at(self, path: &str, other: &str) -> bool {
        let below = || other.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
        path == other || self == Kind::Recursive && below()
    }
}

impl Armed {
    /// Whether the watch must tell of this transaction.
    fn is_told_of(&self, chosen: &Chosen) -> bool {
        let at = |path: &str| event_of(chosen, path).is_some_and(|event| tells(self.kind, event));
        let changed = chosen.changes.iter().filter_map(|change| match change {
            Change::Created(path, _) | Change::Set(path) | Change::Deleted(path) => Some(path),
            Change::Opened(_) | Change::Ended(_) => None,
        });
        at(&self.path) || changed.filter(|path| self.kind.looks_at(&self.path, path)).any(|path| at(path))
    }
}

fn all<C: Borrow<Chosen>>(chosen: &[C]) -> impl Iterator<Item = &Chosen> {
    chosen.iter().map(Borrow::borrow)
}

/// The event that a transaction is to clients that watch `path`.
fn event_of(chosen: &Chosen, path: &str) -> Option<EventType> {
    let below = |child: &str| child.rsplit_once('/').is_some_and(|(parent, _)| parent == path);
    chosen.changes.iter().find_map(|change| match change {
        Change::Created(at, _) if at == path => Some(EventType::NodeCreated),
        Change::Set(at) if at == path => Some(EventType::NodeDataChanged),
        Change::Deleted(at) if at == path => Some(EventType::NodeDeleted),
        Change::Created(at, _) | Change::Deleted(at) if below(at) => Some(EventType::NodeChildrenChanged),
        _ => None,
    })
}

fn tells(kind: Kind, event: EventType) -> bool {
    match kind {
        Kind::Data | Kind::Exist | Kind::Recursive => event != EventType::NodeChildrenChanged,
        Kind::Child => matches!(event, EventType::NodeChildrenChanged | EventType::NodeDeleted),
        Kind::Persistent => true,
    }
}

/// The last change of the znode's data up to `zxid`, if it is there then.
pub fn exists<C: Borrow<Chosen>>(path: &str, zxid: Zxid, chosen: &[C]) -> Option<Zxid> {
    let mut last = None;
    for c in all(chosen).take_while(|c| c.zxid <= zxid) {
        for change in &c.changes {
            match change {
                Change::Created(at, _) | Change::Set(at) if at == path => last = Some(c.zxid),
                Change::Deleted(at) if at == path => last = None,
                _ => {}
            }
        }
    }
    last
}
