//! The one type parameter of the house: what a transaction carries and the state machine it drives.
//!
//! The server runs `P` = the encoded client transaction over the znode tree. The protocol models run `P` =
//! one byte over a list (`quorate_spec::byte::Byte`). [`QuorumPeer`](crate::QuorumPeer) is one code for both.

use alloc::vec::Vec;
use core::fmt::Debug;
use core::hash::Hash;

use crate::ids::{ConnId, Link, Now, SessionId, Touch, Zxid};

/// Something that takes memory and time to send.
pub trait Size {
    /// How many bytes, give or take what frames it on the wire, in files and in memory.
    fn size(&self) -> usize;
}

/// A transaction's body.
pub trait Payload: Size + Clone + Eq + Hash + Debug + Sized {
    /// The replicated state machine and everything that hangs off it on one server.
    type Service: Service<Txn = Self>;
}

/// What a transaction is applied to, and what clients talk to: sessions, tree, watches.
///
/// The peer calls in; the service answers through [`Effects`] and never reaches out. It is told
/// about its role with [`Service::serve`] and [`Service::stop`]; between the two it may accept
/// client requests. Transactions are carried out by `apply` alone; `install` replaces the whole state.
/// Its [`Size`] is roughly that of a snapshot.
pub trait Service: Size + Clone + Eq + Hash + Debug + Sized {
    /// The transaction this service applies.
    type Txn: Payload<Service = Self>;
    /// What is fixed for the life of the process (clamps, seeds, limits).
    type Settings: Clone + Eq + Hash + Debug;
    /// A consistent view of the replicated state; cheap to clone, does not change any more.
    type Snapshot: Clone + Eq + Hash + Debug;
    /// What arrives from a client's connection.
    type Client: Clone + Eq + Hash + Debug;
    /// What goes to a client's connection.
    type Reply: Clone + Eq + Hash + Debug;
    /// A request that needs the leader: what a REQUEST packet carries.
    type Request: Size + Clone + Eq + Hash + Debug;

    /// An empty state machine, or the one a snapshot describes.
    fn new(settings: &Self::Settings, snapshot: Option<&Self::Snapshot>) -> Self;

    /// The last transaction that this server has, applied or not: what comes of a request that arrives now
    /// has a higher zxid. Told directly before a client is heard, or let in, while this server serves.
    fn has_up_to(&mut self, _last: Zxid) {}

    /// A client's connection said something. Called in every role; a service that is not serving
    /// closes the connection.
    fn client(&mut self, now: Now, conn: ConnId, event: Self::Client, fx: &mut Effects<Self>);

    /// Leader only: turn a request into the transaction with this zxid, looking at the applied
    /// state and at what is proposed but not yet applied. A request that fails becomes an error
    /// transaction: the zxid is used either way.
    fn prepare(&mut self, now: Now, zxid: Zxid, request: &Self::Request, origin: Origin) -> Self::Txn;

    /// Leader only: whether this request is ordered (a transaction) or only waits for what is
    /// ordered before it (`sync`).
    fn kind(request: &Self::Request) -> RequestKind;

    /// A transaction is committed and it is its turn. `Err` of any kind is the service's own
    /// affair: a transaction that cannot be applied fails as a transaction on every server alike.
    fn apply(&mut self, now: Now, zxid: Zxid, txn: &Self::Txn, fx: &mut Effects<Self>);

    /// Everything ordered before this local `sync` request has been applied.
    fn synced(&mut self, now: Now, request: &Self::Request, fx: &mut Effects<Self>);

    /// A view of the state after the last `apply`.
    fn snapshot(&self) -> Self::Snapshot;

    /// Replace the replicated state by a leader's.
    fn install(&mut self, snapshot: &Self::Snapshot);

    /// Start serving clients. `applied` is the point the state stands at: the zxid clients see.
    fn serve(&mut self, now: Now, role: ServingRole, applied: Zxid, fx: &mut Effects<Self>);

    /// Stop serving: close every client, forget what is pending. The replicated state stays.
    fn stop(&mut self, fx: &mut Effects<Self>);

    /// Leader only: find sessions whose time has come and close them (as submitted requests).
    fn expire(&mut self, now: Now, fx: &mut Effects<Self>);

    /// Leader only: a learner reports sessions it heard from.
    fn touch(&mut self, now: Now, touches: &[Touch]);

    /// Learner only: the sessions heard from since the last call.
    fn take_touches(&mut self) -> Vec<Touch>;

    /// Leader only: is this session alive? If so it is touched, and `from` becomes its owner.
    fn revalidate(&mut self, now: Now, touch: Touch, from: Origin) -> bool;

    /// Learner only: the leader's answer to [`Effect::Revalidate`].
    fn revalidated(&mut self, now: Now, session: SessionId, valid: bool, fx: &mut Effects<Self>);
}

/// Whether a request consumes a zxid.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RequestKind {
    /// A transaction.
    Write,
    /// Answered when everything proposed before it is committed.
    Sync,
}

/// The origin of a request at the leader.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Origin {
    /// A client of the leader itself, or the leader on its own account (session expiry).
    Local,
    /// A learner, over this connection.
    Learner(Link),
}

/// In which capacity a server serves clients.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ServingRole {
    /// Orders writes.
    Leader,
    /// Forwards writes; a voter or an observer.
    Learner,
    /// Knows no leader: serves clients that put up with reads only, in sessions of its own.
    ReadOnly,
}

/// One thing a service wants done.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Effect<S: Service> {
    /// Bytes for one client. The order per connection is kept.
    Reply(ConnId, S::Reply),
    /// Close a client's connection after what was sent to it.
    Close(ConnId),
    /// Hand this request to the leader.
    Submit(S::Request),
    /// Ask the leader whether this session is alive (on the leader: answered at once).
    Revalidate(Touch),
}

/// What a service wants done, in order.
pub type Effects<S> = Vec<Effect<S>>;
