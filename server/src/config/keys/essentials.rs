//! Keys that nearly every `zoo.cfg` has.

use super::key::{INT, Key, Kind, count, number, number_or};
use super::name;

pub(super) const KEYS: &[Key] = &[
    Key::new(
        name::DATA_DIR,
        Kind::Directory,
        "must be given",
        "Snapshots, epochs and `myid`; what belongs together is in its subdirectory `version-2`.",
    ),
    Key::new(
        name::DATA_LOG_DIR,
        Kind::Directory,
        "dataDir",
        "Transaction logs. A disk of their own makes writes faster and steadier.",
    ),
    Key::new(
        name::CLIENT_PORT,
        count(1, 65_535),
        "none",
        "Where clients connect. Without it, and without a client port in this server's own `server.N` line, none can.",
    ),
    Key::new(
        name::CLIENT_PORT_ADDRESS,
        Kind::Text("host name or address"),
        "all addresses",
        "The address `clientPort` is opened on.",
    ),
    Key::new(
        name::TICK_TIME,
        number(1, 3_600_000, "ms"),
        "3000",
        "The unit of time: sessions expire in steps of it, servers greet each other every half of it.",
    ),
    Key::new(
        name::MAX_CLIENT_CNXNS,
        count(0, INT),
        "60",
        "Connections from one client address at a time; 0: any number.",
    ),
    Key::new(
        name::MIN_SESSION_TIMEOUT,
        number_or(0, INT, "ms", -1),
        "2 × tickTime",
        "The shortest session timeout a client can get.",
    ),
    Key::new(
        name::MAX_SESSION_TIMEOUT,
        number_or(0, INT, "ms", -1),
        "20 × tickTime",
        "The longest session timeout a client can get.",
    ),
    Key::new(
        name::FOUR_LETTER_WHITELIST,
        Kind::Text("words with commas between them, or *"),
        "srvr",
        "The four-letter words that are answered, besides srvr, which always is.",
    ),
    Key::new(
        "strict",
        Kind::Bool,
        "false",
        "Quorate's own: refuse to start if anything in the file would be ignored (unknown keys, keys that are not \
         followed, keys that are given twice). The same as `--strict` on the command line.",
    ),
];
