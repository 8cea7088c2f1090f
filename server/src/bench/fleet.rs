//! Many sessions on one thread, each on a connection of its own, that mostly do nothing.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use bytes::Bytes;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use quorate_core::wire::client::ConnectResponse;
use quorate_core::wire::jute::Jute;

use super::check::{Asked, Checker, Outstanding, Wrong};
use super::client::Session;
use super::failure::{Failure, system};
use super::progress::Progress;
use super::request;
use super::server::Server;
use super::socket::{Socket, cut};
use super::value::Values;

/// How long nothing may happen while something is waited for.
const SILENCE: Duration = Duration::from_secs(30);

/// A connection with a session.
#[derive(Debug)]
pub(super) struct Member {
    number: usize,
    server: String,
    socket: Socket,
    session: Session,
    open: bool,
    /// What it has asked for.
    pub(super) checker: Checker,
}

impl Member {
    /// Which one it is, counted from 0.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// Send these requests, which the checker knows of.
    ///
    /// # Errors
    /// The connection is lost.
    pub(super) fn send(&mut self, requests: &[u8]) -> Result<(), Failure> {
        self.socket.send(requests).map_err(|why| self.lost(why))
    }

    /// Judge a reply.
    ///
    /// # Errors
    /// It is not the right one.
    pub(super) fn reply(&mut self, frame: &[u8], values: &Values) -> Result<Outstanding, Failure> {
        self.checker.reply(frame, values).map_err(|wrong| self.wrong(wrong))
    }

    /// The failure that this member's connection has brought something wrong.
    pub(super) fn wrong(&self, wrong: Wrong) -> Failure {
        Failure::Wrong { connection: self.number, server: self.server.clone(), wrong }
    }

    fn lost(&self, why: io::Error) -> Failure {
        Failure::Lost { server: self.server.clone(), why }
    }

    /// Take the answer to the request for a session.
    fn opened(&mut self, frame: &[u8]) -> Result<(), Failure> {
        let response = ConnectResponse::from_bytes(&Bytes::copy_from_slice(frame)).map_err(|why| {
            let what = "a request for a session".to_owned();
            Failure::Unreadable { server: self.server.clone(), what, why }
        })?;
        if !self.session.given(&response) {
            return Err(Failure::NoSession { server: self.server.clone() });
        }
        self.open = true;
        Ok(())
    }
}

/// The connections of a run, and what waits for their replies.
#[derive(Debug)]
pub(super) struct Fleet {
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    /// The sessions.
    pub(super) members: Vec<Member>,
}

impl Fleet {
    /// Open `count` sessions, spread over the servers, `in_flight` of them at a time.
    ///
    /// # Errors
    /// A server is not there, refuses or does not answer.
    pub(super) fn open(
        servers: &[Server],
        count: usize,
        in_flight: usize,
        timeout: Duration,
        progress: &Progress,
    ) -> Result<Fleet, Failure> {
        let poll = Poll::new().map_err(system("waiting for sockets"))?;
        let events = Events::with_capacity(1024);
        let mut fleet = Fleet { poll, events, buffer: Vec::new(), members: Vec::with_capacity(count) };
        let mut open = 0;
        while open < count {
            while fleet.members.len() < count.min(open + in_flight) {
                fleet.begin(&servers[fleet.members.len() % servers.len()], timeout)?;
            }
            let before = open;
            let deadline = Instant::now() + SILENCE;
            while open == before {
                fleet.wait(deadline, |member, frame| {
                    if member.open {
                        return Err(member.wrong(Wrong::Unasked { xid: 0 }));
                    }
                    open += 1;
                    member.opened(frame)
                })?;
            }
            progress.set(open as u64);
        }
        Ok(fleet)
    }

    fn begin(&mut self, server: &Server, timeout: Duration) -> Result<(), Failure> {
        let unreachable = |why| Failure::Connect { server: server.to_string(), why };
        let number = self.members.len();
        let mut stream = TcpStream::connect(server.address()).map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let both = Interest::READABLE | Interest::WRITABLE;
        let registered = self.poll.registry().register(&mut stream, Token(number), both);
        registered.map_err(system("waiting for sockets"))?;
        let session = Session::new(timeout);
        let mut bytes = Vec::new();
        request::connect(&mut bytes, &session.request());
        let mut socket = Socket::new(stream);
        // It is connecting: the bytes go once it can be written to.
        match socket.send(&bytes) {
            Err(why) if why.kind() == ErrorKind::NotConnected => socket.queue(&bytes),
            other => other.map_err(unreachable)?,
        }
        let checker = Checker::new(0, 1);
        let server = server.to_string();
        self.members.push(Member { number, server, socket, session, open: false, checker });
        Ok(())
    }

    /// Wait for something to happen and hand over every frame that has arrived.
    ///
    /// # Errors
    /// What `arrived` says; a lost connection; nothing until the deadline.
    pub(super) fn wait(
        &mut self,
        deadline: Instant,
        mut arrived: impl FnMut(&mut Member, &[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if self.wait_until(deadline, &mut arrived)? || Instant::now() < deadline {
            return Ok(());
        }
        let waiting = self.members.iter().find(|member| !member.open || member.checker.outstanding() > 0);
        let (connection, server) =
            waiting.map_or((0, "all servers".to_owned()), |member| (member.number, member.server.clone()));
        Err(Failure::Silent { connection, server, seconds: SILENCE.as_secs() })
    }

    /// Wait for something to happen, until the deadline at most, and hand over every frame that has arrived.
    /// Returns whether anything has happened.
    ///
    /// # Errors
    /// What `arrived` says; a lost connection.
    pub(super) fn wait_until(
        &mut self,
        deadline: Instant,
        arrived: &mut impl FnMut(&mut Member, &[u8]) -> Result<(), Failure>,
    ) -> Result<bool, Failure> {
        let limit = deadline.saturating_duration_since(Instant::now());
        match self.poll.poll(&mut self.events, Some(limit)) {
            Err(why) if why.kind() == ErrorKind::Interrupted => return Ok(false),
            other => other.map_err(system("waiting for sockets"))?,
        }
        for event in &self.events {
            let member = &mut self.members[event.token().0];
            if event.is_writable() {
                member.socket.flush().map_err(|why| member.lost(why))?;
            }
            if event.is_readable() {
                receive(member, &mut self.buffer, arrived)?;
            }
        }
        Ok(!self.events.is_empty())
    }

    /// End all sessions, without waiting for it.
    pub(super) fn close(mut self) {
        let mut bytes = Vec::new();
        for member in &mut self.members {
            let xid = member.checker.ask(Asked::Empty, 0);
            bytes.clear();
            request::close_session(&mut bytes, xid);
            // A session that is not closed expires.
            let _ = member.send(&bytes);
        }
    }
}

/// A deadline for something that must happen.
pub(super) fn deadline() -> Instant {
    Instant::now() + SILENCE
}

fn receive(
    member: &mut Member,
    buffer: &mut Vec<u8>,
    arrived: &mut impl FnMut(&mut Member, &[u8]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    while let Some(filled) = member.socket.fill(buffer).map_err(|why| member.lost(why))? {
        let mut rest = &buffer[..filled.length];
        while let Some((frame, behind)) = cut(rest).map_err(|length| member.wrong(Wrong::Frame(length)))? {
            rest = behind;
            arrived(member, frame)?;
        }
        member.socket.keep(rest);
        if !filled.more {
            break;
        }
    }
    Ok(())
}
