//! One process of the program under test, and the signals it can get.

use std::fs::{self, OpenOptions};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::wait::{PATIENCE, eventually};

/// How a process ended and what it had said.
#[derive(Debug)]
pub(crate) struct Exit {
    /// The exit code; none after a signal.
    pub(crate) code: Option<i32>,
    /// What it wrote to standard error.
    pub(crate) log: String,
}

/// The program that cargo built for this very test.
pub(crate) fn quorate() -> Command {
    Command::new(env!("CARGO_BIN_EXE_quorate"))
}

/// Send a signal to a process that this test started.
pub(crate) fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("the process is there");
}

/// A running process. Ends with this value: killed, and also with this test's process, whose end
/// closes the standard input that keeps it alive.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// `quorate server` with this configuration and environment; says what it has to say at the end of `log`.
    pub(crate) fn server(config: &Path, log: &Path, environment: &[(&str, PathBuf)]) -> Process {
        let file = OpenOptions::new().create(true).append(true).open(log).expect("the log can be opened");
        let child = quorate()
            .args(["server", "--stop-on-stdin-eof"])
            .arg(config)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .expect("the program can be started");
        Process { child, log: log.to_path_buf() }
    }

    /// Send a signal.
    pub(crate) fn signal(&self, with: Signal) {
        signal(&self.child, with);
    }

    /// The process's id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// kill -9, and wait until it is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the process is there");
        self.child.wait().expect("a child can be waited for");
    }

    /// Whether it has not ended by itself.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Wait for it to end by itself.
    pub(crate) fn ended(mut self) -> Exit {
        let mut status: Option<ExitStatus> = None;
        let ended = eventually(PATIENCE, || {
            status = self.child.try_wait().expect("a child can be asked");
            status.is_some()
        });
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        assert!(ended, "it does not end:\n{log}");
        Exit { code: status.and_then(|s| s.code()), log }
    }

    /// Ask it to end and wait until it has.
    pub(crate) fn stop(self) -> Exit {
        self.signal(Signal::TERM);
        self.ended()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Everything a pipe has to give, once its other end is closed.
pub(crate) fn drain(mut from: impl Read) -> String {
    let mut text = String::new();
    // What is not text is of no use to a message.
    let _ = from.read_to_string(&mut text);
    text
}
