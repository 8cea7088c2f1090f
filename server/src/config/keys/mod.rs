//! The one table of configuration keys: names, kinds of values, limits, defaults and meanings.
//!
//! It feeds the parser and its range checks, the warnings, the suggestions for misspelt keys,
//! `quorate config keys`, `quorate config check` and the tables in `docs/OPERATING.md`. Keys and
//! defaults are those of ZooKeeper 3.9 and 3.10 (administrator's guide, `QuorumPeerConfig`, system
//! properties); what ZooKeeper takes as the system property `zookeeper.X` is the key `X` here.

mod clients;
mod ensemble;
mod essentials;
mod key;
pub(crate) mod name;
mod requests;
mod security;
mod storage;
mod tls;
mod watching;
mod znodes;

pub(crate) use key::{Key, Kind, Treatment};

/// A part of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chapter {
    /// The chapter's heading.
    pub(crate) title: &'static str,
    /// The chapter's keys.
    pub(crate) keys: &'static [Key],
}

/// The table.
pub(crate) const CHAPTERS: &[Chapter] = &[
    Chapter { title: "Essentials", keys: essentials::KEYS },
    Chapter { title: "The ensemble", keys: ensemble::KEYS },
    Chapter { title: "Clients", keys: clients::KEYS },
    Chapter { title: "Storage", keys: storage::KEYS },
    Chapter { title: "Znodes", keys: znodes::KEYS },
    Chapter { title: "Requests", keys: requests::KEYS },
    Chapter { title: "Security", keys: security::KEYS },
    Chapter { title: "Encryption", keys: tls::KEYS },
    Chapter { title: "Monitoring", keys: watching::KEYS },
];

/// Whether the key asks for encryption, or says how.
pub(crate) fn is_of_tls(key: &Key) -> bool {
    tls::KEYS.iter().any(|other| other.name == key.name)
}

/// Every key.
pub(crate) fn all() -> impl Iterator<Item = &'static Key> {
    CHAPTERS.iter().flat_map(|chapter| chapter.keys)
}

/// The entry for `key`, if ZooKeeper or this server knows it.
pub(crate) fn lookup(key: &str) -> Option<&'static Key> {
    let exact = all().find(|known| known.names().any(|name| name == key));
    exact.or_else(|| all().find(|known| known.is(key)))
}

/// Whether a file may have `key`, as a page names it: `server.N` stands for every server.
#[cfg(test)]
pub(crate) fn is_key(key: &str) -> bool {
    lookup(key).is_some()
}

/// The known key that `key` was probably meant to be.
pub(crate) fn did_you_mean(key: &str) -> Option<String> {
    let bare = key.strip_prefix("zookeeper.").unwrap_or(key);
    if bare != key && lookup(bare).is_some() {
        return Some(bare.to_owned());
    }
    let folded = bare.to_lowercase();
    // A number at the end is no part of the word.
    let (word, number) = match folded.rsplit_once('.') {
        Some((word, number)) if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => {
            (format!("{word}.n"), Some(number.to_owned()))
        }
        _ => (folded, None),
    };
    let distance = |name: &str| strsim::damerau_levenshtein(&word, &name.to_lowercase());
    let names = all().flat_map(Key::names).filter(|name| !name.ends_with('*'));
    let (distance, best) = names.map(|name| (distance(&name), name)).min_by_key(|(d, _)| *d)?;
    if distance > 1 + word.chars().count() / 5 {
        return same_words(bare);
    }
    Some(match (number, best.strip_suffix('N')) {
        (Some(number), Some(prefix)) => format!("{prefix}{number}"),
        _ => best.into_owned(),
    })
}

/// The shortest known key that has all the words of this one: `timeTick`, `purgeInterval`, `adminPort`.
fn same_words(key: &str) -> Option<String> {
    let typed = words(key);
    if typed.len() < 2 {
        return None;
    }
    let names = all().flat_map(Key::names).filter(|name| !name.ends_with('*'));
    let fits = |name: &str| {
        let known = words(name);
        typed.iter().all(|word| known.contains(word)).then_some(known.len())
    };
    let found =
        names.filter_map(|name| fits(&name).map(|count| (count, name))).min_by_key(|(count, _)| *count);
    found.map(|(_, name)| name.into_owned())
}

/// `autopurge.purgeInterval`: autopurge, purge, interval.
fn words(key: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for c in key.chars() {
        if c.is_uppercase() || !c.is_alphanumeric() {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_alphanumeric(), words.last_mut()) {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests;
