//! One end of a TLS connection as a machine without I/O: bytes of the network in, what they say out.

use std::io;
use std::ops::Deref;

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::pki_types::CertificateDer;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, InsufficientSizeError, UnbufferedStatus,
};
use rustls::{CommonState, Error};

/// What encryption adds to a record at most, in bytes.
const OVERHEAD: usize = 64;
/// The longest record, in bytes of plain text.
const RECORD: usize = 16 * 1024;

/// One end of a TLS connection. After an error it neither reads nor says anything any more.
pub(super) struct Session {
    end: End,
    failed: bool,
}

/// Which end.
enum End {
    /// The end that was connected to.
    Server(UnbufferedServerConnection),
    /// The end that has connected.
    Client(UnbufferedClientConnection),
}

/// What was made of bytes of the network.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Advanced {
    /// How many of them are used up.
    pub(super) used: usize,
    /// The other end has said that it will say nothing more.
    pub(super) closed: bool,
}

impl Session {
    /// The end that was connected to.
    pub(super) fn server(end: UnbufferedServerConnection) -> Session {
        Session { end: End::Server(end), failed: false }
    }

    /// The end that has connected: it speaks first.
    pub(super) fn client(end: UnbufferedClientConnection) -> Session {
        Session { end: End::Client(end), failed: false }
    }

    /// Whether this end has connected.
    pub(super) fn speaks_first(&self) -> bool {
        matches!(self.end, End::Client(_))
    }

    /// What is common to both ends.
    pub(super) fn common(&self) -> &CommonState {
        match &self.end {
            End::Server(end) => end,
            End::Client(end) => end,
        }
    }

    /// The certificate that the other end has shown.
    pub(super) fn certificate(&self) -> Option<&CertificateDer<'static>> {
        self.common().peer_certificates()?.first()
    }

    /// Take in bytes of the network. `feed` is given what they say; what is to be answered at once is
    /// appended to `out`, also when the result is an error. Bytes that are not used up are given again, in
    /// front of those that follow them.
    pub(super) fn advance(
        &mut self,
        incoming: &mut [u8],
        out: &mut Vec<u8>,
        feed: &mut dyn FnMut(&[u8]),
    ) -> Result<Advanced, Error> {
        if self.failed {
            return Err(Error::General("the connection has failed before".to_owned()));
        }
        let advanced = match &mut self.end {
            End::Server(end) => advance(end, incoming, out, feed),
            End::Client(end) => advance(end, incoming, out, feed),
        };
        self.failed = advanced.is_err();
        advanced
    }

    /// Encrypt `plain` and append it to `out`. `incoming` are the bytes that are not used up.
    pub(super) fn encrypt(&mut self, plain: &[u8], incoming: &mut [u8], out: &mut Vec<u8>) -> io::Result<()> {
        self.say(Some(plain), incoming, out)
    }

    /// Append to `out` that nothing more will be said.
    pub(super) fn close(&mut self, incoming: &mut [u8], out: &mut Vec<u8>) -> io::Result<()> {
        self.say(None, incoming, out)
    }

    fn say(&mut self, plain: Option<&[u8]>, incoming: &mut [u8], out: &mut Vec<u8>) -> io::Result<()> {
        if self.failed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let said = match &mut self.end {
            End::Server(end) => say(end, plain, incoming, out),
            End::Client(end) => say(end, plain, incoming, out),
        };
        self.failed = said.is_err();
        said
    }
}

/// The library's two ends have no trait in common.
trait Records: Deref<Target: Deref<Target = CommonState>> {
    type Data;

    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;
}

impl Records for UnbufferedServerConnection {
    type Data = ServerConnectionData;

    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(incoming)
    }
}

impl Records for UnbufferedClientConnection {
    type Data = ClientConnectionData;

    fn process<'c, 'i>(&'c mut self, incoming: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(incoming)
    }
}

fn advance<R: Records>(
    session: &mut R,
    incoming: &mut [u8],
    out: &mut Vec<u8>,
    feed: &mut dyn FnMut(&[u8]),
) -> Result<Advanced, Error> {
    let mut done = Advanced::default();
    loop {
        let UnbufferedStatus { mut discard, state } = session.process(&mut incoming[done.used..]);
        let mut goes_on = true;
        match state {
            Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                while let Some(record) = traffic.next_record() {
                    let record = record?;
                    discard += record.discard;
                    feed(record.payload);
                }
            }
            Ok(ConnectionState::EncodeTlsData(data)) => encode(data, out),
            Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
            Ok(ConnectionState::PeerClosed) => done.closed = true,
            Ok(ConnectionState::Closed) => (done.closed, goes_on) = (true, false),
            // There is no early data: no end has a ticket.
            Ok(_) => goes_on = false,
            Err(error) => {
                alert(session, &mut incoming[done.used + discard..], out);
                return Err(error);
            }
        }
        done.used += discard;
        if !goes_on {
            return Ok(done);
        }
    }
}

/// After an error: what the other end is told.
fn alert<R: Records>(session: &mut R, rest: &mut [u8], out: &mut Vec<u8>) {
    // Only as long as something waits: what comes after it must not be looked at.
    while session.wants_write() {
        match session.process(rest).state {
            Ok(ConnectionState::EncodeTlsData(data)) => encode(data, out),
            _ => return,
        }
    }
}

fn encode<D>(mut data: EncodeTlsData<'_, D>, out: &mut Vec<u8>) {
    let at = out.len();
    if let Err(EncodeError::InsufficientSize(InsufficientSizeError { required_size })) = data.encode(&mut [])
    {
        out.resize(at + required_size, 0);
        let written = data.encode(&mut out[at..]).unwrap_or(0);
        out.truncate(at + written);
    }
}

/// Say something, or with `None` that nothing more follows.
fn say<R: Records>(
    session: &mut R,
    plain: Option<&[u8]>,
    incoming: &mut [u8],
    out: &mut Vec<u8>,
) -> io::Result<()> {
    loop {
        match session.process(incoming).state.map_err(io::Error::other)? {
            ConnectionState::EncodeTlsData(data) => encode(data, out),
            ConnectionState::TransmitTlsData(data) => data.done(),
            ConnectionState::WriteTraffic(mut traffic) => {
                let at = out.len();
                let length = plain.map_or(0, <[u8]>::len);
                let mut size = length + (length / RECORD + 1) * OVERHEAD;
                // The estimate is enough; where it is not, the library says what is.
                for _ in 0..2 {
                    out.resize(at + size, 0);
                    let written = match plain {
                        Some(plain) => traffic.encrypt(plain, &mut out[at..]),
                        None => traffic.queue_close_notify(&mut out[at..]),
                    };
                    match written {
                        Ok(written) => {
                            out.truncate(at + written);
                            return Ok(());
                        }
                        Err(EncryptError::InsufficientSize(needed)) => size = needed.required_size,
                        Err(error @ EncryptError::EncryptExhausted) => {
                            out.truncate(at);
                            return Err(io::Error::other(error));
                        }
                    }
                }
                out.truncate(at);
                return Err(io::Error::other("a record has no bound"));
            }
            // The other end has closed, or the session has failed.
            _ => return Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}
