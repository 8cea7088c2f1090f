//! Keys and certificates of every kind: what is taken, and what is said of the rest.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConnection, ServerConnection};

use super::make::{Authority, Issued, Wanted};
use super::settings::{ClientAuth, Secret, Side, StoreFile, TlsSettings};
use super::{Context, Expected, words};
use crate::tls::certificate::Certificate;

/// A directory with an authority, and what it has issued.
pub(crate) struct Keys {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) authority: Authority,
}

impl Keys {
    pub(crate) fn new() -> Keys {
        let keys =
            Keys { dir: tempfile::tempdir().unwrap(), authority: Authority::new("Test CA", 30).unwrap() };
        fs::write(keys.path("ca.pem"), &keys.authority.certificate).unwrap();
        keys
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A key and its certificate in one file.
    pub(crate) fn issue(&self, wanted: &Wanted) -> PathBuf {
        self.write(&wanted.name, &self.authority.issue(wanted).unwrap())
    }

    pub(crate) fn write(&self, name: &str, issued: &Issued) -> PathBuf {
        let path = self.path(&format!("{name}.pem"));
        fs::write(&path, format!("{}{}", issued.key, issued.certificate)).unwrap();
        path
    }

    /// The settings of a party with this key, that believes the authority.
    pub(crate) fn settings(&self, side: Side, key: &Path) -> TlsSettings {
        TlsSettings {
            side,
            key_store: file(key),
            trust_store: Some(file(&self.path("ca.pem"))),
            tls12: true,
            tls13: true,
            suites: None,
            client_auth: ClientAuth::Need,
            verify_host: true,
            verify_client_host: false,
            identity: None,
            crl_file: None,
            first_byte: Duration::from_secs(5),
            reload: false,
        }
    }

    fn party(&self, wanted: &Wanted) -> TlsSettings {
        self.settings(Side::Quorum, &self.issue(wanted))
    }
}

fn file(path: &Path) -> StoreFile {
    StoreFile { location: path.to_owned(), password: Secret::default(), password_path: None }
}

fn load(settings: &TlsSettings) -> Context {
    Context::load(settings).unwrap_or_else(|trouble| panic!("{trouble}"))
}

fn refusal(settings: &TlsSettings) -> String {
    Context::load(settings).map(|_| ()).unwrap_err().to_string()
}

/// What either end says of a handshake; nothing: it is done.
fn handshake(server: &TlsSettings, client: &TlsSettings) -> (Option<String>, Option<String>) {
    let (server, client) = (load(server), load(client));
    let mut server = ServerConnection::new(server.server).unwrap();
    let name = ServerName::try_from("zoo1").unwrap();
    let mut client = ClientConnection::new(client.client, name).unwrap();
    let (mut server_said, mut client_said) = (None, None);
    for _ in 0..10 {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        server.read_tls(&mut bytes.as_slice()).unwrap();
        server_said = server_said.or(server.process_new_packets().err().map(|error| words::explain(&error)));
        let mut bytes = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        client.read_tls(&mut bytes.as_slice()).unwrap();
        client_said = client_said.or(client.process_new_packets().err().map(|error| words::explain(&error)));
    }
    let done = !server.is_handshaking() && !client.is_handshaking();
    assert_eq!(done, server_said.is_none() && client_said.is_none(), "{server_said:?} {client_said:?}");
    (server_said, client_said)
}

fn party(name: &str) -> Wanted {
    Wanted::new(name, &["zoo1", "127.0.0.1"], 20)
}

#[test]
fn both_versions_and_both_directions() {
    let keys = Keys::new();
    let (server, client) = (keys.party(&party("server")), keys.party(&party("client")));
    assert_eq!(handshake(&server, &client), (None, None));
    for (tls12, tls13) in [(true, false), (false, true)] {
        let only = TlsSettings { tls12, tls13, ..client.clone() };
        assert_eq!(handshake(&server, &only), (None, None), "1.2: {tls12}");
        let other = TlsSettings { tls12: tls13, tls13: tls12, ..server.clone() };
        let (said, _) = handshake(&other, &only);
        assert!(said.unwrap().contains("cannot agree on how to speak TLS"));
    }
}

#[test]
fn what_is_wrong_with_a_certificate_is_said() {
    let keys = Keys::new();
    let server = keys.party(&party("server"));
    let stranger = Keys::new();
    let said = |client: &TlsSettings| handshake(&server, client).0.unwrap();
    let ended = said(&keys.party(&Wanted { from: -9, ..Wanted::new("ended", &[], -2) }));
    assert!(ended.contains("the certificate of CN=ended,O=Quorate has expired: 20"), "{ended}");
    let early = said(&keys.party(&Wanted { from: 5, ..Wanted::new("early", &[], 9) }));
    assert!(early.contains("CN=early,O=Quorate is not valid before 20"), "{early}");
    // Another authority of the same name.
    let mut foreign = stranger.party(&party("foreign"));
    foreign.trust_store.clone_from(&server.trust_store);
    let foreign = said(&foreign);
    assert!(foreign.contains("is not signed by the CN=Test CA,O=Quorate of the trust store"), "{foreign}");
    let other = Authority::new("Other CA", 30).unwrap().issue(&party("other")).unwrap();
    let other = said(&keys.settings(Side::Quorum, &keys.write("other", &other)));
    assert!(other.contains("is signed by CN=Other CA,O=Quorate, whom the trust store"), "{other}");
    let own = Authority::new("alone", 30).unwrap();
    let own = Issued { certificate: own.certificate.clone(), key: own.key };
    let own = said(&keys.settings(Side::Quorum, &keys.write("alone", &own)));
    assert!(own.contains("CN=alone,O=Quorate is signed by itself"), "{own}");
}

/// A client without a certificate.
#[derive(Debug)]
struct Nothing;

impl rustls::client::ResolvesClientCert for Nothing {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<rustls::sign::CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

#[test]
fn one_that_shows_nothing_is_refused_where_one_is_needed() {
    let keys = Keys::new();
    let (server, client) = (keys.party(&party("server")), keys.party(&party("client")));
    let mut silent = (*load(&client).client).clone();
    silent.client_auth_cert_resolver = Arc::new(Nothing);
    for (client_auth, refused) in
        [(ClientAuth::Need, true), (ClientAuth::Want, false), (ClientAuth::None, false)]
    {
        let server = load(&TlsSettings { client_auth, ..server.clone() });
        let mut server = ServerConnection::new(server.server).unwrap();
        let name = ServerName::try_from("zoo1").unwrap();
        let mut client = ClientConnection::new(Arc::new(silent.clone()), name).unwrap();
        let mut said = None;
        for _ in 0..5 {
            let mut bytes = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut bytes).unwrap();
            }
            server.read_tls(&mut bytes.as_slice()).unwrap();
            said = said.or(server.process_new_packets().err());
            let mut bytes = Vec::new();
            while server.wants_write() {
                server.write_tls(&mut bytes).unwrap();
            }
            client.read_tls(&mut bytes.as_slice()).unwrap();
            let _ = client.process_new_packets();
        }
        assert_eq!(said.is_some(), refused, "{client_auth:?}");
        assert!(said.is_none_or(|error| words::explain(&error).contains("shows no certificate")));
    }
}

#[test]
fn several_authorities_of_one_name_are_all_believed() {
    let (old, new) = (Keys::new(), Keys::new());
    let bundle = format!("{}{}", old.authority.certificate, new.authority.certificate);
    fs::write(old.path("bundle.pem"), bundle).unwrap();
    let trust = |mut settings: TlsSettings| {
        settings.trust_store = Some(file(&old.path("bundle.pem")));
        settings
    };
    let (server, client) = (trust(old.party(&party("server"))), trust(new.party(&party("client"))));
    assert_eq!(handshake(&server, &client), (None, None));
    assert_eq!(handshake(&client, &server), (None, None));
}

#[test]
fn a_certificate_that_stands_in_the_trust_store_is_believed() {
    let keys = Keys::new();
    let alone = Authority::new("alone", 30).unwrap();
    let trusted = keys.path("alone.crt");
    fs::write(&trusted, &alone.certificate).unwrap();
    let alone = Issued { certificate: alone.certificate.clone(), key: alone.key };
    let mut settings = keys.settings(Side::Quorum, &keys.write("alone", &alone));
    settings.trust_store = Some(file(&trusted));
    assert_eq!(handshake(&settings, &settings), (None, None));
}

#[test]
fn what_is_revoked_is_refused() {
    let keys = Keys::new();
    let (server, client) = (keys.party(&party("server")), keys.party(&party("client")));
    let serial = |settings: &TlsSettings| {
        let der = CertificateDer::from_pem_file(&settings.key_store.location).unwrap();
        let (_, certificate) = x509_parser::parse_x509_certificate(&der).unwrap();
        rcgen::SerialNumber::from_slice(certificate.raw_serial())
    };
    let list = |revoked: Vec<rcgen::SerialNumber>, until| {
        let params = rcgen::CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2020, 1, 1),
            next_update: until,
            crl_number: rcgen::SerialNumber::from(1u64),
            issuing_distribution_point: None,
            revoked_certs: revoked
                .into_iter()
                .map(|serial_number| rcgen::RevokedCertParams {
                    serial_number,
                    revocation_time: rcgen::date_time_ymd(2020, 1, 1),
                    reason_code: None,
                    invalidity_date: None,
                })
                .collect(),
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        params.signed_by(keys.authority.issuer()).unwrap().pem().unwrap()
    };
    let path = keys.path("revoked.pem");
    let with_list = TlsSettings { crl_file: Some(path.clone()), ..server };
    let later = rcgen::date_time_ymd(2200, 1, 1);
    fs::write(&path, list(vec![], later)).unwrap();
    assert_eq!(handshake(&with_list, &client), (None, None));
    fs::write(&path, list(vec![serial(&client)], later)).unwrap();
    let said = handshake(&with_list, &client).0.unwrap();
    assert!(said.contains("CN=client,O=Quorate is revoked"), "{said}");
    fs::write(&path, list(vec![], rcgen::date_time_ymd(2021, 1, 1))).unwrap();
    let said = handshake(&with_list, &client).0.unwrap();
    assert!(said.contains("is too old"), "{said}");
    fs::write(&path, "nothing").unwrap();
    assert!(refusal(&with_list).contains("no list of revoked certificates"));
}

fn tool(program: &str, arguments: &[&str]) -> bool {
    let done = Command::new(program).args(arguments).output();
    done.is_ok_and(|done| done.status.success())
}

#[test]
fn files_of_openssl_and_keytool_are_read() {
    let keys = Keys::new();
    let issued = keys.authority.issue(&party("server")).unwrap();
    let pem = keys.write("server", &issued);
    let text = |path: &PathBuf| path.to_str().unwrap().to_owned();
    let (p12, pem, ca) = (text(&keys.path("server.p12")), text(&pem), text(&keys.path("ca.pem")));
    let locked = text(&keys.path("locked.pem"));
    let password = ["-passout", "pass:secret words"];
    assert!(tool("openssl", &[&["pkcs12", "-export", "-in", &pem, "-out", &p12], &password[..]].concat()));
    let encrypt = ["pkcs8", "-topk8", "-in", &pem, "-out", &locked, "-v2", "aes256"];
    assert!(tool("openssl", &[&encrypt, &password[..]].concat()));
    let both = fs::read_to_string(&locked).unwrap() + &issued.certificate;
    fs::write(&locked, both).unwrap();
    fs::write(keys.path("password"), "secret words\nnot this\n").unwrap();
    for path in [&p12, &locked] {
        let mut settings = keys.settings(Side::Client, Path::new(path));
        settings.key_store.password = Secret("secret words".to_owned());
        assert_eq!(load(&settings).own[0].subject, "CN=server,O=Quorate", "{path}");
        // The file is stronger.
        settings.key_store.password_path = Some(keys.path("password"));
        settings.key_store.password = Secret("wrong".to_owned());
        load(&settings);
        settings.key_store.password_path = None;
        let said = refusal(&settings);
        assert!(said.contains("is the password right?") && !said.contains("wrong"), "{said}");
    }
    if !tool("keytool", &["-help"]) {
        return;
    }
    let (trust, jks) = (text(&keys.path("trust.p12")), text(&keys.path("trust.jks")));
    let import = ["-importcert", "-noprompt", "-alias", "ca", "-file", &ca, "-storepass", "secret"];
    assert!(tool("keytool", &[&import, &["-storetype", "PKCS12", "-keystore", &trust][..]].concat()));
    assert!(tool("keytool", &[&import, &["-storetype", "JKS", "-keystore", &jks][..]].concat()));
    let mut settings = keys.settings(Side::Client, Path::new(&pem));
    let mut store = file(Path::new(&trust));
    store.password = Secret("secret".to_owned());
    settings.trust_store = Some(store);
    assert_eq!(handshake(&settings, &settings), (None, None));
    settings.trust_store = Some(file(Path::new(&jks)));
    let said = refusal(&settings);
    assert!(said.contains("keytool -importkeystore -srckeystore") && said.contains("PKCS12"), "{said}");
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_the_reason() {
    let keys = Keys::new();
    let good = keys.issue(&party("good"));
    let other = keys.authority.issue(&party("other")).unwrap();
    let cases = [
        ("", "is neither PEM nor PKCS#12"),
        ("0 but no PKCS#12", "cannot be read as PKCS#12"),
        (&other.certificate, "has no private key"),
        (&other.key, "has no certificate"),
        ("-----BEGIN CERTIFICATE-----\n%%\n-----END CERTIFICATE-----\n", "is damaged PEM"),
    ];
    let path = keys.path("bad");
    for (content, why) in cases {
        fs::write(&path, content).unwrap();
        let said = refusal(&keys.settings(Side::Client, &path));
        assert!(said.contains(why) && said.contains("/bad: "), "{content:?}: {said}");
    }
    fs::write(&path, other.key + &keys.authority.certificate).unwrap();
    assert!(refusal(&keys.settings(Side::Client, &path)).contains("belongs to its private key"));
    assert!(
        refusal(&keys.settings(Side::Client, &keys.path("none"))).contains("cannot be read: No such file")
    );
    let suites = |names: &[&str]| TlsSettings {
        suites: Some(names.iter().map(|name| (*name).to_owned()).collect()),
        ..keys.settings(Side::Client, &good)
    };
    let said = refusal(&suites(&["TLS_RSA_WITH_AES_128_CBC_SHA"]));
    assert!(said.contains("TLS_RSA_WITH_AES_128_CBC_SHA; there are TLS_AES_256_GCM_SHA384"), "{said}");
    let some = load(&suites(&["TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_AES_128_GCM_SHA256"]));
    assert!(some.advice().any(|(_, text)| text.contains("not there: TLS_RSA_WITH_AES_128_CBC_SHA")));
    let soon = load(&keys.settings(Side::Client, &keys.issue(&Wanted::new("soon", &[], 3))));
    assert!(soon.advice().any(|(_, text)| text.contains("CN=soon,O=Quorate expires on")));
    assert!((2..=3).contains(&soon.days_left(crate::clock::wall_ms())));
}

#[test]
fn names_are_those_of_the_configuration() {
    let keys = Keys::new();
    let of = |path: PathBuf| Certificate::read(&CertificateDer::from_pem_file(path).unwrap()).unwrap();
    let zoo1 = of(keys.issue(&Wanted::new("zoo1", &["zoo1.example.org", "127.0.0.1"], 9)));
    let bare = of(keys.issue(&Wanted::new("zoo1.example.org", &[], 9)));
    let check = |certificate: &Certificate, host: &str, address: &str| {
        Expected { hosts: vec![host.to_owned()], address: address.parse().unwrap() }.check(certificate)
    };
    assert_eq!(check(&zoo1, "zoo1.example.org", "10.0.0.1"), Ok(()));
    assert_eq!(check(&zoo1, "elsewhere", "127.0.0.1"), Ok(()));
    assert_eq!(check(&zoo1, "127.0.0.1", "10.0.0.1"), Ok(()));
    // Without other names the common name counts; with others it does not.
    assert_eq!(check(&bare, "zoo1.example.org", "10.0.0.1"), Ok(()));
    let said = check(&zoo1, "zoo1", "10.0.0.1").unwrap_err();
    assert_eq!(said, "the certificate is for zoo1.example.org, 127.0.0.1, and not for zoo1 or 10.0.0.1");
}

#[test]
fn names_are_written_as_java_writes_them() {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
    let subject = |parts: &[(DnType, &str)]| {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in parts {
            params.distinguished_name.push(kind.clone(), *value);
        }
        let der = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        Certificate::read(der.der()).unwrap().subject
    };
    let mail = DnType::CustomDnType(vec![1, 2, 840, 113549, 1, 9, 1]);
    let (cn, o) = (DnType::CommonName, DnType::OrganizationName);
    // What `new X500Principal(…).getName()` gives.
    assert_eq!(subject(&[(o.clone(), "x,y"), (cn.clone(), "a=b#c+d")]), r"CN=a\=b\#c\+d,O=x\,y");
    assert_eq!(subject(&[(o, "é"), (cn.clone(), " lead ")]), r"CN=\ lead\ ,O=é");
    assert_eq!(subject(&[(cn.clone(), r#"a"b\c<d>e;f"#)]), r#"CN=a\"b\\c\<d\>e\;f"#);
    assert_eq!(subject(&[(mail, "a@b.c"), (cn, "x")]), "CN=x,1.2.840.113549.1.9.1=#0c056140622e63");
}

#[test]
fn a_hostile_name_is_harmless_in_a_log() {
    let shown = super::verify::shown("CN=a\nERROR all is lost\u{1b}[2J\u{202e}");
    assert!(!shown.contains(['\n', '\u{1b}', '\u{202e}']), "{shown}");
    assert!(super::verify::shown(&"x".repeat(70_000)).len() < 250);
}
