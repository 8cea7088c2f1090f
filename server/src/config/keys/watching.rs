//! Keys about looking at a server from outside.

use super::key::{INT, Key, Kind, count};

pub(super) const KEYS: &[Key] = &[
    Key::new(
        "admin.enableServer",
        Kind::Bool,
        "false",
        "there is no admin HTTP server; ask with four-letter words (`4lw.commands.whitelist`)",
    )
    .ignored(&["false"]),
    admin("admin.serverAddress", "0.0.0.0").ignored(&[]),
    admin("admin.serverPort", "8080").ignored(&[]),
    admin("admin.idleTimeout", "30000").ignored(&[]),
    admin("admin.commandURL", "/commands").ignored(&[]),
    admin("admin.portUnification", "false").ignored(&["false"]),
    admin("admin.forceHttps", "false").ignored(&["false"]),
    admin("admin.needClientAuth", "false").ignored(&["false"]),
    admin("admin.httpVersion", "11").ignored(&[]),
    admin("admin.rateLimiterIntervalInMS", "300000").ignored(&[]),
    admin("admin.snapshot.enabled", "true").ignored(&["false"]),
    admin("admin.restore.enabled", "true").ignored(&["false"]),
    Key::new(
        "metricsProvider.className",
        Kind::Text("Java class"),
        "none",
        "there is no metrics endpoint; `mntr` gives figures one a line",
    )
    .ignored(&["", "org.apache.zookeeper.metrics.impl.DefaultMetricsProvider"]),
    Key::new(
        "metricsProvider.*",
        Kind::Text("as for ZooKeeper"),
        "",
        "there is no metrics endpoint; `mntr` gives figures one a line",
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

const fn admin(name: &'static str, default: &'static str) -> Key {
    Key::new(name, Kind::Text("as for ZooKeeper"), default, "there is no admin HTTP server")
}

const fn jvm(name: &'static str, default: &'static str) -> Key {
    Key::new(name, Kind::Text("as for ZooKeeper"), default, "there is no Java machine")
}
