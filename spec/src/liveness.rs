//! What a whole graph of states shows that no single state does: whether a goal is reached.
//!
//! stateright's `eventually` does not look at cycles. This keeps every state and every transition,
//! so it is for small models.

pub use crate::progress::{Goal, Lasso, Progress};
use std::collections::{HashMap, VecDeque};

use crate::subject::Subject;

struct Graph<M: Subject> {
    states: Vec<M::State>,
    edges: Vec<Vec<(M::Action, usize)>>,
    first: usize,
}

impl<M: Subject> Graph<M> {
    fn of(model: &M) -> Self {
        let (mut states, mut edges, mut known) = (Vec::new(), Vec::new(), HashMap::new());
        let mut number = |state: M::State, states: &mut Vec<M::State>| {
            *known.entry(model.key(&state)).or_insert_with(|| {
                states.push(state);
                states.len() - 1
            })
        };
        for state in model.init_states() {
            number(state, &mut states);
        }
        let first = states.len();
        while edges.len() < states.len() {
            let state = states[edges.len()].clone();
            let mut actions = Vec::new();
            model.actions(&state, &mut actions);
            let follow = |action: M::Action| {
                let next =
                    model.next_state(&state, action.clone()).expect("only what is possible is offered");
                (action, number(next, &mut states))
            };
            let out = actions.into_iter().map(follow).collect();
            edges.push(out);
        }
        Graph { states, edges, first }
    }

    /// From which states each is entered.
    fn before(&self) -> Vec<Vec<usize>> {
        let mut before = vec![Vec::new(); self.states.len()];
        for (s, out) in self.edges.iter().enumerate() {
            out.iter().for_each(|(_, next)| before[*next].push(s));
        }
        before
    }

    /// The shortest way from `from` to a state that `to` accepts, by at least one step, through `via` alone.
    /// Returns the states, and the number of the step that is taken from each.
    fn way(
        &self,
        from: &[usize],
        to: impl Fn(usize) -> bool,
        via: impl Fn(usize) -> bool,
    ) -> Option<Vec<(usize, usize)>> {
        let mut parents: HashMap<usize, (usize, usize)> = HashMap::new();
        let mut queue: VecDeque<usize> = from.iter().copied().filter(|s| via(*s)).collect();
        let mut end = None;
        'search: while let Some(at) = queue.pop_front() {
            for (e, (_, next)) in self.edges[at].iter().enumerate() {
                if !via(*next) || parents.contains_key(next) {
                    continue;
                }
                parents.insert(*next, (at, e));
                if to(*next) {
                    end = Some(*next);
                    break 'search;
                }
                queue.push_back(*next);
            }
        }
        let (mut at, mut steps) = (end?, Vec::new());
        loop {
            let (before, e) = parents[&at];
            steps.push((before, e));
            at = before;
            if from.contains(&at) {
                break;
            }
        }
        steps.reverse();
        Some(steps)
    }
}

/// Whether there is a way to the goal from every initial state.
pub fn possible<M: Subject>(model: &M, reached: impl Fn(&M::State) -> bool) -> Progress {
    let graph = Graph::of(model);
    let done: Vec<bool> = graph.states.iter().map(reached).collect();
    let hopeful = hopeful(&graph.before(), &done);
    let hopeless = hopeful[..graph.first].iter().filter(|h| !**h).count();
    Progress { claim: "from every beginning a way gets there", hopeless, avoidable: false, lasso: None }
}

/// Backwards from the goal: the states from which there is a way to it.
fn hopeful(before: &[Vec<usize>], done: &[bool]) -> Vec<bool> {
    let mut hopeful = done.to_vec();
    let mut queue: Vec<usize> = (0..done.len()).filter(|s| done[*s]).collect();
    while let Some(at) = queue.pop() {
        for s in &before[at] {
            if !std::mem::replace(&mut hopeful[*s], true) {
                queue.push(*s);
            }
        }
    }
    hopeful
}

/// Search the whole graph.
pub fn progress<M: Subject>(
    model: &M,
    reached: impl Fn(&M::State) -> bool,
    calm: impl Fn(&M::State) -> bool,
) -> Progress {
    let graph = Graph::of(model);
    let n = graph.states.len();
    let done: Vec<bool> = graph.states.iter().map(reached).collect();
    let before = graph.before();
    let hopeful = hopeful(&before, &done);

    // Take away what leads only to the goal, again and again: what remains avoids it.
    let mut open: Vec<usize> = graph.edges.iter().map(Vec::len).collect();
    let stuck = (0..n).any(|s| open[s] == 0 && !done[s]);
    let mut queue: Vec<usize> = (0..n).filter(|s| done[*s]).collect();
    let mut certain = done.clone();
    while let Some(at) = queue.pop() {
        for s in &before[at] {
            open[*s] -= 1;
            if open[*s] == 0 && !std::mem::replace(&mut certain[*s], true) {
                queue.push(*s);
            }
        }
    }
    let avoids: Vec<bool> = certain.iter().map(|c| !c).collect();

    // States are numbered in the order of their distance: the first is the nearest.
    let begin: Vec<usize> = (0..graph.first).collect();
    let mut turns = (0..n).filter(|s| avoids[*s] && calm(&graph.states[*s]));
    let lasso = turns.find_map(|turn| {
        let cycle = graph.way(&[turn], |s| s == turn, |s| !done[s])?;
        let stem = match turn < graph.first {
            true => Vec::new(),
            false => graph.way(&begin, |s| s == turn, |s| !done[s])?,
        };
        Some((stem, cycle, turn))
    });
    let words = |steps: &[(usize, usize)]| {
        steps.iter().map(|(s, e)| model.format_action(&graph.edges[*s][*e].0)).collect()
    };
    // Initial states that are alike are one in the graph.
    let initial = |s: usize| {
        let key = model.key(&graph.states[s]);
        model.init_states().iter().position(|s| model.key(s) == key).expect("an initial state")
    };
    Progress {
        claim: "every way gets there",
        hopeless: hopeful.iter().filter(|h| !**h).count(),
        avoidable: stuck || avoids.iter().any(|a| *a),
        lasso: lasso.map(|(stem, cycle, turn)| {
            let steps = stem.iter().chain(&cycle);
            let indices = std::iter::once(initial(stem.first().map_or(turn, |(s, _)| *s)));
            Lasso {
                stem: words(&stem),
                cycle: words(&cycle),
                state: model.show(&graph.states[turn]),
                indices: indices.chain(steps.map(|(_, e)| *e)).collect(),
            }
        }),
    }
}
