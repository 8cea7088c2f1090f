//! A configuration that is read again: what can change changes, what cannot is named. A broken one changes
//! nothing.

use std::fs;

use quorate_core::wire::client::CreateMode;
use rustix::process::Signal;

use crate::harness::{Ensemble, Setup, http, quorate, until, with_admin_servers};

/// The digest of `super:admin`.
const SUPER: &str = "DigestAuthenticationProvider.superDigest=super:xQJmxLMiHGwaqBvst5y6rkB6HQs=";
const AS_SUPER: &str = "Authorization: digest super:admin";

/// Put other lines behind the configuration that the server was started with.
fn rewrite(ensemble: &Ensemble, first: &str, lines: &str) {
    fs::write(ensemble.config(1), format!("{first}{lines}")).expect("zoo.cfg can be written");
}

#[test]
fn sighup_changes_words_limits_and_levels_and_names_the_rest() {
    let mut ensemble = Setup::voters(1).prepare();
    let first = fs::read_to_string(ensemble.config(1)).expect("there is a zoo.cfg");
    ensemble.start_all();
    let mut client = ensemble.connect_for(1, 4000);
    assert!(ensemble.server(1).word("ruok").expect("an answer").contains("not in the whitelist"));
    let lines =
        "4lw.commands.whitelist=*\nmaxCnxns=1\nquorate.log=warn\nautopurge.purgeInterval=1\nsnapCount=7\n";
    rewrite(&ensemble, &first, lines);
    ensemble.signal(1, Signal::HUP);
    ensemble.await_log(1, "needs a restart: snapCount");
    let expected = "changed now: 4lw.commands.whitelist, autopurge.purgeInterval, maxCnxns, quorate.log;";
    assert!(ensemble.server(1).log().contains(expected), "{}", ensemble.server(1).log());
    // The one place is taken; the connection that has it stays.
    until("no other connection is taken", || {
        ensemble.server(1).word("ruok").is_none_or(|a| a.is_empty()).then_some(())
    });
    client.create("/here", b"", CreateMode::Persistent).expect("the client is served");
    // A broken file changes nothing, and says so although only warnings are written.
    rewrite(&ensemble, &first, "maxCnxns=many\n");
    ensemble.signal(1, Signal::HUP);
    ensemble.await_log(1, "nothing changes");
    client.set("/here", b"still", -1).expect("the client is served");
    rewrite(&ensemble, &first, "4lw.commands.whitelist=*\n");
    ensemble.signal(1, Signal::HUP);
    until("there is no limit any more", || ensemble.server(1).word("ruok").filter(|answer| answer == "imok"));
    // What the line of the reload would have said was left out: the level was `warn`, and is again what the
    // command line says.
    client.set("/here", b"again", -1).expect("the client is served");
}

#[test]
fn a_command_does_the_same_and_answers() {
    let (mut ensemble, ports) = with_admin_servers(Setup::voters(1).line(SUPER));
    ensemble.start_all();
    let first = fs::read_to_string(ensemble.config(1)).expect("there is a zoo.cfg");
    let reload = |lines: &[&str]| http(ports[0], "POST", "/commands/reload", lines, "").expect("an answer");
    assert_eq!(reload(&[]).status, 401);
    let nothing = reload(&[AS_SUPER]);
    assert_eq!((nothing.status, nothing.member("changed")), (200, Some("[ ]")), "{}", nothing.body);
    rewrite(&ensemble, &first, "4lw.commands.whitelist=ruok\ntickTime=300\n");
    let changed = reload(&[AS_SUPER]);
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert!(changed.body.contains("\"changed\" : [ \"4lw.commands.whitelist\" ]"), "{}", changed.body);
    assert!(changed.body.contains("\"needs_restart\" : [ \"tickTime\" ]"), "{}", changed.body);
    assert_eq!(ensemble.server(1).word("ruok").as_deref(), Some("imok"));
    rewrite(&ensemble, &first, "tickTime=soon\n");
    let broken = reload(&[AS_SUPER]);
    assert_eq!(broken.status, 409);
    assert!(broken.body.contains("tickTime"), "{}", broken.body);
    assert_eq!(ensemble.server(1).word("ruok").as_deref(), Some("imok"));
}

#[test]
fn a_slow_request_is_a_line_with_where_the_time_went() {
    let setup = Setup::voters(1).line("quorate.slowRequest=300").line("maxSessionTimeout=60000");
    let Some(ensemble) = setup.stalling() else { return println!("skipped: there is no C compiler") };
    let mut client = ensemble.connect_for(1, 60_000);
    ensemble.stall(1);
    std::thread::scope(|scope| {
        let waits =
            scope.spawn(|| client.create("/late", b"", CreateMode::Persistent).expect("it is answered"));
        std::thread::sleep(std::time::Duration::from_millis(600));
        ensemble.mend(1);
        waits.join().expect("it does not panic");
    });
    ensemble.await_log(1, " took ");
    let log = ensemble.server(1).log();
    let line = log.lines().find(|line| line.contains(" took ")).expect("it was found");
    assert!(line.contains("create (xid ") && line.contains("the log of this server was "), "{line}");
}

#[test]
fn every_line_of_the_log_can_be_an_object() {
    let ensemble = Setup::voters(1).line("admin.httpVersion=2").prepare();
    let run = |format: &str, level: &str| {
        let ran = quorate()
            .args(["--log-format", format, "--log", level, "server", "--stop-on-stdin-eof"])
            .arg(ensemble.config(1))
            .stdin(std::process::Stdio::piped())
            .output()
            .expect("the program can be started");
        String::from_utf8(ran.stderr).expect("text")
    };
    let lines = run("json", "info");
    let objects: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}")))
        .collect();
    assert!(objects.len() > 3, "{lines}");
    for object in &objects {
        assert!(object["timestamp"].is_string() && object["message"].is_string(), "{object}");
    }
    assert!(objects.iter().any(|object| object["level"] == "WARN"), "{lines}");
    // Only one module is asked for.
    let lines = run("text", "off,quorate::net=info");
    assert!(lines.contains("listening on") && !lines.contains("admin.httpVersion"), "{lines}");
}
