//! Read-only mode: a client that asked for it is served reads by a server that has lost the others.

use std::fs;
use std::path::PathBuf;

use quorate_core::wire::client::CreateMode;
use quorate_core::wire::error_code::ErrorCode;

use crate::harness::{Ensemble, Failure, RawClient, Session, Setup, lost, quorate, until};

const ON: &str = "readonlymode.enabled=true";

/// A session for a client that puts up with a read-only server.
fn will_read() -> Session {
    Session::new(20_000).or_only_reads()
}

#[track_caller]
fn reader(ensemble: &Ensemble, id: u64) -> RawClient {
    until(&format!("server {id} serves a reader"), || {
        RawClient::connect(ensemble.server(id).client, &will_read()).ok().filter(|client| client.read_only)
    })
}

fn says(ensemble: &Ensemble, id: u64, word: &str) -> String {
    ensemble.server(id).word(word).unwrap_or_default()
}

#[test]
fn a_reader_goes_on_without_a_quorum_and_writes_again_with_one() {
    let mut ensemble = Setup::voters(3).observers(1).line(ON).line("maxSessionTimeout=60000").start();
    let survivor = ensemble.await_followers()[0];
    let port = ensemble.server(survivor).client;
    let mut before = RawClient::connect(port, &will_read()).unwrap();
    assert!(!before.read_only, "there is a leader");
    before.create("/kept", b"1", CreateMode::Persistent).unwrap();
    before.create("/mine", b"", CreateMode::Ephemeral).unwrap();
    assert_eq!(says(&ensemble, survivor, "isro"), "rw");
    // No write waits for an observer.
    let mut observed = RawClient::connect(ensemble.server(4).client, &Session::new(20_000)).unwrap();
    until("the observer has it, too", || observed.exists("/mine", false).unwrap());
    let gone: Vec<u64> = ensemble.voters().into_iter().filter(|id| *id != survivor).collect();
    for id in &gone {
        ensemble.kill(*id);
    }
    assert!(before.closed());

    // The observer, too: every server that knows no leader.
    for id in [survivor, 4] {
        let mut client = reader(&ensemble, id);
        assert_eq!(client.get("/kept", true).unwrap().0, b"1");
        let refused = client.create("/new", b"", CreateMode::Persistent);
        assert!(matches!(refused, Err(Failure::Code(ErrorCode::NotReadOnly))), "{refused:?}");
        assert!(matches!(client.set("/kept", b"2", -1), Err(Failure::Code(ErrorCode::NotReadOnly))));
        assert!(client.exists("/mine", false).unwrap().is_some());
        assert_eq!(says(&ensemble, id, "isro"), "ro");
        let srvr = says(&ensemble, id, "srvr");
        assert!(srvr.contains("\nREAD-ONLY mode; serving only read-only clients\n"), "{srvr}");
        assert!(srvr.contains("\nMode: read-only\n"), "{srvr}");
    }
    // A client that needs more, or has a session of the ensemble, is turned away without an answer.
    assert!(lost(&RawClient::connect(port, &Session::new(20_000))));
    assert!(lost(&RawClient::connect(port, &before.session)));
    // A session of this server alone outlives its connection.
    let mut client = reader(&ensemble, survivor);
    let mut client = {
        let session = client.session.clone();
        assert!(client.exists("/kept", false).unwrap().is_some());
        drop(client);
        let again = RawClient::connect(port, &session).unwrap();
        assert_eq!(again.session.id, session.id);
        again
    };

    ensemble.start(gone[0]);
    assert!(client.closed(), "a reader is to come back to a server that has a leader");
    ensemble.await_serving(&[survivor, gone[0], 4]);
    let port = ensemble.server(survivor).client;
    let refused = until("the ensemble does not know the reader's session", || {
        match RawClient::connect(port, &client.session) {
            Err(Failure::Lost(_)) => None,
            other => Some(other),
        }
    });
    assert!(matches!(refused, Err(Failure::Refused)), "{refused:?}");
    let mut client = until("a new session", || RawClient::connect(port, &will_read()).ok());
    assert!(!client.read_only);
    client.set("/kept", b"3", 0).unwrap();
    // The client that was turned away still has what it had.
    let mut before = until("the session goes on", || RawClient::connect(port, &before.session).ok());
    assert!(before.exists("/mine", false).unwrap().is_some());
    assert_eq!(says(&ensemble, survivor, "isro"), "rw");
}

/// The creates in a server's logs: in which file, at which byte, which path.
fn creates(ensemble: &Ensemble, id: u64) -> Vec<(PathBuf, u64, String)> {
    let mut logs: Vec<PathBuf> =
        fs::read_dir(ensemble.server(id).version_2()).unwrap().map(|entry| entry.unwrap().path()).collect();
    logs.retain(|path| path.file_name().unwrap().to_string_lossy().starts_with("log."));
    logs.sort();
    let mut found = Vec::new();
    for log in logs {
        let dump = quorate().args(["log", "dump", "--json"]).arg(&log).output().unwrap();
        for line in String::from_utf8(dump.stdout).unwrap().lines() {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            if let (Some("create" | "create2"), Some(path)) =
                (record["type"].as_str(), record["path"].as_str())
            {
                found.push((log.clone(), record["offset"].as_u64().unwrap(), path.to_owned()));
            }
        }
    }
    found
}

/// After a start it does not know what was committed, and shows what it has, as ZooKeeper does.
#[test]
fn a_server_that_starts_alone_serves_what_it_has() {
    let mut ensemble = Setup::voters(3).line(ON).start();
    let leader = ensemble.await_leader();
    let mut client = ensemble.connect(leader);
    for i in 0..20 {
        client.create(&format!("/n{i}"), b"x", CreateMode::Persistent).unwrap();
    }
    ensemble.kill_all();
    // Two followers may have acknowledged the last write while the leader's own disk was still at work: then
    // it has not got it. Here it never has.
    let written = creates(&ensemble, leader);
    let (log, offset, _) = written.last().unwrap();
    fs::File::options().write(true).open(log).unwrap().set_len(*offset).unwrap();
    ensemble.start(leader);
    let mut client = reader(&ensemble, leader);
    // What is on its disk, and /zookeeper.
    assert_eq!(client.children("/", false).unwrap().len(), creates(&ensemble, leader).len() + 1);
    assert!(!client.children("/", false).unwrap().contains(&written.last().unwrap().2[1..].to_owned()));
    // What it has shown is lost to no client when it comes back with the others.
    for id in ensemble.voters() {
        if id != leader {
            ensemble.start(id);
        }
    }
    assert!(client.closed());
    ensemble.await_serving(&ensemble.voters());
    let mut client = ensemble.connect(leader);
    client.set("/n19", b"y", 0).unwrap();
}

#[test]
fn a_server_alone_by_its_configuration_is_never_read_only() {
    let ensemble = Setup::voters(1).line(ON).start();
    let mut client = RawClient::connect(ensemble.server(1).client, &will_read()).unwrap();
    assert!(!client.read_only);
    client.create("/a", b"", CreateMode::Persistent).unwrap();
    assert_eq!(says(&ensemble, 1, "isro"), "rw");
}
