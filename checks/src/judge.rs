//! Whether what was found is what must come out of a model.

use quorate_spec::models::{Expected, ModelSpec, Variant};
use quorate_spec::search::{Progress, Report};

/// What the breadth-first search and the graph show, if it is what must come out.
pub(crate) fn first_opinion(
    model: &ModelSpec,
    found: &Report,
    progress: Option<&Progress>,
) -> Result<String, String> {
    judge(model, found, progress, true)
}

/// As [`first_opinion`], where neither numbers of states nor lengths of paths must be those of the catalogue.
pub(crate) fn properties_alone(
    model: &ModelSpec,
    found: &Report,
    progress: Option<&Progress>,
) -> Result<String, String> {
    judge(model, found, progress, false)
}

fn judge(
    model: &ModelSpec,
    found: &Report,
    progress: Option<&Progress>,
    pinned: bool,
) -> Result<String, String> {
    let verdict = match (model.expected, &found.violation) {
        (Expected::Violates(property, steps), Some(v)) if v.broken.name() == property => {
            if pinned && v.path.len() != steps {
                return Err(format!("{property} violated in {} steps, {steps} are expected", v.path.len()));
            }
            format!("violated as expected: {property} in {steps} steps")
        }
        (_, Some(v)) => return Err(format!("{} BROKEN", v.broken.name())),
        (Expected::Violates(property, _), None) => return Err(format!("{property} NOT VIOLATED")),
        (Expected::Holds | Expected::Livelock(..), None) => "exhausted, all hold".into(),
    };
    if !found.exhausted {
        return Err(format!("CUT after {} states", found.unique));
    }
    if !found.unreached.is_empty() {
        return Err(format!("NOT REACHED: {}", found.unreached.join(", ")));
    }
    if pinned && found.unique != model.unique {
        return Err(format!("exhausted, but {} states are expected", model.unique));
    }
    let Some(progress) = progress else { return Ok(verdict) };
    if progress.hopeless > 0 {
        return Err(format!("no way to the goal from {} states", progress.hopeless));
    }
    match (model.expected, &progress.lasso) {
        (Expected::Livelock(stem, cycle), Some(lasso)) => {
            let found = (lasso.stem.len(), lasso.cycle.len());
            match !pinned || found == (stem, cycle) {
                true => Ok(format!(
                    "livelock as expected: {} steps, then a cycle of {} without a decision",
                    found.0, found.1
                )),
                false => Err(format!("livelock of {found:?} steps, {:?} are expected", (stem, cycle))),
            }
        }
        (Expected::Livelock(..), None) => Err("NO LIVELOCK".into()),
        _ if progress.avoidable => Err("the goal can be AVOIDED".into()),
        _ => Ok(format!("{verdict}, {}", progress.claim)),
    }
}

/// Whether stateright, searching depth first, comes to the same count and verdict.
pub(crate) fn second_opinion(model: &ModelSpec, variant: Variant) -> Result<&'static str, String> {
    let (broken, unique) = (model.build)(variant).second_opinion();
    let violates = match model.expected {
        Expected::Violates(property, _) => Some(property),
        Expected::Holds | Expected::Livelock(..) => None,
    };
    // What else is violated in states beyond, stateright finds as well.
    if violates.is_some_and(|property| !broken.contains(&property)) {
        Err("stateright finds NO VIOLATION".into())
    } else if violates.is_none() && !broken.is_empty() {
        Err(format!("stateright finds {} broken", broken.join(", ")))
    } else if unique != model.unique {
        Err(format!("stateright counts {unique}"))
    } else {
        Ok("stateright agrees")
    }
}

#[cfg(test)]
mod tests {
    use quorate_spec::models::catalogue;
    use quorate_spec::search::Limits;

    use super::*;

    #[test]
    fn a_moved_count_alone_is_no_finding_of_the_properties() {
        let mut model = catalogue().into_iter().find(|m| m.name == "quiet").expect("a model");
        let found = (model.build)(Variant::default()).search(Limits::default(), &mut |_| {});
        assert!(first_opinion(&model, &found, None).is_ok());
        model.unique += 1;
        assert!(first_opinion(&model, &found, None).is_err());
        assert!(properties_alone(&model, &found, None).is_ok());
        model.expected = Expected::Violates("PrefixConsistency", 3);
        assert!(properties_alone(&model, &found, None).is_err());
    }
}
