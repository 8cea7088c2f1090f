//! What is claimed of sessions in time: not early, not late, once.

use super::{Seen, State, TICK_MS};
use crate::models::protocol::Claim;

/// Every claim.
pub const CLAIMS: &[Claim<State>] = &[NOT_EARLY, FULL_TIMEOUT, NOT_LATE, ENDS_ONCE];

/// What the search must come across.
pub const REACHES: &[Claim<State>] = &[
    Claim { name: "both sessions have ended", says: "", holds: |s| s.seen.iter().all(|seen| seen.gone) },
    Claim {
        name: "an end that was proposed is lost with its leader",
        says: "",
        holds: |s| {
            s.leader == 1 && s.proposed.is_empty() && s.seen.iter().any(|seen| !seen.touched && !seen.gone)
        },
    },
    Claim {
        name: "a session lives on until the end of its bucket",
        says: "",
        holds: |s| open(s).any(|seen| s.clock == seen.heard + seen.timeout_ms + TICK_MS - 1),
    },
    Claim {
        name: "a session outlives the other's whole timeout",
        says: "",
        holds: |s| s.seen[0].gone && open(s).any(|seen| seen.heard > 1 + seen.timeout_ms),
    },
];

fn open(state: &State) -> impl Iterator<Item = &Seen> {
    state.seen.iter().filter(|seen| !seen.gone && seen.ended.is_none())
}

fn early(seen: &Seen) -> bool {
    seen.ended.is_some_and(|ended| ended < seen.heard + seen.timeout_ms)
}

/// Never before the timeout has passed.
pub const NOT_EARLY: Claim<State> = Claim {
    name: "NotEarly",
    says: "a session's end is not proposed before its timeout has passed since the leader last heard of it",
    holds: |s| !s.seen.iter().any(|seen| seen.touched && early(seen)),
};

/// A leader that has just begun has heard of no session yet.
pub const FULL_TIMEOUT: Claim<State> = Claim {
    name: "FullTimeout",
    says: "a new leader gives every session its full timeout",
    holds: |s| !s.seen.iter().any(|seen| !seen.touched && early(seen)),
};

/// At most a bucket later.
pub const NOT_LATE: Claim<State> = Claim {
    name: "NotLate",
    says: "a session that the leader does not hear of ends within its timeout and one bucket",
    holds: |s| open(s).all(|seen| s.clock < seen.heard + seen.timeout_ms + TICK_MS),
};

/// What has ended is not heard of any more.
pub const ENDS_ONCE: Claim<State> = Claim {
    name: "EndsOnce",
    says: "a leader proposes the end of a session once",
    holds: |s| s.seen.iter().all(|seen| seen.ends <= 1),
};

#[cfg(test)]
mod tests {
    use super::super::{Buckets, Protocol};
    use super::*;

    /// Every claim says no to the one state that is made for it.
    #[test]
    fn hand_built_bad_states_are_rejected() {
        let model = Buckets { until: 20, reigns: 0, jumps: 0, variant: crate::models::Variant::default() };
        let good = model.begin().remove(0);
        let timeout = good.seen[0].timeout_ms;
        let rejected = |change: &dyn Fn(&mut State)| -> Vec<&str> {
            let mut state = good.clone();
            change(&mut state);
            CLAIMS.iter().filter(|claim| !(claim.holds)(&state)).map(|claim| claim.name).collect()
        };
        assert_eq!(rejected(&|_| {}), Vec::<&str>::new());
        assert_eq!(rejected(&|s| s.seen[0].ended = Some(timeout)), ["NotEarly"]);
        assert_eq!(rejected(&|s| s.seen[0].ended = Some(1 + timeout)), Vec::<&str>::new());
        assert_eq!(
            rejected(&|s| (s.seen[1].touched, s.seen[1].ended) = (false, Some(timeout))),
            ["FullTimeout"]
        );
        assert_eq!(rejected(&|s| s.clock = 1 + timeout + TICK_MS), ["NotLate"]);
        assert_eq!(rejected(&|s| s.seen[1].ends = 2), ["EndsOnce"]);
    }
}
