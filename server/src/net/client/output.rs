//! What is sent to clients, and which of them are closed.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use quorate_core::ids::ConnId;
use quorate_core::pipeline::ClientReply;
use quorate_core::wire::client::OpCode;

use super::conn::{Client, Stage};
use super::{ClientPort, find};
use crate::mutation::mutated;
use crate::net::engine::Conn;

impl ClientPort {
    /// Append an answer or an event to what a client is sent.
    /// Says how long the request took that is answered, if it is one that was slow.
    pub(crate) fn reply(
        &mut self,
        now: Instant,
        id: ConnId,
        reply: &ClientReply,
        slow: Option<Duration>,
    ) -> Option<Slow> {
        let (index, conn) = find(&mut self.engine, id)?;
        let mut slowly = None;
        self.spare.lend(&mut conn.socket);
        let out = conn.socket.out();
        let before = out.len();
        reply.write(out);
        let size = out.len() - before;
        if mutated!(RepliesSwapped) && self.totals.sent.is_multiple_of(97) {
            out.rotate_left(before);
        }
        self.totals.said(reply, size);
        if let Some(answered) = conn.answered(reply) {
            self.flow.answered(&answered.waiting);
            let us = now.duration_since(answered.waiting.since).as_micros() as u64;
            self.operations.record(answered.waiting.op, us);
            let took = Duration::from_micros(us);
            if slow.is_some_and(|limit| took >= limit) {
                slowly = Some(Slow {
                    took,
                    op: answered.waiting.op,
                    xid: answered.xid,
                    session: conn.session(),
                    peer: conn.peer,
                });
            }
            // As in ZooKeeper, what proves an identity is no request of the session.
            if !is_authentication(answered.waiting.op) {
                self.totals.answered(us);
                conn.counts.answered(&answered, us, now.duration_since(self.began).as_millis());
            }
        }
        self.flow.account(conn);
        self.engine.mark_dirty(index);
        // Many answers of one turn: what the clients take in first makes room.
        if self.flow.is_overrun(0) {
            self.flush();
            self.shed(now, 0, |_| 0);
        }
        slowly
    }

    /// Close the connections that hold the most, if all together hold more than they may. `others` is what
    /// core holds for them, `of` what it holds for one.
    pub(crate) fn shed(&mut self, now: Instant, others: usize, of: impl Fn(ConnId) -> usize) {
        // While core does not know yet which are gone, what it holds for them still counts. Then only what
        // the port holds is a reason.
        let others = if self.events.is_empty() { others } else { 0 };
        if !self.flow.is_overrun(others) {
            return;
        }
        let each = self.engine.iter().map(|(index, conn)| conn.held(index, of(conn.id))).collect();
        for held in self.flow.greediest(each, others) {
            if let Some(conn) = self.engine.get(held.index) {
                let (peer, kib, limit) = (conn.peer, held.bytes() >> 10, self.settings.memory >> 20);
                let why = format!(
                    "held {kib} KiB while all connections together held more than quorate.clientMemory={limit}"
                );
                self.engine.refusals.log(now, peer, why);
            }
            self.totals.shed += 1;
            self.lost(held.index);
        }
    }

    /// Close those of the clients' connections that are picked, so that their clients go to another server.
    /// From this place on, `most` connections are looked at; `picks` is told how many were looked at before.
    /// Says how many were looked at and closed, and where the next one is.
    pub(crate) fn drain(
        &mut self,
        from: usize,
        most: usize,
        picks: impl Fn(usize) -> bool,
    ) -> (usize, usize, Option<usize>) {
        let open = |(_, conn): &(usize, &Conn<Client>)| matches!(conn.stage, Stage::Open(_));
        let mut places: Vec<usize> =
            self.engine.iter_from(from).filter(open).map(|(index, _)| index).take(most + 1).collect();
        let next = if places.len() > most { places.pop() } else { None };
        let picked: Vec<usize> =
            places.iter().enumerate().filter(|(n, _)| picks(*n)).map(|(_, index)| *index).collect();
        for index in &picked {
            self.totals.drained += 1;
            self.lost(*index);
        }
        (places.len(), picked.len(), next)
    }

    /// Close a connection after what was sent to it.
    pub(crate) fn close(&mut self, now: Instant, id: ConnId) {
        let Some((index, conn)) = find(&mut self.engine, id) else { return };
        conn.stage = Stage::Closing;
        conn.since = now;
        self.engine.mark_dirty(index);
    }

    /// A client is closed without an answer: only the log says why.
    pub(crate) fn turned_away(&mut self, now: Instant, id: ConnId, why: &str) {
        if let Some((_, conn)) = find(&mut self.engine, id) {
            let peer = conn.peer;
            self.engine.refusals.log(now, peer, why);
        }
    }

    /// The next connection that can take in a piece of the answer to its word.
    pub(crate) fn wants_piece(&mut self) -> Option<ConnId> {
        while let Some(id) = self.hungry.pop_front() {
            if find(&mut self.engine, id).is_some() {
                return Some(id);
            }
        }
        None
    }

    /// Write the next piece of the answer to a word; after the last one the connection is closed.
    pub(crate) fn write_piece(&mut self, now: Instant, id: ConnId, piece: &str, last: bool) {
        let Some((index, conn)) = find(&mut self.engine, id) else { return };
        conn.socket.out().extend_from_slice(piece.as_bytes());
        if last {
            conn.counts.sent += 1;
            self.totals.sent += 1;
            return self.close(now, id);
        }
        (conn.stage, conn.since) = (Stage::Answering, now);
        self.flow.account(conn);
        self.engine.mark_dirty(index);
    }
}

fn is_authentication(op: i32) -> bool {
    matches!(OpCode::from_i32(op), Some(OpCode::Auth | OpCode::Sasl))
}

/// A request that took long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slow {
    /// From its arrival to its answer.
    pub(crate) took: Duration,
    op: i32,
    xid: i32,
    session: i64,
    peer: SocketAddr,
}

impl fmt::Display for Slow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Slow { took, op, xid, session, peer } = self;
        let name = OpCode::from_i32(*op).map_or("unknown", |op| op.operation().name);
        write!(f, "{name} (xid {xid}) of session {session:#x} at {peer} took {} ms", took.as_millis())
    }
}
