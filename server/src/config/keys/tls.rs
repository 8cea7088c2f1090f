//! Keys about encryption and certificates: `ssl.X` for clients, `ssl.quorum.X` between servers.

use super::key::{INT, Key, Kind, count, number};
use super::name;

pub(super) const KEYS: &[Key] = &[
    Key::new(
        name::SECURE_CLIENT_PORT,
        count(1, 65_535),
        "none",
        "The port for clients that speak TLS. `clientPort` may be left out then.",
    ),
    Key::new(
        name::SECURE_CLIENT_PORT_ADDRESS,
        Kind::Text("host name or address"),
        "all addresses",
        "The address of that port.",
    ),
    Key::new(
        name::CLIENT_PORT_UNIFICATION,
        Kind::Bool,
        "false",
        "`clientPort` takes clients with TLS, too, with the same certificates.",
    ),
    Key::new(
        name::SSL_QUORUM,
        Kind::Bool,
        "false",
        "This server connects to the others with TLS, on the quorum and on the election port.",
    ),
    Key::new(
        name::PORT_UNIFICATION,
        Kind::Bool,
        "false",
        "Both ports take servers with TLS and without. Needed only while the servers change over.",
    ),
    Key::new(
        name::SSL_QUORUM_RELOAD,
        Kind::Bool,
        "false",
        "The files of `ssl.quorum.*` are read again when they change. SIGHUP has that effect always.",
    ),
    Key::new(
        name::CLIENT_CERT_RELOAD,
        Kind::Bool,
        "false",
        "The files of `ssl.*` are read again when they change. SIGHUP has that effect always.",
    ),
    Key::new(
        name::SSL_KEY_STORE_LOCATION,
        Kind::File,
        "none",
        "The key and the certificates that this server shows: PEM, or PKCS#12. A JKS file is refused with the command \
         that converts it.",
    ),
    Key::new(
        name::SSL_KEY_STORE_PASSWORD,
        Kind::Text("password"),
        "none",
        "The password of that file. Better put it into a file of its own.",
    ),
    Key::new(
        name::SSL_KEY_STORE_PASSWORD_PATH,
        Kind::File,
        "none",
        "The file whose first line is the password. It is stronger than the key before.",
    ),
    Key::new(
        name::SSL_KEY_STORE_TYPE,
        Kind::OneOf(&["PEM", "PKCS12", "JKS"]),
        "what the file says",
        "What the file is. The file's first bytes decide: Java calls PKCS#12 files JKS, too.",
    ),
    Key::new(
        name::SSL_TRUST_STORE_LOCATION,
        Kind::File,
        "none",
        "The authorities whose certificates are believed: PEM with any number of them, or PKCS#12. Certificates of \
         single parties can stand there, too.",
    ),
    Key::new(name::SSL_TRUST_STORE_PASSWORD, Kind::Text("password"), "none", "The password of that file."),
    Key::new(
        name::SSL_TRUST_STORE_PASSWORD_PATH,
        Kind::File,
        "none",
        "The file whose first line is that password.",
    ),
    Key::new(
        name::SSL_TRUST_STORE_TYPE,
        Kind::OneOf(&["PEM", "PKCS12", "JKS"]),
        "what the file says",
        "What the file is, as for the key store.",
    ),
    Key::new(
        name::SSL_PROTOCOL,
        Kind::OneOf(&["TLSv1.3", "TLSv1.2", "TLS"]),
        "TLS",
        "The only version that is spoken, where `ssl.enabledProtocols` names none; `TLS`: 1.2 and 1.3.",
    ),
    Key::new(
        name::SSL_ENABLED_PROTOCOLS,
        Kind::Text("versions with commas between them"),
        "TLSv1.3,TLSv1.2",
        "The versions that are spoken. Older ones than 1.2 are not there.",
    ),
    Key::new(
        name::SSL_CIPHERSUITES,
        Kind::Text("names of the IANA with commas between them"),
        "all that are there",
        "The cipher suites, in the order in which this server prefers them. There are those of TLS 1.3, and of TLS 1.2 \
         those with ECDHE and with AES-GCM or ChaCha20.",
    ),
    Key::new(
        name::SSL_CLIENT_AUTH,
        Kind::OneOf(&["need", "want", "none"]),
        "need",
        "Whether the party that connects must show a certificate, may show one, or is not asked for one. One that is \
         shown must always be good.",
    ),
    Key::new(
        name::SSL_HOSTNAME_VERIFICATION,
        Kind::Bool,
        "true",
        "The certificate of the server that this one connects to must name the host that the configuration names, or \
         the address. DNS is not asked about an address.",
    ),
    Key::new(
        name::SSL_CLIENT_HOSTNAME_VERIFICATION,
        Kind::Bool,
        "false for clients; for servers as hostnameVerification",
        "The certificate of the party that connects must name its address, or between servers a host of the \
         configuration.",
    ),
    Key::new(
        name::SSL_CRL,
        Kind::Bool,
        "false",
        "Revoked certificates are refused. The list must be in `quorate.ssl.crlFile`: no list is fetched.",
    ),
    Key::new(
        name::QUORATE_SSL_CRL_FILE,
        Kind::File,
        "none",
        "Lists of revoked certificates as PEM, one of each authority. Certificates in them are refused, and so are \
         those of an authority without a list that is in force.",
    ),
    Key::new(
        name::SSL_HANDSHAKE_DETECTION,
        number(1, INT, "ms"),
        "5000",
        "How long the first byte of a connection may take. A handshake as a whole may take 10 seconds.",
    ),
    Key::new(
        name::SSL_AUTH_PROVIDER,
        Kind::OneOf(&["x509"]),
        "x509",
        "The scheme under which ACLs name a client that has shown a certificate.",
    ),
    Key::new(
        name::X509_SUPER_USER,
        Kind::Text("name"),
        "none",
        "The client whose certificate has this name may do everything. Names are as in RFC 2253: `CN=admin,O=Example`.",
    ),
    Key::new(
        name::SSL_X509_ID_TYPE,
        Kind::OneOf(&["SDN", "SAN"]),
        "SDN",
        "What of a client's certificate is its name in ACLs: the subject, or one of the subject alternative names.",
    ),
    Key::new(
        name::SSL_X509_ID_KIND,
        count(0, 8),
        "6",
        "The kind of alternative name, by its number in RFC 5280: 1 mail, 2 DNS, 6 URI (SPIFFE), 7 address.",
    ),
    Key::new(
        name::SSL_X509_ID_MATCH,
        Kind::Text("regular expression"),
        ".*",
        "The alternative name that counts is the only one in which this is found. If there is not exactly one, the \
         subject counts.",
    ),
    Key::new(
        name::SSL_X509_ID_EXTRACT,
        Kind::Text("regular expression"),
        ".*",
        "The part of it that is the client's name.",
    ),
    Key::new(
        name::SSL_X509_ID_GROUP,
        count(0, INT),
        "0",
        "The group of that expression that is the part; 0: all that it matches.",
    ),
    Key::new(
        "ssl.[quorum.]context.supplier.class",
        Kind::Text("Java class"),
        "none",
        "classes of Java cannot be loaded; use the other `ssl` keys",
    )
    .refused(&[]),
    Key::new(
        "ssl.[quorum.]ocsp",
        Kind::Bool,
        "false",
        "no responder is asked; use lists: `quorate.ssl.crlFile`",
    )
    .refused(&["false"]),
    Key::new(
        "ssl.[quorum.]allowReverseDnsLookup",
        Kind::Bool,
        "false",
        "names come from the configuration; DNS is not asked about an address",
    )
    .ignored(&["false"]),
    Key::new(
        "ssl.sslProvider",
        Kind::Text("JDK or OPENSSL"),
        "JDK",
        "TLS is that of the crate `rustls`, in either case",
    )
    .ignored(&["JDK", "OPENSSL"]),
];
