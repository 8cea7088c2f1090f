//! A search for models that no list of states fits: depth first, remembering 8 bytes of every state.
//!
//! Of a visited state only its fingerprint is kept, in tables of open addressing. Besides that the search
//! keeps the states on the way to the present one, with their unvisited neighbours. So a violation comes with
//! a way there, though not the shortest, and there is no depth, only the longest way walked. A search that
//! runs into a limit says so and is not exhaustive.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::subject::{Broken, Subject};

/// When to give up.
#[derive(Clone, Copy, Debug)]
pub struct DeepLimits {
    /// Bytes that the fingerprints may take.
    pub memory: usize,
    /// Wall time.
    pub time: Duration,
}

/// What stopped a search before its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cut {
    /// No room for more fingerprints.
    Memory,
    /// The limit on time came first.
    Time,
}

/// What a search found.
#[derive(Debug)]
pub struct DeepReport {
    /// Different states.
    pub unique: usize,
    /// Transitions taken.
    pub generated: usize,
    /// Steps of the longest way that was walked.
    pub longest: usize,
    /// States in which nothing can happen.
    pub terminal: usize,
    /// What stopped it, unless every state was visited.
    pub cut: Option<Cut>,
    /// What was found broken, and a way there (not the shortest).
    pub violation: Option<(Broken, Vec<String>)>,
    /// Reachability claims that no state met.
    pub unreached: Vec<&'static str>,
    /// Wall time.
    pub time: Duration,
    /// Bytes that the fingerprints took.
    pub memory: usize,
}

/// Visit every state, depth first, until something breaks or a limit is reached.
pub fn depth_first<M: Subject>(
    model: &M,
    limits: DeepLimits,
    progress: &mut dyn FnMut(&DeepReport),
) -> DeepReport {
    let started = Instant::now();
    let mut report = DeepReport {
        unique: 0,
        generated: 0,
        longest: 0,
        terminal: 0,
        cut: None,
        violation: None,
        unreached: model.reaches(),
        time: Duration::ZERO,
        memory: 0,
    };
    let mut visited = Fingerprints::new(limits.memory);
    let mut path: Vec<M::Action> = Vec::new();
    // States to visit, how many steps away they are, and the last of these steps.
    let mut stack: Vec<(M::State, usize, Option<M::Action>)> = Vec::new();
    let words = |path: &[M::Action]| path.iter().map(|a| model.format_action(a)).collect::<Vec<_>>();
    for state in model.init_states() {
        if visited.insert(model.key(&state)) == Ok(true) {
            stack.push((state, 0, None));
        }
    }
    let mut actions = Vec::new();
    'search: while let Some((state, depth, action)) = stack.pop() {
        // The state before was visited last of all that are as far away as it is.
        path.truncate(depth.saturating_sub(1));
        path.extend(action);
        report.unique += 1;
        report.longest = report.longest.max(depth);
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
        if let Some(broken) = broken {
            report.violation = Some((broken, words(&path)));
            break;
        }
        for action in &actions {
            let step = || model.next_state(&state, action.clone()).expect("only what is possible is offered");
            let Ok(next) = catch_unwind(AssertUnwindSafe(step)) else {
                path.push(action.clone());
                report.violation = Some((Broken::Assertion, words(&path)));
                break 'search;
            };
            report.generated += 1;
            match visited.insert(model.key(&next)) {
                Ok(true) => stack.push((next, depth + 1, Some(action.clone()))),
                Ok(false) => {}
                Err(Full) => {
                    report.cut = Some(Cut::Memory);
                    break 'search;
                }
            }
        }
        if report.unique.is_multiple_of(1 << 12) {
            report.time = started.elapsed();
            report.memory = visited.bytes;
            if report.time >= limits.time {
                report.cut = Some(Cut::Time);
                break;
            }
            if report.unique.is_multiple_of(1 << 20) {
                progress(&report);
            }
        }
    }
    report.time = started.elapsed();
    report.memory = visited.bytes;
    report
}

/// A set of fingerprints that takes 10 to 13 bytes for each.
struct Fingerprints {
    shards: Vec<Shard>,
    bytes: usize,
    limit: usize,
}

/// The fingerprints that begin alike. An empty slot is 0.
#[derive(Default)]
struct Shard {
    slots: Vec<u64>,
    used: usize,
}

/// No room for more.
#[derive(PartialEq, Eq, Debug)]
struct Full;

impl Fingerprints {
    const SHARD_BITS: u32 = 10;

    fn new(limit: usize) -> Self {
        let shards = (0..1 << Self::SHARD_BITS).map(|_| Shard::default()).collect();
        Fingerprints { shards, bytes: 0, limit }
    }

    /// Whether it was not there.
    fn insert(&mut self, fingerprint: u64) -> Result<bool, Full> {
        let shard = &mut self.shards[(fingerprint >> (64 - Self::SHARD_BITS)) as usize];
        let key = fingerprint.max(1);
        if (shard.used + 1) * 5 > shard.slots.len() * 4 {
            let more = (shard.slots.len() / 4).max(8);
            if self.bytes + more * 8 > self.limit {
                return Err(Full);
            }
            self.bytes += more * 8;
            let mut larger = vec![0; shard.slots.len() + more];
            for key in shard.slots.iter().filter(|key| **key != 0) {
                put(&mut larger, *key);
            }
            shard.slots = larger;
        }
        let new = put(&mut shard.slots, key);
        shard.used += usize::from(new);
        Ok(new)
    }
}

/// Whether it was not there.
fn put(slots: &mut [u64], key: u64) -> bool {
    let rest = u128::from(key << Fingerprints::SHARD_BITS);
    let mut at = ((rest * slots.len() as u128) >> 64) as usize;
    while slots[at] != 0 {
        if slots[at] == key {
            return false;
        }
        at = (at + 1) % slots.len();
    }
    slots[at] = key;
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::fingerprint;

    #[test]
    fn a_fingerprint_is_new_once() {
        let mut set = Fingerprints::new(1 << 30);
        let keys = || (0..200_000u64).map(|n| fingerprint(&n, 1).0).chain([0, 1 << 60]);
        assert!(keys().all(|k| set.insert(k) == Ok(true)));
        assert!(keys().all(|k| set.insert(k) == Ok(false)));
        assert!(set.bytes < 200_000 * 14, "{} bytes", set.bytes);
    }

    #[test]
    fn a_full_set_says_so() {
        let mut set = Fingerprints::new(100_000);
        let taken = (0..).take_while(|n: &u64| set.insert(fingerprint(n, 1).0) == Ok(true)).count();
        assert!((5_000..12_500).contains(&taken), "{taken}");
    }
}
