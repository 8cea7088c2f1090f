//! Keys about requests on their way through a server.

use super::key::{INT, Key, Kind, count, number};
use super::name;

pub(super) const KEYS: &[Key] = &[
    Key::new(
        name::GLOBAL_OUTSTANDING_LIMIT,
        count(1, INT),
        "1000",
        "Requests in process above which a client that already waits for an answer is not read; so is one above 64 MiB of them. \
         An ensemble of three or more voters shares them: each server takes its part of (voters − 1).",
    ),
    Key::new(
        name::QUORATE_CLIENT_MEMORY,
        number(16, 1 << 20, "MiB"),
        "512",
        "What all client connections together may make this server hold: unfinished frames, requests in process, \
         unsent answers and events, watches. Above it the connections that hold the most are closed. \
         Quorate's own: ZooKeeper passes over it.",
    ),
    Key::new(
        "request_throttle_max_requests",
        count(0, INT),
        "0",
        "requests are limited by `globalOutstandingLimit`",
    )
    .also(&["requestThrottleLimit"])
    .ignored(&["0"]),
    throttler("request_throttle_stall_time", number(0, INT, "ms"), "100")
        .also(&["requestThrottleStallTime"])
        .ignored(&[]),
    throttler("request_throttle_drop_stale", Kind::Bool, "true")
        .also(&["requestThrottleDropStale"])
        .ignored(&[]),
    throttler("request_stale_latency_check", Kind::Bool, "false")
        .also(&["requestStaleLatencyCheck"])
        .ignored(&["false"]),
    throttler("request_stale_connection_check", Kind::Bool, "true")
        .also(&["requestStaleConnectionCheck"])
        .ignored(&["true"]),
    throttler("request_throttler.shutdownTimeout", number(0, INT, "ms"), "10000").ignored(&[]),
    throttler("throttled_op_wait_time", number(0, INT, "ms"), "0")
        .also(&["throttledOpWaitTime"])
        .ignored(&["0"]),
    Key::new(
        "largeRequestThreshold",
        count(-1, INT),
        "-1",
        "`quorate.clientMemory` limits the bytes that all requests together take, `jute.maxbuffer` each of them",
    )
    .ignored(&["-1", "0"]),
    Key::new(
        "largeRequestMaxBytes",
        number(0, INT, "bytes"),
        "104857600",
        "`quorate.clientMemory` limits the bytes that all requests together take, `jute.maxbuffer` each of them",
    )
    .ignored(&[]),
    cache("maxResponseCacheSize").ignored(&["0"]),
    cache("maxGetChildrenResponseCacheSize").ignored(&["0"]),
    commit("commitProcessor.numWorkerThreads", "by cores").ignored(&[]),
    commit("commitProcessor.maxReadBatchSize", "-1").ignored(&[]),
    commit("commitProcessor.maxCommitBatchSize", "1").ignored(&[]),
    commit("commitProcessor.shutdownTimeout", "5000").ignored(&[]),
];

const fn throttler(name: &'static str, kind: Kind, default: &'static str) -> Key {
    Key::new(name, kind, default, "no request is held back or dropped for its age")
}

const fn cache(name: &'static str) -> Key {
    Key::new(
        name,
        count(-1, INT),
        "400",
        "answers are made from the tree faster than a cache would find them",
    )
}

const fn commit(name: &'static str, default: &'static str) -> Key {
    Key::new(name, count(-1, INT), default, "one thread serves reads and commits, in turns")
}
