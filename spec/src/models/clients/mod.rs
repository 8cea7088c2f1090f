//! Clients, sessions and watches over an atomic broadcast.
//!
//! Every server is a real service: tree, sessions, watches, queues of requests. Below them is the
//! broadcast of `broadcast.rs`, around them are clients as ZooKeeper's libraries are (`client.rs`). A
//! client's frame arrives at once, and so does a reply: what takes time is what is between the servers.
//! A connection is cut at any moment; the server notices later, or never. Time stands still, but for
//! once, when it passes and the first client's session expires, and the second's does not.

pub mod broadcast;
pub mod claims;
pub mod client;
pub mod menu;
mod theme;

use std::fmt;
pub use theme::Theme;

use quorate_core::ids::{ConnId, Link as ServerLink, Now, ServerId, SessionId, Touch, Zxid};
use quorate_core::payload::{Effect, Effects, Origin, RequestKind, Service, ServingRole};
use quorate_core::pipeline::{ClientEvent, ClientRequest, TreeService};
use quorate_core::wire::client::{OpCode, Request, xid};

use super::model_spec::Variant;
use super::protocol::{Claim, Protocol};
use super::service::{Served, at, connect, frame};
use broadcast::{Broadcast, Chosen, Down, Up};
use client::{Client, Link, Waiting, Wrong};
use menu::{BEGIN, MENUS};

/// The first client's session is short, the second's is not.
const TIMEOUTS_MS: [i32; 2] = [4_000, 40_000];
const TICK_MS: u32 = 2_000;
/// The time of everything, until the first client has been silent for too long.
const EARLY_MS: u64 = 1_000;
const LATE_MS: u64 = 11_000;

/// Two clients at a leader and its learners.
#[derive(Clone, Copy, Debug)]
pub struct Clients {
    /// How many servers there are; the first leads.
    pub servers: usize,
    /// What may happen: each is a beginning of its own.
    pub themes: &'static [Theme],
    /// Which rule is broken, if any.
    pub variant: Variant,
}

/// A state of servers, channels and clients.
#[derive(Clone, PartialEq, Hash, Debug)]
pub struct State {
    servers: Vec<Served>,
    /// What is below the servers.
    pub broadcast: Broadcast,
    /// The clients.
    pub clients: [Client; 2],
    /// At which server each session was last let in.
    owners: [usize; 2],
    /// Connections that are cut, which their servers have not noticed.
    cut: Vec<(usize, ConnId)>,
    theme: Theme,
    /// Whether time has passed.
    pub late: bool,
}

/// A step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// A client sends this request of its menu.
    Ask(usize, usize),
    /// A client's connection is cut.
    Cut(usize),
    /// A client without a connection asks this server for its session.
    Connect(usize, usize),
    /// A server notices that a connection is cut.
    Notice(usize),
    /// The leader takes the next message of this server.
    Lead(usize),
    /// The oldest proposal is chosen; the leader applies it.
    Choose,
    /// A server takes the next message of the leader.
    Follow(usize),
    /// Time passes, and the leader looks for expired sessions.
    Pass,
}

impl Protocol for Clients {
    type State = State;
    type Step = Step;

    const CLAIMS: &'static [Claim<State>] = claims::CLAIMS;
    const REACHES: &'static [Claim<State>] = claims::REACHES;

    fn begin(&self) -> Vec<State> {
        // The first client begins at a learner, the second at the leader; or the other way round.
        let both = |theme| [[1, 0], [0, 1]].map(|homes| self.begin_at(homes, theme));
        self.themes.iter().copied().flat_map(both).collect()
    }

    fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        for (c, client) in state.clients.iter().enumerate() {
            match client.link {
                Link::Up(..) => {
                    if state.theme.asks[c] > 0 && !client.closes {
                        steps.extend(state.theme.menus[c].iter().map(|i| Step::Ask(c, *i)));
                    }
                    if c == 0 && state.theme.cuts > 0 {
                        steps.push(Step::Cut(c));
                    }
                }
                Link::Nowhere => steps.extend((0..self.servers).map(|server| Step::Connect(c, server))),
                Link::Greeting(..) | Link::Over => {}
            }
        }
        steps.extend((0..state.cut.len()).map(Step::Notice));
        if !state.broadcast.proposed.is_empty() {
            steps.push(Step::Choose);
        }
        for server in 1..self.servers {
            if !state.broadcast.up[server].is_empty() {
                steps.push(Step::Lead(server));
            }
            if !state.broadcast.down[server].is_empty() {
                steps.push(Step::Follow(server));
            }
        }
        if state.theme.silence {
            steps.push(Step::Pass);
        }
    }

    fn after(&self, state: &State, step: &Step) -> State {
        let mut next = state.clone();
        next.act(*step);
        next
    }

    fn may_end(&self, state: &State) -> bool {
        claims::may_end(state)
    }
}

impl Clients {
    fn begin_at(&self, homes: [usize; 2], theme: Theme) -> State {
        let server = |i| {
            let mut served = Served::new(i as i64 + 1, TICK_MS, self.variant);
            let role = if i == 0 { ServingRole::Leader } else { ServingRole::Learner };
            served.step(|service, fx| service.serve(at(EARLY_MS, 0), role, Zxid::new(1, 0), fx));
            served
        };
        let mut state = State {
            servers: (0..self.servers).map(server).collect(),
            broadcast: Broadcast::new(self.servers),
            clients: [Client::default(), Client::default()],
            owners: homes,
            cut: vec![],
            theme,
            late: false,
        };
        for (c, server) in homes.into_iter().enumerate() {
            state.act(Step::Connect(c, server));
            state.settle();
        }
        state.send(1, BEGIN());
        state.settle();
        state
    }
}

impl State {
    fn now(&self) -> Now {
        at(if self.late { LATE_MS } else { EARLY_MS }, 0)
    }

    /// Everything that is under way arrives.
    fn settle(&mut self) {
        loop {
            let learners = 1..self.servers.len();
            let up = learners.clone().find(|i| !self.broadcast.up[*i].is_empty()).map(Step::Lead);
            let choose = (!self.broadcast.proposed.is_empty()).then_some(Step::Choose);
            let down = learners.clone().find(|i| !self.broadcast.down[*i].is_empty()).map(Step::Follow);
            match up.or(choose).or(down) {
                Some(step) => self.act(step),
                None => break,
            }
        }
    }

    fn act(&mut self, step: Step) {
        let now = self.now();
        match step {
            Step::Ask(c, i) => {
                self.theme.asks[c] -= 1;
                self.send(c, (MENUS[c][i].request)());
            }
            Step::Cut(c) => {
                self.theme.cuts -= 1;
                if let Link::Up(server, conn) = self.clients[c].link {
                    self.cut.push((server, conn));
                }
                self.clients[c].lose();
            }
            Step::Connect(c, server) => {
                let client = &mut self.clients[c];
                let conn = ConnId(c as u64 * 100 + client.links);
                client.link = Link::Greeting(server, conn);
                let hello = connect(client.session, TIMEOUTS_MS[c], client.seen);
                let fx = self.servers[server].client(now, conn, hello);
                self.carry_out(server, fx);
                // One that was turned away at once leaves nothing behind.
                if self.clients[c].link != Link::Nowhere {
                    self.clients[c].links += 1;
                }
            }
            Step::Notice(k) => {
                let (server, conn) = self.cut.remove(k);
                let fx = self.servers[server].client(now, conn, ClientEvent::Closed);
                self.carry_out(server, fx);
            }
            Step::Lead(server) => match self.broadcast.up[server].pop_front() {
                Some(Up::Request(request)) => self.lead(server, request),
                Some(Up::Revalidate(touch)) => {
                    let valid = self.revalidate(server, touch);
                    self.broadcast.down[server].push_back(Down::Revalidated(touch.session, valid));
                }
                None => {}
            },
            Step::Choose => {
                if let Some(chosen) = self.broadcast.choose() {
                    self.apply(0, &chosen);
                    while self.broadcast.syncs.front().is_some_and(|(last, ..)| *last <= chosen.zxid) {
                        let (_, server, request) =
                            self.broadcast.syncs.pop_front().expect("there is a front");
                        self.answer_sync(server, request);
                    }
                }
            }
            Step::Follow(server) => match self.broadcast.down[server].pop_front() {
                Some(Down::Commit) => {
                    if let Some(chosen) = self.broadcast.apply(server) {
                        self.apply(server, &chosen);
                    }
                }
                Some(Down::Synced(request)) => {
                    let fx = self.servers[server].step(|service, fx| service.synced(now, &request, fx));
                    self.carry_out(server, fx);
                }
                Some(Down::Revalidated(session, valid)) => self.revalidated(server, session, valid),
                None => {}
            },
            Step::Pass => {
                self.theme.silence = false;
                self.late = true;
                let now = self.now();
                let fx = self.servers[0].step(|service, fx| service.expire(now, fx));
                self.carry_out(0, fx);
            }
        }
    }

    fn apply(&mut self, server: usize, chosen: &Chosen) {
        let now = self.now();
        let fx = self.servers[server].step(|service, fx| service.apply(now, chosen.zxid, &chosen.txn, fx));
        self.carry_out(server, fx);
    }

    /// A client sends a request; its xid is that of `setWatches` for that.
    fn send(&mut self, c: usize, request: Request) {
        let fresh = self.broadcast.fresh();
        let now = self.now();
        let client = &mut self.clients[c];
        let Link::Up(server, conn) = client.link else { return };
        let xid = match request {
            Request::SetWatches2(_) => xid::SET_WATCHES,
            _ => {
                client.xid += 1;
                client.xid
            }
        };
        client.closes |= matches!(request, Request::CloseSession);
        let event = frame(xid, &request);
        client.waiting.push_back(Waiting { xid, request, fresh });
        let fx = self.servers[server].client(now, conn, event);
        self.carry_out(server, fx);
    }

    fn carry_out(&mut self, server: usize, fx: Effects<TreeService>) {
        let mut let_in = Vec::new();
        for effect in fx {
            match effect {
                Effect::Reply(conn, reply) => {
                    let chosen = std::sync::Arc::clone(&self.broadcast.chosen);
                    for (c, client) in self.clients.iter_mut().enumerate() {
                        let own =
                            [Link::Up(server, conn), Link::Greeting(server, conn)].contains(&client.link);
                        if own && client.hear(&reply, &chosen) {
                            let_in.push(c);
                        }
                    }
                }
                Effect::Close(conn) => {
                    self.cut.retain(|cut| *cut != (server, conn));
                    for client in &mut self.clients {
                        if [Link::Up(server, conn), Link::Greeting(server, conn)].contains(&client.link) {
                            client.lose();
                        }
                    }
                }
                Effect::Submit(request) if server == 0 => self.lead(0, request),
                Effect::Submit(request) => self.broadcast.up[server].push_back(Up::Request(request)),
                Effect::Revalidate(touch) if server == 0 => {
                    let valid = self.revalidate(0, touch);
                    self.revalidated(0, touch.session, valid);
                }
                Effect::Revalidate(touch) => self.broadcast.up[server].push_back(Up::Revalidate(touch)),
            }
        }
        for c in let_in {
            if let Some(request) = self.clients[c].set_watches() {
                self.send(c, request);
            }
        }
    }

    /// A request arrives at the leader.
    fn lead(&mut self, from: usize, request: ClientRequest) {
        if TreeService::kind(&request) == RequestKind::Sync {
            return match self.broadcast.proposed.back() {
                Some(last) => self.broadcast.syncs.push_back((last.zxid, from, request)),
                None => self.answer_sync(from, request),
            };
        }
        let zxid = self.broadcast.last().next().expect("a few");
        let now = self.now();
        let mut txn = None;
        self.servers[0].step(|service, _| txn = Some(service.prepare(now, zxid, &request, origin(from))));
        let chosen = Chosen::new(zxid, txn.expect("it is prepared"));
        // A session's end is its client's wish or the leader's, whichever server passes it on.
        let is_end = request.op == OpCode::CloseSession.to_i32();
        if let Some(c) = self.clients.iter().position(|client| client.session == request.session)
            && self.owners[c] != from
            && !chosen.failed()
            && !is_end
        {
            self.clients[c].wrong.note(Wrong::OldServerSpoke);
        }
        self.broadcast.propose(chosen);
    }

    fn answer_sync(&mut self, server: usize, request: ClientRequest) {
        if server > 0 {
            return self.broadcast.down[server].push_back(Down::Synced(request));
        }
        let now = self.now();
        let fx = self.servers[0].step(|service, fx| service.synced(now, &request, fx));
        self.carry_out(0, fx);
    }

    /// The leader is asked whether a session lives.
    fn revalidate(&mut self, from: usize, touch: Touch) -> bool {
        let now = self.now();
        let mut valid = false;
        self.servers[0].step(|service, _| valid = service.revalidate(now, touch, origin(from)));
        if let Some(c) = self.clients.iter().position(|client| client.session == touch.session && valid) {
            self.owners[c] = from;
        }
        valid
    }

    fn revalidated(&mut self, server: usize, session: SessionId, valid: bool) {
        let now = self.now();
        let fx = self.servers[server].step(|service, fx| service.revalidated(now, session, valid, fx));
        self.carry_out(server, fx);
    }
}

fn origin(server: usize) -> Origin {
    if server == 0 {
        return Origin::Local;
    }
    Origin::Learner(ServerLink { server: ServerId(server as i64 + 1), generation: 1 })
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} proposed, {} chosen; applied",
            self.broadcast.proposed.len(),
            self.broadcast.chosen.len()
        )?;
        for applied in &self.broadcast.applied {
            write!(f, " {applied}")?;
        }
        for (c, client) in self.clients.iter().enumerate() {
            write!(f, "; client {} {}", c + 1, client.link)?;
            write!(f, ", has seen {}, waits for {} answers", client.seen, client.waiting.len())?;
            for watch in &client.armed {
                write!(f, ", watches {} ({:?})", watch.path, watch.kind)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Ask(c, i) => write!(f, "client {} sends {}", c + 1, MENUS[*c][*i].words),
            Step::Cut(c) => write!(f, "client {}'s connection is cut", c + 1),
            Step::Connect(c, server) => write!(f, "client {} dials server {}", c + 1, server + 1),
            Step::Notice(_) => write!(f, "a server notices that a connection is cut"),
            Step::Lead(server) => write!(f, "the leader takes the next message of server {}", server + 1),
            Step::Choose => write!(f, "the oldest proposal is chosen, the leader applies it"),
            Step::Follow(server) => write!(f, "server {} takes the leader's next message", server + 1),
            Step::Pass => write!(f, "time passes, the leader looks for expired sessions"),
        }
    }
}
