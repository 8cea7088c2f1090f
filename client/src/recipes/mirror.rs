//! A copy of a subtree that follows the servers: what is below one znode, kept up to date by a persistent
//! recursive watch.
//!
//! Events say where something changed; the znode is read then. After a reconnect everything is compared,
//! because events of a time without a connection are not made up for. A znode that was deleted and created
//! again is another one: it is known by the transactions that created and changed it.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use quorate_core::ids::Zxid;
use quorate_core::wire::client::{
    AddWatchMode, AddWatchRequest, EventType, MultiResult, ReadOp, Request, Response, WatchRequest,
};
use quorate_core::wire::error_code::ErrorCode;
use quorate_core::wire::record::Stat;

use super::machine::{Input, Machine, Output};
use crate::mutation::{breakable, mutated};
use crate::session::{Outcome, Refusal, State};

/// How many znodes are read at once: a reply with as much data in each as servers take is not too long.
const BATCH: usize = 16;

/// What a copy's user is told.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Told {
    /// A znode is new or has other data.
    Set {
        /// The path.
        path: String,
        /// The data.
        data: Option<Bytes>,
        /// The Stat when it was read. Later creations below it do not change it here.
        stat: Stat,
    },
    /// A znode is gone.
    Removed(String),
    /// Everything that was there when the connection was made is told: first once, then after each reconnect.
    InSync,
    /// The connection is lost: the copy may be behind.
    Behind,
    /// The copy ends here.
    Failed(Refusal),
    /// The copy was stopped.
    Stopped,
}

/// Which znode of this path is known: the transactions that created and changed it.
type Version = (Zxid, Zxid);

/// A copy of a subtree, without the data: that is told.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Mirror {
    root: String,
    phase: Phase,
    known: BTreeMap<String, Version>,
    /// To be read: parents before their children.
    waiting: BTreeSet<String>,
    /// How many are read at once. After a lost reply, which may have been too long, it is half of that.
    batch: usize,
    /// What of the known ones this comparison has not met yet; `None`: nothing is compared.
    unmet: Option<BTreeSet<String>>,
    connected: bool,
    stopping: bool,
    #[cfg(feature = "mutants")]
    mutation: Option<crate::Mutation>,
}

breakable!(Mirror);

/// What is under way.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Phase {
    New,
    /// The watch is being set.
    Watching,
    /// Nothing is under way.
    Idle,
    /// Znodes are being read. Those for which an event has come meanwhile are read again.
    Reading(Vec<String>),
    /// Znodes are being read, as was asked for before the connection that everything is compared on now. The
    /// outcome may be older than the comparison, and counts for nothing.
    ReadingInVain,
    Over,
}

impl Mirror {
    /// A copy of a znode and everything below it, to be begun with [`Input::Start`].
    pub fn new(root: impl Into<String>) -> Self {
        Mirror {
            root: root.into(),
            phase: Phase::New,
            known: BTreeMap::new(),
            waiting: BTreeSet::new(),
            batch: BATCH,
            unmet: None,
            connected: true,
            stopping: false,
            #[cfg(feature = "mutants")]
            mutation: None,
        }
    }

    /// Whether nothing more is told.
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// The paths that are known.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.known.keys().map(String::as_str)
    }

    fn watch(&mut self, out: &mut Vec<Output<Told>>) {
        self.phase = Phase::Watching;
        let mode = AddWatchMode::PersistentRecursive;
        out.push(Output::Ask(Request::AddWatch(AddWatchRequest { path: self.root.clone(), mode })));
    }

    /// Compare everything, from the root on.
    fn compare(&mut self) {
        self.unmet = Some(self.known.keys().cloned().collect());
        self.waiting = [self.root.clone()].into();
    }

    /// Read what waits, or say that all is known.
    fn go_on(&mut self, out: &mut Vec<Output<Told>>) {
        self.phase = Phase::Idle;
        if self.stopping {
            self.phase = Phase::Over;
            out.push(Output::Tell(Told::Stopped));
        } else if !self.waiting.is_empty() {
            let next = core::iter::from_fn(|| self.waiting.pop_first());
            let batch: Vec<String> = next.take(self.batch).collect();
            let request = |path: &String| WatchRequest { path: path.clone(), watch: false };
            let both = |path| [ReadOp::GetData(request(path)), ReadOp::GetChildren(request(path))];
            out.push(Output::Ask(Request::MultiRead(batch.iter().flat_map(both).collect())));
            self.phase = Phase::Reading(batch);
            if mutated!(self, InSyncTooEarly) && self.unmet.take().is_some() {
                out.push(Output::Tell(Told::InSync));
            }
        } else if let (true, Some(unmet)) = (self.connected, self.unmet.take()) {
            for path in unmet {
                if !mutated!(self, GoneNotRemoved) {
                    self.remove(&path, out);
                }
            }
            out.push(Output::Tell(Told::InSync));
            if mutated!(self, ComparesForEver) {
                self.compare();
                self.go_on(out);
            }
        }
    }

    /// A znode and everything below it is gone.
    fn remove(&mut self, path: &str, out: &mut Vec<Output<Told>>) {
        let below = format!("{}/", path.trim_end_matches('/'));
        let gone = |known: &String| known == path || known.starts_with(&below);
        let mut paths: Vec<String> =
            self.known.range(below.clone()..).map(|(path, _)| path.clone()).take_while(gone).collect();
        paths.extend(self.known.contains_key(path).then(|| path.into()));
        // Children before their parents.
        paths.sort_unstable_by(|a, b| b.cmp(a));
        for path in paths {
            self.known.remove(&path);
            if let Some(unmet) = &mut self.unmet {
                unmet.remove(&path);
            }
            out.push(Output::Tell(Told::Removed(path)));
        }
    }

    fn read(&mut self, batch: Vec<String>, results: Vec<MultiResult>, out: &mut Vec<Output<Told>>) {
        let mut results = results.into_iter();
        for path in batch {
            let (data, children) = (results.next(), results.next());
            match data {
                Some(MultiResult::GetData { data, stat }) => {
                    if let Some(unmet) = &mut self.unmet {
                        unmet.remove(&path);
                    }
                    let mut version = (stat.czxid, stat.mzxid);
                    if mutated!(self, CacheComparesVersion) {
                        version = (Zxid::ZERO, Zxid(u64::from(stat.version.unsigned_abs())));
                    }
                    let known = self.known.insert(path.clone(), version);
                    if known != Some(version) || mutated!(self, CacheToldTwice) {
                        out.push(Output::Tell(Told::Set { path: path.clone(), data, stat }));
                    }
                }
                _ if mutated!(self, GoneEndsCopy) => {
                    return self.fail(Refusal::Server(ErrorCode::NoNode.to_i32()), out);
                }
                // It is gone, or may not be read.
                _ => {
                    self.remove(&path, out);
                    continue;
                }
            }
            if let Some(MultiResult::GetChildren(names)) = children {
                for name in names {
                    let child = format!("{}/{name}", path.trim_end_matches('/'));
                    // Those that are known are told of by events, unless everything is compared.
                    let is_met = !self.unmet.as_ref().is_some_and(|unmet| unmet.contains(&child));
                    if !self.known.contains_key(&child) || !is_met {
                        self.waiting.insert(child);
                    }
                }
            }
        }
    }

    fn take(&mut self, outcome: Outcome, out: &mut Vec<Output<Told>>) {
        let phase = core::mem::replace(&mut self.phase, Phase::Idle);
        match (phase, outcome) {
            (Phase::Over, _) => self.phase = Phase::Over,
            (_, Outcome::Refused(refusal @ Refusal::Over(_))) => self.fail(refusal, out),
            (Phase::Watching, Outcome::Refused(refusal)) => self.fail(refusal, out),
            (Phase::Watching, Outcome::Unknown) if !self.stopping => self.watch(out),
            (Phase::Watching, _) => {
                self.compare();
                self.go_on(out);
            }
            (Phase::Reading(batch), Outcome::Done(Response::Multi(results))) => {
                self.read(batch, results, out);
                if self.phase != Phase::Over {
                    self.go_on(out);
                }
            }
            (Phase::Reading(_), Outcome::Refused(refusal)) => self.fail(refusal, out),
            (Phase::Reading(batch), _) => {
                self.batch = (self.batch / 2).max(1);
                self.waiting.extend(batch);
                self.go_on(out);
            }
            // The comparison comes across them again.
            (Phase::ReadingInVain, _) => self.go_on(out),
            (phase @ (Phase::New | Phase::Idle), _) => self.phase = phase,
        }
    }

    fn fail(&mut self, refusal: Refusal, out: &mut Vec<Output<Told>>) {
        self.phase = Phase::Over;
        out.push(Output::Tell(Told::Failed(refusal)));
    }

    fn event(&mut self, event: EventType, path: String, out: &mut Vec<Output<Told>>) {
        match event {
            _ if mutated!(self, EventDuringReadDropped) && self.phase != Phase::Idle => {}
            EventType::NodeDeleted if mutated!(self, EventIsBelieved) => self.remove(&path, out),
            // It may be an old one: only what is read counts.
            EventType::NodeCreated | EventType::NodeDataChanged | EventType::NodeDeleted => {
                self.waiting.insert(path);
                if self.phase == Phase::Idle {
                    self.go_on(out);
                }
            }
            _ => {}
        }
    }
}

impl Machine for Mirror {
    type Told = Told;

    fn step(&mut self, input: Input, out: &mut Vec<Output<Told>>) {
        if self.phase == Phase::Over {
            return;
        }
        match input {
            Input::Start if self.phase == Phase::New => self.watch(out),
            Input::Start | Input::Finished => {}
            Input::Outcome(outcome) => self.take(outcome, out),
            Input::Event { event, path } => self.event(event, path, out),
            // An outcome that is there already may come after this.
            Input::Session(State::Over(end)) => self.fail(Refusal::Over(end), out),
            Input::Session(state) => {
                let connected = matches!(state, State::Connected | State::Reconnected | State::ReadOnly);
                let before = core::mem::replace(&mut self.connected, connected);
                let began = !matches!(self.phase, Phase::New | Phase::Watching);
                if before && !connected && began {
                    out.push(Output::Tell(Told::Behind));
                }
                if connected && !before && began && !mutated!(self, ReconnectNotCompared) {
                    self.compare();
                    match self.phase {
                        Phase::Idle => self.go_on(out),
                        Phase::Reading(_) if !mutated!(self, OldReadCounts) => {
                            self.phase = Phase::ReadingInVain;
                        }
                        _ => {}
                    }
                }
            }
            Input::Stop => {
                self.stopping = true;
                if matches!(self.phase, Phase::Idle | Phase::New) {
                    self.go_on(out);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
