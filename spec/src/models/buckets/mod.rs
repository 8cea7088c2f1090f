//! Sessions in time: the leader's real tracker, whose clock only this model moves.
//!
//! Two sessions with different timeouts; they are touched or not, a leader's reign ends or not, the
//! wall clock is set forward or not. The leader looks for expired sessions at every millisecond (the
//! program's alarm comes once a tick, so there a session may go that much later). A learner's report
//! is what touches a session: what did not reach the leader did not happen for it.

pub mod claims;

use std::fmt;

use quorate_core::ids::{ConnId, Now, SessionId, Touch, Zxid};
use quorate_core::payload::{Effect, Effects, Origin, Service, ServingRole};
use quorate_core::pipeline::{ClientTxn, TreeService};
use quorate_core::wire::client::Request;

use super::model_spec::Variant;
use super::protocol::{Claim, Protocol};
use super::service::{Served, at, connect, frame};

/// The width of a bucket, ms: more than two, so that rounding up and down are not the same.
pub const TICK_MS: u64 = 3;
/// What the sessions' clients ask for, ms: two ticks and something odd.
const TIMEOUTS_MS: [i32; 2] = [6, 8];
const CONNS: [ConnId; 2] = [ConnId(1), ConnId(2)];

/// Two servers, of which one leads, with the sessions of two clients.
#[derive(Clone, Copy, Debug)]
pub struct Buckets {
    /// When the clock stops, ms.
    pub until: u64,
    /// How often the leader changes.
    pub reigns: u8,
    /// How often the wall clock is set forward by an hour.
    pub jumps: u8,
    /// Which rule is broken, if any.
    pub variant: Variant,
}

/// A session as an onlooker sees it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Seen {
    /// The session's id.
    pub session: SessionId,
    /// The negotiated timeout, ms.
    pub timeout_ms: u64,
    /// When this leader last heard of it, or began to lead.
    pub heard: u64,
    /// Whether this leader has heard of it at all.
    pub touched: bool,
    /// When its end was first proposed by this leader.
    pub ended: Option<u64>,
    /// How often this leader proposed its end.
    pub ends: u8,
    /// Whether its end is applied.
    pub gone: bool,
}

/// A state of the servers and the clocks.
#[derive(Clone, PartialEq, Hash, Debug)]
pub struct State {
    servers: [Served; 2],
    /// Which of them leads.
    pub leader: usize,
    /// The monotonic clock, ms.
    pub clock: u64,
    wall_ahead: i64,
    zxid: Zxid,
    /// The transaction that is proposed and not applied.
    proposed: Vec<(Zxid, ClientTxn)>,
    /// The sessions.
    pub seen: [Seen; 2],
    reigns: u8,
    jumps: u8,
}

/// A step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// A millisecond passes, and the leader looks for expired sessions.
    Pass,
    /// The leader hears of a session.
    Touch(usize),
    /// The oldest proposal is committed and applied everywhere.
    Commit,
    /// The other server begins to lead; what was only proposed is gone.
    Reign,
    /// The wall clock is set forward.
    SetWall,
}

impl Protocol for Buckets {
    type State = State;
    type Step = Step;

    const CLAIMS: &'static [Claim<State>] = claims::CLAIMS;
    const REACHES: &'static [Claim<State>] = claims::REACHES;

    fn begin(&self) -> Vec<State> {
        let server = |i| Served::new(i, TICK_MS as u32, self.variant);
        let unseen = Seen {
            session: SessionId(0),
            timeout_ms: 0,
            heard: 1,
            touched: true,
            ended: None,
            ends: 0,
            gone: false,
        };
        let mut state = State {
            servers: [server(1), server(2)],
            leader: 0,
            clock: 1,
            wall_ahead: 0,
            zxid: Zxid::new(1, 0),
            proposed: vec![],
            seen: [unseen; 2],
            reigns: self.reigns,
            jumps: self.jumps,
        };
        state.lead();
        for (i, conn) in CONNS.into_iter().enumerate() {
            let now = state.now();
            let fx = state.servers[0].client(now, conn, connect(SessionId(0), TIMEOUTS_MS[i], Zxid::ZERO));
            state.propose(fx);
            state.commit();
            let (session, timeout_ms) = state.servers[0].get().sessions().last().expect("it is created");
            let timeout_ms = u64::from(timeout_ms.unsigned_abs());
            state.seen[i] = Seen { session, timeout_ms, ..unseen };
        }
        vec![state]
    }

    fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        if state.clock < self.until {
            steps.push(Step::Pass);
        }
        for (i, seen) in state.seen.iter().enumerate() {
            // Touched at this moment already: nothing would change.
            if !seen.gone && (seen.heard < state.clock || !seen.touched) {
                steps.push(Step::Touch(i));
            }
        }
        if !state.proposed.is_empty() {
            steps.push(Step::Commit);
        }
        if state.reigns > 0 {
            steps.push(Step::Reign);
        }
        if state.jumps > 0 {
            steps.push(Step::SetWall);
        }
    }

    fn after(&self, state: &State, step: &Step) -> State {
        let mut next = state.clone();
        match step {
            Step::Pass => {
                next.clock += 1;
                let now = next.now();
                let fx = next.servers[next.leader].step(|service, fx| service.expire(now, fx));
                next.propose(fx);
            }
            Step::Touch(i) => next.touch(*i),
            Step::Commit => next.commit(),
            Step::Reign => {
                next.reigns -= 1;
                next.proposed.clear();
                let old = next.leader;
                next.servers[old].step(|service, fx| service.stop(fx));
                next.leader = 1 - old;
                next.zxid = Zxid::new(next.zxid.epoch() + 1, 0);
                for seen in &mut next.seen {
                    *seen = Seen { heard: next.clock, touched: false, ended: None, ends: 0, ..*seen };
                }
                next.lead();
            }
            Step::SetWall => {
                next.jumps -= 1;
                next.wall_ahead += 3_600_000;
            }
        }
        next
    }
}

impl State {
    fn now(&self) -> Now {
        at(self.clock, self.wall_ahead)
    }

    fn lead(&mut self) {
        let (now, zxid) = (self.now(), self.zxid);
        let fx =
            self.servers[self.leader].step(|service, fx| service.serve(now, ServingRole::Leader, zxid, fx));
        self.propose(fx);
    }

    /// A ping, where the client still has its connection; otherwise a learner says that it had one.
    fn touch(&mut self, i: usize) {
        let (now, leader, session) = (self.now(), self.leader, self.seen[i].session);
        let connected = self.servers[leader].get().session_of(CONNS[i]) == Some(session);
        // Its end is proposed: nothing can be heard of it any more.
        if self.seen[i].ended.is_none() {
            (self.seen[i].heard, self.seen[i].touched) = (self.clock, true);
        }
        let fx = if connected && i == 0 {
            self.servers[leader].client(now, CONNS[i], frame(-2, &Request::Ping))
        } else {
            let timeout_ms = self.seen[i].timeout_ms as i32;
            self.servers[leader].step(|service, _| service.touch(now, &[Touch { session, timeout_ms }]))
        };
        self.propose(fx);
    }

    fn propose(&mut self, fx: Effects<TreeService>) {
        for effect in fx {
            let Effect::Submit(request) = effect else { continue };
            self.zxid = self.zxid.next().expect("a few");
            let (now, zxid) = (self.now(), self.zxid);
            let mut txn = None;
            self.servers[self.leader]
                .step(|service, _| txn = Some(service.prepare(now, zxid, &request, Origin::Local)));
            self.proposed.push((zxid, txn.expect("it is prepared")));
            if let Some(seen) = self.seen.iter_mut().find(|seen| seen.session == request.session) {
                seen.ended = seen.ended.or(Some(now.elapsed_ms));
                seen.ends += 1;
            }
        }
    }

    fn commit(&mut self) {
        let (zxid, txn) = self.proposed.remove(0);
        let now = self.now();
        for i in 0..2 {
            let fx = self.servers[i].step(|service, fx| service.apply(now, zxid, &txn, fx));
            self.propose(fx);
        }
        for seen in &mut self.seen {
            seen.gone |= self.servers[0].get().sessions().all(|(session, _)| session != seen.session);
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms, server {} leads", self.clock, self.leader + 1)?;
        for (i, seen) in self.seen.iter().enumerate() {
            let Seen { timeout_ms, heard, .. } = seen;
            write!(f, "; session {} ({timeout_ms} ms) ", i + 1)?;
            match (seen.gone, seen.ended) {
                (true, _) => write!(f, "has ended")?,
                (_, Some(ended)) => write!(f, "was heard of at {heard}, its end proposed at {ended}")?,
                (_, None) => write!(f, "was heard of at {heard}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Pass => write!(f, "a millisecond passes"),
            Step::Touch(i) => write!(f, "the leader hears of session {}", i + 1),
            Step::Commit => write!(f, "the oldest proposal is committed"),
            Step::Reign => write!(f, "the other server begins to lead"),
            Step::SetWall => write!(f, "the wall clock is set forward by an hour"),
        }
    }
}
