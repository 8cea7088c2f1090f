//! From a configuration to a running server: ports, data directory, peer, threads.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::{BuildHasher, Hasher};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use quorate_core::auth::schemes::Schemes;
use quorate_core::config::{Constant, ElectionMode, PeerConfig, SizeLimit};
use quorate_core::ids::ServerId;
use quorate_core::membership::Membership;
use quorate_core::payload::Service;
use quorate_core::pipeline::{ClientTxn, ConfigNode, ImageBuilder, Settings, TreeService};
use quorate_core::{QuorumPeer, Recovered};
use tracing::{info, warn};

use super::Driver;
use super::backlog::BUSY;
use super::disk::DiskThreads;
use super::recorder::Recorder;
use super::slow::SlowRequests;
use crate::admin::answers::Answers;
use crate::admin::metrics::{Metrics, micros};
use crate::admin::reload::Reload;
use crate::admin::{desk, http};
use crate::clock::Clock;
use crate::config::{Reloader, ServerConfig, SnapSizeLimit, Strictness};
use crate::error::Error;
use crate::logging;
use crate::net::Net;
use crate::service::Announcer;
use crate::storage::{LOCK, RealDisk, Storage, StorageConfig, StorageError, is_in_use};
use crate::timer::{Alarms, Durations};

/// Bytes of committed transactions that are kept for learners, besides `commitLogCount`.
const COMMIT_LOG_BYTES: usize = 64 << 20;
/// Bytes that one learner may have asked for while a leader's own disk is behind. A learner of ZooKeeper with
/// a thousand requests of some hundred kilobytes each stays below.
const MAX_PARKED: usize = 512 << 20;
/// A learner that lacks more is sent the state. The limit is a third of the state, as ZooKeeper's
/// `snapshotSizeFactor` has it, or a size that is sent in a moment.
const DIFF_LIMIT: SizeLimit = SizeLimit { bytes: 16 << 20, percent: 33 };
/// What the log may grow to after a snapshot where `snapSizeLimitInKb` is not given. A start holds it in
/// memory, so it needs at most about twice what the tree takes.
const SNAP_SIZE: SizeLimit = SizeLimit { bytes: 256 << 20, percent: 100 };

/// Run the server that a `zoo.cfg` describes until the process is asked to stop. `announcer` tells
/// how far the start has come; `record` is where every step is written down.
///
/// # Errors
/// Whatever keeps it from starting or going on; the exit code is in the error.
pub(crate) fn run(
    zoo_cfg: &Path,
    strictness: Strictness,
    stop_on_stdin_eof: bool,
    record: Option<&Path>,
    announcer: Option<Announcer>,
) -> Result<(), Error> {
    let (config, warnings) = ServerConfig::load(zoo_cfg, strictness)?;
    for warning in warnings {
        warn!("{warning}");
    }
    logging::change(config.log.as_ref());
    // Read again only to be shown: what it means is known.
    let initial = fs::read_to_string(zoo_cfg).unwrap_or_default();
    let reload = Reload::new(Reloader::new(zoo_cfg, strictness));
    start(config, initial, reload, stop_on_stdin_eof, record)?.serve(announcer)
}

/// Take the ports and the data directory; nothing is sent before [`Driver::serve`].
fn start(
    config: ServerConfig,
    initial: String,
    reload: Reload,
    stop_on_stdin_eof: bool,
    record: Option<&Path>,
) -> Result<Driver, Error> {
    let settings = settings(&config);
    // Said before the ports are tried: that server has them, too.
    refuse_if_in_use(&config)?;
    let blank = ImageBuilder::new(&settings);
    let net = Net::bind(&config, blank.clone(), stop_on_stdin_eof)?;
    let empty = || TreeService::new(&settings, None).snapshot();
    let disk = RealDisk::new(config.files.fsync_warning);
    let began = Instant::now();
    let (storage, recovered) = Storage::open(disk, &storage_config(&config), &blank, empty)?;
    let mut metrics = Metrics::default();
    metrics.load.record(micros(began.elapsed()));
    let last = recovered.last();
    let recovered = Recovered::<ClientTxn> {
        accepted_epoch: recovered.accepted_epoch,
        current_epoch: recovered.current_epoch,
        reaches: recovered.snapshot.reaches,
        snapshot: Some((recovered.snapshot.zxid, recovered.image)),
        entries: recovered.entries.into_iter().map(|(zxid, bytes)| (zxid, ClientTxn(bytes))).collect(),
        trusted: recovered.trusted,
    };
    recovered.check()?;
    info!(
        "server {}: {} in {}, last transaction {last}, epoch {}",
        config.id,
        if config.is_standalone() { "standalone".to_owned() } else { config.role.to_string() },
        config.data_dir.display(),
        recovered.current_epoch
    );
    let durations = Durations::new(&config);
    let clock = Clock::start();
    let peer_config = peer_config(&config, settings);
    let recorder = record
        .map(|dir| Recorder::start(dir, &peer_config, &recovered, clock.now().1.wall_ms))
        .transpose()?;
    let synced = recorder.as_ref().map(Recorder::synced).unwrap_or_default();
    let disk = DiskThreads::start(storage, net.waker(), config.files.autopurge, synced)?;
    metrics.credentials = net.credentials.clone();
    let peer = QuorumPeer::new(Constant::new(peer_config), recovered);
    let (bell, desk) = desk::open(net.waker());
    http::start(&config, initial, bell.clone(), reload.clone())?;
    Ok(Driver {
        config,
        peer,
        net,
        disk,
        alarms: Alarms::default(),
        forgave: false,
        durations,
        clock,
        outputs: Vec::new(),
        shown: None,
        metrics,
        answers: Answers::default(),
        desk,
        bell,
        reload,
        slow: SlowRequests::default(),
        recorder,
        announcer: None,
    })
}

fn refuse_if_in_use(config: &ServerConfig) -> Result<(), StorageError> {
    match is_in_use(&config.data_dir, &config.data_log_dir)? {
        true => Err(StorageError::Locked { path: config.data_dir.join(LOCK) }),
        false => Ok(()),
    }
}

fn storage_config(config: &ServerConfig) -> StorageConfig {
    StorageConfig {
        data_log_dir: Some(config.data_log_dir.clone()),
        pre_alloc_size: config.pre_alloc_bytes,
        txn_log_size_limit: config.files.txn_log_size_limit,
        autocreate_dirs: config.files.autocreate_dirs,
        trust_empty_snapshot: config.trust_empty_snapshot,
        autocreate_db: config.db_autocreate,
        ..StorageConfig::new(config.data_dir.clone())
    }
}

fn peer_config(config: &ServerConfig, settings: Settings) -> PeerConfig<ClientTxn> {
    PeerConfig {
        id: config.id,
        membership: Arc::new(Membership {
            version: config.config_version,
            text: config.config_text.clone().into(),
            ..Membership::new(config.verifier.clone(), config.observers())
        }),
        election: ElectionMode::Fast,
        commit_log_count: config.commit_log_count,
        // Alone it always has a leader.
        read_only: config.read_only_mode && !config.is_standalone(),
        commit_log_bytes: COMMIT_LOG_BYTES,
        diff_limit: DIFF_LIMIT,
        max_txn: settings.max_txn,
        max_backlog: BUSY,
        max_parked: MAX_PARKED,
        init_limit: config.init_limit,
        tick_ms: config.tick_time.as_millis() as u64,
        sync_limit: config.sync_limit,
        snap_count: config.snap_count,
        snap_size: match config.files.snap_size_limit {
            SnapSizeLimit::Unset => SNAP_SIZE,
            SnapSizeLimit::Off => SizeLimit::NONE,
            SnapSizeLimit::Bytes(bytes) => SizeLimit { bytes, percent: 0 },
        },
        settings,
    }
}

fn settings(config: &ServerConfig) -> Settings {
    let tick_ms = u32::try_from(config.tick_time.as_millis()).unwrap_or(u32::MAX);
    let text = config.config_text.clone().into();
    Settings {
        min_session_timeout_ms: config.min_session_timeout_ms,
        max_session_timeout_ms: config.max_session_timeout_ms,
        hash_key: [random(), random()],
        max_field: config.max_field(),
        max_txn: config.max_txn(),
        extended_types: config.extended_types,
        digest: config.digest,
        skip_acl: config.skip_acl,
        super_digest: config.super_digest.clone(),
        schemes: Schemes { x509: config.tls.client.is_some() },
        x509_super_user: config.tls.super_user.clone(),
        container_check_interval_ms: config.containers.check_interval_ms,
        container_max_per_check: config.containers.max_per_check,
        container_max_never_used_ms: config.containers.max_never_used_ms,
        // Alone it has no other server to leave the clients to.
        leader_serves: config.leader_serves || config.is_standalone(),
        config: (!config.is_standalone()).then_some(ConfigNode { text, version: config.config_version }),
        ..Settings::new(ServerId(config.id.0), tick_ms)
    }
}

/// The standard library seeds its hash tables from the operating system.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
