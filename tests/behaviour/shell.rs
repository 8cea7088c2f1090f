//! `quorate shell` from scripts: commands, values, failures and exit codes.

use serde_json::{Value, json};

use crate::harness::{Ensemble, Setup, free_ports, shell, shell_with};

fn standalone() -> (Ensemble, u16) {
    let ensemble = Setup::voters(1).line("extendedTypesEnabled=true").start();
    let port = ensemble.server(1).client;
    (ensemble, port)
}

#[test]
fn one_command_has_its_answer_and_exit_code() {
    let (_ensemble, port) = standalone();
    let created = shell(port, &["create", "/a", "two words"]);
    assert_eq!((created.code, created.err.as_str(), created.out.as_str()), (Some(0), "Created /a\n", ""));
    assert_eq!(shell(port, &["get", "/a"]).lines(), ["two words"]);
    assert_eq!(shell(port, &["ls", "/"]).lines(), ["[a, zookeeper]"]);
    let missing = shell(port, &["get", "/none"]);
    assert_eq!((missing.code, missing.err.as_str()), (Some(1), "Node does not exist: /none\n"));
    let unknown = shell(port, &["nonsense"]);
    assert_eq!(unknown.code, Some(127));
    assert!(unknown.err.ends_with("Command not found: Command not found nonsense\n"), "{unknown:?}");
    let flag = shell_with(port, &["-sever"], &["ls", "/"], &[], b"");
    assert_eq!((flag.code, flag.out.as_str()), (Some(2), ""));
}

#[test]
fn values_are_for_programs() {
    let (_ensemble, port) = standalone();
    let json = |command: &[&str]| shell_with(port, &["--json"], command, &[], b"");
    let created = json(&["create", "/a", "x"]);
    assert_eq!(
        (created.value(), created.out.as_str()),
        (json!({ "created": "/a" }), "{\"created\":\"/a\"}\n")
    );
    let got = json(&["get", "/a"]).value();
    assert_eq!((&got["data"], &got["stat"]["dataLength"]), (&json!("x"), &json!(1)));
    assert_eq!(json(&["set", "/a", "/wA=", "-b"]).code, Some(0));
    assert_eq!(json(&["get", "/a"]).value()["base64"], "/wA=");
    assert_eq!(json(&["ls", "/"]).value()["children"], json!(["a", "zookeeper"]));
    assert_eq!(json(&["getAcl", "/a"]).value()["acl"][0]["perms"], "cdrwa");
    assert_eq!(json(&["whoami"]).value()["identities"][0]["scheme"], "ip");
    let failed = json(&["get", "/none"]);
    let failure: Value = serde_json::from_str(&failed.err).unwrap();
    assert_eq!(
        (&failure["code"], &failure["path"], failed.code),
        (&json!("NoNode"), &json!("/none"), Some(1))
    );
    // One command of a script, and events among its values.
    let script = shell_with(port, &[], &[], &[], b"get /a\nls --json /\n");
    assert!(script.out.contains("{\"children\":[\"a\",\"zookeeper\"],\"path\":\"/\""), "{script:?}");
    let events = shell_with(port, &["--json"], &[], &[], b"get -w /a\nset /a y\n");
    let event: Value = events
        .out
        .lines()
        .find(|line| line.contains("NodeDataChanged"))
        .map_or(Value::Null, |line| serde_json::from_str(line).expect("an event is a value"));
    assert_eq!((&event["path"], &event["state"]), (&json!("/a"), &json!("SyncConnected")));
}

#[test]
fn what_a_terminal_would_obey_is_escaped() {
    let (_ensemble, port) = standalone();
    shell(port, &["create", "/a", "\u{1b}[2J\u{202e}x\ny"]);
    assert_eq!(shell(port, &["get", "/a"]).lines(), ["\\x1b[2J\\u{202e}x", "y"]);
    shell(port, &["set", "-b", "/a", "//4="]);
    assert_eq!(shell(port, &["get", "/a"]).lines(), ["\\xff\\xfe"]);
    assert_eq!(shell(port, &["get", "/a", "-b"]).lines(), ["//4="]);
}

#[test]
fn a_script_ends_with_the_exit_code_of_its_last_command() {
    let (_ensemble, port) = standalone();
    let script = |lines: &[u8]| shell_with(port, &[], &[], &[], lines);
    let failed = script(b"create /a\nget /none\n");
    assert_eq!((failed.code, failed.err.as_str()), (Some(1), "Created /a\nNode does not exist: /none\n"));
    assert_eq!(script(b"get /none\n\nls /\n").code, Some(0));
    assert_eq!(script(b"nonsense\nquit\nls /none\n").code, Some(127));
    let bytes = script(b"create /b \xff\nls /\n");
    assert_eq!((bytes.code, bytes.err.as_str()), (Some(0), "line 1 is not UTF-8: it is left out\n"));
    assert!(bytes.out.contains("[a, zookeeper]"), "{bytes:?}");
    // Ephemeral znodes go with the session, which is closed.
    assert_eq!(script(b"create -e /eph\n").code, Some(0));
    assert_eq!(shell(port, &["ls", "/"]).lines(), ["[a, zookeeper]"]);
}

#[test]
fn servers_that_are_not_there_are_tried_once_each() {
    let (_ensemble, port) = standalone();
    let [nobody, neither] = free_ports();
    let lost = shell(nobody, &["get", "/a"]);
    assert_eq!((lost.code, lost.err.as_str()), (Some(1), "KeeperErrorCode = ConnectionLoss for /a\n"));
    let waited = shell_with(nobody, &["-waitforconnection", "-timeout", "300"], &["ls", "/"], &[], b"");
    assert_eq!((waited.code, waited.err.as_str()), (Some(1), "KeeperErrorCode = ConnectionLoss\n"));
    let servers = format!("127.0.0.1:{nobody},127.0.0.1:{neither},127.0.0.1:{port}/app");
    shell(port, &["create", "/app"]);
    for _ in 0..4 {
        assert_eq!(shell_with(port, &["-server", &servers], &["ls", "/"], &[], b"").lines(), ["[]"]);
    }
}

#[test]
fn the_chroot_is_the_root() {
    let (_ensemble, port) = standalone();
    shell(port, &["create", "/app"]);
    let servers = format!("127.0.0.1:{port}/app");
    let inside = |command: &[&str]| shell_with(port, &["-server", &servers], command, &[], b"");
    assert_eq!(inside(&["create", "/a", "x"]).err, "Created /a\n");
    assert_eq!(inside(&["ls", "-R", "/"]).lines(), ["/", "/a"]);
    assert_eq!(inside(&["get", "/none"]).err, "Node does not exist: /none\n");
    assert_eq!(shell(port, &["ls", "-R", "/app"]).lines(), ["/app", "/app/a"]);
}

#[test]
fn help_explains_every_command() {
    let (_ensemble, port) = standalone();
    let help = shell(port, &["help"]);
    assert!(help.lines().iter().all(|line| line.chars().count() <= 80), "{help:?}");
    let listed = shell(port, &["help", "--json"]).value();
    for command in listed["commands"].as_array().unwrap() {
        let one = shell(port, &["help", command["name"].as_str().unwrap()]);
        assert!(one.out.starts_with(command["name"].as_str().unwrap()), "{one:?}");
    }
}
