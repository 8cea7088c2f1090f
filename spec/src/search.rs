//! An own breadth-first search: the second opinion on stateright's counts, and the source of
//! shortest counterexamples.

use std::collections::{HashMap, VecDeque};
use std::fmt::Debug;
use std::hash::{BuildHasherDefault, Hash};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use stateright::Checker;

use crate::deep::{DeepLimits, DeepReport, depth_first};
use crate::fall::{Fall, fall};
pub(crate) use crate::identity::Identity;
pub use crate::liveness::Progress;
use crate::story::teller::{NoSuchPath, Story};
pub use crate::subject::{Broken, Subject};
use crate::transcript::unwritable::Unwritable;
use crate::{explorer, story};

/// Any model, for code that does not need its type.
pub trait Searchable {
    /// Search the model with [`breadth_first`].
    fn search(&self, limits: Limits, progress: &mut dyn FnMut(&Report)) -> Report;
    /// What stateright, searching depth first, finds broken, and how many states it counts.
    fn second_opinion(self: Box<Self>) -> (Vec<&'static str>, usize);
    /// What the graph as a whole shows, if more is claimed than its states do.
    fn progress(&self) -> Option<Progress>;
    /// See which properties fall, with [`fall`].
    fn fall(&self, beyond: usize) -> Fall;
    /// The names of [`Subject::claims`].
    fn claims(&self) -> Vec<&'static str>;
    /// Search the model with [`depth_first`].
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

/// How far to search.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// Stop (not exhausted) after this many unique states.
    pub states: Option<usize>,
    /// Note the first violation and go on, as a model that is expected to have one needs.
    pub past_violation: bool,
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
