//! The parts of `docs/OPERATING.md` that are made from tables: configuration keys and commands.
//!
//! A test compares the document with the tables; with `UPDATE_DOCS=1` it writes them into it.

#![cfg(test)]

use std::fmt::Write;
use std::path::PathBuf;

use clap::{Arg, Command};

use super::keys::{self, Chapter, Key, Treatment};
use super::typed::expected;

/// The chapter on configuration keys.
fn configuration() -> String {
    let mut out = String::new();
    for chapter in keys::CHAPTERS {
        let _ = writeln!(out, "### {}\n", chapter.title);
        followed(&mut out, chapter);
        not_followed(&mut out, chapter);
    }
    out
}

fn followed(out: &mut String, chapter: &Chapter) {
    let mut keys = chapter.keys.iter().filter(|key| key.treatment == Treatment::Honoured).peekable();
    if keys.peek().is_none() {
        return;
    }
    out.push_str("| key | value | default | what it does |\n|---|---|---|---|\n");
    for key in keys {
        let (name, value, default) = (name(key), escaped(&expected(key.kind)), literal(key.default));
        let _ = writeln!(out, "| {name} | {value} | {default} | {} |", escaped(key.text));
    }
    out.push('\n');
}

/// Keys about which the same is to be said share a row.
fn not_followed(out: &mut String, chapter: &Chapter) {
    let mut rows: Vec<(&Key, Vec<String>)> = Vec::new();
    for key in chapter.keys.iter().filter(|key| key.treatment != Treatment::Honoured) {
        let name = match key.default {
            "" => name(key),
            default => format!("{} ({})", name(key), literal(default)),
        };
        match rows.iter_mut().find(|(same, _)| (same.treatment, same.text) == (key.treatment, key.text)) {
            Some((_, names)) => names.push(name),
            None => rows.push((key, vec![name])),
        }
    }
    if rows.is_empty() {
        return;
    }
    out.push_str("| not followed (ZooKeeper's default) | no word about | otherwise |\n|---|---|---|\n");
    for (key, names) in rows {
        let (harmless, otherwise) = match key.treatment {
            Treatment::Refused(harmless) => (harmless, format!("**refused**: {}", key.text)),
            Treatment::Ignored(harmless) => (harmless, key.text.to_owned()),
            Treatment::Honoured => unreachable!("filtered out"),
        };
        let harmless: Vec<String> = harmless.iter().map(|value| literal(value)).collect();
        let _ =
            writeln!(out, "| {} | {} | {} |", names.join(" · "), harmless.join(", "), escaped(&otherwise));
    }
    out.push('\n');
}

fn name(key: &Key) -> String {
    let names = [&[key.name], key.aliases].concat();
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// A value as it would be written, or words.
fn literal(text: &str) -> String {
    match text {
        "" => "empty".to_owned(),
        _ if text.contains(' ') || text == "none" => escaped(text),
        _ => format!("`{text}`"),
    }
}

/// A bar would end the cell, even between backquotes.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|")
}

/// The synopsis of every command.
fn commands() -> String {
    let mut program = crate::cli::command();
    program.build();
    let mut out = String::new();
    let global: Vec<&Arg> = program.get_arguments().filter(|arg| arg.is_global_set()).collect();
    command(&mut out, &program, &[]);
    for arg in &global {
        argument(&mut out, arg);
    }
    out
}

fn command(out: &mut String, program: &Command, path: &[&str]) {
    for sub in program.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
        let path = [path, &[sub.get_name()]].concat();
        if sub.has_subcommands() {
            command(out, sub, &path);
            continue;
        }
        let usage = sub.clone().render_usage().to_string();
        let usage = usage.strip_prefix("Usage: ").unwrap_or(&usage);
        let _ = writeln!(out, "**`{usage}`**\n\n{}\n", about(sub.get_long_about().or(sub.get_about())));
        let own = |arg: &&Arg| !arg.is_hide_set() && !arg.is_global_set() && arg.get_help().is_some();
        let builtin = |arg: &&Arg| matches!(arg.get_id().as_str(), "help" | "version");
        let args: Vec<&Arg> = sub.get_arguments().filter(|a| own(a) && !builtin(a)).collect();
        for arg in &args {
            argument(out, arg);
        }
        if !args.is_empty() {
            out.push('\n');
        }
    }
    if path.is_empty() {
        out.push_str("Every command takes:\n\n");
    }
}

fn argument(out: &mut String, arg: &Arg) {
    let help = about(arg.get_long_help().or(arg.get_help()));
    let default = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect::<Vec<_>>();
    let default = match (default.is_empty(), arg.get_action().takes_values()) {
        (false, true) => format!(" (default: {})", default.join(" ")),
        _ => String::new(),
    };
    let _ = writeln!(out, "- `{}`: {help}{default}", arg.to_string().trim());
}

/// Help as one paragraph, with a full stop.
fn about(help: Option<&clap::builder::StyledStr>) -> String {
    let text = help.map(ToString::to_string).unwrap_or_default();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() || text.ends_with(['.', '!', '?']) { text } else { format!("{text}.") }
}

fn guide() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/OPERATING.md"))
}

/// The text between the markers of this part.
fn part<'a>(document: &'a str, name: &str) -> &'a str {
    let (begin, end) =
        (format!("<!-- generated: {name} -->\n"), format!("<!-- end of generated: {name} -->"));
    let from =
        document.find(&begin).unwrap_or_else(|| panic!("docs/OPERATING.md has no {begin}")) + begin.len();
    let to = document[from..].find(&end).unwrap_or_else(|| panic!("docs/OPERATING.md has no {end}"));
    &document[from..from + to]
}

fn is_documented(name: &str, made: &str) {
    let document = std::fs::read_to_string(guide()).expect("docs/OPERATING.md is there");
    let made = format!("\n{}\n\n", made.trim());
    let written = part(&document, name);
    if written == made {
        return;
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let at = written.as_ptr() as usize - document.as_ptr() as usize;
        let new = format!("{}{made}{}", &document[..at], &document[at + written.len()..]);
        return std::fs::write(guide(), new).expect("docs/OPERATING.md can be written");
    }
    let differing = made.lines().zip(written.lines()).find(|(new, old)| new != old);
    panic!(
        "docs/OPERATING.md does not say what the table of {name} says, first {differing:?}; run\n    \
         UPDATE_DOCS=1 cargo test -p quorate --lib the_guide"
    );
}

/// One test for all parts: they are in one file.
#[test]
fn the_guide_has_every_key_and_command() {
    is_documented("configuration", &configuration());
    is_documented("shell", &crate::shell::reference());
    is_documented("commands", &commands());
}
