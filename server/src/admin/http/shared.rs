//! What every request is answered from.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Instant, SystemTime};

use tokio::sync::Semaphore;

use super::super::reload::Reload;
use super::asker::Asker;
use crate::config::ServerConfig;

/// Lists that are written at the same time.
const LISTS: usize = 4;

/// What the admin server has besides its sockets.
pub(super) struct Shared {
    pub(super) config: ServerConfig,
    /// The configuration file as it was at the start.
    pub(super) initial: String,
    pub(super) asker: Asker,
    pub(super) reload: Reload,
    pub(super) started: SystemTime,
    /// Places for lists that are written.
    pub(super) lists: Semaphore,
    /// The place for a snapshot that is sent.
    pub(super) snapshots: Arc<Semaphore>,
    /// When the last one was begun.
    pub(super) last_snapshot: Mutex<Option<Instant>>,
    /// Names under which the server may be called.
    pub(super) names: Vec<String>,
}

impl Shared {
    pub(super) fn new(config: ServerConfig, initial: String, asker: Asker, reload: Reload) -> Shared {
        let names = super::gate::names(&config);
        Shared {
            config,
            initial,
            asker,
            reload,
            names,
            started: SystemTime::now(),
            lists: Semaphore::new(LISTS),
            snapshots: Arc::new(Semaphore::new(1)),
            last_snapshot: Mutex::new(None),
        }
    }
}
