//! A person types: a line editor with completion, and a history that is kept.

use std::path::PathBuf;

use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Config, Editor, ExternalPrinter};
use tokio::runtime::Runtime;

use super::complete::Completion;
use super::printer::Printer;
use super::shell::Shell;
use crate::error::{Error, system};

/// How many lines the file of the history has.
const KEPT: usize = 1000;

/// Where the history is kept; empty: nowhere.
const HISTORY: &str = "QUORATE_SHELL_HISTORY";

/// Let a person type commands until the end.
///
/// # Errors
/// The terminal cannot be used.
pub(super) fn run(runtime: &Runtime, shell: &mut Shell, printer: &Printer) -> Result<(), Error> {
    let config = Config::builder()
        .max_history_size(KEPT)
        .and_then(|config| config.history_ignore_dups(true))
        .map_err(unusable)?
        .history_ignore_space(true)
        .completion_type(rustyline::CompletionType::List)
        // Lines that are pasted are lines that are typed.
        .bracketed_paste(false)
        .build();
    let mut editor: Editor<Completion, FileHistory> = Editor::with_config(config).map_err(unusable)?;
    editor.set_helper(Some(Completion::new(runtime.handle().clone(), shell.session().client().clone())));
    // A terminal that is only written to (`TERM=dumb`) has no line that an event could break.
    if let Ok(mut aside) = editor.create_external_printer() {
        printer.print_events_with(Box::new(move |text| drop(aside.print(text))));
    }
    let kept = history_file();
    if let Some(file) = &kept {
        // There is none at first.
        let _ = editor.load_history(file);
    }
    while !shell.is_over() {
        printer.flush();
        match editor.readline(&shell.prompt()) {
            Ok(line) => {
                remember(&mut editor, kept.as_ref(), &line);
                runtime.block_on(shell.line_or_interrupt(&line));
                if let Some(completion) = editor.helper_mut() {
                    completion.follow(shell.session().client().clone());
                }
            }
            // The line is dropped, not the shell.
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(why) => return Err(unusable(why)),
        }
    }
    Ok(())
}

fn unusable(why: ReadlineError) -> Error {
    system("using the terminal")(std::io::Error::other(why))
}

/// Keep a line for later shells too, unless it has a secret.
fn remember(editor: &mut Editor<Completion, FileHistory>, kept: Option<&PathBuf>, line: &str) {
    if has_a_secret(line) || line.trim().is_empty() {
        return;
    }
    // A history that cannot be written is no reason to stop.
    if let (Ok(true), Some(file)) = (editor.add_history_entry(line), kept) {
        let _ = editor.append_history(file);
    }
}

fn has_a_secret(line: &str) -> bool {
    line.trim_start().starts_with("addauth")
}

/// `QUORATE_SHELL_HISTORY`, or a file among what this user's programs remember.
fn history_file() -> Option<PathBuf> {
    let from = |name: &str| std::env::var_os(name);
    if let Some(file) = from(HISTORY) {
        return (!file.is_empty()).then(|| PathBuf::from(file));
    }
    let state = match from("XDG_STATE_HOME").filter(|state| !state.is_empty()) {
        Some(state) => PathBuf::from(state),
        None => PathBuf::from(from("HOME").filter(|home| !home.is_empty())?).join(".local/state"),
    };
    let directory = state.join("quorate");
    std::fs::create_dir_all(&directory).ok()?;
    Some(directory.join("shell_history"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_kept() {
        assert!(has_a_secret("  addauth digest a:b"));
        assert!(!has_a_secret("get /addauth"));
    }
}
