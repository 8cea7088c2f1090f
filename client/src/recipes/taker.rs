//! A consumer of a queue: it claims the first item that has no claim, and deletes the item once its user has
//! done with it.
//!
//! The layout is that of kazoo's `LockingQueue`. Items are `DIRECTORY/entries/entry-PPP-NUMBER`, where `PPP`
//! is a priority. Claims are ephemeral znodes `DIRECTORY/taken/ITEM`. A consumer that dies loses its claim,
//! and another one takes the item. So an item is taken at least once, and finished at most once. A persistent
//! recursive watch on the directory tells of new items and of claims that are gone.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use quorate_core::ids::Zxid;
use quorate_core::wire::client::{
    AddWatchMode, AddWatchRequest, CreateMode, CreateRequest, DeleteRequest, EventType, MultiOp, MultiResult,
    ReadOp, Request, Response, WatchRequest,
};
use quorate_core::wire::error_code::ErrorCode;
use quorate_core::wire::record::Acl;

use super::machine::{Input, Machine, Output};
use crate::mutation::{breakable, mutated};
use crate::session::{Outcome, Refusal, State};

/// What a consumer takes from, and as what.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Terms {
    /// The directory of the queue.
    pub directory: String,
    /// A mark that no other consumer has, not even an earlier one of this program.
    pub mark: String,
}

/// What a consumer's user is told.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Told {
    /// An item is claimed. The next one comes after [`Input::Finished`].
    Item {
        /// The item's name: names are in the order of the queue.
        name: String,
        /// What is to be done.
        data: Bytes,
        /// The transaction of the claim. It grows with every claim of this item.
        token: Zxid,
    },
    /// The item is out of the queue.
    Finished(String),
    /// The claim was gone before the item was finished: another consumer may have the item.
    Lost(String),
    /// The consumer is over, and claims nothing.
    Stopped,
    /// The consumer cannot go on. Its claim goes with the session at the latest.
    Failed(Refusal),
}

/// A consumer, from its first call to its end.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Taker {
    terms: Terms,
    phase: Phase,
    stopping: bool,
    /// Whether something may have changed since the last look.
    changed: bool,
    #[cfg(feature = "mutants")]
    mutation: Option<crate::Mutation>,
}

breakable!(Taker);

/// Which outcome, or which event, is awaited.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Phase {
    New,
    /// The watch is being set.
    Watching,
    /// Items and claims are being listed.
    Listing,
    /// Directories are being created, the next one last.
    Preparing(Vec<String>),
    /// Nothing is to be taken.
    Idle,
    /// This item is being claimed; those behind it are next.
    Claiming(String, Vec<String>),
    /// Whether this item was claimed is not known: first the server catches up.
    CatchingUp(String),
    /// The item and its claim are being read.
    Reading(String),
    /// The user has this item.
    Taken(String),
    /// The item and its claim are being deleted.
    Finishing(String),
    /// Whether the item was finished is not known: it is being looked at.
    Checking(String),
    /// The claim is being deleted; whether the consumer goes on then.
    Releasing(String),
    Over,
}

impl Taker {
    /// A consumer that is begun by [`Input::Start`].
    pub fn new(terms: Terms) -> Self {
        Taker {
            terms,
            phase: Phase::New,
            stopping: false,
            changed: false,
            #[cfg(feature = "mutants")]
            mutation: None,
        }
    }

    /// The item that the user has.
    pub fn taken(&self) -> Option<&str> {
        match &self.phase {
            Phase::Taken(name) | Phase::Finishing(name) | Phase::Checking(name) => Some(name),
            _ => None,
        }
    }

    /// Whether nothing more is told.
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    fn below(&self, what: &str) -> String {
        format!("{}/{what}", self.terms.directory.trim_end_matches('/'))
    }

    fn entry(&self, name: &str) -> String {
        self.below(&format!("entries/{name}"))
    }

    fn claim_of(&self, name: &str) -> String {
        self.below(&format!("taken/{name}"))
    }

    fn ask(&mut self, phase: Phase, request: Request, out: &mut Vec<Output<Told>>) {
        self.phase = phase;
        out.push(Output::Ask(request));
    }

    fn end(&mut self, told: Told, out: &mut Vec<Output<Told>>) {
        self.phase = Phase::Over;
        out.push(Output::Tell(told));
    }

    fn prepare(&mut self, missing: Vec<String>, out: &mut Vec<Output<Told>>) {
        let path = missing.last().cloned().filter(|_| !self.stopping);
        let Some(path) = path else { return self.list(out) };
        let (data, acl, flags) = (Some(Bytes::new()), [Acl::open()].into(), CreateMode::Persistent.to_i32());
        let request = Request::Create2(CreateRequest { path, data, acl, flags });
        self.ask(Phase::Preparing(missing), request, out);
    }

    fn watch(&mut self, out: &mut Vec<Output<Told>>) {
        let (path, mode) = (self.terms.directory.clone(), AddWatchMode::PersistentRecursive);
        self.ask(Phase::Watching, Request::AddWatch(AddWatchRequest { path, mode }), out);
    }

    /// Look for an item, unless the consumer is to stop.
    fn list(&mut self, out: &mut Vec<Output<Told>>) {
        if self.stopping {
            return self.end(Told::Stopped, out);
        }
        self.changed = false;
        let list = |path| ReadOp::GetChildren(WatchRequest { path, watch: false });
        let both = [list(self.below("entries")), list(self.below("taken"))];
        self.ask(Phase::Listing, Request::MultiRead(both.into()), out);
    }

    fn listed(&mut self, results: &[MultiResult], out: &mut Vec<Output<Told>>) {
        let names = |result: Option<&MultiResult>| match result {
            Some(MultiResult::GetChildren(names)) => names.clone(),
            _ => Vec::new(),
        };
        let is_there = |result: &MultiResult| matches!(result, MultiResult::GetChildren(_));
        if !results.iter().all(is_there) {
            return self.prepare([self.below("taken"), self.below("entries")].into(), out);
        }
        let (mut items, claims) = (names(results.first()), names(results.get(1)));
        items.sort_unstable();
        if mutated!(self, NewestFirst) {
            items.reverse();
        }
        if mutated!(self, ClaimedEndsSearch) {
            items.truncate(1);
        }
        items.retain(|name| is_item(name) && !claims.contains(name));
        self.claim(items, out);
    }

    /// Claim the first of these.
    fn claim(&mut self, mut items: Vec<String>, out: &mut Vec<Output<Told>>) {
        if self.stopping || self.changed {
            return self.list(out);
        }
        if items.is_empty() {
            self.phase = Phase::Idle;
            return;
        }
        let name = items.remove(0);
        if mutated!(self, TakenWithoutClaim) {
            return self.read(name, out);
        }
        let (path, data) = (self.claim_of(&name), Some(Bytes::copy_from_slice(self.terms.mark.as_bytes())));
        let (acl, flags) = ([Acl::open()].into(), CreateMode::Ephemeral.to_i32());
        let request = Request::Create2(CreateRequest { path, data, acl, flags });
        self.ask(Phase::Claiming(name, items), request, out);
    }

    fn read(&mut self, name: String, out: &mut Vec<Output<Told>>) {
        let get = |path| ReadOp::GetData(WatchRequest { path, watch: false });
        let both = [get(self.entry(&name)), get(self.claim_of(&name))];
        self.ask(Phase::Reading(name), Request::MultiRead(both.into()), out);
    }

    fn have_read(&mut self, name: String, results: &[MultiResult], out: &mut Vec<Output<Told>>) {
        let data = |result: Option<&MultiResult>| match result {
            Some(MultiResult::GetData { data, stat }) => Some((data.clone().unwrap_or_default(), stat.czxid)),
            _ => None,
        };
        let (item, claim) = (data(results.first()), data(results.get(1)));
        let own = claim.filter(|(mark, _)| *mark == self.terms.mark.as_bytes());
        let claimed = own.map(|(_, token)| token);
        let claimed = claimed.or(mutated!(self, TakenWithoutClaim).then_some(Zxid::ZERO));
        match (item, claimed) {
            (_, None) => self.list(out),
            (Some(_), Some(_)) if self.stopping => self.release(name, out),
            (Some((data, _)), Some(token)) => self.give(name, data, token, out),
            (None, Some(token)) if mutated!(self, GoneItemGiven) => self.give(name, Bytes::new(), token, out),
            // It was finished by another consumer before it was claimed.
            (None, Some(_)) => self.release(name, out),
        }
    }

    fn give(&mut self, name: String, data: Bytes, token: Zxid, out: &mut Vec<Output<Told>>) {
        out.push(Output::Tell(Told::Item { name: name.clone(), data, token }));
        self.phase = Phase::Taken(name);
    }

    fn release(&mut self, name: String, out: &mut Vec<Output<Told>>) {
        let path = self.claim_of(&name);
        self.ask(Phase::Releasing(name), Request::Delete(DeleteRequest { path, version: -1 }), out);
    }

    fn finish(&mut self, name: String, out: &mut Vec<Output<Told>>) {
        let delete = |path| MultiOp::Delete(DeleteRequest { path, version: -1 });
        // Without the claim the item is another consumer's.
        let both = [delete(self.claim_of(&name)), delete(self.entry(&name))];
        self.ask(Phase::Finishing(name), Request::Multi(both.into()), out);
    }

    /// The outcome of what was asked for last.
    fn take(&mut self, outcome: Outcome, out: &mut Vec<Output<Told>>) {
        if let Outcome::Refused(refusal @ Refusal::Over(_)) = outcome {
            return self.end(Told::Failed(refusal), out);
        }
        match (core::mem::replace(&mut self.phase, Phase::New), outcome) {
            (Phase::Preparing(mut missing), Outcome::Done(_)) => {
                drop(missing.pop());
                self.prepare(missing, out);
            }
            (Phase::Preparing(mut missing), Outcome::Refused(refusal)) => match code(&refusal) {
                Some(ErrorCode::NodeExists) => {
                    drop(missing.pop());
                    self.prepare(missing, out);
                }
                Some(ErrorCode::NoNode) if missing.len() < 64 => {
                    let above = missing.last().and_then(|path| quorate_core::tree::path::parent(path));
                    missing.extend(above.map(String::from));
                    self.prepare(missing, out);
                }
                _ => self.end(Told::Failed(refusal), out),
            },
            (Phase::Preparing(missing), Outcome::Unknown) => self.prepare(missing, out),
            (Phase::Watching, Outcome::Unknown) => self.watch(out),
            (Phase::Watching, Outcome::Done(_)) => self.list(out),
            (Phase::Listing, Outcome::Done(Response::Multi(results))) => self.listed(&results, out),
            (Phase::Listing, Outcome::Unknown) => self.list(out),
            (Phase::Claiming(name, _), Outcome::Done(_)) => self.read(name, out),
            (Phase::Claiming(_, items), Outcome::Refused(refusal)) => match code(&refusal) {
                Some(ErrorCode::NodeExists) => self.claim(items, out),
                _ => self.end(Told::Failed(refusal), out),
            },
            (Phase::Claiming(_, items), Outcome::Unknown) if mutated!(self, LostClaimForgotten) => {
                self.claim(items, out);
            }
            (Phase::Claiming(name, _) | Phase::CatchingUp(name), Outcome::Unknown) => {
                let directory = Some(self.terms.directory.clone());
                self.ask(Phase::CatchingUp(name), Request::Sync(directory), out);
            }
            (Phase::CatchingUp(name), Outcome::Done(_)) => self.read(name, out),
            (Phase::Reading(name), Outcome::Done(Response::Multi(results))) => {
                self.have_read(name, &results, out);
            }
            (Phase::Reading(name), Outcome::Unknown) => self.read(name, out),
            (Phase::Finishing(name), outcome) => self.finished(name, outcome, out),
            (Phase::Checking(name), outcome) => self.checked(name, outcome, out),
            (Phase::Releasing(name), Outcome::Unknown) => self.release(name, out),
            (Phase::Releasing(_), Outcome::Done(_)) => self.list(out),
            (Phase::Releasing(_), Outcome::Refused(refusal)) if code(&refusal) == Some(ErrorCode::NoNode) => {
                self.list(out);
            }
            // None was asked for.
            (phase @ (Phase::New | Phase::Idle | Phase::Taken(_) | Phase::Over), _) => self.phase = phase,
            (_, Outcome::Refused(refusal)) => self.end(Told::Failed(refusal), out),
            (_, Outcome::Done(_)) => {
                self.end(Told::Failed(Refusal::Server(ErrorCode::MarshallingError.to_i32())), out);
            }
        }
    }

    fn finished(&mut self, name: String, outcome: Outcome, out: &mut Vec<Output<Told>>) {
        match outcome {
            Outcome::Done(_) => {
                out.push(Output::Tell(Told::Finished(name)));
                self.list(out);
            }
            // Only who has the claim deletes the item: if it is gone, this consumer has done it.
            Outcome::Unknown => {
                let request = WatchRequest { path: self.entry(&name), watch: false };
                self.ask(Phase::Checking(name), Request::Exists(request), out);
            }
            Outcome::Refused(Refusal::Part { .. }) => {
                out.push(Output::Tell(Told::Lost(name)));
                self.list(out);
            }
            Outcome::Refused(refusal) => self.end(Told::Failed(refusal), out),
        }
    }

    fn checked(&mut self, name: String, outcome: Outcome, out: &mut Vec<Output<Told>>) {
        match outcome {
            Outcome::Done(_) => self.finish(name, out),
            Outcome::Unknown => {
                let request = WatchRequest { path: self.entry(&name), watch: false };
                self.ask(Phase::Checking(name), Request::Exists(request), out);
            }
            Outcome::Refused(refusal) if code(&refusal) == Some(ErrorCode::NoNode) => {
                out.push(Output::Tell(Told::Finished(name)));
                self.list(out);
            }
            Outcome::Refused(refusal) => self.end(Told::Failed(refusal), out),
        }
    }

    /// Something below the directory has changed.
    fn event(&mut self, event: EventType, path: &str, out: &mut Vec<Output<Told>>) {
        let is_new = event == EventType::NodeCreated && path.starts_with(&self.below("entries/"));
        let is_free = event == EventType::NodeDeleted
            && path.starts_with(&self.below("taken/"))
            && !mutated!(self, ClaimEndIgnored);
        if !is_new && !is_free {
            return;
        }
        match self.phase {
            Phase::Idle => self.list(out),
            Phase::Listing | Phase::Claiming(..) => self.changed = true,
            _ => {}
        }
    }

    fn stop(&mut self, out: &mut Vec<Output<Told>>) {
        self.stopping = true;
        match core::mem::replace(&mut self.phase, Phase::New) {
            Phase::Idle => self.end(Told::Stopped, out),
            Phase::Taken(_) if mutated!(self, StopKeepsClaim) => self.end(Told::Stopped, out),
            Phase::Taken(name) if mutated!(self, StopFinishes) => self.finish(name, out),
            Phase::Taken(name) => self.release(name, out),
            phase => self.phase = phase,
        }
    }
}

impl Machine for Taker {
    type Told = Told;

    fn step(&mut self, input: Input, out: &mut Vec<Output<Told>>) {
        match (input, &self.phase) {
            (_, Phase::Over) => {}
            (Input::Start, Phase::New) if self.stopping => self.end(Told::Stopped, out),
            (Input::Start, Phase::New) => self.watch(out),
            (Input::Outcome(outcome), _) => self.take(outcome, out),
            (Input::Event { event, path }, _) => self.event(event, &path, out),
            (Input::Session(State::Over(end)), phase) if *phase != Phase::New => {
                self.end(Told::Failed(Refusal::Over(end)), out);
            }
            // Events of a time without a connection are not made up for.
            (Input::Session(State::Reconnected), Phase::Idle) => self.list(out),
            (Input::Session(State::Reconnected), Phase::Listing | Phase::Claiming(..)) => self.changed = true,
            (Input::Finished, Phase::Taken(name)) => {
                let name = name.clone();
                self.finish(name, out);
            }
            (Input::Stop, _) => self.stop(out),
            _ => {}
        }
    }
}

fn code(refusal: &Refusal) -> Option<ErrorCode> {
    if let Refusal::Server(code) = refusal { ErrorCode::from_i32(*code) } else { None }
}

/// Whether a znode is an item: `entry-`, and further on digits.
fn is_item(name: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    name.strip_prefix("entry-")
        .and_then(|rest| rest.split_once('-'))
        .is_some_and(|(a, b)| digits(a) && digits(b))
}
