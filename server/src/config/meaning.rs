//! Second stage: a server's configuration as it is meant.

use std::time::Duration;

use super::error::Mistake;
use super::keys::name;
use super::member::{ClientAddress, LearnerType, Member};
use super::server_config::{Containers, ServerConfig, Whitelist};
use super::typed::Typed;
use super::{admin, files, membership, myid, tls};
use crate::logging::Levels;
use crate::word::Word;

/// What the settings mean together. `None` if something without which there is no meaning is
/// missing or wrong; the mistakes are in `typed`.
pub(super) fn mean(typed: &mut Typed) -> Option<ServerConfig> {
    let tick_ms = typed.number(name::TICK_TIME);
    let data_dir = typed.directory(name::DATA_DIR);
    if data_dir.is_none() && typed.get(name::DATA_DIR).is_none() {
        typed.missing(name::DATA_DIR, "a server needs a directory for its data");
    }
    let data_log_dir = typed.directory(name::DATA_LOG_DIR).or_else(|| data_dir.clone());
    let extended_types = typed.boolean(name::EXTENDED_TYPES_ENABLED);
    let id = myid::server_id(typed, data_dir.as_deref(), extended_types);
    let membership = membership::of(typed, id);
    let is_alone = typed.members.is_empty() || membership.as_ref().is_some_and(|m| m.members.is_empty());
    let [init_limit, sync_limit] =
        [name::INIT_LIMIT, name::SYNC_LIMIT].map(|key| limit(typed, key, is_alone));
    let (min_session_timeout_ms, max_session_timeout_ms) = session_timeouts(typed, tick_ms);
    let own = id.and_then(|id| typed.members.get(&id.0)).map(|(_, member)| member.clone());
    let role = role(typed, own.as_ref());
    let client = client_address(typed, own.as_ref());
    one_port_each(typed, own.as_ref(), client.as_ref());
    let tls = tls::mean(typed, own.as_ref(), client.as_ref());
    let skip_acl = typed.boolean(name::SKIP_ACL);
    if let (true, Some(place)) = (skip_acl, typed.place(name::SKIP_ACL)) {
        typed.warn(&place, "ACLs are not checked: every client may do everything");
    }
    let four_letter_words = whitelist(typed);
    let admin = admin::settings(typed);
    let log = levels(typed);
    let (id, membership) = (id?, membership?);
    let voters = membership.verifier.voters().count();
    let jute_max_buffer = typed.number(name::JUTE_MAXBUFFER) as usize;
    let check_interval_ms = typed.number(name::ZNODE_CONTAINER_CHECK_INTERVAL_MS) as u64;
    Some(ServerConfig {
        id,
        role,
        members: membership.members,
        verifier: membership.verifier,
        config_text: membership.text,
        config_version: membership.version,
        data_dir: data_dir?,
        data_log_dir: data_log_dir?,
        client,
        tls,
        client_backlog: typed.number(name::CLIENT_PORT_LISTEN_BACKLOG) as i32,
        max_client_cnxns: typed.number(name::MAX_CLIENT_CNXNS) as usize,
        max_cnxns: typed.number(name::MAX_CNXNS) as usize,
        sessionless_timeout: milliseconds(typed, name::NIO_SESSIONLESS_CNXN_TIMEOUT),
        leader_serves: !typed.boolean(name::LEADER_SERVES),
        read_only_mode: typed.boolean(name::READONLYMODE_ENABLED),
        tick_time: Duration::from_millis(tick_ms as u64),
        init_limit,
        sync_limit,
        min_session_timeout_ms,
        max_session_timeout_ms,
        jute_max_buffer,
        jute_extra_size: typed
            .given_number(name::JUTE_MAXBUFFER_EXTRASIZE)
            .map_or(jute_max_buffer, |bytes| bytes.max(1024) as usize),
        outstanding_limit: outstanding_limit(typed.number(name::GLOBAL_OUTSTANDING_LIMIT) as usize, voters),
        client_memory: (typed.number(name::QUORATE_CLIENT_MEMORY) as usize) << 20,
        snap_count: typed.number(name::SNAP_COUNT) as u64,
        pre_alloc_bytes: typed.number(name::PRE_ALLOC_SIZE) as u64 * 1024,
        files: files::settings(typed),
        commit_log_count: typed.number(name::COMMIT_LOG_COUNT) as usize,
        four_letter_words,
        listen_on_all_ips: typed.boolean(name::QUORUM_LISTEN_ON_ALL_IPS),
        bind_retries: match typed.number(name::ELECTION_PORT_BIND_RETRY) {
            0 => None,
            retries => u32::try_from(retries).ok(),
        },
        election_dial_limit: milliseconds(typed, name::CNX_TIMEOUT),
        vote_pauses: vote_pauses(typed),
        db_autocreate: typed.boolean(name::DB_AUTOCREATE),
        trust_empty_snapshot: typed.boolean(name::SNAPSHOT_TRUST_EMPTY),
        skip_acl,
        super_digest: typed.text(name::DIGEST_AUTHENTICATION_PROVIDER_SUPER_DIGEST),
        extended_types,
        digest: typed.boolean(name::DIGEST_ENABLED),
        containers: Containers {
            check_interval_ms,
            max_per_check: per_check(
                typed.number(name::ZNODE_CONTAINER_MAX_PER_MINUTE) as u64,
                check_interval_ms,
            ),
            max_never_used_ms: typed.number(name::ZNODE_CONTAINER_MAX_NEVER_USED_INTERVAL_MS),
        },
        admin,
        log,
        slow_request: Some(milliseconds(typed, name::QUORATE_SLOW_REQUEST)).filter(|limit| !limit.is_zero()),
    })
}

fn levels(typed: &mut Typed) -> Option<Levels> {
    let text = typed.text(name::QUORATE_LOG).filter(|text| !text.is_empty())?;
    let levels = text.parse();
    if let (Err(why), Some(place)) = (&levels, typed.place(name::QUORATE_LOG)) {
        typed.error_at(&place, Mistake::Conflict(String::clone(why)));
    }
    levels.ok()
}

fn milliseconds(typed: &Typed, key: &str) -> Duration {
    Duration::from_millis(typed.number(key) as u64)
}

/// ZooKeeper divides the limit among the servers that have clients while one of them leads
/// (`QuorumZooKeeperServer.getGlobalOutstandingLimit`).
fn outstanding_limit(global: usize, voters: usize) -> usize {
    let servers = if voters > 2 { voters - 1 } else { 1 };
    (global / servers).max(1)
}

/// A number per minute is how many each time?
fn per_check(per_minute: u64, interval_ms: u64) -> usize {
    let each = u128::from(per_minute) * u128::from(interval_ms) / 60_000;
    usize::try_from(each).unwrap_or(usize::MAX).max(1)
}

/// `initLimit`, `syncLimit`: an ensemble must say them.
fn limit(typed: &mut Typed, key: &str, is_alone: bool) -> u32 {
    if !is_alone && typed.get(key).is_none() {
        typed.missing(key, "an ensemble needs it (ticks)");
    }
    typed.given_number(key).unwrap_or(10) as u32
}

fn session_timeouts(typed: &mut Typed, tick_ms: i64) -> (i32, i32) {
    let clamp = |ms: i64| ms.min(i64::from(i32::MAX)) as i32;
    let min = clamp(typed.given_number(name::MIN_SESSION_TIMEOUT).unwrap_or(tick_ms * 2));
    let max = clamp(typed.given_number(name::MAX_SESSION_TIMEOUT).unwrap_or(tick_ms * 20));
    if min > max
        && let Some(place) =
            typed.place(name::MIN_SESSION_TIMEOUT).or_else(|| typed.place(name::MAX_SESSION_TIMEOUT))
    {
        let text = format!("minSessionTimeout ({min} ms) is above maxSessionTimeout ({max} ms)");
        typed.error_at(&place, Mistake::Conflict(text));
    }
    (min, max)
}

fn vote_pauses(typed: &mut Typed) -> (Duration, Duration) {
    let keys = [name::FASTLEADER_MIN_NOTIFICATION_INTERVAL, name::FASTLEADER_MAX_NOTIFICATION_INTERVAL];
    let [min, max] = keys.map(|key| milliseconds(typed, key));
    if min > max
        && let Some(place) = typed.place(keys[0]).or_else(|| typed.place(keys[1]))
    {
        let (min, max) = (min.as_millis(), max.as_millis());
        let text = format!("the first pause ({min} ms) is above the longest one ({max} ms)");
        typed.error_at(&place, Mistake::Conflict(text));
    }
    (min, max)
}

/// The server list decides; `peerType` must not contradict it silently.
fn role(typed: &mut Typed, own: Option<&Member>) -> LearnerType {
    let listed = own.map(|member| member.role).unwrap_or_default();
    let Some((place, value)) = typed.get(name::PEER_TYPE).map(|(p, v)| (p.clone(), v.to_owned())) else {
        return listed;
    };
    let known = [LearnerType::Participant, LearnerType::Observer];
    let typed_role = known.into_iter().find(|role| role.to_string().eq_ignore_ascii_case(&value));
    if typed_role.is_some_and(|role| role != listed) {
        typed.warn(&place, &format!("the server list says {listed}, and that is what counts"));
    }
    listed
}

fn client_address(typed: &mut Typed, own: Option<&Member>) -> Option<ClientAddress> {
    let port = typed.given_number(name::CLIENT_PORT).map(|port| port as u16);
    if let (Some(place), None) = (typed.place(name::CLIENT_PORT_ADDRESS), typed.get(name::CLIENT_PORT)) {
        typed.error_at(&place, Mistake::Conflict("clientPort must be given with it".to_owned()));
    }
    let listed = own.and_then(|member| member.client.clone());
    let Some(port) = port else {
        if let (None, None, None, Some(place)) = (
            &listed,
            typed.get(name::CLIENT_PORT),
            typed.get(name::SECURE_CLIENT_PORT),
            typed.place(name::DATA_DIR),
        ) {
            let place = super::typed::Place { key: name::CLIENT_PORT.into(), ..place };
            typed.warn(&place, "is not given: no client can connect to this server");
        }
        return listed;
    };
    let configured = ClientAddress { host: typed.text(name::CLIENT_PORT_ADDRESS), port };
    match listed {
        Some(listed) if listed.port != configured.port => {
            let place = typed.place(name::CLIENT_PORT)?;
            let text = format!("{port} contradicts port {} in this server's own line", listed.port);
            typed.error_at(&place, Mistake::Conflict(text));
            None
        }
        Some(listed) if configured.host.is_none() => Some(listed),
        _ => Some(configured),
    }
}

/// One server cannot open a port twice.
fn one_port_each(typed: &mut Typed, own: Option<&Member>, client: Option<&ClientAddress>) {
    let (Some(own), Some(client)) = (own, client) else { return };
    if let Some(taken) = own.places().find(|place| place.port == client.port)
        && let Some(place) = typed.place(name::CLIENT_PORT)
    {
        let text = format!("{} is also this server's port for other servers ({taken})", client.port);
        typed.error_at(&place, Mistake::Conflict(text));
    }
}

fn whitelist(typed: &mut Typed) -> Whitelist {
    let text = typed.text(name::FOUR_LETTER_WHITELIST).unwrap_or_default();
    let mut words: Vec<String> =
        text.split(',').map(|w| w.trim().to_owned()).filter(|w| !w.is_empty()).collect();
    if words.iter().any(|word| word == "*") {
        return Whitelist::All;
    }
    for word in &words {
        let known = <[u8; 4]>::try_from(word.as_bytes()).is_ok_and(|bytes| Word::recognise(bytes).is_some());
        if let (false, Some(place)) = (known, typed.place(name::FOUR_LETTER_WHITELIST)) {
            typed.warn_ignored(&place, &format!("{word:?} is not a four-letter word"));
        }
    }
    // Scripts that ask for the mode must get an answer.
    words.push("srvr".to_owned());
    if typed.boolean(name::READONLYMODE_ENABLED) {
        // Clients ask with it whether a leader has been found.
        words.push("isro".to_owned());
    }
    Whitelist::Only(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_part_of_the_outstanding_requests() {
        for (voters, part) in [(1, 1000), (2, 1000), (3, 500), (5, 250), (2001, 1)] {
            assert_eq!(outstanding_limit(1000, voters), part, "{voters} voters");
        }
    }

    #[test]
    fn a_number_per_minute_is_a_number_per_look() {
        for (per_minute, interval_ms, each) in [(10_000, 60_000, 10_000), (10_000, 1000, 166), (1, 1000, 1)] {
            assert_eq!(per_check(per_minute, interval_ms), each);
        }
    }
}
