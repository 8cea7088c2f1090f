//! `help`: the commands, and one of them.

use serde_json::json;

use super::commands::{self, COMMANDS, Command, Origin};
use super::failure::Failure;
use super::flags::table;
use super::printer::Printer;
use super::show;

/// Explain one command, or list all.
pub(super) fn print(name: Option<&str>, printer: &Printer) -> Result<(), Failure> {
    if let Some(name) = name {
        let command = commands::find(name).ok_or_else(|| Failure::not_found(&show::name(name)))?;
        let flags = table(command.flags);
        printer.line(format!("{} {}\n{}\n{flags}", command.name, command.usage, command.about).trim_end());
        printer.value(&value(command));
        return Ok(());
    }
    let width = COMMANDS.iter().map(|command| command.name.len()).max().unwrap_or(0);
    let title = |origin| match origin {
        Origin::ZooKeeper => "Commands of ZooKeeper's shell:",
        Origin::Quorate => "Commands of this shell:",
    };
    for origin in [Origin::ZooKeeper, Origin::Quorate] {
        printer.line(title(origin));
        for command in COMMANDS.iter().filter(|command| command.origin == origin) {
            let about = fitting(command.about, 80 - width - 4);
            printer.line(&format!("  {:width$}  {about}", command.name));
        }
    }
    printer.line("`help COMMAND` explains one. Every command has the flag --json.");
    printer.value(&json!({ "commands": COMMANDS.iter().map(value).collect::<Vec<_>>() }));
    Ok(())
}

fn value(command: &Command) -> serde_json::Value {
    json!({ "name": command.name, "usage": command.usage, "about": command.about })
}

/// As much of a sentence as fits.
fn fitting(sentence: &str, width: usize) -> String {
    if sentence.chars().count() <= width {
        return sentence.to_owned();
    }
    let end = sentence.char_indices().nth(width - 1).map_or(sentence.len(), |(at, _)| at);
    let words = sentence[..end].rsplit_once(' ').map_or(&sentence[..end], |(words, _)| words);
    format!("{}…", words.trim_end_matches([',', ':']))
}

/// The commands as a table for the guide.
#[cfg(test)]
pub(crate) fn reference() -> String {
    let mut text = String::new();
    for (title, origin) in [("ZooKeeper's", Origin::ZooKeeper), ("Quorate's own", Origin::Quorate)] {
        text.push_str(&format!("| {title} command | does |\n|---|---|\n"));
        for command in COMMANDS.iter().filter(|command| command.origin == origin) {
            let usage = command.usage.split(" #").next().unwrap_or_default();
            let typed = format!("{} {usage}", command.name).trim().replace('|', "\\|");
            text.push_str(&format!("| `{typed}` | {} |\n", command.about));
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_a_terminal() {
        assert_eq!(fitting("one two three", 13), "one two three");
        assert_eq!(fitting("one two, three", 13), "one two…");
        for command in COMMANDS {
            assert!(fitting(command.about, 56).chars().count() <= 56, "{command:?}");
        }
    }
}
