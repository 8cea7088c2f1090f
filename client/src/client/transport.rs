//! Sockets: dialing a server, and asking one whether it takes writes.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::session::Host;

/// How long a server that is asked whether it takes writes has for its answer.
const PROBE_LIMIT: Duration = Duration::from_secs(2);

/// Connect to a server, whose name is resolved now. All its addresses are tried.
pub(crate) async fn dial(host: Host) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((host.name.as_str(), host.port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Whether a server takes writes, by the word `isro`; `None` if it does not answer.
pub(crate) async fn probe(host: &Host) -> Option<bool> {
    let ask = async {
        let mut stream = dial(host.clone()).await.ok()?;
        stream.write_all(b"isro").await.ok()?;
        let mut answer = [0; 2];
        stream.read_exact(&mut answer).await.ok()?;
        match &answer {
            b"rw" => Some(true),
            b"ro" => Some(false),
            _ => None,
        }
    };
    timeout(PROBE_LIMIT, ask).await.ok().flatten()
}
