//! Atomic broadcast, abstracted: one sequence of transactions, which every server applies at its own pace.
//!
//! What a leader proposes is chosen in order, whenever; the leader applies it then, and every other server
//! later, in order. Between a server and the leader there is one FIFO channel each way, as TCP is one.
//! Requests and questions about sessions go up. Commits, answers to `sync` and answers about sessions come
//! down. `tests/abstraction.rs` checks that the ensembles of the ZAB models do no more.

use std::collections::VecDeque;
use std::sync::Arc;

use quorate_core::ids::{SessionId, Touch, Zxid};
use quorate_core::pipeline::{ClientRequest, ClientTxn};
use quorate_core::wire::txn::{Txn, TxnBody};

/// What one transaction does, as far as clients can tell.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Change {
    /// A session was created.
    Opened(SessionId),
    /// A znode was created, for a session or for good.
    Created(String, Option<SessionId>),
    /// A znode's data was set.
    Set(String),
    /// A znode was deleted.
    Deleted(String),
    /// A session ended.
    Ended(SessionId),
}

/// A transaction of the sequence.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Chosen {
    /// The transaction's place in the sequence.
    pub zxid: Zxid,
    /// The transaction, as a server applies it.
    pub txn: ClientTxn,
    /// What it does; nothing if it failed.
    pub changes: Vec<Change>,
}

impl Chosen {
    /// What is proposed, read as the onlooker reads it.
    pub fn new(zxid: Zxid, txn: ClientTxn) -> Self {
        let Txn { header, body, .. } = Txn::decode(&txn.0).expect("a leader writes what can be read");
        let changes = match body {
            TxnBody::Create(new) | TxnBody::Create2(new) => {
                vec![Change::Created(new.path, new.ephemeral.then_some(header.client_id))]
            }
            TxnBody::CreateSession(_) => vec![Change::Opened(header.client_id)],
            TxnBody::SetData(set) => vec![Change::Set(set.path)],
            TxnBody::Delete(path) => vec![Change::Deleted(path)],
            TxnBody::CloseSession(paths) => {
                let deleted = paths.into_iter().flatten().map(Change::Deleted);
                deleted.chain([Change::Ended(header.client_id)]).collect()
            }
            _ => vec![],
        };
        Chosen { zxid, txn, changes }
    }

    /// Whether it failed when it was prepared.
    pub fn failed(&self) -> bool {
        matches!(Txn::decode(&self.txn.0), Ok(Txn { body: TxnBody::Error(_), .. }))
    }
}

/// From a server to the leader.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Up {
    /// A client's request to be proposed: REQUEST.
    Request(ClientRequest),
    /// Whether a session is still there: REVALIDATE.
    Revalidate(Touch),
}

/// From the leader to a server.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Down {
    /// The next transaction of the sequence is chosen.
    Commit,
    /// A `sync` is answered: SYNC.
    Synced(ClientRequest),
    /// The answer to REVALIDATE.
    Revalidated(SessionId, bool),
}

/// The sequence and the channels. Server 0 leads.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Broadcast {
    /// What is chosen, in order.
    pub chosen: Arc<Vec<Chosen>>,
    /// What is proposed and not chosen, in order.
    pub proposed: VecDeque<Chosen>,
    /// How many of the sequence each server has applied.
    pub applied: Vec<usize>,
    /// `sync` requests (of which server) that wait for the last proposal before them.
    pub syncs: VecDeque<(Zxid, usize, ClientRequest)>,
    /// What is under way from each server to the leader.
    pub up: Vec<VecDeque<Up>>,
    /// What is under way from the leader to each server.
    pub down: Vec<VecDeque<Down>>,
    last: Zxid,
}

/// A step of the abstraction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Move {
    /// The oldest proposal is chosen; the leader applies it.
    Choose,
    /// A server applies the next of the sequence.
    Apply(usize),
}

impl Broadcast {
    /// Nothing has happened yet among `servers` servers.
    pub fn new(servers: usize) -> Self {
        Broadcast {
            chosen: Arc::default(),
            proposed: VecDeque::new(),
            applied: vec![0; servers],
            syncs: VecDeque::new(),
            up: vec![VecDeque::new(); servers],
            down: vec![VecDeque::new(); servers],
            last: Zxid::new(1, 0),
        }
    }

    /// The zxid of the last proposal.
    pub fn last(&self) -> Zxid {
        self.last
    }

    /// The leader proposes.
    pub fn propose(&mut self, chosen: Chosen) {
        self.last = chosen.zxid;
        self.proposed.push_back(chosen);
    }

    /// The oldest proposal is chosen: the leader applies it, the others are told.
    pub fn choose(&mut self) -> Option<Chosen> {
        let chosen = self.proposed.pop_front()?;
        Arc::make_mut(&mut self.chosen).push(chosen.clone());
        self.applied[0] += 1;
        self.down.iter_mut().skip(1).for_each(|down| down.push_back(Down::Commit));
        Some(chosen)
    }

    /// A server applies the next of the sequence.
    pub fn apply(&mut self, server: usize) -> Option<Chosen> {
        let next = self.chosen.get(self.applied[server])?.clone();
        self.applied[server] += 1;
        Some(next)
    }

    /// The zxid of the last chosen transaction.
    pub fn fresh(&self) -> Zxid {
        self.chosen.last().map_or(Zxid::ZERO, |chosen| chosen.zxid)
    }
}

/// What may become of (how many are chosen, how many each server has applied) in one step, with at most
/// `most` chosen. This is the abstraction without services, for comparison with the ensembles.
pub fn moves(chosen: usize, applied: &[usize], most: usize) -> Vec<(Move, usize, Vec<usize>)> {
    let mut moves = Vec::new();
    if chosen < most {
        moves.push((Move::Choose, chosen + 1, applied.to_vec()));
    }
    for server in 0..applied.len() {
        if applied[server] < chosen {
            let mut next = applied.to_vec();
            next[server] += 1;
            moves.push((Move::Apply(server), chosen, next));
        }
    }
    moves
}
