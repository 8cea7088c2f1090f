//! What `quorate shell` holds or follows for a while: locks, leadership, watches, and data in an editor.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use quorate_client::Client;
use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Ensemble, PATIENCE, Setup, eventually, quorate, run, shell, shell_with};

fn standalone() -> (Ensemble, u16) {
    let ensemble = Setup::voters(1).line("4lw.commands.whitelist=*").start();
    let port = ensemble.server(1).client;
    (ensemble, port)
}

/// A shell that runs on, whose values are read line by line.
fn begin(port: u16, command: &[&str]) -> (Child, impl FnMut() -> Value + use<>) {
    let mut child = quorate()
        .args(["shell", "--json", "-server", &format!("127.0.0.1:{port}")])
        .args(command)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program can be started");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let next = move || loop {
        let line = lines.next().expect("the shell says more").expect("a line");
        let value: Value = serde_json::from_str(&line).expect("a value");
        if value.get("event").is_none() {
            return value;
        }
    };
    (child, next)
}

#[test]
fn a_command_runs_while_the_lock_is_held() {
    let (_ensemble, port) = standalone();
    let token = |said: &str| said.trim().parse::<u64>().expect("a token");
    let first = shell(port, &["lock", "/locks/a", "--", "sh", "-c", "echo $QUORATE_TOKEN"]);
    let second = shell(port, &["lock", "/locks/a", "--", "sh", "-c", "echo $QUORATE_TOKEN"]);
    assert!(token(&first.out) < token(&second.out), "{first:?} {second:?}");
    let failed = shell(port, &["lock", "/locks/a", "--", "sh", "-c", "exit 7"]);
    assert_eq!((failed.code, failed.err.as_str()), (Some(7), "the command ended with 7\n"));
    assert_eq!(shell(port, &["lock", "/locks/a", "--", "/no/such"]).code, Some(1));
    assert_eq!(shell(port, &["ls", "/locks/a"]).lines(), ["[]"], "every lock was released");
}

#[test]
fn a_command_is_stopped_when_the_lock_is_lost() {
    let (_ensemble, port) = standalone();
    let (mut child, mut next) = begin(port, &["lock", "/locks/a", "--", "sleep", "1000"]);
    assert!(next()["token"].is_u64());
    let waited = shell(port, &["lock", "-wait", "0", "/locks/a", "--", "true"]);
    assert_eq!((waited.code, waited.err.as_str()), (Some(1), "/locks/a: others hold the lock\n"));
    run(async {
        let client = Client::connect(&format!("127.0.0.1:{port}")).await.unwrap();
        let holders = client.children("/locks/a").await.unwrap().names;
        assert_eq!(holders.len(), 1, "{holders:?}");
        client.delete(format!("/locks/a/{}", holders[0])).await.unwrap();
        client.close().await;
    });
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_shell_that_is_stopped_stops_its_command_and_releases() {
    let (_ensemble, port) = standalone();
    let (mut child, mut next) = begin(port, &["elect", "/leader", "--", "sleep", "1000"]);
    assert_eq!(next()["state"], "leading");
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(shell(port, &["ls", "/leader"]).lines(), ["[]"]);
}

#[test]
fn the_next_candidate_leads_when_the_first_has_ended() {
    let (_ensemble, port) = standalone();
    let (mut first, mut heard) = begin(port, &["elect", "/leader", "--", "sleep", "1000"]);
    let first_token = heard()["token"].as_u64();
    let (mut second, mut next) =
        begin(port, &["elect", "-id", "second", "/leader", "--", "sh", "-c", "exit 3"]);
    first.kill().unwrap();
    first.wait().unwrap();
    let led = next();
    assert!(led["state"] == "leading" && led["token"].as_u64() > first_token, "{led}");
    assert_eq!(next()["exit"], 3);
    assert_eq!(second.wait().unwrap().code(), Some(3));
}

#[test]
fn changes_are_followed() {
    let (ensemble, port) = standalone();
    shell(port, &["create", "/w"]);
    let (mut child, mut next) = begin(port, &["watch", "-n", "3", "/w"]);
    let is_set = || ensemble.server(1).word("wchs").is_some_and(|text| text.contains("Total watches:1"));
    assert!(eventually(PATIENCE, is_set), "the watch is set");
    shell(port, &["create", "/w/a", "one"]);
    shell(port, &["set", "/w/a", "two"]);
    shell(port, &["delete", "/w/a"]);
    let mut heard = || {
        let change = next();
        format!("{} {}", change["change"], change["path"]).replace('"', "")
    };
    assert_eq!([heard(), heard(), heard()], ["created /w/a", "changed /w/a", "deleted /w/a"]);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn an_edit_does_not_overwrite_what_others_have_set() {
    let (_ensemble, port) = standalone();
    shell(port, &["create", "/a.txt", "one"]);
    let edit =
        |editor: &str| shell_with(port, &[], &["edit", "/a.txt"], &[("VISUAL", ""), ("EDITOR", editor)], b"");
    assert_eq!(edit("true").lines(), ["unchanged"]);
    assert_eq!(edit("sed -i s/one/two/").lines(), ["set /a.txt, version 1"]);
    assert_eq!(shell(port, &["get", "/a.txt"]).lines(), ["two"]);
    assert_eq!(edit("false").code, Some(1));
    let program = env!("CARGO_BIN_EXE_quorate");
    let meanwhile =
        format!("{program} shell -server 127.0.0.1:{port} set /a.txt theirs >/dev/null; sed -i s/two/mine/");
    let refused = edit(&meanwhile);
    assert_eq!(refused.code, Some(1));
    let file = refused.err.trim().rsplit_once("your text is in ").expect("where it is").1;
    assert!(file.ends_with(".txt"), "{refused:?}");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "mine");
    std::fs::remove_file(file).unwrap();
    assert_eq!(shell(port, &["get", "/a.txt"]).lines(), ["theirs"]);
}
