//! The commands: their names, the credentials they need, and how each is answered.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::super::desk::{Drain, List, Question};
use super::super::figures::figures;
use super::super::mode::Mode;
use super::super::reading::Reading;
use super::super::view::Reset;
use super::super::{facts, monitor};
use super::asker::NoAnswer;
use super::ensemble;
use super::json::Members;
use super::lists::Plan;
use super::outcome::{NOT_SERVING, Outcome, failed, members};
use super::query::parameter;
use super::shared::Shared;

/// What a command's name stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Command {
    Configuration,
    ConnectionStatReset,
    Connections,
    Dirs,
    Dump,
    Environment,
    GetTraceMask,
    Hash,
    InitialConfiguration,
    IsReadOnly,
    LastSnapshot,
    Leader,
    Monitor,
    ObserverConnectionStatReset,
    Observers,
    Reload,
    Restore,
    Ruok,
    ServerStats,
    SetTraceMask,
    ShedConnections,
    Snapshot,
    StatReset,
    Stats,
    SystemProperties,
    VotingView,
    WatchSummary,
    Watches,
    WatchesByPath,
    ZabState,
}

/// Every command with its names, the first of which is the one in answers.
pub(super) const COMMANDS: &[(Command, &[&str])] = &[
    (Command::Configuration, &["configuration", "conf", "config"]),
    (Command::ConnectionStatReset, &["connection_stat_reset", "crst"]),
    (Command::Connections, &["connections", "cons"]),
    (Command::Dirs, &["dirs"]),
    (Command::Dump, &["dump"]),
    (Command::Environment, &["environment", "env", "envi"]),
    (Command::GetTraceMask, &["get_trace_mask", "gtmk"]),
    (Command::Hash, &["hash"]),
    (Command::InitialConfiguration, &["initial_configuration", "icfg"]),
    (Command::IsReadOnly, &["is_read_only", "isro"]),
    (Command::LastSnapshot, &["last_snapshot", "lsnp"]),
    (Command::Leader, &["leader", "lead"]),
    (Command::Monitor, &["monitor", "mntr"]),
    (Command::ObserverConnectionStatReset, &["observer_connection_stat_reset", "orst"]),
    (Command::Observers, &["observers", "obsr"]),
    (Command::Reload, &["reload"]),
    (Command::Restore, &["restore", "rest"]),
    (Command::Ruok, &["ruok"]),
    (Command::ServerStats, &["server_stats", "srvr"]),
    (Command::SetTraceMask, &["set_trace_mask", "stmk"]),
    (Command::ShedConnections, &["shed_connections", "shed"]),
    (Command::Snapshot, &["snapshot", "snap"]),
    (Command::StatReset, &["stat_reset", "srst"]),
    (Command::Stats, &["stats", "stat"]),
    (Command::SystemProperties, &["system_properties", "sysp"]),
    (Command::VotingView, &["voting_view"]),
    (Command::WatchSummary, &["watch_summary", "wchs"]),
    (Command::Watches, &["watches", "wchc"]),
    (Command::WatchesByPath, &["watches_by_path", "wchp"]),
    (Command::ZabState, &["zabstate"]),
];

impl Command {
    /// The command of this name, and the name it has in answers.
    pub(super) fn named(name: &str) -> Option<(Command, &'static str)> {
        let (command, names) = COMMANDS.iter().find(|(_, names)| names.contains(&name))?;
        Some((*command, names[0]))
    }

    /// Whether the command needs the credentials of an identity that may do everything.
    pub(super) fn is_guarded(self) -> bool {
        matches!(self, Command::Snapshot | Command::Restore | Command::ShedConnections | Command::Reload)
    }

    /// Whether the command is posted.
    pub(super) fn is_posted(self) -> bool {
        matches!(self, Command::Restore | Command::ShedConnections | Command::Reload)
    }

    /// Whether the command is answered while clients are not served.
    fn is_always_answered(self) -> bool {
        matches!(
            self,
            Command::Environment
                | Command::GetTraceMask
                | Command::SetTraceMask
                | Command::SystemProperties
                | Command::ZabState
        )
    }
}

/// Carry out a command that sends no snapshot. `query` is what follows the question mark.
pub(super) async fn run(command: Command, query: &str, shared: &Shared) -> Outcome {
    match answer(command, query, shared).await {
        Ok(outcome) => outcome,
        Err(no_answer) => no_answer.into(),
    }
}

async fn answer(command: Command, query: &str, shared: &Shared) -> Result<Outcome, NoAnswer> {
    let reading = shared.asker.reading().await?;
    let Some(mode) = reading.mode.or_else(|| command.is_always_answered().then_some(Mode::Follower)) else {
        return Ok(failed(NOT_SERVING));
    };
    Ok(match command {
        Command::Configuration => configuration(shared, &reading),
        Command::ConnectionStatReset => reset(shared, Reset::Connections).await?,
        Command::StatReset => reset(shared, Reset::Server).await?,
        Command::ObserverConnectionStatReset => reset(shared, Reset::Links).await?,
        Command::Ruok => members([]),
        Command::Connections => Outcome::List(Plan::connections(Vec::new(), false)),
        Command::Dirs => {
            let (data, log) = directories(shared).await;
            members([("datadir_size", json!(data)), ("logdir_size", json!(log))])
        }
        Command::Dump => Outcome::List(Plan::dump()),
        Command::Environment => Outcome::Members(words(facts::environment())),
        Command::GetTraceMask => members([("tracemask", json!(reading.metrics.trace_mask()))]),
        Command::SetTraceMask => set_trace_mask(query, shared).await?,
        Command::Hash => {
            let one = |(zxid, digest): (quorate_core::ids::Zxid, i64)| json!({"zxid": zxid.0, "digest": digest, "digest_version": 2});
            let digests = shared.asker.ask(Question::Digests).await?;
            members([("digests", digests.into_iter().map(one).collect())])
        }
        Command::InitialConfiguration => {
            members([("initial_configuration", json!(facts::without_secrets(&shared.initial)))])
        }
        Command::IsReadOnly => members([("read_only", json!(mode == Mode::ReadOnly))]),
        Command::LastSnapshot => last_snapshot(shared).await,
        Command::Leader => ensemble::leader(shared, &reading),
        Command::Monitor => Outcome::Members(monitor::members(&figures(&reading, &shared.config))),
        Command::Observers => ensemble::observers(&reading),
        Command::ServerStats => Outcome::Members(server_stats(shared, &reading, mode).await),
        Command::Stats => {
            let stats = server_stats(shared, &reading, mode).await;
            Outcome::List(Plan::connections(stats, true))
        }
        Command::SystemProperties => Outcome::Members(words(facts::properties(&shared.initial))),
        Command::VotingView => ensemble::voting_view(shared),
        Command::WatchSummary => {
            let [connections, paths, watches] = reading.watch_summary;
            members([
                ("num_connections", json!(connections)),
                ("num_paths", json!(paths)),
                ("num_total_watches", json!(watches)),
            ])
        }
        Command::Watches => Outcome::List(Plan::paths("session_id_to_watched_paths", List::Watches(None))),
        Command::WatchesByPath => Outcome::List(Plan::sessions("path_to_session_ids")),
        Command::ZabState => ensemble::zab_state(shared, &reading),
        Command::Restore | Command::Snapshot | Command::ShedConnections | Command::Reload => {
            Outcome::Failed(StatusCode::NOT_IMPLEMENTED, "it is not carried out here".to_owned())
        }
    })
}

fn words(pairs: Vec<(String, String)>) -> Members {
    pairs.into_iter().map(|(name, value)| (name, json!(value))).collect()
}

fn configuration(shared: &Shared, reading: &Reading) -> Outcome {
    let config = &shared.config;
    members([
        ("client_port", json!(config.client.as_ref().map_or(-1, |client| i32::from(client.port)))),
        ("data_dir", json!(config.data_dir.join(crate::storage::VERSION_DIR))),
        ("data_log_dir", json!(config.data_log_dir.join(crate::storage::VERSION_DIR))),
        ("tick_time", json!(u64::try_from(config.tick_time.as_millis()).unwrap_or(u64::MAX))),
        ("max_client_cnxns", json!(reading.max_client_cnxns)),
        ("min_session_timeout", json!(config.min_session_timeout_ms)),
        ("max_session_timeout", json!(config.max_session_timeout_ms)),
        ("server_id", json!(if config.is_standalone() { 0 } else { config.id.0 })),
        ("client_port_listen_backlog", json!(config.client_backlog)),
    ])
}

async fn reset(shared: &Shared, what: Reset) -> Result<Outcome, NoAnswer> {
    shared.asker.ask(|reply| Question::Reset(what, reply)).await?;
    Ok(members([]))
}

async fn set_trace_mask(query: &str, shared: &Shared) -> Result<Outcome, NoAnswer> {
    let wants = "setTraceMask requires long traceMask argument";
    let Some(text) = parameter(query, "traceMask") else { return Ok(failed(wants)) };
    let Ok(mask) = text.parse::<i64>() else { return Ok(failed(format!("{wants}, got {text}"))) };
    shared.asker.ask(|reply| Question::Reset(Reset::TraceMask(mask), reply)).await?;
    Ok(members([("tracemask", json!(mask))]))
}

/// The sizes of the two directories. A disk that does not answer must not keep the thread.
async fn directories(shared: &Shared) -> (u64, u64) {
    let (data, log) = (shared.config.data_dir.clone(), shared.config.data_log_dir.clone());
    tokio::task::spawn_blocking(move || facts::sizes(&data, &log)).await.unwrap_or_default()
}

async fn last_snapshot(shared: &Shared) -> Outcome {
    let dir = shared.config.data_dir.clone();
    let found = tokio::task::spawn_blocking(move || facts::last_snapshot(&dir)).await;
    match found.ok().flatten() {
        Some((zxid, seconds)) => {
            members([("zxid", json!(format!("{zxid:x}"))), ("timestamp", json!(seconds))])
        }
        // As ZooKeeper has it before the first one.
        None => members([("zxid", json!("ffffffffffffffff")), ("timestamp", json!(0))]),
    }
}

async fn server_stats(shared: &Shared, reading: &Reading, mode: Mode) -> Members {
    let (totals, metrics) = (&reading.totals, &reading.metrics);
    let (data, log) = directories(shared).await;
    let sizes = |[last, min, max]: [i64; 3]| json!({"last_buffer_size": last, "min_buffer_size": min, "max_buffer_size": max});
    let replies = sizes(totals.reply_sizes.figures());
    let mut stats = vec![
        ("version".to_owned(), json!(facts::VERSION)),
        ("read_only".to_owned(), json!(mode == Mode::ReadOnly)),
        (
            "server_stats".to_owned(),
            json!({
                "packets_sent": totals.sent,
                "packets_received": totals.received,
                "fsync_threshold_exceed_count": metrics.slow_syncs,
                "client_response_stats": replies,
                "avg_latency": (totals.latency.mean_ms() * 10_000.0).round() / 10_000.0,
                "max_latency": totals.latency.max_ms(),
                "min_latency": totals.latency.min_ms(),
                "outstanding_requests": reading.outstanding,
                "last_processed_zxid": reading.service.applied.0,
                "data_dir_size": data,
                "log_dir_size": log,
                "server_state": mode.as_str(),
                "non_mtlslocal_conn_count": 0,
                "uptime": reading.uptime_ms,
                "num_alive_client_connections": reading.connections,
                "provider_null": false,
                "non_mtlsremote_conn_count": 0,
                "auth_failed_count": 0,
            }),
        ),
        ("client_response".to_owned(), replies),
    ];
    if mode == Mode::Leader {
        stats.push(("proposal_stats".to_owned(), sizes(metrics.proposal_sizes.figures())));
    }
    stats.push(("node_count".to_owned(), json!(facts::znodes(&reading.service))));
    stats
}

/// Close a part of the clients' connections: `{"percentage": 10}`.
pub(super) async fn shed(body: &[u8], shared: &Shared) -> Outcome {
    let percent =
        serde_json::from_slice::<Value>(body).ok().and_then(|body| body.get("percentage")?.as_u64());
    let Some(percent) = percent.filter(|percent| *percent <= 100).map(|percent| percent as usize) else {
        let why = "wanted is {\"percentage\": N} with a whole number from 0 to 100".to_owned();
        return Outcome::Failed(StatusCode::BAD_REQUEST, why);
    };
    let (mut next, mut closed) = (Some(Drain { percent, seen: 0, from: 0 }), 0);
    while let Some(drain) = next {
        match shared.asker.ask(|reply| Question::Drain(drain, reply)).await {
            Ok(drained) => (next, closed) = (drained.rest, closed + drained.closed),
            Err(no_answer) => return no_answer.into(),
        }
    }
    members([("connections_shed", json!(closed)), ("percentage_requested", json!(percent))])
}

/// Read the configuration again.
pub(super) async fn reload(shared: &Shared) -> Outcome {
    let reload = shared.reload.clone();
    let changes = match tokio::task::spawn_blocking(move || reload.read()).await {
        Ok(Ok(changes)) => changes,
        Ok(Err(errors)) => return Outcome::Failed(StatusCode::CONFLICT, errors.to_string()),
        Err(_) => {
            let why = "the configuration could not be read".to_owned();
            return Outcome::Failed(StatusCode::INTERNAL_SERVER_ERROR, why);
        }
    };
    let (followed, later) = (json!(changes.followed), json!(changes.later));
    match shared.asker.ask(|reply| Question::Follow(Box::new(changes), reply)).await {
        Ok(()) => members([("changed", followed), ("needs_restart", later)]),
        Err(no_answer) => no_answer.into(),
    }
}
