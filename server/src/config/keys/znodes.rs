//! Keys about the tree.

use super::key::{INT, Key, Kind, count, number};
use super::name;

pub(super) const KEYS: &[Key] = &[
    Key::new(
        name::EXTENDED_TYPES_ENABLED,
        Kind::Bool,
        "false",
        "TTL znodes can be created. Keep it equal on all servers, whose ids must then be at most 254.",
    ),
    Key::new(
        name::ZNODE_CONTAINER_CHECK_INTERVAL_MS,
        number(1, INT, "ms"),
        "60000",
        "How often the leader looks for containers that have become empty and TTL znodes whose time is over.",
    ),
    Key::new(
        name::ZNODE_CONTAINER_MAX_PER_MINUTE,
        count(1, INT),
        "10000",
        "How many of them it deletes in a minute at most.",
    ),
    Key::new(
        name::ZNODE_CONTAINER_MAX_NEVER_USED_INTERVAL_MS,
        number(0, i64::MAX, "ms"),
        "300000",
        "After this time a container that never had a child goes, too; 0: never (the default of ZooKeeper before 3.10).",
    ),
    Key::new(
        name::DIGEST_ENABLED,
        Kind::Bool,
        "true",
        "Transactions carry a digest of the tree, with which servers notice that they differ.",
    ),
    Key::new(
        "emulate353TTLNodes",
        Kind::Bool,
        "false",
        "TTL znodes of ZooKeeper 3.5.3 are not recognised; have a later ZooKeeper rewrite them first",
    )
    .ignored(&["false"]),
    Key::new("enforceQuota", Kind::Bool, "false", "quotas are neither counted nor enforced")
        .ignored(&["false"]),
    Key::new(
        "watchManagerName",
        Kind::Text("Java class"),
        "",
        "there is one way to keep watches, a compact one",
    )
    .ignored(&[]),
    watcher("watcherCleanThreadsNum", "2").ignored(&[]),
    watcher("watcherCleanThreshold", "1000").ignored(&[]),
    watcher("watcherCleanIntervalInSeconds", "600").ignored(&[]),
    watcher("maxInProcessingDeadWatchers", "-1").ignored(&[]),
    watcher("bitHashCacheSize", "10").ignored(&[]),
];

const fn watcher(name: &'static str, default: &'static str) -> Key {
    Key::new(name, count(-1, INT), default, "watches of a closed connection are forgotten at once")
}
