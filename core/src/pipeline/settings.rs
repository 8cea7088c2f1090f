//! What is fixed for the life of a server process and concerns its clients.

use alloc::string::String;

use bytes::Bytes;

use crate::auth::schemes::Schemes;
use crate::ids::{ServerId, Zxid};
use crate::wire::jute::DEFAULT_MAX_FIELD;

/// The settings of a [`TreeService`](super::TreeService).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "recording", derive(serde::Serialize, serde::Deserialize))]
pub struct Settings {
    /// `myid`: the high byte of the session ids given out here. Standalone: 1.
    pub server_id: ServerId,
    /// `tickTime`, ms: the width of the buckets in which sessions expire.
    pub tick_ms: u64,
    /// `minSessionTimeout`, ms (2 ticks).
    pub min_session_timeout_ms: i32,
    /// `maxSessionTimeout`, ms (20 ticks).
    pub max_session_timeout_ms: i32,
    /// Keys the hashes of paths. Secret and random, since clients choose the paths.
    pub hash_key: [u64; 2],
    /// The longest string or buffer of a request, bytes: `jute.maxbuffer` + `extrasize`.
    pub max_field: usize,
    /// The longest transaction that is proposed, bytes: what a learner of the same `jute.maxbuffer`
    /// and `extrasize` accepts as one buffer.
    pub max_txn: usize,
    /// `zookeeper.extendedTypesEnabled`: TTL znodes. Every server must agree on it, and ids of
    /// servers must then be at most 254.
    pub extended_types: bool,
    /// `zookeeper.digest.enabled`: transactions carry the digest of the tree.
    pub digest: bool,
    /// `zookeeper.skipACL`: no client is refused anything.
    pub skip_acl: bool,
    /// `zookeeper.DigestAuthenticationProvider.superDigest`: this `digest` identity may do
    /// everything.
    pub super_digest: Option<String>,
    /// The schemes that access control lists may name.
    pub schemes: Schemes,
    /// `zookeeper.X509AuthenticationProvider.superUser`: a client whose certificate has this name may do
    /// everything.
    pub x509_super_user: Option<String>,
    /// `znode.container.checkIntervalMs`, ms: how often the leader looks for containers and TTL
    /// znodes to delete.
    pub container_check_interval_ms: u64,
    /// `znode.container.maxPerMinute`: how many of them it deletes at most per look.
    pub container_max_per_check: usize,
    /// `znode.container.maxNeverUsedIntervalMs`, ms: a container that never had children goes
    /// after this time; 0: never.
    pub container_max_never_used_ms: i64,
    /// `zookeeper.leaderServes`: whether a leader takes clients of its own.
    pub leader_serves: bool,
    /// What `/zookeeper/config` shows: the text of the configuration and its version. `None`
    /// (standalone, or reconfiguration is on) leaves the znode as it is.
    pub config: Option<ConfigNode>,
    /// The rule this server breaks.
    #[cfg(feature = "mutants")]
    #[cfg_attr(feature = "recording", serde(skip))]
    pub mutation: Option<crate::mutation::Mutation>,
}

/// The contents of `/zookeeper/config` of a server whose configuration comes from its file.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "recording", derive(serde::Serialize, serde::Deserialize))]
pub struct ConfigNode {
    /// The text: one line per server, then `version=…`.
    pub text: Bytes,
    /// The configuration's version.
    pub version: Zxid,
}

impl Settings {
    /// The defaults of ZooKeeper for a server with this id and tick.
    pub fn new(server_id: ServerId, tick_ms: u32) -> Self {
        let tick = i32::try_from(tick_ms).unwrap_or(i32::MAX);
        Settings {
            server_id,
            tick_ms: u64::from(tick_ms),
            min_session_timeout_ms: tick.saturating_mul(2),
            max_session_timeout_ms: tick.saturating_mul(20),
            hash_key: [0; 2],
            max_field: DEFAULT_MAX_FIELD,
            max_txn: DEFAULT_MAX_FIELD,
            extended_types: false,
            digest: true,
            skip_acl: false,
            super_digest: None,
            schemes: Schemes::default(),
            x509_super_user: None,
            container_check_interval_ms: 60_000,
            container_max_per_check: 10_000,
            container_max_never_used_ms: 5 * 60_000,
            leader_serves: true,
            config: None,
            #[cfg(feature = "mutants")]
            mutation: None,
        }
    }

    /// The session timeout (ms) for a client that asks for this one.
    pub fn negotiate(&self, asked_ms: i32) -> i32 {
        asked_ms.min(self.max_session_timeout_ms).max(self.min_session_timeout_ms)
    }
}
