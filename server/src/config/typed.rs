//! First stage: a configuration as it was typed, every value with the place it stands at.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::{ConfigError, Mistake, Warning};
use super::keys::name;
use super::keys::{self, Key, Kind, Treatment};
use super::member::{self, Member};
use super::properties;
use super::value;

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
    member_texts: BTreeMap<i64, String>,
}

/// Which of the two files is being read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// `zoo.cfg`.
    Static,
    /// The file that `dynamicConfigFile` names.
    Dynamic,
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
            member_texts: BTreeMap::new(),
        };
        typed.add_file(file, Part::Static);
        if let Some((place, dynamic)) = typed.values.get(name::DYNAMIC_CONFIG_FILE).cloned() {
            typed.add_dynamic(&place, Path::new(&dynamic));
        }
        typed
    }

    fn add_dynamic(&mut self, place: &Place, dynamic: &Path) {
        if !(self.members.is_empty() && self.groups.is_empty() && self.weights.is_empty()) {
            let text = "server, group and weight lines belong into the dynamic file".to_owned();
            self.error_at(place, Mistake::Conflict(text));
        }
        if let Some((place, _)) = self.values.get("version").cloned() {
            self.warn(&place, "the version is the one in the dynamic file's name");
        }
        self.add_file(dynamic, Part::Dynamic);
        let mut next = self.file.clone().into_os_string();
        next.push(".dynamic.next");
        let next = PathBuf::from(next);
        if next.exists() {
            let text = "this server has agreed to other members that may be in force by now; let ZooKeeper servers \
                        finish that change, or remove the file if you know that it was given up";
            self.errors.push(ConfigError {
                file: next,
                line: None,
                key: None,
                kind: Mistake::Conflict(text.to_owned()),
            });
        }
    }

    fn add_file(&mut self, file: &Path, part: Part) {
        let failed = |line, kind| ConfigError { file: file.to_owned(), line, key: None, kind };
        let bytes = match fs::read(file) {
            Ok(bytes) => bytes,
            Err(why) => return self.errors.push(failed(None, Mistake::Unreadable(why.to_string()))),
        };
        let text = String::from_utf8_lossy(&bytes);
        let (text, marked) = match text.strip_prefix('\u{feff}') {
            Some(rest) => (rest, true),
            None => (&*text, false),
        };
        let entries = match properties::parse(text) {
            Ok(entries) => entries,
            Err(bad) => return self.errors.push(failed(Some(bad.line), Mistake::BadEscape)),
        };
        if let Some(first) = entries.first().filter(|_| marked) {
            let place = Place { file: file.to_owned(), line: first.line, key: first.key.clone() };
            self.warn(
                &place,
                "the file begins with a byte-order mark, which ZooKeeper takes for a part of this key",
            );
        }
        for entry in entries {
            let place = Place { file: file.to_owned(), line: entry.line, key: entry.key };
            match member_kind(&place.key) {
                Some((kind, number)) => {
                    let number = number.to_owned();
                    self.add_numbered(place, kind, &number, &entry.value);
                }
                None if part == Part::Dynamic => {
                    let text = "only server, group and weight lines can stand in a dynamic file".to_owned();
                    self.error_at(&place, Mistake::Conflict(text));
                }
                None => self.add(place, entry.value),
            }
        }
    }

    fn add(&mut self, place: Place, value: String) {
        match keys::lookup(&place.key) {
            Some(key) => self.treat(&place, key, &value),
            None => self.unknown(&place, &value),
        }
        if let Some((earlier, _)) = self.values.get(&place.key) {
            let text = format!("was already set in line {}; this line wins", earlier.line);
            self.warn_ignored(&place, &text);
        }
        self.values.insert(place.key.clone(), (place, value));
    }

    /// Say what becomes of a key that is not followed, and whether its value is one at all.
    fn treat(&mut self, place: &Place, key: &Key, value: &str) {
        let harmless = |values: &[&str]| values.iter().any(|v| v.eq_ignore_ascii_case(value));
        match key.treatment {
            Treatment::Honoured => {
                if let Err(mistake) = value::check(key.kind, value) {
                    self.error_at(place, mistake);
                }
                if let Some(text) = value::doubt(key, value) {
                    self.warn_ignored(place, &text);
                }
                if let Some(text) = value::comment(value).filter(|_| !key.name.ends_with("assword")) {
                    // A directory of such a name would be made, and the server would be empty.
                    match key.kind {
                        Kind::Directory | Kind::File if !Path::new(value).exists() => {
                            self.error_at(place, Mistake::Conflict(text));
                        }
                        _ => self.warn(place, &text),
                    }
                }
            }
            Treatment::Ignored(values) if harmless(values) => {}
            Treatment::Ignored(_) => self.warn_ignored(place, &format!("not followed: {}", key.text)),
            Treatment::Refused(values) if harmless(values) => {}
            Treatment::Refused(_) => self.error_at(place, Mistake::Unprotected(key.text)),
        }
    }

    fn unknown(&mut self, place: &Place, value: &str) {
        let meant = keys::did_you_mean(&place.key);
        let bare = place.key.strip_prefix("zookeeper.").and_then(keys::lookup);
        if let Some(key) = bare
            && let Treatment::Refused(_) = key.treatment
        {
            return self.treat(place, key, value);
        }
        if let Some(key) = bare.filter(|key| keys::is_of_tls(key)) {
            // Whoever asks for encryption must not be without.
            let text = format!("in a file it is written without `zookeeper.`: {}", key.name);
            return self.error_at(place, Mistake::Conflict(text));
        }
        let text = match (meant, bare) {
            (Some(meant), Some(_)) => {
                format!("unknown key, ignored; in a file it is written without `zookeeper.`: {meant}")
            }
            (Some(meant), None) => format!("unknown key, ignored; did you mean {meant}?"),
            (None, _) => "unknown key, ignored".to_owned(),
        };
        let visible = place.key.chars().all(|c| c.is_ascii_graphic() || c.is_alphanumeric());
        let text = if visible { text } else { format!("{text} (written {:?})", place.key) };
        self.warn_ignored(place, &text);
    }

    fn add_numbered(&mut self, place: Place, kind: &str, number: &str, value: &str) {
        let Some(id) = number.parse::<i64>().ok().filter(|id| *id >= 0) else {
            let text = format!("{number:?} is not a number from 0 on");
            return self.error_at(&place, Mistake::BadMember(text));
        };
        let earlier = match kind {
            "server" => self.members.get(&id).map(|(p, _)| p.line),
            "group" => self.groups.get(&id).map(|(p, _)| p.line),
            _ => self.weights.get(&id).map(|(p, _)| p.line),
        };
        if let Some(line) = earlier {
            if kind == "server" && self.member_texts.get(&id).is_some_and(|text| text != value) {
                let text = format!("line {line} says something else about server {id}");
                return self.error_at(&place, Mistake::Conflict(text));
            }
            self.warn_ignored(&place, &format!("was already set in line {line}; this line wins"));
        }
        let added = match kind {
            "server" => Member::parse(value).map(|m| {
                self.member_texts.insert(id, value.to_owned());
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

    // --- values; a key that is asked for here is in the table, and one that is not followed is
    //     nowhere asked for ---------------------------------------------------------------------

    /// Where `key` stands and what it says.
    pub(crate) fn get(&self, key: &str) -> Option<(&Place, &str)> {
        self.values.get(key).map(|(place, value)| (place, value.as_str()))
    }

    /// Where `key` stands.
    pub(crate) fn place(&self, key: &str) -> Option<Place> {
        self.values.get(key).map(|(place, _)| place.clone())
    }

    /// The text of a key.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        self.get(key).map(|(_, value)| value.to_owned())
    }

    /// A directory, if the file names one. It warns of a relative one.
    pub(super) fn directory(&mut self, key: &str) -> Option<PathBuf> {
        let value = self.text(key).filter(|value| !value.is_empty())?;
        if let (true, Some(place)) = (Path::new(&value).is_relative(), self.place(key)) {
            self.warn(&place, "is relative to the directory the server is started in");
        }
        Some(PathBuf::from(value))
    }

    /// A number, if it is given and good. A bad one has been reported.
    pub(crate) fn given_number(&self, key: &str) -> Option<i64> {
        let kind = followed(key).kind;
        let (_, text) = self.get(key)?;
        value::number(kind, text).ok().flatten()
    }

    /// A number, or the default.
    pub(crate) fn number(&self, key: &str) -> i64 {
        let default = || value::number(followed(key).kind, followed(key).default).ok().flatten();
        self.given_number(key).or_else(default).expect("the table's defaults are good")
    }

    /// True or false, or the default.
    pub(crate) fn boolean(&self, key: &str) -> bool {
        let Key { kind, default, .. } = followed(key);
        let of = |text: &str| value::boolean(*kind, text).ok();
        let given = self.get(key).and_then(|(_, text)| of(text));
        given.or_else(|| of(default)).expect("the table's defaults are good")
    }

    /// A length of time, or the default.
    pub(crate) fn interval(&self, key: &str) -> Duration {
        let given = self.get(key).and_then(|(_, text)| value::interval(text).ok());
        given.or_else(|| value::interval(followed(key).default).ok()).expect("the table's defaults are good")
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

    /// Every key with its value, as they are written.
    pub(crate) fn texts(&self) -> BTreeMap<String, String> {
        let values = self.values.iter().map(|(key, (_, value))| (key.to_string(), value.clone()));
        let members =
            self.members.iter().map(|(id, (_, member))| (format!("server.{id}"), format!("{member:?}")));
        values.chain(members).collect()
    }

    /// The value of a text, or the default that the table has. An empty value stands for an absent one.
    pub(crate) fn text_or_default(&self, key: &str) -> String {
        self.text(key).filter(|text| !text.is_empty()).unwrap_or_else(|| followed(key).default.to_owned())
    }

    /// Make mistakes of the warnings about what has no effect.
    pub(crate) fn refuse_ignored(&mut self) {
        let (ignored, rest) = std::mem::take(&mut self.warnings).into_iter().partition(|w| w.ignored);
        self.warnings = rest;
        self.errors.extend((ignored as Vec<Warning>).into_iter().map(
            |Warning { file, line, key, text, .. }| ConfigError {
                file,
                line: Some(line),
                key: Some(key),
                kind: Mistake::Strict(text),
            },
        ));
    }

    /// The file that the members are listed in.
    pub(crate) fn list(&self) -> PathBuf {
        let listed = self.members.values().next().map(|(place, _)| place.file.clone());
        let named = || self.text(name::DYNAMIC_CONFIG_FILE).map(PathBuf::from);
        listed.or_else(named).unwrap_or_else(|| self.file.clone())
    }

    /// Record advice.
    pub(crate) fn warn(&mut self, place: &Place, text: &str) {
        self.add_warning(place, text, false);
    }

    /// Record that something in the file has no effect.
    pub(crate) fn warn_ignored(&mut self, place: &Place, text: &str) {
        self.add_warning(place, text, true);
    }

    fn add_warning(&mut self, place: &Place, text: &str, ignored: bool) {
        let Place { file, line, key } = place.clone();
        self.warnings.push(Warning { file, line, key, text: text.to_owned(), ignored });
    }
}

/// `server.N`, `group.N`, `weight.N`: which, and the number as it was typed.
fn member_kind(key: &str) -> Option<(&'static str, &str)> {
    let (kind, number) = key.split_once('.')?;
    let kind = ["server", "group", "weight"].into_iter().find(|known| *known == kind)?;
    // `server.principal` and the like are other keys.
    (kind != "server" || keys::lookup(key).is_none_or(|known| known.name == name::SERVER_N))
        .then_some((kind, number))
}

fn followed(key: &str) -> &'static Key {
    let known = keys::lookup(key).filter(|known| known.treatment == Treatment::Honoured);
    known.unwrap_or_else(|| panic!("{key} is not a key that is followed"))
}

/// How a value is to be written.
pub(crate) fn expected(kind: Kind) -> String {
    match kind {
        Kind::Bool => "true or false".to_owned(),
        Kind::Word(word) => format!("{word}, or anything else"),
        Kind::Number { min, max, unit, .. } => {
            let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
            match (min, max) {
                (i64::MIN, _) => format!("number{}{unit}", if unit.is_empty() { "" } else { " of" }),
                (_, i64::MAX) => format!("{min} or more{unit}"),
                _ => format!("{min} to {max}{unit}"),
            }
        }
        Kind::Interval => "hours, or a number with ms, s, m, h or d".to_owned(),
        Kind::OneOf(words) => words.join(", "),
        Kind::Directory => "directory".to_owned(),
        Kind::File => "file".to_owned(),
        Kind::Text(what) => what.to_owned(),
    }
}
