//! Second stage: a server's configuration as it is meant, with defaults filled in and checked.
//!
//! Keys, defaults and limits are those of ZooKeeper's `QuorumPeerConfig`; `keys.rs` lists which of
//! them this server follows.

mod error;
mod files;
mod keys;
mod member;
mod properties;
mod typed;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use quorate_core::ids::ServerId;
use quorate_core::quorum::{Group, QuorumVerifier};

pub use error::{ConfigError, ConfigErrors, Mistake, Warning};
pub use files::{Autopurge, FileSettings, MIN_RETAINED};
pub use member::{ClientAddress, HostPort, LearnerType, Member};
use typed::Typed;

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
    /// Snapshots, epochs, `myid`.
    pub data_dir: PathBuf,
    /// Transaction logs.
    pub data_log_dir: PathBuf,
    /// The address to listen on for clients (`None`: all) and the port; absent: no client port.
    pub client: Option<ClientAddress>,
    /// The listen backlog of the client port.
    pub client_backlog: i32,
    /// Connections per client address; 0: no limit.
    pub max_client_cnxns: usize,
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
    /// Requests in process above which clients that already have one in process are not read.
    pub global_outstanding_limit: usize,
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
    /// Quorum and election port on all addresses instead of the one in the member's line.
    pub listen_on_all_ips: bool,
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
}

/// `4lw.commands.whitelist`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Whitelist {
    /// `*`.
    All,
    /// These.
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

impl ServerConfig {
    /// Read a `zoo.cfg`, the dynamic file it names and the `myid` file.
    pub fn load(file: &Path) -> Result<(ServerConfig, Vec<Warning>), ConfigErrors> {
        let mut typed = Typed::read(file);
        if typed.errors.iter().any(|e| matches!(e.kind, Mistake::Unreadable(_) | Mistake::BadEscape)) {
            return Err(ConfigErrors(typed.errors));
        }
        let config = mean(&mut typed);
        match config {
            Some(config) if typed.errors.is_empty() => Ok((config, typed.warnings)),
            _ => Err(ConfigErrors(typed.errors)),
        }
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

    /// The configuration as servers tell each other (`QuorumMaj.toString`): one line per server,
    /// then the version. Lines are ordered like Java's strings.
    pub fn config_text(&self) -> String {
        let mut lines: Vec<String> =
            self.members.iter().map(|(id, m)| format!("server.{id}={}", m.config_text())).collect();
        if let QuorumVerifier::Hierarchical(groups) = &self.verifier {
            for (index, group) in groups.iter().enumerate() {
                let ids: Vec<String> = group.members.iter().map(|(id, _)| id.to_string()).collect();
                lines.push(format!("group.{}={}", index + 1, ids.join(":")));
            }
            for (id, weight) in groups.iter().flat_map(|g| &g.members) {
                lines.push(format!("weight.{id}={weight}"));
            }
        }
        lines.sort();
        lines.push("version=0".to_owned());
        lines.join("\n")
    }
}

/// 8 GiB: no single file of a log should grow faster.
const MAX_PRE_ALLOC_KIB: i64 = 8 << 20;

fn mean(typed: &mut Typed) -> Option<ServerConfig> {
    let tick_ms = typed.number("tickTime", 1, 3_600_000, " ms").unwrap_or(3000);
    let quorum = !typed.members.is_empty();
    let data_dir = directory(typed, "dataDir");
    if data_dir.is_none() {
        typed.missing("dataDir", "a server needs a directory for its data");
    }
    let data_log_dir = directory(typed, "dataLogDir").or_else(|| data_dir.clone());
    let mut limit = |key| {
        let value = typed.number(key, 1, 1_000_000, " ticks");
        if value.is_none() && quorum && typed.get(key).is_none() {
            typed.missing(key, "an ensemble needs it (ticks)");
        }
        value.unwrap_or(10) as u32
    };
    let (init_limit, sync_limit) = (limit("initLimit"), limit("syncLimit"));
    let (min_session_timeout_ms, max_session_timeout_ms) = session_timeouts(typed, tick_ms);
    let election = typed.get("electionAlg").map(|(p, v)| (p.clone(), v.to_owned()));
    if let Some((place, value)) = election.filter(|(_, value)| value != "3") {
        typed.error_at(&place, Mistake::NotOneOf { value, allowed: "3 (Fast Leader Election)" });
    }
    let id = server_id(typed, data_dir.as_deref());
    let members: BTreeMap<ServerId, Member> =
        typed.members.iter().map(|(id, (_, m))| (ServerId(*id), m.clone())).collect();
    let role = role(typed, id, &members);
    let client = client_address(typed, id.and_then(|id| members.get(&id)));
    let verifier = verifier(typed, &members, id);
    let skip_acl = typed.boolean("skipACL").unwrap_or(false);
    if let (true, Some((place, _))) = (skip_acl, typed.get("skipACL").map(|(p, v)| (p.clone(), v.to_owned())))
    {
        typed.warn(&place, "ACLs are not checked");
    }
    Some(ServerConfig {
        id: id?,
        verifier: verifier?,
        role,
        data_dir: data_dir?,
        data_log_dir: data_log_dir?,
        client,
        client_backlog: typed
            .number("clientPortListenBacklog", -1, 65_535, "")
            .filter(|n| *n > 0)
            .unwrap_or(1024) as i32,
        max_client_cnxns: typed.number("maxClientCnxns", 0, 1 << 31, "").unwrap_or(60) as usize,
        tick_time: Duration::from_millis(tick_ms as u64),
        init_limit,
        sync_limit,
        min_session_timeout_ms,
        max_session_timeout_ms,
        jute_max_buffer: typed.number("jute.maxbuffer", 1024, 1 << 30, " bytes").unwrap_or(0xf_ffff) as usize,
        global_outstanding_limit: typed.number("globalOutstandingLimit", 1, 1 << 31, "").unwrap_or(1000)
            as usize,
        snap_count: typed.number("snapCount", 2, i64::MAX, "").unwrap_or(100_000) as u64,
        pre_alloc_bytes: typed.number("preAllocSize", 4, MAX_PRE_ALLOC_KIB, " KiB").unwrap_or(65_536) as u64
            * 1024,
        files: files::settings(typed),
        commit_log_count: typed.number("commitLogCount", 1, 1 << 31, "").unwrap_or(500) as usize,
        four_letter_words: whitelist(typed),
        listen_on_all_ips: typed.boolean("quorumListenOnAllIPs").unwrap_or(false),
        db_autocreate: typed.boolean("db.autocreate").unwrap_or(true),
        trust_empty_snapshot: typed.boolean("snapshot.trust.empty").unwrap_or(false),
        skip_acl,
        super_digest: typed.get("DigestAuthenticationProvider.superDigest").map(|(_, v)| v.to_owned()),
        extended_types: typed.boolean("extendedTypesEnabled").unwrap_or(false),
        members: if members.len() > 1 { members } else { BTreeMap::new() },
    })
}

fn directory(typed: &mut Typed, key: &str) -> Option<PathBuf> {
    let (place, value) = typed.get(key).map(|(p, v)| (p.clone(), v.to_owned()))?;
    if value.is_empty() {
        typed.error_at(&place, Mistake::Missing("a directory"));
        return None;
    }
    if Path::new(&value).is_relative() {
        typed.warn(&place, "is relative to the directory the server is started in");
    }
    Some(PathBuf::from(value))
}

fn session_timeouts(typed: &mut Typed, tick_ms: i64) -> (i32, i32) {
    let limit = i64::from(i32::MAX);
    let clamp = |ms: i64| ms.min(limit) as i32;
    let min = typed.number("minSessionTimeout", -1, limit, " ms").filter(|ms| *ms >= 0);
    let max = typed.number("maxSessionTimeout", -1, limit, " ms").filter(|ms| *ms >= 0);
    let (min, max) = (clamp(min.unwrap_or(tick_ms * 2)), clamp(max.unwrap_or(tick_ms * 20)));
    if min > max {
        let given = typed.get("minSessionTimeout").or_else(|| typed.get("maxSessionTimeout"));
        if let Some(place) = given.map(|(place, _)| place.clone()) {
            let text = format!("minSessionTimeout ({min} ms) is above maxSessionTimeout ({max} ms)");
            typed.error_at(&place, Mistake::Conflict(text));
        }
    }
    (min, max)
}

/// The `myid` file. A standalone server needs none.
fn server_id(typed: &mut Typed, data_dir: Option<&Path>) -> Option<ServerId> {
    let file = data_dir?.join("myid");
    let mut bad = |why: String| {
        typed.errors.push(ConfigError {
            file: file.clone(),
            line: None,
            key: None,
            kind: Mistake::BadMyId(why),
        });
        None
    };
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound && typed.members.len() <= 1 => {
            return Some(ServerId(typed.members.keys().next().copied().unwrap_or(1)));
        }
        Err(why) => return bad(format!("cannot be read: {why}; write this server's number into it")),
    };
    let first = text.lines().next().unwrap_or_default().trim();
    match first.parse::<i64>() {
        Ok(id) if typed.members.is_empty() || typed.members.contains_key(&id) => Some(ServerId(id)),
        Ok(id) => bad(format!("{id}, but there is no server.{id} line in {}", typed.file.display())),
        Err(_) => bad(format!("{first:?} is not a number")),
    }
}

/// The server list decides; `peerType` must not contradict it silently.
fn role(typed: &mut Typed, id: Option<ServerId>, members: &BTreeMap<ServerId, Member>) -> LearnerType {
    let listed = id.and_then(|id| members.get(&id)).map(|m| m.role).unwrap_or_default();
    let Some((place, value)) = typed.get("peerType").map(|(p, v)| (p.clone(), v.to_owned())) else {
        return listed;
    };
    let typed_role = match value.to_ascii_lowercase().as_str() {
        "observer" => LearnerType::Observer,
        "participant" => LearnerType::Participant,
        _ => {
            typed.error_at(&place, Mistake::NotOneOf { value, allowed: "participant, observer" });
            return listed;
        }
    };
    if typed_role != listed {
        typed.warn(&place, &format!("the server list says {listed}, and that is what counts"));
    }
    listed
}

fn client_address(typed: &mut Typed, own: Option<&Member>) -> Option<ClientAddress> {
    let port = typed.number("clientPort", 1, 65_535, "").map(|p| p as u16);
    let host = typed.get("clientPortAddress").map(|(place, host)| (place.clone(), host.to_owned()));
    if let (Some((place, _)), true) = (&host, typed.get("clientPort").is_none()) {
        typed.error_at(place, Mistake::Conflict("clientPort must be given with it".to_owned()));
    }
    let listed = own.and_then(|m| m.client.clone());
    let Some(port) = port else {
        if listed.is_none() && typed.get("clientPort").is_none() {
            let place =
                typed.get("dataDir").map(|(p, _)| typed::Place { key: "clientPort".into(), ..p.clone() });
            if let Some(place) = place {
                typed.warn(&place, "is not given: no client can connect to this server");
            }
        }
        return listed;
    };
    let configured = ClientAddress { host: host.map(|(_, host)| host), port };
    match listed {
        Some(listed) if listed.port != configured.port => {
            let place = typed.get("clientPort").map(|(p, _)| p.clone())?;
            let text = format!("{port} contradicts port {} in this server's own line", listed.port);
            typed.error_at(&place, Mistake::Conflict(text));
            None
        }
        Some(listed) if configured.host.is_none() => Some(listed),
        _ => Some(configured),
    }
}

fn verifier(
    typed: &mut Typed,
    members: &BTreeMap<ServerId, Member>,
    id: Option<ServerId>,
) -> Option<QuorumVerifier> {
    let voters: Vec<ServerId> =
        members.iter().filter(|(_, m)| m.role == LearnerType::Participant).map(|(id, _)| *id).collect();
    if members.is_empty() {
        return Some(QuorumVerifier::Majority(vec![id?]));
    }
    if voters.is_empty() {
        let (place, _) = typed.members.values().next().cloned()?;
        typed
            .error_at(&place, Mistake::Conflict("every server is an observer; nobody could lead".to_owned()));
        return None;
    }
    if typed.groups.is_empty() {
        if let Some((place, _)) = typed.weights.values().next().cloned() {
            typed.warn(&place, "weights count only together with groups");
        }
        return Some(QuorumVerifier::Majority(voters));
    }
    let mut seen = BTreeMap::new();
    let mut groups = Vec::new();
    for (number, (place, ids)) in typed.groups.clone() {
        let mut members = Vec::new();
        for id in ids {
            if let Some(other) = seen.insert(id, number) {
                let text = format!("server {id} is also in group.{other}");
                typed.error_at(&place, Mistake::Conflict(text));
            }
            if !voters.contains(&ServerId(id)) {
                let text = format!("server {id} is not a voter of this ensemble");
                typed.error_at(&place, Mistake::Conflict(text));
            }
            members.push((ServerId(id), typed.weights.get(&id).map_or(1, |(_, w)| *w)));
        }
        groups.push(Group { members });
    }
    for voter in voters {
        if let (false, Some((place, _))) = (seen.contains_key(&voter.0), typed.members.get(&voter.0).cloned())
        {
            typed.error_at(&place, Mistake::Conflict("votes, but is in no group".to_owned()));
        }
    }
    Some(QuorumVerifier::Hierarchical(groups))
}

fn whitelist(typed: &Typed) -> Whitelist {
    let text = typed.get("4lw.commands.whitelist").map_or("srvr", |(_, value)| value);
    let words: Vec<String> = text.split(',').map(|w| w.trim().to_owned()).filter(|w| !w.is_empty()).collect();
    if words.iter().any(|w| w == "*") { Whitelist::All } else { Whitelist::Only(words) }
}

#[cfg(test)]
mod tests;
