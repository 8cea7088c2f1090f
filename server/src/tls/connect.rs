//! A connection with TLS that blocks, for this program's own commands.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::words;

/// Speak TLS over a connection that is there. The other end's certificate must be believed; for which host
/// it is does not matter, since this is for servers of this machine.
///
/// # Errors
/// The other end speaks no TLS, or one of both does not believe the other.
pub(crate) fn over(
    mut stream: TcpStream,
    config: &Arc<ClientConfig>,
) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let name = ServerName::from(stream.peer_addr()?.ip());
    let failed = |error: rustls::Error| io::Error::other(words::explain(&error));
    let mut connection = ClientConnection::new(Arc::clone(config), name).map_err(failed)?;
    while connection.is_handshaking() {
        if let Err(error) = connection.complete_io(&mut stream) {
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
            return Err(inner.map_or(error.kind().into(), |inner| io::Error::other(words::explain(inner))));
        }
    }
    Ok(StreamOwned::new(connection, stream))
}
