//! A double barrier: a number of members begin together, and end together.
//!
//! Every member creates an ephemeral znode. The one that makes the number full creates `ready`, for which the
//! others wait. A member that leaves deletes its znode, and waits until no other one's is there. The last one
//! deletes `ready`. The layout is that of kazoo and of Curator: `DIRECTORY/MARK` and `DIRECTORY/ready`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use quorate_core::tree::path;
use quorate_core::wire::client::{CreateMode, CreateRequest, DeleteRequest, Request, Response, WatchRequest};
use quorate_core::wire::error_code::ErrorCode;
use quorate_core::wire::record::Acl;

use super::machine::{Input, Machine, Output};
use crate::mutation::{breakable, mutated};
use crate::session::{Outcome, Refusal, State};

/// What stands for a full number of members.
const READY: &str = "ready";

/// What a member takes part in, and as what.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Terms {
    /// The directory of the members. It serves one beginning and one end at a time.
    pub directory: String,
    /// How many members begin together.
    pub members: usize,
    /// A mark that no other member has, not even an earlier one of this program.
    pub mark: String,
}

/// What a member is told.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Told {
    /// All members are there.
    Entered,
    /// The member is over: all have left, or the member has left before the number was full.
    Left,
    /// The member cannot go on. Its znode goes with the session at the latest.
    Failed(Refusal),
}

/// A member, from its coming to its leaving. [`Input::Stop`] makes it leave.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Member {
    terms: Terms,
    phase: Phase,
    /// Whether all were there.
    entered: bool,
    leaving: bool,
    /// Whether the member's creation may have been done.
    may_be_there: bool,
    #[cfg(feature = "mutants")]
    mutation: Option<crate::Mutation>,
}

breakable!(Member);

/// Which outcome, or which event, is awaited.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Phase {
    New,
    /// The directory is being created; the names above it are still to come, the next one last.
    Preparing(Vec<String>),
    /// The member's znode is being created.
    Coming,
    /// The members are being counted.
    Counting,
    /// `ready` is being created.
    Saying,
    /// `ready` is being looked at, and watched.
    Looking,
    /// `ready` is not there.
    Waiting,
    Entered,
    /// The member's znode is being deleted.
    Going,
    /// The members that are still there are being listed.
    Listing,
    /// One of the members that are still there is being watched.
    Watching(String),
    /// The member that is watched is there.
    Staying(String),
    /// `ready` is being deleted.
    Clearing,
    Over,
}

impl Member {
    /// A member that comes with [`Input::Start`].
    pub fn new(terms: Terms) -> Self {
        Member {
            terms,
            phase: Phase::New,
            entered: false,
            leaving: false,
            may_be_there: false,
            #[cfg(feature = "mutants")]
            mutation: None,
        }
    }

    /// Whether all members were there, and this one has not left.
    pub fn is_in(&self) -> bool {
        self.phase == Phase::Entered
    }

    /// Whether nothing more is told.
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    fn below(&self, name: &str) -> String {
        format!("{}/{name}", self.terms.directory.trim_end_matches('/'))
    }

    fn ask(&mut self, phase: Phase, request: Request, out: &mut Vec<Output<Told>>) {
        self.phase = phase;
        out.push(Output::Ask(request));
    }

    fn create(&mut self, phase: Phase, path: String, mode: CreateMode, out: &mut Vec<Output<Told>>) {
        let (data, acl, flags) = (Some(Bytes::new()), [Acl::open()].into(), mode.to_i32());
        let request = CreateRequest { path, data, acl, flags };
        let container = mode == CreateMode::Container;
        let request = if container { Request::CreateContainer(request) } else { Request::Create2(request) };
        self.ask(phase, request, out);
    }

    fn come(&mut self, out: &mut Vec<Output<Told>>) {
        let own = self.below(&self.terms.mark);
        self.create(Phase::Coming, own, CreateMode::Ephemeral, out);
    }

    fn prepare(&mut self, missing: Vec<String>, out: &mut Vec<Output<Told>>) {
        match missing.last().cloned() {
            _ if self.leaving => self.end(Told::Left, out),
            Some(path) => self.create(Phase::Preparing(missing), path, CreateMode::Container, out),
            None => self.come(out),
        }
    }

    fn list(&mut self, phase: Phase, out: &mut Vec<Output<Told>>) {
        let request = WatchRequest { path: self.terms.directory.clone(), watch: false };
        self.ask(phase, Request::GetChildren(request), out);
    }

    fn look(&mut self, out: &mut Vec<Output<Told>>) {
        let request = WatchRequest { path: self.below(READY), watch: true };
        self.ask(Phase::Looking, Request::Exists(request), out);
    }

    fn go(&mut self, out: &mut Vec<Output<Told>>) {
        let request = DeleteRequest { path: self.below(&self.terms.mark), version: -1 };
        self.ask(Phase::Going, Request::Delete(request), out);
    }

    fn clear(&mut self, out: &mut Vec<Output<Told>>) {
        let request = DeleteRequest { path: self.below(READY), version: -1 };
        self.ask(Phase::Clearing, Request::Delete(request), out);
    }

    fn enter(&mut self, out: &mut Vec<Output<Told>>) {
        if self.leaving {
            return self.go(out);
        }
        self.entered = true;
        self.phase = Phase::Entered;
        out.push(Output::Tell(Told::Entered));
    }

    fn end(&mut self, told: Told, out: &mut Vec<Output<Told>>) {
        self.phase = Phase::Over;
        out.push(Output::Tell(told));
    }

    /// The outcome of what was asked for last.
    fn take(&mut self, outcome: Outcome, out: &mut Vec<Output<Told>>) {
        let phase = core::mem::replace(&mut self.phase, Phase::New);
        let outcome = match outcome {
            Outcome::Unknown => return self.again(phase, out),
            // What was to be done is done.
            Outcome::Refused(refusal) if is_done(&phase, &refusal, self.may_be_there) => None,
            Outcome::Refused(refusal) => return self.refused(phase, refusal, out),
            Outcome::Done(response) => Some(response),
        };
        match phase {
            Phase::Preparing(mut missing) => {
                drop(missing.pop());
                self.prepare(missing, out);
            }
            Phase::Coming if self.leaving => self.go(out),
            Phase::Coming => self.list(Phase::Counting, out),
            Phase::Counting => self.count(outcome, out),
            Phase::Saying => self.enter(out),
            // It is there.
            Phase::Looking => self.enter(out),
            Phase::Going if !self.entered => self.end(Told::Left, out),
            Phase::Going if mutated!(self, LeavesAlone) => self.end(Told::Left, out),
            Phase::Going => self.list(Phase::Listing, out),
            Phase::Listing => self.listed(outcome, out),
            Phase::Watching(other) => self.phase = Phase::Staying(other),
            Phase::Clearing => self.end(Told::Left, out),
            // None was asked for.
            phase => self.phase = phase,
        }
    }

    /// The connection was lost. Everything that is asked for can be asked for again.
    fn again(&mut self, phase: Phase, out: &mut Vec<Output<Told>>) {
        match phase {
            Phase::Preparing(missing) => self.prepare(missing, out),
            Phase::Coming if mutated!(self, LostComingCounts) => self.list(Phase::Counting, out),
            Phase::Coming => {
                self.may_be_there = true;
                if self.leaving { self.go(out) } else { self.come(out) }
            }
            Phase::Counting | Phase::Looking if self.leaving => self.go(out),
            Phase::Counting => self.list(Phase::Counting, out),
            Phase::Saying => self.say(out),
            Phase::Looking => self.look(out),
            Phase::Going => self.go(out),
            Phase::Listing => self.list(Phase::Listing, out),
            Phase::Watching(other) => self.watch(other, out),
            Phase::Clearing => self.clear(out),
            phase => self.phase = phase,
        }
    }

    fn refused(&mut self, phase: Phase, refusal: Refusal, out: &mut Vec<Output<Told>>) {
        let no_node = is(&refusal, ErrorCode::NoNode);
        match phase {
            Phase::Coming if no_node => self.prepare([self.terms.directory.clone()].into(), out),
            Phase::Preparing(mut missing) if no_node => {
                let above = missing.last().and_then(|path| path::parent(path));
                match above.filter(|above| *above != path::ROOT).map(String::from) {
                    Some(above) => {
                        missing.push(above);
                        self.prepare(missing, out);
                    }
                    None => self.end(Told::Failed(refusal), out),
                }
            }
            Phase::Looking if no_node && self.leaving => self.go(out),
            Phase::Looking if no_node => self.phase = Phase::Waiting,
            // The one that was to be watched has left.
            Phase::Watching(_) if no_node => self.list(Phase::Listing, out),
            Phase::Over => self.phase = Phase::Over,
            _ => self.end(Told::Failed(refusal), out),
        }
    }

    fn count(&mut self, response: Option<Response>, out: &mut Vec<Output<Told>>) {
        let names = if let Some(Response::Children(names)) = response { names } else { Vec::new() };
        let members = names.iter().filter(|name| *name != READY).count();
        let missing = if mutated!(self, ReadyTooEarly) { 1 } else { 0 };
        if self.leaving {
            self.go(out);
        } else if members + missing >= self.terms.members && !mutated!(self, ReadyNotSaid) {
            self.say(out);
        } else {
            self.look(out);
        }
    }

    fn say(&mut self, out: &mut Vec<Output<Told>>) {
        let ready = self.below(READY);
        self.create(Phase::Saying, ready, CreateMode::Persistent, out);
    }

    fn listed(&mut self, response: Option<Response>, out: &mut Vec<Output<Told>>) {
        let names = if let Some(Response::Children(names)) = response { names } else { Vec::new() };
        match names.into_iter().filter(|name| *name != READY).min() {
            Some(other) => self.watch(self.below(&other), out),
            None if mutated!(self, ReadyKept) => self.end(Told::Left, out),
            None => self.clear(out),
        }
    }

    fn watch(&mut self, other: String, out: &mut Vec<Output<Told>>) {
        // A watch of getData is set only where the znode is: none is left behind on one that is gone.
        let request = Request::GetData(WatchRequest { path: other.clone(), watch: true });
        self.ask(Phase::Watching(other), request, out);
    }
}

impl Machine for Member {
    type Told = Told;

    fn step(&mut self, input: Input, out: &mut Vec<Output<Told>>) {
        match (input, &self.phase) {
            (_, Phase::Over) | (Input::Finished, _) => {}
            (Input::Start, Phase::New) if self.leaving => self.end(Told::Left, out),
            (Input::Start, Phase::New) => self.come(out),
            (Input::Outcome(outcome), _) => self.take(outcome, out),
            // Whatever it was: what counts is what is there.
            (Input::Event { .. }, Phase::Waiting) => self.look(out),
            (Input::Event { path, .. }, Phase::Staying(other)) if path == *other => {
                self.list(Phase::Listing, out);
            }
            (Input::Session(State::Over(end)), phase) if *phase != Phase::New => {
                self.end(Told::Failed(Refusal::Over(end)), out);
            }
            (Input::Stop, phase) => {
                let rests = matches!(phase, Phase::Waiting | Phase::Entered);
                self.leaving = true;
                if rests {
                    self.go(out);
                }
            }
            _ => {}
        }
    }
}

/// Whether a refusal says that what was to be done is done.
fn is_done(phase: &Phase, refusal: &Refusal, may_be_there: bool) -> bool {
    match phase {
        Phase::Preparing(_) | Phase::Saying => is(refusal, ErrorCode::NodeExists),
        // It is this member's own: a reply was lost.
        Phase::Coming => may_be_there && is(refusal, ErrorCode::NodeExists),
        Phase::Going | Phase::Clearing | Phase::Listing => is(refusal, ErrorCode::NoNode),
        _ => false,
    }
}

fn is(refusal: &Refusal, code: ErrorCode) -> bool {
    *refusal == Refusal::Server(code.to_i32())
}
