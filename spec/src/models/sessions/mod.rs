//! Whole servers with the real service: ZAB, sessions, watches and queues of requests in one state.
//!
//! Three servers of [`World`], each with its tree, its sessions and its clients, begun when all of
//! them serve. Around them are two clients as ZooKeeper's libraries are (`clients/client.rs`). The
//! first creates an ephemeral, the second watches it and writes elsewhere. When a server dies or
//! leaves its leader, its clients go to any server that serves. A client's frame arrives at once,
//! and so does a reply: what takes time is what is between the servers and their disks. Time passes
//! once: then the first client's session has been silent for too long. The leader's tracker says
//! what comes of that.
//!
//! Not here: leases (a tick of ZAB never passes, see `leases`), Fast Leader Election (see `whole`), which the
//! oracle's choice of a leader stands for.

pub mod claims;
mod theme;
pub(super) mod themes;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use quorate_core::QuorumPeer;
use quorate_core::config::ElectionMode;
use quorate_core::ids::{ConnId, Now, ServerId, SessionId, Zxid};
use quorate_core::pipeline::{ClientEvent, ClientReply, Settings};
use quorate_core::quorum::QuorumVerifier;
use quorate_core::timer::Timer;
use quorate_core::wire::client::{Request, xid};

use super::clients::client::{Client, Link, Waiting};
use super::clients::menu::{BEGIN, MENUS};
use super::model_spec::Variant;
use super::prepared::{NOTHING, Run};
use super::protocol::{Claim, Protocol};
use super::service::{connect, frame};
use super::worlds::setting_with;
use crate::deed::Deed;
use crate::world::{Action, Budget, Durable, Setting, World};
pub use theme::Theme;

/// The first client's session is short, the second's is not.
const TIMEOUTS_MS: [i32; 2] = [4_000, 40_000];
const TICK_MS: u32 = 2_000;
/// The time of everything, until the first client has been silent for too long.
const EARLY_MS: u64 = 1_000;
const LATE_MS: u64 = 11_000;
const SERVERS: usize = 3;
/// The server that leads first.
const LEADER: usize = 1;

/// Two clients at an ensemble.
#[derive(Clone, Copy, Debug)]
pub struct Sessions {
    /// What may happen: each is a beginning of its own.
    pub themes: &'static [Theme],
    /// Which rule is broken, if any.
    pub variant: Variant,
}

/// A write that was answered OK.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Acknowledged {
    session: SessionId,
    xid: i32,
    zxid: Zxid,
}

/// A state of servers, network and clients.
#[derive(Clone, Debug)]
pub struct State {
    world: World<Deed>,
    clients: [Client; 2],
    /// What may still happen.
    left: Theme,
    /// Connections that are cut, which their servers have not noticed.
    cut: Vec<(usize, ConnId)>,
    /// Whether time has passed.
    late: bool,
    acknowledged: Vec<Acknowledged>,
    /// For each client's writes without answers, by their xids, the newest zxid of a write that was answered
    /// OK before they were sent.
    before: [Vec<(i32, Zxid)>; 2],
    /// A write was answered OK under a zxid that is not above the one in `before`.
    unordered: bool,
    /// Everything that was delivered. The world's ghost has it too: it is no part of the state's identity.
    chosen: Arc<Vec<Deed>>,
}

impl State {
    /// All of it but the world.
    fn rest(&self) -> impl PartialEq + Hash + '_ {
        let seen = (&self.acknowledged, &self.before, self.unordered);
        (&self.clients, self.left, &self.cut, self.late, seen)
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
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Something happens to the servers or between them.
    World(Action),
    /// A client sends a write.
    Ask(usize),
    /// A client without a connection asks this server for its session.
    Dial(usize, usize),
    /// A client's connection is cut.
    Cut(usize),
    /// A server notices that a connection is cut.
    Notice(usize),
    /// Time passes.
    Pass,
    /// A leader looks for expired sessions.
    Expire(usize),
    /// A leader greets its learners: they tell which sessions they have heard from.
    Ping(usize),
}

impl Protocol for Sessions {
    type State = State;
    type Step = Step;

    const CLAIMS: &'static [Claim<State>] = claims::CLAIMS;
    const REACHES: &'static [Claim<State>] = claims::REACHES;

    fn begin(&self) -> Vec<State> {
        self.themes.iter().map(|theme| begin(*theme, self.variant)).collect()
    }

    fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        let mut actions = Vec::new();
        state.world.actions(&mut actions);
        // Of the faults there are crashes and cuts.
        let wanted = |action: &Action| match action {
            Action::Silence(_) => false,
            Action::PhaseLimit(i) => state.world.has_waited(*i),
            _ => true,
        };
        steps.extend(actions.into_iter().filter(wanted).map(Step::World));
        for (c, client) in state.clients.iter().enumerate() {
            match client.link {
                Link::Up(..) => {
                    if state.left.asks[c] > 0 {
                        steps.push(Step::Ask(c));
                    }
                    if state.left.cuts > 0 && c == 0 {
                        steps.push(Step::Cut(c));
                    }
                }
                Link::Nowhere => {
                    let takes = |(_, peer): &(usize, &QuorumPeer<Deed>)| {
                        peer.serving() && !peer.service().get().is_behind(client.seen.0 as i64)
                    };
                    steps.extend(state.world.peers().filter(takes).map(|(i, _)| Step::Dial(c, i)));
                }
                Link::Greeting(..) | Link::Over => {}
            }
        }
        steps.extend((0..state.cut.len()).map(Step::Notice));
        if state.left.passes && !state.late {
            steps.push(Step::Pass);
        }
        for (i, peer) in state.world.peers().filter(|(_, peer)| peer.established_epoch().is_some()) {
            let first = peer.service().get().expiry().and_then(|queue| queue.after(None).next());
            let due = first.is_some_and(|(bucket, ..)| bucket <= if state.late { LATE_MS } else { EARLY_MS });
            if due && state.world.armed(i, Timer::SessionExpiry) {
                steps.push(Step::Expire(i));
            }
            if state.left.pings > 0 && state.world.armed(i, Timer::Ping) {
                steps.push(Step::Ping(i));
            }
        }
    }

    fn after(&self, state: &State, step: &Step) -> State {
        let mut next = state.clone();
        next.act(step);
        next
    }

    fn may_end(&self, state: &State) -> bool {
        claims::may_end(state)
    }
}

/// Three servers that run the service; the last of them may be an observer.
fn setting(observer: bool, variant: Variant) -> Setting<Deed> {
    let observers = usize::from(observer);
    let voters = QuorumVerifier::Majority((1..=(SERVERS - observers) as i64).map(ServerId).collect());
    let settings = |id| Settings {
        #[cfg(feature = "mutants")]
        mutation: variant.mutation,
        ..Settings::new(id, TICK_MS)
    };
    setting_with(&voters, observers, ElectionMode::Oracle, variant, settings)
}

/// This time of day.
fn of_day(ms: u64) -> Now {
    Now { elapsed_ms: 0, wall_ms: ms as i64 }
}

/// Every server serves, both clients have their sessions, and the second watches.
fn begin(theme: Theme, variant: Variant) -> State {
    let mut run = Run::start(setting(theme.observer, variant), vec![Durable::empty(); SERVERS]);
    run.0.set_clock(of_day(EARLY_MS));
    run.act(&Action::Lead(LEADER));
    run.settle();
    let mut state = State {
        world: run.end(NOTHING),
        clients: [Client::default(), Client::default()],
        left: Theme { instant: true, ..theme },
        cut: Vec::new(),
        late: false,
        acknowledged: Vec::new(),
        before: [Vec::new(), Vec::new()],
        unordered: false,
        chosen: Arc::default(),
    };
    for (c, home) in theme.homes.into_iter().enumerate() {
        state.act(&Step::Dial(c, home));
        state.settle();
    }
    // What there is, and what the second client wants to be told.
    for request in [BEGIN(), (MENUS[0][1].request)(), (MENUS[0][3].request)()] {
        state.send(1, request);
        state.settle();
    }
    // The leader knows of what its learners have heard.
    state.left.pings = 1;
    state.act(&Step::Ping(LEADER));
    state.settle();
    state.left = theme;
    state.acknowledged.clear();
    for client in &mut state.clients {
        client.xid = 0;
    }
    let Theme { faults, elections, .. } = theme;
    state.world.allow(Budget { faults, elections, ..NOTHING });
    state
}

impl State {
    /// Everything that has to happen happens.
    fn settle(&mut self) {
        let mut actions = Vec::new();
        // A server that breaks a rule may do so for ever.
        for _ in 0..1000 {
            actions.clear();
            self.world.actions(&mut actions);
            let Some(action) = actions.pop() else { break };
            self.act(&Step::World(action));
        }
    }

    fn act(&mut self, step: &Step) {
        match step {
            Step::World(action) => {
                self.world.act(action);
                if let Action::Crash(i, _) = action {
                    self.cut.retain(|(server, _)| server != i);
                    for c in 0..self.clients.len() {
                        if matches!(self.clients[c].link, Link::Up(s, _) | Link::Greeting(s, _) if s == *i) {
                            self.lose(c);
                        }
                    }
                }
            }
            Step::Ask(c) => {
                let request = theme::write(&self.left, *c);
                self.left.asks[*c] -= 1;
                self.send(*c, request);
            }
            Step::Dial(c, server) => {
                let client = &mut self.clients[*c];
                let conn = ConnId(*c as u64 * 100 + client.links);
                client.link = Link::Greeting(*server, conn);
                let hello = connect(client.session, TIMEOUTS_MS[*c], client.seen);
                self.say(*server, conn, hello);
                // One that was turned away at once leaves nothing behind.
                if self.clients[*c].link != Link::Nowhere {
                    self.clients[*c].links += 1;
                }
            }
            Step::Cut(c) => {
                self.left.cuts -= 1;
                if let Link::Up(server, conn) = self.clients[*c].link {
                    self.cut.push((server, conn));
                }
                self.lose(*c);
            }
            Step::Notice(k) => {
                let (server, conn) = self.cut.remove(*k);
                self.say(server, conn, ClientEvent::Closed);
            }
            Step::Pass => {
                self.late = true;
                self.world.set_clock(of_day(LATE_MS));
            }
            Step::Expire(i) => self.world.fire(*i, Timer::SessionExpiry),
            Step::Ping(i) => {
                self.left.pings -= 1;
                self.world.fire(*i, Timer::Ping);
            }
        }
        self.come_to_rest();
    }

    /// What happens at once after every step.
    fn come_to_rest(&mut self) {
        loop {
            self.hear();
            let waits = |(_, s): &(usize, &crate::world::Server<Deed>)| {
                s.peer.is_some() && !s.disk.pending.is_empty()
            };
            let late = self.world.servers().enumerate().find(waits).map(|(i, _)| i);
            match late.filter(|_| self.left.instant) {
                Some(i) => self.world.act(&Action::Sync(i)),
                None => break,
            }
        }
    }

    /// A client's connection says something to a server.
    fn say(&mut self, server: usize, conn: ConnId, event: ClientEvent) {
        self.world.client(server, conn, event);
        self.hear();
    }

    /// A client sends a request; its xid is that of `setWatches` for that.
    fn send(&mut self, c: usize, request: Request) {
        let newest = self.acknowledged.iter().map(|write| write.zxid).max().unwrap_or_default();
        let client = &mut self.clients[c];
        let Link::Up(server, conn) = client.link else { return };
        let xid = match request {
            Request::SetWatches2(_) => xid::SET_WATCHES,
            _ => {
                client.xid += 1;
                if request.op().is_write() {
                    self.before[c].push((client.xid, newest));
                }
                client.xid
            }
        };
        let event = frame(xid, &request);
        // No client asks for `sync`.
        client.waiting.push_back(Waiting { xid, request, fresh: Zxid::ZERO });
        self.say(server, conn, event);
    }

    /// Clients hear what servers have said.
    fn hear(&mut self) {
        loop {
            self.note_chosen();
            let told = self.world.take_told();
            if told.is_empty() {
                return;
            }
            for (server, conn, said) in told {
                let own = |c: &usize| {
                    let link = self.clients[*c].link;
                    [Link::Up(server, conn), Link::Greeting(server, conn)].contains(&link)
                };
                let Some(c) = (0..self.clients.len()).find(own) else {
                    self.cut.retain(|cut| said.is_some() || *cut != (server, conn));
                    continue;
                };
                match said {
                    Some(reply) => self.is_told(c, &reply),
                    None => self.lose(c),
                }
            }
        }
    }

    fn is_told(&mut self, c: usize, reply: &ClientReply) {
        if let ClientReply::Reply { header, .. } = reply {
            let client = &self.clients[c];
            let is_write = |w: &Waiting| w.xid == header.xid && w.request.op().is_write();
            if client.waiting.front().is_some_and(is_write) {
                let before = &mut self.before[c];
                let sent = before.iter().position(|(xid, _)| *xid == header.xid).map(|at| before.remove(at));
                if header.err == 0 {
                    let zxid = Zxid(header.zxid.unsigned_abs());
                    self.unordered |= sent.is_some_and(|(_, newest)| zxid <= newest);
                    self.acknowledged.push(Acknowledged { session: client.session, xid: header.xid, zxid });
                    self.acknowledged.sort_unstable();
                }
            }
        }
        let let_in = self.clients[c].hear(reply, &self.chosen);
        if let_in && let Some(request) = self.clients[c].set_watches() {
            self.send(c, request);
        }
    }

    /// A client's connection is gone. Some libraries count their requests anew behind the next one.
    fn lose(&mut self, c: usize) {
        self.clients[c].lose();
        self.clients[c].xid = 0;
        self.before[c].clear();
    }

    /// What was delivered is known.
    fn note_chosen(&mut self) {
        let delivered = self.world.ghost().delivered.len();
        if self.chosen.len() < delivered {
            let longest = self.world.peers().map(|(_, peer)| peer.service().deeds());
            if let Some(deeds) = longest.max_by_key(|deeds| deeds.len()) {
                let (known, upto) = (self.chosen.len(), deeds.len().min(delivered));
                Arc::make_mut(&mut self.chosen).extend(deeds[..upto].iter().skip(known).cloned());
            }
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, server) in self.world.servers().enumerate() {
            match &server.peer {
                Some(peer) => {
                    let status = peer.status();
                    let (state, zab) = (status.state, status.zab);
                    write!(f, "server {}: {state:?} {zab:?}, has {:?}", i + 1, status.last_zxid)?;
                    write!(f, ", applied {:?}, {} to write; ", status.applied, server.disk.pending.len())?;
                }
                None => write!(f, "server {} is down; ", i + 1)?,
            }
        }
        write!(f, "{:?} is chosen", self.chosen)?;
        for (c, client) in self.clients.iter().enumerate() {
            write!(f, "; client {} {}", c + 1, client.link)?;
            write!(f, ", has seen {:?}, waits for {} answers", client.seen, client.waiting.len())?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::World(action) => action.fmt(f),
            Step::Ask(c) => write!(f, "client {} sends a write", c + 1),
            Step::Dial(c, server) => write!(f, "client {} dials server {}", c + 1, server + 1),
            Step::Cut(c) => write!(f, "client {}'s connection is cut", c + 1),
            Step::Notice(_) => write!(f, "a server notices that a client's connection is cut"),
            Step::Pass => write!(f, "time passes"),
            Step::Expire(i) => write!(f, "{} looks for expired sessions", i + 1),
            Step::Ping(i) => write!(f, "{} greets its learners", i + 1),
        }
    }
}
