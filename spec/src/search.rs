//! An own breadth-first search: the second opinion on stateright's counts, and the source of
//! shortest counterexamples.

use std::collections::{HashMap, VecDeque};
use std::fmt::Debug;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use stateright::{Checker, Model};

use crate::deep::{DeepLimits, DeepReport, depth_first};
use crate::explorer;
use crate::fall::{Fall, fall};
pub use crate::liveness::Progress;
use crate::properties::Invariant;
use crate::story::{self, NoSuchPath, Story, Teller};
use crate::transcript::Unwritable;

/// What a search needs to know of a model, apart from what stateright knows.
pub trait Subject: Model<State: Clone, Action: Clone + Debug> {
    /// A state's identity.
    fn key(&self, state: &Self::State) -> u64;
    /// The length of a packed state in bytes.
    fn packed_len(&self, state: &Self::State) -> usize;
    /// What is wrong with a state.
    fn broken(&self, state: &Self::State) -> Option<Broken>;
    /// Everything that is wrong with a state.
    fn all_broken(&self, state: &Self::State, all: &mut Vec<Broken>) {
        all.extend(self.broken(state));
    }
    /// The names of what is claimed of every state, each of which some broken rule must be able to break.
    fn claims(&self) -> Vec<&'static str> {
        Vec::new()
    }
    /// The names of the states that must be come across.
    fn reaches(&self) -> Vec<&'static str>;
    /// Whether this is the one of that name.
    fn reached(&self, name: &str, state: &Self::State) -> bool;
    /// Whether nothing more needs to happen.
    fn may_end(&self, state: &Self::State) -> bool;
    /// A state in words.
    fn show(&self, state: &Self::State) -> String;
    /// What the graph as a whole shows, if more is claimed than its states do.
    fn progress(&self) -> Option<Progress> {
        None
    }
    /// A state in words, line by line.
    fn rest(&self, state: &Self::State) -> Vec<String> {
        self.show(state).lines().map(|line| line.trim_start().to_owned()).collect()
    }
    /// What a finding means, in a sentence.
    fn says(&self, broken: &Broken) -> String {
        broken.says().to_owned()
    }
    /// An action that is possible in this state, in words.
    fn headline(&self, _: &Self::State, action: &Self::Action) -> String {
        self.format_action(action)
    }
    /// Who takes part in a story that begins here.
    fn teller(&self, state: &Self::State) -> Teller {
        Teller::new(Vec::new(), Vec::new(), self.rest(state))
    }
    /// Tell an action that is possible in this state.
    fn tell(&self, teller: &mut Teller, before: &Self::State, action: &Self::Action) {
        teller.step(self.headline(before, action));
    }
    /// A path as a transcript that [`crate::transcript::perform`] performs, if the model has such.
    fn transcript(&self, _title: &str, _path: &[usize]) -> Option<Result<String, Unwritable>> {
        None
    }
}

/// Any model, for those who do not need its type.
pub trait Searchable {
    /// [`breadth_first`].
    fn search(&self, limits: Limits, progress: &mut dyn FnMut(&Report)) -> Report;
    /// What stateright, searching depth first, finds broken, and how many states it counts.
    fn second_opinion(self: Box<Self>) -> (Vec<&'static str>, usize);
    /// What the graph as a whole shows, if more is claimed than its states do.
    fn progress(&self) -> Option<Progress>;
    /// [`fall`].
    fn fall(&self, beyond: usize) -> Fall;
    /// [`Subject::claims`].
    fn claims(&self) -> Vec<&'static str>;
    /// [`depth_first`].
    fn deep(&self, limits: DeepLimits, progress: &mut dyn FnMut(&DeepReport)) -> DeepReport;
    /// A path of the model, told.
    ///
    /// # Errors
    /// There is no such path.
    fn story(&self, path: &[usize]) -> Result<Story, NoSuchPath>;
    /// A path as a transcript, if the model has such.
    fn transcript(&self, title: &str, path: &[usize]) -> Option<Result<String, Unwritable>>;
    /// The names of what must be reachable.
    fn reaches(&self) -> Vec<&'static str>;
    /// The shortest way to what is reachable by this name, if there is one within this number of states.
    fn way_to(&self, name: &str, states: usize) -> Option<Vec<usize>>;
    /// Serve stateright's explorer, for ever.
    fn explore(self: Box<Self>, listen: &str);
}

impl<M> Searchable for M
where
    M: Subject + Send + Sync + 'static,
    M::State: Debug + Hash + PartialEq + Send + Sync + 'static,
    M::Action: Debug + PartialEq + Send + Sync + 'static,
{
    fn search(&self, limits: Limits, progress: &mut dyn FnMut(&Report)) -> Report {
        breadth_first(self, limits, progress)
    }

    fn second_opinion(self: Box<Self>) -> (Vec<&'static str>, usize) {
        let checker = (*self).checker().spawn_dfs().join();
        (checker.discoveries().into_keys().collect(), checker.unique_state_count())
    }

    fn progress(&self) -> Option<Progress> {
        Subject::progress(self)
    }

    fn fall(&self, beyond: usize) -> Fall {
        fall(self, beyond)
    }

    fn claims(&self) -> Vec<&'static str> {
        Subject::claims(self)
    }

    fn deep(&self, limits: DeepLimits, progress: &mut dyn FnMut(&DeepReport)) -> DeepReport {
        depth_first(self, limits, progress)
    }

    fn story(&self, path: &[usize]) -> Result<Story, NoSuchPath> {
        story::tell(self, path)
    }

    fn transcript(&self, title: &str, path: &[usize]) -> Option<Result<String, Unwritable>> {
        Subject::transcript(self, title, path)
    }

    fn reaches(&self) -> Vec<&'static str> {
        Subject::reaches(self)
    }

    fn way_to(&self, name: &str, states: usize) -> Option<Vec<usize>> {
        story::way_to(self, states, |state| self.reached(name, state))
    }

    fn explore(self: Box<Self>, listen: &str) {
        explorer::serve(*self, listen);
    }
}

/// What a search found.
#[derive(Debug)]
pub struct Report {
    /// Different states.
    pub unique: usize,
    /// Transitions taken.
    pub generated: usize,
    /// Length of the longest shortest path.
    pub depth: usize,
    /// States in which nothing can happen.
    pub terminal: usize,
    /// States that wait to be visited.
    pub frontier: usize,
    /// Whether every state was visited: nothing was cut, and nothing broken ended the search.
    pub exhausted: bool,
    /// The shortest way to break something.
    pub violation: Option<Violation>,
    /// Reachability claims that no state met.
    pub unreached: Vec<&'static str>,
    /// Wall time.
    pub time: Duration,
    /// Mean length of a packed state in bytes.
    pub packed: usize,
}

/// A broken property and the shortest way there.
#[derive(Debug)]
pub struct Violation {
    /// What is broken.
    pub broken: Broken,
    /// From an initial state, in words.
    pub path: Vec<String>,
    /// The states on it, in words, the initial one first. A step that ends in an assertion has none.
    pub states: Vec<String>,
    /// The path as numbers: of the initial state, then of each action among those that are possible.
    pub indices: Vec<usize>,
}

/// What a search can find wrong.
#[derive(Clone, Copy, Debug)]
pub enum Broken {
    /// A property does not hold.
    Invariant(&'static Invariant),
    /// A claim of a model that is no ensemble does not hold.
    Claim(&'static str),
    /// Nothing can happen any more, and it should.
    Terminal,
    /// Core's own assertions stopped the last step.
    Assertion,
}

impl Broken {
    /// The broken property's name.
    pub fn name(&self) -> &'static str {
        match self {
            Broken::Invariant(invariant) => invariant.name,
            Broken::Claim(name) => name,
            Broken::Terminal => "Terminal",
            Broken::Assertion => "Assertion",
        }
    }

    /// What it means, in a sentence.
    pub fn says(&self) -> &'static str {
        match self {
            Broken::Invariant(invariant) => invariant.claim,
            Broken::Claim(_) => "a claim of the model",
            Broken::Terminal => "nothing can happen any more, and it should",
            Broken::Assertion => "core's own assertions stop the last step",
        }
    }
}

/// How far to search.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// Stop (not exhausted) after this many unique states.
    pub states: Option<usize>,
    /// Note the first violation and go on, as a model that is expected to have one needs.
    pub past_violation: bool,
}

/// Takes a fingerprint for its own hash.
#[derive(Default)]
pub(crate) struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are fingerprints")
    }
    fn write_u64(&mut self, n: u64) {
        self.0 = n;
    }
}

type Visited = HashMap<u64, u64, BuildHasherDefault<Identity>>;

/// Visit every state, in order of distance, until something breaks.
pub fn breadth_first<M: Subject>(model: &M, limits: Limits, mut progress: impl FnMut(&Report)) -> Report {
    let started = Instant::now();
    let mut report = Report {
        unique: 0,
        generated: 0,
        depth: 0,
        terminal: 0,
        frontier: 0,
        exhausted: false,
        violation: None,
        unreached: model.reaches(),
        time: Duration::ZERO,
        packed: 0,
    };
    let mut parents = Visited::default();
    let mut frontier: VecDeque<(M::State, u64, usize)> = VecDeque::new();
    for state in model.init_states() {
        let k = model.key(&state);
        if parents.insert(k, k).is_none() {
            frontier.push_back((state, k, 0));
        }
    }
    let mut actions = Vec::new();
    let mut packed_total = 0;
    let mut stopped = false;
    'search: while let Some((state, k, depth)) = frontier.pop_front() {
        report.unique += 1;
        report.depth = depth;
        if report.unique % 64 == 1 {
            packed_total += model.packed_len(&state);
        }
        report.unreached.retain(|name| !model.reached(name, &state));
        actions.clear();
        model.actions(&state, &mut actions);
        let mut broken = model.broken(&state);
        if actions.is_empty() {
            report.terminal += 1;
            if broken.is_none() && !model.may_end(&state) {
                broken = Some(Broken::Terminal);
            }
        }
        if let (Some(broken), None) = (broken, &report.violation) {
            report.violation = Some(violation(model, &parents, k, broken, None));
            if !limits.past_violation {
                stopped = true;
                break;
            }
        }
        if limits.states.is_some_and(|limit| report.unique >= limit) {
            stopped = true;
            break;
        }
        for (index, action) in actions.iter().enumerate() {
            let step = || model.next_state(&state, action.clone()).expect("only what is possible is offered");
            let Ok(next) = catch_unwind(AssertUnwindSafe(step)) else {
                report.violation =
                    Some(violation(model, &parents, k, Broken::Assertion, Some((index, action))));
                stopped = true;
                break 'search;
            };
            report.generated += 1;
            let next_key = model.key(&next);
            if let std::collections::hash_map::Entry::Vacant(slot) = parents.entry(next_key) {
                slot.insert(k);
                frontier.push_back((next, next_key, depth + 1));
            }
        }
        if report.unique.is_multiple_of(1 << 17) {
            report.time = started.elapsed();
            report.frontier = frontier.len();
            progress(&report);
        }
    }
    report.time = started.elapsed();
    report.packed = packed_total / report.unique.div_ceil(64).max(1);
    report.exhausted = !stopped;
    report
}

/// The way to a state, found again by replaying from fingerprint to fingerprint.
fn violation<M: Subject>(
    model: &M,
    parents: &Visited,
    mut k: u64,
    broken: Broken,
    last: Option<(usize, &M::Action)>,
) -> Violation {
    let mut keys = vec![k];
    while parents[&k] != k {
        k = parents[&k];
        keys.push(k);
    }
    keys.reverse();
    let mut init = model.init_states().into_iter().enumerate();
    let (first, mut state) =
        init.find(|(_, s)| model.key(s) == keys[0]).expect("a path begins at the beginning");
    let mut indices = vec![first];
    let (mut path, mut states) = (Vec::new(), vec![model.show(&state)]);
    for target in &keys[1..] {
        let mut possible = Vec::new();
        model.actions(&state, &mut possible);
        let after = |a: &M::Action| {
            catch_unwind(AssertUnwindSafe(|| model.next_state(&state, a.clone()))).ok().flatten()
        };
        let leads_on = |(i, a): (usize, M::Action)| {
            after(&a).filter(|next| model.key(next) == *target).map(|s| (i, a, s))
        };
        let found = possible.into_iter().enumerate().find_map(leads_on);
        let (index, action, next) = found.expect("a step of the search");
        state = next;
        indices.push(index);
        path.push(model.format_action(&action));
        states.push(model.show(&state));
    }
    path.extend(last.map(|(_, action)| model.format_action(action)));
    indices.extend(last.map(|(index, _)| index));
    Violation { broken, path, states, indices }
}
