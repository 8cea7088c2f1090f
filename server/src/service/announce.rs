//! How a server that was started by `quorate start` tells it how far it has come: lines on standard
//! output, which are a pipe.

use std::io::{self, Write};

/// How far a starting server has come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Progress {
    /// The server's data is read and its ports are open.
    Up,
    /// The server waits for these members.
    Waits(String),
    /// The server serves, in this mode.
    Serves(String),
}

const UP: &str = "up";
const SERVES: &str = "serves as ";
const WAITS: &str = "waits for ";

impl Progress {
    /// What a line of the pipe says.
    pub(super) fn from_line(line: &str) -> Option<Progress> {
        if let Some(mode) = line.strip_prefix(SERVES) {
            return Some(Progress::Serves(mode.to_owned()));
        }
        if let Some(members) = line.strip_prefix(WAITS) {
            return Some(Progress::Waits(members.to_owned()));
        }
        (line == UP).then_some(Progress::Up)
    }

    fn line(&self) -> String {
        match self {
            Progress::Up => format!("{UP}\n"),
            Progress::Waits(members) => format!("{WAITS}{members}\n"),
            Progress::Serves(mode) => format!("{SERVES}{mode}\n"),
        }
    }
}

/// The server's end of the pipe.
#[derive(Debug)]
pub(crate) struct Announcer {
    /// The members of which was said last that they are waited for.
    waits: String,
}

impl Announcer {
    /// Leave the session of the process that started this one, so that it outlives that session; then
    /// there is something to announce.
    pub(crate) fn detach() -> Announcer {
        // A process that leads its group cannot leave; then it is its own already.
        let _ = rustix::process::setsid();
        Announcer { waits: String::new() }
    }

    /// Say which members are waited for, if it has changed.
    pub(crate) fn waits_for(&mut self, members: String) {
        if members != self.waits {
            self.waits.clone_from(&members);
            self.say(&Progress::Waits(members));
        }
    }

    /// Say it. There may be no listener any more.
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
        for progress in [
            Progress::Up,
            Progress::Serves("leader".into()),
            Progress::Waits("server 2 (refused)".into()),
            Progress::Waits(String::new()),
        ] {
            assert_eq!(Progress::from_line(progress.line().trim_end_matches('\n')), Some(progress));
        }
        assert_eq!(Progress::from_line("upwards"), None);
    }
}
