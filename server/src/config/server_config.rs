//! Everything a server needs to know before it starts.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use quorate_core::ids::{ServerId, Zxid};
use quorate_core::quorum::QuorumVerifier;
use quorate_core::wire::jute::DEFAULT_MAX_FIELD;

use super::admin::AdminSettings;
use super::tls::TlsConfig;
use crate::config::files::FileSettings;
use crate::config::member::{ClientAddress, LearnerType, Member};
use crate::logging::Levels;

/// Everything a server needs to know before it starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerConfig {
    /// This server's `myid`; 1 for a standalone server without one.
    pub id: ServerId,
    /// The members of the ensemble; empty: standalone.
    pub members: BTreeMap<ServerId, Member>,
    /// What is a quorum.
    pub verifier: QuorumVerifier,
    /// Whether this server votes.
    pub role: LearnerType,
    /// The configuration as servers tell it each other and as `/zookeeper/config` shows it.
    pub config_text: String,
    /// The configuration's version: the number at the end of the dynamic file's name.
    pub config_version: Zxid,
    /// Snapshots, epochs, `myid`.
    pub data_dir: PathBuf,
    /// Transaction logs.
    pub data_log_dir: PathBuf,
    /// The address to listen on for clients (`None`: all) and the port; absent: no client port.
    pub client: Option<ClientAddress>,
    /// What of TLS there is.
    pub tls: TlsConfig,
    /// The listen backlog of the client port.
    pub client_backlog: i32,
    /// Connections per client address; 0: no limit.
    pub max_client_cnxns: usize,
    /// Client connections altogether; 0: no limit but that of open files.
    pub max_cnxns: usize,
    /// How long a connection may be without a session.
    pub sessionless_timeout: Duration,
    /// Whether a leader takes clients.
    pub leader_serves: bool,
    /// Whether read-only clients are served while there is no leader.
    pub read_only_mode: bool,
    /// The base unit of time.
    pub tick_time: Duration,
    /// Ticks a learner may take to connect and synchronise.
    pub init_limit: u32,
    /// Ticks a server may be silent.
    pub sync_limit: u32,
    /// The shortest session timeout (ms) a client can negotiate.
    pub min_session_timeout_ms: i32,
    /// The longest.
    pub max_session_timeout_ms: i32,
    /// The largest frame of a client, in bytes.
    pub jute_max_buffer: usize,
    /// By how much a transaction or a packet may be longer, in bytes.
    pub jute_extra_size: usize,
    /// Requests in process above which clients that already have one in process are not read: this
    /// server's part of `globalOutstandingLimit`.
    pub outstanding_limit: usize,
    /// What client connections may make this server hold, in bytes.
    pub client_memory: usize,
    /// Transactions between two snapshots.
    pub snap_count: u64,
    /// Bytes by which a log file grows.
    pub pre_alloc_bytes: u64,
    /// How the data directory is kept.
    pub files: FileSettings,
    /// Committed transactions kept in memory for learners.
    pub commit_log_count: usize,
    /// The four-letter words that are answered.
    pub four_letter_words: Whitelist,
    /// Quorum and election port on all addresses instead of the ones in the member's line.
    pub listen_on_all_ips: bool,
    /// How often opening a port between servers is tried again; `None`: until it works.
    pub bind_retries: Option<u32>,
    /// How long connecting to an election port may take.
    pub election_dial_limit: Duration,
    /// The shortest and the longest pause before a vote is said again.
    pub vote_pauses: (Duration, Duration),
    /// Start empty when there is neither a snapshot nor a log.
    pub db_autocreate: bool,
    /// Accept logs without a snapshot.
    pub trust_empty_snapshot: bool,
    /// ACLs are not checked.
    pub skip_acl: bool,
    /// `user:base64(sha1(user:password))` of the super user.
    pub super_digest: Option<String>,
    /// TTL nodes are allowed.
    pub extended_types: bool,
    /// Transactions carry the tree's digest.
    pub digest: bool,
    /// When containers and TTL znodes are deleted.
    pub containers: Containers,
    /// What is offered over HTTP.
    pub admin: AdminSettings,
    /// Which lines of the log are written; `None`: those that the command line says.
    pub log: Option<Levels>,
    /// A request that takes longer is worth a line in the log; `None`: none is.
    pub slow_request: Option<Duration>,
}

/// `znode.container.*`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Containers {
    /// How often the leader looks, in ms.
    pub check_interval_ms: u64,
    /// How many it deletes each time at most.
    pub max_per_check: usize,
    /// After how many ms one that never had a child is deleted; 0: never.
    pub max_never_used_ms: i64,
}

/// `4lw.commands.whitelist`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Whitelist {
    /// `*`.
    All,
    /// These words, and no others.
    Only(Vec<String>),
}

impl Whitelist {
    /// Whether `word` is answered.
    pub fn allows(&self, word: &str) -> bool {
        match self {
            Whitelist::All => true,
            Whitelist::Only(words) => words.iter().any(|w| w == word),
        }
    }
}

/// Whether a file may contain what has no effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Strictness {
    /// What has no effect is warned about, unless the key `strict` says otherwise.
    AsTheFileSays,
    /// What has no effect is refused.
    Strict,
}

impl ServerConfig {
    /// The longest string or buffer in a transaction or a packet, bytes. The default is the least:
    /// shorter requests do not make snapshots and other servers' packets shorter.
    pub fn max_field(&self) -> usize {
        (self.jute_max_buffer + self.jute_extra_size).max(DEFAULT_MAX_FIELD)
    }

    /// The longest transaction that this server proposes as leader, bytes: what a learner with the
    /// same two keys accepts, whichever program it is.
    pub fn max_txn(&self) -> usize {
        (self.jute_max_buffer + self.jute_extra_size).min(i32::MAX as usize)
    }

    /// Whether this server is alone.
    pub fn is_standalone(&self) -> bool {
        self.members.is_empty()
    }

    /// The servers that watch without a vote.
    pub fn observers(&self) -> Vec<ServerId> {
        let observes = |m: &Member| m.role == LearnerType::Observer;
        self.members.iter().filter(|(_, m)| observes(m)).map(|(id, _)| *id).collect()
    }
}
