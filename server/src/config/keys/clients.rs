//! Keys about client connections.

use super::key::{INT, Key, Kind, count, number, number_or};
use super::name;

pub(super) const KEYS: &[Key] = &[
    Key::new(
        name::MAX_CNXNS,
        count(0, INT),
        "0",
        "Connections of all clients together; 0: as many as the limit of open files allows.",
    ),
    Key::new(
        name::CLIENT_PORT_LISTEN_BACKLOG,
        number_or(1, 65_535, "", -1),
        "1024",
        "Connections that the operating system may hold until the server takes them.",
    ),
    Key::new(
        name::NIO_SESSIONLESS_CNXN_TIMEOUT,
        number(1, INT, "ms"),
        "10000",
        "How long a connection may exist without a session.",
    ),
    Key::new(
        "clientTcpKeepAlive",
        Kind::Bool,
        "false",
        "every connection has TCP keep-alive: one that is silent for 60 s is asked every 10 s, six times at most",
    )
    .ignored(&["true", "false"]),
    Key::new(
        name::JUTE_MAXBUFFER,
        number(1024, 1 << 30, "bytes"),
        "1048575",
        "The longest request of a client, and so the largest znode. Hexadecimal with 0x is fine. Keep it equal on all \
         servers.",
    ),
    Key::new(
        name::JUTE_MAXBUFFER_EXTRASIZE,
        number(0, 1 << 30, "bytes"),
        "jute.maxbuffer",
        "How much longer than jute.maxbuffer a transaction or a message between servers may be; at least 1024.",
    ),
    Key::new(
        name::READONLYMODE_ENABLED,
        Kind::Bool,
        "false",
        "Serve reads to clients that say a read-only server will do, while no leader can be found. `isro` is always \
         answered then.",
    ),
    Key::new(
        "localSessionsEnabled",
        Kind::Bool,
        "false",
        "every session is known to the whole ensemble, so that creating one is a write",
    )
    .ignored(&["false"]),
    Key::new(
        "localSessionsUpgradingEnabled",
        Kind::Bool,
        "false",
        "every session is known to the whole ensemble from the beginning",
    )
    .ignored(&["true", "false"]),
    Key::new(
        "closeSessionTxn.enabled",
        Kind::Bool,
        "true",
        "the transaction that closes a session always names its ephemeral znodes",
    )
    .ignored(&["true"]),
    Key::new("serverCnxnFactory", Kind::Text("Java class"), "", "one event loop has all connections").ignored(&[]),
    Key::new("nio.numSelectorThreads", count(1, INT), "by cores", "one thread has all connections").ignored(&[]),
    Key::new("nio.numWorkerThreads", count(0, INT), "by cores", "one thread has all connections").ignored(&[]),
    Key::new("nio.directBufferBytes", number(0, INT, "bytes"), "65536", "there is no such buffer").ignored(&[]),
    Key::new("nio.shutdownTimeout", number(0, INT, "ms"), "5000", "there is nothing to wait for").ignored(&[]),
    Key::new(
        "netty.advancedFlowControl.enabled",
        Kind::Bool,
        "false",
        "a client that does not take in its answers is not read any more, always",
    )
    .also(&["advancedFlowControlEnabled"])
    .ignored(&["true", "false"]),
    Key::new(
        name::NETTY_HANDSHAKE_LIMIT,
        number_or(1, INT, "", -1),
        "4096",
        "TLS handshakes of clients that may be under way. A connection that would be one more is closed.",
    )
    .also(&["outstandingHandshake.limit"]),
    Key::new(
        "netty.server.earlyDropSecureConnectionHandshakes",
        Kind::Bool,
        "false",
        "a connection that would be a handshake too many is closed at once, always",
    )
    .ignored(&["true", "false"]),
    Key::new("intBufferStartingSizeBytes", number(0, INT, "bytes"), "1024", "there is no such buffer").ignored(&[]),
    Key::new(
        "connection_throttle_tokens",
        count(0, INT),
        "0",
        "connections are limited by `maxClientCnxns` and `maxCnxns`, not by how often they are made",
    )
    .also(&["connectionMaxTokens"])
    .ignored(&["0"]),
    throttle("connection_throttle_fill_time", "1").also(&["connectionTokenFillTime"]).ignored(&[]),
    throttle("connection_throttle_fill_count", "1").also(&["connectionTokenFillCount"]).ignored(&[]),
    throttle("connection_throttle_freeze_time", "-1").also(&["connectionFreezeTime"]).ignored(&["-1"]),
    throttle("connection_throttle_drop_increase", "0.02").also(&["connectionDropIncrease"]).ignored(&[]),
    throttle("connection_throttle_drop_decrease", "0.002").also(&["connectionDropDecrease"]).ignored(&[]),
    throttle("connection_throttle_decrease_ratio", "0").also(&["connectionDecreaseRatio"]).ignored(&[]),
    throttle("connection_throttle_weight_enabled", "false").ignored(&["false"]),
    throttle("connection_throttle_global_session_weight", "3").ignored(&[]),
    throttle("connection_throttle_local_session_weight", "1").ignored(&[]),
    throttle("connection_throttle_renew_session_weight", "2").ignored(&[]),
];

/// How connections are throttled by how often they are made; without tokens nothing is.
const fn throttle(name: &'static str, default: &'static str) -> Key {
    let text = "connections are not throttled by how often they are made";
    Key::new(name, Kind::Text("number or true/false"), default, text)
}
