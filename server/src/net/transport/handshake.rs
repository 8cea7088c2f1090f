//! One handshake: which bytes come, which go, and how it ends.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Weak;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::server::UnbufferedServerConnection;

use super::carrier::{Door, Transport};
use super::session::Session;
use super::threads::Credentials;
use super::tls::Tls;
use crate::net::stranger;
use crate::net::token::PortKind;
use crate::tls::{Certificate, Expected, words};

/// As many bytes may come before a handshake is done. Long chains of certificates take a tenth of it.
pub(super) const MAX_BYTES: usize = 48 * 1024;
/// How long a handshake may take as a whole.
const LIMIT: Duration = Duration::from_secs(10);
/// How much is read at once.
const CHUNK: usize = 8 * 1024;
/// The first byte of TLS: a record with a part of a handshake.
const HANDSHAKE_RECORD: u8 = 0x16;

/// Which connection of which port a handshake is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ticket {
    /// The port.
    pub(crate) port: PortKind,
    /// The connection's place.
    pub(crate) index: usize,
    /// How many connections the port had before.
    pub(crate) number: u64,
}

/// Which end has connected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Direction {
    /// The other end came through this door.
    Accepted(Door),
    /// This server has dialed, and is not connected yet.
    Dialed,
}

/// A socket whose handshake is under way.
pub(super) struct Handshake {
    pub(super) ticket: Ticket,
    pub(super) stream: TcpStream,
    peer: SocketAddr,
    direction: Direction,
    /// The names under which the other end may be known.
    hosts: Vec<String>,
    /// The connection that waits for it.
    waiting: Weak<()>,
    began: Instant,
    session: Option<Session>,
    taken: usize,
    said: Vec<u8>,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    sent: usize,
}

/// What became of a step.
pub(super) enum Step {
    /// More has to come, or to go.
    Waits,
    /// The connection can be used. This is the name of the other end, if it has shown a certificate.
    Done(Option<String>),
    /// The other end is gone, and has said nothing.
    Gone,
    /// The connection is to be closed.
    Failed(String),
}

impl Handshake {
    pub(super) fn new(
        ticket: Ticket,
        (stream, peer): (TcpStream, SocketAddr),
        direction: Direction,
        hosts: Vec<String>,
        waiting: Weak<()>,
    ) -> Handshake {
        Handshake {
            ticket,
            stream,
            peer,
            direction,
            hosts,
            waiting,
            began: Instant::now(),
            session: None,
            taken: 0,
            said: Vec::new(),
            incoming: Vec::new(),
            outgoing: Vec::new(),
            sent: 0,
        }
    }

    /// The connection that waited for this handshake is gone.
    pub(super) fn is_forgotten(&self) -> bool {
        self.waiting.strong_count() == 0
    }

    /// Why it is given up now, if it takes too long.
    pub(super) fn late(&self, now: Instant, first_byte: Duration) -> Option<String> {
        let silent = self.session.is_none() && self.direction != Direction::Dialed;
        let limit = if silent { first_byte.min(LIMIT) } else { LIMIT };
        (now.duration_since(self.began) > limit).then(|| match silent {
            true => format!("said nothing for {} ms", limit.as_millis()),
            false => format!("has not finished the TLS handshake within {} s", limit.as_secs()),
        })
    }

    /// Go as far as the network lets.
    pub(super) fn step(&mut self, credentials: &Credentials) -> Step {
        if self.session.is_none() {
            match self.begin(credentials) {
                Ok(None) => {}
                Ok(Some(step)) => return step,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Step::Waits,
                Err(error) => return Step::Failed(error.to_string()),
            }
        }
        match self.exchange() {
            Ok(false) => Step::Waits,
            Ok(true) => self.finish(credentials),
            Err(why) => Step::Failed(why),
        }
    }

    /// The connection, once the handshake is done.
    pub(super) fn into_transport(self) -> Transport {
        match self.session {
            None => Transport::Plain(self.stream),
            Some(session) => {
                Transport::Tls(Box::new(Tls::new(self.stream, session, self.said, self.incoming)))
            }
        }
    }

    /// Find out what the other end speaks.
    fn begin(&mut self, credentials: &Credentials) -> io::Result<Option<Step>> {
        let context = credentials.current();
        let Direction::Accepted(door) = self.direction else {
            if let Some(error) = self.stream.take_error()? {
                return Ok(Some(Step::Failed(error.to_string())));
            }
            if self.stream.peer_addr().is_err() {
                return Ok(Some(Step::Waits));
            }
            let host = self.hosts.first().and_then(|host| ServerName::try_from(host.clone()).ok());
            let name = host.unwrap_or_else(|| ServerName::from(self.peer.ip()));
            let session = UnbufferedClientConnection::new(context.client.clone(), name);
            self.session = Some(Session::client(session.map_err(io::Error::other)?));
            return Ok(None);
        };
        let mut first = [0; 16];
        let first = match self.stream.peek(&mut first)? {
            0 => return Ok(Some(Step::Gone)),
            n => &first[..n],
        };
        if first[0] != HANDSHAKE_RECORD {
            return Ok(Some(match door {
                Door::Tls => Step::Failed(stranger::without_tls(first).to_owned()),
                Door::Either | Door::Plain => Step::Done(None),
            }));
        }
        let session = UnbufferedServerConnection::new(context.server.clone());
        self.session = Some(Session::server(session.map_err(io::Error::other)?));
        Ok(None)
    }

    /// Send and read until one of both has to wait (`false`), or the handshake is done.
    fn exchange(&mut self) -> Result<bool, String> {
        let Some(session) = &mut self.session else { return Ok(false) };
        let mut chunk = [0; CHUNK];
        // The end that has connected speaks first.
        if self.taken == 0 && self.outgoing.is_empty() && session.speaks_first() {
            let advanced = session.advance(&mut [], &mut self.outgoing, &mut |_| {});
            advanced.map_err(|error| words::explain(&error))?;
        }
        loop {
            while self.sent < self.outgoing.len() {
                match self.stream.write(&self.outgoing[self.sent..]) {
                    Ok(n) => self.sent += n,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(format!("the TLS handshake has failed: {error}")),
                }
            }
            if !session.common().is_handshaking() {
                return Ok(true);
            }
            let room = MAX_BYTES.saturating_sub(self.taken).min(CHUNK);
            if room == 0 {
                return Err(format!(
                    "has sent {} KiB and is not done with the TLS handshake",
                    MAX_BYTES >> 10
                ));
            }
            let bytes = match self.stream.read(&mut chunk[..room]) {
                Ok(0) => return Err("has closed during the TLS handshake".to_owned()),
                Ok(bytes) => bytes,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(format!("the TLS handshake has failed: {error}")),
            };
            self.taken += bytes;
            self.incoming.extend_from_slice(&chunk[..bytes]);
            let said = &mut self.said;
            let advanced = session
                .advance(&mut self.incoming, &mut self.outgoing, &mut |bytes| said.extend_from_slice(bytes));
            match advanced {
                Ok(advanced) => drop(self.incoming.drain(..advanced.used)),
                Err(error) => {
                    let _ = self.stream.write(&self.outgoing[self.sent..]);
                    return Err(words::explain(&error));
                }
            }
        }
    }

    /// Whether the other end is the one that it should be.
    fn finish(&mut self, credentials: &Credentials) -> Step {
        self.incoming.shrink_to_fit();
        let shown = self.session.as_ref().and_then(Session::certificate).map(|der| Certificate::read(der));
        let certificate = match shown.transpose() {
            Ok(certificate) => certificate,
            Err(why) => return Step::Failed(format!("shows a certificate that cannot be read: {why}")),
        };
        if credentials.checks_names(&self.direction)
            && let Some(certificate) = &certificate
        {
            let expected = Expected { hosts: self.hosts.clone(), address: self.peer.ip() };
            if let Err(why) = expected.check(certificate) {
                return Step::Failed(why);
            }
        }
        let context = credentials.current();
        Step::Done(certificate.and_then(|certificate| context.name_of(&certificate)))
    }
}
