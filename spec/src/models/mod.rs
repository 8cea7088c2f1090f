//! The stateright models: worlds to begin with, properties to hold, states worth reaching.

mod ballots;
pub mod buckets;
mod catalogue;
pub mod clients;
mod comparison;
mod deep;
mod dirty;
mod disks;
mod faults;
mod groups;
mod harsh;
mod java;
mod joins;
mod leases;
pub mod links;
mod observers;
pub mod paxos;
mod prepared;
pub mod recipes;
mod recovery;
pub mod road;
mod served;
pub mod service;
pub mod sessions;
mod strangers;
mod sync;
mod syncs;

use stateright::{Model, Property};

use crate::liveness::{self, Progress};
use crate::properties::Invariant;
use crate::search::{Broken, Subject};
use crate::story::{Teller, ensemble};
use crate::transcript::{self, Unwritable};
use crate::words;
use crate::world::{Action, World};

#[cfg(test)]
pub(crate) use catalogue::setting;
pub use catalogue::{Expected, ModelSpec, Variant, catalogue, election, zab};
pub(crate) use catalogue::{ensemble, setting_of};
pub use comparison::started;
pub use deep::{DeepSpec, deep};

/// A model of an ensemble: a hand-written stateright `Model` whose transitions are
/// [`World::next`].
#[derive(Clone, Debug)]
pub struct Ensemble {
    /// Where it begins.
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
    /// This model, whose states are told apart by who is who only where that makes a difference.
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

impl Subject for Ensemble {
    fn key(&self, world: &World) -> u64 {
        world.fingerprint()
    }

    fn packed_len(&self, world: &World) -> usize {
        world.packed_len()
    }

    fn broken(&self, world: &World) -> Option<Broken> {
        Ensemble::broken(self, world).map(Broken::Invariant)
    }

    fn all_broken(&self, world: &World, all: &mut Vec<Broken>) {
        all.extend(self.invariants.iter().filter(|i| !(i.holds)(self, world)).map(Broken::Invariant));
    }

    fn claims(&self) -> Vec<&'static str> {
        self.invariants.iter().map(|i| i.name).collect()
    }

    fn reaches(&self) -> Vec<&'static str> {
        self.sometimes.iter().map(|r| r.name).collect()
    }

    fn reached(&self, name: &str, world: &World) -> bool {
        self.sometimes.iter().any(|r| r.name == name && (r.reached)(world))
    }

    fn may_end(&self, world: &World) -> bool {
        (self.terminal)(world)
    }

    fn show(&self, world: &World) -> String {
        world.to_string()
    }

    fn rest(&self, world: &World) -> Vec<String> {
        words::rest(world)
    }

    fn headline(&self, world: &World, action: &Action) -> String {
        ensemble::headline(world, action)
    }

    fn teller(&self, world: &World) -> Teller {
        ensemble::teller(world)
    }

    fn tell(&self, teller: &mut Teller, before: &World, action: &Action) {
        ensemble::tell(teller, before, action);
    }

    fn transcript(&self, title: &str, path: &[usize]) -> Option<Result<String, Unwritable>> {
        Some(transcript::write(self, title, path))
    }

    fn progress(&self) -> Option<Progress> {
        Some(match self.goal? {
            Goal::Possible(reached) => liveness::possible(self, reached),
            Goal::Inevitable(reached) => liveness::progress(self, reached, |_| true),
        })
    }
}
