//! TLS as a configuration asks for it: which ports, which files, which parties are believed.

use std::path::PathBuf;
use std::time::Duration;

use super::error::Mistake;
use super::keys::name;
use super::member::{ClientAddress, Member};
use super::typed::{Place, Typed};
use crate::tls::settings::{ClientAuth, OtherName, Secret, Side, StoreFile, TlsSettings};
use crate::tls::{Context, Part, Trouble};

/// What of TLS there is on each port.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TlsConfig {
    /// The port for clients that speak TLS.
    pub secure_client: Option<ClientAddress>,
    /// Whether the client port takes clients with TLS, too.
    pub client_unification: bool,
    /// `ssl.*`, where clients may speak TLS.
    pub client: Option<TlsSettings>,
    /// Whether this server connects to the others with TLS.
    pub dials: bool,
    /// What the ports between servers take.
    pub listens: Listens,
    /// `ssl.quorum.*`, where servers may speak TLS.
    pub quorum: Option<TlsSettings>,
    /// Handshakes of clients that may be under way.
    pub handshakes: usize,
    /// The name in the certificate of the client that may do everything.
    pub super_user: Option<String>,
}

/// What a port between servers takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Listens {
    /// Servers without TLS.
    #[default]
    Plain,
    /// Both.
    Both,
    /// Servers with TLS.
    Tls,
}

/// What the keys mean together. Files are read, so that what is wrong with them is said with the rest.
pub(super) fn mean(typed: &mut Typed, own: Option<&Member>, client: Option<&ClientAddress>) -> TlsConfig {
    let secure_client = secure_client(typed, own, client);
    let client_unification = typed.boolean(name::CLIENT_PORT_UNIFICATION);
    let (dials, unification) = (typed.boolean(name::SSL_QUORUM), typed.boolean(name::PORT_UNIFICATION));
    let listens = match (dials, unification) {
        (_, true) => Listens::Both,
        (true, false) => Listens::Tls,
        (false, false) => Listens::Plain,
    };
    let why = [name::SECURE_CLIENT_PORT, name::CLIENT_PORT_UNIFICATION];
    let for_clients = secure_client.is_some() || client_unification;
    let line = typed.members.values().find(|(_, member)| Some(member) == own).map(|(place, _)| place.clone());
    let client = side(typed, Side::Client, for_clients, (&why, line.as_ref()));
    let why = [name::SSL_QUORUM, name::PORT_UNIFICATION];
    let quorum = side(typed, Side::Quorum, listens != Listens::Plain, (&why, None));
    TlsConfig {
        secure_client,
        client_unification,
        client,
        dials,
        listens,
        quorum,
        handshakes: typed.number(name::NETTY_HANDSHAKE_LIMIT) as usize,
        super_user: typed.text(name::X509_SUPER_USER).filter(|name| !name.is_empty()),
    }
}

fn secure_client(
    typed: &mut Typed,
    own: Option<&Member>,
    client: Option<&ClientAddress>,
) -> Option<ClientAddress> {
    let host = typed.text(name::SECURE_CLIENT_PORT_ADDRESS);
    let port = typed.given_number(name::SECURE_CLIENT_PORT).map(|port| port as u16);
    if let (Some(place), None) = (typed.place(name::SECURE_CLIENT_PORT_ADDRESS), port) {
        typed.error_at(&place, Mistake::Conflict("secureClientPort must be given with it".to_owned()));
    }
    let address = match port {
        Some(port) => ClientAddress { host, port },
        None => return own.and_then(|own| own.secure.clone()),
    };
    let listed = own.and_then(|own| own.secure.as_ref());
    let taken = client.filter(|client| client.port == address.port).map(|_| "clientPort".to_owned());
    let taken = taken.or_else(|| {
        let place = own?.places().find(|place| place.port == address.port)?;
        Some(format!("this server's port for other servers ({place})"))
    });
    if let Some(place) = typed.place(name::SECURE_CLIENT_PORT) {
        if let Some(taken) = taken {
            typed.error_at(&place, Mistake::Conflict(format!("{} is also {taken}", address.port)));
        }
        if let Some(listed) = listed.filter(|listed| listed.port != address.port) {
            let text = format!("{} contradicts port {} in this server's own line", address.port, listed.port);
            typed.error_at(&place, Mistake::Conflict(text));
        }
    }
    Some(address)
}

/// The keys of one side. Where that side has no TLS, keys have no effect, and that is said.
fn side(
    typed: &mut Typed,
    side: Side,
    is_on: bool,
    (switches, line): (&[&str], Option<&Place>),
) -> Option<TlsSettings> {
    let key = |name: &str| side.key(name);
    if !is_on {
        if let Some(place) = typed.place(&key(name::SSL_KEY_STORE_LOCATION)) {
            let text = format!("has no effect: neither {} asks for TLS", switches.join(" nor "));
            typed.warn_ignored(&place, &text);
        }
        return None;
    }
    let switch = switches.iter().find_map(|switch| typed.place(switch));
    let switch = switch.or_else(|| line.cloned())?;
    let Some(key_store) = store(typed, side, KEY_STORE) else {
        let text =
            format!("needs {}: the key and the certificate to show", key(name::SSL_KEY_STORE_LOCATION));
        typed.error_at(&switch, Mistake::Conflict(text));
        return None;
    };
    let (tls12, tls13) = versions(typed, side);
    let quorum_default = side == Side::Quorum && typed.boolean(&key(name::SSL_HOSTNAME_VERIFICATION));
    let settings = TlsSettings {
        side,
        key_store,
        trust_store: store(typed, side, TRUST_STORE),
        tls12,
        tls13,
        suites: typed.text(&key(name::SSL_CIPHERSUITES)).map(|text| list(&text)),
        client_auth: match typed.text(&key(name::SSL_CLIENT_AUTH)).map(|word| word.to_lowercase()).as_deref()
        {
            Some("none") => ClientAuth::None,
            Some("want") => ClientAuth::Want,
            _ => ClientAuth::Need,
        },
        verify_host: typed.boolean(&key(name::SSL_HOSTNAME_VERIFICATION)),
        verify_client_host: match typed.get(&key(name::SSL_CLIENT_HOSTNAME_VERIFICATION)) {
            Some(_) => typed.boolean(&key(name::SSL_CLIENT_HOSTNAME_VERIFICATION)),
            None => quorum_default,
        },
        identity: if side == Side::Client { other_name(typed) } else { None },
        crl_file: typed.text(&key(name::QUORATE_SSL_CRL_FILE)).map(PathBuf::from),
        first_byte: Duration::from_millis(typed.number(&key(name::SSL_HANDSHAKE_DETECTION)) as u64),
        reload: typed.boolean(match side {
            Side::Client => name::CLIENT_CERT_RELOAD,
            Side::Quorum => name::SSL_QUORUM_RELOAD,
        }),
    };
    needs(typed, &settings, &switch);
    match Context::load(&settings) {
        Err(trouble) => refuse(typed, side, &switch, &trouble),
        Ok(context) => {
            for (part, text) in context.advice() {
                let place = typed.place(&key(of_part(part))).unwrap_or_else(|| switch.clone());
                typed.warn(&place, text);
            }
        }
    }
    Some(settings)
}

/// What one key asks for and another one must give.
fn needs(typed: &mut Typed, settings: &TlsSettings, switch: &Place) {
    let key = |name: &str| settings.side.key(name);
    let (crl, file) = (key(name::SSL_CRL), key(name::QUORATE_SSL_CRL_FILE));
    if typed.boolean(&crl)
        && settings.crl_file.is_none()
        && let Some(place) = typed.place(&crl)
    {
        let text = format!("needs {file}: this server fetches no list of revoked certificates");
        typed.error_at(&place, Mistake::Conflict(text));
    }
    let needed_by = match settings.side {
        _ if settings.trust_store.is_some() => return,
        Side::Quorum => "servers are believed by their certificates",
        Side::Client if settings.client_auth == ClientAuth::None => return,
        Side::Client => "clients must show a certificate unless ssl.clientAuth is none",
    };
    let place = typed.place(&key(name::SSL_CLIENT_AUTH)).unwrap_or_else(|| switch.clone());
    let text = format!("needs {}: {needed_by}", key(name::SSL_TRUST_STORE_LOCATION));
    typed.error_at(&place, Mistake::Conflict(text));
}

/// A file that cannot be used: said at the key that names it.
fn refuse(typed: &mut Typed, side: Side, switch: &Place, trouble: &Trouble) {
    let place = typed.place(&side.key(of_part(trouble.part()))).unwrap_or_else(|| switch.clone());
    typed.error_at(&place, Mistake::Tls(trouble.to_string()));
}

/// The key that speaks of a part.
fn of_part(part: Part) -> &'static str {
    match part {
        Part::KeyStore => name::SSL_KEY_STORE_LOCATION,
        Part::KeyStorePassword => name::SSL_KEY_STORE_PASSWORD_PATH,
        Part::TrustStore => name::SSL_TRUST_STORE_LOCATION,
        Part::TrustStorePassword => name::SSL_TRUST_STORE_PASSWORD_PATH,
        Part::Crl => name::QUORATE_SSL_CRL_FILE,
        Part::Suites => name::SSL_CIPHERSUITES,
        Part::Identity => name::SSL_X509_ID_TYPE,
    }
}

const KEY_STORE: [&str; 3] =
    [name::SSL_KEY_STORE_LOCATION, name::SSL_KEY_STORE_PASSWORD, name::SSL_KEY_STORE_PASSWORD_PATH];
const TRUST_STORE: [&str; 3] =
    [name::SSL_TRUST_STORE_LOCATION, name::SSL_TRUST_STORE_PASSWORD, name::SSL_TRUST_STORE_PASSWORD_PATH];

fn store(typed: &Typed, side: Side, keys: [&str; 3]) -> Option<StoreFile> {
    let [location, password, password_path] = keys.map(|name| typed.text(&side.key(name)));
    Some(StoreFile {
        location: PathBuf::from(location.filter(|location| !location.is_empty())?),
        password: Secret(password.unwrap_or_default()),
        password_path: password_path.filter(|path| !path.is_empty()).map(PathBuf::from),
    })
}

/// `ssl.x509.*`: the other name that names a client.
fn other_name(typed: &Typed) -> Option<OtherName> {
    let all = || ".*".to_owned();
    let is_other = typed.text(name::SSL_X509_ID_TYPE).is_some_and(|word| word.eq_ignore_ascii_case("SAN"));
    is_other.then(|| OtherName {
        kind: typed.number(name::SSL_X509_ID_KIND) as u8,
        matches: typed.text(name::SSL_X509_ID_MATCH).unwrap_or_else(all),
        extract: typed.text(name::SSL_X509_ID_EXTRACT).unwrap_or_else(all),
        group: typed.number(name::SSL_X509_ID_GROUP) as usize,
    })
}

/// Whether TLS 1.2 and 1.3 are spoken.
fn versions(typed: &mut Typed, side: Side) -> (bool, bool) {
    let key = side.key(name::SSL_ENABLED_PROTOCOLS);
    let Some((place, text)) = typed.get(&key).map(|(place, text)| (place.clone(), text.to_owned())) else {
        let only = typed.text(&side.key(name::SSL_PROTOCOL)).unwrap_or_default();
        let is = |version: &str| only.eq_ignore_ascii_case(version);
        return (!is("TLSv1.3"), !is("TLSv1.2"));
    };
    let asked = list(&text);
    let has = |version: &str| asked.iter().any(|asked| asked.eq_ignore_ascii_case(version));
    let (tls12, tls13) = (has("TLSv1.2"), has("TLSv1.3"));
    for other in asked.iter().filter(|asked| !matches!(asked.as_str(), "TLSv1.2" | "TLSv1.3")) {
        typed.warn_ignored(&place, &format!("{other:?} is not spoken: there are TLSv1.2 and TLSv1.3"));
    }
    if !tls12 && !tls13 {
        let text = "names no version that is spoken: there are TLSv1.2 and TLSv1.3".to_owned();
        typed.error_at(&place, Mistake::Conflict(text));
    }
    (tls12, tls13)
}

fn list(text: &str) -> Vec<String> {
    text.split([',', ' ']).map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}
