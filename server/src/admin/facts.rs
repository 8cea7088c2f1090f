//! What words show of the configuration and of the process.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

use quorate_core::QuorumPeer;
use quorate_core::election::ServerState;
use quorate_core::pipeline::{ClientTxn, ServiceStatus};

use super::mode::Mode;
use crate::config::ServerConfig;

/// The ZooKeeper version whose behaviour clients can expect, and this program's own.
pub(super) const VERSION: &str = concat!(
    "3.9.4-quorate-",
    env!("CARGO_PKG_VERSION"),
    "-",
    env!("QUORATE_COMMIT"),
    ", built on ",
    env!("QUORATE_BUILT")
);

/// In which capacity this server serves; `None`: it does not.
pub(crate) fn mode(config: &ServerConfig, peer: &QuorumPeer<ClientTxn>) -> Option<Mode> {
    if peer.is_read_only() {
        return Some(Mode::ReadOnly);
    }
    peer.serving().then(|| match peer.state() {
        _ if config.is_standalone() => Mode::Standalone,
        ServerState::Leading => Mode::Leader,
        ServerState::Observing => Mode::Observer,
        ServerState::Following | ServerState::Looking => Mode::Follower,
    })
}

/// How many znodes words show: ZooKeeper counts the root under both of its names, "" and "/".
pub(super) fn znodes(service: &ServiceStatus) -> usize {
    service.znodes + 1
}

/// The bytes of all paths and data that words show, the root's second name counted too.
pub(super) fn data_size(service: &ServiceStatus) -> u64 {
    service.data_size + 1
}

/// The answer to `conf`.
pub(super) fn configuration(config: &ServerConfig, mode: Mode) -> String {
    let version_2 = |dir: &Path| dir.join(crate::storage::VERSION_DIR).display().to_string();
    let (data_bytes, log_bytes) = directories(config);
    let mut text = format!(
        "clientPort={}\nsecureClientPort={}\ndataDir={}\ndataDirSize={data_bytes}\ndataLogDir={}\n\
         dataLogSize={log_bytes}\ntickTime={}\nmaxClientCnxns={}\nminSessionTimeout={}\n\
         maxSessionTimeout={}\nclientPortListenBacklog={}\nserverId={}\n",
        config.client.as_ref().map_or(-1, |c| i32::from(c.port)),
        config.tls.secure_client.as_ref().map_or(-1, |c| i32::from(c.port)),
        version_2(&config.data_dir),
        version_2(&config.data_log_dir),
        config.tick_time.as_millis(),
        config.max_client_cnxns,
        config.min_session_timeout_ms,
        config.max_session_timeout_ms,
        config.client_backlog,
        config.id
    );
    if let Some(own) = config.members.get(&config.id) {
        text += &format!(
            "initLimit={}\nsyncLimit={}\nelectionAlg=3\nelectionPort={}\nquorumPort={}\npeerType={}\n\
             {}",
            config.init_limit,
            config.sync_limit,
            own.election[0].port,
            own.quorum[0].port,
            u8::from(own.role == crate::config::LearnerType::Observer),
            // Without a leader it is not known to be in force.
            if mode == Mode::ReadOnly {
                String::new()
            } else {
                format!("membership: \n{}", config.config_text)
            }
        );
    }
    text
}

/// Bytes of the snapshot directory and of the log directory.
pub(super) fn directories(config: &ServerConfig) -> (u64, u64) {
    sizes(&config.data_dir, &config.data_log_dir)
}

/// Bytes of these two directories.
pub(super) fn sizes(data_dir: &Path, log_dir: &Path) -> (u64, u64) {
    let size = |dir: &Path| {
        let entries = fs::read_dir(dir.join(crate::storage::VERSION_DIR)).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.metadata().ok()).map(|data| data.len()).sum()
    };
    (size(data_dir), size(log_dir))
}

/// The newest snapshot: where it stands, and when it was written, in seconds since 1970.
pub(super) fn last_snapshot(data_dir: &Path) -> Option<(u64, u64)> {
    let entries = fs::read_dir(data_dir.join(crate::storage::VERSION_DIR)).into_iter().flatten().flatten();
    let one = |entry: fs::DirEntry| {
        let name = entry.file_name();
        let hex = name.to_str()?.strip_prefix("snapshot.")?.split('.').next()?;
        let written = entry.metadata().ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some((u64::from_str_radix(hex, 16).ok()?, written.as_secs()))
    };
    entries.filter_map(one).max()
}

/// A configuration file, without the values that are secrets.
pub(super) fn without_secrets(text: &str) -> String {
    text.lines().map(|line| hidden(line) + "\n").collect()
}

fn hidden(line: &str) -> String {
    let Some((key, _)) = line.split_once(['=', ':']) else { return line.to_owned() };
    let folded = key.to_lowercase();
    let secret = ["password", "passwd", "superdigest", "secret"].iter().any(|word| folded.contains(word));
    if secret { format!("{key}=***") } else { line.to_owned() }
}

/// What ZooKeeper has as the properties of its Java machine: the system's, and the lines of the configuration
/// file, each as `zookeeper.KEY`.
pub(super) fn properties(text: &str) -> Vec<(String, String)> {
    let same = ["os.name", "os.arch", "os.version", "user.name", "user.home", "user.dir"];
    let mut all: Vec<_> = environment().into_iter().filter(|(key, _)| same.contains(&key.as_str())).collect();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', '!'])) {
        let line = hidden(line);
        if let Some((key, value)) = line.split_once('=') {
            all.push((format!("zookeeper.{}", key.trim()), value.trim().to_owned()));
        }
    }
    // A key that comes again replaces the former, and no member of an object may come twice.
    let mut last: BTreeMap<String, String> = BTreeMap::new();
    last.extend(all);
    last.into_iter().collect()
}

/// The lines of `envi`: the machine and the process.
pub(super) fn environment() -> Vec<(String, String)> {
    let pair = |key: &str, value: String| (key.to_owned(), value);
    let kernel = |name| fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap_or_default();
    let variable = |name| std::env::var(name).unwrap_or_default();
    let directory = std::env::current_dir().map(|d| d.display().to_string()).unwrap_or_default();
    vec![
        pair("zookeeper.version", VERSION.to_owned()),
        pair("host.name", kernel("hostname").trim().to_owned()),
        pair("os.name", std::env::consts::OS.to_owned()),
        pair("os.arch", std::env::consts::ARCH.to_owned()),
        pair("os.version", kernel("osrelease").trim().to_owned()),
        pair("user.name", variable("USER")),
        pair("user.home", variable("HOME")),
        pair("user.dir", directory),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_the_configuration_are_not_shown() {
        let text = "tickTime=2000\nDigestAuthenticationProvider.superDigest=super:x=\n#note\ntickTime=3000\n\
                    ssl.keyStore.password : p\n";
        let shown = "tickTime=2000\nDigestAuthenticationProvider.superDigest=***\n#note\ntickTime=3000\n\
                     ssl.keyStore.password =***\n";
        assert_eq!(without_secrets(text), shown);
        let properties = properties(text);
        let of = |key: &str| {
            properties.iter().filter(|(k, _)| k == key).map(|(_, v)| v.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(of("zookeeper.tickTime"), ["3000"]);
        assert_eq!(of("zookeeper.DigestAuthenticationProvider.superDigest"), ["***"]);
        assert!(!format!("{properties:?}").contains("super:x"));
    }

    /// Collectors take everything before the last `-` for the version, the rest up to the comma for the
    /// revision, and read the date as `MM/DD/YYYY HH:MM ZONE`.
    #[test]
    fn the_version_is_one_that_collectors_understand() {
        let (build, date) = VERSION.split_once(", built on ").unwrap();
        let (version, revision) = build.rsplit_once('-').unwrap();
        assert_eq!(version, concat!("3.9.4-quorate-", env!("CARGO_PKG_VERSION")));
        assert!(!revision.is_empty() && revision.bytes().all(|b| b.is_ascii_alphanumeric()), "{revision}");
        let shape: String = date.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        assert_eq!(shape, "00/00/0000 00:00 UTC");
        let number = |range: std::ops::Range<usize>| date[range].parse::<u32>().unwrap();
        assert!(
            (1..=12).contains(&number(0..2)) && (1..=31).contains(&number(3..5)) && number(6..10) >= 1970
        );
        assert!(number(11..13) < 24 && number(14..16) < 60);
    }
}
