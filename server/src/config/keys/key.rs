//! One key of a `zoo.cfg`: its names, its kind of value, and what happens to it.

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
    pub(super) const fn new(
        name: &'static str,
        kind: Kind,
        default: &'static str,
        text: &'static str,
    ) -> Key {
        Key { name, aliases: &[], kind, default, treatment: Treatment::Honoured, text }
    }

    pub(super) const fn ignored(self, harmless: &'static [&'static str]) -> Key {
        Key { treatment: Treatment::Ignored(harmless), ..self }
    }

    pub(super) const fn refused(self, harmless: &'static [&'static str]) -> Key {
        Key { treatment: Treatment::Refused(harmless), ..self }
    }

    pub(super) const fn also(self, aliases: &'static [&'static str]) -> Key {
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

    pub(super) fn is(&self, key: &str) -> bool {
        self.names().any(|name| match name.strip_suffix('N').or_else(|| name.strip_suffix('*')) {
            Some(prefix) if prefix.ends_with('.') => key.starts_with(prefix) && key.len() > prefix.len(),
            _ => name == key,
        })
    }
}

/// A number without a unit.
pub(super) const fn count(min: i64, max: i64) -> Kind {
    Kind::Number { min, max, unit: "", unset: None }
}

/// A number of something.
pub(super) const fn number(min: i64, max: i64, unit: &'static str) -> Kind {
    Kind::Number { min, max, unit, unset: None }
}

/// A number of something, or a value that stands for an absent key.
pub(super) const fn number_or(min: i64, max: i64, unit: &'static str, unset: i64) -> Kind {
    Kind::Number { min, max, unit, unset: Some(unset) }
}

/// The largest number that Java's `int` has.
pub(super) const INT: i64 = i32::MAX as i64;
