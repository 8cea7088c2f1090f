//! Everything that breaks in a model, and how early: a search that goes on past the first violation.

use std::collections::{HashSet, VecDeque};
use std::hash::BuildHasherDefault;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::identity::Identity;
use crate::subject::{Broken, Subject};

/// Which properties a broken rule makes fall.
#[derive(Debug)]
pub struct Fall {
    /// Every property that fell and the length of its shortest counterexample, in the order they
    /// were met. The first is the death.
    pub fallen: Vec<(&'static str, usize)>,
    /// Reachability claims that no state met; known only if nothing fell and everything was visited.
    pub unreached: Vec<&'static str>,
    /// Different states visited.
    pub unique: usize,
    /// Wall time.
    pub time: Duration,
}

/// Visit states in order of distance until something breaks, then for `beyond` more steps.
///
/// Every step whose state the search evaluates is a shortest one. What is broken is not left out of
/// the way to something else.
pub fn fall<M: Subject>(model: &M, beyond: usize) -> Fall {
    let started = Instant::now();
    let mut seen: HashSet<u64, BuildHasherDefault<Identity>> = HashSet::default();
    let mut frontier: VecDeque<(M::State, usize)> = VecDeque::new();
    for state in model.init_states() {
        if seen.insert(model.key(&state)) {
            frontier.push_back((state, 0));
        }
    }
    let mut fall = Fall { fallen: Vec::new(), unreached: model.reaches(), unique: 0, time: Duration::ZERO };
    let mut last = usize::MAX;
    let (mut actions, mut broken) = (Vec::new(), Vec::new());
    while let Some((state, depth)) = frontier.pop_front() {
        if depth > last {
            break;
        }
        fall.unique += 1;
        fall.unreached.retain(|name| !model.reached(name, &state));
        actions.clear();
        model.actions(&state, &mut actions);
        broken.clear();
        model.all_broken(&state, &mut broken);
        if actions.is_empty() && broken.is_empty() && !model.may_end(&state) {
            broken.push(Broken::Terminal);
        }
        broken.iter().for_each(|what| fall.note(what, depth));
        for action in actions.drain(..) {
            last = fall.fallen.iter().map(|(_, steps)| steps + beyond).min().unwrap_or(usize::MAX);
            if depth >= last {
                break;
            }
            let step = || model.next_state(&state, action).expect("only what is possible is offered");
            match catch_unwind(AssertUnwindSafe(step)) {
                Err(_) => fall.note(&Broken::Assertion, depth + 1),
                Ok(next) => {
                    if seen.insert(model.key(&next)) {
                        frontier.push_back((next, depth + 1));
                    }
                }
            }
        }
    }
    if !fall.fallen.is_empty() {
        fall.unreached.clear();
    }
    fall.fallen.sort_by_key(|(_, steps)| *steps);
    fall.time = started.elapsed();
    fall
}

impl Fall {
    fn note(&mut self, what: &Broken, steps: usize) {
        match self.fallen.iter_mut().find(|(name, _)| *name == what.name()) {
            Some((_, known)) => *known = steps.min(*known),
            None => self.fallen.push((what.name(), steps)),
        }
    }
}
