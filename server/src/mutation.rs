//! Deliberately broken rules of the shell, for proving that recordings and the test disk notice.
//!
//! Exists only with the feature `mutants`, which no shipped build turns on; then the environment variable
//! `QUORATE_BROKEN` names the rule that a process breaks. `mutated!` marks the places.

#[cfg(feature = "mutants")]
use std::sync::LazyLock;

/// A rule to break.
#[cfg(feature = "mutants")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mutation {
    /// Core is told that a batch is durable before it is: what depends on it is sent before the sync.
    SentBeforeSync,
    /// Of two packets of a link the second is handed over first.
    LinkReordered,
    /// A packet of a connection is handed over when the connection is gone.
    OldConnectionDelivered,
    /// Of the replies that wait for a client's socket one is put before those ahead of it.
    RepliesSwapped,
    /// The name of a new log file is not synced.
    DirectorySyncForgotten,
}

/// Whether this process breaks this rule.
#[cfg(feature = "mutants")]
pub(crate) fn is(rule: Mutation) -> bool {
    static BROKEN: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("QUORATE_BROKEN").ok());
    BROKEN.as_deref() == Some(&format!("{rule:?}"))
}

/// Whether a rule is broken: never, unless this is a build for that.
macro_rules! mutated {
    ($name:ident) => {{
        #[cfg(feature = "mutants")]
        let broken = $crate::mutation::is($crate::mutation::Mutation::$name);
        #[cfg(not(feature = "mutants"))]
        let broken = false;
        broken
    }};
}
pub(crate) use mutated;
