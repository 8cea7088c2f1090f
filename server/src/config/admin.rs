//! The keys that say where figures and commands are offered over HTTP.

use std::time::Duration;

use super::error::Mistake;
use super::keys::name;
use super::member::HostPort;
use super::typed::Typed;

/// What is offered over HTTP, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AdminSettings {
    /// Where the admin server listens; `None`: there is none (`admin.enableServer`).
    pub server: Option<HostPort>,
    /// Where `/metrics` is offered besides the admin server (`metricsProvider.httpPort`).
    pub metrics: Option<HostPort>,
    /// The path of the commands, without a slash at its end (`admin.commandURL`).
    pub command_url: String,
    /// A connection on which nothing moves for this long is closed (`admin.idleTimeout`).
    pub idle_timeout: Duration,
    /// The shortest time between two snapshots that are sent (`admin.rateLimiterIntervalInMS`).
    pub snapshot_interval: Duration,
    /// Whether snapshots are sent (`admin.snapshot.enabled`).
    pub snapshot_enabled: bool,
    /// Names besides its own by which the admin server may be called (`quorate.adminHosts`).
    pub hosts: Vec<String>,
    /// With more transactions to apply than this a server is not ready (`quorate.readyLag`).
    pub ready_lag: u64,
}

/// The provider of metrics that is meant with `/metrics`.
const PROMETHEUS: &str = "org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider";
/// Those that offer nothing over HTTP.
const OTHERS: [&str; 3] = [
    "",
    "org.apache.zookeeper.metrics.impl.DefaultMetricsProvider",
    "org.apache.zookeeper.metrics.impl.NullMetricsProvider",
];

/// Read the keys.
pub(super) fn settings(typed: &mut Typed) -> AdminSettings {
    let place = |typed: &Typed, host: &str, port: i64| HostPort {
        host: typed.text_or_default(host).trim_matches(['[', ']']).to_owned(),
        port: port as u16,
    };
    let server = typed.boolean(name::ADMIN_ENABLE_SERVER).then(|| {
        let port = typed.number(name::ADMIN_SERVER_PORT);
        place(typed, name::ADMIN_SERVER_ADDRESS, port)
    });
    // A port of -1 says that there is none; an absent one has a default.
    let none = typed.get(name::METRICS_PROVIDER_HTTP_PORT).is_some_and(|(_, port)| port == "-1");
    let wanted = is_prometheus(typed) && !none;
    let metrics = wanted.then(|| {
        let port = typed.number(name::METRICS_PROVIDER_HTTP_PORT);
        place(typed, name::METRICS_PROVIDER_HTTP_HOST, port)
    });
    one_listener_each(typed, server.as_ref(), metrics.as_ref());
    AdminSettings {
        server,
        metrics,
        command_url: command_url(typed),
        idle_timeout: Duration::from_millis(typed.number(name::ADMIN_IDLE_TIMEOUT) as u64),
        snapshot_interval: Duration::from_millis(typed.number(name::ADMIN_RATE_LIMITER_INTERVAL) as u64),
        snapshot_enabled: typed.boolean(name::ADMIN_SNAPSHOT_ENABLED),
        hosts: typed
            .text_or_default(name::QUORATE_ADMIN_HOSTS)
            .split([',', ' '])
            .filter(|host| !host.is_empty())
            .map(str::to_lowercase)
            .collect(),
        ready_lag: typed.number(name::QUORATE_READY_LAG) as u64,
    }
}

fn is_prometheus(typed: &mut Typed) -> bool {
    let class = typed.text_or_default(name::METRICS_PROVIDER_CLASS_NAME);
    if class != PROMETHEUS
        && !OTHERS.contains(&class.as_str())
        && let Some(place) = typed.place(name::METRICS_PROVIDER_CLASS_NAME)
    {
        let text =
            format!("not followed: Java classes are not loaded; the one that is understood is {PROMETHEUS}");
        typed.warn_ignored(&place, &text);
    }
    class == PROMETHEUS
}

fn command_url(typed: &mut Typed) -> String {
    let url = typed.text_or_default(name::ADMIN_COMMAND_URL);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
    let good = url.len() > 1 && url.starts_with('/') && url.chars().all(is_plain);
    if let (false, Some(place)) = (good, typed.place(name::ADMIN_COMMAND_URL)) {
        let text = format!("{url:?} is no path like /commands");
        typed.error_at(&place, Mistake::Conflict(text));
    }
    url.trim_end_matches('/').to_owned()
}

fn one_listener_each(typed: &mut Typed, server: Option<&HostPort>, metrics: Option<&HostPort>) {
    if let (Some(server), Some(metrics)) = (server, metrics)
        && server.port == metrics.port
        && let Some(place) =
            typed.place(name::METRICS_PROVIDER_HTTP_PORT).or_else(|| typed.place(name::ADMIN_SERVER_PORT))
    {
        let text = format!("port {} is the admin server's, which has /metrics, too", server.port);
        typed.error_at(&place, Mistake::Conflict(text));
    }
}
