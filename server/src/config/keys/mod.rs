//! The one table of configuration keys: names, kinds of values, limits, defaults and meanings.
//!
//! It feeds the parser and its range checks, the warnings, the suggestions for misspelt keys,
//! `quorate config keys`, `quorate config check` and the tables in `docs/OPERATING.md`. Keys and
//! defaults are those of ZooKeeper 3.9 and 3.10 (administrator's guide, `QuorumPeerConfig`, system
//! properties); what ZooKeeper takes as the system property `zookeeper.X` is the key `X` here.

mod clients;
mod ensemble;
mod essentials;
pub(crate) mod name;
mod requests;
mod security;
mod storage;
mod tls;
mod watching;
mod znodes;

use std::borrow::Cow;

/// One key of a `zoo.cfg`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    /// As it is written. `.N` at the end stands for a number, `.*` for anything; `[…]` may be left
    /// out.
    pub(crate) name: &'static str,
    /// Under which names ZooKeeper's documentation also has it.
    pub(crate) aliases: &'static [&'static str],
    /// What its value is.
    pub(crate) kind: Kind,
    /// The value of an absent key: as it would be written, or in words where it depends on others.
    pub(crate) default: &'static str,
    /// Whether it is followed.
    pub(crate) treatment: Treatment,
    /// What it does here, or why it does nothing.
    pub(crate) text: &'static str,
}

/// What a value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// `true` or `false`.
    Bool,
    /// ZooKeeper compares with this one word; everything else means the contrary.
    Word(&'static str),
    /// An integer.
    Number {
        /// The smallest.
        min: i64,
        /// The largest.
        max: i64,
        /// Of what, or nothing.
        unit: &'static str,
        /// A value outside of these limits that stands for an absent key.
        unset: Option<i64>,
    },
    /// A length of time: a number of hours, or a number with `ms`, `s`, `m`, `h` or `d`.
    Interval,
    /// One of these words, in any case.
    OneOf(&'static [&'static str]),
    /// A directory.
    Directory,
    /// A file.
    File,
    /// Anything; what it means is written down.
    Text(&'static str),
}

/// What happens to a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Treatment {
    /// The key is followed.
    Honoured,
    /// The key is not followed: a warning, unless the value is one of these, which ask for nothing else
    /// than what this server does.
    Ignored(&'static [&'static str]),
    /// The key asks for a protection that is missing: the server does not start, unless the value is one
    /// of these.
    Refused(&'static [&'static str]),
}

impl Key {
    const fn new(name: &'static str, kind: Kind, default: &'static str, text: &'static str) -> Key {
        Key { name, aliases: &[], kind, default, treatment: Treatment::Honoured, text }
    }

    const fn ignored(self, harmless: &'static [&'static str]) -> Key {
        Key { treatment: Treatment::Ignored(harmless), ..self }
    }

    const fn refused(self, harmless: &'static [&'static str]) -> Key {
        Key { treatment: Treatment::Refused(harmless), ..self }
    }

    const fn also(self, aliases: &'static [&'static str]) -> Key {
        Key { aliases, ..self }
    }

    /// Every name under which it can be written.
    pub(crate) fn names(&self) -> impl Iterator<Item = Cow<'static, str>> {
        let both = self.name.split_once('[').and_then(|(before, rest)| {
            let (optional, after) = rest.split_once(']')?;
            Some([format!("{before}{after}"), format!("{before}{optional}{after}")])
        });
        let (two, one) = match both {
            Some(two) => (Some(two), None),
            None => (None, Some(self.name)),
        };
        two.into_iter()
            .flatten()
            .map(Cow::Owned)
            .chain(one.map(Cow::Borrowed))
            .chain(self.aliases.iter().map(|alias| Cow::Borrowed(*alias)))
    }

    fn is(&self, key: &str) -> bool {
        self.names().any(|name| match name.strip_suffix('N').or_else(|| name.strip_suffix('*')) {
            Some(prefix) if prefix.ends_with('.') => key.starts_with(prefix) && key.len() > prefix.len(),
            _ => name == key,
        })
    }
}

/// A number without a unit.
const fn count(min: i64, max: i64) -> Kind {
    Kind::Number { min, max, unit: "", unset: None }
}

/// A number of something.
const fn number(min: i64, max: i64, unit: &'static str) -> Kind {
    Kind::Number { min, max, unit, unset: None }
}

/// A number of something, or a value that stands for an absent key.
const fn number_or(min: i64, max: i64, unit: &'static str, unset: i64) -> Kind {
    Kind::Number { min, max, unit, unset: Some(unset) }
}

/// The largest number that Java's `int` has.
const INT: i64 = i32::MAX as i64;

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
