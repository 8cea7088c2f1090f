//! The link with each server decides; here its sockets are dialed, used and closed.

use std::time::Instant;

use mio::Registry;
use mio::net::TcpStream;
use quorate_core::election::{ElectionLink, LinkOutput, LinkOutputs, Notification};
use quorate_core::ids::ServerId;
use tracing::debug;

use super::conn::Voter;
use super::{ElectionPort, Heard};
use crate::net::between::Stage;

impl ElectionPort {
    /// Let the link with a server decide, about the `reported` connection if it is about one, and do what it
    /// wants.
    pub(super) fn ask_link(
        &mut self,
        now: Instant,
        server: ServerId,
        reported: Option<usize>,
        report: impl FnOnce(&mut ElectionLink<Notification>, &mut LinkOutputs),
    ) {
        let Some(peer) = self.peers.get_mut(&server) else { return };
        let (mut out, mut reported) = (LinkOutputs::new(), reported);
        report(&mut peer.link, &mut out);
        for output in out {
            match output {
                LinkOutput::Dial => self.dials.push_back(server),
                LinkOutput::Pause(delay) => peer.pause = Some(now + self.settings.durations.of(delay)),
                LinkOutput::CloseReported => {
                    drop(reported.take().and_then(|index| self.engine.remove(index)))
                }
                LinkOutput::CloseUsed => {
                    drop(peer.conn.take().and_then(|index| self.engine.remove(index)));
                    self.events.push_back(Heard::Down(server));
                }
                LinkOutput::UseReported => {
                    peer.conn = reported;
                    peer.newest = reported.and_then(|index| self.engine.number(index));
                    if let Some(index) = reported
                        && let Some(conn) = self.engine.get_mut(index)
                    {
                        conn.stage = Stage::Up(server);
                        self.engine.queue(index);
                    }
                    debug!("election port: connected with server {server}");
                    self.events.push_back(Heard::Up(server));
                }
                LinkOutput::Send => peer.conn.into_iter().for_each(|index| self.engine.mark_dirty(index)),
            }
        }
    }

    /// Dial the next address of the place whose turn it is.
    pub(super) fn connect(&mut self, now: Instant, server: ServerId, registry: &Registry) {
        let Some((address, limit)) = self.dialer.next_address(server) else {
            return self.dial_failed(now, server, "the name has no address");
        };
        let new = Voter::new(Stage::Dialing(server, now + limit));
        let hosts = self.dialer.tls_hosts(server);
        let connected = TcpStream::connect(address)
            .and_then(|stream| self.engine.insert_dialed((stream, address), hosts.as_deref(), new, registry));
        if let Err(error) = connected {
            self.dial_failed(now, server, &error.to_string());
        }
    }

    /// Nothing came of an attempt to connect.
    pub(super) fn dial_failed(&mut self, now: Instant, server: ServerId, why: &str) {
        let another = self.dialer.failed(now, server, why);
        self.ask_link(now, server, None, |link, out| link.dial_failed(another, out));
    }

    /// A connection that we dialed is established: introduce this server.
    pub(super) fn dialed(&mut self, now: Instant, server: ServerId, index: usize) {
        let Some(conn) = self.engine.get_mut(index) else { return };
        self.settings.write_initial_message(conn.socket.out());
        if let Err(error) = conn.socket.write() {
            self.engine.remove(index);
            return self.dial_failed(now, server, &error.to_string());
        }
        self.dialer.worked(server);
        self.ask_link(now, server, Some(index), ElectionLink::dialed);
    }

    /// The other end of a connection that was accepted has introduced itself.
    pub(super) fn introduced(&mut self, now: Instant, index: usize, server: ServerId) {
        let Some(peer) = self.peers.get_mut(&server) else {
            if let Some(conn) = self.engine.remove(index) {
                let why =
                    format!("says it is server {server}, which is not another one of the configuration");
                self.engine.refusals.log(now, conn.peer, why);
            }
            return;
        };
        self.dialer.came(server);
        let is_old = self.engine.number(index) < peer.newest;
        self.ask_link(now, server, Some(index), |link, out| link.introduced(is_old, out));
    }
}
