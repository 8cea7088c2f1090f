//! What a search, a story and an explorer need to know of a model.

use std::fmt::Debug;

use stateright::Model;

use crate::progress::Progress;
use crate::properties::invariant::Invariant;
use crate::story::teller::Teller;
use crate::transcript::unwritable::Unwritable;

/// What a search needs to know of a model, apart from what stateright knows.
pub trait Subject: Model<State: Clone, Action: Clone + Debug> {
    /// A state's identity.
    fn key(&self, state: &Self::State) -> u64;
    /// The length of a packed state in bytes.
    fn packed_len(&self, state: &Self::State) -> usize;
    /// What is wrong with a state.
    fn broken(&self, state: &Self::State) -> Option<Broken>;
    /// Everything that is wrong with a state.
    fn all_broken(&self, state: &Self::State, all: &mut Vec<Broken>) {
        all.extend(self.broken(state));
    }
    /// The names of what is claimed of every state, each of which some broken rule must be able to break.
    fn claims(&self) -> Vec<&'static str> {
        Vec::new()
    }
    /// The names of the states that must be come across.
    fn reaches(&self) -> Vec<&'static str>;
    /// Whether this is the one of that name.
    fn reached(&self, name: &str, state: &Self::State) -> bool;
    /// Whether nothing more needs to happen.
    fn may_end(&self, state: &Self::State) -> bool;
    /// A state in words.
    fn show(&self, state: &Self::State) -> String;
    /// What the graph as a whole shows, if more is claimed than its states do.
    fn progress(&self) -> Option<Progress> {
        None
    }
    /// A state in words, line by line.
    fn rest(&self, state: &Self::State) -> Vec<String> {
        self.show(state).lines().map(|line| line.trim_start().to_owned()).collect()
    }
    /// What a finding means, in a sentence.
    fn says(&self, broken: &Broken) -> String {
        broken.says().to_owned()
    }
    /// An action that is possible in this state, in words.
    fn headline(&self, _: &Self::State, action: &Self::Action) -> String {
        self.format_action(action)
    }
    /// The processes that take part in a story that begins here.
    fn teller(&self, state: &Self::State) -> Teller {
        Teller::new(Vec::new(), Vec::new(), self.rest(state))
    }
    /// Tell an action that is possible in this state.
    fn tell(&self, teller: &mut Teller, before: &Self::State, action: &Self::Action) {
        teller.step(self.headline(before, action));
    }
    /// A path as a transcript that [`crate::transcript::perform`] performs, if the model has such.
    fn transcript(&self, _title: &str, _path: &[usize]) -> Option<Result<String, Unwritable>> {
        None
    }
}

/// What a search can find wrong.
#[derive(Clone, Copy, Debug)]
pub enum Broken {
    /// A property does not hold.
    Invariant(&'static Invariant),
    /// A claim of a model that is no ensemble does not hold.
    Claim(&'static str),
    /// Nothing can happen any more, and it should.
    Terminal,
    /// Core's own assertions stopped the last step.
    Assertion,
}

impl Broken {
    /// The broken property's name.
    pub fn name(&self) -> &'static str {
        match self {
            Broken::Invariant(invariant) => invariant.name,
            Broken::Claim(name) => name,
            Broken::Terminal => "Terminal",
            Broken::Assertion => "Assertion",
        }
    }

    /// What it means, in a sentence.
    pub fn says(&self) -> &'static str {
        match self {
            Broken::Invariant(invariant) => invariant.claim,
            Broken::Claim(_) => "a claim of the model",
            Broken::Terminal => "nothing can happen any more, and it should",
            Broken::Assertion => "core's own assertions stop the last step",
        }
    }
}
