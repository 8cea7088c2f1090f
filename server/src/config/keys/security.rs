//! Keys about access rights.

use super::key::{INT, Key, Kind, number};
use super::name;

pub(super) const KEYS: &[Key] = &[
    Key::new(
        name::SKIP_ACL,
        Kind::Word("yes"),
        "no",
        "`yes`: no client is refused anything. Only exactly this word has that effect.",
    ),
    Key::new(
        name::DIGEST_AUTHENTICATION_PROVIDER_SUPER_DIGEST,
        Kind::Text("user:base64(sha1(user:password))"),
        "none",
        "Whoever proves to be this `digest` user may do everything.",
    ),
    Key::new("fips-mode", Kind::Bool, "true", "the cryptography is that of the crate `ring`, in either case")
        .ignored(&["true", "false"]),
    Key::new(
        "quorum.auth.enableSasl",
        Kind::Bool,
        "false",
        "servers cannot prove to each other who they are; use a network that only they can reach",
    )
    .refused(&["false"]),
    Key::new(
        "quorum.auth.learnerRequireSasl",
        Kind::Bool,
        "false",
        "servers cannot prove to each other who they are; use a network that only they can reach",
    )
    .refused(&["false"]),
    Key::new(
        "quorum.auth.serverRequireSasl",
        Kind::Bool,
        "false",
        "servers cannot prove to each other who they are; use a network that only they can reach",
    )
    .refused(&["false"]),
    sasl("quorum.auth.learner.saslLoginContext", "QuorumLearner").ignored(&[]),
    sasl("quorum.auth.server.saslLoginContext", "QuorumServer").ignored(&[]),
    sasl("quorum.auth.kerberos.servicePrincipal", "zkquorum/localhost").ignored(&[]),
    Key::new(
        "sessionRequireClientSASLAuth",
        Kind::Bool,
        "false",
        "there is no SASL; protect znodes with `digest` or `ip` ACLs",
    )
    .refused(&["false"]),
    Key::new(
        "enforce.auth.enabled",
        Kind::Bool,
        "false",
        "clients are not made to authenticate; protect znodes with ACLs",
    )
    .refused(&["false"]),
    Key::new(
        "enforce.auth.schemes",
        Kind::Text("schemes with commas between them"),
        "",
        "clients are not made to authenticate",
    )
    .ignored(&[""]),
    Key::new(
        "DigestAuthenticationProvider.enabled",
        Kind::Bool,
        "true",
        "the scheme `digest` cannot be switched off",
    )
    .refused(&["true"]),
    Key::new(
        "DigestAuthenticationProvider.digestAlg",
        Kind::Text("algorithm"),
        "SHA1",
        "`digest` ids are made with SHA-1 only; ids made with another algorithm would match no ACL",
    )
    .refused(&["SHA1", "SHA-1"]),
    Key::new(
        "IPAuthenticationProvider.usexforwardedfor",
        Kind::Bool,
        "false",
        "a client's address is the one it connects from",
    )
    .ignored(&["false"]),
    Key::new(
        "superUser",
        Kind::Text("name"),
        "none",
        "there is no SASL; use `DigestAuthenticationProvider.superDigest`",
    )
    .ignored(&[]),
    Key::new(
        "enableEagerACLCheck",
        Kind::Bool,
        "false",
        "the leader checks ACLs when it orders a write; a follower does not do so before",
    )
    .ignored(&["false"]),
    Key::new("ensembleAuthName", Kind::Text("names"), "none", "there is no `ensemble` scheme").ignored(&[]),
    Key::new(
        "authProvider.*",
        Kind::Text("Java class"),
        "",
        "the schemes are world, ip, digest, auth and super; others cannot be added",
    )
    .ignored(&[]),
    sasl("allowSaslFailedClients", "false").ignored(&["false"]),
    sasl("letAnySaslUserDoX", "none").ignored(&[]),
    sasl("SASLAuthenticationProvider.superPassword", "none").ignored(&[]),
    sasl("sasl.serverconfig", "Server").ignored(&[]),
    sasl("kerberos.removeHostFromPrincipal", "false").ignored(&["false"]),
    sasl("kerberos.removeRealmFromPrincipal", "false").ignored(&["false"]),
    sasl("kerberos.canonicalizeHostNames", "false").ignored(&["false"]),
    sasl("kerberos.minReLoginTimeMs", "60000").ignored(&[]),
    sasl("kinit", "/usr/bin/kinit").ignored(&[]),
    sasl("requireKerberosConfig", "false").ignored(&["false"]),
    sasl("security.auth_to_local", "DEFAULT").ignored(&[]),
    sasl("server.principal", "none").ignored(&[]),
    sasl("server.realm", "none").ignored(&[]),
    Key::new(
        "requireClientAuthScheme",
        Kind::Text("scheme"),
        "none",
        "found in many files, and without effect in ZooKeeper, too: it protects nothing",
    )
    .ignored(&[]),
    Key::new(
        "jaasLoginRenew",
        number(0, INT, "ms"),
        "none",
        "found in many files, and without effect in ZooKeeper, too",
    )
    .ignored(&[]),
    client("client.secure").ignored(&[]),
    client("clientCnxnSocket").ignored(&[]),
    client("disableAutoWatchReset").ignored(&[]),
    client("request.timeout").ignored(&[]),
    client("sasl.client").ignored(&[]),
    client("sasl.client.canonicalize.hostname").ignored(&[]),
    client("sasl.client.allowReverseDnsLookup").ignored(&[]),
    client("sasl.client.username").ignored(&[]),
    client("sasl.clientconfig").ignored(&[]),
    client("hostProvider.dnsSrvRefreshIntervalSeconds").ignored(&[]),
    client("shuffleDnsResponse").ignored(&[]),
];

const fn sasl(name: &'static str, default: &'static str) -> Key {
    Key::new(name, Kind::Text("as for ZooKeeper"), default, "there is no SASL")
}

const fn client(name: &'static str) -> Key {
    Key::new(name, Kind::Text("as for ZooKeeper"), "", "for Java clients; it means nothing to a server")
}
