//! What is claimed of requests: no one can tell that they overlap, and each does what it must.

use std::collections::BTreeSet;

use quorate_core::wire::client::Request;
use quorate_core::wire::record::Stat;

use super::menu::MENU;
use super::{Applied, LIMIT, State};
use crate::models::protocol::Claim;
use crate::models::service::Znodes;

/// Every claim.
pub const CLAIMS: &[Claim<State>] = &[
    SPECULATION_COMES_TRUE,
    DIGEST_HOLDS,
    ALL_OR_NOTHING,
    NAMES_INCREASE,
    PARENT_SHOWS_CHILDREN,
    VERSIONS_COMPARED,
    EPHEMERALS_HAVE_SESSIONS,
    NOTHING_TOO_LONG,
    AS_JUDGED,
];

/// What the search must come across.
pub const REACHES: &[Claim<State>] = &[
    Claim { name: "three requests are outstanding", says: "", holds: |s| s.outstanding() == 3 },
    Claim {
        name: "a multi fails",
        says: "",
        holds: |s| applied(s).is_some_and(|a| a.failed && matches!(asked(a), Some(Request::Multi(_)))),
    },
    Claim {
        name: "a version that only an outstanding change made is met",
        says: "",
        holds: |s| {
            applied(s).is_some_and(|a| !a.failed && insists(a).is_some_and(|(_, version)| version == 1))
        },
    },
    Claim { name: "three sequential names are given", says: "", holds: |s| s.names.len() == 3 },
    Claim {
        name: "a session ends without the names of its znodes",
        says: "",
        holds: |s| applied(s).is_some_and(|a| a.nameless && has(&a.before, "/p/b") && !has(&a.after, "/p/b")),
    },
    Claim {
        name: "a transaction is as long as it may be",
        says: "",
        holds: |s| applied(s).is_some_and(|a| a.size == LIMIT),
    },
    Claim {
        name: "a session ends with an ephemeral that was outstanding",
        says: "",
        holds: |s| {
            applied(s)
                .is_some_and(|a| a.sessions.len() == 1 && has(&a.before, "/p/b") && !has(&a.after, "/p/b"))
        },
    },
];

fn applied(state: &State) -> Option<&Applied> {
    state.last.as_deref()
}

/// Whether the last transaction, if there was one, satisfies this.
fn last(state: &State, holds: impl Fn(&Applied) -> bool) -> bool {
    applied(state).is_none_or(holds)
}

fn asked(applied: &Applied) -> Option<Request> {
    MENU.get(applied.ask).map(|ask| (ask.request)())
}

fn insists(applied: &Applied) -> Option<(&'static str, i32)> {
    MENU.get(applied.ask).and_then(|ask| ask.insists)
}

fn stat<'a>(znodes: &'a Znodes, path: &str) -> Option<&'a Stat> {
    znodes.iter().find(|(p, _)| p == path).map(|(_, stat)| stat)
}

fn has(znodes: &Znodes, path: &str) -> bool {
    stat(znodes, path).is_some()
}

/// Overlapping requests come to what they come to one by one.
pub const SPECULATION_COMES_TRUE: Claim<State> = Claim {
    name: "SpeculationComesTrue",
    says: "what is prepared on top of outstanding changes is what comes of the requests one by one: transaction, \
           answer and tree",
    holds: |s| last(s, |a| a.same_txn && a.same_answer && a.same_tree),
};

/// The leader knows the tree that will be.
pub const DIGEST_HOLDS: Claim<State> = Claim {
    name: "DigestHolds",
    says: "the digest in a transaction is that of the tree once it is applied",
    holds: |s| last(s, |a| a.mismatches == 0),
};

/// A failure, of a whole multi too, changes nothing.
pub const ALL_OR_NOTHING: Claim<State> = Claim {
    name: "AllOrNothing",
    says: "a request that fails, or of which one part fails, changes nothing",
    holds: |s| last(s, |a| !a.failed || a.before == a.after),
};

/// Sequential names are never given twice.
pub const NAMES_INCREASE: Claim<State> = Claim {
    name: "NamesIncrease",
    says: "sequential names under one parent are unique and increasing, deletes or not",
    holds: |s| s.names.windows(2).all(|pair| pair[0] < pair[1]),
};

/// A parent's stat tells that its children have changed.
pub const PARENT_SHOWS_CHILDREN: Claim<State> = Claim {
    name: "ParentShowsChildren",
    says: "where a child came or went, the parent's pzxid is that transaction's and its cversion counts every \
           coming and going",
    holds: |s| {
        last(s, |a| {
            a.before.iter().all(|(path, old)| {
                let Some(new) = stat(&a.after, path) else { return true };
                let changes = changes_below(a, path);
                changes == 0 || new.pzxid == a.zxid && new.cversion - old.cversion == changes
            })
        })
    },
};

/// How many children came and went.
fn changes_below(applied: &Applied, parent: &str) -> i32 {
    let children = |znodes: &Znodes| -> BTreeSet<(String, u64)> {
        let below = |path: &str| {
            path.rsplit_once('/').is_some_and(|(up, name)| {
                !name.is_empty() && (up == parent || up.is_empty() && parent == "/")
            })
        };
        znodes
            .iter()
            .filter(|(path, _)| below(path))
            .map(|(path, stat)| (path.clone(), stat.czxid.0))
            .collect()
    };
    let (before, after) = (children(&applied.before), children(&applied.after));
    before.symmetric_difference(&after).count() as i32
}

/// A conditional change is done if and only if the condition holds.
pub const VERSIONS_COMPARED: Claim<State> = Claim {
    name: "VersionsCompared",
    says: "a change that names a version is made only to that version",
    holds: |s| {
        last(s, |a| {
            let Some((path, version)) = insists(a) else { return true };
            a.failed || stat(&a.before, path).is_some_and(|stat| stat.version == version)
        })
    },
};

/// Ephemerals live exactly as long as their session.
pub const EPHEMERALS_HAVE_SESSIONS: Claim<State> = Claim {
    name: "EphemeralsHaveSessions",
    says: "no ephemeral outlives its session",
    holds: |s| {
        last(s, |a| {
            let open = |owner: i64| owner == 0 || a.sessions.iter().any(|session| session.0 == owner);
            a.after.iter().all(|(_, stat)| open(stat.ephemeral_owner))
        })
    },
};

/// A learner leaves a leader that proposes what is too long for it.
pub const NOTHING_TOO_LONG: Claim<State> = Claim {
    name: "NothingTooLong",
    says: "no transaction is longer than a learner accepts",
    holds: |s| last(s, |a| a.size <= LIMIT),
};

/// ZooKeeper's rules, written once more.
pub const AS_JUDGED: Claim<State> = Claim {
    name: "AsJudged",
    says: "the answer of a request, and every znode, is what an independent judge says who takes the requests one \
           by one",
    holds: |s| last(s, |a| a.judged),
};

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use quorate_core::ids::Zxid;

    use super::super::{Protocol, Road, Step};
    use super::*;
    use crate::models::Variant;

    /// Every claim says no to the one state that is made for it.
    #[test]
    fn hand_built_bad_states_are_rejected() {
        let model = Road { requests: 1, variant: Variant::default() };
        let sets =
            MENU.iter().position(|ask| ask.words == "setData /p/a of version 0").expect("it is on the menu");
        let sent = model.after(&model.begin()[0], &Step::Send(sets));
        let good = model.after(&sent, &Step::Commit);
        let rejected = |change: &dyn Fn(&mut State, &mut Applied)| -> Vec<&str> {
            let mut state = good.clone();
            let mut last = Applied::clone(state.last.as_deref().expect("it is applied"));
            change(&mut state, &mut last);
            state.last = Some(Arc::new(last));
            CLAIMS.iter().filter(|claim| !(claim.holds)(&state)).map(|claim| claim.name).collect()
        };
        assert_eq!(rejected(&|_, _| {}), Vec::<&str>::new());
        assert_eq!(rejected(&|_, a| a.same_txn = false), ["SpeculationComesTrue"]);
        assert_eq!(rejected(&|_, a| a.same_answer = false), ["SpeculationComesTrue"]);
        assert_eq!(rejected(&|_, a| a.same_tree = false), ["SpeculationComesTrue"]);
        assert_eq!(rejected(&|_, a| a.mismatches = 1), ["DigestHolds"]);
        assert_eq!(rejected(&|_, a| a.failed = true), ["AllOrNothing"]);
        assert_eq!(rejected(&|s, _| s.names = vec!["/p/s1".into(), "/p/s1".into()]), ["NamesIncrease"]);
        let lose = |a: &mut Applied| a.after.retain(|(path, _)| path != "/p/a");
        assert_eq!(rejected(&|_, a| lose(a)), ["ParentShowsChildren"]);
        let parent = |a: &mut Applied, pzxid: Zxid| {
            let (_, stat) = a.after.iter_mut().find(|(path, _)| path == "/p").expect("it is there");
            (stat.pzxid, stat.cversion) = (pzxid, stat.cversion + 1);
        };
        assert_eq!(rejected(&|_, a| (lose(a), parent(a, a.zxid)).0), Vec::<&str>::new());
        assert_eq!(rejected(&|_, a| (lose(a), parent(a, Zxid::ZERO)).0), ["ParentShowsChildren"]);
        let raise = |a: &mut Applied| a.before.iter_mut().for_each(|(_, stat)| stat.version = 1);
        assert_eq!(rejected(&|_, a| raise(a)), ["VersionsCompared"]);
        assert_eq!(rejected(&|_, a| a.sessions.clear()), ["EphemeralsHaveSessions"]);
        assert_eq!(rejected(&|_, a| a.size = LIMIT + 1), ["NothingTooLong"]);
        assert_eq!(rejected(&|_, a| a.judged = false), ["AsJudged"]);
    }
}
