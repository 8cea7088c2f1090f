//! Members that cannot be reached, or are reached at the wrong port, are named.

use std::fs;
use std::process::Stdio;

use crate::harness::{PATIENCE, Setup, eventually, quorate, until};

#[test]
fn a_start_says_which_members_it_waits_for() {
    let mut ensemble = Setup::voters(3).prepare();
    let (config, data) = (ensemble.config(1), ensemble.server(1).data());
    let started = quorate().arg("start").arg(&config).stdin(Stdio::null()).output().unwrap();
    let out = String::from_utf8_lossy(&started.stdout).into_owned();
    let log = || fs::read_to_string(data.join("quorate-server-1.log")).unwrap_or_default();
    let warned = eventually(PATIENCE, || {
        [2, 3].iter().all(|id| log().contains(&format!("WARN election port: server {id} cannot be reached")))
    });
    let before = log();
    ensemble.start(2);
    let back = eventually(PATIENCE, || log().contains("election port: server 2 is reached again"));
    let stopped = quorate().arg("stop").arg(&config).stdin(Stdio::null()).output().unwrap();
    assert!(stopped.status.success(), "{stopped:?}");
    for id in [2, 3] {
        let place = format!("127.0.0.1:{}", ensemble.server(id).election);
        assert!(out.contains(&format!("server {id} ({place}: Connection refused")), "{out}");
        assert!(
            before.contains(&format!("server {id} cannot be reached: {place}: Connection refused")),
            "{before}"
        );
        let lines = before.lines().filter(|line| line.contains(&format!("server {id} cannot"))).count();
        assert_eq!(lines, 1, "{before}");
    }
    assert!(warned && back && out.contains("not connected: "), "{out}{}", log());
}

/// Server 3 has the ports of server 1 the wrong way round.
#[test]
fn swapped_ports_are_recognised() {
    let mut ensemble = Setup::voters(3).prepare();
    let (quorum, election) = (ensemble.server(1).quorum, ensemble.server(1).election);
    let text = fs::read_to_string(ensemble.config(3)).unwrap();
    let swapped = text.replace(&format!(":{quorum}:{election}"), &format!(":{election}:{quorum}"));
    assert_ne!(text, swapped);
    fs::write(ensemble.config(3), swapped).unwrap();
    ensemble.start(1);
    ensemble.start(3);
    ensemble.await_log(1, "speaks the election protocol on the quorum port");
}

#[test]
fn a_name_that_is_not_known_keeps_nobody_from_serving() {
    let mut ensemble = Setup::voters(3).prepare();
    for id in [1, 2] {
        let text = fs::read_to_string(ensemble.config(id)).unwrap();
        let unknown = text.replace("server.3=127.0.0.1:", "server.3=no-such-host.invalid:");
        fs::write(ensemble.config(id), unknown).unwrap();
        ensemble.start(id);
    }
    ensemble.await_serving(&[1, 2]);
    for id in [1, 2] {
        until("the member is named", || {
            let log = ensemble.server(id).log();
            log.contains("server 3 cannot be reached: no-such-host.invalid:").then_some(())
        });
    }
}
