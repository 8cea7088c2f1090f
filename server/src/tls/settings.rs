//! What one set of `ssl` keys says, before its files are read.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// One set of `ssl` keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsSettings {
    /// Whose keys these are.
    pub side: Side,
    /// The key and the certificates to show.
    pub key_store: StoreFile,
    /// The parties to believe; without it no party is asked for a certificate.
    pub trust_store: Option<StoreFile>,
    /// Whether TLS 1.2 is spoken.
    pub tls12: bool,
    /// Whether TLS 1.3 is spoken.
    pub tls13: bool,
    /// The cipher suites by name; none: all.
    pub suites: Option<Vec<String>>,
    /// Whether the party that connects must show a certificate.
    pub client_auth: ClientAuth,
    /// Whether the party that this server connects to must be the one that the certificate names.
    pub verify_host: bool,
    /// Whether the party that connects must be.
    pub verify_client_host: bool,
    /// Under which name the holder of a certificate is known, if not under its subject.
    pub identity: Option<OtherName>,
    /// Lists of revoked certificates.
    pub crl_file: Option<PathBuf>,
    /// How long the first byte may take.
    pub first_byte: Duration,
    /// Whether changed files are noticed.
    pub reload: bool,
}

/// One of the other names of a certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OtherName {
    /// The kind of name, by its number in RFC 5280.
    pub kind: u8,
    /// The expression that the name must match.
    pub matches: String,
    /// The expression that takes a part of it.
    pub extract: String,
    /// Which group of that is the part.
    pub group: usize,
}

/// Whose `ssl` keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// `ssl.X`.
    Client,
    /// `ssl.quorum.X`.
    Quorum,
}

/// Whether a party that connects must show a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientAuth {
    /// A party without a certificate is refused.
    Need,
    /// A party without a certificate is let in, one with a bad one is not.
    Want,
    /// No party is asked for one.
    None,
}

/// A file with keys or certificates.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoreFile {
    /// The file.
    pub location: PathBuf,
    /// The file's password, as the configuration has it.
    pub password: Secret,
    /// The file that its password is in.
    pub password_path: Option<PathBuf>,
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl Side {
    /// The name of one of this side's keys.
    pub(crate) fn key(self, name: &str) -> String {
        name.replace("[quorum.]", if self == Side::Quorum { "quorum." } else { "" })
    }

    /// What the keys' names begin with.
    pub(crate) fn prefix(self) -> &'static str {
        if self == Side::Quorum { "ssl.quorum" } else { "ssl" }
    }
}
