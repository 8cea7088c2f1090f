//! A socket with TLS over it, after the handshake.

use std::io::{self, ErrorKind, Read, Write};

use mio::net::TcpStream;

use super::carrier::Took;
use super::session::Session;
use crate::tls::words;

/// As many bytes are encrypted at once, so that a slow receiver keeps no second copy of what it is sent.
const PIECE: usize = 64 * 1024;

/// A socket with TLS over it. It belongs to one connection and can be moved to another thread with it.
pub(crate) struct Tls {
    stream: TcpStream,
    session: Session,
    /// What the other end said together with the end of the handshake.
    said: Vec<u8>,
    /// The beginning of a record whose end has not come.
    incoming: Vec<u8>,
    /// Records to be sent; the first `sent` bytes already are.
    outgoing: Vec<u8>,
    sent: usize,
}

impl Tls {
    /// A connection whose handshake is done: what was said with its end, and the beginning of what follows.
    pub(super) fn new(stream: TcpStream, session: Session, said: Vec<u8>, incoming: Vec<u8>) -> Tls {
        Tls { stream, session, said, incoming, outgoing: Vec::new(), sent: 0 }
    }

    pub(super) fn read(&mut self, scratch: &mut [u8], feed: &mut dyn FnMut(&[u8])) -> io::Result<Took> {
        if !self.said.is_empty() {
            feed(&std::mem::take(&mut self.said));
        }
        let kept = self.incoming.len();
        if kept >= scratch.len() {
            return Err(io::Error::new(ErrorKind::InvalidData, "sends a record that is too long"));
        }
        let room = scratch.len() - kept;
        let bytes = self.stream.read(&mut scratch[kept..])?;
        scratch[..kept].copy_from_slice(&self.incoming);
        let filled = &mut scratch[..kept + bytes];
        let advanced = self.session.advance(filled, &mut self.outgoing, feed);
        // Keys are changed now and then, and an error is told.
        let _ = self.flush();
        let advanced =
            advanced.map_err(|error| io::Error::new(ErrorKind::InvalidData, words::explain(&error)))?;
        let rest = &filled[advanced.used..];
        if rest.is_empty() {
            self.incoming = Vec::new();
        } else {
            self.incoming.clear();
            self.incoming.extend_from_slice(rest);
        }
        Ok(Took { bytes: if advanced.closed { 0 } else { bytes }, more: bytes == room })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.flush()? {
            return Err(ErrorKind::WouldBlock.into());
        }
        let taken = &bytes[..bytes.len().min(PIECE)];
        self.session.encrypt(taken, &mut self.incoming, &mut self.outgoing)?;
        self.flush()?;
        Ok(taken.len())
    }

    pub(super) fn flush(&mut self) -> io::Result<bool> {
        while self.sent < self.outgoing.len() {
            match self.stream.write(&self.outgoing[self.sent..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => self.sent += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        // An idle connection keeps no buffer.
        (self.outgoing, self.sent) = (Vec::new(), 0);
        Ok(true)
    }

    pub(super) fn unsent(&self) -> usize {
        self.outgoing.len() - self.sent
    }

    pub(super) fn capacity(&self) -> usize {
        self.said.capacity() + self.incoming.capacity() + self.outgoing.capacity()
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub(super) fn stream_mut(&mut self) -> &mut TcpStream {
        &mut self.stream
    }
}

impl Drop for Tls {
    /// Say that the end is meant, if there is room for that.
    fn drop(&mut self) {
        if self.outgoing.is_empty() && self.session.close(&mut self.incoming, &mut self.outgoing).is_ok() {
            let _ = self.stream.write(&self.outgoing);
        }
    }
}
