//! The pages are true where they speak of this program: its commands and configuration keys.

#[path = "../../tests/pages/mod.rs"]
mod library;

use std::collections::BTreeSet;

use crate::config::is_key;
use library::{Page, Program, none, pages};

/// Words that look like a configuration key and are something else: operations, files, fields, classes of
/// Java, and misspellings that the changelog quotes.
const OTHER_WORDS: &[&str] = &[
    "acceptedEpoch",
    "addWatch",
    "adminPort",
    "canBeReadOnly",
    "createContainer",
    "createSession",
    "createTTL",
    "currentEpoch",
    "deleteContainer",
    "getAllChildrenNumber",
    "getChildren",
    "getEphemerals",
    "java.env",
    "key",
    "log.ZXID",
    "multiRead",
    "org.apache.zookeeper.metrics.impl.DefaultMetricsProvider",
    "org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider",
    "purgeInterval",
    "quorate.lock",
    "quorate.models",
    "readOnly",
    "read_only",
    "setACL",
    "setData",
    "setWatches",
    "snapRetainCount",
    "snapshot.0",
    "snapshot.ZXID",
    "streaming",
    "timeTick",
    "to",
    "zookeeper.KEY",
    "zookeeper.X",
    "zookeeper.request.timeout",
    "zookeeper_server.pid",
];

#[test]
fn commands_can_be_typed_as_they_are_written() {
    let names =
        &["quorate", "cargo run --release --", "cargo run --release -p quorate --", "target/release/quorate"];
    none(&Program { names, command: crate::cli::command }.misspelt());
}

#[test]
fn every_configuration_key_is_in_the_table() {
    let code: Vec<_> = pages().iter().flat_map(Page::code).collect();
    let said = code.iter().filter_map(|code| Some((&code.place, key(&code.text)?)));
    let said: Vec<_> = said.filter(|(_, key)| !OTHER_WORDS.contains(key)).collect();
    assert!(said.len() > 50, "only {} keys are found", said.len());
    let unknown = said.iter().filter(|(_, key)| !is_key(key));
    none(&unknown.map(|(place, key)| format!("{place}: there is no key `{key}`")).collect::<Vec<_>>());
    let said: BTreeSet<_> = said.into_iter().map(|(_, key)| key).collect();
    let known: Vec<_> = OTHER_WORDS.iter().filter(|word| is_key(word) || said.contains(*word)).collect();
    assert!(known.is_empty(), "these words are keys: {known:?}");
}

/// The configuration key in a piece of code: `key=value`, or a word with a capital or a dot inside.
fn key(code: &str) -> Option<&str> {
    let (key, value) = code.split_once('=').map_or((code, None), |(key, value)| (key, Some(value)));
    let shape = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
    if !key.starts_with(|c: char| c.is_ascii_lowercase()) || !key.chars().all(shape) {
        return None;
    }
    let bare = key.contains('.') || key.contains(|c: char| c.is_ascii_uppercase());
    let is_file =
        [".rs", ".md", ".py", ".sh", ".txt", ".toml", ".cfg", ".log"].iter().any(|e| key.ends_with(e));
    let of_the_shell = value.is_some_and(|value| value.starts_with('$'));
    ((value.is_some() || bare) && !is_file && !of_the_shell).then_some(key)
}
