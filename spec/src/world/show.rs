//! A state as a reader of a counterexample wants to see it.

use super::World;

impl std::fmt::Display for World {
    /// One line per server, then what is under way and what may still happen.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        crate::words::rest(self).iter().try_for_each(|line| writeln!(f, "    {line}"))
    }
}
