use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use super::*;
use crate::config::{Constant, PeerConfig};
use crate::ids::{EPOCH_LEAP, Epoch, LAST_EPOCH, Link, Now, ServerId, Zxid};
use crate::membership::Membership;
use crate::pipeline::{ClientTxn, Settings};
use crate::quorum::QuorumVerifier;
use crate::zab::history::History;
use crate::zab::learner_handler::{LearnerHandler, Promise, Stage};
use crate::zab::member::Member;
use crate::zab::sync_plan::SyncPlan;

fn zxid((epoch, counter): (u32, u32)) -> Zxid {
    Zxid::new(epoch, counter)
}

/// Server 1 of three voters, beside observer 4, with these transactions on disk; those up to `applied` are
/// committed.
fn member(current_epoch: Epoch, log: &[(u32, u32)], applied: (u32, u32)) -> Member<ClientTxn> {
    let voters = QuorumVerifier::Majority((1..=3).map(ServerId).collect());
    let members = Membership::new(voters, vec![ServerId(4)]);
    let config = PeerConfig::new(ServerId(1), members, Settings::new(ServerId(1), 2000));
    let entries = log.iter().map(|at| (zxid(*at), ClientTxn(vec![0; 8].into()))).collect();
    let mut history = History::recovered(Zxid::ZERO, entries);
    while history.next_to_apply(zxid(applied)).is_some() {}
    Member::new(Constant::new(config), current_epoch, current_epoch, history, None)
}

/// Connected learners in these stages; 4 is an observer.
fn learners(stages: &[(i64, Stage)]) -> BTreeMap<ServerId, LearnerHandler> {
    let learner = |(id, stage): &(i64, Stage)| {
        let link = Link { server: ServerId(*id), generation: 1 };
        let handler =
            LearnerHandler { voter: *id <= 3, stage: *stage, ..LearnerHandler::new(link, Now::default()) };
        (ServerId(*id), handler)
    };
    stages.iter().map(learner).collect()
}

fn promised(current: Option<Epoch>) -> Stage {
    Stage::EpochAcked(Promise { current, last: Zxid::ZERO })
}

fn synchronized(acked: (u32, u32)) -> Stage {
    Stage::Synchronized { committed: Zxid::ZERO, acked: zxid(acked) }
}

#[test]
fn a_quorum_counts_the_leader_and_voters_and_no_observer() {
    let m = member(1, &[(1, 1), (1, 2)], (0, 0));
    let promises = |stages: &[(i64, Stage)]| quorum::has_promised(&m, &learners(stages));
    assert!(promises(&[(2, promised(Some(1)))]));
    assert!(!promises(&[]) && !promises(&[(4, promised(Some(1)))]));
    assert!(!promises(&[(2, promised(None)), (3, promised(None))]), "promised before");
    let history = |own, stages: &[(i64, Stage)]| quorum::has_initial_history(&m, &learners(stages), own);
    let two = [(2, synchronized((0, 0))), (3, synchronized((0, 0)))];
    assert!(history(true, &two[..1]) && history(false, &two));
    assert!(!history(false, &two[..1]), "its own epoch is not on disk");
    assert!(!history(true, &[(4, synchronized((0, 0)))]));
    let logged = |at, stages: &[(i64, Stage)]| quorum::has_logged(&m, &learners(stages), zxid(at));
    assert!(logged((1, 2), &[(2, Stage::InService { acked: zxid((1, 2)) })]));
    assert!(!logged((1, 2), &[(2, synchronized((1, 1))), (3, Stage::InService { acked: zxid((1, 1)) })]));
    let early = Stage::Synchronizing { committed: Zxid::ZERO, acked: zxid((1, 2)) };
    assert!(!logged((1, 2), &[(2, early)]), "it has not acknowledged NEWLEADER");
    let follows = |stages: &[(i64, Stage)]| quorum::follows(&m, &learners(stages));
    assert!(follows(&two[..1]) && !follows(&[(2, early)]) && !follows(&[]));
}

#[test]
fn an_epoch_is_later_than_any_that_was_promised_and_within_reach() {
    let m = member(1, &[], (0, 0));
    assert_eq!(discovery::new_epoch(&m.config, 4), Some(5));
    assert_eq!(discovery::new_epoch(&m.config, LAST_EPOCH), None);
    assert_eq!(discovery::within_reach(&m.config, LAST_EPOCH, 4), 4 + EPOCH_LEAP);
    assert_eq!(discovery::within_reach(&m.config, 7, 4), 7);
    let makes_way = |accepted, voter, settled| discovery::makes_way(&m.config, 4, accepted, voter, settled);
    assert!(makes_way(5, true, true));
    assert!(!makes_way(4, true, true) && !makes_way(5, false, true) && !makes_way(5, true, false));
}

#[test]
fn a_later_epoch_is_ahead_and_so_is_a_longer_history_of_the_same() {
    let m = member(2, &[(1, 1), (2, 1)], (0, 0));
    let is_ahead = |current, last| discovery::is_ahead(&m, Promise { current, last: zxid(last) });
    assert!(is_ahead(Some(3), (1, 1)) && is_ahead(Some(2), (2, 2)));
    assert!(!is_ahead(Some(2), (2, 1)) && !is_ahead(Some(1), (2, 9)));
    assert!(!is_ahead(None, (9, 9)), "a promise that does not count says nothing");
}

#[test]
fn a_promise_counts_if_the_server_can_vouch_for_what_it_says() {
    let mut m = member(0, &[(1, 1)], (0, 0));
    let promise = |m: &Member<ClientTxn>, wants_state| discovery::promise(m, Some(0), wants_state);
    assert_eq!(promise(&m, false), Promise { current: Some(0), last: zxid((1, 1)) });
    assert_eq!(promise(&m, true), Promise { current: None, last: Zxid::ZERO });
    m.trusted = false;
    assert_eq!(promise(&m, false), Promise { current: None, last: zxid((1, 1)) });
}

#[test]
fn what_is_proposed_again_is_truncated_or_replaced() {
    let plan = |m: &Member<ClientTxn>, current, last, initial| {
        let promise = Promise { current, last: zxid(last) };
        synchronization::plan(m, promise, synchronization::told_as_committed(m, 2), initial)
    };
    let m = member(2, &[(1, 1), (2, 1)], (1, 1));
    assert_eq!(plan(&m, Some(2), (2, 1), false), SyncPlan::Trunc { to: zxid((1, 1)) });
    assert_eq!(plan(&m, Some(2), (2, 1), true), SyncPlan::Diff { after: zxid((2, 1)) });
    assert_eq!(plan(&m, None, (0, 0), false), SyncPlan::Snap, "it may have more than it says");
    assert_eq!(plan(&m, Some(0), (0, 0), false), SyncPlan::Diff { after: Zxid::ZERO });
    let nothing_applied = member(2, &[(2, 1)], (0, 0));
    assert_eq!(plan(&nothing_applied, Some(2), (2, 1), false), SyncPlan::Snap);
}

#[test]
fn a_state_is_named_after_what_is_in_it() {
    let m = member(1, &[(1, 1), (1, 2)], (1, 1));
    let named = |initial| {
        let stands = synchronization::state_stands_at(&m, initial);
        (stands, synchronization::state_is_named(&m, stands, 2, initial))
    };
    assert_eq!(named(true), (zxid((1, 2)), zxid((1, 2))));
    assert_eq!(named(false), (zxid((1, 1)), zxid((2, 0))));
    assert!(synchronization::state_needs_tail(&m, true) && !synchronization::state_needs_tail(&m, false));
}

#[test]
fn commits_that_were_held_back_have_no_holes() {
    let m = member(2, &[(2, 1), (2, 2), (2, 3)], (2, 3));
    let held = |voter, told| -> Vec<Zxid> { synchronization::held_commits(&m, voter, zxid(told)).collect() };
    assert_eq!(held(true, (2, 1)), [zxid((2, 2)), zxid((2, 3))]);
    assert!(held(true, (2, 3)).is_empty() && held(false, (2, 1)).is_empty());
    let early =
        |committed| -> Vec<Zxid> { synchronization::early_proposals(&m, 2, zxid(committed)).collect() };
    assert_eq!(early((1, 7)), [zxid((2, 1)), zxid((2, 2)), zxid((2, 3))]);
    assert_eq!(early((2, 2)), [zxid((2, 3))]);
}

#[test]
fn zxids_go_on_within_an_epoch_and_begin_anew_in_the_next() {
    let m = member(1, &[(1, 1), (1, 2)], (1, 1));
    assert_eq!(broadcast::next_zxid(&m, 1), Some(zxid((1, 3))));
    assert_eq!(broadcast::next_zxid(&m, 2), Some(zxid((2, 1))));
    assert_eq!(broadcast::next_zxid(&member(1, &[], (0, 0)), 1), Some(zxid((1, 1))));
    assert_eq!(broadcast::sync_waits_for(&m), Some(zxid((1, 2))));
    assert_eq!(broadcast::sync_waits_for(&member(1, &[(1, 1)], (1, 1))), None);
}

#[test]
fn a_proposal_is_acknowledged_behind_newleader_and_in_its_epoch() {
    let m = member(2, &[], (0, 0));
    let may = |at, acked| broadcast::may_acknowledge(&m.config, 2, zxid(at), acked);
    assert!(may((2, 1), true) && !may((2, 1), false) && !may((1, 1), true));
}
