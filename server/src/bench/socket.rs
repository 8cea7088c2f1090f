//! A connection that never blocks: frames in, bytes out, one system call each way per wake-up.

use std::io::{self, ErrorKind, Read, Write};

use mio::net::TcpStream;

/// The longest frame that is waited for.
pub(super) const MAX_FRAME: usize = 64 << 20;
/// The least room a read gets. A read that fills less of it has emptied the socket.
const ROOM: usize = 256 << 10;

/// What a read has brought.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filled {
    /// Bytes at the start of the buffer, those kept from before included.
    pub(super) length: usize,
    /// Whether there may be more.
    pub(super) more: bool,
}

/// A socket with what was read of an incomplete frame and what could not be written yet.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    partial: Vec<u8>,
    unsent: Vec<u8>,
}

impl Socket {
    /// A connected (or connecting) stream.
    pub(super) fn new(stream: TcpStream) -> Socket {
        Socket { stream, partial: Vec::new(), unsent: Vec::new() }
    }

    /// The stream, to be registered for events.
    pub(super) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Read into `buffer`, behind what is kept of an incomplete frame. `None`: nothing there.
    ///
    /// # Errors
    /// The system's; [`ErrorKind::UnexpectedEof`] if the server has closed the connection.
    pub(super) fn fill(&mut self, buffer: &mut Vec<u8>) -> io::Result<Option<Filled>> {
        let kept = self.partial.len();
        if buffer.len() < kept + ROOM {
            buffer.resize(kept + ROOM, 0);
        }
        buffer[..kept].copy_from_slice(&self.partial);
        loop {
            match self.stream.read(&mut buffer[kept..]) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    self.partial.clear();
                    return Ok(Some(Filled { length: kept + n, more: kept + n == buffer.len() }));
                }
                Err(why) if why.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(why) => return Err(why),
            }
        }
    }

    /// Keep what is no whole frame until the next [`Socket::fill`].
    pub(super) fn keep(&mut self, rest: &[u8]) {
        self.partial.extend_from_slice(rest);
    }

    /// Write these bytes, or keep them until [`Socket::flush`].
    ///
    /// # Errors
    /// The system's.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = if self.unsent.is_empty() { write(&mut self.stream, bytes)? } else { 0 };
        self.unsent.extend_from_slice(&bytes[written..]);
        Ok(())
    }

    /// Keep these bytes until [`Socket::flush`].
    pub(super) fn queue(&mut self, bytes: &[u8]) {
        self.unsent.extend_from_slice(bytes);
    }

    /// Write what was kept: the socket has room again.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if !self.unsent.is_empty() {
            let written = write(&mut self.stream, &self.unsent)?;
            self.unsent.drain(..written);
        }
        Ok(())
    }
}

fn write(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let mut written = 0;
    while written < bytes.len() {
        match stream.write(&bytes[written..]) {
            Ok(n) => written += n,
            Err(why) if why.kind() == ErrorKind::WouldBlock => break,
            Err(why) if why.kind() == ErrorKind::Interrupted => {}
            Err(why) => return Err(why),
        }
    }
    Ok(written)
}

/// A whole frame without its length, and what follows it.
type Cut<'a> = Option<(&'a [u8], &'a [u8])>;

/// The next whole frame (without its length) and what follows it; the length if it is absurd.
pub(super) fn cut(bytes: &[u8]) -> Result<Cut<'_>, i64> {
    let Some((head, rest)) = bytes.split_first_chunk::<4>() else { return Ok(None) };
    let length = i32::from_be_bytes(*head);
    match usize::try_from(length) {
        Ok(n) if n <= MAX_FRAME => Ok(rest.split_at_checked(n)),
        _ => Err(i64::from(length)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_cut_where_they_end() {
        let bytes = [0, 0, 0, 2, 7, 8, 0, 0, 0, 0, 0, 0, 0, 3, 1, 2];
        let (first, rest) = cut(&bytes).unwrap().unwrap();
        assert_eq!(first, [7, 8]);
        let (second, rest) = cut(rest).unwrap().unwrap();
        assert!(second.is_empty());
        assert_eq!(cut(rest), Ok(None));
        assert_eq!(cut(&rest[..3]), Ok(None));
        assert_eq!(cut(&[0xFF; 8]), Err(-1));
        assert_eq!(cut(&[0x7F, 0, 0, 0]), Err(0x7F00_0000));
    }
}
