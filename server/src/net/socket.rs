//! One connected socket: whether there is more to read, and what waits to be sent.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use mio::event::Event;
use mio::net::TcpStream;
use socket2::{SockRef, TcpKeepalive};

use super::transport::Transport;

/// How much one socket may deliver before the others have their turn, in bytes.
pub(crate) const READ_CHUNK: usize = 64 * 1024;

/// Whether the other side may still send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    /// The other side may still send.
    Open,
    /// The other side closed its end, or the connection broke.
    Closed,
}

/// A non-blocking socket and what waits to be sent on it.
#[derive(Debug)]
pub(crate) struct Socket {
    transport: Transport,
    /// To be sent; the first `sent` bytes already are.
    outbox: Vec<u8>,
    sent: usize,
    /// There may be more to read than was read (readiness is reported once per change).
    pub(crate) readable: bool,
    /// The system has said that nothing comes after what is there: read on to the end.
    pub(crate) finished: bool,
    /// The other side's end.
    pub(crate) side: Side,
    /// Bytes went in or out since this was last asked.
    moved: bool,
    /// Bytes that were read from the system.
    pub(crate) taken: u64,
    /// What is wrong with what came, if that has closed the connection.
    fault: Option<String>,
}

/// No delay for small packets, and keep-alive probes so that a peer that vanished is noticed.
pub(crate) fn set_options(stream: &TcpStream) {
    let options = SockRef::from(stream);
    let probes = TcpKeepalive::new()
        .with_time(Duration::from_secs(60))
        .with_interval(Duration::from_secs(10))
        .with_retries(6);
    // A socket that refuses an option still works.
    let _ = options.set_tcp_nodelay(true);
    let _ = options.set_tcp_keepalive(&probes);
}

impl Socket {
    /// Take over a connection.
    pub(crate) fn new(transport: Transport) -> Socket {
        Socket {
            transport,
            outbox: Vec::new(),
            sent: 0,
            readable: false,
            finished: false,
            side: Side::Open,
            moved: false,
            taken: 0,
            fault: None,
        }
    }

    /// The handshake is done. What came with its end is still to be read.
    pub(crate) fn attach(&mut self, transport: Transport) {
        self.transport = transport;
        self.readable = true;
    }

    /// Whether another thread has the socket.
    pub(crate) fn is_away(&self) -> bool {
        matches!(self.transport, Transport::Away(_))
    }

    /// What is wrong with what came, if that has closed the connection.
    pub(crate) fn take_fault(&mut self) -> Option<String> {
        self.fault.take()
    }

    /// What the event loop saw.
    pub(crate) fn ready(&mut self, event: &Event) {
        self.readable |= event.is_readable() || event.is_error();
        self.finished |= event.is_read_closed() || event.is_error();
        self.readable |= self.finished;
    }

    /// Read once, at most `scratch.len()` bytes. `feed` is given what came.
    pub(crate) fn read(&mut self, scratch: &mut [u8], feed: impl FnMut(&[u8])) {
        if !self.readable || self.side == Side::Closed {
            return;
        }
        match self.transport.read(scratch, feed) {
            Ok(took) if took.bytes == 0 => self.side = Side::Closed,
            Ok(took) => {
                // A short read has emptied the kernel's buffer; what comes later is a new event.
                self.readable = took.more || self.finished;
                self.moved = true;
                self.taken += took.bytes as u64;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                self.side = Side::Closed;
                self.fault = (error.kind() == ErrorKind::InvalidData).then(|| error.to_string());
            }
        }
    }

    /// How many bytes have arrived that are not read yet.
    pub(crate) fn arrived(&self) -> u64 {
        // A socket that does not say so is read as if there were always more.
        let Some(stream) = self.transport.stream() else { return 0 };
        rustix::io::ioctl_fionread(stream).unwrap_or(u64::MAX)
    }

    /// Where to append what is to be sent.
    pub(crate) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.outbox
    }

    /// How many bytes wait to be sent.
    pub(crate) fn unsent(&self) -> usize {
        self.outbox.len() - self.sent + self.transport.unsent()
    }

    /// What the buffer of what waits to be sent takes, in bytes.
    pub(crate) fn capacity(&self) -> usize {
        self.outbox.capacity() + self.transport.capacity()
    }

    /// Send as much as the kernel takes. `Ok(true)`: everything is sent.
    pub(crate) fn write(&mut self) -> io::Result<bool> {
        while self.sent < self.outbox.len() {
            match self.transport.write(&self.outbox[self.sent..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => {
                    self.sent += n;
                    self.moved = true;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.forget_sent();
                    return Ok(false);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.sent = 0;
        self.outbox.clear();
        self.transport.flush()
    }

    /// Whether bytes went in or out since the last call.
    pub(crate) fn has_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    /// Whether the connection is established.
    pub(crate) fn is_connected(&self) -> bool {
        self.transport.stream().is_some_and(|stream| stream.peer_addr().is_ok())
    }

    /// The addresses of the connection: this end's, the other end's.
    pub(crate) fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        let stream = self.transport.stream()?;
        Some((stream.local_addr().ok()?, stream.peer_addr().ok()?))
    }

    /// The connection could not be made, if that is so.
    pub(crate) fn connect_error(&self) -> Option<io::Error> {
        match self.transport.stream()?.take_error() {
            Ok(None) => None,
            Ok(Some(error)) | Err(error) => Some(error),
        }
    }

    /// Bytes already sent are moved out once they are the larger part.
    fn forget_sent(&mut self) {
        if self.sent > self.outbox.len() / 2 {
            self.outbox.drain(..self.sent);
            self.sent = 0;
        }
    }
}

/// Output buffers of connections that have nothing to send: an idle connection owns no memory.
#[derive(Debug, Default)]
pub(crate) struct Spare {
    buffers: Vec<Vec<u8>>,
}

impl Spare {
    /// Buffers kept, and the largest that is kept, in bytes.
    const KEPT: (usize, usize) = (64, 64 * 1024);

    /// Something is about to be sent.
    pub(crate) fn lend(&mut self, socket: &mut Socket) {
        if socket.outbox.capacity() == 0
            && let Some(buffer) = self.buffers.pop()
        {
            socket.outbox = buffer;
        }
    }

    /// Everything is sent.
    pub(crate) fn take_back(&mut self, socket: &mut Socket) {
        let buffer = std::mem::take(&mut socket.outbox);
        let (many, capacity) = Spare::KEPT;
        if self.buffers.len() < many && (1..=capacity).contains(&buffer.capacity()) {
            self.buffers.push(buffer);
        }
    }
}
