//! What a person reads: one row per model, a counterexample as a story.

use std::ffi::OsStr;
use std::path::Path;

use quorate_spec::models::paxos::tables::Cost;
use quorate_spec::models::{Expected, ModelSpec, catalogue};
use quorate_spec::search::Searchable;
use quorate_spec::story::Story;

use crate::out::outln;

/// A path of a model, with the shipped rules or one broken, told; and how to see it again.
pub(crate) fn story(model: &str, mutant: Option<&str>, subject: &dyn Searchable, path: &[usize]) {
    match subject.story(path) {
        Ok(mut story) => {
            let broken = mutant.map_or_else(String::new, |name| format!(" with {name}"));
            story.title = format!("{model}{broken}, {} steps:", story.steps.len());
            story.again = crate::again::again(model, mutant, path);
            outln!("\n{}", story.text());
        }
        Err(why) => outln!("it cannot be told: {why}"),
    }
}

/// A story as the name of the file wants it: HTML, SVG, or text.
pub(crate) fn formatted(story: &Story, file: Option<&Path>) -> String {
    match file.and_then(Path::extension).and_then(OsStr::to_str) {
        Some("html" | "htm") => story.html(),
        Some("svg") => story.svg(),
        _ => story.text(),
    }
}

/// Print a text, or write it to a file and print the file's name.
pub(crate) fn deliver(text: &str, file: Option<&Path>) -> Result<(), String> {
    match file {
        None => crate::out::text(format_args!("{text}")),
        Some(file) if file.as_os_str() == "-" => crate::out::text(format_args!("{text}")),
        Some(file) => {
            std::fs::write(file, text).map_err(|e| format!("cannot write {}: {e}", file.display()))?;
            outln!("{}", file.display());
        }
    }
    Ok(())
}

/// The model of this name.
pub(crate) fn model(name: &str) -> Result<ModelSpec, String> {
    let found = catalogue().into_iter().find(|m| m.name == name);
    found.ok_or_else(|| unknown("model", name, &crate::again::names()))
}

/// What a model is, how far it goes, and what is expected of it: the explorer itself shows states only.
pub(crate) fn claims(model: &ModelSpec) -> Vec<String> {
    let expected = match model.expected {
        Expected::Holds => format!("every property holds in all of its {} states", model.unique),
        Expected::Violates(property, steps) => {
            format!("{property} is violated, after {steps} steps at the earliest")
        }
        Expected::Livelock(stem, cycle) => format!("a livelock: {stem} steps into a cycle of {cycle}"),
    };
    vec![model.composes.to_owned(), model.bounds.to_owned(), format!("expected: {expected}")]
}

/// A name that nothing has, the one that was probably meant, and all there are.
pub(crate) fn unknown(what: &str, name: &str, names: &[String]) -> String {
    let near = names.iter().min_by_key(|n| distance(&name.to_lowercase(), &n.to_lowercase()));
    let meant = near.filter(|n| distance(name, n) <= name.len().div_ceil(2));
    let meant = meant.map_or_else(|| ".".to_owned(), |n| format!("; is '{n}' meant?"));
    format!("there is no {what} '{name}'{meant} There are: {}", names.join(", "))
}

/// How many letters must be changed, added or left out (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

/// What protocols cost, side by side.
pub(crate) fn costs(costs: &[Cost]) {
    outln!("3 servers, nothing lost; messages between servers; a round trip is two delays\n");
    outln!("{:<44} {:>8} {:>9} {:>12} {:>9}", "", "commands", "messages", "until", "until all");
    outln!("{:<44} {:>8} {:>9} {:>12} {:>9}", "", "", "each", "answered", "know");
    for cost in costs {
        outln!(
            "{:<44} {:>8} {:>9} {:>8} d.  {:>6} d.",
            cost.what,
            cost.commands,
            cost.messages / cost.commands.max(1),
            cost.answered,
            cost.everybody
        );
    }
}
