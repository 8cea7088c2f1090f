//! How often in a row a server has given a role up before the role came to anything.

use core::hash::{Hash, Hasher};

use crate::timer::Delay;

/// The pause stops growing here: 100 ms doubled four times.
const MOST: u8 = 6;

/// Roles that ended before a tick in service, one after the other. What follows from them is a delay and
/// nothing else, and models let alarms fire at any time: so they are no part of a state's identity.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Failures(u8);

impl Failures {
    /// One more.
    pub(crate) fn add(&mut self) {
        self.0 = (self.0 + 1).min(MOST);
    }

    /// The role has come to something.
    pub(crate) fn forget(&mut self) {
        self.0 = 0;
    }

    /// How long a learner waits before it dials: not at all after one failure, which may be its leader's
    /// death.
    pub(crate) fn pause(self) -> Option<Delay> {
        Some(Delay::Redial(self.0.checked_sub(2)?))
    }
}

impl PartialEq for Failures {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Failures {}

impl Hash for Failures {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_doubles_the_pause_up_to_a_limit() {
        let mut failures = Failures::default();
        assert_eq!(failures.pause(), None);
        failures.add();
        assert_eq!(failures.pause(), None);
        let pauses: alloc::vec::Vec<_> = (0..7)
            .map(|_| {
                failures.add();
                failures.pause().expect("it has failed twice")
            })
            .collect();
        assert_eq!(pauses, [0, 1, 2, 3, 4, 4, 4].map(Delay::Redial));
        failures.forget();
        assert_eq!(failures.pause(), None);
    }
}
