//! The road of a request through a leader, next to one on which every request travels alone.
//!
//! Two real services get the same frames. One prepares up to three requests before it applies the first, as a
//! leader does whose proposals wait for a quorum. The other applies each before it takes the next. What the
//! first predicts, answers and comes to is what the second does: no client can tell that requests overlap.
//! What a change must do at all is claimed of what is seen before and after it.

pub mod claims;
pub mod menu;

use std::collections::VecDeque;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use quorate_core::ids::{ConnId, Now, ServerId, SessionId, Zxid};
use quorate_core::payload::{Effect, Effects, Origin, Service, ServingRole};
use quorate_core::pipeline::{ClientReply, ClientTxn, Settings, TreeService};
use quorate_core::wire::txn::{Txn, TxnBody};

use super::model_spec::Variant;
use super::protocol::{Claim, Protocol};
use super::service::{Served, Znodes, at, connect, frame, znodes};
use crate::judge::rules::{Client, Moment};
use crate::judge::words::{Answer, Identity, Op};
use crate::judge::{Judge, glue};
use menu::{Ask, BEGIN, MENU};

const CONNS: [ConnId; 2] = [ConnId(1), ConnId(2)];

/// The longest transaction that a learner accepts here, bytes. The second client's session can be
/// ended by name with the znodes that it has in the beginning, and with no more.
pub const LIMIT: usize = 160;

/// Two clients at a leader.
#[derive(Clone, Copy, Debug)]
pub struct Road {
    /// How many requests they send together.
    pub requests: u8,
    /// Which rule is broken, if any.
    pub variant: Variant,
}

type Fx = Effects<TreeService>;

/// A request that is prepared, and what became of it where it travelled alone.
#[derive(Clone, PartialEq, Hash, Debug)]
struct Proposed {
    /// Which of the menu.
    ask: usize,
    zxid: Zxid,
    txn: ClientTxn,
    alone_txn: Option<ClientTxn>,
    alone_fx: Fx,
    alone_tree: Znodes,
}

/// What the last transaction has done.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Applied {
    /// Which request of the menu it was.
    pub ask: usize,
    /// The zxid of the transaction.
    pub zxid: Zxid,
    /// How long it is, bytes.
    pub size: usize,
    /// Whether it, or a part of it, failed.
    pub failed: bool,
    /// Whether it ends a session without naming its znodes.
    pub nameless: bool,
    /// Whether the transaction is the one that came of the request alone, byte for byte.
    pub same_txn: bool,
    /// Whether the client was told the same.
    pub same_answer: bool,
    /// Whether the trees are the same.
    pub same_tree: bool,
    /// Whether the answer and all znodes are as the judge says.
    pub judged: bool,
    /// How many transactions named another digest than the tree had.
    pub mismatches: u64,
    /// The znodes before.
    pub before: Znodes,
    /// The znodes after.
    pub after: Znodes,
    /// The sessions after.
    pub sessions: Vec<SessionId>,
}

/// A state of both services.
#[derive(Clone, PartialEq, Hash, Debug)]
pub struct State {
    leader: Served,
    alone: Served,
    beside: Aside<Beside>,
    zxid: Zxid,
    left: u8,
    outstanding: VecDeque<Proposed>,
    /// The last transaction, once one was applied.
    pub last: Option<Arc<Applied>>,
    /// Sequential names in the order they were given.
    pub names: Vec<String>,
}

/// The judge, and the sessions of the two clients.
#[derive(Clone, Debug)]
struct Beside {
    judge: Judge,
    sessions: Vec<i64>,
}

/// What is no part of a state's identity.
#[derive(Clone, Debug)]
struct Aside<T>(Arc<T>);

impl<T> PartialEq for Aside<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T> Hash for Aside<T> {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// A step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// A client sends this request of the menu; it is prepared.
    Send(usize),
    /// The oldest transaction is committed and applied.
    Commit,
}

impl Protocol for Road {
    type State = State;
    type Step = Step;

    const CLAIMS: &'static [Claim<State>] = claims::CLAIMS;
    const REACHES: &'static [Claim<State>] = claims::REACHES;

    fn begin(&self) -> Vec<State> {
        let served = || {
            let mut served = Served::proposing(1, 2000, LIMIT, self.variant);
            served.step(|service, fx| service.serve(at(1, 0), ServingRole::Leader, Zxid::new(1, 0), fx));
            served
        };
        let mut judge = Judge::of_new_ensemble();
        glue::configure(&mut judge, &Settings { max_txn: LIMIT, ..Settings::new(ServerId(1), 2000) });
        let mut state = State {
            beside: Aside(Arc::new(Beside { judge, sessions: vec![] })),
            leader: served(),
            alone: served(),
            zxid: Zxid::new(1, 0),
            left: self.requests,
            outstanding: VecDeque::new(),
            last: None,
            names: vec![],
        };
        for conn in CONNS {
            let hello = connect(SessionId(0), 10_000, Zxid::ZERO);
            let fx = state.leader.client(at(1, 0), conn, hello.clone());
            let fx_alone = state.alone.client(at(1, 0), conn, hello);
            state.propose(usize::MAX, fx, fx_alone);
            state.commit(None);
        }
        for served in [&mut state.leader, &mut state.alone] {
            served.client(at(1, 0), CONNS[0], frame(7, &menu::prove()));
        }
        for ask in BEGIN {
            state.send(usize::MAX, ask);
            state.commit(Some(ask));
        }
        state.last = None;
        vec![state]
    }

    fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        if !state.outstanding.is_empty() {
            steps.push(Step::Commit);
        }
        if state.left > 0 {
            steps.extend((0..MENU.len()).map(Step::Send));
        }
    }

    fn after(&self, state: &State, step: &Step) -> State {
        let mut next = state.clone();
        match step {
            Step::Send(i) => {
                next.left -= 1;
                next.send(*i, &MENU[*i]);
            }
            Step::Commit => {
                let ask = next.outstanding.front().and_then(|proposed| MENU.get(proposed.ask));
                next.commit(ask);
            }
        }
        next
    }
}

impl State {
    fn now(&self) -> Now {
        at(u64::from(self.zxid.counter()), 1_000_000)
    }

    fn send(&mut self, i: usize, ask: &Ask) {
        let (now, event) = (self.now(), frame(7, &(ask.request)()));
        let fx = self.leader.client(now, CONNS[ask.client], event.clone());
        let fx_alone = self.alone.client(now, CONNS[ask.client], event);
        self.propose(i, fx, fx_alone);
    }

    fn propose(&mut self, ask: usize, fx: Fx, fx_alone: Fx) {
        let zxid = self.zxid.next().expect("a few");
        let now = at(u64::from(zxid.counter()), 1_000_000);
        let Some(txn) = prepared(&mut self.leader, now, zxid, &fx) else { return };
        let alone_txn = prepared(&mut self.alone, now, zxid, &fx_alone);
        let alone_fx = alone_txn.as_ref().map(|txn| self.alone.step(|s, fx| s.apply(now, zxid, txn, fx)));
        self.zxid = zxid;
        self.outstanding.push_back(Proposed {
            ask,
            zxid,
            txn,
            alone_txn,
            alone_fx: alone_fx.unwrap_or_default(),
            alone_tree: znodes(self.alone.get().tree(), "/"),
        });
    }

    fn commit(&mut self, by: Option<&Ask>) {
        let Proposed { ask, zxid, txn, alone_txn, alone_fx, alone_tree } =
            self.outstanding.pop_front().expect("something is outstanding");
        let now = at(u64::from(zxid.counter()), 1_000_000);
        let before = znodes(self.leader.get().tree(), "/");
        let fx = self.leader.step(|service, fx| service.apply(now, zxid, &txn, fx));
        let Txn { header, body, .. } = Txn::decode(&txn.0).expect("a leader writes what can be read");
        let judged = self.judge(by, (zxid, now), header.client_id, &fx);
        let (leader, alone) = (self.leader.get(), self.alone.get());
        let after = znodes(leader.tree(), "/");
        let parts = match &body {
            TxnBody::Multi(parts) => parts.as_slice(),
            body => std::slice::from_ref(body),
        };
        let failed = parts.iter().any(|part| matches!(part, TxnBody::Error(_)));
        let created = |part: &TxnBody| match part {
            TxnBody::Create(new) | TxnBody::Create2(new) if new.path.starts_with("/p/s") => {
                Some(new.path.clone())
            }
            _ => None,
        };
        if !failed {
            self.names.extend(parts.iter().filter_map(created));
        }
        let caught_up = self.outstanding.is_empty();
        self.last = Some(Arc::new(Applied {
            ask,
            zxid,
            size: txn.0.len(),
            failed,
            nameless: body == TxnBody::CloseSession(None),
            same_txn: alone_txn.as_ref() == Some(&txn),
            same_answer: alone_fx == fx,
            judged,
            same_tree: alone_tree == after
                && (!caught_up || leader.tree() == alone.tree() && leader.sessions().eq(alone.sessions())),
            mismatches: leader.status().counters.digest_mismatches
                + alone.status().counters.digest_mismatches,
            before,
            after,
            sessions: leader.sessions().map(|(session, _)| session).collect(),
        }));
    }

    /// Whether the client is told what the judge says, and the znodes are what it says.
    fn judge(&mut self, by: Option<&Ask>, (zxid, now): (Zxid, Now), session: SessionId, fx: &Fx) -> bool {
        let Beside { judge, sessions } = Arc::make_mut(&mut self.beside.0);
        let at = Moment { zxid: zxid.0 as i64, time: now.wall_ms };
        let agrees = match by {
            None => {
                sessions.push(session.0);
                judge.write(at, Client { session: session.0, is: &[] }, &Op::OpenSession) == Answer::Done
            }
            Some(ask) => {
                let client = Client { session: sessions[ask.client], is: &identities(ask.client) };
                let was_open = judge.sessions.contains(&client.session);
                let says = glue::op(&(ask.request)()).map(|op| judge.write(at, client, &op));
                let told = fx.iter().find_map(|effect| match effect {
                    Effect::Reply(conn, ClientReply::Reply { header, body, .. })
                        if *conn == CONNS[ask.client] =>
                    {
                        Some(glue::answer(header.err, body))
                    }
                    _ => None,
                });
                // The connection of a session that has ended is closed.
                if was_open { told == says } else { told.is_none() }
            }
        };
        agrees && judge.znodes == glue::znodes(self.leader.get().tree())
    }

    /// How many requests are prepared and not applied.
    pub fn outstanding(&self) -> usize {
        self.outstanding.len()
    }
}

/// What a client is to the judge.
fn identities(client: usize) -> Vec<Identity> {
    let identity = |scheme: &str, id: &str| Identity { scheme: scheme.into(), id: id.into() };
    let mut is = vec![identity("ip", "127.0.0.1")];
    if client == 0 {
        is.push(identity("digest", menu::PROVED));
    }
    is
}

fn prepared(served: &mut Served, now: Now, zxid: Zxid, fx: &Fx) -> Option<ClientTxn> {
    let [Effect::Submit(request)] = &fx[..] else { return None };
    let mut txn = None;
    served.step(|service, _| txn = Some(service.prepare(now, zxid, request, Origin::Local)));
    txn
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} outstanding", self.outstanding.len())?;
        let Some(last) = &self.last else { return Ok(()) };
        write!(f, "; {} was applied", last.zxid)?;
        if last.failed {
            write!(f, " as a failure")?;
        }
        for (what, same) in
            [("transaction", last.same_txn), ("answer", last.same_answer), ("tree", last.same_tree)]
        {
            if !same {
                write!(f, "; the {what} is not what it would be alone")?;
            }
        }
        if !last.judged {
            write!(f, "; the answer or a znode is not what the judge says")?;
        }
        write!(f, "; znodes")?;
        for (path, stat) in &last.after {
            write!(f, " {path} (version {}, cversion {})", stat.version, stat.cversion)?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Send(i) => write!(f, "client {} sends {}", MENU[*i].client + 1, MENU[*i].words),
            Step::Commit => write!(f, "the oldest transaction is applied"),
        }
    }
}
