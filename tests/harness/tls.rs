//! Keys for servers and clients, and clients that speak TLS.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::process::quorate;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(20);

/// A directory with an authority, and the keys that it has issued.
pub(crate) struct Keys {
    dir: tempfile::TempDir,
}

impl Keys {
    /// With a key for servers.
    pub(crate) fn new() -> Keys {
        let keys = Keys { dir: tempfile::tempdir().expect("a directory") };
        keys.issue("server");
        keys
    }

    /// A file in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Make a key, as an operator does.
    pub(crate) fn issue(&self, name: &str) {
        let made = quorate().args(["cert", "make", "--name", name]).arg(self.dir.path()).output();
        let made = made.expect("the program can be started");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }

    /// The lines of a `zoo.cfg` that name the key of the servers.
    pub(crate) fn lines(&self, prefix: &str) -> String {
        format!(
            "{prefix}.keyStore.location={}\n{prefix}.trustStore.location={}",
            self.path("server.pem").display(),
            self.path("ca.pem").display()
        )
    }

    /// What a client with this key takes; `None`: one without a key.
    pub(crate) fn client(&self, name: Option<&str>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_file(self.path("ca.pem")).expect("it is there"))
            .expect("it is good");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("there are versions")
            .with_root_certificates(roots);
        Arc::new(match name {
            None => builder.with_no_client_auth(),
            Some(name) => {
                let path = self.path(&format!("{name}.pem"));
                let chain = CertificateDer::pem_file_iter(&path).expect("it is there").map(Result::unwrap);
                let key = PrivateKeyDer::from_pem_file(&path).expect("it has a key");
                builder.with_client_auth_cert(chain.collect(), key).expect("they fit")
            }
        })
    }
}

/// A connection with TLS to a port of 127.0.0.1, its handshake still to be done.
pub(crate) fn dial_tls(port: u16, config: &Arc<ClientConfig>) -> StreamOwned<ClientConnection, TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("the port is open");
    stream.set_read_timeout(Some(LIMIT)).expect("a limit that is not 0");
    let name = ServerName::try_from("localhost").expect("a name");
    StreamOwned::new(ClientConnection::new(Arc::clone(config), name).expect("a good configuration"), stream)
}

/// The answer to a four-letter word over TLS, or why there is none.
pub(crate) fn word_over_tls(port: u16, config: &Arc<ClientConfig>, word: &str) -> Result<String, String> {
    let mut stream = dial_tls(port, config);
    stream.write_all(word.as_bytes()).map_err(|why| why.to_string())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(|why| why.to_string())?;
    Ok(answer)
}

/// A port on which clients without TLS reach one with TLS: what they say there is carried on.
pub(crate) fn tunnel(to: u16, config: Arc<ClientConfig>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it has an address").port();
    std::thread::spawn(move || {
        for plain in listener.incoming().flatten() {
            let config = Arc::clone(&config);
            std::thread::spawn(move || carry(plain, dial_tls(to, &config)));
        }
    });
    port
}

/// Both directions in turn, until either end closes.
fn carry(mut plain: TcpStream, mut tls: StreamOwned<ClientConnection, TcpStream>) -> Option<()> {
    let turn = Some(Duration::from_millis(1));
    let mut bytes = vec![0; 1 << 16];
    tls.conn.complete_io(&mut tls.sock).ok()?;
    plain.set_read_timeout(turn).ok()?;
    tls.sock.set_read_timeout(turn).ok()?;
    loop {
        for forth in [true, false] {
            let read = if forth { plain.read(&mut bytes) } else { tls.read(&mut bytes) };
            let n = match read {
                Ok(0) => return None,
                Ok(n) => n,
                Err(why) if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
                Err(_) => return None,
            };
            if forth { tls.write_all(&bytes[..n]) } else { plain.write_all(&bytes[..n]) }.ok()?;
            tls.flush().ok()?;
        }
    }
}

/// Put the content of one file into another, at once.
pub(crate) fn replace(to: &PathBuf, content: &[u8]) {
    let beside = to.with_extension("new");
    fs::write(&beside, content).expect("it can be written");
    fs::rename(&beside, to).expect("it can be renamed");
}
