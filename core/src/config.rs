//! What a peer knows before it starts.

use alloc::sync::Arc;
use core::hash::{Hash, Hasher};
use core::ops::Deref;

use crate::ids::ServerId;
use crate::membership::Membership;
use crate::payload::{Payload, Service};

/// The service's settings.
pub type SettingsOf<P> = <<P as Payload>::Service as Service>::Settings;

/// How a leader is found.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "recording", derive(serde::Serialize, serde::Deserialize))]
pub enum ElectionMode {
    /// Fast Leader Election.
    #[default]
    Fast,
    /// The caller decides, with `Input::Elected`: the leader oracle of the Zab paper (DSN'11 §IV). No
    /// server is run this way.
    Oracle,
}

/// A size that may grow with the state: the larger of the two.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "recording", derive(serde::Serialize, serde::Deserialize))]
pub struct SizeLimit {
    /// The limit in bytes, whatever the state's size.
    pub bytes: usize,
    /// The limit in percent of the state's size (`snapshotSizeFactor`: 33).
    pub percent: usize,
}

impl SizeLimit {
    /// No limit.
    pub const NONE: SizeLimit = SizeLimit { bytes: usize::MAX, percent: 0 };

    /// In bytes, for a state of this size.
    pub fn of(&self, state: usize) -> usize {
        self.bytes.max((state / 100).saturating_mul(self.percent))
    }
}

/// A member's fixed configuration.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "recording", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "recording",
    serde(bound(
        serialize = "SettingsOf<P>: serde::Serialize",
        deserialize = "SettingsOf<P>: serde::Deserialize<'de>"
    ))
)]
pub struct PeerConfig<P: Payload> {
    /// This server.
    pub id: ServerId,
    /// The members with which this server starts. Those in force are part of its state.
    pub membership: Arc<Membership>,
    /// How a leader is found.
    pub election: ElectionMode,
    /// How many committed transactions are kept in memory to bring learners up to date without a
    /// snapshot (`commitLogCount`, 500).
    pub commit_log_count: usize,
    /// Whether read-only clients are served while no leader is known (`readonlymode.enabled`).
    pub read_only: bool,
    /// How many bytes these may take: the oldest are forgotten first.
    pub commit_log_bytes: usize,
    /// When the committed transactions that a learner lacks are too many to be sent one by one.
    pub diff_limit: SizeLimit,
    /// The longest transaction, in bytes, that learners read one by one. A longer one, which an older log may
    /// have, is sent as part of the state.
    pub max_txn: usize,
    /// While more than this waits for a leader's own disk, in bytes, what learners ask of it waits too.
    pub max_backlog: usize,
    /// What may be kept of what one learner has asked and is not answered, in bytes. The connection of a
    /// learner that asks for more is closed.
    pub max_parked: usize,
    /// How long a tick is (`tickTime`), milliseconds of [`Now::elapsed_ms`](crate::ids::Now::elapsed_ms).
    pub tick_ms: u64,
    /// How many ticks a learner that is not in service may be silent, besides `sync_limit`
    /// (`initLimit`).
    pub init_limit: u32,
    /// How many ticks the other side may be silent in service (`syncLimit`).
    pub sync_limit: u32,
    /// A snapshot is taken after this many transactions (`snapCount`); 0 = never, whatever their size.
    pub snap_count: u64,
    /// A snapshot is also taken after transactions of this size (`snapSizeLimitInKb`): a server that starts
    /// holds all that come after the snapshot.
    pub snap_size: SizeLimit,
    /// The service's settings.
    pub settings: SettingsOf<P>,
    /// The rule this peer breaks.
    #[cfg(feature = "mutants")]
    #[cfg_attr(feature = "recording", serde(skip))]
    pub mutation: Option<crate::mutation::Mutation>,
}

impl<P: Payload> PeerConfig<P> {
    /// A member with ZooKeeper's usual times, 500 transactions kept for learners, no limit on anything, and
    /// no snapshots.
    pub fn new(id: ServerId, membership: impl Into<Arc<Membership>>, settings: SettingsOf<P>) -> Self {
        PeerConfig {
            id,
            membership: membership.into(),
            election: ElectionMode::Fast,
            commit_log_count: 500,
            read_only: false,
            commit_log_bytes: usize::MAX,
            diff_limit: SizeLimit::NONE,
            max_txn: usize::MAX,
            max_backlog: usize::MAX,
            max_parked: usize::MAX,
            tick_ms: 2000,
            init_limit: 10,
            sync_limit: 5,
            snap_count: 0,
            snap_size: SizeLimit::NONE,
            settings,
            #[cfg(feature = "mutants")]
            mutation: None,
        }
    }
}

/// Something shared that never changes during a run, and so is no part of a state's identity.
#[derive(Debug)]
pub struct Constant<T>(Arc<T>);

impl<T> Constant<T> {
    /// Share `value`.
    pub fn new(value: T) -> Self {
        Constant(Arc::new(value))
    }
}

impl<T> Clone for Constant<T> {
    fn clone(&self) -> Self {
        Constant(Arc::clone(&self.0))
    }
}

impl<T> Deref for Constant<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> PartialEq for Constant<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T> Eq for Constant<T> {}

impl<T> Hash for Constant<T> {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}
