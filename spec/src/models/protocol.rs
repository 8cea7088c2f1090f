//! A protocol with claims, as a model.

use std::fmt::{Debug, Display};
use std::hash::{Hash, Hasher};

use stateright::{Model, Property};

use crate::hash::fingerprint;
use crate::liveness;
use crate::progress::{Goal, Progress};
use crate::story::teller::Teller;
use crate::subject::{Broken, Subject};

/// A statement about states.
#[derive(Debug)]
pub struct Claim<S> {
    /// The claim's name.
    pub name: &'static str,
    /// What it says, in one sentence.
    pub says: &'static str,
    /// Whether a state satisfies it.
    pub holds: fn(&S) -> bool,
}

/// A protocol: its states and steps, and what is claimed of them.
pub trait Protocol: Sized + Send + Sync + 'static {
    /// A state of all processes and of the network.
    type State: Clone + PartialEq + Hash + Debug + Display + Send + Sync;
    /// One atomic step of one process.
    type Step: Clone + PartialEq + Debug + Display + Send + Sync;

    /// What must hold in every state.
    const CLAIMS: &'static [Claim<Self::State>];
    /// What must be reachable.
    const REACHES: &'static [Claim<Self::State>];
    /// Where it wants to get, if that is claimed.
    const GOAL: Option<Goal<Self::State>> = None;

    /// The initial states.
    fn begin(&self) -> Vec<Self::State>;
    /// The steps that are possible and change something.
    fn steps(&self, state: &Self::State, steps: &mut Vec<Self::Step>);
    /// The state after a step, which must be possible.
    fn after(&self, state: &Self::State, step: &Self::Step) -> Self::State;
    /// The processes that take part, as a story has them: its columns. None, and a story is a list of steps.
    fn lanes(&self) -> Vec<String> {
        Vec::new()
    }
    /// Tell a step that has begun ([`Teller::step`]): the process that does it, what it reads and sends.
    fn tell(&self, _: &mut Teller, _before: &Self::State, _: &Self::Step, _after: &Self::State) {}

    /// Whether nothing more needs to happen in a state in which nothing can.
    fn may_end(&self, _: &Self::State) -> bool {
        true
    }
}

/// `n` names of a kind, numbered from 1.
pub(super) fn numbered(kind: &str, n: usize) -> impl Iterator<Item = String> {
    (1..=n).map(move |i| format!("{kind} {i}"))
}

/// A protocol as a model.
#[derive(Clone, Debug)]
pub struct Checked<P> {
    /// The protocol and its bounds.
    pub protocol: P,
    /// Goes into every fingerprint.
    pub salt: u64,
}

/// A state with the salt that its fingerprint depends on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Salted<S> {
    /// The state.
    pub state: S,
    salt: u64,
}

impl<S: Hash> Hash for Salted<S> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u64(fingerprint(&self.state, self.salt).0);
    }
}

impl<P: Protocol> Checked<P> {
    fn salted(&self, state: P::State) -> Salted<P::State> {
        Salted { state, salt: self.salt }
    }
}

impl<P: Protocol> Model for Checked<P> {
    type State = Salted<P::State>;
    type Action = P::Step;

    fn init_states(&self) -> Vec<Self::State> {
        self.protocol.begin().into_iter().map(|state| self.salted(state)).collect()
    }

    fn actions(&self, state: &Self::State, actions: &mut Vec<P::Step>) {
        self.protocol.steps(&state.state, actions);
    }

    fn next_state(&self, state: &Self::State, step: P::Step) -> Option<Self::State> {
        Some(self.salted(self.protocol.after(&state.state, &step)))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        // stateright takes functions, not closures: each position has its own.
        fn claim<P: Protocol, const I: usize>(_: &Checked<P>, state: &Salted<P::State>) -> bool {
            P::CLAIMS.get(I).is_none_or(|claim| (claim.holds)(&state.state))
        }
        macro_rules! claims {
            ($($i:literal)*) => { [$(claim::<P, $i>),*] };
        }
        let at: [fn(&Self, &Self::State) -> bool; 32] = claims!(
            0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
        );
        assert!(P::CLAIMS.len() <= at.len(), "a function for each claim");
        let mut properties = vec![Property::always("a state", |_, _| true)];
        properties.extend(P::CLAIMS.iter().zip(at).map(|(c, holds)| Property::always(c.name, holds)));
        properties
    }

    fn format_action(&self, step: &P::Step) -> String {
        step.to_string()
    }
}

impl<P: Protocol> Subject for Checked<P> {
    fn key(&self, state: &Self::State) -> u64 {
        fingerprint(&state.state, self.salt).0
    }

    fn packed_len(&self, state: &Self::State) -> usize {
        fingerprint(&state.state, 0).1
    }

    fn broken(&self, state: &Self::State) -> Option<Broken> {
        P::CLAIMS.iter().find(|c| !(c.holds)(&state.state)).map(|c| Broken::Claim(c.name))
    }

    fn all_broken(&self, state: &Self::State, all: &mut Vec<Broken>) {
        all.extend(P::CLAIMS.iter().filter(|c| !(c.holds)(&state.state)).map(|c| Broken::Claim(c.name)));
    }

    fn claims(&self) -> Vec<&'static str> {
        P::CLAIMS.iter().map(|c| c.name).collect()
    }

    fn reaches(&self) -> Vec<&'static str> {
        P::REACHES.iter().map(|c| c.name).collect()
    }

    fn reached(&self, name: &str, state: &Self::State) -> bool {
        P::REACHES.iter().any(|c| c.name == name && (c.holds)(&state.state))
    }

    fn may_end(&self, state: &Self::State) -> bool {
        self.protocol.may_end(&state.state)
    }

    fn show(&self, state: &Self::State) -> String {
        format!("    {}\n", state.state)
    }

    fn rest(&self, state: &Self::State) -> Vec<String> {
        state.state.to_string().split("; ").map(str::to_owned).collect()
    }

    fn says(&self, broken: &Broken) -> String {
        let claim = P::CLAIMS.iter().find(|claim| claim.name == broken.name());
        claim.map_or(broken.says(), |claim| claim.says).to_owned()
    }

    fn teller(&self, state: &Self::State) -> Teller {
        Teller::new(self.protocol.lanes(), Vec::new(), self.rest(state))
    }

    fn tell(&self, teller: &mut Teller, before: &Self::State, step: &P::Step) {
        teller.step(step.to_string());
        let after = self.protocol.after(&before.state, step);
        self.protocol.tell(teller, &before.state, step, &after);
    }

    fn progress(&self) -> Option<Progress> {
        let goal = P::GOAL.as_ref()?;
        Some(liveness::progress(self, |s| (goal.reached)(&s.state), |s| (goal.calm)(&s.state)))
    }
}
