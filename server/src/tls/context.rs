//! What one set of `ssl` keys makes of its files: ready for handshakes in both directions.

use std::fs;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoClientAuth, NoServerSessionStorage, danger::ClientCertVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, DistinguishedName, ServerConfig, SupportedProtocolVersion};
use webpki::{CertRevocationList, OwnedCertRevocationList, anchor_from_trusted_cert};

use super::certificate::Certificate;
use super::identity::Identity;
use super::settings::{ClientAuth, TlsSettings};
use super::store::{self, Contents};
use super::trouble::{Part, Trouble, Why};
use super::verify::{Verifier, date, shown};
use crate::clock::wall_ms;

/// A certificate that ends within this many days is warned about.
const SOON: i64 = 30;
const DAY: i64 = 86_400;

/// Keys, certificates and rules of one side, as they were when the files were read.
#[derive(Debug)]
pub(crate) struct Context {
    /// For parties that connect.
    pub(crate) server: Arc<ServerConfig>,
    /// For connecting to others.
    pub(crate) client: Arc<ClientConfig>,
    /// This server's own certificates, the one with the key first.
    pub(crate) own: Vec<Certificate>,
    advice: Vec<(Part, String)>,
    identity: Identity,
}

impl Context {
    /// Read the files that the settings name.
    ///
    /// # Errors
    /// Which file cannot be used, and why.
    pub(crate) fn load(settings: &TlsSettings) -> Result<Context, Trouble> {
        let mut advice = Vec::new();
        let provider = Arc::new(provider(settings, &mut advice)?);
        let key_file = &settings.key_store.location;
        let refused =
            |why: rustls::Error| Trouble::new(Part::KeyStore, key_file, Why::Refused(why.to_string()));
        let named = Identity::new(settings.identity.as_ref());
        let named = named.map_err(|why| Trouble::new(Part::Identity, key_file, Why::BadExpression(why)))?;
        let identity = Arc::new(identity(settings, &provider)?);
        let own = own(settings, &identity, &mut advice)?;
        let resolver = Arc::new(SingleCertAndKey::from(Arc::clone(&identity)));
        let verifier = verifier(settings, &provider, &mut advice)?.map(Arc::new);
        let asked = settings.client_auth != ClientAuth::None;
        let clients: Arc<dyn ClientCertVerifier> = match &verifier {
            Some(verifier) if asked => Arc::clone(verifier) as Arc<dyn ClientCertVerifier>,
            _ => Arc::new(NoClientAuth),
        };
        let versions = versions(settings);
        let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&versions)
            .map_err(refused)?
            .with_client_cert_verifier(clients)
            .with_cert_resolver(Arc::clone(&resolver) as Arc<_>);
        // Every connection proves itself anew: what has been revoked or replaced meanwhile counts at once.
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        server.ignore_client_order = settings.suites.is_some();
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .map_err(refused)?;
        let builder = match verifier {
            Some(verifier) => builder.dangerous().with_custom_certificate_verifier(verifier),
            None => builder.with_root_certificates(rustls::RootCertStore::empty()),
        };
        let mut client = builder.with_client_cert_resolver(resolver);
        client.resumption = rustls::client::Resumption::disabled();
        Ok(Context { server: Arc::new(server), client: Arc::new(client), own, advice, identity: named })
    }

    /// What the operator should know, with what it is about.
    pub(crate) fn advice(&self) -> impl Iterator<Item = (Part, &str)> {
        self.advice.iter().map(|(part, text)| (*part, text.as_str()))
    }

    /// The name under which lists of access rights know the holder of a certificate.
    pub(crate) fn name_of(&self, certificate: &Certificate) -> Option<String> {
        self.identity.name(certificate)
    }

    /// What is to be said of own certificates that are not in force, or not for long.
    pub(crate) fn endings(&self, now_ms: i64) -> impl Iterator<Item = String> {
        self.own.iter().filter_map(move |certificate| in_force(certificate, now_ms / 1000))
    }

    /// Whose certificate this server shows, and until when.
    pub(crate) fn summary(&self) -> String {
        let said = |certificate: &Certificate| {
            format!(
                "the certificate of {}, until {}",
                shown(&certificate.subject),
                date(certificate.not_after)
            )
        };
        self.own.first().map(said).unwrap_or_default()
    }

    /// Whole days until the first of this server's certificates ends; negative: one has ended.
    pub(crate) fn days_left(&self, now_ms: i64) -> i64 {
        let ends = self.own.iter().map(|certificate| certificate.not_after).min().unwrap_or(0);
        (ends - now_ms / 1000).div_euclid(DAY)
    }
}

/// The cryptography, with the cipher suites that the settings name.
fn provider(settings: &TlsSettings, advice: &mut Vec<(Part, String)>) -> Result<CryptoProvider, Trouble> {
    let mut provider = ring::default_provider();
    let Some(asked) = &settings.suites else { return Ok(provider) };
    // The library has a name of its own for those of TLS 1.3.
    let name = |suite: &rustls::SupportedCipherSuite| {
        suite.suite().as_str().unwrap_or_default().replace("TLS13_", "TLS_")
    };
    let of_name = |asked: &String| {
        let known = provider.cipher_suites.iter().find(|suite| name(suite).eq_ignore_ascii_case(asked));
        known.copied().ok_or_else(|| asked.clone())
    };
    let (found, unknown): (Vec<_>, Vec<_>) = asked.iter().map(of_name).partition(Result::is_ok);
    let unknown: Vec<String> = unknown.into_iter().filter_map(Result::err).collect();
    let found: Vec<_> = found.into_iter().filter_map(Result::ok).collect();
    let spoken = |suite: &rustls::SupportedCipherSuite| match suite.tls13() {
        Some(_) => settings.tls13,
        None => settings.tls12,
    };
    if !found.iter().any(spoken) {
        let known = provider.cipher_suites.iter().map(name).collect::<Vec<_>>().join(", ");
        let why = Why::NoSuite { asked: asked.join(","), known };
        return Err(Trouble::new(Part::Suites, &settings.key_store.location, why));
    }
    if !unknown.is_empty() {
        advice.push((Part::Suites, format!("these cipher suites are not there: {}", unknown.join(", "))));
    }
    provider.cipher_suites = found;
    Ok(provider)
}

fn versions(settings: &TlsSettings) -> Vec<&'static SupportedProtocolVersion> {
    let (tls13, tls12) = (&rustls::version::TLS13, &rustls::version::TLS12);
    let all = [(settings.tls13, tls13), (settings.tls12, tls12)];
    all.into_iter().filter(|(spoken, _)| *spoken).map(|(_, version)| version).collect()
}

/// The key, and the certificates that lead from it to an authority.
fn identity(settings: &TlsSettings, provider: &CryptoProvider) -> Result<CertifiedKey, Trouble> {
    let file = &settings.key_store;
    let parts = (Part::KeyStore, Part::KeyStorePassword);
    let Contents { keys, certificates } = store::read(file, parts)?;
    let trouble = |why| Trouble::new(Part::KeyStore, &file.location, why);
    if certificates.is_empty() {
        return Err(trouble(Why::NoCertificate));
    }
    let mut unusable = Why::NoKey;
    for private in &keys {
        match chain(private, &certificates, provider) {
            Ok(Some(identity)) => return Ok(identity),
            Ok(None) => unusable = Why::KeyOfAnother,
            Err(why) => unusable = Why::BadKey(why.to_string()),
        }
    }
    Err(trouble(unusable))
}

/// The certificate that belongs to the key, then the one that signed it, and so on.
fn chain(
    private: &PrivateKeyDer<'static>,
    certificates: &[CertificateDer<'static>],
    provider: &CryptoProvider,
) -> Result<Option<CertifiedKey>, rustls::Error> {
    let key = provider.key_provider.load_private_key(private.clone_key())?;
    let belongs = |certificate: &&CertificateDer<'static>| {
        CertifiedKey::new(vec![(*certificate).clone()], Arc::clone(&key)).keys_match().is_ok()
    };
    let Some(first) = certificates.iter().find(belongs) else { return Ok(None) };
    let names = |der: &CertificateDer<'_>| Certificate::read(der).map(|c| (c.subject, c.issuer));
    let mut chain = vec![first.clone()];
    while let Some(Ok((subject, issuer))) = chain.last().map(names)
        && subject != issuer
        && let Some(next) = certificates
            .iter()
            .find(|other| !chain.contains(other) && names(other).is_ok_and(|(subject, _)| subject == issuer))
    {
        chain.push(next.clone());
    }
    Ok(Some(CertifiedKey::new(chain, key)))
}

/// What this server's own certificates say, and what is to be said about them.
fn own(
    settings: &TlsSettings,
    identity: &CertifiedKey,
    advice: &mut Vec<(Part, String)>,
) -> Result<Vec<Certificate>, Trouble> {
    let mut own = Vec::new();
    for (number, der) in identity.cert.iter().enumerate() {
        let certificate = Certificate::read(der).map_err(|why| {
            let why = Why::BadCertificate { number: number + 1, why };
            Trouble::new(Part::KeyStore, &settings.key_store.location, why)
        })?;
        if let Some(text) = in_force(&certificate, wall_ms() / 1000) {
            advice.push((Part::KeyStore, text));
        }
        own.push(certificate);
    }
    Ok(own)
}

/// What is to be said of a certificate that is not in force, or not for long.
fn in_force(certificate: &Certificate, now: i64) -> Option<String> {
    let (whose, ends) = (shown(&certificate.subject), date(certificate.not_after));
    if certificate.not_after < now {
        Some(format!("the certificate of {whose} has expired: {ends}"))
    } else if certificate.not_before > now {
        Some(format!("the certificate of {whose} is not valid before {}", date(certificate.not_before)))
    } else if certificate.not_after < now + SOON * DAY {
        Some(format!("the certificate of {whose} expires on {ends}"))
    } else {
        None
    }
}

/// The parties to believe; none without a trust store.
fn verifier(
    settings: &TlsSettings,
    provider: &CryptoProvider,
    advice: &mut Vec<(Part, String)>,
) -> Result<Option<Verifier>, Trouble> {
    let Some(file) = &settings.trust_store else { return Ok(None) };
    let parts = (Part::TrustStore, Part::TrustStorePassword);
    let listed = store::read(file, parts)?.certificates;
    let trouble = |why| Trouble::new(Part::TrustStore, &file.location, why);
    if listed.is_empty() {
        return Err(trouble(Why::NoCertificate));
    }
    let (mut anchors, mut hints, mut ended) = (Vec::new(), Vec::new(), 0);
    for (n, der) in listed.iter().enumerate() {
        let bad = |why| trouble(Why::BadCertificate { number: n + 1, why });
        let said = Certificate::read(der).map_err(bad)?;
        ended += usize::from(said.not_after < wall_ms() / 1000);
        let anchor = anchor_from_trusted_cert(der).map_err(|why| bad(why.to_string()))?;
        let hint = DistinguishedName::in_sequence(&anchor.subject);
        if hints.iter().all(|known: &DistinguishedName| known.as_ref() != hint.as_ref()) {
            hints.push(hint);
        }
        anchors.push(anchor.to_owned());
    }
    if ended == listed.len() {
        advice.push((Part::TrustStore, "all of its certificates have expired".to_owned()));
    }
    Ok(Some(Verifier {
        anchors,
        hints,
        crls: crls(settings)?,
        algorithms: provider.signature_verification_algorithms,
        mandatory: settings.client_auth == ClientAuth::Need,
        listed,
    }))
}

fn crls(settings: &TlsSettings) -> Result<Vec<CertRevocationList<'static>>, Trouble> {
    let Some(file) = &settings.crl_file else { return Ok(Vec::new()) };
    let read = store::read_crls(Part::Crl, file)?;
    let parsed = read.iter().map(|der| OwnedCertRevocationList::from_der(der).map(CertRevocationList::from));
    let parsed = parsed.collect::<Result<Vec<_>, _>>();
    parsed.map_err(|why| Trouble::new(Part::Crl, file, Why::BadCrl(why.to_string())))
}

/// When the files of the settings were changed last, each, and how long they are: what tells old from new.
pub(crate) fn files(settings: &TlsSettings) -> Vec<Option<(SystemTime, u64)>> {
    let stores = [Some(&settings.key_store), settings.trust_store.as_ref()];
    let paths =
        stores.into_iter().flatten().flat_map(|store| [Some(&store.location), store.password_path.as_ref()]);
    let paths = paths.chain([settings.crl_file.as_ref()]).flatten();
    let state = |path| {
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    paths.map(state).collect()
}
