//! A rule to break: of core, or of the client's recipes.

use std::fmt;

/// A rule that one of the crates under test can be told to break.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// A rule of core.
    Core(quorate_core::Mutation),
    /// A rule of a recipe of the client.
    Client(quorate_client::Mutation),
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::Core(mutation) => mutation.fmt(f),
            Rule::Client(mutation) => mutation.fmt(f),
        }
    }
}

impl From<quorate_core::Mutation> for Rule {
    fn from(mutation: quorate_core::Mutation) -> Self {
        Rule::Core(mutation)
    }
}

impl From<quorate_client::Mutation> for Rule {
    fn from(mutation: quorate_client::Mutation) -> Self {
        Rule::Client(mutation)
    }
}
