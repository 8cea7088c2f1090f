//! What carries a connection's bytes: a socket as it is, or TLS over it.

use std::io::{Read, Write};
use std::sync::Arc;
use std::{fmt, io};

use mio::net::TcpStream;

use crate::net::transport::tls::Tls;

/// What a listener takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Door {
    /// Parties without TLS.
    #[default]
    Plain,
    /// Both: the first byte decides.
    Either,
    /// Parties with TLS.
    Tls,
}

/// What carries a connection's bytes.
pub(crate) enum Transport {
    /// The socket.
    Plain(TcpStream),
    /// The socket, encrypted.
    Tls(Box<Tls>),
    /// Another thread has the socket until the handshake is done. It gives up when this is dropped.
    Away(#[allow(dead_code, reason = "the other thread looks whether it still exists")] Arc<()>),
}

/// What a read has brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Took {
    /// Bytes that were taken from the system; 0: the other end will send nothing more.
    pub(crate) bytes: usize,
    /// There may be more.
    pub(crate) more: bool,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Transport::Plain(_) => "Plain",
            Transport::Tls(_) => "Tls",
            Transport::Away(_) => "Away",
        })
    }
}

impl Transport {
    /// Read once, at most as much as `scratch` holds. `feed` is given what the other end says.
    pub(crate) fn read(&mut self, scratch: &mut [u8], mut feed: impl FnMut(&[u8])) -> io::Result<Took> {
        match self {
            Transport::Plain(stream) => {
                let bytes = stream.read(scratch)?;
                feed(&scratch[..bytes]);
                Ok(Took { bytes, more: bytes == scratch.len() })
            }
            Transport::Tls(tls) => tls.read(scratch, &mut feed),
            Transport::Away(_) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Take some of these bytes to be sent. How many were taken.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Transport::Plain(stream) => stream.write(bytes),
            Transport::Tls(tls) => tls.write(bytes),
            Transport::Away(_) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Send what was taken. `Ok(true)`: all of it is sent.
    pub(crate) fn flush(&mut self) -> io::Result<bool> {
        match self {
            Transport::Tls(tls) => tls.flush(),
            Transport::Plain(_) | Transport::Away(_) => Ok(true),
        }
    }

    /// Bytes that were taken and are not sent.
    pub(crate) fn unsent(&self) -> usize {
        match self {
            Transport::Tls(tls) => tls.unsent(),
            Transport::Plain(_) | Transport::Away(_) => 0,
        }
    }

    /// What its buffers take, in bytes.
    pub(crate) fn capacity(&self) -> usize {
        match self {
            Transport::Tls(tls) => tls.capacity(),
            Transport::Plain(_) | Transport::Away(_) => 0,
        }
    }

    /// The socket, unless it is away.
    pub(crate) fn stream(&self) -> Option<&TcpStream> {
        match self {
            Transport::Plain(stream) => Some(stream),
            Transport::Tls(tls) => Some(tls.stream()),
            Transport::Away(_) => None,
        }
    }

    /// The socket, unless it is away.
    pub(crate) fn stream_mut(&mut self) -> Option<&mut TcpStream> {
        match self {
            Transport::Plain(stream) => Some(stream),
            Transport::Tls(tls) => Some(tls.stream_mut()),
            Transport::Away(_) => None,
        }
    }
}
