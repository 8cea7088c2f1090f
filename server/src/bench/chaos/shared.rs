//! What all clients of a run know together: what was acknowledged to any of them, and how much.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use super::super::server::Server;
use super::expected::SHARED;
use super::story::Story;

/// The parent of all znodes of a run.
pub(super) const ROOT: &str = "/chaos";
/// The parent of the ephemeral znodes.
pub(super) const HERE: &str = "/chaos/here";

/// A shared znode.
pub(super) fn shared_path(key: usize) -> String {
    format!("{ROOT}/shared-{key}")
}

/// What all clients share.
#[derive(Debug)]
pub(super) struct Shared {
    /// The servers, as the clients reach them.
    pub(super) servers: Vec<Server>,
    /// What has happened so far, with times.
    pub(super) story: Story,
    /// Set when no client may send another request.
    pub(super) stop: AtomicBool,
    /// The newest zxid of an acknowledged write.
    newest: AtomicI64,
    /// Versions of the shared znodes that were acknowledged.
    versions: [Mutex<HashSet<i32>>; SHARED],
    /// Requests that were answered, and among them writes that were acknowledged.
    pub(super) operations: AtomicU64,
    /// How long a client rests for each request that was answered.
    pub(super) pace: Duration,
    pub(super) writes: AtomicU64,
    /// Requests whose answer was lost.
    pub(super) unknown: AtomicU64,
    pub(super) events: AtomicU64,
    pub(super) reconnects: AtomicU64,
    pub(super) expired: AtomicU64,
    /// Milliseconds since the beginning: the last acknowledged write, and the longest gap.
    last_write_ms: AtomicU64,
    longest_gap_ms: AtomicU64,
}

impl Shared {
    pub(super) fn new(servers: Vec<Server>, pace: Duration) -> Shared {
        Shared {
            servers,
            pace,
            story: Story::new(),
            stop: AtomicBool::new(false),
            newest: AtomicI64::new(0),
            versions: Default::default(),
            operations: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            unknown: AtomicU64::new(0),
            events: AtomicU64::new(0),
            reconnects: AtomicU64::new(0),
            expired: AtomicU64::new(0),
            last_write_ms: AtomicU64::new(0),
            longest_gap_ms: AtomicU64::new(0),
        }
    }

    /// Whether clients are to end.
    pub(super) fn is_over(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// Something that must not be: the run ends.
    pub(super) fn violation(&self, client: Option<usize>, what: String) {
        self.story.violation(client, what);
        self.stop.store(true, Ordering::SeqCst);
    }

    /// The newest zxid of a write that was acknowledged to any client by now.
    pub(super) fn newest(&self) -> i64 {
        self.newest.load(Ordering::SeqCst)
    }

    /// A write was acknowledged.
    pub(super) fn acknowledged(&self, zxid: i64) {
        self.newest.fetch_max(zxid, Ordering::SeqCst);
        self.writes.fetch_add(1, Ordering::Relaxed);
        let now = (self.story.seconds() * 1e3) as u64;
        let last = self.last_write_ms.fetch_max(now, Ordering::Relaxed);
        self.longest_gap_ms.fetch_max(now.saturating_sub(last), Ordering::Relaxed);
    }

    /// The longest time without an acknowledged write, in milliseconds.
    pub(super) fn longest_gap_ms(&self) -> u64 {
        self.longest_gap_ms.load(Ordering::Relaxed)
    }

    /// A write of a shared znode was acknowledged with this version; false: another one had it already.
    pub(super) fn is_first(&self, key: usize, version: i32) -> bool {
        self.of(key).insert(version)
    }

    /// How many versions of a shared znode were acknowledged, and the highest.
    pub(super) fn versions(&self, key: usize) -> (usize, i32) {
        let versions = self.of(key);
        (versions.len(), versions.iter().copied().max().unwrap_or_default())
    }

    fn of(&self, key: usize) -> std::sync::MutexGuard<'_, HashSet<i32>> {
        // A number is in it or not, whatever became of the thread that put it there.
        self.versions[key].lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
