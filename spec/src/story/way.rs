//! The shortest way to a state, and paths as text.

use std::collections::HashSet;

use super::teller::NoSuchPath;
use crate::subject::Subject;

/// The shortest way to a state that is wanted, as numbers. `None` if the model has none, or if the limit on
/// states comes first.
pub fn way_to<M: Subject>(
    model: &M,
    states: usize,
    wanted: impl Fn(&M::State) -> bool,
) -> Option<Vec<usize>> {
    // Every state that was come across: where from, and by which action.
    let mut steps: Vec<(u32, u16)> = Vec::new();
    let mut known = HashSet::new();
    let mut layer: Vec<(M::State, u32)> = Vec::new();
    const BEGIN: u32 = u32::MAX;
    for (i, state) in model.init_states().into_iter().enumerate() {
        if known.insert(model.key(&state)) {
            layer.push((state, steps.len() as u32));
            steps.push((BEGIN, u16::try_from(i).ok()?));
        }
    }
    let mut actions = Vec::new();
    while !layer.is_empty() {
        let mut next_layer = Vec::new();
        for (state, at) in layer {
            if wanted(&state) {
                let (mut path, mut at) = (Vec::new(), at);
                while at != BEGIN {
                    let (before, index) = steps[at as usize];
                    path.push(usize::from(index));
                    at = before;
                }
                path.reverse();
                return Some(path);
            }
            actions.clear();
            model.actions(&state, &mut actions);
            for (i, action) in actions.iter().enumerate() {
                let next =
                    model.next_state(&state, action.clone()).expect("only what is possible is offered");
                if steps.len() < states && known.insert(model.key(&next)) {
                    next_layer.push((next, steps.len() as u32));
                    steps.push((at, u16::try_from(i).ok()?));
                }
            }
        }
        layer = next_layer;
    }
    None
}

/// A path as the explorer's address has it: `0/2/1`.
pub fn show_path(path: &[usize]) -> String {
    path.iter().map(ToString::to_string).collect::<Vec<_>>().join("/")
}

/// The path of such a text; commas and blanks do as well as strokes.
///
/// # Errors
/// Something in it is no number.
pub fn parse_path(text: &str) -> Result<Vec<usize>, NoSuchPath> {
    let words = text.split(['/', ',', ' ']).filter(|word| !word.is_empty());
    let number = |word: &str| {
        word.parse().map_err(|_| NoSuchPath(format!("a path is numbers with / between them, not `{word}`")))
    };
    words.map(number).collect()
}
