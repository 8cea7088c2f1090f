//! What core wants done with connections to servers: dial, send, hang up.

use std::net::SocketAddr;
use std::time::Instant;

use mio::Registry;
use mio::net::TcpStream;
use quorate_core::ids::{Link, ServerId};
use quorate_core::wire::quorum::{Local, Side as End, WirePayload, write_packet};
use quorate_core::zab::Packet;
use quorate_core::{Input, Reason};
use tracing::info;

use super::QuorumPort;
use super::conn::{Peer, Segment, refusal, synchronisation};
use super::counts::LinkReading;
use crate::net::between::Stage;
use crate::net::dial::{Answer, Resolver};
use crate::net::engine::Conn;

impl<P: WirePayload> QuorumPort<P> {
    /// Connect to a server. An attempt under way to the same server is given up without an answer.
    pub(crate) fn dial(
        &mut self,
        now: Instant,
        server: ServerId,
        resolver: &mut Resolver,
        registry: &Registry,
    ) {
        self.redials.retain(|link| link.server != server);
        let dialing =
            |conn: &Conn<Peer<P>>| matches!(conn.stage, Stage::Dialing(link, _) if link.server == server);
        for index in self.engine.all(dialing) {
            self.remove(index);
        }
        let link = self.new_link(server);
        if !self.dialer.knows(server) {
            return self.events.push_back(Input::Down(link));
        }
        self.attempts.insert(server, link);
        if self.dialer.begin(now, server, resolver) {
            self.connect(now, link, registry);
        }
    }

    /// The address of a server that is being dialed.
    pub(crate) fn resolved(&mut self, now: Instant, server: ServerId, answer: Answer, registry: &Registry) {
        let Some(answer) = self.dialer.resolved(server, answer) else { return };
        let Some(link) = self.attempts.get(&server).copied() else { return };
        match answer {
            Ok(()) => self.connect(now, link, registry),
            Err(why) => self.not_reached(now, link, &why),
        }
    }

    /// Send a message, if the connection still exists.
    pub(crate) fn send(&mut self, now: Instant, link: Link, packet: &Packet<P>) {
        let Some(index) = self.links.get(&link).copied() else { return };
        let Some(conn) = self.engine.get_mut(index) else { return };
        let local = Local { side: conn.end, id: self.settings.me };
        let before = conn.unsent_tail().len();
        let snapshot = write_packet(packet, &local, conn.unsent_tail());
        if !conn.rest.is_empty() {
            conn.rest_bytes += conn.unsent_tail().len() - before;
        }
        if let Some(how) = synchronisation(packet) {
            info!("quorum port: synchronising server {} by {how}", link.server);
        }
        conn.note_stage(now, packet);
        conn.counts.sent(packet);
        if let Some(snapshot) = snapshot {
            conn.rest.push_back(Segment::Snapshot(P::snapshot_body(snapshot)));
        }
        self.engine.mark_dirty(index);
    }

    /// Close a connection; nothing of it is delivered any more.
    pub(crate) fn hangup(&mut self, now: Instant, link: Link, reason: Reason) {
        let conn = self.links.get(&link).copied().and_then(|index| self.remove(index));
        match (&conn, refusal(link, reason)) {
            (Some(conn), Some(what)) => self.engine.refusals.log(now, conn.peer, what),
            _ => info!("quorum port: closing the connection with server {}: {reason:?}", link.server),
        }
        // What was sent before may still tell the other side something.
        let _ = conn.map(|mut conn| conn.socket.write());
        let of_link = |event: &Input<P>| match event {
            Input::Up(l)
            | Input::Accepted(l)
            | Input::Down(l)
            | Input::Packet(l, _)
            | Input::Progress(l)
            | Input::AllRead(l) => *l == link,
            _ => false,
        };
        self.events.retain(|event| !of_link(event));
    }

    /// The addresses of a connection: this end's, the other end's.
    pub(crate) fn ends(&self, link: Link) -> Option<(SocketAddr, SocketAddr)> {
        self.engine.get(*self.links.get(&link)?)?.socket.ends()
    }

    /// Begin anew to count packets, on every connection.
    pub(crate) fn reset_counts(&mut self) {
        self.engine.iter_mut().for_each(|conn| conn.counts.reset());
    }

    /// The connections with servers that have introduced themselves.
    pub(crate) fn readings(&self) -> Vec<LinkReading> {
        let one = |(link, index): (&Link, &usize)| {
            let conn = self.engine.get(*index)?;
            Some(conn.counts.reading(link.server, conn.peer, conn.socket.unsent() + conn.rest_bytes))
        };
        self.links.iter().filter_map(one).collect()
    }

    /// Dial the next address of the place whose turn it is.
    pub(super) fn connect(&mut self, now: Instant, link: Link, registry: &Registry) {
        let Some((address, limit)) = self.dialer.next_address(link.server) else {
            return self.events.push_back(Input::Down(link));
        };
        let new = self.new_conn(now, Stage::Dialing(link, now + limit), End::Learner);
        let hosts = self.dialer.tls_hosts(link.server);
        let connected = TcpStream::connect(address)
            .and_then(|stream| self.engine.insert_dialed((stream, address), hosts.as_deref(), new, registry));
        if let Err(error) = connected {
            self.not_reached(now, link, &error.to_string());
        }
    }

    /// Nothing came of an attempt. The next address has its turn at once; if there is none, core is told,
    /// and the next dial goes to the next place.
    pub(super) fn not_reached(&mut self, now: Instant, link: Link, why: &str) {
        if self.dialer.failed(now, link.server, why) {
            self.redials.push(link);
        } else {
            self.events.push_back(Input::Down(link));
        }
    }
}
