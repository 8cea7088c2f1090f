//! Circles in a graph of files.

use std::collections::{BTreeMap, BTreeSet};

use super::imports::Edge;

/// The largest sets of more than two files each of which leads to every other.
pub(crate) fn circles(edges: &[Edge]) -> Vec<BTreeSet<String>> {
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for edge in edges {
        next.entry(&edge.from).or_default().insert(&edge.to);
        next.entry(&edge.to).or_default();
    }
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        next.keys().map(|from| (*from, reach(&next, from))).collect();
    let mut found = BTreeSet::new();
    for (from, there) in &reached {
        let circle: BTreeSet<String> =
            there.iter().filter(|to| reached[**to].contains(from)).map(|to| (*to).to_owned()).collect();
        if circle.len() > 2 {
            found.insert(circle);
        }
    }
    found.into_iter().collect()
}

fn reach<'a>(next: &BTreeMap<&'a str, BTreeSet<&'a str>>, from: &'a str) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut open = vec![from];
    while let Some(at) = open.pop() {
        open.extend(next[at].iter().filter(|to| seen.insert(**to)));
    }
    seen
}

#[test]
fn three_in_a_circle_are_found_and_two_are_allowed() {
    let edge = |from: &str, to: &str| Edge { from: from.to_owned(), to: to.to_owned(), items: Vec::new() };
    let of = |pairs: &[(&str, &str)]| circles(&pairs.iter().map(|(a, b)| edge(a, b)).collect::<Vec<_>>());
    assert_eq!(of(&[("a", "b"), ("b", "a"), ("b", "c")]), Vec::new());
    let three = BTreeSet::from(["a", "b", "c"].map(str::to_owned));
    assert_eq!(of(&[("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")]), vec![three.clone()]);
    assert_eq!(of(&[("a", "b"), ("b", "a"), ("b", "c"), ("c", "b")]), vec![three]);
}
