//! What a session is told, and what it wants.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use quorate_core::ids::SessionId;
use quorate_core::tree::path::PathError;
use quorate_core::wire::client::{EventType, Request, Response, WatcherType};
use quorate_core::wire::error_code::ErrorCode;
use quorate_core::wire::jute::WireError;

use super::settings::{Host, path_error};

/// What the environment gives with every input: the time, and a random number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Moment {
    /// A clock that never goes back, ms.
    pub ms: u64,
    /// A number that is drawn for this input alone. Pauses depend on it, and nothing else.
    pub random: u64,
}

/// The caller's name for an operation; it comes back with the operation's outcome.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OpId(pub u64);

/// Something that happened.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Input<'a> {
    /// Begin: nothing is dialed before.
    Start,
    /// An operation to carry out.
    Submit {
        /// How the caller names it.
        id: OpId,
        /// The operation, with paths as the client knows them.
        request: Request,
        /// Whether its paths are those of the servers all the same, without the client's root.
        absolute: bool,
    },
    /// The caller does not wait for an operation any longer.
    GiveUp(OpId),
    /// The caller does not want to know of these events any longer. The server goes on telling them until
    /// the next connection.
    Forget {
        /// The path, as the client knows it.
        path: String,
        /// Which watches.
        kinds: WatchKinds,
    },
    /// The connection that was dialed exists.
    Connected,
    /// The connection that was dialed does not come to be, or has ended.
    Disconnected,
    /// Bytes arrived.
    Bytes(&'a [u8]),
    /// A server that was probed says whether it takes writes. A server that does not answer says nothing.
    Probed {
        /// The server.
        host: Host,
        /// Whether it takes writes.
        writable: bool,
    },
    /// An alarm of [`Session::alarms`](super::Session::alarms) is due. A model fires any of them any time.
    Alarm(Timer),
    /// End the session: its ephemeral znodes go at once.
    Close,
}

/// What an alarm is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Timer {
    /// Dial the next server: the pause is over.
    Dial,
    /// Give up an attempt: no connection, or no answer to the greeting.
    Attempt,
    /// Give up the session: it has never had a connection.
    Connect,
    /// Send a ping: nothing was sent for a third of the session timeout.
    Ping,
    /// Give up the connection: nothing was heard for two thirds of the session timeout.
    Silence,
    /// Ask another server whether it takes writes: this one is read-only.
    Search,
}

/// What is to be done, in this order.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Output {
    /// Connect to a server. There is never more than one connection.
    Dial(Host),
    /// Close the connection, or stop dialing. Nothing of it is wanted any more.
    Hangup(Ended),
    /// Ask a server on a connection of its own whether it takes writes: the word `isro`.
    Probe(Host),
    /// An operation has its outcome. Every operation has one, once.
    Complete(OpId, Outcome),
    /// A watch fired.
    Event(WatchEvent),
    /// The session's state has changed.
    State(State),
}

/// What is to be done after a step.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Outputs {
    /// To be written to the connection, behind earlier bytes. What is left for a connection that is hung up
    /// is dropped.
    pub bytes: Vec<u8>,
    /// Everything else.
    pub list: Vec<Output>,
}

impl Outputs {
    pub(super) fn push(&mut self, output: Output) {
        self.list.push(output);
    }

    pub(super) fn complete(&mut self, id: Option<OpId>, outcome: Outcome) {
        if let Some(id) = id {
            self.push(Output::Complete(id, outcome));
        }
    }
}

/// How an operation ended.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// The server has done it, and says this.
    Done(Response),
    /// The operation was not done, and will not be.
    Refused(Refusal),
    /// The connection was lost with the request on its way, or the caller gave up. The operation may have
    /// been done, may be done yet, or never.
    Unknown,
}

/// Why an operation was not done.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Refusal {
    /// The server refused it with this code, an [`ErrorCode`] if it is a known one.
    Server(i32),
    /// The server refused a part of a multi, and so all of it.
    Part {
        /// Which part, from 0.
        index: usize,
        /// The code.
        code: i32,
    },
    /// No znode can have this path.
    Path(String, PathError),
    /// The request is longer than servers take.
    TooLong {
        /// The length of the request, in bytes.
        len: usize,
        /// The limit, in bytes.
        max: usize,
    },
    /// The operation is not one of a client, or only the session itself may send it.
    NotForClients,
    /// The caller gave up before it was sent.
    GivenUp,
    /// The session had ended, before it was sent.
    Over(End),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Server(code) => write!(f, "{}", Code(*code)),
            Refusal::Part { index, code } => write!(f, "part {index}: {}", Code(*code)),
            Refusal::Path(path, why) => write!(f, "{path:?} is no path of a znode: {}", path_error(*why)),
            Refusal::TooLong { len, max } => {
                write!(f, "the request has {len} bytes, at most {max} can be sent")
            }
            Refusal::NotForClients => f.write_str("not an operation that a client can send"),
            Refusal::GivenUp => f.write_str("given up before it was sent"),
            Refusal::Over(end) => write!(f, "{end}"),
        }
    }
}

/// Shows an error code with its name, if it has one.
pub(crate) struct Code(pub(crate) i32);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match ErrorCode::from_i32(self.0) {
            Some(code) => write!(f, "{code}"),
            None => write!(f, "error {}", self.0),
        }
    }
}

/// What a session is to its user.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum State {
    /// Has no connection yet.
    Connecting,
    /// Has its first connection.
    Connected,
    /// Is connected to a server that takes no writes.
    ReadOnly,
    /// Has lost its connection. Its ephemeral znodes are there, or not.
    Suspended,
    /// Has a connection again; its ephemeral znodes and watches are still there.
    Reconnected,
    /// Is over, and tells so once.
    Over(End),
}

/// Why a session is over.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum End {
    /// The user closed the session.
    Closed,
    /// The servers have expired it: its ephemeral znodes and watches are gone.
    Expired,
    /// A server refused an identity.
    AuthFailed,
    /// No server gave a session in time.
    NeverConnected,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            End::Closed => "the session is closed",
            End::Expired => "the session has expired",
            End::AuthFailed => "a server refused the session's identity",
            End::NeverConnected => "no server gave a session in time",
        })
    }
}

/// Why a connection ended, or never came to be.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Ended {
    /// The server, or the network, ended it. [`Input::Disconnected`] has said so.
    Lost,
    /// There was no answer in time.
    AttemptTimedOut,
    /// Nothing was heard for two thirds of the session timeout.
    Silence,
    /// A server that takes writes was found.
    WritableServerFound,
    /// The server says that the session does not exist.
    Expired,
    /// The session is over.
    Over(End),
    /// The server broke the protocol.
    Offence(Offence),
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Lost => f.write_str("the connection was lost"),
            Ended::AttemptTimedOut => f.write_str("no answer in time"),
            Ended::Silence => f.write_str("nothing was heard for two thirds of the session timeout"),
            Ended::WritableServerFound => f.write_str("a server that takes writes was found"),
            Ended::Expired => f.write_str("the server does not know the session"),
            Ended::Over(end) => write!(f, "{end}"),
            Ended::Offence(offence) => write!(f, "{offence}"),
        }
    }
}

/// How a server broke the protocol.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Offence {
    /// Bytes that cannot be read: a length outside of its limits, a field that ends too early.
    Unreadable(WireError),
    /// A reply to a request that was never sent.
    UnknownXid(i32),
    /// A reply out of order.
    WrongXid {
        /// Which request was to be answered next.
        expected: i32,
        /// Which one was.
        got: i32,
    },
    /// A reply from before what the client has seen.
    ZxidBack {
        /// The newest zxid seen.
        seen: i64,
        /// The reply's.
        got: i64,
    },
    /// Another session than the one that was asked for.
    OtherSession {
        /// The one that was asked for.
        asked: SessionId,
        /// The one that was given.
        got: SessionId,
    },
    /// A read-only server, which was not asked for.
    ReadOnly,
    /// Watches were not set again, with this code.
    WatchesNotSet(i32),
    /// A multi's results that are no outcome: of another number than the parts, or failed without a reason.
    Results,
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server broke the protocol: ")?;
        match self {
            Offence::Unreadable(error) => write!(f, "{error}"),
            Offence::UnknownXid(xid) => write!(f, "a reply to request {xid}, which was never sent"),
            Offence::WrongXid { expected, got } => {
                write!(f, "a reply to request {got}, request {expected} was next")
            }
            Offence::ZxidBack { seen, got } => {
                write!(f, "a reply at zxid {got:#x}, the client has seen {seen:#x}")
            }
            Offence::OtherSession { asked, got } => {
                write!(f, "session {:#x} was given, {:#x} was asked for", got.0, asked.0)
            }
            Offence::ReadOnly => f.write_str("a read-only session, which was not asked for"),
            Offence::WatchesNotSet(code) => write!(f, "watches were not set again: {}", Code(*code)),
            Offence::Results => f.write_str("results of a multi that are no outcome"),
        }
    }
}

/// A set of kinds of watches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct WatchKinds(u8);

impl WatchKinds {
    /// No watch.
    pub const NONE: WatchKinds = WatchKinds(0);
    /// Set by `getData`, and by `exists` on a znode that is there.
    pub const DATA: WatchKinds = WatchKinds(1);
    /// Set by `exists` on a znode that is not there.
    pub const EXIST: WatchKinds = WatchKinds(2);
    /// Set by `getChildren`.
    pub const CHILD: WatchKinds = WatchKinds(4);
    /// Set by `addWatch`; stays.
    pub const PERSISTENT: WatchKinds = WatchKinds(8);
    /// Set by `addWatch`, for everything below too; stays.
    pub const RECURSIVE: WatchKinds = WatchKinds(16);
    /// Every kind.
    pub const ALL: WatchKinds = WatchKinds(31);
    /// The kinds that fire once.
    pub const ONCE: WatchKinds = WatchKinds(7);

    /// The kinds that `removeWatches` and `checkWatches` of this type mean.
    pub const fn of(watcher: WatcherType) -> WatchKinds {
        match watcher {
            WatcherType::Children => WatchKinds::CHILD,
            WatcherType::Data => WatchKinds::DATA.with(WatchKinds::EXIST),
            WatcherType::Any => WatchKinds::ALL,
            WatcherType::Persistent => WatchKinds::PERSISTENT,
            WatcherType::PersistentRecursive => WatchKinds::RECURSIVE,
        }
    }

    /// What is in either.
    #[must_use]
    pub const fn with(self, other: WatchKinds) -> WatchKinds {
        WatchKinds(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub const fn and(self, other: WatchKinds) -> WatchKinds {
        WatchKinds(self.0 & other.0)
    }

    /// What is in this one only.
    #[must_use]
    pub const fn without(self, other: WatchKinds) -> WatchKinds {
        WatchKinds(self.0 & !other.0)
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of these are in it.
    pub const fn contains(self, other: WatchKinds) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A watch has fired.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct WatchEvent {
    /// What happened.
    pub event: EventType,
    /// To which znode, as the client knows it.
    pub path: String,
    /// The transaction that did it, if the server says so: those before 3.9 do not.
    pub zxid: Option<i64>,
    /// Which watches on this path were meant. One-shot ones are gone now. A recursive watch on a znode above
    /// is meant if [`WatchEvent::recursive`] says so.
    pub kinds: WatchKinds,
    /// Whether a recursive watch on this znode or one above it was meant.
    pub recursive: bool,
}
