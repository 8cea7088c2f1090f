//! One connection of a client as its server saw it: what was asked, what was answered, what was shown.

use std::collections::VecDeque;

use quorate_core::ids::{SessionId, Zxid};
use quorate_core::wire::client::{OpCode, ReplyHeader, xid};
use quorate_core::wire::error_code::ErrorCode;

use super::rules::{EVENT_FIRST, NEVER_BACK, REPLIES_IN_ORDER, Rule};

/// What is broken, and how.
pub(super) type Refused = (&'static Rule, String);

/// A request that waits for its answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Asked {
    /// Which one, as the reply will call it.
    pub(super) xid: i32,
    pub(super) kind: Kind,
    /// What its answer must be behind, or at.
    pub(super) after: Zxid,
    /// When it arrived, by the count of requests and answers.
    pub(super) moment: u64,
}

/// What a request is, as far as its answer is concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Ping,
    Read,
    Sync,
    Write(OpCode),
}

impl Kind {
    /// Of an operation that waits for its turn; none if it is answered at once.
    pub(super) fn of(op: i32) -> Option<Kind> {
        match OpCode::from_i32(op)? {
            OpCode::Auth | OpCode::Sasl => None,
            op if !op.is_for_clients() => None,
            OpCode::Ping => Some(Kind::Ping),
            OpCode::Sync => Some(Kind::Sync),
            op if op.is_write() => Some(Kind::Write(op)),
            _ => Some(Kind::Read),
        }
    }
}

/// A connection that has asked for a session.
#[derive(Debug)]
pub(super) struct Connection {
    /// The session it speaks for, once it was given.
    pub(super) session: Option<SessionId>,
    /// The session it has asked for, with the right password.
    pub(super) wanted: Option<SessionId>,
    waiting: VecDeque<Asked>,
    /// The xids of what is answered at once.
    at_once: VecDeque<i32>,
    /// The newest state that the client was shown, here or elsewhere.
    seen: Zxid,
    /// The newest state that a reply has shown on this connection.
    replied: Zxid,
}

impl Connection {
    /// A client that says that it has seen this.
    pub(super) fn new(wanted: Option<SessionId>, last_zxid_seen: i64) -> Self {
        Connection {
            session: None,
            wanted,
            waiting: VecDeque::new(),
            at_once: VecDeque::new(),
            // A negative one is no zxid.
            seen: Zxid(u64::try_from(last_zxid_seen).unwrap_or_default()),
            replied: Zxid::ZERO,
        }
    }

    /// A request arrives.
    pub(super) fn asked(&mut self, xid: i32, op: i32, after: Zxid, moment: u64) {
        match Kind::of(op) {
            Some(kind) => {
                let xid = if kind == Kind::Ping { xid::PING } else { xid };
                self.waiting.push_back(Asked { xid, kind, after, moment });
            }
            None => self.at_once.push_back(xid),
        }
    }

    /// A reply leaves: the request that it answers, unless that was answered at once.
    pub(super) fn replied(&mut self, header: ReplyHeader) -> Result<Option<Asked>, Refused> {
        let unimplemented = header.zxid == -1 && header.err == ErrorCode::Unimplemented.to_i32();
        if (header.zxid == 0 || unimplemented) && self.at_once.contains(&header.xid) {
            return match self.at_once.pop_front() {
                Some(xid) if xid == header.xid || unimplemented => Ok(None),
                first => Err((
                    &REPLIES_IN_ORDER,
                    format!("{header:?} answers xid {} when {first:?} was first", header.xid),
                )),
            };
        }
        match self.waiting.front() {
            Some(first) if first.xid == header.xid => {}
            Some(Asked { xid, kind, .. }) => {
                let what =
                    format!("a reply to xid {} when xid {xid} ({kind:?}) is not answered yet", header.xid);
                return Err((&REPLIES_IN_ORDER, what));
            }
            None => {
                let what = format!("a reply to xid {}, and everything was answered", header.xid);
                return Err((&REPLIES_IN_ORDER, what));
            }
        }
        let zxid = Zxid(header.zxid as u64);
        if zxid < self.seen {
            let what =
                format!("a reply to xid {} shows {zxid} to a client that saw {}", header.xid, self.seen);
            return Err((&NEVER_BACK, what));
        }
        (self.seen, self.replied) = (zxid, zxid);
        Ok(self.waiting.pop_front())
    }

    /// An event leaves.
    pub(super) fn told(&mut self, zxid: i64) -> Result<(), Refused> {
        // What `setWatches` makes up for has no zxid.
        let Ok(zxid) = u64::try_from(zxid).map(Zxid) else { return Ok(()) };
        if zxid <= self.replied {
            let what = format!("the event of {zxid} comes after a reply that showed {}", self.replied);
            return Err((&EVENT_FIRST, what));
        }
        if zxid < self.seen {
            let what = format!("the event of {zxid} comes to a client that saw {}", self.seen);
            return Err((&NEVER_BACK, what));
        }
        self.seen = zxid;
        Ok(())
    }
}
