//! Rules are broken on purpose in the files of the rules, so that the protocol can be read without the hooks.
//! Each rule in the list is broken somewhere.

use std::fs;
use std::path::{Path, PathBuf};

/// The Rust files under `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of the sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn is_of_rules(path: &Path) -> bool {
    path.ends_with("rules.rs") || path.parent().is_some_and(|folder| folder.ends_with("rules"))
}

/// The names in the hooks of a file: `mutated!(where, Name)`.
fn broken_in(text: &str) -> Vec<&str> {
    let hooks = text.split("mutated!(").skip(1);
    let names = hooks.filter_map(|rest| rest.split_once(')')?.0.rsplit_once(','));
    names.map(|(_, name)| name.trim()).collect()
}

#[test]
fn rules_are_broken_where_they_stand_and_each_one_is() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let list = fs::read_to_string(source.join("mutation.rs")).expect("the list of broken rules");
    let variants = list.split_once("pub enum Mutation {").and_then(|(_, rest)| rest.split_once("\n}"));
    let variants = variants.expect("an enum").0.lines().map(str::trim);
    let mut unbroken: Vec<&str> = variants.filter_map(|line| line.strip_suffix(',')).collect();
    unbroken.retain(|name| !name.starts_with("//"));
    assert!(unbroken.len() > 100, "the list is read: {}", unbroken.len());
    let texts: Vec<(PathBuf, String)> = files(&source)
        .into_iter()
        .filter(|path| !path.ends_with("mutation.rs"))
        .map(|path| (path.clone(), fs::read_to_string(path).expect("a source")))
        .collect();
    for (path, text) in &texts {
        let broken = broken_in(text);
        let path = path.strip_prefix(&source).expect("a source of core");
        assert!(broken.is_empty() || is_of_rules(path), "{} breaks {broken:?}", path.display());
        unbroken.retain(|name| !broken.contains(name));
    }
    assert!(unbroken.is_empty(), "no rule is broken by {unbroken:?}");
}
