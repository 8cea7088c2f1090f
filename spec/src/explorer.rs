//! stateright's explorer on a model, with steps, states and pictures that people can read.
//!
//! The explorer shows an action without the state it happens in, and a state as `Debug` prints it. A
//! [`Window`] is the same model whose actions know that state and whose states print themselves.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use stateright::{Expectation, Model, Path, Property};

use crate::story;
use crate::subject::Subject;

/// Serve the explorer, for ever.
pub(crate) fn serve<M>(model: M, listen: &str)
where
    M: Subject + Send + Sync + 'static,
    M::State: fmt::Debug + Hash + PartialEq + Send + Sync + 'static,
    M::Action: fmt::Debug + PartialEq + Send + Sync + 'static,
{
    Window::of(model).checker().serve(listen.to_string());
}

/// A model, seen through the explorer.
struct Window<M: Model>(Arc<Inner<M>>);

struct Inner<M: Model> {
    model: M,
    properties: Vec<Property<M>>,
}

/// A state that knows how to show itself.
struct Seen<M: Model> {
    state: M::State,
    window: Arc<Inner<M>>,
}

/// An action and the state in which it is possible.
struct Named<M: Model> {
    action: M::Action,
    before: M::State,
    window: Arc<Inner<M>>,
}

impl<M: Subject> Window<M> {
    fn of(model: M) -> Self {
        let properties = model.properties();
        Window(Arc::new(Inner { model, properties }))
    }

    fn seen(&self, state: M::State) -> Seen<M> {
        Seen { state, window: Arc::clone(&self.0) }
    }

    /// The indices of a path, as [`story::tell`] has them.
    fn indices(&self, path: Path<Seen<M>, Named<M>>) -> Vec<usize>
    where
        M::State: PartialEq,
        M::Action: PartialEq,
    {
        let path = path.into_vec();
        let first = self.0.model.init_states().iter().position(|s| *s == path[0].0.state);
        let index = |(seen, named): &(Seen<M>, Option<Named<M>>)| {
            let mut possible = Vec::new();
            self.0.model.actions(&seen.state, &mut possible);
            let named = named.as_ref()?;
            possible.iter().position(|action| *action == named.action)
        };
        first.into_iter().chain(path.iter().filter_map(index)).collect()
    }
}

/// The `I`-th property: stateright takes functions, not closures.
fn property<M, const I: usize>(window: &Window<M>, seen: &Seen<M>) -> bool
where
    M: Subject,
    M::State: fmt::Debug + Hash + PartialEq,
    M::Action: fmt::Debug + PartialEq,
{
    (window.0.properties[I].condition)(&window.0.model, &seen.state)
}

impl<M> Model for Window<M>
where
    M: Subject,
    M::State: fmt::Debug + Hash + PartialEq,
    M::Action: fmt::Debug + PartialEq,
{
    type State = Seen<M>;
    type Action = Named<M>;

    fn init_states(&self) -> Vec<Seen<M>> {
        self.0.model.init_states().into_iter().map(|state| self.seen(state)).collect()
    }

    fn actions(&self, seen: &Seen<M>, actions: &mut Vec<Named<M>>) {
        let mut possible = Vec::new();
        self.0.model.actions(&seen.state, &mut possible);
        let named = |action| Named { action, before: seen.state.clone(), window: Arc::clone(&self.0) };
        actions.extend(possible.into_iter().map(named));
    }

    fn next_state(&self, seen: &Seen<M>, named: Named<M>) -> Option<Seen<M>> {
        self.0.model.next_state(&seen.state, named.action).map(|state| self.seen(state))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        macro_rules! conditions {
            ($($i:literal)*) => { [$(property::<M, $i>),*] };
        }
        let conditions: [fn(&Self, &Seen<M>) -> bool; 32] = conditions!(
            0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
        );
        assert!(self.0.properties.len() <= conditions.len(), "a function for each property");
        let same = |p: &Property<M>, condition| Property {
            expectation: match p.expectation {
                Expectation::Always => Expectation::Always,
                Expectation::Eventually => Expectation::Eventually,
                Expectation::Sometimes => Expectation::Sometimes,
            },
            name: p.name,
            condition,
        };
        self.0.properties.iter().zip(conditions).map(|(p, condition)| same(p, condition)).collect()
    }

    fn format_action(&self, named: &Named<M>) -> String {
        self.0.model.headline(&named.before, &named.action)
    }

    /// What the step does, line by line.
    fn format_step(&self, seen: &Seen<M>, named: Named<M>) -> Option<String> {
        let mut teller = self.0.model.teller(&seen.state);
        self.0.model.tell(&mut teller, &seen.state, &named.action);
        let story = teller.end();
        let lines: Vec<String> = story.beats.into_iter().flat_map(|beat| beat.lines).collect();
        Some(lines.join("\n"))
    }

    fn as_svg(&self, path: Path<Seen<M>, Named<M>>) -> Option<String> {
        let story = story::tell(&self.0.model, &self.indices(path)).ok()?;
        (!story.lanes.is_empty()).then(|| story.svg())
    }
}

impl<M: Subject> Clone for Seen<M> {
    fn clone(&self) -> Self {
        Seen { state: self.state.clone(), window: Arc::clone(&self.window) }
    }
}

impl<M: Subject> PartialEq for Seen<M>
where
    M::State: PartialEq,
{
    fn eq(&self, other: &Self) -> bool {
        self.state == other.state
    }
}

impl<M: Subject> Hash for Seen<M>
where
    M::State: Hash,
{
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.state.hash(hasher);
    }
}

impl<M: Subject> fmt::Debug for Seen<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.window.model.rest(&self.state).join("\n"))
    }
}

impl<M: Subject> Clone for Named<M> {
    fn clone(&self) -> Self {
        Named { action: self.action.clone(), before: self.before.clone(), window: Arc::clone(&self.window) }
    }
}

impl<M: Subject> PartialEq for Named<M>
where
    M::Action: PartialEq,
{
    fn eq(&self, other: &Self) -> bool {
        self.action == other.action
    }
}

impl<M: Subject> fmt::Debug for Named<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.window.model.headline(&self.before, &self.action))
    }
}
