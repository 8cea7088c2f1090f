//! Standard output and standard error, without a panic when they cannot be written.
//!
//! A reader that has gone (`| head`) is an ordinary end. Any other failure of standard output is an
//! error message and an exit code. A failure of standard error is nothing that could be said.

use std::io::{self, BufWriter, ErrorKind, Stdout, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::error::{Error, system};

/// Standard output. After its reader has gone, nothing is printed any more.
pub(crate) struct Output<W: Write = BufWriter<Stdout>> {
    to: W,
    closed: bool,
}

impl Output {
    /// The process's.
    pub(crate) fn stdout() -> Self {
        Output::new(BufWriter::with_capacity(1 << 16, io::stdout()))
    }
}

impl<W: Write> Output<W> {
    pub(crate) fn new(to: W) -> Self {
        Output { to, closed: false }
    }

    /// Print a line.
    ///
    /// # Errors
    /// Output cannot be written, for another reason than that its reader has gone.
    pub(crate) fn line(&mut self, line: &str) -> Result<(), Error> {
        self.attempt(|to| to.write_all(line.as_bytes()).and_then(|()| to.write_all(b"\n")))
    }

    /// Print a text as it is.
    ///
    /// # Errors
    /// As [`line`](Self::line).
    pub(crate) fn text(&mut self, text: &str) -> Result<(), Error> {
        self.attempt(|to| to.write_all(text.as_bytes()))
    }

    /// Print a value in one line.
    ///
    /// # Errors
    /// As [`line`](Self::line).
    pub(crate) fn json(&mut self, value: &Value) -> Result<(), Error> {
        self.attempt(|to| writeln!(to, "{value}"))
    }

    /// Everything that was printed is to be seen.
    ///
    /// # Errors
    /// As [`line`](Self::line).
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        self.attempt(Write::flush)
    }

    /// Whether the reader has gone: then there is no use in going on.
    pub(crate) fn closed(&self) -> bool {
        self.closed
    }

    fn attempt(&mut self, write: impl FnOnce(&mut W) -> io::Result<()>) -> Result<(), Error> {
        if self.closed {
            return Ok(());
        }
        match write(&mut self.to) {
            Err(e) if e.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            written => written.map_err(system("writing to standard output")),
        }
    }
}

/// Print a whole text.
///
/// # Errors
/// As [`Output::line`].
pub(crate) fn print(text: &str) -> Result<(), Error> {
    let mut out = Output::stdout();
    out.text(text)?;
    out.flush()
}

/// Whether [`say`] could not print something although its reader is there.
static FAILED: AtomicBool = AtomicBool::new(false);

/// A line of a command that does more than print: what it does goes on without it. The first failure
/// is said on standard error.
pub(crate) fn say(line: &str) {
    let mut out = Output::new(io::stdout().lock());
    if let Err(why) = out.line(line).and_then(|()| out.flush())
        && !FAILED.swap(true, Ordering::Relaxed)
    {
        complain(&why.to_string());
    }
}

/// Whether some line of [`say`] is lost.
pub(crate) fn failed() -> bool {
    FAILED.load(Ordering::Relaxed)
}

/// Whether a terminal may be sent more than text: `NO_COLOR` says no, and so does `TERM=dumb`.
pub(crate) fn is_colourful() -> bool {
    colourful(std::env::var("NO_COLOR").ok().as_deref(), std::env::var("TERM").ok().as_deref())
}

fn colourful(no_color: Option<&str>, term: Option<&str>) -> bool {
    no_color.is_none_or(str::is_empty) && term != Some("dumb")
}

/// A line on standard error.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "quorate: {line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Pipe(io::Error);

    impl Write for Pipe {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.kind().into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn colours_can_be_refused() {
        for (no_color, term, expected) in [
            (None, Some("xterm"), true),
            (Some(""), Some("xterm"), true),
            (None, None, true),
            (Some("1"), Some("xterm"), false),
            (None, Some("dumb"), false),
        ] {
            assert_eq!(colourful(no_color, term), expected, "{no_color:?} {term:?}");
        }
    }

    #[test]
    fn only_a_reader_that_has_gone_is_no_error() {
        let mut gone = Output::new(Pipe(ErrorKind::BrokenPipe.into()));
        assert!(!gone.closed());
        gone.line("text").unwrap();
        assert!(gone.closed());
        gone.json(&Value::Null).unwrap();
        assert!(Output::new(Pipe(ErrorKind::StorageFull.into())).line("text").is_err());
    }
}
