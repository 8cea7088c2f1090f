//! Time where it decides: which servers may serve, when processes stand still and servers are cut off.
//!
//! Three whole servers with one clock, which moves half a tick at a time. Between two moves everything
//! happens that can: packets arrive, disks answer, alarms that are due fire. Nothing happens at a server that
//! stands still, and nothing crosses a cut. What was sent to a server that stands still is read when it goes
//! on. A learner may leave its connection unread, and a disk may stop to answer. Whether a server answers a
//! read is asked in every state: also of one that has gone on and has read nothing yet.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};

use quorate_core::config::ElectionMode;
use quorate_core::election::ServerState;
use quorate_core::ids::{Epoch, Now, ServerId};
use quorate_core::timer::Timer;

use super::model_spec::{Expected, ModelSpec, Variant};
use super::prepared::{NOTHING, Run};
use super::protocol::{Checked, Claim, Protocol};
use super::worlds::setting;
use crate::byte::Byte;
use crate::world::{Action, Budget, Connection, Durable, Setting, Side, World};

pub(super) fn catalogue() -> Vec<ModelSpec> {
    vec![ModelSpec {
        name: "leases",
        composes: "QuorumPeer with an election oracle and a clock: pings, silence, pauses of any length, one server cut off",
        bounds: "3 servers, syncLimit 1, 1 more election at any time. 8 ticks with 1 pause and 1 cut, or 6 \
                 with 2 pauses. 8 with 1 learner that does not read for a time and 1 cut. 6 with 1 disk that \
                 does not answer and 2 writes",
        unique: 418_369,
        expected: Expected::Holds,
        build: |variant| Box::new(Checked { protocol: Leases { variant }, salt: variant.salt }),
    }]
}

/// Half a tick, ms.
const HALF_MS: u64 = 500;
/// The shortest session timeout, half ticks (`minSessionTimeout`, two ticks).
const SESSION: u64 = 4;
/// `syncLimit`, half ticks.
const SYNC_LIMIT: u64 = 2;
/// How long a server serves after the last sign it counts, half ticks: `syncLimit` is 1.
const TERM: u64 = 4;
const SERVERS: usize = 3;
/// The alarms that come back, and after how many half ticks.
const PERIODS: [(Timer, u64); 2] = [(Timer::Ping, 1), (Timer::Liveness, 2)];

/// The model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leases {
    /// Which rule is broken, if any.
    pub variant: Variant,
}

/// A state.
#[derive(Clone, Debug)]
pub(super) struct State {
    world: World,
    /// Half ticks since all servers serve.
    clock: u64,
    /// Whether each server stands still.
    paused: [bool; SERVERS],
    /// The server that is cut off from the others.
    cut: Option<usize>,
    /// What had arrived by then and is still to be read: how many packets, by the connection's place and end.
    arrived: BTreeMap<(usize, usize, u32, bool), usize>,
    /// The learner that leaves its connection unread.
    deaf: Option<usize>,
    /// Whose disk does not answer.
    stalled: Option<usize>,
    /// Since when something waits for it, half ticks.
    waits: Option<u64>,
    /// What may still happen.
    left: Left,
    /// A server was elected whose disk had not answered for longer than `syncLimit`.
    elected_late: bool,
    /// A leader stepped down that a quorum followed and was heard by, though no process had stood still and
    /// its disk was not late.
    deposed: bool,
    /// When each alarm of [`PERIODS`] is due.
    due: [[Option<u64>; 2]; SERVERS],
    /// The newest reign and when it began.
    reign: (Epoch, u64),
    /// When the leader of its epoch last heard from a server.
    touched: [u64; SERVERS],
}

/// What may still happen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Left {
    pauses: u8,
    /// How often a learner may leave its connection unread.
    deafness: u8,
    /// Whether a server may still be cut off.
    may_cut: bool,
    /// Whether a disk may still stop to answer.
    may_stall: bool,
    /// What clients still write at the leader.
    writes: u8,
    /// When the clock stops, half ticks.
    until: u64,
    /// No process has stood still.
    awake: bool,
    /// Nothing has stood still, been cut off or not been read.
    calm: bool,
}

impl State {
    /// All of it but the world.
    fn rest(&self) -> impl PartialEq + Hash + '_ {
        (
            (self.clock, self.paused, self.cut, self.deaf, self.stalled, self.left),
            (self.elected_late, self.deposed, self.waits, self.due, self.reign, self.touched, &self.arrived),
        )
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.world == other.world && self.rest() == other.rest()
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.world.identity().hash(state);
        self.rest().hash(state);
    }
}

/// A step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Half a tick passes.
    Pass,
    /// Half a tick passes, and a server stands still as soon as its alarms have fired: it has sent, and reads
    /// no answer.
    PassInto(usize),
    /// A server stands still.
    Pause(usize),
    /// A server that stood still goes on.
    Resume(usize),
    /// A server is cut off from the others, for good.
    Cut(usize),
    /// A learner leaves its connection unread.
    Ignore(usize),
    /// A learner reads its connection again.
    Read(usize),
    /// A disk stops to answer.
    Stall(usize),
    /// A disk answers again.
    Mend(usize),
    /// A client writes at the leader.
    Write(usize),
    /// The oracle names a leader; every server that looks for one follows it.
    Elect(usize),
}

impl Protocol for Leases {
    type State = State;
    type Step = Step;

    const CLAIMS: &'static [Claim<State>] = CLAIMS;
    const REACHES: &'static [Claim<State>] = REACHES;

    fn begin(&self) -> Vec<State> {
        let calm =
            Setting { eager: false, redials: false, ..setting(SERVERS, ElectionMode::Oracle, self.variant) };
        let mut run = Run::start(calm, vec![Durable::empty(); SERVERS]);
        run.act(&Action::Lead(1));
        let mut state = State {
            world: run.end(NOTHING),
            clock: 0,
            paused: [false; SERVERS],
            cut: None,
            arrived: BTreeMap::new(),
            deaf: None,
            stalled: None,
            waits: None,
            left: Left {
                pauses: 1,
                deafness: 0,
                may_cut: true,
                may_stall: false,
                writes: 0,
                until: 16,
                awake: true,
                calm: true,
            },
            elected_late: false,
            deposed: false,
            due: [[None; 2]; SERVERS],
            reign: (1, 0),
            touched: [0; SERVERS],
        };
        state.follow();
        state.come_to_rest();
        let with = |left| State { left, ..state.clone() };
        let pauses = Left { pauses: 2, may_cut: false, until: 12, ..state.left };
        let deafness = Left { pauses: 0, deafness: 1, ..state.left };
        let stall = Left { pauses: 0, may_cut: false, may_stall: true, writes: 2, until: 12, ..state.left };
        vec![with(pauses), with(deafness), with(stall), state]
    }

    fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        // A server that has just gone on is asked before it reads, and then does what is due.
        if state.clock < state.left.until {
            steps.push(Step::Pass);
        }
        for i in 0..SERVERS {
            if state.paused[i] {
                steps.push(Step::Resume(i));
            } else if state.left.pauses > 0 {
                steps.push(Step::Pause(i));
                if state.clock < state.left.until {
                    steps.push(Step::PassInto(i));
                }
            }
            if state.left.may_cut {
                steps.push(Step::Cut(i));
            }
            state.other_steps(i, steps);
            // One of them leads the next reign, and that is the last.
            let looks =
                |j: usize| state.world.peers().any(|(k, p)| k == j && p.state() == ServerState::Looking);
            let partners = (0..SERVERS).filter(|j| *j != i && looks(*j) && state.together(i, *j)).count();
            if looks(i) && !state.paused[i] && partners > 0 && state.reign.0 == 1 {
                steps.push(Step::Elect(i));
            }
        }
    }

    fn after(&self, state: &State, step: &Step) -> State {
        let mut next = state.clone();
        next.act(*step);
        next
    }
}

impl State {
    fn act(&mut self, step: Step) {
        let next = self;
        match step {
            Step::Pass => next.pass(None),
            Step::PassInto(i) => next.pass(Some(i)),
            Step::Pause(i) => next.stand_still(i),
            // It has read nothing yet.
            Step::Resume(i) => next.paused[i] = false,
            Step::Cut(i) => {
                next.come_to_rest();
                next.cut = Some(i);
                next.keep_what_has_arrived();
                (next.left.may_cut, next.left.calm) = (false, false);
            }
            Step::Ignore(i) => {
                next.come_to_rest();
                next.deaf = Some(i);
                next.left = Left { deafness: next.left.deafness - 1, calm: false, ..next.left };
            }
            Step::Read(_) => next.deaf = None,
            Step::Stall(i) => {
                next.come_to_rest();
                next.stalled = Some(i);
                next.left = Left { may_stall: false, calm: false, ..next.left };
            }
            Step::Mend(_) => {
                next.stalled = None;
                next.come_to_rest();
            }
            Step::Write(i) => {
                let byte = Byte::nth(next.left.writes);
                next.happen(|world| world.submit(i, byte));
                next.left.writes -= 1;
                next.come_to_rest();
            }
            Step::Elect(i) => {
                next.come_to_rest();
                next.world.allow(Budget { elections: 1, ..NOTHING });
                next.world.act(&Action::Lead(i));
                next.world.allow(NOTHING);
                next.elected_late |= next.leads(i) && next.is_late(i, SYNC_LIMIT);
                next.follow();
                next.come_to_rest();
            }
        }
    }

    /// Something happens to the servers: does it depose a leader that is heard?
    fn happen(&mut self, change: impl FnOnce(&mut World)) {
        let heard = [0, 1, 2].map(|i| self.left.awake && self.is_heard(i));
        change(&mut self.world);
        self.deposed |= (0..SERVERS).any(|i| heard[i] && !self.reigns(i));
    }

    /// Whether a server is established as leader.
    fn reigns(&self, i: usize) -> bool {
        self.world.peers().any(|(j, peer)| j == i && peer.established_epoch().is_some())
    }

    /// Whether a server is established as leader, with a disk that answers, and a quorum follows it and was
    /// heard within `syncLimit`.
    fn is_heard(&self, i: usize) -> bool {
        if !self.reigns(i) || self.stalled == Some(i) {
            return false;
        }
        let me = ServerId(i as i64 + 1);
        let heard = |j: usize| j != i && self.connected(i, j) && self.clock <= self.touched[j] + SYNC_LIMIT;
        let follows =
            |j: usize| self.world.peers().any(|(k, peer)| k == j && peer.status().leader == Some(me));
        let others = (0..SERVERS).filter(|j| heard(*j) && follows(*j)).count();
        (others + 1) * 2 > SERVERS
    }

    /// What else may happen to a server, or at it.
    fn other_steps(&self, i: usize, steps: &mut Vec<Step>) {
        match self.deaf {
            Some(deaf) if deaf == i => steps.push(Step::Read(i)),
            None if self.left.deafness > 0 && self.serves_in(i).is_some() && !self.leads(i) => {
                steps.push(Step::Ignore(i));
            }
            _ => {}
        }
        match self.stalled {
            Some(stalled) if stalled == i => steps.push(Step::Mend(i)),
            None if self.left.may_stall => steps.push(Step::Stall(i)),
            _ => {}
        }
        if self.left.writes > 0 && self.leads(i) && self.serves_in(i).is_some() {
            steps.push(Step::Write(i));
        }
    }

    /// Whether a server leads, established or not.
    fn leads(&self, i: usize) -> bool {
        self.world.peers().any(|(j, p)| j == i && p.state() == ServerState::Leading)
    }

    /// Whether something has waited for a server's disk for longer than this, half ticks.
    fn is_late(&self, i: usize, limit: u64) -> bool {
        self.stalled == Some(i) && self.waits.is_some_and(|since| self.clock > since + limit)
    }

    /// Half a tick passes, and this server stands still once its alarms have fired.
    fn pass(&mut self, into: Option<usize>) {
        self.come_to_rest();
        self.clock += 1;
        self.world.set_clock(Now { elapsed_ms: self.clock * HALF_MS, wall_ms: 0 });
        for i in (0..SERVERS).filter(|i| !self.paused[*i]).collect::<Vec<_>>() {
            self.happen(|world| world.says_all_read(i));
        }
        self.come_to_rest();
        self.ring();
        if let Some(i) = into {
            self.stand_still(i);
        }
        self.come_to_rest();
    }

    fn stand_still(&mut self, i: usize) {
        self.left.pauses -= 1;
        self.paused[i] = true;
        (self.left.awake, self.left.calm) = (false, false);
    }

    /// Whether what one sends arrives at the other at once.
    fn together(&self, i: usize, j: usize) -> bool {
        !self.paused[i] && !self.paused[j] && self.connected(i, j)
    }

    fn connected(&self, i: usize, j: usize) -> bool {
        self.cut != Some(i) && self.cut != Some(j)
    }

    /// Every server that looks for a leader and can reach the one that is named follows it.
    fn follow(&mut self) {
        let mut actions = Vec::new();
        self.world.actions(&mut actions);
        for action in actions {
            if let Action::Follow(i, leader) = action
                && self.together(i, leader)
            {
                self.world.act(&action);
            }
        }
    }

    /// Everything that can happen at this time happens, but for alarms.
    fn come_to_rest(&mut self) {
        let mut actions = Vec::new();
        loop {
            actions.clear();
            self.world.actions(&mut actions);
            let found = actions.iter().find(|action| match action {
                Action::Deliver(c, side) | Action::Down(c, side) => {
                    self.arrives(&self.world.connections()[*c], *side)
                }
                Action::Sync(i) => !self.paused[*i] && self.stalled != Some(*i),
                _ => false,
            });
            let Some(action) = found.cloned() else { break };
            if let Action::Deliver(c, Side::Leader) = action {
                let connection = &self.world.connections()[c];
                self.touched[connection.learner] = self.clock;
            }
            if let Action::Deliver(c, side) = action {
                let place = place(&self.world.connections()[c], side);
                self.arrived.entry(place).and_modify(|left| *left = left.saturating_sub(1));
            }
            self.happen(|world| world.act(&action));
        }
        self.arrived.retain(|_, left| *left > 0);
        let waiting = self.stalled.and_then(|i| self.world.servers().nth(i));
        let waits = waiting.is_some_and(|server| !server.disk.pending.is_empty());
        self.waits = if waits { self.waits.or(Some(self.clock)) } else { None };
        let newest = self.world.peers().filter_map(|(_, p)| p.established_epoch()).max();
        if newest > Some(self.reign.0) {
            self.reign = (newest.expect("there is one"), self.clock);
        }
        self.wind_up();
    }

    fn arrives(&self, connection: &Connection, side: Side) -> bool {
        let has_arrived = self.arrived.contains_key(&place(connection, side));
        let connected = self.connected(connection.learner, connection.leader);
        let unread = side == Side::Learner && self.deaf == Some(connection.learner);
        !self.paused[connection.owner(side)]
            && !unread
            && (connected || has_arrived && !connection.queue(side).is_empty())
    }

    /// A server is cut off: what lies in the sockets of those that stand still is all that they can still
    /// read.
    fn keep_what_has_arrived(&mut self) {
        for connection in self.world.connections() {
            if !self.connected(connection.learner, connection.leader) {
                for side in [Side::Learner, Side::Leader] {
                    self.arrived.insert(place(connection, side), connection.queue(side).len());
                }
            }
        }
        self.arrived.retain(|_, left| *left > 0);
    }

    /// Alarms that were set are due in their time, those that were cancelled are not.
    fn wind_up(&mut self) {
        for i in 0..SERVERS {
            for (at, (timer, period)) in PERIODS.into_iter().enumerate() {
                let due = &mut self.due[i][at];
                match (self.world.armed(i, timer), *due) {
                    (true, None) => *due = Some(self.clock + period),
                    (false, Some(_)) => *due = None,
                    _ => {}
                }
            }
        }
    }

    /// The alarms that are due fire.
    fn ring(&mut self) {
        for i in (0..SERVERS).filter(|i| !self.paused[*i]).collect::<Vec<_>>() {
            for (at, (timer, _)) in PERIODS.into_iter().enumerate() {
                if self.due[i][at].is_some_and(|due| due <= self.clock) && self.world.armed(i, timer) {
                    self.due[i][at] = None;
                    self.happen(|world| world.fire(i, timer));
                    self.wind_up();
                }
            }
        }
    }

    /// The epoch in which a server serves.
    fn serves_in(&self, i: usize) -> Option<Epoch> {
        let (_, peer) = self.world.peers().find(|(j, _)| *j == i)?;
        peer.serving().then(|| peer.status().current_epoch)
    }

    /// Whether a server that does not stand still answers a read.
    fn answers(&self, i: usize) -> bool {
        !self.paused[i] && self.world.answers_read(i)
    }

    fn leads_in(&self, epoch: Epoch) -> Option<usize> {
        self.world.peers().find(|(_, p)| p.established_epoch() == Some(epoch)).map(|(i, _)| i)
    }
}

/// A connection's end.
fn place(connection: &Connection, side: Side) -> (usize, usize, u32, bool) {
    (connection.learner, connection.leader, connection.generation, side == Side::Leader)
}

/// What is claimed.
const CLAIMS: &[Claim<State>] = &[
    Claim {
        name: "SessionsExpireElsewhereLater",
        says: "a server that answers a client does so before a later leader can have expired the shortest session",
        holds: |s| {
            let (newest, since) = s.reign;
            let old = |i: &usize| s.serves_in(*i).is_some_and(|epoch| epoch < newest);
            (0..SERVERS).filter(old).all(|i| s.clock < since + SESSION || !s.answers(i))
        },
    },
    Claim {
        name: "LearnerStopsInTime",
        says: "a learner answers a client for no more than syncLimit + 1 ticks and a ping's half after its leader last heard it",
        holds: |s| {
            let silent = |i: &usize| {
                let leader = s.serves_in(*i).and_then(|epoch| s.leads_in(epoch));
                leader.is_some_and(|leader| leader != *i)
            };
            (0..SERVERS).filter(silent).all(|i| s.clock <= s.touched[i] + TERM + 1 || !s.answers(i))
        },
    },
    Claim {
        name: "LateDiskHandsOver",
        says: "a leader that a quorum has outrun because its disk is late makes way within syncLimit + 1 ticks",
        holds: |s| {
            let outrun = |i: usize| {
                let history = s.world.peers().find(|(j, _)| *j == i).map(|(_, p)| p.history());
                history.is_some_and(|h| h.applied() > h.logged())
            };
            (0..SERVERS).all(|i| !s.leads(i) || !outrun(i) || !s.is_late(i, SYNC_LIMIT + 2))
        },
    },
    Claim {
        name: "LateDiskHasNoSay",
        says: "no server is elected whose disk has not answered for longer than syncLimit",
        holds: |s| !s.elected_late,
    },
    Claim {
        name: "NotDeposedWhileHeard",
        says: "where no process stands still, a leader whose disk answers, that a quorum follows and that has heard it within \
               syncLimit goes on leading",
        holds: |s| !s.deposed,
    },
    Claim {
        name: "HealthyEnsembleServes",
        says: "where nothing stands still and nothing is cut, all servers serve on",
        holds: |s| !s.left.calm || (0..SERVERS).all(|i| s.answers(i)),
    },
];

/// What must be come across.
const REACHES: &[Claim<State>] = &[
    Claim {
        name: "a leader that stood still goes on after another has begun to lead",
        says: "",
        holds: |s| s.reign.0 == 2 && !s.paused[1] && s.serves_in(1) == Some(1),
    },
    Claim {
        name: "a pause that nobody minds is over",
        says: "",
        holds: |s| {
            let healthy = s.paused == [false; SERVERS] && s.cut.is_none() && s.reign.0 == 1;
            healthy && !s.left.calm && s.clock > 8 && (0..SERVERS).all(|i| s.answers(i))
        },
    },
    Claim {
        name: "two leaders are established, and the old one still answers",
        says: "",
        holds: |s| s.reign.0 == 2 && s.leads_in(1).is_some_and(|i| s.answers(i)) && s.leads_in(2).is_some(),
    },
];

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} half ticks, epoch {} since {}", self.clock, self.reign.0, self.reign.1)?;
        for i in 0..SERVERS {
            let still = if self.paused[i] { ", stands still" } else { "" };
            let cut = if self.cut == Some(i) { ", is cut off" } else { "" };
            let answers = if self.answers(i) { "answers" } else { "does not answer" };
            write!(f, "; {} {answers}{still}{cut}, last heard of at {}", i + 1, self.touched[i])?;
        }
        writeln!(f)?;
        write!(f, "{}", self.world)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Pass => write!(f, "half a tick passes"),
            Step::PassInto(i) => {
                write!(f, "half a tick passes, and {} stands still when its alarms have fired", i + 1)
            }
            Step::Pause(i) => write!(f, "{} stands still", i + 1),
            Step::Resume(i) => write!(f, "{} goes on, and has read nothing yet", i + 1),
            Step::Cut(i) => write!(f, "{} is cut off", i + 1),
            Step::Ignore(i) => write!(f, "{} leaves its leader's connection unread", i + 1),
            Step::Read(i) => write!(f, "{} reads its leader's connection again", i + 1),
            Step::Stall(i) => write!(f, "the disk of {} stops to answer", i + 1),
            Step::Mend(i) => write!(f, "the disk of {} answers again", i + 1),
            Step::Write(i) => write!(f, "a client writes at {}", i + 1),
            Step::Elect(i) => write!(f, "{} is named leader", i + 1),
        }
    }
}
