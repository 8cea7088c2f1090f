//! Users of a recipe over real sessions and a real server, and what happens to them.
//!
//! Every party is a shipped machine. Parties of one client share its session. A request is on its way until
//! the server takes it and carries it out; then the reply is there. A connection is cut at any moment, with
//! whatever is on it. What the server may still read of the old one, it reads before it lets the client in
//! again. A session expires once its client knows that the connection is lost. Where processes may stand
//! still, it expires at any time.

use std::fmt;

use quorate_client::recipes::machine::{Input, Machine};
use quorate_client::session::{OpId, Output, State as SessionState};
use quorate_core::ids::{ConnId, SessionId, Zxid};
use quorate_core::wire::client::Request;

use super::line::{Client, Told};
use super::party::{Mailbox, Party};
use super::recipe::{Recipe, Theme};
use super::server::{Done, Server};
use crate::models::model_spec::Variant;
use crate::models::paxos::{Claim, Protocol};

/// A recipe with its bounds, as a model.
#[derive(Clone, Copy, Debug)]
pub struct Recipes<R> {
    /// Which recipe.
    pub recipe: R,
    /// Which rule is broken, if any.
    pub variant: Variant,
    /// This one of its themes alone.
    pub only: Option<usize>,
}

/// How much may still happen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Left {
    /// Connections that are cut.
    pub cuts: u8,
    /// Sessions that expire.
    pub expiries: u8,
    /// Containers that are reaped.
    pub reaps: u8,
    /// Processes that are started anew.
    pub restarts: u8,
    /// Deeds of the operator.
    pub deeds: u8,
    /// What users do beyond beginning.
    pub acts: u8,
}

/// A state of the server, the clients and the parties.
#[derive(Clone, Debug)]
pub struct World<R: Recipe> {
    /// The server.
    pub server: Server,
    /// The clients.
    pub clients: Vec<Client>,
    /// The users.
    pub parties: Vec<Party<R::Machine>>,
    /// Sessions of processes that have ended.
    pub dead: Vec<SessionId>,
    /// Which of the recipe's themes this is.
    pub theme: usize,
    /// What may still happen.
    pub left: Left,
    /// What an onlooker remembers.
    pub notes: R::Notes,
    /// Whether the deletion of a party's znode was told to more than one other client.
    pub herd: bool,
    variant: Beside,
}

/// What is no part of a state's identity.
#[derive(Clone, Copy, Debug)]
struct Beside(Variant);

impl<R: Recipe> std::hash::Hash for World<R> {
    fn hash<H: std::hash::Hasher>(&self, hasher: &mut H) {
        (&self.server, &self.clients, &self.parties, &self.dead).hash(hasher);
        (self.theme, self.left, &self.notes, self.herd).hash(hasher);
    }
}

impl<R: Recipe> PartialEq for World<R> {
    fn eq(&self, other: &Self) -> bool {
        self.server == other.server
            && self.clients == other.clients
            && self.parties == other.parties
            && self.dead == other.dead
            && (self.theme, self.left, self.herd) == (other.theme, other.left, other.herd)
            && self.notes == other.notes
    }
}

/// A step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// A user begins.
    Start(usize),
    /// A user does what its recipe numbers so.
    Act(usize, u8),
    /// The server takes a client's next frame.
    Serve(usize),
    /// The server takes what is left of a client's old connection.
    Notice(usize),
    /// A machine empties a mailbox by one.
    Take(usize, Mailbox),
    /// A client's connection is lost.
    Cut(usize),
    /// A client's session expires.
    Expire(usize),
    /// The session of a process that has ended expires.
    ExpireDead(usize),
    /// A container is reaped.
    Reap,
    /// A client's process ends, and another one begins.
    Restart(usize),
    /// The operator does what the recipe numbers so.
    Deed(u8),
}

impl<R: Recipe> Protocol for Recipes<R> {
    type State = World<R>;
    type Step = Step;

    const CLAIMS: &'static [Claim<World<R>>] = R::CLAIMS;
    const REACHES: &'static [Claim<World<R>>] = R::REACHES;

    fn begin(&self) -> Vec<World<R>> {
        let is_meant = |theme: &usize| self.only.is_none_or(|only| only == *theme);
        (0..R::THEMES.len()).filter(is_meant).map(|theme| World::begin(theme, self.variant)).collect()
    }

    fn steps(&self, world: &World<R>, steps: &mut Vec<Step>) {
        world.moves(steps);
        world.choices(steps);
    }

    fn after(&self, world: &World<R>, step: &Step) -> World<R> {
        let mut next = world.clone();
        next.act(*step);
        R::look(&mut next);
        next
    }
}

impl<R: Recipe> World<R> {
    fn begin(theme: usize, variant: Variant) -> Self {
        let Theme { parties, left, begin, .. } = R::THEMES[theme];
        let clients = parties.iter().max().map_or(0, |last| last + 1);
        let party = |(i, client): (usize, &usize)| Party::new(R::machine(theme, i, 0, variant), *client, 0);
        let mut world = World {
            server: Server::new(variant, begin()),
            clients: (0..clients).map(|number| Client::new(number as u64)).collect(),
            parties: parties.iter().enumerate().map(party).collect(),
            dead: vec![],
            theme,
            left,
            notes: R::Notes::default(),
            herd: false,
            variant: Beside(variant),
        };
        for client in 0..clients {
            let told = world.clients[client].start();
            world.pass_on(client, told);
        }
        // Sessions are there before anything begins.
        while let Some(step) = world.next_move() {
            world.act(step);
        }
        world
    }

    /// What comes of itself.
    fn moves(&self, steps: &mut Vec<Step>) {
        for (c, client) in self.clients.iter().enumerate() {
            if !client.up.is_empty() {
                steps.push(Step::Serve(c));
            }
            if client.behind.is_some() {
                steps.push(Step::Notice(c));
            }
        }
        for (p, party) in self.parties.iter().enumerate() {
            steps.extend(party.waiting().map(|mailbox| Step::Take(p, mailbox)));
        }
    }

    fn next_move(&self) -> Option<Step> {
        let mut moves = Vec::new();
        self.moves(&mut moves);
        moves.first().copied()
    }

    /// Whether nothing comes of itself any more, and no session of an ended process is in the way.
    pub fn is_quiet(&self) -> bool {
        self.dead.is_empty() && self.next_move().is_none()
    }

    /// What is up to users, operators, networks and time.
    fn choices(&self, steps: &mut Vec<Step>) {
        // Users begin in turn; their first requests overtake each other.
        steps.extend(self.parties.iter().position(|party| !party.started).map(Step::Start));
        for p in (0..self.parties.len()).filter(|p| self.parties[*p].started) {
            R::acts(self, p, &mut |act| steps.push(Step::Act(p, act)));
        }
        // It happens to the first client: the others are like it, wherever they stand in a queue.
        for c in 0..1 {
            if self.left.cuts > 0 && self.clients[c].conn.is_some() && self.is_used(c) {
                steps.push(Step::Cut(c));
            }
            if self.left.expiries > 0 && self.may_expire(c) {
                steps.push(Step::Expire(c));
            }
            if self.left.restarts > 0 && self.clients[c].is_up() && self.is_used(c) {
                steps.push(Step::Restart(c));
            }
        }
        steps.extend((0..self.dead.len()).map(Step::ExpireDead));
        if self.left.reaps > 0 && self.server.may_reap(R::DIRECTORY) {
            steps.push(Step::Reap);
        }
        if self.left.deeds > 0 {
            R::deeds(self, &mut |deed| steps.push(Step::Deed(deed)));
        }
    }

    /// Whether a client's session matters to a party.
    fn is_used(&self, c: usize) -> bool {
        self.parties.iter().any(|party| party.client == c && party.started && !R::is_over(&party.machine))
    }

    /// Sessions expire behind the back of processes that stand still. Others have noticed before that their
    /// connection is lost, and so have their users.
    fn may_expire(&self, c: usize) -> bool {
        let client = &self.clients[c];
        let lost = client.session.state() == SessionState::Suspended
            && self.parties.iter().all(|party| party.client != c || !party.learns_of_loss());
        (R::THEMES[self.theme].pauses && self.is_used(c) || lost)
            && self.server.has_session(client.session.id())
    }

    fn act(&mut self, step: Step) {
        match step {
            Step::Start(p) => {
                let party = &mut self.parties[p];
                party.started = true;
                let state = self.clients[party.client].session.state();
                party.knows = state;
                self.input(p, Input::Session(state));
                self.input(p, Input::Start);
            }
            Step::Act(p, act) => R::act(self, p, act),
            Step::Serve(c) => {
                if let Some((conn, event)) = self.clients[c].take() {
                    let done = self.server.hear(conn, event);
                    self.deliver(done);
                }
            }
            Step::Notice(c) => {
                if let Some((conn, event)) = self.clients[c].take_behind() {
                    let done = self.server.hear(conn, event);
                    self.deliver(done);
                }
            }
            Step::Take(p, mailbox) => {
                if let Some(input) = self.parties[p].next(mailbox) {
                    self.input(p, input);
                }
            }
            Step::Cut(c) => {
                self.left.cuts -= 1;
                let told = self.clients[c].cut();
                self.pass_on(c, told);
            }
            Step::Expire(c) => {
                self.left.expiries -= 1;
                let done = self.server.expire(self.clients[c].session.id());
                self.deliver(done);
            }
            Step::ExpireDead(k) => {
                let session = self.dead.remove(k);
                let done = self.server.expire(session);
                self.deliver(done);
            }
            Step::Reap => {
                self.left.reaps -= 1;
                let done = self.server.reap(R::DIRECTORY);
                self.deliver(done);
            }
            Step::Restart(c) => self.restart(c),
            Step::Deed(deed) => {
                self.left.deeds -= 1;
                if let Some(request) = R::deed(self, deed) {
                    let done = self.server.operate(&request);
                    self.deliver(done);
                }
            }
        }
    }

    fn restart(&mut self, c: usize) {
        self.left.restarts -= 1;
        self.dead.push(self.clients[c].session.id());
        let told = self.clients[c].restart();
        for p in 0..self.parties.len() {
            if self.parties[p].client == c {
                self.renew(p);
            }
        }
        self.pass_on(c, told);
    }

    /// A party's machine is replaced by a new one, not begun.
    pub fn renew(&mut self, p: usize) {
        let life = self.parties[p].life + 1;
        let machine = R::machine(self.theme, p, life, self.variant.0);
        self.parties[p] = Party::new(machine, self.parties[p].client, life);
    }

    /// A party's machine takes an input.
    pub fn input(&mut self, p: usize, input: Input) {
        self.parties[p].stopping |= input == Input::Stop;
        let (asked, told) = self.parties[p].step(input);
        for what in told {
            R::told(self, p, what);
        }
        if let Some(request) = asked {
            self.ask(p, request);
        }
    }

    fn ask(&mut self, p: usize, request: Request) {
        let c = self.parties[p].client;
        let told = self.clients[c].submit(OpId(p as u64), request);
        self.pass_on(c, told);
    }

    /// What a session tells goes to its users' mailboxes.
    fn pass_on(&mut self, c: usize, told: Told) {
        for output in told {
            match output {
                Output::Complete(id, outcome) => {
                    // Of a machine that was replaced there is nobody left to tell.
                    if let Some(party) = self.parties.get_mut(id.0 as usize).filter(|party| party.asked) {
                        party.complete(outcome);
                    }
                }
                Output::Event(event) => {
                    self.parties.iter_mut().filter(|party| party.client == c).for_each(|p| p.hear(&event));
                }
                Output::State(state) => {
                    let at = if R::MINDS_WHEN { self.server.zxid() } else { Zxid::ZERO };
                    self.parties.iter_mut().filter(|party| party.client == c).for_each(|p| p.tell(state, at));
                }
                Output::Dial(_) | Output::Hangup(_) | Output::Probe(_) => {}
            }
        }
    }

    /// What a server has done goes to the clients.
    fn deliver(&mut self, done: Done) {
        let is_herd = |(path, conns): &(String, Vec<ConnId>)| {
            let own = R::owner(self, path).map(|p| self.parties[p].client);
            conns.iter().filter(|conn| Some(Client::of(**conn)) != own).count() > 1
        };
        self.herd |= done.woken.iter().any(is_herd);
        for (conn, frame) in done.told {
            for c in 0..self.clients.len() {
                let told = self.clients[c].hear(conn, frame.as_ref());
                self.pass_on(c, told);
            }
        }
    }
}

impl<R: Recipe> fmt::Display for World<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of the server", self.server.zxid())?;
        for (c, client) in self.clients.iter().enumerate() {
            write!(f, "; client {}: {:?}", c + 1, client.session.state())?;
            write!(f, ", {} requests under way", client.up.len())?;
        }
        for (p, party) in self.parties.iter().enumerate() {
            write!(f, "; party {}: {:?}", p + 1, party.machine)?;
        }
        for (path, _) in self.server.znodes(R::DIRECTORY) {
            write!(f, "; {path}")?;
        }
        write!(f, "; {:?}", self.notes)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Start(p) => write!(f, "party {} begins", p + 1),
            Step::Act(p, act) => write!(f, "party {} does act {act}", p + 1),
            Step::Serve(c) => write!(f, "the server takes client {}'s next frame", c + 1),
            Step::Notice(c) => {
                write!(f, "the server takes what is left of client {}'s old connection", c + 1)
            }
            Step::Take(p, Mailbox::Outcome) => write!(f, "party {} takes an outcome", p + 1),
            Step::Take(p, Mailbox::Event) => write!(f, "party {} takes an event", p + 1),
            Step::Take(p, Mailbox::State) => write!(f, "party {} takes its session's state", p + 1),
            Step::Cut(c) => write!(f, "client {}'s connection is lost", c + 1),
            Step::Expire(c) => write!(f, "client {}'s session expires", c + 1),
            Step::ExpireDead(_) => write!(f, "the session of a process that has ended expires"),
            Step::Reap => write!(f, "the directory is reaped"),
            Step::Restart(c) => write!(f, "client {}'s process ends, and another one begins", c + 1),
            Step::Deed(deed) => write!(f, "the operator does deed {deed}"),
        }
    }
}

/// The machine's type of what is told.
pub type ToldBy<R> = <<R as Recipe>::Machine as Machine>::Told;
