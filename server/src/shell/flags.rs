//! The flags of a command: what it has, and how its words are read, with the texts of ZooKeeper's shell.

use super::failure::Failure;

/// A flag that a command has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flag {
    /// The name, without the dash.
    pub(super) name: &'static str,
    /// Whether a value follows.
    pub(super) takes_value: bool,
    /// What it is for.
    pub(super) about: &'static str,
}

impl Flag {
    /// The flag with its dashes.
    pub(super) fn typed(&self) -> String {
        let dashes = if self.name.contains('-') { "--" } else { "-" };
        format!("{dashes}{}", self.name)
    }
}

/// A flag without a value.
pub(super) const fn switch(name: &'static str, about: &'static str) -> Flag {
    Flag { name, takes_value: false, about }
}

/// A flag with a value.
pub(super) const fn value(name: &'static str, about: &'static str) -> Flag {
    Flag { name, takes_value: true, about }
}

/// How many of a command's flags there may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Choice {
    /// Any of them, also several times.
    Any,
    /// One of them at most.
    AtMostOne,
    /// One of them.
    One,
    /// Words are taken as they are.
    Unread,
}

/// What the words of a command say.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Parsed {
    flags: Vec<(&'static str, Option<String>)>,
    /// The words that are no flags, without the command's name.
    pub(super) args: Vec<String>,
    /// The words behind `--`, which are among `args` too.
    pub(super) behind: Option<usize>,
}

impl Parsed {
    pub(super) fn has(&self, name: &str) -> bool {
        self.flags.iter().any(|(flag, _)| *flag == name)
    }

    /// The value of a flag, the first one if there are several.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.flags.iter().find(|(flag, _)| *flag == name).and_then(|(_, value)| value.as_deref())
    }

    /// The words behind `--`.
    pub(super) fn behind(&self) -> &[String] {
        self.behind.map_or(&[], |at| &self.args[at..])
    }
}

fn refused(kind: &str, text: &str) -> Failure {
    Failure::new(format!("org.apache.commons.cli.{kind}: {text}"))
}

fn unrecognized(word: &str) -> Failure {
    refused("UnrecognizedOptionException", &format!("Unrecognized option: {word}"))
}

/// Reads words; `flag` is one that waits for its value.
struct Reader<'a> {
    known: &'a [Flag],
    choice: Choice,
    long: bool,
    waiting: Option<Flag>,
    parsed: Parsed,
}

/// Read the words of a command, without its name. `long` flags may have two dashes.
pub(super) fn read(known: &[Flag], choice: Choice, long: bool, words: &[String]) -> Result<Parsed, Failure> {
    if choice == Choice::Unread {
        return Ok(Parsed { args: words.to_vec(), ..Parsed::default() });
    }
    let mut reader = Reader { known, choice, long, waiting: None, parsed: Parsed::default() };
    for word in words {
        reader.word(word)?;
    }
    reader.end()
}

impl Reader<'_> {
    fn known(&self, name: &str) -> Option<Flag> {
        self.known.iter().copied().find(|flag| flag.name == name)
    }

    fn word(&mut self, word: &str) -> Result<(), Failure> {
        if self.parsed.behind.is_some() {
            self.parsed.args.push(word.to_owned());
        } else if word == "--" {
            self.parsed.behind = Some(self.parsed.args.len());
        } else if self.waiting.is_some() && self.is_value(word) {
            self.give(unquoted(word));
        } else if word.len() > 1 && word.starts_with('-') {
            self.flag(word)?;
        } else {
            self.parsed.args.push(word.to_owned());
        }
        Ok(())
    }

    /// Whether a word can be the value of a flag: it is no flag itself, or a number.
    fn is_value(&self, word: &str) -> bool {
        let Some(rest) = word.strip_prefix('-') else { return true };
        let name = rest.split('=').next().unwrap_or_default();
        let first = name.chars().next().map(String::from).unwrap_or_default();
        let is_flag = self.known(name.trim_start_matches('-')).is_some()
            && (self.long || !name.starts_with('-'))
            || self.known(&first).is_some();
        !is_flag || word.parse::<f64>().is_ok()
    }

    fn flag(&mut self, word: &str) -> Result<(), Failure> {
        if let Some(name) = word.strip_prefix("--") {
            let (name, given) =
                name.split_once('=').map_or((name, None), |(name, value)| (name, Some(value)));
            return match self.known(name).filter(|_| self.long) {
                Some(flag) => self.take_with(flag, given, word),
                None => Err(unrecognized(word)),
            };
        }
        let text = word.trim_start_matches('-');
        if let Some((name, given)) = text.split_once('=') {
            return match self.known(name) {
                Some(flag) if name.chars().count() == 1 && flag.takes_value => {
                    self.take_with(flag, Some(given), word)
                }
                _ => Err(unrecognized(word)),
            };
        }
        if let Some(flag) = self.known(text) {
            return self.take(flag);
        }
        self.together(word, text)
    }

    fn take_with(&mut self, flag: Flag, given: Option<&str>, word: &str) -> Result<(), Failure> {
        if given.is_some() && !flag.takes_value {
            return Err(unrecognized(word));
        }
        self.take(flag)?;
        if let Some(given) = given {
            self.give(given);
        }
        Ok(())
    }

    /// Several flags of one letter in one word; a value may follow the last one.
    fn together(&mut self, word: &str, text: &str) -> Result<(), Failure> {
        for (i, c) in text.char_indices() {
            let flag = self.known(&text[i..i + c.len_utf8()]).ok_or_else(|| unrecognized(word))?;
            self.take(flag)?;
            let rest = &text[i + c.len_utf8()..];
            if flag.takes_value && !rest.is_empty() {
                self.give(unquoted(rest));
                break;
            }
        }
        Ok(())
    }

    fn take(&mut self, flag: Flag) -> Result<(), Failure> {
        self.no_value_missing()?;
        if let Some((other, _)) = self.parsed.flags.iter().find(|(other, _)| *other != flag.name)
            && matches!(self.choice, Choice::AtMostOne | Choice::One)
        {
            return Err(refused(
                "AlreadySelectedException",
                &format!(
                    "The option '{}' was specified but an option from this group has already been selected: \
                     '{other}'",
                    flag.name
                ),
            ));
        }
        self.parsed.flags.push((flag.name, None));
        self.waiting = flag.takes_value.then_some(flag);
        Ok(())
    }

    fn give(&mut self, value: &str) {
        if let Some((_, given)) = self.parsed.flags.last_mut() {
            *given = Some(value.to_owned());
        }
        self.waiting = None;
    }

    fn no_value_missing(&self) -> Result<(), Failure> {
        match self.waiting {
            Some(flag) => Err(refused(
                "MissingArgumentException",
                &format!("Missing argument for option: {}", flag.name),
            )),
            None => Ok(()),
        }
    }

    fn end(self) -> Result<Parsed, Failure> {
        self.no_value_missing()?;
        if self.choice == Choice::One && self.parsed.flags.is_empty() {
            let all: Vec<_> =
                self.known.iter().map(|flag| format!("-{} {}", flag.name, flag.about)).collect();
            let text = format!("Missing required option: [{}]", all.join(", "));
            return Err(refused("MissingOptionException", &text));
        }
        Ok(self.parsed)
    }
}

/// Without the quotes around it.
fn unquoted(word: &str) -> &str {
    match word.strip_prefix('"').and_then(|word| word.strip_suffix('"')) {
        Some(inner) if !inner.contains('"') => inner,
        _ => word,
    }
}

/// The flags one below the other, each line ended.
pub(super) fn table(known: &[Flag]) -> String {
    let left = |flag: &Flag| format!(" {}{}", flag.typed(), if flag.takes_value { " <arg>" } else { "" });
    let mut sorted: Vec<_> = known.to_vec();
    sorted.sort_by_key(|flag| flag.name.to_lowercase());
    let width = sorted.iter().map(|flag| left(flag).len()).max().unwrap_or(0);
    sorted.iter().map(|flag| format!("{:width$}   {}\n", left(flag), flag.about)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CREATE: &[Flag] =
        &[switch("e", "ephemeral"), switch("s", "sequential"), switch("c", "container"), value("t", "ttl")];

    fn parsed(words: &str) -> Result<Parsed, String> {
        let words: Vec<_> = words.split_whitespace().map(str::to_owned).collect();
        read(CREATE, Choice::Any, false, &words).map_err(|failure| failure.text().to_owned())
    }

    #[test]
    fn flags_stand_anywhere() {
        for words in ["-s -e /a x", "/a -se x", "/a x -es", "-s /a -e -- x"] {
            let found = parsed(words).unwrap();
            assert!(found.has("s") && found.has("e") && !found.has("c"), "{words}");
            assert_eq!(found.args, ["/a", "x"], "{words}");
        }
        assert_eq!(parsed("/a -- -x").unwrap().args, ["/a", "-x"]);
        assert_eq!(parsed("/a -").unwrap().args, ["/a", "-"]);
    }

    #[test]
    fn values() {
        for words in ["-t 5 /a", "/a -t5", "-t=5 /a", "-st5 /a"] {
            assert_eq!(parsed(words).unwrap().value("t"), Some("5"), "{words}");
        }
        assert_eq!(parsed("-t -5 /a").unwrap().value("t"), Some("-5"));
        assert_eq!(parsed("-t -x /a").unwrap().value("t"), Some("-x"));
    }

    #[test]
    fn what_is_refused() {
        let class = "org.apache.commons.cli.";
        for (words, text) in [
            ("-t", "MissingArgumentException: Missing argument for option: t"),
            ("-t -s", "MissingArgumentException: Missing argument for option: t"),
            ("-x", "UnrecognizedOptionException: Unrecognized option: -x"),
            ("-sx", "UnrecognizedOptionException: Unrecognized option: -sx"),
            ("--s", "UnrecognizedOptionException: Unrecognized option: --s"),
            ("/a -1", "UnrecognizedOptionException: Unrecognized option: -1"),
            ("-s=1", "UnrecognizedOptionException: Unrecognized option: -s=1"),
        ] {
            assert_eq!(parsed(words).unwrap_err(), format!("{class}{text}"), "{words}");
        }
        let group = [switch("n", "count"), switch("b", "bytes")];
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let both = read(&group, Choice::AtMostOne, false, &words(&["-n", "-b"])).unwrap_err();
        assert!(both.text().ends_with(
            "The option 'b' was specified but an option from this group has already been selected: 'n'"
        ));
        let none = read(&group, Choice::One, false, &[]).unwrap_err();
        assert!(none.text().ends_with("Missing required option: [-n count, -b bytes]"));
    }

    #[test]
    fn own_flags_may_be_long() {
        let known = [switch("dry-run", "say what would be done"), value("L", "levels")];
        let words = ["--dry-run", "-L2", "/a"].map(str::to_owned);
        let found = read(&known, Choice::Any, true, &words).unwrap();
        assert!(found.has("dry-run"));
        assert_eq!(found.value("L"), Some("2"));
    }

    #[test]
    fn flags_in_a_table() {
        assert_eq!(
            table(CREATE),
            " -c         container\n -e         ephemeral\n -s         sequential\n -t <arg>   ttl\n"
        );
    }

    proptest! {
        #[test]
        fn no_word_panics(words in prop::collection::vec("[-sectx=\u{e4}\"1]{0,5}", 0..5)) {
            let _ = read(CREATE, Choice::One, true, &words);
        }
    }
}
