//! Standard output and standard error, without a panic when they cannot be written.
//!
//! A reader that has gone (`| head`) is an ordinary end of printing; what is to be done is done, and files
//! are written. Any other failure of standard output is said once and ends in exit code 2.

use std::fmt::Arguments;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// What people read goes to standard error: standard output is for the figures.
static ASIDE: AtomicBool = AtomicBool::new(false);
static FAILED: AtomicBool = AtomicBool::new(false);

/// The exit code if something cannot be done.
const CANNOT: u8 = 2;

/// A line, or the end of one.
macro_rules! outln {
    () => { $crate::out::text(format_args!("\n")) };
    ($($all:tt)*) => { $crate::out::text(format_args!("{}\n", format_args!($($all)*))) };
}

/// A line on standard error.
macro_rules! errln {
    ($($all:tt)*) => { $crate::out::complain(format_args!($($all)*)) };
}

pub(crate) use {errln, outln};

/// A text for people.
pub(crate) fn text(text: Arguments<'_>) {
    if ASIDE.load(Ordering::Relaxed) {
        let _ = std::io::stderr().write_fmt(text);
    } else {
        figures(text);
    }
}

/// A text for standard output, whatever else goes there.
pub(crate) fn figures(text: Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    match out.write_fmt(text).and_then(|()| out.flush()) {
        Err(why) if why.kind() != ErrorKind::BrokenPipe && !FAILED.swap(true, Ordering::Relaxed) => {
            complain(format_args!("quorate-checks: writing to standard output: {why}"));
        }
        _ => {}
    }
}

/// From now on standard output is for figures only.
pub(crate) fn step_aside() {
    ASIDE.store(true, Ordering::Relaxed);
}

/// A line on standard error; if that cannot be written the failure is not told.
pub(crate) fn complain(text: Arguments<'_>) {
    let _ = std::io::stderr().write_fmt(format_args!("{text}\n"));
}

/// The exit code of the process: that of the command, unless its output is lost.
pub(crate) fn code(code: ExitCode) -> ExitCode {
    if FAILED.load(Ordering::Relaxed) && code == ExitCode::SUCCESS { ExitCode::from(CANNOT) } else { code }
}

/// Whether a file can be written: asked before a search, not after it. `-` is standard output.
///
/// # Errors
/// It cannot.
pub(crate) fn try_file(file: &Path) -> Result<(), String> {
    if file.as_os_str() == "-" {
        return Ok(());
    }
    let there = file.exists();
    let opened = OpenOptions::new().append(true).create(true).open(file);
    opened.map_err(|why| format!("cannot write {}: {why}", file.display()))?;
    if !there {
        let _ = std::fs::remove_file(file);
    }
    Ok(())
}
