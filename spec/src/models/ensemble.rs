//! A model of an ensemble: worlds to begin with, properties to hold, states worth reaching.

use stateright::{Model, Property};

use crate::properties::invariant::Invariant;
use crate::world::{Action, World};

/// A model of an ensemble: a hand-written stateright `Model` whose transitions are
/// [`World::next`].
#[derive(Clone, Debug)]
pub struct Ensemble {
    /// The initial states.
    pub init: Vec<World>,
    /// What must hold in every state.
    pub invariants: &'static [Invariant],
    /// What must be reachable: a name and when it is reached.
    pub sometimes: &'static [Reachable],
    /// What must hold where nothing can happen any more.
    pub terminal: fn(&World) -> bool,
    /// What the graph as a whole must show.
    pub goal: Option<Goal>,
}

/// States that must be reached, and how surely.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// From every initial state there is a way. (From others a bound may stand in the way.)
    Possible(fn(&World) -> bool),
    /// Every way comes there, whatever the order of steps.
    Inevitable(fn(&World) -> bool),
}

/// A state that a search must come across, or the model is too small to mean anything.
#[derive(Clone, Copy, Debug)]
pub struct Reachable {
    /// The state's name.
    pub name: &'static str,
    /// Whether this is one.
    pub reached: fn(&World) -> bool,
}

impl Ensemble {
    /// This model, in which states that differ only in the names of interchangeable servers count as one.
    #[must_use]
    pub fn with_symmetry(self) -> Ensemble {
        Ensemble { init: self.init.iter().map(World::with_symmetry).collect(), ..self }
    }

    /// The first invariant that a state breaks.
    pub fn broken(&self, world: &World) -> Option<&'static Invariant> {
        self.invariants.iter().find(|i| !(i.holds)(self, world))
    }
}

impl Model for Ensemble {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        self.init.clone()
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        world.actions(actions);
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        Some(world.next(&action))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        // stateright stops when it has a verdict on every property: one always holds.
        let world = Property::always("a world", |_: &Self, _: &World| true);
        let invariants = self.invariants.iter().map(|i| Property::always(i.name, i.holds));
        std::iter::once(world).chain(invariants).collect()
    }

    fn format_action(&self, action: &Action) -> String {
        action.to_string()
    }
}
