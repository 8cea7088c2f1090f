//! `quorate shell`: one command, commands of a script, or commands that a person types.

use std::io::{self, BufRead, IsTerminal};

use tokio::runtime::{Builder, Runtime};

use super::args::{Settings, ShellArgs};
use super::failure::Failure;
use super::interactive;
use super::printer::Printer;
use super::shell::Shell;
use crate::error::{EXIT_UNEXPECTED, EXIT_USAGE, Error, system};

/// Run the shell; the exit code is that of the last command.
///
/// # Errors
/// The system gives no threads, or standard input cannot be read.
pub(crate) fn run(args: ShellArgs) -> Result<u8, Error> {
    let (settings, words) = match args.read() {
        Ok(read) => read,
        Err(failure) => {
            crate::output::complain(failure.text());
            return Ok(EXIT_USAGE);
        }
    };
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(system("starting the shell's threads"))?;
    let printer = Printer::start(settings.json);
    let code = start(&runtime, settings, words, &printer)?;
    printer.flush();
    // What is left is only waiting.
    runtime.shutdown_background();
    Ok(if code == 0 && printer.failed() { EXIT_UNEXPECTED } else { code })
}

fn start(runtime: &Runtime, settings: Settings, words: Vec<String>, printer: &Printer) -> Result<u8, Error> {
    for warning in &settings.warnings {
        crate::output::complain(warning);
    }
    printer.line(&format!("Connecting to {}", super::show::name(&settings.server)));
    let mut shell = match runtime.block_on(Shell::begin(settings, printer.clone())) {
        Ok(shell) => shell,
        Err(failure) => {
            printer.failure(&failure);
            return Ok(failure.exit_code());
        }
    };
    if words.is_empty() {
        printer.line("Welcome to ZooKeeper!");
        if is_interactive() {
            printer.line("`help` lists the commands. Tab completes, Ctrl-R searches the history.");
            runtime.block_on(shell.session().settle());
            interactive::run(runtime, &mut shell, printer)?;
        } else {
            printer.line("JLine support is disabled");
            shell.reads_a_script();
            script(runtime, &mut shell, printer)?;
        }
    } else {
        runtime.block_on(shell.run_or_interrupt(words));
    }
    if !shell.is_over() || printer.closed() {
        runtime.block_on(shell.end());
    }
    Ok(shell.exit_code())
}

/// Commands from standard input, one in each line.
fn script(runtime: &Runtime, shell: &mut Shell, printer: &Printer) -> Result<(), Error> {
    let mut input = io::stdin().lock();
    let mut bytes = Vec::new();
    let mut number = 0;
    while !shell.is_over() {
        bytes.clear();
        if input.read_until(b'\n', &mut bytes).map_err(system("reading standard input"))? == 0 {
            break;
        }
        number += 1;
        let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match std::str::from_utf8(line) {
            Ok(line) => runtime.block_on(shell.line(line)),
            Err(_) => {
                let failure = Failure::new(format!("line {number} is not UTF-8: it is left out"));
                shell.refused(&failure);
                printer.failure(&failure);
            }
        }
    }
    Ok(())
}

/// Whether a person types: then there is a line to edit.
fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}
