//! Keys about looking at a server from outside.

use super::key::{INT, Key, Kind, count, number, number_or};
use super::name;

pub(super) const KEYS: &[Key] = &[
    Key::new(
        name::ADMIN_ENABLE_SERVER,
        Kind::Bool,
        "false",
        "Commands, figures and health are offered over HTTP. As from ZooKeeper 3.10 on, they are not unless this is `true`.",
    ),
    Key::new(
        name::ADMIN_SERVER_ADDRESS,
        Kind::Text("host name or address"),
        "127.0.0.1",
        "The address of the admin server. ZooKeeper's default is every address; here others must be named.",
    ),
    Key::new(name::ADMIN_SERVER_PORT, count(1, 65_535), "8080", "The port of the admin server."),
    Key::new(
        name::ADMIN_COMMAND_URL,
        Kind::Text("path"),
        "/commands",
        "The path below which the admin server has its commands.",
    ),
    Key::new(
        name::ADMIN_IDLE_TIMEOUT,
        number(1, INT, "ms"),
        "30000",
        "A connection of the admin server on which nothing moves for this long is closed.",
    ),
    Key::new(
        name::ADMIN_RATE_LIMITER_INTERVAL,
        number(0, INT, "ms"),
        "300000",
        "The shortest time between two snapshots that the admin server sends; `0`: no limit but one at a time.",
    ),
    Key::new(
        name::ADMIN_SNAPSHOT_ENABLED,
        Kind::Bool,
        "true",
        "The admin server sends a snapshot to identities that the ACL of `/` names with all permissions.",
    ),
    Key::new(
        name::QUORATE_ADMIN_HOSTS,
        Kind::Text("names, separated by commas; `*`: any"),
        "",
        "Names by which the admin server may be called, besides addresses, `localhost`, this machine's name and \
         the hosts of this configuration. Requests under other names are refused (DNS rebinding).",
    ),
    Key::new(
        name::QUORATE_READY_LAG,
        count(1, INT),
        "10000",
        "A server that knows of more transactions than this which it has not applied is not ready (`/health/ready`).",
    ),
    Key::new(
        name::QUORATE_LOG,
        Kind::Text("levels"),
        "",
        "Which lines of the log are written: a level, and others for single modules, `info,quorate::net=debug`. \
         Without it the command line says so.",
    ),
    Key::new(
        name::QUORATE_SLOW_REQUEST,
        number(0, INT, "ms"),
        "5000",
        "A request that takes longer is a line in the log, with where the time went; `0`: none is.",
    ),
    Key::new(
        "admin.restore.enabled",
        Kind::Bool,
        "true",
        "the admin server does not replace a server's state; put a snapshot into an empty data directory",
    )
    .ignored(&["false"]),
    Key::new("admin.portUnification", Kind::Bool, "false", "the admin server speaks no TLS")
        .ignored(&["false"]),
    Key::new("admin.forceHttps", Kind::Bool, "false", "the admin server speaks no TLS").refused(&["false"]),
    Key::new("admin.needClientAuth", Kind::Bool, "false", "the admin server speaks no TLS")
        .refused(&["false"]),
    Key::new("admin.httpVersion", Kind::Text("as for ZooKeeper"), "11", "the admin server speaks HTTP/1.1")
        .ignored(&["11"]),
    Key::new(
        name::METRICS_PROVIDER_CLASS_NAME,
        Kind::Text("Java class"),
        "org.apache.zookeeper.metrics.impl.DefaultMetricsProvider",
        "With `org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider`, `/metrics` is offered on a port of its own. \
         The admin server always has it.",
    ),
    Key::new(
        name::METRICS_PROVIDER_HTTP_HOST,
        Kind::Text("host name or address"),
        "0.0.0.0",
        "The address of that port.",
    ),
    Key::new(
        name::METRICS_PROVIDER_HTTP_PORT,
        number_or(1, 65_535, "", -1),
        "7000",
        "The port that has `/metrics` and nothing else; `-1`: none.",
    ),
    Key::new("metricsProvider.exportJvmInfo", Kind::Bool, "true", "there is no Java machine")
        .ignored(&["true", "false"]),
    Key::new("metricsProvider.httpsPort", Kind::Text("port"), "-1", "figures are not offered over TLS")
        .refused(&["-1", ""]),
    Key::new("metricsProvider.ssl.*", Kind::Text("as for ZooKeeper"), "", "figures are not offered over TLS")
        .ignored(&[]),
    Key::new(
        "metricsProvider.*",
        Kind::Text("as for ZooKeeper"),
        "",
        "there are no threads and queues of a metrics provider to be set",
    )
    .ignored(&[]),
    Key::new("audit.enable", Kind::Bool, "false", "no audit log is written").ignored(&["false"]),
    Key::new("audit.impl.class", Kind::Text("Java class"), "", "no audit log is written").ignored(&[]),
    Key::new("jvm.pause.monitor", Kind::Bool, "false", "there is no Java machine that pauses")
        .ignored(&["false"]),
    jvm("jvm.pause.sleep.time.ms", "500").ignored(&[]),
    jvm("jvm.pause.warn-threshold.ms", "10000").ignored(&[]),
    jvm("jvm.pause.info-threshold.ms", "1000").ignored(&[]),
    jvm("jmx.log4j.disable", "false").ignored(&[]),
    jvm("jmx.log4j.mbean", "").ignored(&[]),
    Key::new("pathStats.enabled", Kind::Bool, "false", "paths are not counted").ignored(&["false"]),
    Key::new("pathStats.*", Kind::Text("number"), "", "paths are not counted").ignored(&[]),
    Key::new("messageTracker.Enabled", Kind::Bool, "false", "the last messages between servers are not kept")
        .ignored(&["false"]),
    Key::new(
        "messageTracker.BufferSize",
        count(1, INT),
        "10",
        "the last messages between servers are not kept",
    )
    .ignored(&[]),
    Key::new("traceFile", Kind::File, "none", "requests are not traced; ZooKeeper does not since 3.5 either")
        .ignored(&[]),
    Key::new("controllerPort", count(0, 65_535), "none", "a switch for ZooKeeper's own tests").ignored(&[]),
];

const fn jvm(name: &'static str, default: &'static str) -> Key {
    Key::new(name, Kind::Text("as for ZooKeeper"), default, "there is no Java machine")
}
