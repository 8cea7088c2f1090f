//! `quorate ensemble`: a whole ensemble with one command, gone with Ctrl-C.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;

use crate::harness::{Pseudo, RawClient, Session, drain, ensemble_ports, quorate, until};
use quorate_core::wire::client::CreateMode;

fn exists(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

#[test]
fn it_says_when_it_is_ready_and_ends_with_ctrl_c() {
    let dir = tempfile::tempdir().unwrap();
    let port = ensemble_ports(4);
    let pseudo = Pseudo::start(port, dir.path(), 3, 1);
    let columns: Vec<&str> = pseudo.lines[0].split_whitespace().collect();
    assert_eq!(columns, ["id", "configured", "client", "quorum", "election", "pid", "mode"]);
    assert_eq!(pseudo.lines.len(), 6, "{:?}", pseudo.lines);
    let modes: Vec<&str> =
        pseudo.lines[1..5].iter().map(|row| row.split_whitespace().last().unwrap()).collect();
    assert_eq!(modes.iter().filter(|mode| **mode == "leader").count(), 1, "{modes:?}");
    assert_eq!(modes.iter().filter(|mode| **mode == "follower").count(), 2, "{modes:?}");
    assert_eq!(modes[3], "observer");
    let addresses: Vec<String> = (port..port + 4).map(|port| format!("127.0.0.1:{port}")).collect();
    assert_eq!(pseudo.lines[5], format!("ready: connect with {}", addresses.join(",")));
    let mut client = RawClient::connect(port + 3, &Session::new(4000)).unwrap();
    client.create("/through-the-observer", b"1", CreateMode::Persistent).unwrap();
    let pids = pseudo.pids();
    assert!(pids.iter().all(|pid| exists(*pid)));
    pseudo.stop();
    until("its servers are gone", || (!pids.iter().any(|pid| exists(*pid))).then_some(()));
    // The data was to be kept: it is there again.
    let pseudo = Pseudo::start(port, dir.path(), 3, 1);
    let mut client = RawClient::connect(port, &Session::new(4000)).unwrap();
    client.sync().unwrap();
    assert_eq!(client.get("/through-the-observer", false).unwrap().0, b"1");
    drop(pseudo);
}

#[test]
fn its_servers_do_not_outlive_it() {
    let dir = tempfile::tempdir().unwrap();
    let pseudo = Pseudo::start(ensemble_ports(1), dir.path(), 1, 0);
    let pids = pseudo.pids();
    pseudo.kill();
    until("its server is gone", || (!pids.iter().any(|pid| exists(*pid))).then_some(()));
}

#[test]
fn a_port_in_use_is_named_before_anything_starts() {
    let dir = tempfile::tempdir().unwrap();
    let port = ensemble_ports(3);
    // The second server's.
    let _taken = TcpListener::bind(("127.0.0.1", port + 1)).unwrap();
    let mut child = quorate()
        .args(["ensemble", "--observers", "0", "--client-port", &port.to_string(), "--data-dir"])
        .arg(dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (out, err) = (drain(child.stdout.take().unwrap()), drain(child.stderr.take().unwrap()));
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(EXIT_USAGE), "{err}");
    assert_eq!(out, "");
    assert_eq!(
        err,
        format!("quorate: client port 127.0.0.1:{} is already in use by another program\n", port + 1)
    );
    assert_eq!(dir.path().read_dir().unwrap().count(), 0, "something was started");
}

#[test]
fn a_line_that_means_nothing_is_said() {
    let run = |line: &str| {
        // What the one before had may still be in use: its server goes a moment after it.
        let dir = tempfile::tempdir().unwrap();
        let port = ensemble_ports(1);
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
            .args(["--set", line])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut err = std::io::BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        std::io::BufRead::read_line(&mut err, &mut said).unwrap();
        // One that is right goes on until it is killed.
        if said.contains("warning") {
            child.kill().unwrap();
        }
        (child.wait().unwrap().code(), said)
    };
    let (_, said) = run("snapcuont=10");
    assert!(said.contains("snapcuont: unknown key, ignored; did you mean snapCount?"), "{said}");
    let (code, said) = run("snapCount=many");
    assert!(code == Some(EXIT_USAGE) && said.contains("snapCount: \"many\" is not a number"), "{said}");
}

/// The command line asks for what cannot be had.
const EXIT_USAGE: i32 = 2;
