//! Keys about the servers of an ensemble and the time they give each other.

use super::key::{INT, Key, Kind, count, number, number_or};
use super::name;

pub(super) const KEYS: &[Key] = &[
    Key::new(
        name::SERVER_N,
        Kind::Text("host:quorumPort:electionPort[:participant|observer][;[address:]clientPort]"),
        "none: standalone",
        "A member and its id. IPv6 addresses stand in brackets. Several `host:quorumPort:electionPort` with `|` \
         between them need `multiAddress.enabled`.",
    ),
    Key::new(
        "group.N",
        Kind::Text("server ids with colons between them"),
        "no groups",
        "Voters that can fail together, a room for example. A quorum is then more than half of the weight in more \
         than half of the groups.",
    ),
    Key::new(
        "weight.N",
        count(0, i32::MAX as i64),
        "1",
        "How much server N's voice counts in its group; a server of weight 0 cannot lead.",
    ),
    Key::new(
        name::INIT_LIMIT,
        number(1, 1_000_000, "ticks"),
        "must be given for an ensemble",
        "How long a server may take to find the leader and to take over its data.",
    ),
    Key::new(
        name::SYNC_LIMIT,
        number(1, 1_000_000, "ticks"),
        "must be given for an ensemble",
        "How long leader and learner may hear nothing of each other.",
    ),
    Key::new(
        "electionAlg",
        Kind::OneOf(&["3"]),
        "3",
        "Fast Leader Election; ZooKeeper has no other since 3.6 either.",
    ),
    Key::new(
        name::PEER_TYPE,
        Kind::OneOf(&["participant", "observer"]),
        "participant",
        "The `server.N` line decides; a contradiction is warned about.",
    ),
    Key::new(
        name::QUORUM_LISTEN_ON_ALL_IPS,
        Kind::Bool,
        "false",
        "Open the quorum and the election port on all addresses instead of those in this server's own line.",
    ),
    Key::new(
        name::STANDALONE_ENABLED,
        Kind::Bool,
        "true",
        "`true`: a list with one server in it means a standalone server. `false`: an ensemble of one, which may have \
         observers.",
    ),
    Key::new(
        name::DYNAMIC_CONFIG_FILE,
        Kind::File,
        "none",
        "The file with the `server.N`, `group.N` and `weight.N` lines; the hexadecimal number at the end of its name \
         is the configuration's version. It is read, never written.",
    ),
    Key::new(
        "version",
        Kind::Text("hexadecimal number"),
        "0",
        "The configuration's version as ZooKeeper shows it in `/zookeeper/config`; only of use to clients that read that.",
    ),
    Key::new(
        name::CNX_TIMEOUT,
        number(1, 3_600_000, "ms"),
        "5000",
        "How long an attempt to connect to another server's election port may take.",
    ),
    Key::new(
        name::ELECTION_PORT_BIND_RETRY,
        count(0, INT),
        "3",
        "How often opening the election or the quorum port is tried again, a second apart, when the address is in use \
         or its name is not known yet; 0: until it works.",
    ),
    Key::new(
        name::FASTLEADER_MIN_NOTIFICATION_INTERVAL,
        number(1, 3_600_000, "ms"),
        "200",
        "The first pause before a vote is said again to servers that are silent; it doubles each time.",
    ),
    Key::new(
        name::FASTLEADER_MAX_NOTIFICATION_INTERVAL,
        number(1, 3_600_000, "ms"),
        "60000",
        "The longest such pause.",
    ),
    Key::new(
        "tcpKeepAlive",
        Kind::Bool,
        "false",
        "every connection has TCP keep-alive: one that is silent for 60 s is asked every 10 s, six times at most",
    )
    .ignored(&["true", "false"]),
    Key::new(
        name::LEADER_SERVES,
        Kind::Word("no"),
        "yes",
        "`no`: a leader takes no clients and leaves them to the others. Only exactly this word has that effect.",
    ),
    Key::new(
        name::MULTI_ADDRESS_ENABLED,
        Kind::Bool,
        "false",
        "`server.N` may have several addresses: a server listens on all of its own, and the others try them in turn.",
    ),
    Key::new(
        "multiAddress.reachabilityCheckEnabled",
        Kind::Bool,
        "true",
        "addresses are tried by connecting to them, without a check before",
    )
    .ignored(&["false"]),
    Key::new(
        "multiAddress.reachabilityCheckTimeoutMs",
        number(0, INT, "ms"),
        "1000",
        "addresses are tried by connecting to them, without a check before",
    )
    .ignored(&[]),
    Key::new(
        "reconfigEnabled",
        Kind::Bool,
        "false",
        "the members cannot be changed at run time; change `server.N` everywhere and restart the servers one by one",
    )
    .ignored(&["false"]),
    Key::new(
        "observerMasterPort",
        count(0, 65_535),
        "0",
        "observers connect to the leader only; with many of them, leave the leader its network",
    )
    .ignored(&["0"]),
    Key::new(
        "observerMaster.sizeLimit",
        number(0, INT, "bytes"),
        "33554432",
        "observers connect to the leader only",
    )
    .ignored(&[]),
    Key::new(
        "connectToLearnerMasterLimit",
        number(0, 1_000_000, "ticks"),
        "initLimit",
        "an attempt to connect to the leader ends after 5 s or initLimit, whichever is shorter, and is repeated",
    )
    .ignored(&["0"]),
    Key::new(
        "quorumCnxnTimeoutMs",
        number_or(1, INT, "ms", -1),
        "syncLimit",
        "connections to election ports may be silent; TCP keep-alive finds those that are dead",
    )
    .ignored(&["-1"]),
    Key::new(
        "leader.maxTimeToWaitForEpoch",
        number_or(0, INT, "ms", -1),
        "initLimit",
        "a leader waits initLimit for a quorum to follow it",
    )
    .also(&["maxTimeToWaitForEpoch"])
    .ignored(&["-1"]),
    Key::new(
        "leader.maxConcurrentSnapSyncs",
        count(0, INT),
        "10",
        "any number of learners is brought up to date at a time; snapshots are sent in small pieces in between",
    )
    .also(&["maxConcurrentSnapSyncs"])
    .ignored(&[]),
    Key::new(
        "leader.maxConcurrentDiffSyncs",
        count(0, INT),
        "100",
        "any number of learners is brought up to date at a time",
    )
    .also(&["maxConcurrentDiffSyncs"])
    .ignored(&[]),
    Key::new(
        "leaderConnectDelayDuringRetryMs",
        number(0, INT, "ms"),
        "100",
        "a refused connection to the leader is tried again every 100 ms",
    )
    .ignored(&["100"]),
    Key::new(
        "observer.reconnectDelayMs",
        number(0, INT, "ms"),
        "0",
        "an observer looks for a leader at once",
    )
    .ignored(&["0"]),
    Key::new(
        "observer.election.DelayMs",
        number(0, INT, "ms"),
        "200",
        "an observer looks for a leader at once",
    )
    .also(&["observer.electionDelayMs"])
    .ignored(&["0"]),
    Key::new(
        "oraclePath",
        Kind::File,
        "none",
        "there is no oracle that replaces a majority: two servers need each other",
    )
    .ignored(&[]),
    Key::new("learner.asyncSending", Kind::Bool, "false", "sending never waits for a slow server here")
        .ignored(&["true", "false"]),
    Key::new("learner.closeSocketAsync", Kind::Bool, "false", "closing never waits for the other side here")
        .ignored(&["true", "false"]),
    Key::new("leader.closeSocketAsync", Kind::Bool, "false", "closing never waits for the other side here")
        .ignored(&["true", "false"]),
    Key::new("leader.nodelay", Kind::Bool, "true", "packets between servers are never held back").ignored(&["true"]),
    Key::new("follower.nodelay", Kind::Bool, "true", "packets between servers are never held back")
        .ignored(&["true"]),
    Key::new("leader.ackLoggingFrequency", count(1, INT), "1000", "there are no such figures").ignored(&[]),
    Key::new(
        "forward_learner_requests_to_commit_processor_disabled",
        Kind::Bool,
        "false",
        "there is no such queue here",
    )
    .ignored(&["true", "false"]),
    Key::new(
        "follower.skipLearnerRequestToNextProcessor",
        Kind::Bool,
        "false",
        "there is no such queue here",
    )
    .ignored(&["true", "false"]),
    Key::new("quorum.cnxn.threads.size", count(0, INT), "20", "one thread has all connections").ignored(&[]),
    Key::new("forceSnapshotSync", Kind::Bool, "false", "a switch for ZooKeeper's own tests").ignored(&["false"]),
    Key::new("testingonly.initialZxid", Kind::Text("number"), "none", "a switch for ZooKeeper's own tests")
        .ignored(&[]),
    Key::new("test.allowDiscontinuousProposals", Kind::Bool, "false", "a switch for ZooKeeper's own tests")
        .ignored(&["false"]),
];
