//! What a watch tells its client.

use alloc::string::String;

use crate::wire::jute::{int_enum, record};

int_enum! {
    /// What happened (`Watcher.Event.EventType`).
    pub enum EventType {
        /// The connection's state changed (clients only).
        None = -1,
        /// The znode was created.
        NodeCreated = 1,
        /// The znode was deleted.
        NodeDeleted = 2,
        /// The znode's data was set.
        NodeDataChanged = 3,
        /// A child was created or deleted.
        NodeChildrenChanged = 4,
        /// A data watch was removed (clients only).
        DataWatchRemoved = 5,
        /// A child watch was removed (clients only).
        ChildWatchRemoved = 6,
        /// A persistent watch was removed (clients only).
        PersistentWatchRemoved = 7,
    }
}

int_enum! {
    /// The connection's state, as an event carries it. A server sends `SyncConnected`.
    pub enum KeeperState {
        /// The client has no connection.
        Disconnected = 0,
        /// The client has a connection.
        SyncConnected = 3,
        /// Authentication failed.
        AuthFailed = 4,
        /// Connected to a read-only server.
        ConnectedReadOnly = 5,
        /// The client has authenticated itself by SASL.
        SaslAuthenticated = 6,
        /// Closed by the client.
        Closed = 7,
        /// The session has expired.
        Expired = -112,
    }
}

record! {
    /// The body of a notification.
    pub struct WatcherEvent {
        /// What happened.
        pub event: EventType,
        /// The connection's state.
        pub state: KeeperState,
        /// The path of the znode that it happened to.
        pub path: String,
    }
}

impl WatcherEvent {
    /// What a server sends when a watch fires.
    pub fn new(event: EventType, path: String) -> Self {
        WatcherEvent { event, state: KeeperState::SyncConnected, path }
    }
}
