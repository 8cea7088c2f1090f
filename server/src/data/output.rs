//! Standard output of commands that may print a lot: buffered, and `| head` is no error.

use std::io::{self, BufWriter, ErrorKind, Stdout, Write};

use serde_json::Value;

use crate::error::{Error, system};

/// Standard output. After its reader has gone, nothing is printed any more.
pub(super) struct Output<W: Write = BufWriter<Stdout>> {
    to: W,
    closed: bool,
}

impl Output {
    /// The process's.
    pub(super) fn stdout() -> Self {
        Output::new(BufWriter::with_capacity(1 << 16, io::stdout()))
    }
}

impl<W: Write> Output<W> {
    pub(super) fn new(to: W) -> Self {
        Output { to, closed: false }
    }

    /// Print a line.
    ///
    /// # Errors
    /// Output cannot be written, for another reason than that nobody reads it.
    pub(super) fn line(&mut self, line: &str) -> Result<(), Error> {
        self.attempt(|to| to.write_all(line.as_bytes()).and_then(|()| to.write_all(b"\n")))
    }

    /// Print a value in one line.
    ///
    /// # Errors
    /// As [`line`](Self::line).
    pub(super) fn json(&mut self, value: &Value) -> Result<(), Error> {
        self.attempt(|to| writeln!(to, "{value}"))
    }

    /// Everything that was printed is to be seen.
    ///
    /// # Errors
    /// As [`line`](Self::line).
    pub(super) fn flush(&mut self) -> Result<(), Error> {
        self.attempt(Write::flush)
    }

    /// Whether nobody reads any more: then there is no use in going on.
    pub(super) fn closed(&self) -> bool {
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
    fn only_a_reader_that_has_gone_is_no_error() {
        let mut gone = Output::new(Pipe(ErrorKind::BrokenPipe.into()));
        assert!(!gone.closed());
        gone.line("text").unwrap();
        assert!(gone.closed());
        gone.json(&Value::Null).unwrap();
        assert!(Output::new(Pipe(ErrorKind::StorageFull.into())).line("text").is_err());
    }
}
