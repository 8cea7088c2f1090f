//! A model, its bounds, and what is known of it.

#[cfg(feature = "mutants")]
use crate::rule::Rule;
use crate::search::Searchable;

/// A model and what is known of it.
pub struct ModelSpec {
    /// The model's name.
    pub name: &'static str,
    /// What the model is composed of.
    pub composes: &'static str,
    /// The model's bounds in words.
    pub bounds: &'static str,
    /// How many unique states it has: a search that comes to another number has found a change.
    pub unique: usize,
    /// What must come out.
    pub expected: Expected,
    /// How the model is built.
    pub build: fn(Variant) -> Box<dyn Searchable>,
}

/// What must come out of a search.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expected {
    /// All properties hold.
    Holds,
    /// This property is violated, at best in this number of steps; the others hold.
    Violates(&'static str, usize),
    /// All properties hold, but a way leads into a cycle that reaches no goal, though every message on it is
    /// delivered. The numbers are the steps of the way and of the cycle.
    Livelock(usize, usize),
}

/// How a model is built, apart from its bounds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Variant {
    /// Goes into every fingerprint: equal counts under two salts make a hidden collision unlikely.
    pub salt: u64,
    /// The rule that every server breaks.
    #[cfg(feature = "mutants")]
    pub mutation: Option<quorate_core::Mutation>,
    /// The rule that every client breaks.
    #[cfg(feature = "mutants")]
    pub client: Option<quorate_client::Mutation>,
}

impl Variant {
    /// The shipped rules, with this salt.
    pub fn salted(salt: u64) -> Self {
        Variant {
            salt,
            #[cfg(feature = "mutants")]
            mutation: None,
            #[cfg(feature = "mutants")]
            client: None,
        }
    }

    /// A variant in which this rule is broken.
    #[cfg(feature = "mutants")]
    pub fn broken(rule: impl Into<Rule>) -> Self {
        match rule.into() {
            Rule::Core(mutation) => Variant { mutation: Some(mutation), ..Variant::default() },
            Rule::Client(mutation) => Variant { client: Some(mutation), ..Variant::default() },
        }
    }
}

/// A model that is searched depth first, and what is known of it.
pub struct DeepSpec {
    /// The model's name.
    pub name: &'static str,
    /// What the model is composed of.
    pub composes: &'static str,
    /// The model's bounds in words.
    pub bounds: &'static str,
    /// How many unique states it has, where a search has come to its end.
    pub unique: Option<usize>,
    /// How the model is built.
    pub build: fn(Variant) -> Box<dyn Searchable>,
}
