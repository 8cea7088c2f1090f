//! The models' counts are pinned, both searches agree, and every predicate can say no.

use quorate_spec::models::{ModelSpec, Variant, catalogue};
use quorate_spec::search::{Limits, breadth_first};
use stateright::{Checker, Model};

fn model(name: &str) -> ModelSpec {
    catalogue().into_iter().find(|m| m.name == name).expect("a model of the catalogue")
}

fn exhausts_to_its_count(name: &str) {
    let spec = model(name);
    let report = breadth_first(&(spec.build)(Variant::default()), Limits::default(), |_| {});
    assert!(report.violation.is_none(), "{name}: {:?}", report.violation);
    assert!(report.exhausted && report.unreached.is_empty(), "{name}: unreached {:?}", report.unreached);
    assert_eq!(report.unique, spec.unique, "{name}");
    let second = (spec.build)(Variant::salted(7)).checker().spawn_dfs().join();
    second.assert_properties();
    assert_eq!(second.unique_state_count(), spec.unique, "{name}: stateright, other salt");
}

#[test]
fn election() {
    exhausts_to_its_count("election");
}

#[test]
fn zab_with_an_oracle() {
    exhausts_to_its_count("zab-oracle");
}

#[test]
fn synchronisation() {
    exhausts_to_its_count("zab-sync");
}

#[test]
fn an_election_that_nothing_disturbs() {
    exhausts_to_its_count("quiet");
}

#[test]
fn a_search_that_is_cut_says_so() {
    let report =
        breadth_first(&(model("whole").build)(Variant::default()), Limits { states: Some(1000) }, |_| {});
    assert_eq!((report.unique, report.exhausted), (1000, false));
}
