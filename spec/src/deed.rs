//! The payload of worlds whose servers run the real service: tree, sessions, watches, queues of requests.
//!
//! ZAB's clock stands still in such a world, so that leases have no part in it. What passes is the time of
//! day, [`Now::wall_ms`], and by that sessions expire here. What the service writes says nothing of when.
//!
//! Beside the service stands a list of what it has applied, which properties look at. Fingerprints are kept:
//! in a state of an ensemble only what has changed is hashed again.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use quorate_core::ids::{ConnId, Now, SessionId, Touch, Zxid};
use quorate_core::payload::{Effect, Effects, Origin, Payload, RequestKind, Service, ServingRole, Size};
use quorate_core::pipeline::{ClientEvent, ClientReply, ClientRequest, Settings, TreeImage, TreeService};
use quorate_core::wire::txn::{Txn, TxnBody};

use crate::hash::{Printed, fingerprint};
use crate::models::clients::broadcast::Chosen;
use crate::world::{AppliedOf, Marked, Modelled, World};

/// A transaction of a client: its bytes, read once.
#[derive(Clone)]
pub struct Deed(Arc<Known>);

struct Known {
    chosen: Chosen,
    print: u64,
    /// The session that asked for the transaction, and the request's xid; nothing if it failed.
    from: Option<(SessionId, i32)>,
}

impl Deed {
    pub(crate) fn new(chosen: Chosen) -> Self {
        let print = fingerprint(&(chosen.zxid, &chosen.txn), 0).0;
        let read = Txn::decode(&chosen.txn.0).ok().filter(|txn| !matches!(txn.body, TxnBody::Error(_)));
        let from = read.map(|txn| (txn.header.client_id, txn.header.cxid));
        Deed(Arc::new(Known { chosen, print, from }))
    }
}

impl Deed {
    /// Whether this is what became of a session's request of this xid, and it did not fail.
    pub fn is_of(&self, session: SessionId, xid: i32) -> bool {
        self.0.from == Some((session, xid))
    }
}

impl Deref for Deed {
    type Target = Chosen;
    fn deref(&self) -> &Chosen {
        &self.0.chosen
    }
}

impl Borrow<Chosen> for Deed {
    fn borrow(&self) -> &Chosen {
        self
    }
}

impl PartialEq for Deed {
    fn eq(&self, other: &Self) -> bool {
        self.txn == other.txn
    }
}

impl Eq for Deed {}

impl Hash for Deed {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u64(self.0.print);
    }
}

impl fmt::Debug for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}", self.zxid, self.changes)
    }
}

impl Size for Deed {
    fn size(&self) -> usize {
        self.txn.size()
    }
}

impl Payload for Deed {
    type Service = Listed;
}

impl Marked for Deed {
    type Mark = u64;

    fn mark(&self) -> u64 {
        self.0.print
    }

    fn applied(service: &Listed) -> &AppliedOf<Deed> {
        &service.marks
    }

    fn listed(snapshot: &ListedImage) -> &[(Zxid, u64)] {
        &snapshot.marks
    }
}

impl Modelled for Deed {
    fn told(world: &mut World<Deed>, server: usize, conn: ConnId, said: Option<ClientReply>) {
        world.tell((server, conn, said));
    }
}

/// The server's service, and what it has applied.
#[derive(Clone)]
pub struct Listed {
    service: Printed<TreeService>,
    marks: Arc<Vec<(Zxid, u64)>>,
    deeds: Arc<Vec<Deed>>,
}

/// What a snapshot of it has.
#[derive(Clone)]
pub struct ListedImage {
    image: Printed<TreeImage>,
    marks: Arc<Vec<(Zxid, u64)>>,
    deeds: Arc<Vec<Deed>>,
}

/// What the service is told of the time.
fn of_sessions(now: Now) -> Now {
    Now { elapsed_ms: now.wall_ms.unsigned_abs(), wall_ms: 0 }
}

impl Listed {
    /// The service.
    pub fn get(&self) -> &TreeService {
        &self.service
    }

    /// What it has applied, in order.
    pub fn deeds(&self) -> &[Deed] {
        &self.deeds
    }

    fn change(&mut self) -> &mut TreeService {
        self.service.change()
    }

    fn with(
        &mut self,
        fx: &mut Effects<Listed>,
        call: impl FnOnce(&mut TreeService, &mut Effects<TreeService>),
    ) {
        let mut own = Vec::new();
        call(self.change(), &mut own);
        fx.extend(own.into_iter().map(|effect| match effect {
            Effect::Reply(conn, reply) => Effect::Reply(conn, reply),
            Effect::Close(conn) => Effect::Close(conn),
            Effect::Submit(request) => Effect::Submit(request),
            Effect::Revalidate(touch) => Effect::Revalidate(touch),
        }));
    }
}

impl PartialEq for Listed {
    fn eq(&self, other: &Self) -> bool {
        self.marks == other.marks && self.service == other.service
    }
}

impl Eq for Listed {}

impl Hash for Listed {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.marks.hash(hasher);
        self.service.hash(hasher);
    }
}

impl fmt::Debug for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listed").field("deeds", &self.deeds).field("status", &self.service.status()).finish()
    }
}

impl PartialEq for ListedImage {
    fn eq(&self, other: &Self) -> bool {
        self.marks == other.marks && self.image == other.image
    }
}

impl Eq for ListedImage {}

impl Hash for ListedImage {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.marks.hash(hasher);
        self.image.hash(hasher);
    }
}

impl fmt::Debug for ListedImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListedImage").field("deeds", &self.deeds).finish()
    }
}

impl Size for Listed {
    fn size(&self) -> usize {
        self.service.size()
    }
}

impl Service for Listed {
    type Txn = Deed;
    type Settings = Settings;
    type Snapshot = ListedImage;
    type Client = ClientEvent;
    type Reply = ClientReply;
    type Request = ClientRequest;

    fn new(settings: &Settings, snapshot: Option<&ListedImage>) -> Self {
        let service = Printed::new(TreeService::new(settings, snapshot.map(|listed| &*listed.image)));
        let (marks, deeds) = snapshot.map_or_else(Default::default, |listed| listed.lists());
        Listed { service, marks, deeds }
    }

    fn has_up_to(&mut self, last: Zxid) {
        self.change().has_up_to(last);
    }

    fn client(&mut self, now: Now, conn: ConnId, event: ClientEvent, fx: &mut Effects<Self>) {
        self.with(fx, |service, fx| service.client(of_sessions(now), conn, event, fx));
    }

    fn prepare(&mut self, now: Now, zxid: Zxid, request: &ClientRequest, origin: Origin) -> Deed {
        Deed::new(Chosen::new(zxid, self.change().prepare(of_sessions(now), zxid, request, origin)))
    }

    fn kind(request: &ClientRequest) -> RequestKind {
        TreeService::kind(request)
    }

    fn apply(&mut self, now: Now, zxid: Zxid, deed: &Deed, fx: &mut Effects<Self>) {
        self.with(fx, |service, fx| service.apply(of_sessions(now), zxid, &deed.txn, fx));
        Arc::make_mut(&mut self.marks).push((zxid, deed.mark()));
        Arc::make_mut(&mut self.deeds).push(deed.clone());
    }

    fn synced(&mut self, now: Now, request: &ClientRequest, fx: &mut Effects<Self>) {
        self.with(fx, |service, fx| service.synced(of_sessions(now), request, fx));
    }

    fn snapshot(&self) -> ListedImage {
        let (marks, deeds) = (Arc::clone(&self.marks), Arc::clone(&self.deeds));
        ListedImage { image: Printed::new(self.service.snapshot()), marks, deeds }
    }

    fn install(&mut self, snapshot: &ListedImage) {
        self.change().install(&snapshot.image);
        (self.marks, self.deeds) = snapshot.lists();
    }

    fn serve(&mut self, now: Now, role: ServingRole, applied: Zxid, fx: &mut Effects<Self>) {
        self.with(fx, |service, fx| service.serve(of_sessions(now), role, applied, fx));
    }

    fn stop(&mut self, fx: &mut Effects<Self>) {
        self.with(fx, TreeService::stop);
    }

    fn expire(&mut self, now: Now, fx: &mut Effects<Self>) {
        self.with(fx, |service, fx| service.expire(of_sessions(now), fx));
    }

    fn touch(&mut self, now: Now, touches: &[Touch]) {
        if !touches.is_empty() {
            self.change().touch(of_sessions(now), touches);
        }
    }

    fn take_touches(&mut self) -> Vec<Touch> {
        self.change().take_touches()
    }

    fn revalidate(&mut self, now: Now, touch: Touch, from: Origin) -> bool {
        self.change().revalidate(of_sessions(now), touch, from)
    }

    fn revalidated(&mut self, now: Now, session: SessionId, valid: bool, fx: &mut Effects<Self>) {
        self.with(fx, |service, fx| service.revalidated(of_sessions(now), session, valid, fx));
    }
}

/// What has been applied, by marks and as it is.
type Lists = (AppliedOf<Deed>, Arc<Vec<Deed>>);

impl ListedImage {
    fn lists(&self) -> Lists {
        (Arc::clone(&self.marks), Arc::clone(&self.deeds))
    }
}
