//! What the machines of recipes have in common: what they are told, and what they ask for.

use alloc::string::String;
use alloc::vec::Vec;

use quorate_core::wire::client::{EventType, Request};

use crate::session::{Outcome, State};

/// Something that happened to a recipe.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Input {
    /// Begin.
    Start,
    /// The operation that was asked for last has its outcome. There is never more than one under way.
    Outcome(Outcome),
    /// A watch of this recipe fired.
    Event {
        /// What happened.
        event: EventType,
        /// To which znode.
        path: String,
    },
    /// The session's state has changed.
    Session(State),
    /// The user has done what it was told last. Recipes that hand something out wait for this.
    Finished,
    /// Stop, and leave nothing behind.
    Stop,
}

/// What a recipe wants.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Output<T> {
    /// Carry out an operation, and say how it ended. If its connection is lost the session has another one
    /// first: what is asked next waits for it.
    Ask(Request),
    /// Tell the recipe's user.
    Tell(T),
}

/// A recipe as a pure machine.
pub trait Machine {
    /// What the user is told.
    type Told;

    /// Take an input. What is wanted is appended to `out`.
    fn step(&mut self, input: Input, out: &mut Vec<Output<Self::Told>>);
}
