//! What a four-letter word may show, collected from the peer, the client port and the process.

use std::fs;
use std::path::Path;

use quorate_core::QuorumPeer;
use quorate_core::election::ServerState;
use quorate_core::pipeline::ClientTxn;

use super::four_letter::{Facts, Mode, Word};
use crate::config::ServerConfig;
use crate::net::ClientPort;

/// The ZooKeeper version whose behaviour clients can expect, and this program's own.
const VERSION: &str = concat!("3.9.4-quorate-", env!("CARGO_PKG_VERSION"), ", built on unknown");

/// Look at everything that `word` may show.
pub(crate) fn collect(
    config: &ServerConfig,
    peer: &QuorumPeer<ClientTxn>,
    port: &ClientPort,
    word: Word,
) -> Facts {
    let service = peer.service().status();
    let totals = port.totals();
    let learners = (peer.state() == ServerState::Leading).then(|| {
        let learners = peer.status().learners;
        let in_service = learners.iter().filter(|l| l.voter && l.in_service).count();
        (learners.len(), in_service)
    });
    Facts {
        mode: peer.serving().then(|| mode(config, peer.state())),
        version: VERSION.to_owned(),
        latency: totals.latency,
        received: totals.received,
        sent: totals.sent,
        connections: port.len(),
        outstanding: port.outstanding() as u64,
        zxid: service.applied.0,
        nodes: service.znodes,
        ephemerals: service.ephemerals,
        watches: service.watches,
        sessions: service.sessions,
        data_bytes: service.data_size,
        configuration: if word.as_str() == "conf" { configuration(config) } else { String::new() },
        directory_bytes: if word.as_str() == "dirs" { directories(config) } else { (0, 0) },
        environment: environment(),
        learners,
        clients: if word.needs_connections() { port.connections() } else { Vec::new() },
    }
}

/// In which capacity a server in this state serves.
pub(crate) fn mode(config: &ServerConfig, state: ServerState) -> Mode {
    match state {
        _ if config.is_standalone() => Mode::Standalone,
        ServerState::Leading => Mode::Leader,
        ServerState::Observing => Mode::Observer,
        ServerState::Following | ServerState::Looking => Mode::Follower,
    }
}

fn configuration(config: &ServerConfig) -> String {
    let version_2 = |dir: &Path| dir.join(crate::storage::VERSION_DIR).display().to_string();
    let (data_bytes, log_bytes) = directories(config);
    let mut text = format!(
        "clientPort={}\nsecureClientPort=-1\ndataDir={}\ndataDirSize={data_bytes}\ndataLogDir={}\n\
         dataLogSize={log_bytes}\ntickTime={}\nmaxClientCnxns={}\nminSessionTimeout={}\n\
         maxSessionTimeout={}\nclientPortListenBacklog={}\nserverId={}\n",
        config.client.as_ref().map_or(-1, |c| i32::from(c.port)),
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
             membership: \n{}",
            config.init_limit,
            config.sync_limit,
            own.election[0].port,
            own.quorum[0].port,
            u8::from(own.role == crate::config::LearnerType::Observer),
            config.config_text
        );
    }
    text
}

/// Bytes of the snapshot directory and of the log directory.
fn directories(config: &ServerConfig) -> (u64, u64) {
    let size = |dir: &Path| {
        let entries = fs::read_dir(dir.join(crate::storage::VERSION_DIR)).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.metadata().ok()).map(|data| data.len()).sum()
    };
    (size(&config.data_dir), size(&config.data_log_dir))
}

fn environment() -> Vec<(String, String)> {
    let pair = |key: &str, value: String| (key.to_owned(), value);
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let directory = std::env::current_dir().map(|d| d.display().to_string()).unwrap_or_default();
    vec![
        pair("zookeeper.version", VERSION.to_owned()),
        pair("host.name", host.trim().to_owned()),
        pair("os.name", std::env::consts::OS.to_owned()),
        pair("os.arch", std::env::consts::ARCH.to_owned()),
        pair("user.dir", directory),
    ]
}
