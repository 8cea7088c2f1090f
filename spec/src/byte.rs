//! The smallest service: a transaction is one byte, the state is the list of those applied.

use std::fmt;
use std::sync::Arc;

use quorate_core::ids::{ConnId, Now, SessionId, Touch, Zxid};
use quorate_core::payload::{Effect, Effects, Origin, Payload, RequestKind, Service, ServingRole, Size};

/// A transaction of the protocol models.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Byte(pub u8);

impl Byte {
    /// No transaction but a read, which is answered by the server it is sent to.
    pub const READ: Byte = Byte(u8::MAX - Byte::SYNCS);

    /// How many `sync`s can wait at a server at a time.
    pub const SYNCS: u8 = 8;

    /// No transaction but a `sync`: one of those that can wait at a server at a time.
    pub fn sync(n: u8) -> Self {
        assert!(n < Byte::SYNCS, "eight at a time");
        Byte(u8::MAX - n)
    }

    /// Which of the eight `sync`s this is.
    pub fn as_sync(self) -> Option<u8> {
        (self > Byte::READ).then(|| u8::MAX - self.0)
    }

    /// The `n`-th name. First come the letters from z backwards, so that transactions that count down are
    /// named in the order of the alphabet. Capital letters and digits follow, then the other bytes.
    pub fn nth(n: u8) -> Self {
        let named = (b'a'..=b'z').rev().chain((b'A'..=b'Z').rev()).chain((b'0'..=b'9').rev());
        let unnamed = (0..Byte::READ.0).filter(|b| !b.is_ascii_alphanumeric());
        Byte(named.chain(unnamed).nth(usize::from(n).wrapping_sub(1) % 247).expect("all 247"))
    }

    /// The transaction that a log holds at a place from the beginning. Each of the first four places of the
    /// first five epochs has a letter of its own.
    pub fn logged(zxid: Zxid) -> Self {
        assert!((1..=5).contains(&zxid.epoch()) && (1..=4).contains(&zxid.counter()), "{zxid:?}");
        Byte(b'a' + ((zxid.epoch() - 1) * 4 + zxid.counter() - 1) as u8)
    }
}

impl fmt::Display for Byte {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            _ if self.as_sync().is_some() => write!(f, "sync"),
            _ if *self == Byte::READ => write!(f, "read"),
            graphic @ 0x21..=0x7e => write!(f, "{}", char::from(graphic)),
            other => write!(f, "#{other}"),
        }
    }
}

/// What has been applied, in order, with the zxid each came under.
pub type Applied = Arc<Vec<(Zxid, Byte)>>;

impl Size for Byte {
    fn size(&self) -> usize {
        1
    }
}

impl Payload for Byte {
    type Service = ByteList;
}

/// The state machine of the protocol models.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ByteList {
    applied: Applied,
    serving: bool,
}

impl ByteList {
    fn last(&self) -> Zxid {
        self.applied.last().map_or(Zxid::ZERO, |(zxid, _)| *zxid)
    }

    /// What has been applied.
    pub fn applied(&self) -> &Applied {
        &self.applied
    }
}

impl Size for ByteList {
    fn size(&self) -> usize {
        self.applied.len()
    }
}

impl Service for ByteList {
    type Txn = Byte;
    type Settings = ();
    type Snapshot = Applied;
    type Client = Byte;
    /// A `sync` and a read are answered under the last zxid that is applied.
    type Reply = Zxid;
    type Request = Byte;

    fn new((): &(), snapshot: Option<&Applied>) -> Self {
        ByteList { applied: snapshot.cloned().unwrap_or_default(), serving: false }
    }

    fn client(&mut self, _: Now, _: ConnId, event: Byte, fx: &mut Effects<Self>) {
        if self.serving && event == Byte::READ {
            fx.push(Effect::Reply(ConnId(0), self.last()));
        } else if self.serving {
            fx.push(Effect::Submit(event));
        }
    }

    fn prepare(&mut self, _: Now, _: Zxid, request: &Byte, _: Origin) -> Byte {
        *request
    }

    fn kind(request: &Byte) -> RequestKind {
        if request.as_sync().is_some() { RequestKind::Sync } else { RequestKind::Write }
    }

    fn apply(&mut self, _: Now, zxid: Zxid, txn: &Byte, _: &mut Effects<Self>) {
        Arc::make_mut(&mut self.applied).push((zxid, *txn));
    }

    fn synced(&mut self, _: Now, request: &Byte, fx: &mut Effects<Self>) {
        let conn = ConnId(u64::from(request.as_sync().expect("a sync")));
        fx.push(Effect::Reply(conn, self.last()));
    }

    fn snapshot(&self) -> Applied {
        Arc::clone(&self.applied)
    }

    fn install(&mut self, snapshot: &Applied) {
        self.applied = Arc::clone(snapshot);
    }

    fn serve(&mut self, _: Now, _: ServingRole, _: Zxid, _: &mut Effects<Self>) {
        self.serving = true;
    }

    fn stop(&mut self, _: &mut Effects<Self>) {
        self.serving = false;
    }

    fn expire(&mut self, _: Now, _: &mut Effects<Self>) {}

    fn touch(&mut self, _: Now, _: &[Touch]) {}

    fn take_touches(&mut self) -> Vec<Touch> {
        Vec::new()
    }

    fn revalidate(&mut self, _: Now, _: Touch, _: Origin) -> bool {
        false
    }

    fn revalidated(&mut self, _: Now, _: SessionId, _: bool, _: &mut Effects<Self>) {}
}
