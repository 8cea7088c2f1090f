//! What clients were told, judged: every reply and event that left a server, against what had arrived.
//!
//! The rules are in `rules.rs`. The order is that of the merged run, where everything is sent before it is
//! received. In each such order it could have happened.

mod connection;
mod linear;
mod rules;
mod txns;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};

use quorate_core::ids::{ConnId, Epoch, ServerId, SessionId, Zxid};
use quorate_core::pipeline::{ClientEvent, ClientReply, ClientTxn};
use quorate_core::session::password::is_password;
use quorate_core::wire::client::{ConnectRequest, ConnectResponse, OpCode, ReplyHeader, RequestHeader};
use quorate_core::wire::jute::{Jute, Reader};

use connection::{Asked, Connection, Kind, Refused};
use linear::{Overlaps, Write};
use rules::{
    CLOSED_IS_SILENT, ENDED_IS_SILENT, ENDED_ONCE, ONLY_COMMITTED, SYNC_IS_FRESH, WRITES_IN_REAL_TIME,
};
use txns::{Found, Txns};

use super::error::Broken;

pub use rules::{RULES, Rule};

/// What was judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Judged {
    /// Requests of clients that were answered, without pings.
    pub operations: u64,
    /// Among them: writes that were answered OK.
    pub writes: u64,
    /// Among these: writes that were given to the tester of linearizability too.
    pub tested: u64,
    /// Watch events.
    pub events: u64,
    /// Sessions that were given to a connection, again and again counted once each time.
    pub attached: u64,
    /// Sessions whose end was committed.
    pub ended: u64,
}

/// A server at the moment of a reply.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    /// The server's place among the servers.
    pub(super) server: usize,
    /// The server's id.
    pub(super) id: ServerId,
    /// Whether it serves reads only.
    pub(super) read_only: bool,
}

/// All clients of all servers.
#[derive(Debug, Default)]
pub(super) struct Clients {
    connections: HashMap<(usize, ConnId), Connection>,
    txns: Txns,
    /// The newest write of each epoch that was answered OK.
    answered: BTreeMap<Epoch, Zxid>,
    /// Sessions whose end is committed, and whether the ensemble has ended them.
    ended: HashMap<SessionId, bool>,
    /// Sessions that a client was told to have ended.
    told_ended: HashSet<SessionId>,
    judged: Judged,
    overlaps: Overlaps,
    /// How many requests have arrived and answers have left.
    moment: u64,
}

impl Clients {
    pub(super) fn judged(&self) -> Judged {
        Judged { tested: self.overlaps.tested(), ..self.judged }
    }

    /// A process is gone, and its connections with it.
    pub(super) fn gone(&mut self, server: usize) {
        self.connections.retain(|(of, _), _| *of != server);
    }

    /// A server logs a transaction.
    pub(super) fn appended(&mut self, zxid: Zxid, fingerprint: u64, txn: &ClientTxn) {
        self.txns.appended(zxid, fingerprint, txn);
    }

    /// Something arrives from a client at a server in this epoch.
    pub(super) fn arrives(&mut self, server: usize, conn: ConnId, event: &ClientEvent, epoch: Epoch) {
        match event {
            ClientEvent::Connect { frame, .. } => {
                let Ok(request) = ConnectRequest::from_bytes(frame) else { return };
                let password = request.password.unwrap_or_default();
                let wanted = Some(request.session).filter(|session| is_password(*session, &password));
                let connection = Connection::new(wanted, request.last_zxid_seen);
                self.connections.insert((server, conn), connection);
            }
            ClientEvent::Frame(frame) => {
                let Some(connection) = self.connections.get_mut(&(server, conn)) else { return };
                // What cannot be read ends the connection.
                let Ok(header) = RequestHeader::read(&mut Reader::new(frame), "") else { return };
                let RequestHeader { xid, op } = header;
                // A sync asks no quorum: what another leader has committed meanwhile it need not show.
                let up_to = if op == OpCode::Sync.to_i32() { epoch } else { Epoch::MAX };
                let after = self.answered.range(..=up_to).next_back().map_or(Zxid::ZERO, |(_, zxid)| *zxid);
                self.moment += 1;
                connection.asked(xid, op, after, self.moment);
            }
            ClientEvent::Closed => self.closed(server, conn),
        }
    }

    /// A connection is closed.
    pub(super) fn closed(&mut self, server: usize, conn: ConnId) {
        self.connections.remove(&(server, conn));
    }

    /// Something leaves for a client. `on_quorum` says whether a transaction is on the disks of a quorum.
    pub(super) fn told(
        &mut self,
        at: At,
        conn: ConnId,
        reply: &ClientReply,
        on_quorum: &dyn Fn(Zxid, u64) -> bool,
    ) -> Result<(), Broken> {
        let (refused, session) = match self.connections.get_mut(&(at.server, conn)) {
            None => (Err((&CLOSED_IS_SILENT, format!("{reply:?}"))), None),
            Some(connection) => {
                let session = connection.session.or(connection.wanted);
                let refused = match reply {
                    ClientReply::Connect(response) => self.given(at, conn, response),
                    ClientReply::Notification { zxid, .. } => {
                        self.judged.events += 1;
                        connection.told(*zxid)
                    }
                    ClientReply::Reply { header, .. } => match connection.replied(*header) {
                        Ok(Some(asked)) => self.answered(at, session, asked, *header, on_quorum),
                        Ok(None) => Ok(()),
                        Err(refused) => Err(refused),
                    },
                };
                (refused, session)
            }
        };
        refused.map_err(|(rule, what)| {
            let session = session.map_or("no session".into(), |session| format!("session {:#x}", session.0));
            Broken::Clients(rule, format!("{what}; server {}, connection {}, {session}", at.id, conn.0))
        })
    }

    /// A connection gets its session, or is told that there is none.
    fn given(&mut self, at: At, conn: ConnId, response: &ConnectResponse) -> Result<(), Refused> {
        let Some(connection) = self.connections.get_mut(&(at.server, conn)) else { return Ok(()) };
        if response.timeout_ms <= 0 {
            // A server without a leader knows its own sessions only.
            if !at.read_only {
                self.told_ended.extend(connection.wanted);
            }
            return Ok(());
        }
        let session = response.session;
        if connection.wanted.is_some_and(|wanted| wanted != session) {
            return Err((&ENDED_ONCE, format!("asked for another session and was given {:#x}", session.0)));
        }
        connection.session = Some(session);
        self.judged.attached += 1;
        if self.told_ended.contains(&session) {
            let what = format!("session {:#x} is given, and a client was told that it has ended", session.0);
            return Err((&ENDED_ONCE, what));
        }
        Ok(())
    }

    /// A request is answered in its turn.
    fn answered(
        &mut self,
        at: At,
        session: Option<SessionId>,
        asked: Asked,
        header: ReplyHeader,
        on_quorum: &dyn Fn(Zxid, u64) -> bool,
    ) -> Result<(), Refused> {
        self.judged.operations += u64::from(asked.kind != Kind::Ping);
        self.moment += 1;
        let (xid, after) = (asked.xid, asked.after);
        let zxid = Zxid(header.zxid as u64);
        match asked.kind {
            Kind::Sync if header.err == 0 && zxid < after => {
                let what = format!("the sync {xid} shows {zxid}; {after} was answered OK before it arrived");
                Err((&SYNC_IS_FRESH, what))
            }
            // Without a leader there are no transactions: only sessions of that server end.
            Kind::Write(_) if header.err == 0 && !at.read_only => {
                self.committed(session, xid, zxid, on_quorum)?;
                self.judged.writes += 1;
                if zxid <= after {
                    let what =
                        format!("the write {xid} is {zxid}; {after} was answered OK before it arrived");
                    return Err((&WRITES_IN_REAL_TIME, what));
                }
                if !self.overlaps.answered(Write { arrived: asked.moment, answered: self.moment, zxid }) {
                    let what =
                        format!("no order of the write {xid}, which is {zxid}, and the writes before it");
                    return Err((&WRITES_IN_REAL_TIME, what));
                }
                let newest = self.answered.entry(zxid.epoch()).or_default();
                *newest = zxid.max(*newest);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The transaction of a write that is answered OK.
    fn committed(
        &self,
        session: Option<SessionId>,
        xid: i32,
        zxid: Zxid,
        on_quorum: &dyn Fn(Zxid, u64) -> bool,
    ) -> Result<(), Refused> {
        let what = match self.txns.find(zxid) {
            Found::Forgotten => return Ok(()),
            Found::Nothing => "which no server has proposed".into(),
            Found::Known(txn) if (Some(txn.session), txn.cxid) != (session, xid) => {
                format!("which is that of xid {} of session {:#x}", txn.cxid, txn.session.0)
            }
            Found::Known(txn) if txn.op == OpCode::Error.to_i32() => "which says that it failed".into(),
            Found::Known(txn) if !on_quorum(zxid, txn.fingerprint) => {
                "which is not on the disks of a quorum".into()
            }
            Found::Known(_) => return Ok(()),
        };
        Err((&ONLY_COMMITTED, format!("the write {xid} is answered OK with transaction {zxid}, {what}")))
    }

    /// A transaction is delivered; each once, in order.
    pub(super) fn delivered(&mut self, zxid: Zxid) -> Result<(), Broken> {
        let Found::Known(txn) = self.txns.find(zxid) else { return Ok(()) };
        let session = txn.session;
        if txn.op == OpCode::CloseSession.to_i32() {
            // A client's own request has the xid it gave it; the ensemble's has none.
            let expired = txn.cxid == 0;
            let before = self.ended.entry(session).or_insert_with(|| {
                self.judged.ended += 1;
                false
            });
            if expired && *before {
                let what = format!("session {:#x} expires again by transaction {zxid}", session.0);
                return Err(Broken::Clients(&ENDED_ONCE, what));
            }
            *before |= expired;
        } else if txn.op != OpCode::Error.to_i32() && self.ended.contains_key(&session) {
            let what = format!("transaction {zxid} (op {}) is of session {:#x}", txn.op, session.0);
            return Err(Broken::Clients(&ENDED_IS_SILENT, what));
        }
        Ok(())
    }
}
