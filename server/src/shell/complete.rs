//! Tab completion: what could follow in an unfinished line.

use std::time::Duration;

use quorate_client::Client;
use rustyline::completion::{Completer, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper};
use tokio::runtime::Handle;

use super::commands::{self, COMMANDS, Verb};
use super::{line, paths, show};

/// How long the children of a znode may take: a person waits.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the last word of a line can be.
#[derive(PartialEq, Eq, Debug)]
enum Wanted {
    /// One of these words.
    Words(Vec<String>),
    /// A path that begins with this.
    Path(String),
    Nothing,
}

/// What could stand where the cursor is, and where that word begins.
fn wanted(text: &str) -> (usize, Wanted) {
    let (start, before) = line::last_word(text);
    let word = &text[start..];
    let beginning =
        |all: Vec<String>| Wanted::Words(all.into_iter().filter(|one| one.starts_with(word)).collect());
    let names = || COMMANDS.iter().map(|command| command.name.to_owned()).collect();
    let Some(name) = before.first() else { return (start, beginning(names())) };
    let Some(command) = commands::find(name) else { return (start, Wanted::Nothing) };
    let wanted = match (command.verb, before.last().map(String::as_str)) {
        (Verb::Help, _) => beginning(names()),
        (Verb::PrintWatches, _) => beginning(["off", "on"].map(str::to_owned).to_vec()),
        (Verb::AddWatch, Some("-m")) => {
            beginning(["PERSISTENT", "PERSISTENT_RECURSIVE"].map(str::to_owned).to_vec())
        }
        _ if word.starts_with('-') => {
            let flag = |flag: &super::flags::Flag| flag.typed();
            beginning(command.flags.iter().map(flag).chain(["--json".to_owned()]).collect())
        }
        (Verb::Connect | Verb::History | Verb::Redo | Verb::Quit | Verb::Close | Verb::Version, _) => {
            Wanted::Nothing
        }
        _ if word.is_empty() => Wanted::Path("/".to_owned()),
        _ if word.starts_with('/') => Wanted::Path(word.to_owned()),
        _ => Wanted::Nothing,
    };
    (start, wanted)
}

/// A path as it is typed: quoted if it has a space, left out if it has quotes too.
fn typed(path: &str) -> Option<String> {
    let quoted = path.contains(' ');
    match path.contains(['"', '\'']) {
        true if quoted => None,
        _ if quoted => Some(format!("\"{path}\"")),
        _ => Some(path.to_owned()),
    }
}

/// Completes lines for the session of the moment.
pub(super) struct Completion {
    runtime: Handle,
    client: Client,
}

impl Completion {
    pub(super) fn new(runtime: Handle, client: Client) -> Self {
        Completion { runtime, client }
    }

    /// From now on paths are those of this client.
    pub(super) fn follow(&mut self, client: Client) {
        self.client = client;
    }

    /// The children whose paths begin so.
    fn paths(&self, beginning: &str) -> Vec<Pair> {
        let (parent, start) = beginning.rsplit_once('/').unwrap_or(("", beginning));
        let parent = if parent.is_empty() { "/" } else { parent };
        let children = self.client.children(parent);
        let children =
            self.runtime.block_on(async { tokio::time::timeout(PATIENCE, children.into_future()).await });
        let Ok(Ok(children)) = children else { return Vec::new() };
        let mut names = children.names;
        names.retain(|name| name.starts_with(start));
        names.sort_unstable();
        let pair = |name: String| {
            let replacement = typed(&paths::child(parent, &name))?;
            Some(Pair { display: show::name(&name).into_owned(), replacement })
        };
        names.into_iter().filter_map(pair).collect()
    }
}

impl Completer for Completion {
    type Candidate = Pair;

    fn complete(&self, text: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, wanted) = wanted(&text[..at]);
        let found = match wanted {
            Wanted::Nothing => Vec::new(),
            Wanted::Path(beginning) => self.paths(&beginning),
            Wanted::Words(words) => {
                // The only word that fits is followed by another one.
                let end = if words.len() == 1 { " " } else { "" };
                words
                    .into_iter()
                    .map(|word| Pair { replacement: format!("{word}{end}"), display: word })
                    .collect()
            }
        };
        Ok((start, found))
    }
}

impl Helper for Completion {}
impl Highlighter for Completion {}
impl Validator for Completion {}

impl Hinter for Completion {
    type Hint = String;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        match wanted(text).1 {
            Wanted::Words(words) => words,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn commands_flags_and_values() {
        assert_eq!(words("delet"), ["delete", "deleteall"]);
        assert_eq!(words("ls -"), ["-?", "-s", "-w", "-R", "--json"]);
        assert_eq!(words("mv --d"), ["--dry-run"]);
        assert_eq!(words("printwatches o"), ["off", "on"]);
        assert_eq!(words("addWatch -m PERSISTENT_"), ["PERSISTENT_RECURSIVE"]);
        assert!(words("help get").contains(&"getAcl".to_owned()));
    }

    #[test]
    fn paths_where_paths_are_expected() {
        assert_eq!(wanted("get -s /a/b"), (7, Wanted::Path("/a/b".to_owned())));
        assert_eq!(wanted("ls "), (3, Wanted::Path("/".to_owned())));
        assert_eq!(wanted("create /a x"), (10, Wanted::Nothing));
        assert_eq!(wanted("nonsense /"), (9, Wanted::Nothing));
        assert_eq!(wanted("redo "), (5, Wanted::Nothing));
    }

    #[test]
    fn paths_with_spaces_are_quoted() {
        assert_eq!(typed("/a b").as_deref(), Some("\"/a b\""));
        assert_eq!(typed("/a'b").as_deref(), Some("/a'b"));
        assert_eq!(typed("/a 'b"), None);
    }
}
