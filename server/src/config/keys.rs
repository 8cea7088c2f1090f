//! Which keys exist: those this server follows, those only ZooKeeper follows, and the nearest one
//! to a misspelt key.

/// What is known of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Known {
    /// This server does what it says.
    Honoured,
    /// ZooKeeper documents it; this server does not follow it.
    NotHonoured,
    /// Nobody knows it.
    Unknown,
}

/// What is known of `key`.
pub(crate) fn lookup(key: &str) -> Known {
    if HONOURED.contains(&key) || member_prefix(key) {
        Known::Honoured
    } else if NOT_HONOURED.contains(&key) || key.starts_with("metricsProvider.") || is_numbered(key) {
        Known::NotHonoured
    } else {
        Known::Unknown
    }
}

/// The known key that `key` was probably meant to be.
pub(crate) fn did_you_mean(key: &str) -> Option<&'static str> {
    let folded = key.strip_prefix("zookeeper.").unwrap_or(key).to_lowercase();
    let all = HONOURED.iter().chain(NOT_HONOURED).copied();
    let (distance, best) = all
        .map(|known| (strsim::damerau_levenshtein(&folded, &known.to_lowercase()), known))
        .min_by_key(|(distance, _)| *distance)?;
    (distance <= 1 + folded.chars().count() / 5).then_some(best)
}

/// `server.N`, `group.N`, `weight.N`.
fn member_prefix(key: &str) -> bool {
    ["server.", "group.", "weight."].iter().any(|p| key.starts_with(p))
}

/// Keys that ZooKeeper numbers: `authProvider.1` and the like.
fn is_numbered(key: &str) -> bool {
    ["authProvider.", "ssl.", "ssl.quorum.", "admin.", "kerberos.", "quorum.auth.", "zookeeper.ssl."]
        .iter()
        .any(|p| key.starts_with(p))
}

/// Followed.
pub(crate) const HONOURED: &[&str] = &[
    "4lw.commands.whitelist",
    "DigestAuthenticationProvider.superDigest",
    "clientPort",
    "clientPortAddress",
    "clientPortListenBacklog",
    "commitLogCount",
    "dataDir",
    "dataLogDir",
    "datadir.autocreate",
    "db.autocreate",
    "dynamicConfigFile",
    "electionAlg",
    "extendedTypesEnabled",
    "forceSync",
    "fsync.warningthresholdms",
    "globalOutstandingLimit",
    "initLimit",
    "jute.maxbuffer",
    "maxClientCnxns",
    "maxSessionTimeout",
    "minSessionTimeout",
    "peerType",
    "preAllocSize",
    "quorumListenOnAllIPs",
    "skipACL",
    "snapCount",
    "snapshot.trust.empty",
    "standaloneEnabled",
    "syncLimit",
    "tickTime",
    "txnLogSizeLimitInKb",
    "version",
];

/// Documented by ZooKeeper, not followed here.
pub(crate) const NOT_HONOURED: &[&str] = &[
    "admin.commandURL",
    "admin.enableServer",
    "admin.serverAddress",
    "admin.serverPort",
    "advancedFlowControlEnabled",
    "allowSaslFailedClients",
    "audit.enable",
    "autopurge.purgeInterval",
    "autopurge.snapRetainCount",
    "client.portUnification",
    "closeSessionTxn.enabled",
    "cnxTimeout",
    "connectToLearnerMasterLimit",
    "connectionFreezeTime",
    "connectionMaxTokens",
    "connectionTokenFillCount",
    "connectionTokenFillTime",
    "digest.enabled",
    "electionPortBindRetry",
    "emulate353TTLNodes",
    "enableEagerACLCheck",
    "enforce.auth.enabled",
    "enforce.auth.schemes",
    "enforceQuota",
    "fastleader.maxNotificationInterval",
    "fastleader.minNotificationInterval",
    "flushDelay",
    "follower.nodelay",
    "jute.maxbuffer.extrasize",
    "jvm.pause.info-threshold.ms",
    "jvm.pause.monitor",
    "jvm.pause.sleep.time.ms",
    "jvm.pause.warn-threshold.ms",
    "largeRequestMaxBytes",
    "largeRequestThreshold",
    "leader.closeSocketAsync",
    "leader.maxConcurrentDiffSyncs",
    "leader.maxConcurrentSnapSyncs",
    "leader.maxTimeToWaitForEpoch",
    "leader.nodelay",
    "leaderConnectDelayDuringRetryMs",
    "leaderServes",
    "learner.asyncSending",
    "learner.closeSocketAsync",
    "localSessionsEnabled",
    "localSessionsUpgradingEnabled",
    "maxBatchSize",
    "maxCnxns",
    "maxConcurrentDiffSyncs",
    "maxConcurrentSnapSyncs",
    "maxResponseCacheSize",
    "maxTimeToWaitForEpoch",
    "maxWriteQueuePollTime",
    "maxGetChildrenResponseCacheSize",
    "metricsProvider.className",
    "multiAddress.enabled",
    "multiAddress.reachabilityCheckEnabled",
    "multiAddress.reachabilityCheckTimeoutMs",
    "netty.advancedFlowControl.enabled",
    "netty.server.outstandingHandshake.limit",
    "nio.directBufferBytes",
    "nio.numSelectorThreads",
    "nio.numWorkerThreads",
    "nio.sessionlessCnxnTimeout",
    "nio.shutdownTimeout",
    "observer.electionDelayMs",
    "observer.reconnectDelayMs",
    "observer.syncEnabled",
    "observerMasterPort",
    "oraclePath",
    "outstandingHandshake.limit",
    "portUnification",
    "quorum.auth.enableSasl",
    "quorum.auth.learner.saslLoginContext",
    "quorum.auth.learnerRequireSasl",
    "quorum.auth.server.saslLoginContext",
    "quorum.auth.serverRequireSasl",
    "quorum.cnxn.threads.size",
    "quorumCnxnTimeoutMs",
    "readonlymode.enabled",
    "reconfigEnabled",
    "requestStaleConnectionCheck",
    "requestStaleLatencyCheck",
    "requestThrottleDropStale",
    "requestThrottleLimit",
    "requestThrottleStallTime",
    "request_throttle_max_requests",
    "secureClientPort",
    "secureClientPortAddress",
    "serializeLastProcessedZxid.enabled",
    "serverCnxnFactory",
    "sessionRequireClientSASLAuth",
    "snapSizeLimitInKb",
    "snapshot.compression.method",
    "snapshotSizeFactor",
    "sslQuorum",
    "sslQuorumReloadCertFiles",
    "superUser",
    "syncEnabled",
    "tcpKeepAlive",
    "throttledOpWaitTime",
    "watchManagerName",
    "warningRequest.thresholdms",
    "znode.container.checkIntervalMs",
    "znode.container.maxNeverUsedIntervalMs",
    "znode.container.maxPerMinute",
];

/// Keys that ask for a protection this server does not have. A value other than `false` is refused.
pub(crate) const PROTECTIONS: &[&str] = &[
    "enforce.auth.enabled",
    "quorum.auth.enableSasl",
    "quorum.auth.learnerRequireSasl",
    "quorum.auth.serverRequireSasl",
    "sessionRequireClientSASLAuth",
    "sslQuorum",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_key() {
        for (typed, meant) in [
            ("ticktime", "tickTime"),
            ("tickTme", "tickTime"),
            ("tikcTime", "tickTime"),
            ("maxClientCnxn", "maxClientCnxns"),
            ("zookeeper.snapCount", "snapCount"),
            ("clientport", "clientPort"),
            ("dataLogdir", "dataLogDir"),
            ("autopurge.snapRetainCnt", "autopurge.snapRetainCount"),
        ] {
            assert_eq!(did_you_mean(typed), Some(meant), "{typed}");
        }
    }

    #[test]
    fn nonsense_finds_nothing() {
        for typed in ["x", "favouriteColour", "spark.executor.memory", ""] {
            assert_eq!(did_you_mean(typed), None, "{typed}");
        }
    }

    #[test]
    fn no_key_is_both_followed_and_not() {
        for key in HONOURED {
            assert!(!NOT_HONOURED.contains(key), "{key}");
            assert_eq!(lookup(key), Known::Honoured);
        }
        for key in NOT_HONOURED {
            assert_eq!(lookup(key), Known::NotHonoured, "{key}");
        }
        for key in PROTECTIONS {
            assert!(NOT_HONOURED.contains(key), "{key}");
        }
        assert_eq!(lookup("server.1"), Known::Honoured);
        assert_eq!(lookup("ticktime"), Known::Unknown);
    }
}
