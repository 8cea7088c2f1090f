//! ZooKeeper's rules for writes: what each operation answers, and what it does to the znodes.
//!
//! An operation makes its checks in the order that is written here, and answers the first that fails. What
//! fails changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use super::rights::{self, ADMIN, CREATE, DELETE, READ, WRITE, above, allows, is_path};
use super::words::{
    Answer, BAD_ARGUMENTS, BAD_VERSION, Grant, How, Identity, MARSHALLING_ERROR, NO_AUTH,
    NO_CHILDREN_FOR_EPHEMERALS, NO_NODE, NODE_EXISTS, NOT_EMPTY, Op, RUNTIME_INCONSISTENCY, SESSION_EXPIRED,
    Stat, UNIMPLEMENTED,
};

/// What no client can delete.
const SYSTEM: [&str; 4] = ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"];
/// The longest time to live, ms.
const LONGEST_TTL: i64 = (1 << 40) - 1;
/// What a transaction has besides its body: a header and the digest of the tree, bytes.
const AROUND: usize = 32 + 12;

/// The znodes and sessions after a number of requests.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judge {
    /// Whether znodes may have a time to live.
    pub has_ttl: bool,
    /// Whether ACLs count for nothing.
    pub skips_acl: bool,
    /// Whether ACLs may name certificates.
    pub has_certificates: bool,
    /// How long a transaction may be, bytes; the ACLs in a request may take no more.
    pub longest: usize,
    /// The znodes by path.
    pub znodes: BTreeMap<String, Znode>,
    /// The sessions that are open.
    pub sessions: BTreeSet<i64>,
    /// The znodes that this request has changed, as they were.
    before: Vec<(String, Option<Znode>)>,
    /// How long the transaction has become, and the ACLs that were asked for.
    length: usize,
    lists: usize,
}

/// A znode.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Znode {
    /// The data; null is not empty.
    pub data: Option<Bytes>,
    /// The ACL.
    pub acl: Arc<[Grant]>,
    /// The stat.
    pub stat: Stat,
    /// How many children it ever had: the number in the next sequential name.
    pub born: i32,
    /// Whether the leader may delete it once it is empty.
    pub passing: bool,
}

/// When a request takes effect.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The transaction.
    pub zxid: i64,
    /// The leader's clock, ms.
    pub time: i64,
}

/// The client that asks.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// The session.
    pub session: i64,
    /// What it has proved to be, its address included.
    pub is: &'a [Identity],
}

impl Judge {
    /// A judge that begins with these znodes and sessions.
    pub fn new(znodes: BTreeMap<String, Znode>, sessions: BTreeSet<i64>) -> Self {
        let (before, length, lists) = (vec![], 0, 0);
        Judge {
            has_ttl: false,
            skips_acl: false,
            has_certificates: false,
            longest: usize::MAX,
            znodes,
            sessions,
            before,
            length,
            lists,
        }
    }

    /// A new ensemble: the system's znodes, which no transaction has made. A stat counts a child that
    /// no client created as one change less.
    pub fn of_new_ensemble() -> Self {
        let znodes = SYSTEM.map(|path| {
            let num_children = SYSTEM.iter().filter(|p| **p != "/" && above(p) == Some(path)).count() as i32;
            let is_config = path == SYSTEM[3];
            let aversion = if is_config { -1 } else { 0 };
            let stat = Stat { cversion: -num_children, num_children, aversion, ..Stat::default() };
            let to = Identity { scheme: "world".into(), id: "anyone".into() };
            let acl = Arc::new([Grant { perms: if is_config { READ } else { 31 }, to }]);
            (path.to_string(), Znode { data: Some(Bytes::new()), acl, stat, born: 0, passing: false })
        });
        Judge::new(BTreeMap::from(znodes), BTreeSet::new())
    }

    /// The answer to a request that is ordered; it is done.
    pub fn write(&mut self, at: Moment, client: Client<'_>, op: &Op) -> Answer {
        self.before.clear();
        (self.length, self.lists) = (AROUND, 0);
        let answer = match op {
            Op::Multi(parts) => self.multi(at, client, parts),
            op => self.part(at, client, op).unwrap_or_else(Answer::Error),
        };
        if self.length > self.longest {
            self.take_back();
            return Answer::Error(MARSHALLING_ERROR);
        }
        answer
    }

    /// One part after the other, each seeing those before it: all or none.
    fn multi(&mut self, at: Moment, client: Client<'_>, parts: &[Op]) -> Answer {
        if let Err(ended) = self.is_open(client) {
            return Answer::Error(ended);
        }
        self.length += 4 + 8 * parts.len();
        let mut answers = Vec::new();
        for (i, part) in parts.iter().enumerate() {
            match self.part(at, client, part) {
                Ok(answer) => answers.push(answer),
                Err(MARSHALLING_ERROR) => {
                    self.take_back();
                    return Answer::Error(MARSHALLING_ERROR);
                }
                Err(code) => {
                    self.take_back();
                    self.length += 4 * (parts.len() - i);
                    let behind = parts.len() - i - 1;
                    answers = vec![Answer::Error(0); i];
                    answers.push(Answer::Error(code));
                    answers.extend(vec![Answer::Error(RUNTIME_INCONSISTENCY); behind]);
                    break;
                }
            }
        }
        Answer::Parts(answers)
    }

    fn part(&mut self, at: Moment, client: Client<'_>, op: &Op) -> Result<Answer, i32> {
        match op {
            Op::Create { .. } => self.create(at, client, op),
            Op::Delete { path, version } => {
                self.is_open(client)?;
                let above = self.may_go(path)?;
                self.allowed(client, DELETE, self.found(above)?)?;
                let znode = self.found(path)?;
                is_version(*version, znode.stat.version)?;
                if znode.stat.num_children > 0 {
                    return Err(NOT_EMPTY);
                }
                self.remove(at, path);
                self.length += 4 + path.len();
                Ok(Answer::Done)
            }
            Op::DeleteContainer(path) => {
                self.may_go(path)?;
                let znode = self.found(path)?;
                if znode.stat.num_children > 0 {
                    return Err(NOT_EMPTY);
                }
                if !znode.passing {
                    return Err(BAD_VERSION);
                }
                self.remove(at, path);
                Ok(Answer::Done)
            }
            Op::SetData { path, data, version } => {
                self.is_open(client)?;
                let mut znode = self.existing(client, WRITE, path)?.clone();
                is_version(*version, znode.stat.version)?;
                znode.stat.version = after(znode.stat.version);
                (znode.stat.mzxid, znode.stat.mtime) = (at.zxid, at.time);
                znode.stat.data_length = length(data);
                znode.data.clone_from(data);
                self.length += 12 + path.len() + data.as_ref().map_or(0, Bytes::len);
                let stat = znode.stat;
                self.put(path, Some(znode));
                Ok(Answer::Stat(stat))
            }
            Op::SetAcl { path, acl, version } => {
                self.is_open(client)?;
                is_path(path).then_some(()).ok_or(BAD_ARGUMENTS)?;
                let acl = self.stored(acl, client)?;
                let mut znode = self.existing(client, ADMIN, path)?.clone();
                is_version(*version, znode.stat.aversion)?;
                znode.stat.aversion = after(znode.stat.aversion);
                self.length += 12 + path.len() + rights::length(&acl);
                znode.acl = acl.into();
                let stat = znode.stat;
                self.put(path, Some(znode));
                Ok(Answer::Stat(stat))
            }
            Op::Check { path, version } => {
                self.is_open(client)?;
                is_version(*version, self.existing(client, READ, path)?.stat.version)?;
                self.length += 8 + path.len();
                Ok(Answer::Holds)
            }
            Op::OpenSession => {
                self.sessions.insert(client.session);
                Ok(Answer::Done)
            }
            Op::CloseSession => {
                let owned = |znode: &Znode| znode.stat.ephemeral_owner == client.session;
                let gone = self.znodes.iter().filter(|(_, znode)| owned(znode)).map(|(path, _)| path.clone());
                for path in gone.collect::<Vec<_>>() {
                    self.remove(at, &path);
                }
                self.sessions.remove(&client.session);
                Ok(Answer::Done)
            }
            _ => Err(UNIMPLEMENTED),
        }
    }

    fn create(&mut self, at: Moment, client: Client<'_>, op: &Op) -> Result<Answer, i32> {
        let Op::Create { how, path, data, acl, flags } = op else { return Err(UNIMPLEMENTED) };
        // Persistent, ephemeral, and both with a number; container; with a time to live, and a number.
        let (ephemeral, numbered, timed) = match flags {
            0 | 4 => (false, false, false),
            1 => (true, false, false),
            2 => (false, true, false),
            3 => (true, true, false),
            5 => (false, false, true),
            6 => (false, true, true),
            _ => return Err(BAD_ARGUMENTS),
        };
        if timed && !self.has_ttl {
            return Err(UNIMPLEMENTED);
        }
        match how {
            How::Ttl(ttl) if timed && (1..=LONGEST_TTL).contains(ttl) => {}
            How::Create | How::Create2 | How::Container if !timed => {}
            _ => return Err(BAD_ARGUMENTS),
        }
        self.is_open(client)?;
        let above = above(path).filter(|_| !path.contains('\0')).ok_or(BAD_ARGUMENTS)?;
        let acl = self.stored(acl, client)?;
        let mut parent = self.found(above)?.clone();
        self.allowed(client, CREATE, &parent)?;
        // The counter ends where it would begin again.
        let end = parent.born == i32::MAX;
        let path = match numbered {
            true if end => return Err(NODE_EXISTS),
            true => format!("{path}{:010}", parent.born),
            false => path.clone(),
        };
        is_path(&path).then_some(()).ok_or(BAD_ARGUMENTS)?;
        if self.found(&path).is_ok() {
            return Err(NODE_EXISTS);
        }
        if parent.stat.ephemeral_owner != 0 {
            return Err(NO_CHILDREN_FOR_EPHEMERALS);
        }
        let is_ephemeral = ephemeral && *how != How::Container;
        let stat = Stat {
            czxid: at.zxid,
            mzxid: at.zxid,
            pzxid: at.zxid,
            ctime: at.time,
            mtime: at.time,
            ephemeral_owner: if is_ephemeral { client.session } else { 0 },
            data_length: length(data),
            ..Stat::default()
        };
        if end {
            parent.stat.cversion = parent.stat.cversion.wrapping_sub(1);
        } else {
            parent.born += 1;
            parent.stat.cversion = parent.stat.cversion.wrapping_add(1);
            parent.stat.pzxid = at.zxid;
        }
        parent.stat.num_children += 1;
        self.put(above, Some(parent));
        self.length += 12 + path.len() + data.as_ref().map_or(0, Bytes::len) + rights::length(&acl);
        self.length += match how {
            How::Create | How::Create2 => 5,
            How::Container => 4,
            How::Ttl(_) => 12,
        };
        let passing = matches!(how, How::Container | How::Ttl(_));
        let znode = Znode { data: data.clone(), acl: acl.into(), stat, born: 0, passing };
        self.put(&path, Some(znode));
        Ok(if *how == How::Create { Answer::Path(Some(path)) } else { Answer::Created(path, stat) })
    }

    fn is_open(&self, client: Client<'_>) -> Result<(), i32> {
        if self.sessions.contains(&client.session) { Ok(()) } else { Err(SESSION_EXPIRED) }
    }

    /// The path above one that a client may delete, as far as that is a matter of paths.
    fn may_go<'p>(&self, path: &'p str) -> Result<&'p str, i32> {
        above(path).filter(|_| !path.contains('\0') && !SYSTEM.contains(&path)).ok_or(BAD_ARGUMENTS)
    }

    /// The znode; the empty path is the root, too.
    pub(super) fn found(&self, path: &str) -> Result<&Znode, i32> {
        self.znodes.get(if path.is_empty() { "/" } else { path }).ok_or(NO_NODE)
    }

    fn existing(&self, client: Client<'_>, wanted: i32, path: &str) -> Result<&Znode, i32> {
        is_path(path).then_some(()).ok_or(BAD_ARGUMENTS)?;
        let znode = self.found(path)?;
        self.allowed(client, wanted, znode).map(|()| znode)
    }

    pub(super) fn allowed(&self, client: Client<'_>, wanted: i32, znode: &Znode) -> Result<(), i32> {
        if self.skips_acl || allows(&znode.acl, wanted, client.is) { Ok(()) } else { Err(NO_AUTH) }
    }

    fn stored(&mut self, asked: &[Grant], client: Client<'_>) -> Result<Vec<Grant>, i32> {
        let acl = rights::stored_acl(asked, client.is, (self.has_certificates, self.longest - self.lists))?;
        self.lists += rights::length(&acl);
        Ok(acl)
    }

    fn remove(&mut self, at: Moment, path: &str) {
        self.put(path, None);
        let above = above(path).unwrap_or("/");
        if let Ok(parent) = self.found(above) {
            let mut parent = parent.clone();
            parent.stat.num_children -= 1;
            parent.stat.cversion = parent.stat.cversion.wrapping_add(1);
            parent.stat.pzxid = at.zxid;
            self.put(above, Some(parent));
        }
    }

    fn put(&mut self, path: &str, znode: Option<Znode>) {
        let before = match znode {
            Some(znode) => self.znodes.insert(path.to_string(), znode),
            None => self.znodes.remove(path),
        };
        self.before.push((path.to_string(), before));
    }

    fn take_back(&mut self) {
        while let Some((path, znode)) = self.before.pop() {
            match znode {
                Some(znode) => self.znodes.insert(path, znode),
                None => self.znodes.remove(&path),
            };
        }
    }
}

/// −1 stands for any version.
fn is_version(wanted: i32, version: i32) -> Result<(), i32> {
    if [-1, version].contains(&wanted) { Ok(()) } else { Err(BAD_VERSION) }
}

/// The next version: −1 would stand for any.
fn after(version: i32) -> i32 {
    if version == -2 { 0 } else { version.wrapping_add(1) }
}

fn length(data: &Option<Bytes>) -> i32 {
    data.as_ref().map_or(0, |data| data.len() as i32)
}
