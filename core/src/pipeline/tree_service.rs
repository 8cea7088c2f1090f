//! The service itself: the replicated state, this server's clients, the leader's part.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use super::connection::{Connection, Queues};
use super::counters::Counters;
use super::image::TreeImage;
use super::message::{ClientEvent, ClientReply, ClientRequest, ClientTxn};
use super::outstanding::Outstanding;
use super::rules::{clients, sessions};
use super::settings::Settings;
use super::touches::Touches;
use crate::config::Constant;
use crate::ids::{ConnId, Now, SessionId, Touch, Zxid};
use crate::payload::{Effect, Effects, Origin, Payload, RequestKind, Service, ServingRole, Size};
use crate::session::{SessionIds, SessionTracker};
use crate::tree::{DataTree, path};
use crate::watch::WatchManager;
use crate::wire::client::OpCode;
use crate::wire::state::Reach;

/// What the service wants done.
pub(super) type Fx = Effects<TreeService>;

/// The znode tree, its sessions and its clients on one server: what ZooKeeper's pipeline of
/// request processors is.
///
/// The service has three lives. The replicated state is the same on every server that has applied the same
/// transactions. The clients' part begins with each connection, and ends when the server stops serving. The
/// leader's part begins when this server leads.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct TreeService {
    pub(super) settings: Constant<Settings>,
    /// How this server serves; `None`: it does not.
    pub(super) role: Option<ServingRole>,
    pub(super) state: Replicated,
    pub(super) clients: Clients,
    pub(super) leading: Option<Leading>,
    /// While only reads are served: the sessions that this server has given out on its own.
    pub(super) local: Option<SessionTracker>,
    pub(super) counters: Counters,
}

/// What transactions have made: the same on every server at the same zxid.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Replicated {
    pub(super) tree: DataTree,
    /// Every open session of the ensemble and its timeout, ms.
    pub(super) sessions: BTreeMap<SessionId, i32>,
    pub(super) applied: Zxid,
    /// How far effects of transactions after `applied` may be in the tree.
    pub(super) reach: Reach,
    /// The tree's digest after every 128th zxid, oldest first.
    pub(super) digests: VecDeque<(Zxid, i64)>,
}

/// This server's clients: their connections, what they wait for, what they watch.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Clients {
    pub(super) connections: BTreeMap<ConnId, Connection>,
    /// The connection that speaks (or asks to speak) for a session here.
    pub(super) by_session: BTreeMap<SessionId, ConnId>,
    pub(super) queues: Queues,
    pub(super) watches: WatchManager,
    pub(super) ids: SessionIds,
    /// A learner's: the sessions heard from since the leader was told.
    pub(super) touches: Touches,
    /// While a client is heard or let in: the last transaction that this server has, applied or not.
    pub(super) has_up_to: Zxid,
}

/// What only a leader keeps.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Leading {
    pub(super) tracker: SessionTracker,
    pub(super) outstanding: Outstanding,
    /// When containers were last looked at, ms.
    pub(super) reaped_at: u64,
}

impl Payload for ClientTxn {
    type Service = TreeService;
}

impl Service for TreeService {
    type Txn = ClientTxn;
    type Settings = Settings;
    type Snapshot = TreeImage;
    type Client = ClientEvent;
    type Reply = ClientReply;
    type Request = ClientRequest;

    fn new(settings: &Settings, snapshot: Option<&TreeImage>) -> Self {
        let mut service = TreeService {
            settings: Constant::new(settings.clone()),
            role: None,
            state: Replicated::new(settings),
            clients: Clients::new(settings),
            leading: None,
            local: None,
            counters: Counters::default(),
        };
        if let Some(snapshot) = snapshot {
            service.install(snapshot);
        }
        service
    }

    fn has_up_to(&mut self, last: Zxid) {
        self.clients.has_up_to = last;
    }

    fn client(&mut self, now: Now, conn: ConnId, event: ClientEvent, fx: &mut Fx) {
        match event {
            ClientEvent::Closed => {
                if sessions::connection_ends_session(&self.settings) {
                    fx.extend(self.session_of(conn).map(|session| Effect::Submit(close_session(session))));
                }
                self.forget(conn);
            }
            _ if !self.takes_clients() => {
                self.forget(conn);
                fx.push(Effect::Close(conn));
            }
            ClientEvent::Connect { frame, address, certificate } => {
                self.connect(now, conn, &frame, (address, certificate), fx);
            }
            ClientEvent::Frame(frame) => self.frame(now, conn, frame, fx),
        }
        self.clients.has_up_to = Zxid::ZERO;
    }

    fn prepare(&mut self, now: Now, zxid: Zxid, request: &ClientRequest, origin: Origin) -> ClientTxn {
        self.propose(now, zxid, request, origin).0
    }

    fn kind(request: &ClientRequest) -> RequestKind {
        if request.op == OpCode::Sync.to_i32() { RequestKind::Sync } else { RequestKind::Write }
    }

    fn apply(&mut self, now: Now, zxid: Zxid, txn: &ClientTxn, fx: &mut Fx) {
        self.apply_txn(now, zxid, txn, fx);
    }

    fn synced(&mut self, now: Now, request: &ClientRequest, fx: &mut Fx) {
        if let Some(pending) = self.clients.queues.take_synced(request.session, request.cxid) {
            self.answer_sync(pending, fx);
            self.proceed(now, request.session, fx);
        }
    }

    fn snapshot(&self) -> TreeImage {
        TreeImage::take(&self.state.tree, &self.state.sessions, self.state.applied, self.state.reach)
    }

    fn install(&mut self, snapshot: &TreeImage) {
        self.state.install(snapshot, &self.settings);
    }

    fn serve(&mut self, now: Now, role: ServingRole, applied: Zxid, fx: &mut Fx) {
        self.role = Some(role);
        if clients::epoch_start_is_shown(&self.settings) {
            self.state.applied = applied;
        }
        if self.state.reach == Reach::UntilServing {
            // Everything that the leader had committed when the state was complete is applied.
            self.state.reach = Reach::Exact;
        }
        self.clients.ids.restart(self.settings.server_id, now.wall_ms);
        self.show_config(now);
        self.local = (role == ServingRole::ReadOnly).then(|| tracker(&self.settings));
        if role == ServingRole::Leader {
            let mut leading = Leading::new(&self.settings);
            leading.reaped_at = now.elapsed_ms;
            let heard = sessions::heard_by_new_leader(&self.settings, now);
            let known = sessions::new_leader_knows_sessions(&self.settings);
            for (session, timeout_ms) in self.state.sessions.iter().filter(|_| known) {
                let touch = Touch { session: *session, timeout_ms: *timeout_ms };
                leading.tracker.track(heard, touch, None);
            }
            self.leading = Some(leading);
            self.close_unknown_owners(fx);
        }
    }

    fn stop(&mut self, fx: &mut Fx) {
        self.role = None;
        self.leading = None;
        self.local = None;
        self.clients.disconnect(&self.settings, fx);
    }

    fn expire(&mut self, now: Now, fx: &mut Fx) {
        let Some(leading) = &mut self.leading else { return };
        for session in leading.tracker.expire(sessions::expiry_clock(&self.settings, now)) {
            self.counters.expired_sessions += 1;
            fx.push(Effect::Submit(close_session(session)));
        }
        self.reap(now, fx);
    }

    fn touch(&mut self, now: Now, touches: &[Touch]) {
        let Some(leading) = &mut self.leading else { return };
        if !sessions::touches_count(&self.settings) {
            return;
        }
        for touch in touches {
            leading.tracker.touch(now.elapsed_ms, *touch);
        }
    }

    fn take_touches(&mut self) -> Vec<Touch> {
        // The leader refuses an answer to a ping that is longer than a transaction may be.
        self.clients.touches.take(self.settings.max_txn / Touch::LEN)
    }

    fn revalidate(&mut self, now: Now, touch: Touch, from: Origin) -> bool {
        let Some(leading) = &mut self.leading else { return false };
        let valid = leading.tracker.touch(now.elapsed_ms, touch)
            && !(sessions::moved_session_is_refused(&self.settings)
                && leading.tracker.check(touch.session, from).is_err());
        if valid {
            leading.tracker.set_owner(touch.session, from);
        }
        valid || sessions::ended_session_is_revalidated(&self.settings)
    }

    fn revalidated(&mut self, now: Now, session: SessionId, valid: bool, fx: &mut Fx) {
        self.session_answer(now, session, valid, fx);
        self.clients.has_up_to = Zxid::ZERO;
    }
}

impl Size for TreeService {
    fn size(&self) -> usize {
        // Paths and data, and what a znode takes in a snapshot besides.
        self.state.tree.data_size() as usize + self.state.tree.len() * 80
    }
}

impl Replicated {
    pub(super) fn new(settings: &Settings) -> Self {
        Replicated {
            tree: DataTree::new(settings.hash_key, settings.extended_types),
            sessions: BTreeMap::new(),
            applied: Zxid::ZERO,
            reach: Reach::Exact,
            digests: VecDeque::new(),
        }
    }

    /// Replace everything by a snapshot.
    fn install(&mut self, snapshot: &TreeImage, settings: &Settings) {
        let kept = sessions::install_keeps_sessions(settings) && !self.sessions.is_empty();
        *self = Replicated {
            tree: snapshot.to_tree(settings),
            sessions: if kept { core::mem::take(&mut self.sessions) } else { snapshot.session_table() },
            applied: snapshot.applied(),
            reach: snapshot.reach(),
            // Those before may be of a history that is gone.
            digests: VecDeque::new(),
        };
    }
}

impl Clients {
    pub(super) fn new(settings: &Settings) -> Self {
        Clients {
            connections: BTreeMap::new(),
            by_session: BTreeMap::new(),
            queues: Queues::default(),
            watches: no_watches(settings),
            ids: SessionIds::default(),
            touches: Touches::default(),
            has_up_to: Zxid::ZERO,
        }
    }

    /// Close every connection and forget what they wait for and watch.
    fn disconnect(&mut self, settings: &Settings, fx: &mut Fx) {
        fx.extend(self.connections.keys().map(|conn| Effect::Close(*conn)));
        self.connections.clear();
        self.by_session.clear();
        if clients::stop_forgets_queues(settings) {
            self.queues.clear();
        }
        self.touches.clear();
        self.watches = no_watches(settings);
    }
}

impl Leading {
    pub(super) fn new(settings: &Settings) -> Self {
        Leading { tracker: tracker(settings), outstanding: Outstanding::new(settings.hash_key), reaped_at: 0 }
    }
}

/// A tracker with this server's buckets.
pub(super) fn tracker(settings: &Settings) -> SessionTracker {
    let tracker = SessionTracker::new(settings.tick_ms);
    #[cfg(feature = "mutants")]
    let tracker = tracker.breaking(settings.mutation);
    tracker
}

pub(super) fn no_watches(settings: &Settings) -> WatchManager {
    let watches = WatchManager::new(settings.hash_key);
    #[cfg(feature = "mutants")]
    let watches = watches.breaking(settings.mutation);
    watches
}

/// The leader's own request to end a session.
pub(super) fn close_session(session: SessionId) -> ClientRequest {
    ClientRequest::internal(session, OpCode::CloseSession, bytes::Bytes::new())
}

impl TreeService {
    /// Whether clients may connect: it serves, and is not a leader that leaves them to the others.
    pub(super) fn takes_clients(&self) -> bool {
        match self.role {
            None => false,
            Some(ServingRole::Leader) => self.settings.leader_serves,
            Some(ServingRole::Learner | ServingRole::ReadOnly) => true,
        }
    }

    /// `/zookeeper/config` shows this server's configuration: outside of any transaction (and of
    /// the digest), as ZooKeeper does it when reconfiguration is off.
    fn show_config(&mut self, now: Now) {
        if let Some(config) = &self.settings.config {
            // The znode is always there; without it there is nothing to show.
            let _ =
                self.state.tree.set_data(path::CONFIG, Some(&config.text), -1, config.version, now.wall_ms);
        }
    }
}
