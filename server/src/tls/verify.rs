//! Whether the certificate of another party is believed.
//!
//! One rule for both directions: a chain to an authority of the trust store, or a certificate that stands in
//! the trust store itself. For whom a certificate is, is looked at after the handshake (`names.rs`).

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};
use webpki::{
    CertRevocationList, EndEntityCert, ExpirationPolicy, KeyUsage, RevocationCheckDepth,
    RevocationOptionsBuilder, UnknownStatusPolicy,
};

use super::certificate::Certificate;
use crate::admin::civil::civil;

/// Whom a server believes.
pub(super) struct Verifier {
    pub(super) anchors: Vec<TrustAnchor<'static>>,
    /// The certificates of the trust store as they stand there.
    pub(super) listed: Vec<CertificateDer<'static>>,
    /// Names of the authorities, told to parties that are asked for a certificate.
    pub(super) hints: Vec<DistinguishedName>,
    pub(super) crls: Vec<CertRevocationList<'static>>,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
    /// Whether the party that connects must show a certificate.
    pub(super) mandatory: bool,
}

/// A certificate is refused, in words.
#[derive(Debug)]
struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("anchors", &self.anchors.len()).finish_non_exhaustive()
    }
}

impl Verifier {
    fn check(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
        usage: KeyUsage,
    ) -> Result<(), Error> {
        let refused = |why: String| {
            Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(Refused(why)))))
        };
        let said = Certificate::read(end_entity)
            .map_err(|why| refused(format!("shows a certificate that cannot be read: {why}")))?;
        let whose = shown(&said.subject);
        let now_seconds = now.as_secs() as i64;
        if now_seconds < said.not_before {
            let date = date(said.not_before);
            return Err(refused(format!("the certificate of {whose} is not valid before {date}")));
        }
        if now_seconds > said.not_after {
            return Err(refused(format!("the certificate of {whose} has expired: {}", date(said.not_after))));
        }
        if self.listed.iter().any(|listed| listed == end_entity) {
            return Ok(());
        }
        self.chain(end_entity, intermediates, now, usage)
            .map_err(|why| refused(words(&why, &whose, &shown(&said.issuer))))
    }

    fn chain(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
        usage: KeyUsage,
    ) -> Result<(), webpki::Error> {
        let certificate = EndEntityCert::try_from(end_entity)?;
        let crls: Vec<&CertRevocationList<'_>> = self.crls.iter().collect();
        let revocation = RevocationOptionsBuilder::new(&crls).ok().map(|options| {
            options
                .with_depth(RevocationCheckDepth::Chain)
                .with_status_policy(UnknownStatusPolicy::Deny)
                .with_expiration_policy(ExpirationPolicy::Enforce)
                .build()
        });
        let (algorithms, anchors) = (self.algorithms.all, self.anchors.as_slice());
        certificate
            .verify_for_usage(algorithms, anchors, intermediates, now, usage, revocation, None)
            .map(drop)
    }
}

/// Why a chain is not believed.
fn words(why: &webpki::Error, whose: &str, issuer: &str) -> String {
    use webpki::Error as Why;
    match why {
        Why::UnknownIssuer | Why::CaUsedAsEndEntity if whose == issuer => {
            format!("the certificate of {whose} is signed by itself and does not stand in the trust store")
        }
        Why::UnknownIssuer => {
            format!("the certificate of {whose} is signed by {issuer}, whom the trust store does not lead to")
        }
        Why::InvalidSignatureForPublicKey => {
            format!("the certificate of {whose} is not signed by the {issuer} of the trust store")
        }
        Why::CertRevoked => format!("the certificate of {whose} is revoked"),
        Why::UnknownRevocationStatus => {
            format!("the certificate of {whose}: no list says whether {issuer} has revoked it")
        }
        Why::CrlExpired { .. } => {
            format!("the certificate of {whose}: the list of what {issuer} has revoked is too old")
        }
        Why::CertExpired { .. } => format!("the certificate of {whose}: one of its authorities has expired"),
        Why::CaUsedAsEndEntity => {
            format!("the certificate of {whose} is one of an authority and does not stand in the trust store")
        }
        Why::RequiredEkuNotFoundContext(_) => {
            format!("the certificate of {whose} is not for this end of a connection (extended key usage)")
        }
        Why::UnsupportedCertVersion => format!("the certificate of {whose} is older than X.509 version 3"),
        other => format!("the certificate of {whose} is refused: {other:?}"),
    }
}

/// A name that another party wrote: without control characters, and not too long.
pub(super) fn shown(name: &str) -> String {
    let escaped = name.escape_debug().to_string().replace("\\\\", "\\");
    match escaped.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &escaped[..end]),
        None if escaped.is_empty() => "a party without a name".to_owned(),
        None => escaped,
    }
}

/// The day of a time in seconds since 1970.
pub(crate) fn date(seconds: i64) -> String {
    let (year, month, day) = civil(seconds.div_euclid(86_400));
    format!("{year:04}-{:02}-{day:02}", month + 1)
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(end_entity, intermediates, now, KeyUsage::client_auth())?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(end_entity, intermediates, now, KeyUsage::server_auth())?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
