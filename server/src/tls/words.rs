//! What went wrong between two parties, in words for a log.

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};

/// Why a handshake or a connection has failed.
pub(crate) fn explain(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(CertificateError::Other(other)) => other.to_string(),
        Error::InvalidCertificate(why) => certificate(why),
        Error::NoCertificatesPresented => "shows no certificate, and one is needed (clientAuth)".to_owned(),
        Error::AlertReceived(alert) => told(*alert),
        Error::PeerIncompatible(why) => format!("cannot agree on how to speak TLS: {}", incompatible(why)),
        Error::PeerMisbehaved(why) => format!("breaks the rules of TLS: {why:?}"),
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => "stops speaking TLS".to_owned(),
        Error::InvalidMessage(why) => format!("sends what is no TLS: {why:?}"),
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } => {
            "sends a message of TLS out of turn".to_owned()
        }
        Error::DecryptError => "sends what cannot be decrypted".to_owned(),
        Error::PeerSentOversizedRecord => "sends a record that is too long".to_owned(),
        other => format!("TLS failed: {other}"),
    }
}

fn certificate(why: &CertificateError) -> String {
    let what = match why {
        CertificateError::BadSignature => "does not prove that its certificate is its own",
        CertificateError::BadEncoding => "shows a certificate that cannot be read",
        _ => return format!("its certificate is refused: {why}"),
    };
    what.to_owned()
}

/// The other end has said why it ends the connection.
fn told(alert: AlertDescription) -> String {
    use AlertDescription as Alert;
    let what = match alert {
        Alert::UnknownCA => "does not believe the authority of this server's certificate",
        Alert::CertificateExpired => "says that this server's certificate has expired",
        Alert::CertificateRevoked => "says that this server's certificate is revoked",
        Alert::CertificateRequired => "wants a certificate, and this server shows none",
        Alert::BadCertificate | Alert::CertificateUnknown | Alert::UnsupportedCertificate => {
            "does not believe this server's certificate"
        }
        Alert::DecryptError => "cannot check this server's certificate or signature",
        Alert::ProtocolVersion => "speaks no version of TLS that this server speaks",
        Alert::HandshakeFailure | Alert::InsufficientSecurity => {
            "finds no cipher suite, or no certificate, that suits both ends"
        }
        Alert::UserCanceled => "has given up",
        other => return format!("ends TLS with the alert {other:?}"),
    };
    what.to_owned()
}

fn incompatible(why: &PeerIncompatible) -> &'static str {
    use PeerIncompatible as Why;
    match why {
        Why::Tls12NotOfferedOrEnabled | Why::Tls12NotOffered => "it does not offer TLS 1.2",
        Why::SupportedVersionsExtensionRequired => "it does not offer TLS 1.2 or 1.3",
        Why::ServerDoesNotSupportTls12Or13 => "it speaks neither TLS 1.2 nor TLS 1.3",
        Why::ServerTlsVersionIsDisabledByOurConfig => {
            "it picks a version that this server's configuration switches off"
        }
        Why::NoCipherSuitesInCommon => "no cipher suite is common to both ends",
        Why::NoKxGroupsInCommon | Why::NamedGroupsExtensionRequired | Why::EcPointsExtensionRequired => {
            "no way to exchange keys is common to both ends"
        }
        Why::NoSignatureSchemesInCommon
        | Why::NoCertificateRequestSignatureSchemesInCommon
        | Why::SignatureAlgorithmsExtensionRequired => "no kind of signature is common to both ends",
        Why::ExtendedMasterSecretExtensionRequired => "it lacks an extension that TLS 1.2 needs to be safe",
        _ => "the two ends have nothing in common",
    }
}
