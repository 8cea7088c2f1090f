//! The models' counts are pinned, both searches agree, and every predicate can say no.

use quorate_spec::models::{ModelSpec, Variant, catalogue};
use quorate_spec::search::Limits;

fn model(name: &str) -> ModelSpec {
    catalogue().into_iter().find(|m| m.name == name).expect("a model of the catalogue")
}

fn exhausts_to_its_count(name: &str) {
    let spec = model(name);
    let report = (spec.build)(Variant::default()).search(Limits::default(), &mut |_| {});
    assert!(report.violation.is_none(), "{name}: {:?}", report.violation);
    assert!(report.exhausted && report.unreached.is_empty(), "{name}: unreached {:?}", report.unreached);
    assert_eq!(report.unique, spec.unique, "{name}");
    let (broken, unique) = (spec.build)(Variant::salted(7)).second_opinion();
    assert_eq!((broken, unique), (vec![], spec.unique), "{name}: stateright, other salt");
}

fn reaches_its_goal(name: &str) {
    exhausts_to_its_count(name);
    let progress = (model(name).build)(Variant::default()).progress().expect("a goal");
    assert!(progress.hopeless == 0 && !progress.avoidable, "{name}: {progress:?}");
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
fn a_late_joiner_and_a_stale_leader() {
    exhausts_to_its_count("election-late");
}

#[test]
fn elections_with_an_observer() {
    exhausts_to_its_count("election-observer");
}

#[test]
fn elections_with_weights() {
    exhausts_to_its_count("election-weights");
}

#[test]
fn hierarchical_quorums() {
    exhausts_to_its_count("groups");
}

#[test]
fn who_is_cut_off_gives_up() {
    reaches_its_goal("cut-off");
}

#[test]
fn once_faults_are_over_everybody_can_serve() {
    reaches_its_goal("recovers");
}

#[test]
fn elections_with_votes_that_wait() {
    exhausts_to_its_count("election-reconnect");
}

#[test]
fn the_election_link_of_two_servers() {
    exhausts_to_its_count("links");
}

#[test]
fn sessions_in_time() {
    exhausts_to_its_count("buckets");
}

#[test]
fn the_road_of_a_request() {
    exhausts_to_its_count("road");
}

#[test]
fn clients_and_their_watches() {
    exhausts_to_its_count("clients");
}

#[test]
fn a_lock_and_its_contenders() {
    exhausts_to_its_count("lock");
}

#[test]
fn a_copy_of_a_subtree() {
    exhausts_to_its_count("cache");
}

#[test]
fn a_queue_and_its_consumers() {
    exhausts_to_its_count("queue");
}

#[test]
fn a_barrier() {
    exhausts_to_its_count("barrier");
}

#[test]
fn a_search_that_is_cut_says_so() {
    let limits = Limits { states: Some(1000), ..Limits::default() };
    let report = (model("whole").build)(Variant::default()).search(limits, &mut |_| {});
    assert_eq!((report.unique, report.exhausted), (1000, false));
}
