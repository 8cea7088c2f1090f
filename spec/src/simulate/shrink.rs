//! Makes the path of a failing walk shorter: drops ever smaller pieces of it as long as the same
//! property breaks.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Failure, budget_for, is_submission};
use crate::models::Ensemble;
use crate::search::Broken;
use crate::story::{Story, ensemble};
use crate::words;
use crate::world::{Action, World};

/// A path to the same finding from which no single action can be left out, or the shortest after
/// `tries` attempts. An ensemble that does not heal is not made shorter: leaving out its healing
/// would show the same.
pub fn shrink(ensemble: &Ensemble, failure: &Failure, tries: usize) -> Failure {
    let mut best = failure.clone();
    if matches!(best.broken, Broken::Terminal) {
        return best;
    }
    let mut left = tries;
    let mut piece = (best.path.len() / 2).max(1);
    loop {
        let (mut at, mut dropped) = (0, false);
        while at < best.path.len() && left > 0 {
            left -= 1;
            let end = (at + piece).min(best.path.len());
            let shorter: Vec<Action> = [&best.path[..at], &best.path[end..]].concat();
            match replay(ensemble, &shorter) {
                Some((broken, path))
                    if broken.name() == best.broken.name() && path.len() < best.path.len() =>
                {
                    best = Failure { broken, path };
                    dropped = true;
                }
                _ => at = end,
            }
        }
        if left == 0 || piece == 1 && !dropped {
            return best;
        }
        if !dropped || piece > best.path.len() {
            piece = (piece / 2).max(1);
        }
    }
}

/// What breaks on this path, and the part of it that was possible up to there.
fn replay(ensemble: &Ensemble, path: &[Action]) -> Option<(Broken, Vec<Action>)> {
    let mut world = ensemble.init[0].clone();
    let (mut taken, mut possible, mut submitted) = (Vec::new(), Vec::new(), 0);
    for action in path {
        world.allow(budget_for(action, submitted));
        possible.clear();
        world.actions(&mut possible);
        if !possible.contains(action) {
            continue;
        }
        taken.push(action.clone());
        submitted += usize::from(is_submission(action));
        if catch_unwind(AssertUnwindSafe(|| world.act(action))).is_err() {
            return Some((Broken::Assertion, taken));
        }
        if let Some(broken) = ensemble.broken(&world) {
            return Some((Broken::Invariant(broken), taken));
        }
    }
    None
}

/// The story of the end of a walk, up to what is broken: at most `most` actions.
pub fn story(ensemble: &Ensemble, failure: &Failure, most: usize) -> Story {
    let mut world = ensemble.init[0].clone();
    let (mut submitted, mut teller) = (0, ensemble::teller(&world));
    let left_out = failure.path.len().saturating_sub(most);
    for (at, action) in failure.path.iter().enumerate() {
        world.allow(budget_for(action, submitted));
        submitted += usize::from(is_submission(action));
        if at == left_out {
            teller = ensemble::teller(&world);
        }
        if at >= left_out {
            ensemble::tell(&mut teller, &world, action);
        }
        if catch_unwind(AssertUnwindSafe(|| world.act(action))).is_err() {
            break;
        }
        if at >= left_out {
            teller.after(words::rest(&world));
        }
    }
    let mut story = teller.end();
    let broken = failure.broken;
    story.verdict.push(format!("{} is broken: {}", broken.name(), broken.says()));
    story.title = match left_out {
        0 => format!("{} is broken after {} actions", broken.name(), failure.path.len()),
        _ => format!("{} is broken after {} actions; the last {most}", broken.name(), failure.path.len()),
    };
    story
}

/// The states on a path, one after each action that is possible.
pub fn states(ensemble: &Ensemble, path: &[Action], mut see: impl FnMut(&Action, &World)) {
    let mut world = ensemble.init[0].clone();
    let mut submitted = 0;
    for action in path {
        world.allow(budget_for(action, submitted));
        submitted += usize::from(is_submission(action));
        if catch_unwind(AssertUnwindSafe(|| world.act(action))).is_err() {
            return;
        }
        see(action, &world);
    }
}
