//! How a server that was started by `quorate start` tells it how far it has come: lines on standard
//! output, which are a pipe.

use std::io::{self, Write};

/// How far a starting server has come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Progress {
    /// Its data is read and its ports are open.
    Up,
    /// It serves, in this mode.
    Serves(String),
}

const UP: &str = "up";
const SERVES: &str = "serves as ";

impl Progress {
    /// What a line of the pipe says.
    pub(super) fn from_line(line: &str) -> Option<Progress> {
        match line.strip_prefix(SERVES) {
            Some(mode) => Some(Progress::Serves(mode.to_owned())),
            None => (line == UP).then_some(Progress::Up),
        }
    }

    fn line(&self) -> String {
        match self {
            Progress::Up => format!("{UP}\n"),
            Progress::Serves(mode) => format!("{SERVES}{mode}\n"),
        }
    }
}

/// The server's end of the pipe.
#[derive(Debug)]
pub(crate) struct Announcer(());

impl Announcer {
    /// Leave the session of whoever started this process, so that it outlives that session; then
    /// there is something to announce.
    pub(crate) fn detach() -> Announcer {
        // A process that leads its group cannot leave; then it is its own already.
        let _ = rustix::process::setsid();
        Announcer(())
    }

    /// Say it. Nobody may listen any more.
    pub(crate) fn say(&self, progress: &Progress) {
        let mut out = io::stdout().lock();
        let _ = out.write_all(progress.line().as_bytes()).and_then(|()| out.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_written() {
        for progress in [Progress::Up, Progress::Serves("leader".into())] {
            assert_eq!(Progress::from_line(progress.line().trim_end()), Some(progress));
        }
        assert_eq!(Progress::from_line("upwards"), None);
    }
}
