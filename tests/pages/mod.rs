//! What the pages say in a form that a program can check: their code and the commands in it.
//!
//! The tests of two crates include this file, because each knows the command line of its own program:
//! `server/src/pages.rs` and `checks/src/pages.rs`.

use std::fs;
use std::path::{Path, PathBuf};

/// The pages that are kept true, below the root of the repository.
const PAGES: &[&str] = &[
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/ARCHITECTURE.md",
    "docs/OPERATING.md",
    "docs/PAXOS.md",
    "docs/PERFORMANCE.md",
    "docs/PROTOCOL.md",
    "docs/VERIFICATION.md",
    "checks/README.md",
    "checks/results/README.md",
    "spec/README.md",
    "tests/README.md",
];

/// One page.
pub(crate) struct Page {
    /// The page's path below the root of the repository.
    pub(crate) name: &'static str,
    /// The page's text. Of the changelog only what is not released yet: the rest is history.
    pub(crate) text: String,
}

/// A piece of code on a page: what stands between backquotes, or a line of a block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Code {
    /// Where it stands, as `page:line`.
    pub(crate) place: String,
    pub(crate) text: String,
    /// Whether it is a line of a block.
    pub(crate) in_block: bool,
}

/// The directory of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a crate is below the root").to_owned()
}

/// Every page.
pub(crate) fn pages() -> Vec<Page> {
    let read = |name: &&'static str| {
        let text = fs::read_to_string(root().join(name)).unwrap_or_else(|why| panic!("{name}: {why}"));
        let text = if *name == "CHANGELOG.md" { unreleased(&text).to_owned() } else { text };
        Page { name, text }
    };
    let found = PAGES.iter().map(read).collect();
    let there = fs::read_dir(root().join("docs")).expect("docs").map(|entry| entry.expect("an entry").path());
    for page in there.filter(|path| path.extension().is_some_and(|ending| ending == "md")) {
        assert!(PAGES.iter().any(|name| page.ends_with(name)), "{} is not in the list", page.display());
    }
    found
}

/// What is above the first version that has a number.
fn unreleased(changelog: &str) -> &str {
    let end = changelog.find("\n## [0").expect("a version with a number");
    &changelog[..end]
}

impl Page {
    /// Everything on the page that is written as code.
    pub(crate) fn code(&self) -> Vec<Code> {
        let (mut found, mut in_block) = (Vec::new(), false);
        for (number, line) in self.text.lines().enumerate() {
            let mut add = |text: &str| {
                let place = format!("{}:{}", self.name, number + 1);
                found.push(Code { place, text: text.to_owned(), in_block });
            };
            if line.trim_start().starts_with("```") {
                in_block = !in_block;
            } else if in_block {
                add(line);
            } else {
                line.split('`').skip(1).step_by(2).for_each(&mut add);
            }
        }
        found
    }
}

/// How a program is named on the pages, and the words of clap that its commands may leave open.
pub(crate) struct Program {
    /// What stands before the arguments.
    pub(crate) names: &'static [&'static str],
    /// The command line as clap knows it.
    pub(crate) command: fn() -> clap::Command,
}

impl Program {
    /// Every command of this program on the pages that its command line does not take.
    pub(crate) fn misspelt(&self) -> Vec<String> {
        let code: Vec<Code> = pages().iter().flat_map(Page::code).collect();
        let commands = code.iter().flat_map(|code| {
            let arguments = self.names.iter().find_map(|name| arguments(&code.text, name));
            arguments.into_iter().flat_map(|arguments| alternatives(&arguments)).map(move |one| (code, one))
        });
        let commands: Vec<_> = commands.collect();
        assert!(commands.len() > 10, "only {} commands are found", commands.len());
        commands
            .iter()
            .filter_map(|(code, one)| Some(format!("{}: {}", code.place, self.wrong(one)?)))
            .collect()
    }

    /// What is wrong with these arguments. A command that is only mentioned may lack some.
    fn wrong(&self, arguments: &[String]) -> Option<String> {
        use clap::error::ErrorKind::{
            DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion, MissingRequiredArgument,
            MissingSubcommand,
        };
        let words = ["program"].into_iter().map(str::to_owned).chain(arguments.iter().cloned());
        let error = (self.command)().try_get_matches_from(words).err()?;
        let incomplete = matches!(
            error.kind(),
            DisplayHelp
                | DisplayVersion
                | DisplayHelpOnMissingArgumentOrSubcommand
                | MissingRequiredArgument
                | MissingSubcommand
        );
        let first = error.to_string().lines().next().unwrap_or_default().to_owned();
        (!incomplete).then(|| format!("{}: {first}", arguments.join(" ")))
    }
}

/// The arguments of the program `name`, if this piece of code runs it. They are as a shell has them, without
/// a comment, a redirection or another program behind it.
fn arguments(code: &str, name: &str) -> Option<Vec<String>> {
    let code = code.trim().trim_start_matches("$ ");
    let rest = code.strip_prefix(name).filter(|rest| rest.is_empty() || rest.starts_with(' '))?;
    let (mut found, mut quoted) = (Vec::new(), false);
    for word in rest.split_whitespace() {
        match word {
            _ if quoted => {
                quoted = !word.ends_with('"');
                continue;
            }
            "#" | ">" | "|" | "&" | "&&" => break,
            "[OPTIONS]" | "…" => continue,
            _ => {}
        }
        quoted = word.starts_with('"') && (word.len() == 1 || !word.ends_with('"'));
        let open = |c| matches!(c, '[' | ']' | '<' | '>' | '"' | '…');
        let word = word.trim_matches(open).trim_end_matches("...").trim_matches(open);
        found.push(if matches!(word, "N" | "$!") { "3".to_owned() } else { word.to_owned() });
    }
    Some(found)
}

/// `dump|verify` stands for two commands.
fn alternatives(arguments: &[String]) -> Vec<Vec<String>> {
    let Some(at) = arguments.iter().position(|word| word.contains('|') && !word.contains("ZOO_CFG")) else {
        return vec![arguments.to_vec()];
    };
    let one = |word: &str| {
        let mut arguments = arguments.to_vec();
        word.clone_into(&mut arguments[at]);
        arguments
    };
    arguments[at].split('|').map(one).collect()
}

/// `found` is empty, or the test fails with one line for each.
pub(crate) fn none(found: &[String]) {
    assert!(found.is_empty(), "the pages say what is not so:\n{}", found.join("\n"));
}

#[test]
fn code_is_found_where_it_stands() {
    let text = "One `a b` and `c`.\n```sh\nrun `x`\n```\n".to_owned();
    let code = Page { name: "P", text }.code();
    let found: Vec<_> =
        code.iter().map(|code| (code.place.as_str(), code.text.as_str(), code.in_block)).collect();
    assert_eq!(found, [("P:1", "a b", false), ("P:1", "c", false), ("P:3", "run `x`", true)]);
}

#[test]
fn commands_are_read_as_a_shell_does() {
    let words = |code, name| arguments(code, name).map(|words| words.join(" "));
    assert_eq!(words("$ q start zoo.cfg…  # it", "q").as_deref(), Some("start zoo.cfg"));
    assert_eq!(words("q tell [--data] --to \"a b\" x > file", "q").as_deref(), Some("tell --data --to a x"));
    assert_eq!(words("query", "q"), None);
    let both = alternatives(&["log".to_owned(), "dump|verify".to_owned()]);
    assert_eq!(both, [["log", "dump"], ["log", "verify"]]);
}

#[test]
fn a_command_that_is_misspelt_is_found() {
    let command = || clap::Command::new("q").subcommand(clap::Command::new("start").arg(clap::arg!(<FILE>)));
    let program = Program { names: &["q"], command };
    let wrong = |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        program.wrong(&words).is_some()
    };
    assert!(wrong(&["begin"]) && wrong(&["start", "x", "--fast"]) && wrong(&["start", "x", "y"]));
    assert!(!wrong(&["start", "x"]) && !wrong(&["start"]) && !wrong(&[]));
}
