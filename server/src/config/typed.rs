//! First stage: a configuration as it was typed, every value with the place it stands at.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::error::{ConfigError, Mistake, Warning};
use super::keys::{self, Known};
use super::member::{self, Member};
use super::properties;

/// Where a value stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    /// The file.
    pub(crate) file: PathBuf,
    /// The line, from 1.
    pub(crate) line: usize,
    /// The key.
    pub(crate) key: String,
}

/// The settings of a `zoo.cfg` and of the dynamic file it names, and what was wrong so far.
#[derive(Debug)]
pub(crate) struct Typed {
    /// The `zoo.cfg`.
    pub(crate) file: PathBuf,
    /// `server.N`.
    pub(crate) members: BTreeMap<i64, (Place, Member)>,
    /// `group.N`.
    pub(crate) groups: BTreeMap<i64, (Place, Vec<i64>)>,
    /// `weight.N`.
    pub(crate) weights: BTreeMap<i64, (Place, u32)>,
    /// Every mistake found so far.
    pub(crate) errors: Vec<ConfigError>,
    /// What the operator should know.
    pub(crate) warnings: Vec<Warning>,
    values: BTreeMap<String, (Place, String)>,
}

impl Typed {
    /// Read `file` and the dynamic file it may name. Mistakes are collected, not thrown.
    pub(crate) fn read(file: &Path) -> Typed {
        let mut typed = Typed {
            file: file.to_owned(),
            members: BTreeMap::new(),
            groups: BTreeMap::new(),
            weights: BTreeMap::new(),
            errors: Vec::new(),
            warnings: Vec::new(),
            values: BTreeMap::new(),
        };
        typed.add_file(file);
        if let Some((place, dynamic)) = typed.values.get("dynamicConfigFile").cloned() {
            if !(typed.members.is_empty() && typed.groups.is_empty() && typed.weights.is_empty()) {
                let text = "server, group and weight lines belong into the dynamic file".to_owned();
                typed.error_at(&place, Mistake::Conflict(text));
            }
            typed.add_file(Path::new(&dynamic));
        }
        typed
    }

    fn add_file(&mut self, file: &Path) {
        let failed = |line, kind| ConfigError { file: file.to_owned(), line, key: None, kind };
        let bytes = match fs::read(file) {
            Ok(bytes) => bytes,
            Err(why) => return self.errors.push(failed(None, Mistake::Unreadable(why.to_string()))),
        };
        let entries = match properties::parse(&String::from_utf8_lossy(&bytes)) {
            Ok(entries) => entries,
            Err(bad) => return self.errors.push(failed(Some(bad.line), Mistake::BadEscape)),
        };
        for entry in entries {
            let place = Place { file: file.to_owned(), line: entry.line, key: entry.key };
            self.add(place, entry.value);
        }
    }

    fn add(&mut self, place: Place, value: String) {
        match keys::lookup(&place.key) {
            Known::Honoured => {}
            Known::NotHonoured if keys::PROTECTIONS.contains(&place.key.as_str()) => {
                if !value.eq_ignore_ascii_case("false") {
                    let name = keys::PROTECTIONS.iter().find(|k| **k == place.key).unwrap_or(&"it");
                    self.error_at(&place, Mistake::Unprotected(name));
                }
            }
            Known::NotHonoured => {
                self.warn(&place, "ZooKeeper knows this key, this server does not follow it")
            }
            Known::Unknown => {
                let text = match keys::did_you_mean(&place.key) {
                    Some(meant) => format!("unknown key, ignored; did you mean {meant}?"),
                    None => "unknown key, ignored".to_owned(),
                };
                self.warn(&place, &text);
            }
        }
        let numbered = place.key.split_once('.').map(|(kind, number)| (kind.to_owned(), number.to_owned()));
        match numbered.as_ref().map(|(kind, number)| (kind.as_str(), number.as_str())) {
            Some((kind @ ("server" | "group" | "weight"), number)) => {
                self.add_numbered(place, kind, number, &value);
            }
            _ => {
                if let Some((earlier, _)) = self.values.get(&place.key) {
                    let text = format!("was already set in line {}; this line wins", earlier.line);
                    self.warn(&place, &text);
                }
                self.values.insert(place.key.clone(), (place, value));
            }
        }
    }

    fn add_numbered(&mut self, place: Place, kind: &str, number: &str, value: &str) {
        let limits = if kind == "group" { 0..=i64::MAX } else { 0..=MAX_SERVER_ID };
        let Some(id) = number.parse::<i64>().ok().filter(|id| limits.contains(id)) else {
            let text = format!("{number:?} is not a number within {} and {}", limits.start(), limits.end());
            return self.error_at(&place, Mistake::BadMember(text));
        };
        let earlier = match kind {
            "server" => self.members.get(&id).map(|(p, _)| p.line),
            "group" => self.groups.get(&id).map(|(p, _)| p.line),
            _ => self.weights.get(&id).map(|(p, _)| p.line),
        };
        if let Some(line) = earlier {
            self.warn(&place, &format!("was already set in line {line}; this line wins"));
        }
        let added = match kind {
            "server" => Member::parse(value).map(|m| {
                if m.further_addresses > 0 {
                    self.warn(&place, "several addresses are given, only the first one is used");
                }
                self.members.insert(id, (place.clone(), m));
            }),
            "group" => member::parse_group(value).map(|ids| {
                self.groups.insert(id, (place.clone(), ids));
            }),
            _ => value.parse().map_err(|_| format!("{value:?} is not a weight")).map(|weight| {
                self.weights.insert(id, (place.clone(), weight));
            }),
        };
        if let Err(why) = added {
            self.error_at(&place, Mistake::BadMember(why));
        }
    }

    /// Where `key` stands and what it says.
    pub(crate) fn get(&self, key: &str) -> Option<(&Place, &str)> {
        self.values.get(key).map(|(place, value)| (place, value.as_str()))
    }

    /// A number within limits, if the key is given.
    pub(crate) fn number(&mut self, key: &str, min: i64, max: i64, unit: &'static str) -> Option<i64> {
        let (place, text) = self.values.get(key).cloned()?;
        let mistake = match parse_integer(&text) {
            None => Mistake::NotANumber { value: text },
            Some(value) if value < min || value > max => Mistake::OutOfRange { value, min, max, unit },
            Some(value) => return Some(value),
        };
        self.error_at(&place, mistake);
        None
    }

    /// True or false, if the key is given.
    pub(crate) fn boolean(&mut self, key: &str) -> Option<bool> {
        let (place, value) = self.values.get(key).cloned()?;
        match value.to_ascii_lowercase().as_str() {
            "true" | "yes" => Some(true),
            "false" | "no" => Some(false),
            _ => {
                self.error_at(&place, Mistake::NotABoolean { value });
                None
            }
        }
    }

    /// Record a mistake at a place.
    pub(crate) fn error_at(&mut self, place: &Place, kind: Mistake) {
        let Place { file, line, key } = place.clone();
        self.errors.push(ConfigError { file, line: Some(line), key: Some(key), kind });
    }

    /// Record a mistake of the file as a whole: `key` should be there.
    pub(crate) fn missing(&mut self, key: &str, why: &'static str) {
        let file = self.file.clone();
        self.errors.push(ConfigError {
            file,
            line: None,
            key: Some(key.into()),
            kind: Mistake::Missing(why),
        });
    }

    /// Record a warning.
    pub(crate) fn warn(&mut self, place: &Place, text: &str) {
        let Place { file, line, key } = place.clone();
        self.warnings.push(Warning { file, line, key, text: text.to_owned() });
    }
}

/// A session's id has the server's in its highest byte.
const MAX_SERVER_ID: i64 = 255;

/// Decimal, or hexadecimal with `0x` (`jute.maxbuffer` is a Java property that may be either).
fn parse_integer(text: &str) -> Option<i64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}
