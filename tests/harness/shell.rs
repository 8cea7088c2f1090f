//! `quorate shell` as a program that is run to its end.

use std::io::Write;
use std::process::{Output, Stdio};

use serde_json::Value;

use super::process::quorate;

/// What a shell said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    /// Standard output without what is said of the connection.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
    /// The exit code.
    pub(crate) code: Option<i32>,
}

impl Said {
    fn of(output: Output) -> Said {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("a shell prints UTF-8");
        let (out, err) = (text(output.stdout), text(output.stderr));
        // What is said of the connection comes at a time of its own.
        let mut lines: Vec<&str> = out.lines().collect();
        while let Some(at) = lines.iter().position(|line| line.contains("type:None path:null")) {
            lines.drain(at.saturating_sub(3)..=at);
        }
        let is_first = |line: &str| line.starts_with("Connecting to ") || line.contains("\"path\":null");
        let kept: String =
            lines.into_iter().filter(|line| !is_first(line)).map(|line| format!("{line}\n")).collect();
        Said { out: kept, err, code: output.status.code() }
    }

    /// The lines of standard output, of a command that was done.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<&str> {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{self:?}");
        self.out.lines().collect()
    }

    /// The values that were printed, without events.
    pub(crate) fn values(&self) -> Vec<Value> {
        let values = self.out.lines().map(|line| serde_json::from_str(line).expect("a line is a value"));
        values.filter(|value: &Value| value.get("event").is_none()).collect()
    }

    /// The only value that was printed.
    #[track_caller]
    pub(crate) fn value(&self) -> Value {
        let mut values = self.values();
        assert_eq!(values.len(), 1, "{self:?}");
        values.remove(0)
    }
}

/// Run one command at a server of this port.
pub(crate) fn shell(port: u16, command: &[&str]) -> Said {
    shell_with(port, &[], command, &[], b"")
}

/// Run a shell with flags, a command perhaps, an environment, and this on standard input.
pub(crate) fn shell_with(
    port: u16,
    flags: &[&str],
    command: &[&str],
    environment: &[(&str, &str)],
    input: &[u8],
) -> Said {
    let mut child = quorate()
        .args(["shell", "-server", &format!("127.0.0.1:{port}")])
        .args(flags)
        .args(command)
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program can be started");
    let mut stdin = child.stdin.take().expect("a pipe");
    // A shell that needs no input may have ended.
    let _ = stdin.write_all(input);
    drop(stdin);
    Said::of(child.wait_with_output().expect("the shell ends"))
}
