//! Notifications: which clients are told, and what a client missed while it was between servers.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;

use super::connection::Connection;
use super::message::ClientReply;
use super::rules::clients as rules;
use super::tree_service::{Fx, TreeService};
use crate::auth;
use crate::auth::Rights;
use crate::ids::{ConnId, Zxid};
use crate::payload::Effect;
use crate::watch::Told;
use crate::wire::client::{EventType, SetWatchesRequest, WatcherEvent};
use crate::wire::record::{Acl, Id, perms};

/// Sends the notifications of one transaction.
pub(super) struct Notifier<'a> {
    connections: &'a BTreeMap<ConnId, Connection>,
    skip_acl: bool,
    zxid: Zxid,
    fx: &'a mut Fx,
    /// What was told last: many watchers in a row are told the same.
    latest: Option<Arc<WatcherEvent>>,
}

impl<'a> Notifier<'a> {
    /// Of the transaction at `zxid`, to clients on these connections.
    pub(super) fn new(
        connections: &'a BTreeMap<ConnId, Connection>,
        skip_acl: bool,
        zxid: Zxid,
        fx: &'a mut Fx,
    ) -> Self {
        Notifier { connections, skip_acl, zxid, fx, latest: None }
    }

    /// Tell one watcher, if it may read the znode: `acl` is the znode's (for children the
    /// parent's) as of the transaction (ZOOKEEPER-4799).
    pub(super) fn tell(&mut self, told: Told<'_>, acl: &[Acl]) {
        let Some(connection) = self.connections.get(&told.conn) else { return };
        if self.skip_acl || auth::is_allowed(acl, perms::READ, &connection.auth) {
            let event = self.event(told.event, told.path);
            let reply = ClientReply::Notification { zxid: self.zxid.0 as i64, event };
            self.fx.push(Effect::Reply(told.conn, reply));
        }
    }

    /// A path may be as long as a request: it is kept once for all watchers.
    fn event(&mut self, event: EventType, path: &str) -> Arc<WatcherEvent> {
        if let Some(latest) = &self.latest
            && latest.event == event
            && latest.path == path
        {
            return Arc::clone(latest);
        }
        Arc::clone(self.latest.insert(Arc::new(WatcherEvent::new(event, String::from(path)))))
    }
}

impl TreeService {
    /// Watches that the client had elsewhere: tell it what has happened since, and watch the rest.
    pub(super) fn set_watches(&mut self, conn: ConnId, r: &SetWatchesRequest, ids: &[Id], fx: &mut Fx) {
        let seen = rules::seen_by_client(&self.settings, r.relative_zxid, self.state.applied);
        let newer = |zxid: Zxid| zxid.0 as i64 > seen;
        let mut rights = Rights::new(ids, self.settings.skip_acl);
        for path in &r.data {
            let event = match self.state.tree.get(path) {
                None => Some(EventType::NodeDeleted),
                Some(node) if newer(node.meta().mzxid) => Some(EventType::NodeDataChanged),
                Some(_) => None,
            };
            if event.is_none() {
                self.clients.watches.watch_data(path, conn);
            }
            self.make_up_for(conn, event, path, &mut rights, fx);
        }
        for path in &r.exist {
            let event = self.state.tree.get(path).map(|_| EventType::NodeCreated);
            if event.is_none() {
                self.clients.watches.watch_data(path, conn);
            }
            self.make_up_for(conn, event, path, &mut rights, fx);
        }
        for path in &r.child {
            let event = match self.state.tree.get(path) {
                None => Some(EventType::NodeDeleted),
                Some(node) if newer(node.meta().pzxid) => Some(EventType::NodeChildrenChanged),
                Some(_) => None,
            };
            if event.is_none() {
                self.clients.watches.watch_children(path, conn);
            }
            self.make_up_for(conn, event, path, &mut rights, fx);
        }
        for path in &r.persistent {
            self.clients.watches.watch_persistently(path, conn);
        }
        for path in &r.persistent_recursive {
            self.clients.watches.watch_recursively(path, conn);
        }
    }

    /// Send what a watch would have told. It carries no zxid, and only what the client may read.
    fn make_up_for(
        &self,
        conn: ConnId,
        event: Option<EventType>,
        path: &str,
        rights: &mut Rights<'_>,
        fx: &mut Fx,
    ) {
        let Some(event) = event else { return };
        if !rules::set_watches_tells(&self.settings) {
            return;
        }
        let node = self.state.tree.get(path);
        let hidden = node.is_some_and(|node| !rights.allow(self.state.tree.acl(&node), perms::READ));
        if !hidden {
            let event = Arc::new(WatcherEvent::new(event, String::from(path)));
            fx.push(Effect::Reply(conn, ClientReply::Notification { zxid: -1, event }));
        }
    }
}
