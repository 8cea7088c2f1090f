//! The identifiers everything else is written in: servers, zxids, epochs, links, tickets, sessions.

use core::fmt;

/// A server's `myid`. Voters and observers share one space; negative values are
/// assigned by listeners to anonymous observers and never vote.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "recording", derive(serde::Serialize, serde::Deserialize))]
pub struct ServerId(pub i64);

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of a leader's reign: the high 32 bits of a [`Zxid`].
pub type Epoch = u32;

/// The last epoch there can be: zxids travel as signed numbers and are never negative.
pub const LAST_EPOCH: Epoch = i32::MAX as Epoch;

/// How far one election can move the epoch: what a single server claims to have promised counts up to here. A
/// server that is really further ahead is caught up with over several elections.
pub const EPOCH_LEAP: Epoch = 1024;

/// A transaction's place in the total order: epoch in the high 32 bits, counter in the low 32.
///
/// Counter 0 belongs to no transaction: `Zxid::new(e, 0)` names the start of epoch `e`
/// (the NEWLEADER point).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "recording", derive(serde::Serialize, serde::Deserialize))]
pub struct Zxid(pub u64);

impl Zxid {
    /// Before every transaction.
    pub const ZERO: Zxid = Zxid(0);

    /// The `counter`-th transaction of `epoch`.
    pub const fn new(epoch: Epoch, counter: u32) -> Self {
        Zxid((epoch as u64) << 32 | counter as u64)
    }

    /// The high 32 bits.
    pub const fn epoch(self) -> Epoch {
        (self.0 >> 32) as u32
    }

    /// The low 32 bits.
    pub const fn counter(self) -> u32 {
        self.0 as u32
    }

    /// The next zxid of the same epoch, or `None` when the counter is exhausted. The leader must
    /// then step down so that a new epoch begins.
    pub const fn next(self) -> Option<Self> {
        if self.counter() == u32::MAX { None } else { Some(Zxid(self.0 + 1)) }
    }

    /// Whether a log may continue with `next` after `self`: the next counter of the same epoch, or
    /// the first of a later one. A gap inside an epoch is a lost transaction (ZOOKEEPER-4925).
    pub const fn may_be_followed_by(self, next: Zxid) -> bool {
        if next.epoch() == self.epoch() {
            next.counter() > 0 && next.0 - 1 == self.0
        } else {
            next.epoch() > self.epoch() && next.counter() == 1
        }
    }
}

impl fmt::Debug for Zxid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.epoch(), self.counter())
    }
}

impl fmt::Display for Zxid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// One connection of the quorum port: the server at its other end and the connection's generation.
///
/// While either end may still hold something of an old connection, its generation is not used again for that
/// server. So a packet of a replaced connection is recognised and dropped.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "recording", derive(serde::Serialize, serde::Deserialize))]
pub struct Link {
    /// The server at the other end.
    pub server: ServerId,
    /// Which connection to that server.
    pub generation: u32,
}

/// The receipt of a storage operation. Operations complete in the order of their tickets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(feature = "recording", derive(serde::Serialize, serde::Deserialize))]
pub struct Ticket(pub u64);

/// A client's connection on this server, chosen by the shell, never used twice by one process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "recording", derive(serde::Serialize, serde::Deserialize))]
pub struct ConnId(pub u64);

/// A session, the same on every server of the ensemble.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(feature = "recording", derive(serde::Serialize, serde::Deserialize))]
pub struct SessionId(pub i64);

/// Time as the shell saw it when it called `step`. Election and ZAB look at neither field.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "recording", derive(serde::Serialize, serde::Deserialize))]
pub struct Now {
    /// Milliseconds of a monotonic clock: session expiry.
    pub elapsed_ms: u64,
    /// Milliseconds since 1970: `Stat`, TTL.
    pub wall_ms: i64,
}

/// A session and the timeout (ms) its client negotiated, as learners report it to the leader.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "recording", derive(serde::Serialize, serde::Deserialize))]
pub struct Touch {
    /// The session that was heard from.
    pub session: SessionId,
    /// The session's negotiated timeout in milliseconds.
    pub timeout_ms: i32,
}

impl Touch {
    /// The size of a serialized `Touch`, in bytes.
    pub const LEN: usize = 12;
}
