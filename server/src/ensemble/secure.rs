//! `quorate ensemble --secure`: keys and certificates for an ensemble that speaks TLS only.

use std::path::{Path, PathBuf};

use crate::cert::{authority, issue};
use crate::error::Error;
use crate::tls::make::Wanted;

/// How long certificates hold, in days.
const DAYS: i64 = 365;

/// Where keys and certificates of an ensemble in this directory are.
fn keys(directory: &Path) -> PathBuf {
    directory.join("tls")
}

/// Make what is not there: an authority, a certificate for the servers, one for the administrator, one for
/// a client.
///
/// # Errors
/// Files cannot be written.
pub(super) fn make(directory: &Path) -> Result<(), Error> {
    let keys = keys(directory);
    let authority = authority(&keys)?;
    for name in ["server", "admin", "client"] {
        let path = keys.join(format!("{name}.pem"));
        if !path.exists() {
            issue(&authority, &Wanted::new(name, &["localhost", "127.0.0.1"], DAYS), &path)?;
        }
    }
    Ok(())
}

/// The lines of a server whose directory this is.
pub(super) fn lines(home: &Path) -> String {
    let keys = keys(home.parent().unwrap_or(home));
    let mut text = "sslQuorum=true\nsslQuorumReloadCertFiles=true\nclient.certReload=true\n\
                    X509AuthenticationProvider.superUser=CN=admin,O=Quorate\n"
        .to_owned();
    for prefix in ["ssl", "ssl.quorum"] {
        text += &format!(
            "{prefix}.keyStore.location={}\n{prefix}.trustStore.location={}\n",
            keys.join("server.pem").display(),
            keys.join("ca.pem").display()
        );
    }
    text
}

/// What a client needs, for three kinds of clients.
pub(super) fn announce(directory: &Path, addresses: &[String]) -> Vec<String> {
    let keys = keys(directory);
    let path = |name: &str| keys.join(name).display().to_string();
    let (ca, client) = (path("ca.pem"), path("client.pem"));
    let (first, all) = (&addresses[0], addresses.join(","));
    vec![
        format!("TLS on every port; in {}:", keys.display()),
        "  client.pem  CN=client,O=Quorate".to_owned(),
        "  admin.pem   CN=admin,O=Quorate, who may do everything".to_owned(),
        format!("openssl: openssl s_client -connect {first} -CAfile {ca} -cert {client} -key {client}"),
        format!(
            "kazoo:   KazooClient(hosts=\"{all}\", use_ssl=True, ca=\"{ca}\", certfile=\"{client}\", keyfile=\"{client}\")"
        ),
        format!(
            "Java:    -Dzookeeper.client.secure=true -Dzookeeper.clientCnxnSocket=org.apache.zookeeper.ClientCnxnSocketNetty \
             -Dzookeeper.ssl.keyStore.location={client} -Dzookeeper.ssl.trustStore.location={ca}"
        ),
    ]
}
