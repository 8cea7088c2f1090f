//! Tell a path of a model.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::teller::{NoSuchPath, Story};
use crate::subject::{Broken, Subject};

/// Tell a path of a model.
///
/// # Errors
/// The model has no such path.
pub fn tell<M: Subject>(model: &M, path: &[usize]) -> Result<Story, NoSuchPath> {
    let all = model.init_states();
    let &first = path.first().ok_or_else(|| NoSuchPath("a path begins with an initial state".into()))?;
    let count = all.len();
    let mut state = all
        .into_iter()
        .nth(first)
        .ok_or_else(|| NoSuchPath(format!("there is no initial state {first}: there are {count}, from 0")))?;
    let mut teller = model.teller(&state);
    let mut keys = vec![model.key(&state)];
    let mut stopped = false;
    for (at, index) in path[1..].iter().enumerate() {
        let mut possible = Vec::new();
        model.actions(&state, &mut possible);
        let action = possible.get(*index).ok_or_else(|| {
            let n = possible.len();
            NoSuchPath(format!("step {}: there is no action {index}: {n} are possible, from 0", at + 1))
        })?;
        model.tell(&mut teller, &state, action);
        let next = catch_unwind(AssertUnwindSafe(|| model.next_state(&state, action.clone())));
        match next {
            Ok(next) => state = next.expect("only what is possible is offered"),
            Err(_) => {
                stopped = true;
                break;
            }
        }
        teller.after(model.rest(&state));
        keys.push(model.key(&state));
    }
    let mut story = teller.end();
    story.path = path.to_vec();
    let last = keys.pop().expect("at least the first");
    story.cycle = keys.iter().position(|k| *k == last);
    story.verdict = verdict(model, &state, stopped);
    if let Some(step) = story.cycle {
        story.verdict.push(format!("step {} can follow the last one: so it may go on for ever", step + 1));
    }
    Ok(story)
}

/// What a state shows.
pub(super) fn verdict<M: Subject>(model: &M, state: &M::State, stopped: bool) -> Vec<String> {
    if stopped {
        return vec!["Assertion is broken: core's own assertions stop the last step".to_owned()];
    }
    let mut lines: Vec<String> = Vec::new();
    if let Some(broken) = model.broken(state) {
        lines.push(format!("{} is broken: {}", broken.name(), model.says(&broken)));
    }
    let mut possible = Vec::new();
    model.actions(state, &mut possible);
    if possible.is_empty() && !model.may_end(state) {
        let broken = Broken::Terminal;
        lines.push(format!("{} is broken: {}", broken.name(), model.says(&broken)));
    }
    let reached = model.reaches().into_iter().filter(|name| model.reached(name, state));
    lines.extend(reached.map(|name| format!("reached: {name}")));
    lines
}
