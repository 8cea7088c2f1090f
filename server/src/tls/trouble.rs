//! A key, a certificate or a list that cannot be used: which file, and why.

use std::io;
use std::path::{Path, PathBuf};

/// What is wrong with the files of one set of `ssl` keys.
#[derive(Debug, thiserror::Error)]
#[error("{}: {why}", file.display())]
pub(crate) struct Trouble {
    part: Part,
    file: PathBuf,
    why: Why,
}

/// What of a set of `ssl` keys something is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    /// The key and its certificates.
    KeyStore,
    /// The password of these.
    KeyStorePassword,
    /// The certificates that are believed.
    TrustStore,
    /// The password of these.
    TrustStorePassword,
    /// The lists of revoked certificates.
    Crl,
    /// The names of cipher suites.
    Suites,
    /// How a client's name is made of its certificate.
    Identity,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Why {
    /// The system refuses to read it.
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    /// A key store of Java.
    #[error(
        "is a JKS file, which is not read; convert it: keytool -importkeystore -srckeystore {0} -destkeystore \
         {0}.p12 -deststoretype PKCS12"
    )]
    Jks(String),
    /// Nothing that is known.
    #[error("is neither PEM nor PKCS#12")]
    Unknown,
    /// PEM that cannot be decoded.
    #[error("is damaged PEM: {0}")]
    BadPem(String),
    /// PKCS#12 that cannot be read.
    #[error("cannot be read as PKCS#12: {0}; is the password right?")]
    Pkcs12(String),
    /// A key with a password.
    #[error("its key cannot be decrypted: {0}; is the password right?")]
    Encrypted(String),
    /// No key.
    #[error("has no private key")]
    NoKey,
    /// No certificate.
    #[error("has no certificate")]
    NoCertificate,
    /// A key and certificates that do not belong together.
    #[error("none of its certificates belongs to its private key")]
    KeyOfAnother,
    /// A key of a kind that is not there.
    #[error("its key cannot be used: {0}")]
    BadKey(String),
    /// A certificate that cannot be read.
    #[error("certificate {number} cannot be used: {why}")]
    BadCertificate {
        /// Which one, from 1.
        number: usize,
        /// What is wrong with it.
        why: String,
    },
    /// A list of revoked certificates that cannot be read.
    #[error("has no list of revoked certificates that can be used: {0}")]
    BadCrl(String),
    /// Names of cipher suites.
    #[error("no cipher suite that is there is named in {asked}; there are {known}")]
    NoSuite {
        /// What is asked for.
        asked: String,
        /// What there is.
        known: String,
    },
    /// How a name is made of a certificate.
    #[error("a client's certificate cannot be named: {0}")]
    BadExpression(String),
    /// The library refuses the whole.
    #[error("cannot be used: {0}")]
    Refused(String),
}

impl Trouble {
    /// With a file.
    pub(crate) fn new(part: Part, file: &Path, why: Why) -> Trouble {
        Trouble { part, file: file.to_owned(), why }
    }

    /// What it is about.
    pub(crate) fn part(&self) -> Part {
        self.part
    }
}
