//! Mixed ensembles: which broken rules of core their models notice, and by what.

#![cfg(feature = "mutants")]

use quorate_core::Mutation;
use quorate_spec::models::{Variant, catalogue};

/// The properties that a broken rule violates in a model, up to this number of steps beyond the first.
fn fallen(model: &str, mutation: Mutation, beyond: usize) -> Vec<&'static str> {
    let spec = catalogue().into_iter().find(|m| m.name == model).expect("a model of the catalogue");
    let fall = (spec.build)(Variant::broken(mutation)).fall(beyond);
    fall.fallen.into_iter().map(|(name, _)| name).collect()
}

#[test]
fn a_state_under_a_name_that_says_established_diverges() {
    let fallen = fallen("java-named", Mutation::SnapLabelledEstablished, 40);
    assert!(fallen.contains(&"StateIsNamedTruly"), "{fallen:?}");
    assert!(fallen.contains(&"PrefixConsistency"), "not the name alone: {fallen:?}");
}

#[test]
fn what_was_promised_with_stays_until_it_is_replaced() {
    for mutation in [Mutation::StatelessPromiseCounts, Mutation::ReplacedByNothing] {
        let fallen = fallen("java-dirty", mutation, 0);
        assert!(!fallen.is_empty(), "{mutation:?}");
    }
}

#[test]
fn a_zookeeper_leader_still_counts_what_it_has_truncated() {
    let fallen = fallen("java-one", Mutation::OwnTailTruncated, 0);
    assert!(fallen.contains(&"CommittedSurvives"), "{fallen:?}");
}

#[test]
fn a_zookeeper_follower_serves_what_its_log_had() {
    let fallen = fallen("java-one", Mutation::TailKeptWithoutBase, 0);
    assert!(fallen.contains(&"CommittedSurvives"), "{fallen:?}");
}
