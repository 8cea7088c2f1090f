//! The program has none of the hooks that break its rules on purpose.

use std::fs;

/// The names of the broken rules, as `core` lists them.
fn mutations() -> Vec<&'static str> {
    let source = include_str!("../../core/src/mutation.rs");
    let body = source.split("pub enum Mutation {").nth(1).and_then(|rest| rest.split('}').next());
    let lines = body.expect("the list is there").lines().map(str::trim);
    lines.filter_map(|line| line.strip_suffix(',')).collect()
}

fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}

#[test]
fn no_broken_rule_is_in_it() {
    let names = mutations();
    assert!(names.len() >= 20 && names.contains(&"CommitOnMinority"), "{names:?}");
    let program = fs::read(env!("CARGO_BIN_EXE_quorate")).unwrap();
    // What is looked for would be found.
    assert!(contains(&program, "how `quorate ensemble` keeps") || contains(&program, "zoo.cfg"));
    let found: Vec<_> = names.into_iter().filter(|name| contains(&program, name)).collect();
    assert!(found.is_empty(), "{found:?}");
}
