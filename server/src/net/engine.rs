//! The connections of one port: which there are, which are to be read and written in this turn of the loop.
//!
//! What the bytes mean is the port's: a [`Protocol`] is the part of a connection that takes them in. Every
//! connection is read once in a turn and written once at its end, so that none keeps the others waiting. A
//! [`Gate`] may keep one from being read.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Instant;

use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Registry};

use super::listener::{Accepted, Port};
use super::refusals::Refusals;
use super::slab::Slab;
use super::socket::{Side, Socket, set_options};
use super::token::{PortKind, Source};
use super::transport::{Direction, Door, Finished, Handshakes, Ticket, Transport};

/// What a connection's bytes mean.
pub(super) trait Protocol: Sized {
    /// What a connection says.
    type Said;

    /// Bytes have arrived, perhaps none.
    fn feed(&mut self, bytes: &[u8]);

    /// The connection has nothing more to say in this turn: where nothing is left over, no memory is kept for
    /// it.
    fn rest(&mut self);

    /// What there is to say before the connection is read in this turn.
    fn before_read(_conn: &mut Conn<Self>, _now: Instant) -> Option<Self::Said> {
        None
    }

    /// The next thing that the connection says.
    ///
    /// # Errors
    /// What is wrong with it. The connection is to be closed.
    fn next(conn: &mut Conn<Self>, now: Instant) -> Result<Option<Self::Said>, String>;

    /// Whether this server has dialed, and the connection is not established yet.
    fn is_dialing(&self) -> bool {
        false
    }

    /// When the connection is given up if it does not get further.
    fn deadline(&self) -> Option<Instant> {
        None
    }
}

/// Whether a connection may be read. A port that always reads all of them has the gate `()`.
pub(super) trait Gate<P> {
    /// Whether the connection at this place may be read. One that may not leaves the queue: the gate puts it
    /// back later.
    fn may_read(&mut self, _index: usize, _conn: &Conn<P>) -> bool {
        true
    }

    /// The connection was read, or asked for what it says next.
    fn looked_at(&mut self, _conn: &mut Conn<P>) {}
}

impl<P> Gate<P> for () {}

/// What becomes of a connection whose turn it is.
pub(super) enum Next<S> {
    /// The connection at this place says something.
    Said(usize, S),
    /// The other end has closed it, and it has nothing more to say.
    Closed(usize),
    /// What it says is wrong.
    Wrong(usize, String),
}

/// What came of dialing.
pub(super) enum Dialed {
    /// The connection is established.
    Connected,
    /// The connection cannot be made.
    Failed(String),
}

/// One connection: its socket, and its protocol's part.
pub(super) struct Conn<P> {
    pub(super) socket: Socket,
    /// The other end's address.
    pub(super) peer: SocketAddr,
    /// How many connections the port had before.
    number: u64,
    /// Whether the connection is in the queue of those to be read.
    queued: bool,
    /// Whether the connection has been read in this turn.
    read: bool,
    /// Whether the connection is in the list of those to be written.
    dirty: bool,
    protocol: P,
}

impl<P> Deref for Conn<P> {
    type Target = P;

    fn deref(&self) -> &P {
        &self.protocol
    }
}

impl<P> DerefMut for Conn<P> {
    fn deref_mut(&mut self) -> &mut P {
        &mut self.protocol
    }
}

impl<P: Protocol> Conn<P> {
    /// Whether the connection is in the queue of those to be read.
    pub(super) fn is_queued(&self) -> bool {
        self.queued
    }

    /// Whether the connection has not been read in this turn.
    fn is_unread(&self) -> bool {
        !self.read
    }

    /// Read the connection, for the first time in this turn.
    fn read(&mut self, scratch: &mut [u8]) {
        self.read = true;
        let (socket, protocol) = (&mut self.socket, &mut self.protocol);
        socket.read(scratch, |bytes| protocol.feed(bytes));
    }

    /// The socket and the protocol's part, each for itself.
    pub(super) fn parts(&mut self) -> (&mut Socket, &mut P) {
        (&mut self.socket, &mut self.protocol)
    }

    /// Whether the other end will say nothing more.
    pub(super) fn is_closed(&self) -> bool {
        self.socket.side == Side::Closed
    }
}

/// Every connection of a port.
pub(super) struct Engine<P> {
    kind: PortKind,
    port: Option<Port>,
    conns: Slab<Conn<P>>,
    /// How many connections there have been.
    made: u64,
    /// Those to be read in this turn. An entry of a connection that is gone may name a newer one, which is
    /// not queued.
    work: VecDeque<usize>,
    /// Those to be read in the next turn.
    later: Vec<usize>,
    /// Those to be written at the end of this turn.
    dirty: Vec<usize>,
    pub(super) refusals: Refusals,
    /// Where there is TLS: the threads that do handshakes.
    handshakes: Option<Arc<Handshakes>>,
}

/// How a handshake of a connection that still waits for it has ended.
pub(super) enum Entered {
    /// The connection is ready. This is the name in the certificate that the other end has shown.
    Ready(usize, Option<String>),
    /// The connection is to be closed; there may be nothing to say about it.
    Refused(usize, Option<String>),
}

impl<P: Protocol> Engine<P> {
    /// No connections. There is no listener where a server is alone.
    pub(super) fn new(kind: PortKind, port: Option<Port>) -> Self {
        Engine {
            kind,
            port,
            conns: Slab::default(),
            made: 0,
            work: VecDeque::new(),
            later: Vec::new(),
            dirty: Vec::new(),
            refusals: Refusals::new(kind.name()),
            handshakes: None,
        }
    }

    /// Which port this is.
    pub(super) fn kind(&self) -> PortKind {
        self.kind
    }

    /// Connections with TLS are handed to these threads first.
    pub(super) fn set_handshakes(&mut self, handshakes: Option<Arc<Handshakes>>) {
        self.handshakes = handshakes;
    }

    /// Handshakes under way.
    pub(super) fn handshakes_under_way(&self) -> usize {
        self.handshakes.as_ref().map_or(0, |handshakes| handshakes.under_way())
    }

    /// Whether one more handshake would be one too many.
    pub(super) fn handshakes_are_full(&self) -> bool {
        self.handshakes.as_ref().is_some_and(|handshakes| handshakes.are_full())
    }

    // --- connections come and go ---------------------------------------------------------------

    /// The listener is to be asked again.
    pub(super) fn listener_ready(&mut self) {
        if let Some(port) = &mut self.port {
            port.ready();
        }
    }

    /// The next connection that waits to be accepted.
    pub(super) fn accept(&mut self, now: Instant) -> Option<Accepted> {
        match self.port.as_mut()?.accept() {
            Ok(accepted) => accepted,
            Err(error) => {
                self.refusals.log(now, "accepting", error);
                None
            }
        }
    }

    /// The number of the next connection.
    pub(super) fn vacant(&self) -> usize {
        self.conns.vacant()
    }

    /// Take over a connection that was accepted. Where its port takes TLS, another thread has the socket
    /// first; `hosts` are the names that the other end may have.
    pub(super) fn insert(
        &mut self,
        Accepted { stream, peer, door }: Accepted,
        hosts: &[String],
        protocol: P,
        registry: &Registry,
    ) -> io::Result<usize> {
        let direction = (door != Door::Plain).then_some(Direction::Accepted(door));
        self.take_over(stream, peer, (direction, hosts), protocol, registry)
    }

    /// Take over a connection that this server dials, to a server with these hosts: with TLS, or without.
    pub(super) fn insert_dialed(
        &mut self,
        (stream, peer): (TcpStream, SocketAddr),
        hosts: Option<&[String]>,
        protocol: P,
        registry: &Registry,
    ) -> io::Result<usize> {
        let direction = hosts.map(|_| Direction::Dialed);
        self.take_over(stream, peer, (direction, hosts.unwrap_or_default()), protocol, registry)
    }

    fn take_over(
        &mut self,
        mut stream: TcpStream,
        peer: SocketAddr,
        (direction, hosts): (Option<Direction>, &[String]),
        protocol: P,
        registry: &Registry,
    ) -> io::Result<usize> {
        let index = self.conns.vacant();
        set_options(&stream);
        let transport = match (direction, &self.handshakes) {
            (Some(direction), Some(handshakes)) => {
                let ticket = Ticket { port: self.kind, index, number: self.made + 1 };
                handshakes.begin(ticket, (stream, peer), direction, hosts.to_vec())?
            }
            // Without keys nobody is let in who needs them.
            (Some(_), None) => return Err(io::Error::other("there are no keys for TLS")),
            (None, _) => {
                let token = Source::Connection(self.kind, index).token();
                registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
                Transport::Plain(stream)
            }
        };
        self.made += 1;
        Ok(self.conns.insert(Conn {
            socket: Socket::new(transport),
            peer,
            number: self.made,
            queued: false,
            read: false,
            dirty: false,
            protocol,
        }))
    }

    /// A handshake is over. Nothing, if its connection is gone.
    pub(super) fn entered(&mut self, finished: Finished, registry: &Registry) -> Option<Entered> {
        let Ticket { index, number, .. } = finished.ticket;
        let conn = self.conns.get_mut(index)?;
        if conn.number != number || !conn.socket.is_away() {
            return None;
        }
        let (mut transport, name) = match finished.result {
            Ok(ready) => ready,
            Err(why) => return Some(Entered::Refused(index, why)),
        };
        let token = Source::Connection(self.kind, index).token();
        let stream = transport.stream_mut()?;
        if let Err(error) = registry.register(stream, token, Interest::READABLE | Interest::WRITABLE) {
            return Some(Entered::Refused(index, Some(error.to_string())));
        }
        conn.socket.attach(transport);
        self.queue(index);
        Some(Entered::Ready(index, name))
    }

    /// Take a connection out. Dropping it closes it and ends its events.
    pub(super) fn remove(&mut self, index: usize) -> Option<Conn<P>> {
        self.conns.remove(index)
    }

    pub(super) fn get(&self, index: usize) -> Option<&Conn<P>> {
        self.conns.get(index)
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut Conn<P>> {
        self.conns.get_mut(index)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &Conn<P>)> {
        self.conns.iter()
    }

    /// The connections from this number on.
    pub(super) fn iter_from(&self, from: usize) -> impl Iterator<Item = (usize, &Conn<P>)> {
        self.conns.iter_from(from)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Conn<P>> {
        self.conns.iter_mut()
    }

    pub(super) fn len(&self) -> usize {
        self.conns.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.conns.is_empty()
    }

    /// How many connections the port had before this one.
    pub(super) fn number(&self, index: usize) -> Option<u64> {
        self.conns.get(index).map(|conn| conn.number)
    }

    /// The connections for which this holds.
    pub(super) fn all(&self, holds: impl Fn(&Conn<P>) -> bool) -> Vec<usize> {
        self.conns.iter().filter(|(_, conn)| holds(conn)).map(|(index, _)| index).collect()
    }

    /// The oldest accepted connection that has not introduced itself, if there are this many.
    pub(super) fn oldest_unknown(&self, many: usize) -> Option<usize> {
        let unknown = |(_, conn): &(usize, &Conn<P>)| conn.deadline().is_some() && !conn.is_dialing();
        if self.conns.iter().filter(unknown).count() < many {
            return None;
        }
        let times = self.conns.iter().filter(unknown).map(|(index, conn)| (conn.deadline(), index));
        times.min().map(|(_, index)| index)
    }

    /// The connections whose deadline is over.
    pub(super) fn overdue(&self, now: Instant) -> Vec<usize> {
        self.all(|conn| conn.deadline().is_some_and(|due| due <= now))
    }

    /// When the next deadline is over.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.conns.iter().filter_map(|(_, conn)| conn.deadline()).min()
    }

    // --- what is to be read --------------------------------------------------------------------

    /// A connection is readable, writable or broken. Says what came of dialing, if it was dialed.
    pub(super) fn ready(&mut self, index: usize, event: &Event) -> Option<Dialed> {
        let conn = self.conns.get_mut(index)?;
        conn.socket.ready(event);
        let mut dialed = None;
        if conn.is_dialing() {
            if let Some(error) = conn.socket.connect_error() {
                return Some(Dialed::Failed(error.to_string()));
            }
            if !event.is_writable() || !conn.socket.is_connected() {
                return None;
            }
            dialed = Some(Dialed::Connected);
        }
        let (readable, unsent) = (conn.socket.readable, conn.socket.unsent());
        if event.is_writable() && unsent > 0 {
            self.mark_dirty(index);
        }
        if readable {
            self.queue(index);
        }
        dialed
    }

    /// What the next connection says that has something to say. Those without leave the queue.
    pub(super) fn next(
        &mut self,
        now: Instant,
        scratch: &mut [u8],
        gate: &mut impl Gate<P>,
    ) -> Option<Next<P::Said>> {
        loop {
            let (index, conn) = self.front()?;
            if !gate.may_read(index, conn) {
                self.leave(false);
                continue;
            }
            if conn.is_unread() {
                if let Some(said) = P::before_read(conn, now) {
                    return Some(Next::Said(index, said));
                }
                conn.read(scratch);
            }
            let next = P::next(conn, now);
            gate.looked_at(conn);
            match next {
                Ok(Some(said)) => return Some(Next::Said(index, said)),
                Ok(None) if conn.is_closed() => {
                    return Some(match conn.socket.take_fault() {
                        Some(why) => Next::Wrong(index, why),
                        None => Next::Closed(index),
                    });
                }
                Ok(None) => {
                    let more = conn.socket.readable;
                    self.leave(more);
                }
                Err(why) => return Some(Next::Wrong(index, why)),
            }
        }
    }

    /// Put a connection into the queue of those to be read.
    pub(super) fn queue(&mut self, index: usize) {
        if let Some(conn) = self.conns.get_mut(index)
            && !conn.queued
        {
            conn.queued = true;
            self.work.push_back(index);
        }
    }

    /// A new turn of the loop: every connection may be read again.
    pub(super) fn begin_turn(&mut self) {
        self.work.extend(self.later.drain(..));
    }

    /// The connection whose turn it is.
    fn front(&mut self) -> Option<(usize, &mut Conn<P>)> {
        let index = loop {
            let index = *self.work.front()?;
            if self.conns.get(index).is_some_and(|conn| conn.queued) {
                break index;
            }
            self.work.pop_front();
        };
        Some((index, self.conns.get_mut(index)?))
    }

    /// The connection whose turn it is has said everything for now; `again`: there is more for the next turn.
    fn leave(&mut self, again: bool) {
        let Some(index) = self.work.pop_front() else { return };
        let Some(conn) = self.conns.get_mut(index) else { return };
        (conn.read, conn.queued) = (false, again);
        conn.protocol.rest();
        if again {
            self.later.push(index);
        }
    }

    /// The next turn begins with another connection.
    pub(super) fn rotate(&mut self) {
        if let Some(index) = self.work.pop_front() {
            self.work.push_back(index);
        }
    }

    /// Whether a connection is to be read.
    pub(super) fn has_to_read(&self) -> bool {
        !(self.work.is_empty() && self.later.is_empty())
    }

    // --- what is to be written -----------------------------------------------------------------

    /// There is something to write on a connection.
    pub(super) fn mark_dirty(&mut self, index: usize) {
        if let Some(conn) = self.conns.get_mut(index)
            && !conn.dirty
        {
            conn.dirty = true;
            self.dirty.push(index);
        }
    }

    /// The connections on which there is something to write.
    pub(super) fn take_dirty(&mut self) -> Vec<usize> {
        let mut dirty = std::mem::take(&mut self.dirty);
        dirty.retain(|index| {
            self.conns.get_mut(*index).is_some_and(|conn| std::mem::replace(&mut conn.dirty, false))
        });
        dirty
    }

    /// Whether there is something to write.
    pub(super) fn has_to_write(&self) -> bool {
        !self.dirty.is_empty()
    }
}
