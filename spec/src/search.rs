//! An own breadth-first search: the second opinion on stateright's counts, and the source of
//! shortest counterexamples.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::models::Ensemble;
use crate::properties::Invariant;
use crate::world::{Action, World};

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
    /// Whether every state was visited: nothing was cut and nothing was broken.
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
    /// From an initial state.
    pub path: Vec<Action>,
    /// Which initial state.
    pub init: usize,
}

/// What a search can find wrong.
#[derive(Clone, Copy, Debug)]
pub enum Broken {
    /// A property does not hold.
    Invariant(&'static Invariant),
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
            Broken::Terminal => "Terminal",
            Broken::Assertion => "Assertion",
        }
    }
}

/// How far to search.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// Stop (not exhausted) after this many unique states.
    pub states: Option<usize>,
}

#[derive(Default)]
struct Identity(u64);

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
pub fn breadth_first(model: &Ensemble, limits: Limits, mut progress: impl FnMut(&Report)) -> Report {
    let started = Instant::now();
    let key = World::fingerprint;
    let mut report = Report {
        unique: 0,
        generated: 0,
        depth: 0,
        terminal: 0,
        exhausted: false,
        violation: None,
        unreached: model.sometimes.iter().map(|r| r.name).collect(),
        time: Duration::ZERO,
        packed: 0,
    };
    let mut parents = Visited::default();
    let mut frontier: VecDeque<(World, u64, usize)> = VecDeque::new();
    for world in &model.init {
        let k = key(world);
        if parents.insert(k, k).is_none() {
            frontier.push_back((world.clone(), k, 0));
        }
    }
    let mut actions = Vec::new();
    let mut packed_total = 0;
    'search: while let Some((world, k, depth)) = frontier.pop_front() {
        report.unique += 1;
        report.depth = depth;
        if report.unique % 64 == 1 {
            packed_total += world.packed_len();
        }
        if !report.unreached.is_empty() {
            let reached =
                |name: &&str| model.sometimes.iter().any(|r| r.name == *name && (r.reached)(&world));
            report.unreached.retain(|name| !reached(name));
        }
        actions.clear();
        world.actions(&mut actions);
        let mut broken = model.broken(&world).map(Broken::Invariant);
        if actions.is_empty() {
            report.terminal += 1;
            if broken.is_none() && !(model.terminal)(&world) {
                broken = Some(Broken::Terminal);
            }
        }
        if let Some(broken) = broken {
            let (init, path) = path(model, &parents, k, &key);
            report.violation = Some(Violation { broken, path, init });
            break;
        }
        if limits.states.is_some_and(|limit| report.unique >= limit) {
            break;
        }
        for action in &actions {
            let Ok(next) = catch_unwind(AssertUnwindSafe(|| world.next(action))) else {
                let (init, mut path) = path(model, &parents, k, &key);
                path.push(action.clone());
                report.violation = Some(Violation { broken: Broken::Assertion, path, init });
                break 'search;
            };
            report.generated += 1;
            let next_key = key(&next);
            if let std::collections::hash_map::Entry::Vacant(slot) = parents.entry(next_key) {
                slot.insert(k);
                frontier.push_back((next, next_key, depth + 1));
            }
        }
        if report.unique.is_multiple_of(1 << 17) {
            report.time = started.elapsed();
            progress(&report);
        }
    }
    report.time = started.elapsed();
    report.packed = packed_total / report.unique.div_ceil(64).max(1);
    report.exhausted = report.violation.is_none() && frontier.is_empty();
    report
}

/// The actions that lead to a state, found again by replaying from fingerprint to fingerprint.
fn path(
    model: &Ensemble,
    parents: &Visited,
    mut k: u64,
    key: &impl Fn(&World) -> u64,
) -> (usize, Vec<Action>) {
    let mut keys = vec![k];
    while parents[&k] != k {
        k = parents[&k];
        keys.push(k);
    }
    keys.reverse();
    let init = model.init.iter().position(|w| key(w) == keys[0]).expect("a path begins at the beginning");
    let mut world = model.init[init].clone();
    let mut actions = Vec::new();
    for target in &keys[1..] {
        let mut possible = Vec::new();
        world.actions(&mut possible);
        let leads_on = |a: &Action| {
            catch_unwind(AssertUnwindSafe(|| world.next(a))).is_ok_and(|next| key(&next) == *target)
        };
        let action = possible.into_iter().find(leads_on).expect("a step of the search");
        world = world.next(&action);
        actions.push(action);
    }
    (init, actions)
}
