//! How a story is asked for again.

use quorate_spec::models::catalogue;
use quorate_spec::story::show_path;

/// The command that tells a path again.
pub(crate) fn again(model: &str, mutant: Option<&str>, path: &[usize]) -> String {
    let mutant = mutant.map_or_else(String::new, |name| format!("--mutant {name} "));
    format!("quorate-checks story {mutant}{model} {}", show_path(path))
}

/// The names of the models.
pub(crate) fn names() -> Vec<String> {
    catalogue().iter().map(|m| m.name.to_owned()).collect()
}
