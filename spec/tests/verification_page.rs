//! docs/VERIFICATION.md has the tables that the catalogue and the properties make, and names everything that
//! is claimed.
//!
//! `QUORATE_PAGES=write cargo test -p quorate-spec --test verification_page` writes the tables anew.

use std::collections::BTreeSet;
use std::fmt::Write;

use quorate_spec::models::{Expected, Variant, catalogue, deep};
use quorate_spec::properties::{ELECTION, Invariant, ZAB};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/VERIFICATION.md");

fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    groups.map(|group| String::from_utf8_lossy(group)).collect::<Vec<_>>().join(",")
}

fn models() -> String {
    let mut table = String::from("| model | composes | bounds | unique states |\n|---|---|---|---:|\n");
    let mut total = 0;
    for spec in catalogue() {
        let expected = match spec.expected {
            Expected::Holds => String::new(),
            Expected::Violates(property, steps) => {
                format!("; expected: {property} is violated in {steps} steps")
            }
            Expected::Livelock(way, round) => {
                format!("; expected: {way} steps lead into a cycle of {round} that reaches no goal")
            }
        };
        let unique = grouped(spec.unique);
        writeln!(table, "| `{}` | {}{expected} | {} | {unique} |", spec.name, spec.composes, spec.bounds)
            .unwrap();
        total += spec.unique;
    }
    writeln!(table, "\n{} models, {} unique states.", catalogue().len(), grouped(total)).unwrap();
    table
}

fn deep_models() -> String {
    let mut table = String::from("| model | composes | bounds | unique states |\n|---|---|---|---:|\n");
    for spec in deep() {
        let unique = spec.unique.map_or("not known".to_owned(), grouped);
        writeln!(table, "| `{}` | {} | {} | {unique} |", spec.name, spec.composes, spec.bounds).unwrap();
    }
    table
}

fn properties() -> String {
    let mut table = String::from("| property | says | source |\n|---|---|---|\n");
    let mut seen = BTreeSet::new();
    for Invariant { name, claim, source, .. } in ZAB.iter().chain(ELECTION) {
        if seen.insert(name) {
            writeln!(table, "| {name} | {claim} | {source} |").unwrap();
        }
    }
    table
}

/// The page with these tables in their places.
fn with_tables(mut page: String) -> String {
    for (name, table) in [("models", models()), ("deep", deep_models()), ("properties", properties())] {
        let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->\n"));
        let begin = page.find(&open).unwrap_or_else(|| panic!("no {open}")) + open.len();
        let end = page.find(&close).unwrap_or_else(|| panic!("no {close}"));
        page.replace_range(begin..end, &table);
    }
    page
}

#[test]
fn the_tables_are_those_of_the_program() {
    let page = std::fs::read_to_string(PAGE).expect("the page");
    let right = with_tables(page.clone());
    if std::env::var_os("QUORATE_PAGES").is_some_and(|value| value == "write") {
        return std::fs::write(PAGE, right).expect("the page can be written");
    }
    assert!(page == right, "the tables are not those of the program: QUORATE_PAGES=write writes them");
}

#[test]
fn everything_that_is_claimed_of_a_model_is_named() {
    let page = std::fs::read_to_string(PAGE).expect("the page");
    let words: BTreeSet<&str> = page.split(|c: char| !c.is_alphanumeric()).collect();
    let claims = catalogue().into_iter().flat_map(|spec| (spec.build)(Variant::default()).claims());
    let missing: BTreeSet<&str> = claims.filter(|claim| !words.contains(claim)).collect();
    assert!(missing.is_empty(), "not on the page: {missing:?}");
}
