//! A running `quorate ensemble`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};

use rustix::process::Signal;

use super::process::{quorate, signal};
use super::wait::{PATIENCE, eventually};

/// A running `quorate ensemble`, killed with this value.
#[derive(Debug)]
pub(crate) struct Pseudo {
    child: Child,
    /// What it has said until it was ready.
    pub(crate) lines: Vec<String>,
    /// Kept open: a program that is not listened to might end for that.
    out: BufReader<ChildStdout>,
}

impl Pseudo {
    /// Start it on these ports and in this directory, and wait until it is ready.
    pub(crate) fn start(port: u16, data: &Path, voters: u16, observers: u16) -> Pseudo {
        let mut child = quorate()
            .args(["ensemble", "--tick-time", "200", "--client-port", &port.to_string()])
            .args(["--voters", &voters.to_string(), "--observers", &observers.to_string(), "--data-dir"])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut pseudo = Pseudo { child, lines: Vec::new(), out };
        loop {
            let mut line = String::new();
            let read = pseudo.out.read_line(&mut line).unwrap();
            assert!(read > 0, "it ended after {:?}", pseudo.lines);
            pseudo.lines.push(line.trim_end().to_owned());
            if line.starts_with("ready: ") {
                return pseudo;
            }
        }
    }

    /// The pid column of the table.
    pub(crate) fn pids(&self) -> Vec<u32> {
        let rows = &self.lines[1..self.lines.len() - 1];
        rows.iter().map(|row| row.split_whitespace().nth(5).unwrap().parse().unwrap()).collect()
    }

    /// Ctrl-C: it must end with success.
    pub(crate) fn stop(mut self) {
        signal(&self.child, Signal::INT);
        let mut code = None;
        let ended = eventually(PATIENCE, || {
            code = self.child.try_wait().expect("a child can be asked").map(|status| status.code());
            code.is_some()
        });
        assert!(ended, "it does not end");
        assert_eq!(code, Some(Some(0)));
    }

    /// kill -9.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the process is there");
        self.child.wait().expect("a child can be waited for");
    }
}

impl Drop for Pseudo {
    fn drop(&mut self) {
        // Its servers end when it does.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
