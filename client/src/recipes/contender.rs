//! A contender for something that only one can hold: a lock, or leadership.
//!
//! Every contender creates an ephemeral znode with a number. The lowest number holds. Each of the others
//! watches the one in front of it alone, so that an end wakes one contender and no herd. Contenders that can
//! share hold together, up to the first one that cannot. So readers wait for the last writer in front of
//! them. The layout is Curator's: `DIRECTORY/_c_MARK-lock-NUMBER`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use quorate_core::ids::Zxid;
use quorate_core::tree::path;
use quorate_core::wire::client::{
    CreateMode, CreateRequest, DeleteRequest, EventType, Request, Response, WatchRequest,
};
use quorate_core::wire::error_code::ErrorCode;
use quorate_core::wire::record::Acl;

use super::machine::{Input, Machine, Output};
use crate::mutation::{breakable, mutated};
use crate::session::{Outcome, Refusal, State};

/// What is held grows with every holder: the transaction that created the holder's znode.
///
/// A contender that came later has a greater token, and holds later.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Token(pub Zxid);

/// What a contender contends for, and as what.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Terms {
    /// The directory of the contenders.
    pub directory: String,
    /// What stands in front of the number: `lock-`, or `latch-`.
    pub infix: &'static str,
    /// What stands in front of the number of other programs' contenders that count too.
    pub others: &'static [&'static str],
    /// What stands in front of the number of contenders with which this one can hold together.
    pub sharing: &'static [&'static str],
    /// A mark that no other contender has, not even an earlier one of this program.
    pub mark: String,
    /// What the znode says of its contender.
    pub data: Bytes,
}

/// What readers are called, by Curator and by kazoo.
const READERS: [&str; 2] = ["__READ__", "__rlock__"];

impl Terms {
    /// A lock that one contender holds alone. Contenders of kazoo's `Lock` count too.
    pub fn lock(directory: String, mark: String, data: Bytes) -> Self {
        Terms { directory, infix: "lock-", others: &["__lock__"], sharing: &[], mark, data }
    }

    /// A lock that readers share: this one writes, and holds alone. Contenders of Curator's
    /// `InterProcessReadWriteLock` and of kazoo's `WriteLock` and `ReadLock` count too.
    pub fn exclusive(directory: String, mark: String, data: Bytes) -> Self {
        let others = &["__READ__", "__lock__", "__rlock__"];
        Terms { directory, infix: "__WRIT__", others, sharing: &[], mark, data }
    }

    /// A lock that readers share: this one reads.
    pub fn shared(directory: String, mark: String, data: Bytes) -> Self {
        let others = &["__WRIT__", "__lock__", "__rlock__"];
        Terms { directory, infix: READERS[0], others, sharing: &READERS, mark, data }
    }

    /// Leadership. The layout is that of Curator's `LeaderLatch`.
    pub fn latch(directory: String, mark: String, data: Bytes) -> Self {
        Terms { directory, infix: "latch-", others: &[], sharing: &[], mark, data }
    }
}

/// What a contender's user is told.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Told {
    /// The contender holds.
    Held(Token),
    /// The contender may not hold any more.
    Lost,
    /// The contender is over, and nothing is left behind.
    Stopped,
    /// The contender cannot go on. A znode that it has created goes with the session at the latest.
    Failed(Refusal),
}

/// A contender, from its first call to its end.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Contender {
    terms: Terms,
    phase: Phase,
    /// Whether nothing more is wanted than to leave nothing behind.
    stopping: bool,
    /// Whether the session has a connection.
    connected: bool,
    #[cfg(feature = "mutants")]
    mutation: Option<crate::Mutation>,
}

breakable!(Contender);

/// Which outcome, or which event, is awaited.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Phase {
    New,
    /// The znode is being created.
    Creating,
    /// The directory is being created; the names above it are still to come, the next one last.
    Preparing(Vec<String>),
    /// Whether the znode was created is not known: first the server catches up.
    CatchingUp,
    /// Then the mark is searched for.
    Searching,
    /// The contenders are being listed.
    Listing {
        own: String,
    },
    /// The one in front is being watched.
    Watching {
        own: String,
        ahead: String,
    },
    /// The one in front is in front.
    Waiting {
        own: String,
        ahead: String,
    },
    /// Being the first: the own znode is being looked at, and watched.
    Confirming {
        own: String,
    },
    Held {
        own: String,
    },
    /// Holding, and looking at the own znode again.
    Checking {
        own: String,
    },
    /// Holding no more: the own znode is deleted after the next outcome.
    Leaving {
        own: String,
    },
    /// The own znode is being deleted.
    Deleting {
        own: String,
    },
    Over,
}

impl Contender {
    /// A contender that is begun by [`Input::Start`].
    pub fn new(terms: Terms) -> Self {
        Contender {
            terms,
            phase: Phase::New,
            stopping: false,
            connected: true,
            #[cfg(feature = "mutants")]
            mutation: None,
        }
    }

    /// Whether it holds.
    pub fn holds(&self) -> bool {
        matches!(self.phase, Phase::Held { .. } | Phase::Checking { .. })
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    fn below(&self, name: &str) -> String {
        format!("{}/{name}", self.terms.directory.trim_end_matches('/'))
    }

    fn create(&mut self, out: &mut Vec<Output<Told>>) {
        self.phase = Phase::Creating;
        let path = self.below(&format!("_c_{}-{}", self.terms.mark, self.terms.infix));
        let (data, acl) = (Some(self.terms.data.clone()), [Acl::open()].into());
        let flags = CreateMode::EphemeralSequential.to_i32();
        out.push(Output::Ask(Request::Create2(CreateRequest { path, data, acl, flags })));
    }

    /// Create what is above the contenders: as containers, which go when they are not used.
    fn prepare(&mut self, missing: Vec<String>, out: &mut Vec<Output<Told>>) {
        let Some(path) = missing.last().cloned() else { return self.create(out) };
        if self.stopping {
            return self.stop(out);
        }
        self.phase = Phase::Preparing(missing);
        let flags = CreateMode::Container.to_i32();
        let request = CreateRequest { path, data: Some(Bytes::new()), acl: [Acl::open()].into(), flags };
        out.push(Output::Ask(Request::CreateContainer(request)));
    }

    fn list(&mut self, own: String, out: &mut Vec<Output<Told>>) {
        if self.stopping {
            return self.delete(own, out);
        }
        self.phase = Phase::Listing { own };
        out.push(Output::Ask(self.children()));
    }

    fn children(&self) -> Request {
        Request::GetChildren(WatchRequest { path: self.terms.directory.clone(), watch: false })
    }

    fn watch(&mut self, own: String, ahead: String, out: &mut Vec<Output<Told>>) {
        // A watch of getData is set only where the znode is: none is left behind on one that is gone.
        out.push(Output::Ask(Request::GetData(WatchRequest { path: ahead.clone(), watch: true })));
        self.phase = Phase::Watching { own, ahead };
    }

    fn delete(&mut self, own: String, out: &mut Vec<Output<Told>>) {
        out.push(Output::Ask(Request::Delete(DeleteRequest { path: own.clone(), version: -1 })));
        self.phase = Phase::Deleting { own };
    }

    fn search(&mut self, out: &mut Vec<Output<Told>>) {
        // What the old connection's server has passed on is in front of this, or refused as of a session that
        // has moved.
        self.phase = Phase::CatchingUp;
        out.push(Output::Ask(Request::Sync(Some(self.terms.directory.clone()))));
    }

    fn stop(&mut self, out: &mut Vec<Output<Told>>) {
        self.phase = Phase::Over;
        out.push(Output::Tell(Told::Stopped));
    }

    fn fail(&mut self, refusal: Refusal, out: &mut Vec<Output<Told>>) {
        if self.holds() {
            out.push(Output::Tell(Told::Lost));
        }
        self.phase = Phase::Over;
        out.push(Output::Tell(Told::Failed(refusal)));
    }

    /// The outcome of what was asked for last.
    fn take(&mut self, outcome: Outcome, out: &mut Vec<Output<Told>>) {
        if self.is_over() {
            return;
        }
        if let Outcome::Refused(refusal @ Refusal::Over(_)) = outcome {
            return self.fail(refusal, out);
        }
        let phase = core::mem::replace(&mut self.phase, Phase::New);
        match phase {
            Phase::Checking { own } => self.checked(own, outcome, out),
            Phase::Leaving { own } => self.delete(own, out),
            Phase::Creating => self.created(outcome, out),
            Phase::Preparing(missing) => self.prepared(missing, outcome, out),
            Phase::CatchingUp => match outcome {
                Outcome::Done(_) => {
                    self.phase = Phase::Searching;
                    out.push(Output::Ask(self.children()));
                }
                Outcome::Unknown => self.search(out),
                Outcome::Refused(refusal) => self.fail(refusal, out),
            },
            Phase::Searching => self.searched(outcome, out),
            Phase::Listing { own } => self.listed(own, outcome, out),
            Phase::Watching { own, ahead } => self.watched(own, ahead, outcome, out),
            Phase::Confirming { own } => self.confirmed(own, outcome, out),
            Phase::Deleting { own } => match outcome {
                Outcome::Unknown if mutated!(self, LossLeavesZnode) => self.stop(out),
                Outcome::Unknown => self.delete(own, out),
                Outcome::Refused(refusal) if !is(&refusal, ErrorCode::NoNode) => self.fail(refusal, out),
                _ => self.stop(out),
            },
            // None was asked for.
            phase @ (Phase::New | Phase::Waiting { .. } | Phase::Held { .. } | Phase::Over) => {
                self.phase = phase
            }
        }
    }

    fn created(&mut self, outcome: Outcome, out: &mut Vec<Output<Told>>) {
        match outcome {
            Outcome::Done(Response::PathStat(own, _)) => self.list(own, out),
            Outcome::Refused(refusal)
                if is(&refusal, ErrorCode::NoNode) && !mutated!(self, MissingDirectoryFails) =>
            {
                self.prepare([self.terms.directory.clone()].into(), out);
            }
            Outcome::Refused(refusal) => self.fail(refusal, out),
            Outcome::Unknown if mutated!(self, UnknownCreationRepeated) && !self.stopping => self.create(out),
            Outcome::Unknown | Outcome::Done(_) => self.search(out),
        }
    }

    fn prepared(&mut self, mut missing: Vec<String>, outcome: Outcome, out: &mut Vec<Output<Told>>) {
        match outcome {
            Outcome::Refused(refusal) if is(&refusal, ErrorCode::NoNode) => {
                let above =
                    missing.last().and_then(|path| path::parent(path)).filter(|above| *above != path::ROOT);
                match above.map(String::from) {
                    Some(above) => missing.push(above),
                    None => return self.fail(refusal, out),
                }
            }
            Outcome::Refused(refusal) if !is(&refusal, ErrorCode::NodeExists) => {
                return self.fail(refusal, out);
            }
            Outcome::Unknown => {}
            _ => drop(missing.pop()),
        }
        self.prepare(missing, out);
    }

    /// The mark was searched for. If a creation was carried out twice, the second one is left to the session.
    fn searched(&mut self, outcome: Outcome, out: &mut Vec<Output<Told>>) {
        match outcome {
            Outcome::Done(Response::Children(names)) => {
                let mark = format!("_c_{}-", self.terms.mark);
                let own = names.iter().filter(|name| name.starts_with(&mark)).min();
                match own.map(|own| self.below(own)) {
                    Some(own) => self.list(own, out),
                    None if self.stopping => self.stop(out),
                    None => self.create(out),
                }
            }
            // The directory was deleted meanwhile, and so it was not created.
            Outcome::Refused(refusal)
                if is(&refusal, ErrorCode::NoNode) && !mutated!(self, SearchNeedsDirectory) =>
            {
                if self.stopping { self.stop(out) } else { self.create(out) }
            }
            Outcome::Refused(refusal) => self.fail(refusal, out),
            Outcome::Unknown | Outcome::Done(_) => self.search(out),
        }
    }

    fn listed(&mut self, own: String, outcome: Outcome, out: &mut Vec<Output<Told>>) {
        let names = match outcome {
            _ if self.stopping => return self.delete(own, out),
            Outcome::Done(Response::Children(names)) => names,
            Outcome::Refused(refusal) => return self.fail(refusal, out),
            Outcome::Unknown | Outcome::Done(_) => return self.list(own, out),
        };
        let infixes = || core::iter::once(&self.terms.infix).chain(self.terms.others);
        let number = |name: &str| infixes().find_map(|infix| number(name, infix));
        let mut contenders: Vec<(i64, &str)> =
            names.iter().filter_map(|name| Some((number(name)?, name.as_str()))).collect();
        if mutated!(self, ForeignZnodesCount) {
            contenders = names.iter().map(|name| (number(name).unwrap_or(0), name.as_str())).collect();
        }
        contenders.sort_unstable();
        if mutated!(self, OrderByName) {
            contenders.sort_unstable_by_key(|(_, name)| *name);
        }
        let name = own.rsplit('/').next().unwrap_or_default();
        match contenders.iter().position(|(_, contender)| *contender == name) {
            // An operator has deleted it.
            None => self.fail(Refusal::Server(ErrorCode::NoNode.to_i32()), out),
            Some(at) => {
                let blocks = |contender: &&(i64, &str)| !self.shares_with(contender.1);
                let ahead = if mutated!(self, WaitsForFirst) {
                    contenders[..at].iter().find(blocks)
                } else {
                    contenders[..at].iter().rfind(blocks)
                };
                match ahead.map(|(_, ahead)| self.below(ahead)) {
                    Some(ahead) => self.watch(own, ahead, out),
                    None => self.confirm(own, out),
                }
            }
        }
    }

    /// Whether it does not matter that this contender is in front.
    fn shares_with(&self, name: &str) -> bool {
        if mutated!(self, SharersWait) {
            return false;
        }
        let sharing = self.terms.sharing.iter().any(|infix| number(name, infix).is_some());
        sharing || mutated!(self, ReadersPassWriters) && !self.terms.sharing.is_empty()
    }

    /// Being the first: look at the own znode, and watch it.
    fn confirm(&mut self, own: String, out: &mut Vec<Output<Told>>) {
        let watch = !mutated!(self, OwnZnodeNotWatched);
        out.push(Output::Ask(Request::Exists(WatchRequest { path: own.clone(), watch })));
        self.phase = Phase::Confirming { own };
    }

    fn watched(&mut self, own: String, ahead: String, outcome: Outcome, out: &mut Vec<Output<Told>>) {
        match outcome {
            _ if self.stopping => self.delete(own, out),
            Outcome::Done(_) => self.phase = Phase::Waiting { own, ahead },
            Outcome::Refused(_) if mutated!(self, GoneIsWaitedFor) => {
                self.phase = Phase::Waiting { own, ahead }
            }
            Outcome::Refused(refusal) if is(&refusal, ErrorCode::NoNode) => self.list(own, out),
            Outcome::Refused(refusal) => self.fail(refusal, out),
            Outcome::Unknown => self.watch(own, ahead, out),
        }
    }

    fn confirmed(&mut self, own: String, outcome: Outcome, out: &mut Vec<Output<Told>>) {
        match outcome {
            _ if self.stopping => self.delete(own, out),
            // The connection may be lost already: then it is not said to hold.
            Outcome::Done(Response::Stat(stat)) if self.connected || mutated!(self, HeldThoughSuspended) => {
                let number =
                    mutated!(self, TokenFromNumber).then(|| number(&own, self.terms.infix)).flatten();
                self.phase = Phase::Held { own };
                let token = if mutated!(self, TokenFromChange) { stat.mzxid } else { stat.czxid };
                let token = number.map_or(token, |number| Zxid(number.unsigned_abs()));
                out.push(Output::Tell(Told::Held(Token(token))));
            }
            Outcome::Refused(refusal) => self.fail(refusal, out),
            Outcome::Unknown | Outcome::Done(_) => self.list(own, out),
        }
    }

    fn checked(&mut self, own: String, outcome: Outcome, out: &mut Vec<Output<Told>>) {
        match outcome {
            Outcome::Done(_) if !self.stopping => self.phase = Phase::Held { own },
            Outcome::Done(_) => {
                out.push(Output::Tell(Told::Lost));
                self.delete(own, out);
            }
            Outcome::Refused(refusal) => {
                out.push(Output::Tell(Told::Lost));
                self.fail(refusal, out);
            }
            // The connection was lost, and so is what was held.
            Outcome::Unknown => {
                out.push(Output::Tell(Told::Lost));
                self.delete(own, out);
            }
        }
    }

    fn event(&mut self, event: EventType, path: &str, out: &mut Vec<Output<Told>>) {
        let phase = core::mem::replace(&mut self.phase, Phase::New);
        match phase {
            Phase::Waiting { own, ahead } if path == ahead => {
                if event == EventType::NodeDeleted && mutated!(self, EventIsEnough) {
                    self.confirm(own, out)
                } else if event == EventType::NodeDeleted {
                    self.list(own, out)
                } else {
                    self.watch(own, ahead, out)
                }
            }
            Phase::Held { own } if path == own => {
                if event == EventType::NodeDeleted {
                    out.push(Output::Tell(Told::Lost));
                    self.stop(out);
                } else {
                    // Its data was changed, and the watch is used up.
                    out.push(Output::Ask(Request::Exists(WatchRequest { path: own.clone(), watch: true })));
                    self.phase = Phase::Checking { own };
                }
            }
            // An event of an earlier registration.
            phase => self.phase = phase,
        }
    }
}

impl Machine for Contender {
    type Told = Told;

    fn step(&mut self, input: Input, out: &mut Vec<Output<Told>>) {
        match input {
            Input::Start if self.phase == Phase::New => {
                if self.stopping {
                    self.stop(out)
                } else {
                    self.create(out)
                }
            }
            Input::Start | Input::Finished => {}
            Input::Outcome(outcome) => self.take(outcome, out),
            Input::Event { event, path } => self.event(event, &path, out),
            Input::Session(state) => {
                self.connected = matches!(state, State::Connected | State::Reconnected);
                match (state, &self.phase) {
                    (_, Phase::Over | Phase::New) => {}
                    // An outcome that is there already may come after this.
                    (State::Over(end), _) => self.fail(Refusal::Over(end), out),
                    (State::Suspended, _) if mutated!(self, LossKeepsLock) => {}
                    // Whether the session lives cannot be known now.
                    (State::Suspended | State::ReadOnly, Phase::Checking { own }) => {
                        let own = own.clone();
                        out.push(Output::Tell(Told::Lost));
                        self.phase = Phase::Leaving { own };
                    }
                    (State::Suspended | State::ReadOnly, Phase::Held { own }) => {
                        let own = own.clone();
                        out.push(Output::Tell(Told::Lost));
                        self.delete(own, out);
                    }
                    _ => {}
                }
            }
            Input::Stop => {
                self.stopping = true;
                match &self.phase {
                    Phase::Waiting { .. } if mutated!(self, StopWhileWaitingIgnored) => {}
                    Phase::Waiting { own, .. } | Phase::Held { own } => {
                        let own = own.clone();
                        self.delete(own, out);
                    }
                    Phase::Creating if mutated!(self, StopWhileCreatingForgets) => self.stop(out),
                    // Every other phase awaits an outcome, and stops then.
                    _ => {}
                }
            }
        }
    }
}

fn is(refusal: &Refusal, code: ErrorCode) -> bool {
    *refusal == Refusal::Server(code.to_i32())
}

/// The number of a contender; `None` for a znode that is none.
fn number(name: &str, infix: &str) -> Option<i64> {
    let (_, number) = name.rsplit_once(infix)?;
    let digits = number.strip_prefix('-').unwrap_or(number);
    if number.len() < 10 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    number.parse().ok()
}

#[cfg(test)]
mod tests;
