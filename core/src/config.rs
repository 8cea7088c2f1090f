//! What a peer knows before it starts.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hash::{Hash, Hasher};
use core::ops::Deref;

use crate::ids::ServerId;
use crate::payload::{Payload, Service};
use crate::quorum::QuorumVerifier;

/// The service's settings.
pub type SettingsOf<P> = <<P as Payload>::Service as Service>::Settings;

/// How a leader is found.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum ElectionMode {
    /// Fast Leader Election.
    #[default]
    Fast,
    /// Somebody else decides and says so with `Input::Elected`: the leader oracle of the Zab paper
    /// (DSN'11 §IV). No server is run this way.
    Oracle,
}

/// A member's fixed configuration.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct PeerConfig<P: Payload> {
    /// This server.
    pub id: ServerId,
    /// Every configuration that must agree (one, or two while a reconfiguration is pending).
    pub verifiers: Vec<QuorumVerifier>,
    /// Servers that are configured as observers.
    pub observers: Vec<ServerId>,
    /// How a leader is found.
    pub election: ElectionMode,
    /// How many committed transactions are kept in memory to bring learners up to date without a
    /// snapshot (`commitLogCount`, 500).
    pub commit_log_count: usize,
    /// Whether read-only clients are served while no leader is known (`readonlymode.enabled`).
    pub read_only: bool,
    /// A snapshot is taken after this many transactions (`snapCount`); 0 = never.
    pub snap_count: u64,
    /// The service's settings.
    pub settings: SettingsOf<P>,
    /// The rule this peer breaks.
    #[cfg(feature = "mutants")]
    pub mutation: Option<crate::mutation::Mutation>,
}

impl<P: Payload> PeerConfig<P> {
    /// Whether `server` votes in any configuration in force.
    pub fn is_voter(&self, server: ServerId) -> bool {
        self.verifiers.iter().any(|v| v.is_voter(server))
    }

    /// Whether `server` may be elected: a weight of 0 takes part without leading.
    pub fn may_lead(&self, server: ServerId) -> bool {
        self.verifiers.iter().all(|v| v.weight(server) > 0)
    }

    /// Whether the servers for which `has` holds contain a quorum of every configuration in force.
    pub fn is_quorum(&self, has: impl Fn(ServerId) -> bool) -> bool {
        self.verifiers.iter().all(|v| v.is_quorum(&has))
    }

    /// Every voter, in order, once.
    pub fn voters(&self) -> impl Iterator<Item = ServerId> + '_ {
        let mut all: Vec<ServerId> = self.verifiers.iter().flat_map(|v| v.voters()).collect();
        all.sort_unstable();
        all.dedup();
        all.into_iter()
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
