//! Standard output and standard error that cannot be written. A reader that has gone is an ordinary end, a
//! full disk is an error that is said, and neither is a panic.

use std::fs::{File, OpenOptions};
use std::process::{Command, Output, Stdio};

use crate::harness::{Setup, drain, ensemble_ports, quorate};

fn full() -> File {
    OpenOptions::new().write(true).open("/dev/full").expect("the system has it")
}

/// A command whose standard output is not read.
fn unread(command: &mut Command) -> Output {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped()).output().expect("it starts")
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Commands of which printing is all they do.
fn printing(zoo_cfg: &str) -> Vec<Vec<String>> {
    let words = |line: &str| line.split(' ').map(|word| word.replace("ZOO_CFG", zoo_cfg)).collect();
    [
        "--help",
        "--version",
        "config keys",
        "config keys --json",
        "config sample",
        "config check ZOO_CFG",
        "data check ZOO_CFG",
        "data purge --dry-run ZOO_CFG",
    ]
    .into_iter()
    .map(words)
    .collect()
}

#[test]
fn a_reader_that_has_gone_is_an_ordinary_end() {
    let ensemble = Setup::voters(1).start();
    for words in printing(&ensemble.config(1).to_string_lossy()) {
        let output = unread(quorate().args(&words));
        assert_eq!((output.status.code(), err(&output).as_str()), (Some(0), ""), "{words:?}");
    }
    let status = unread(quorate().arg("status").arg(ensemble.config(1)));
    assert_eq!((status.status.code(), err(&status).as_str()), (Some(0), ""));
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let ensemble = Setup::voters(1).start();
    let mut all = printing(&ensemble.config(1).to_string_lossy());
    all.push(vec!["status".to_owned(), ensemble.config(1).to_string_lossy().into_owned()]);
    for words in all {
        let output = quorate().args(&words).stdout(full()).stderr(Stdio::piped()).output().unwrap();
        let said = err(&output);
        assert_eq!(output.status.code(), Some(1), "{words:?}: {said}");
        assert!(said.contains("No space left on device") && said.lines().count() == 1, "{words:?}: {said}");
    }
}

#[test]
fn errors_that_cannot_be_said_change_nothing_else() {
    for (words, code) in
        [(&["server", "/nonexistent"][..], 2), (&["nonsense"], 2), (&["status", "/nonexistent"], 2)]
    {
        let status = quorate().args(words).stdout(Stdio::null()).stderr(full()).status().unwrap();
        assert_eq!(status.code(), Some(code), "{words:?}");
    }
}

/// The reader of the ensemble's output has gone: the ensemble goes on.
#[test]
fn an_ensemble_outlives_its_reader() {
    let dir = tempfile::tempdir().unwrap();
    let port = ensemble_ports(1);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut child = quorate()
        .args([
            "ensemble",
            "--voters",
            "1",
            "--observers",
            "0",
            "--client-port",
            &port.to_string(),
            "--data-dir",
        ])
        .arg(dir.path())
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    crate::harness::until("it serves", || {
        crate::harness::RawClient::connect(port, &crate::harness::Session::new(4000)).ok()
    });
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM)
        .unwrap();
    let said = drain(child.stderr.take().unwrap());
    assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""));
}
