//! The program as people and other programs meet it: exit codes, last lines, files, the explorer.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_quorate-checks");

fn checks(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[test]
fn a_run_writes_what_it_found() {
    let (json, junit) = (file("all-hold.json"), file("all-hold.xml"));
    let files = [json.to_str().expect("a path"), junit.to_str().expect("a path")];
    let run = checks(&["run", "quiet", "fast", "claim-*ck", "--json", files[0], "--junit", files[1]]);
    let out = text(&run.stdout);
    assert_eq!(run.status.code(), Some(0), "{out}");
    let last = out.lines().last().expect("a last line");
    assert!(last.starts_with("3 models, 4611 unique states, ") && last.ends_with(" s: all hold"), "{last}");

    let json: Value = serde_json::from_str(&std::fs::read_to_string(json).expect("written")).expect("JSON");
    assert_eq!(
        (&json["format"], &json["as_expected"], &json["unique"]),
        (&1.into(), &true.into(), &4611.into())
    );
    let clock = &json["models"].as_array().expect("models")[2];
    assert_eq!(clock["name"], "claim-clock");
    assert_eq!(clock["expected"]["violates"], "EpochIsClock");
    assert_eq!(clock["violation"]["steps"], 13);
    assert_eq!(clock["violation"]["actions"].as_array().map(Vec::len), Some(13));
    assert_ne!(json["salts"][0], json["salts"][1]);
    for key in ["revision", "machine", "date"] {
        assert!(json[key].as_str().is_some_and(|text| !text.is_empty()), "{key}");
    }

    // The path that is given there tells the violation again.
    let path = clock["path"].as_str().expect("a path");
    let story = checks(&["story", "claim-clock", path]);
    assert!(text(&story.stdout).contains("EpochIsClock is broken"), "{}", text(&story.stdout));

    let junit = std::fs::read_to_string(junit).expect("written");
    let junit = roxmltree::Document::parse(&junit).expect("XML");
    let suite = junit.root_element().first_element_child().expect("a suite");
    assert_eq!((suite.attribute("tests"), suite.attribute("failures")), (Some("3"), Some("0")));
    assert_eq!(suite.children().filter(|node| node.has_tag_name("testcase")).count(), 3);
}

#[test]
fn a_search_that_is_cut_fails_and_says_so_everywhere() {
    let junit = file("cut.xml");
    let run = checks(&["run", "quiet", "--states", "100", "--junit", junit.to_str().expect("a path")]);
    let out = text(&run.stdout);
    assert_eq!(run.status.code(), Some(1), "{out}");
    assert!(out.lines().last().expect("a last line").ends_with(" s: quiet does not"), "{out}");
    let junit = std::fs::read_to_string(junit).expect("written");
    let junit = roxmltree::Document::parse(&junit).expect("XML");
    let failure = junit.descendants().find(|node| node.has_tag_name("failure")).expect("a failure");
    assert_eq!(failure.attribute("message"), Some("CUT after 100 states"));
}

#[test]
fn an_unknown_name_is_answered_with_the_one_that_was_meant() {
    for arguments in [["run", "zab-orcle"], ["explore", "zab-orcle"], ["story", "zab-orcle"]] {
        let run = checks(&arguments);
        let why = text(&run.stderr);
        assert_eq!(run.status.code(), Some(2), "{why}");
        assert!(why.contains("there is no model 'zab-orcle'; is 'zab-oracle' meant?"), "{why}");
    }
    let why = text(&checks(&["story", "quiet", "--reach", "server 9 leads"]).stderr);
    assert!(
        why.contains("is 'server 2 leads' meant?") || why.contains("is 'server 3 leads' meant?"),
        "{why}"
    );
    let run = checks(&["run", "quiet", "--json", "/nonexistent/file"]);
    assert_eq!(run.status.code(), Some(2));
    assert!(text(&run.stderr).contains("cannot write /nonexistent/file"), "{}", text(&run.stderr));
}

#[test]
fn a_story_goes_to_files_and_to_a_transcript() {
    for (name, begins) in [("story.html", "<!doctype html>"), ("story.svg", "<svg "), ("story.txt", "fast: ")]
    {
        let out = file(name);
        let run = checks(&["story", "fast", "--out", out.to_str().expect("a path")]);
        assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
        let written = std::fs::read_to_string(out).expect("written");
        assert!(written.starts_with(begins), "{written}");
    }
    let run = checks(&["story", "quiet", "--reach", "everybody", "--transcript"]);
    let transcript = text(&run.stdout);
    assert_eq!(quorate_spec::transcript::perform(&transcript).as_ref(), Ok(&transcript));
}

#[test]
fn output_that_cannot_be_written_is_said_and_no_panic() {
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").expect("the system has it");
    for arguments in [&["list"][..], &["run", "fast"], &["compare"], &["story", "fast"]] {
        let run = Command::new(PROGRAM).args(arguments).stdout(full()).output().expect("it starts");
        let said = text(&run.stderr);
        assert_eq!(run.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(
            said.contains("No space left on device") && !said.contains("panicked"),
            "{arguments:?}: {said}"
        );
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = Command::new(PROGRAM);
        command.args(arguments).stdout(writer).stderr(std::process::Stdio::piped());
        let run = command.output().expect("it starts");
        assert_eq!(
            (run.status.code(), text(&run.stderr).contains("panicked")),
            (Some(0), false),
            "{arguments:?}"
        );
    }
    let run = Command::new(PROGRAM).args(["story", "nosuch"]).stderr(full()).output().expect("it starts");
    assert_eq!(run.status.code(), Some(2));
}

#[test]
fn what_cannot_be_done_is_said_before_a_search() {
    // A search of this model would take minutes.
    for option in ["--json", "--junit"] {
        let run = checks(&["run", "zab-oracle", option, "/nonexistent/file"]);
        let said = text(&run.stderr);
        assert!(run.status.code() == Some(2) && said.contains("cannot write /nonexistent/file"), "{said}");
        assert_eq!(text(&run.stdout), "", "no heading, no row");
    }
    let run = checks(&["story", "fast", "--out", "/nonexistent/file.html"]);
    assert!(
        run.status.code() == Some(2) && text(&run.stderr).contains("cannot write /nonexistent/file.html")
    );
    let why = text(&checks(&["story", "nosuch"]).stderr);
    assert!(why.contains("there is no model 'nosuch'. There are: "), "{why}");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("it has one").to_string();
    let run = checks(&["explore", "quiet", "--listen", &address]);
    let said = text(&run.stderr);
    assert_eq!((run.status.code(), text(&run.stdout).as_str()), (Some(2), ""), "{said}");
    assert!(said.contains(&format!("cannot listen on {address}")) && !said.contains("panicked"), "{said}");
}

#[test]
fn figures_go_to_standard_output_alone() {
    let run = checks(&["run", "fast", "--json", "-"]);
    let json: Value = serde_json::from_slice(&run.stdout).expect("JSON and nothing else");
    assert_eq!((run.status.code(), &json["as_expected"]), (Some(0), &true.into()));
    assert!(text(&run.stderr).contains(": all hold") && !PathBuf::from("-").exists());
}

/// A server that is killed when the test ends.
struct Explorer {
    child: Child,
    address: String,
}

impl Drop for Explorer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Explorer {
    fn of(model: &str) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("it has one").to_string();
        drop(free);
        let mut command = Command::new(PROGRAM);
        let child = command.args(["explore", model, "--listen", &address]).spawn().expect("it starts");
        Explorer { child, address }
    }

    fn get(&self, path: &str) -> Value {
        let began = Instant::now();
        let mut stream = loop {
            match TcpStream::connect(&self.address) {
                Ok(stream) => break stream,
                Err(e) => assert!(began.elapsed() < Duration::from_secs(60), "{e}"),
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        let request = format!("GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.address);
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.contains(" 200 "), "{head}");
        serde_json::from_str(body).expect("JSON")
    }
}

#[test]
fn the_explorer_shows_steps_states_and_pictures() {
    let explorer = Explorer::of("quiet");
    let first = &explorer.get("/.states")[0];
    assert!(first["state"].as_str().expect("a state").starts_with("1 down | disk empty\n"), "{first}");
    let svg = first["svg"].as_str().expect("a picture");
    let picture = roxmltree::Document::parse(svg).expect("XML");
    assert!(picture.descendants().any(|node| node.text() == Some("server 3")));

    // All servers start, then the first of them hears a vote.
    let started = explorer.get("/.states/0/0/0/0");
    let steps: Vec<&str> =
        started.as_array().expect("steps").iter().filter_map(|s| s["action"].as_str()).collect();
    assert!(steps.contains(&"1 hears 2: LOOKING, vote for 2 (epoch 0, zxid 0:0), round 1"), "{steps:?}");
    let step = &started[0];
    assert!(step["outcome"].as_str().expect("an outcome").contains("→"), "{step}");
    assert!(step["svg"].as_str().expect("a picture").contains("marker-end"), "an arrow");
    let status = explorer.get("/.status");
    let properties = status["properties"].as_array().expect("properties");
    assert!(properties.iter().any(|p| p[1] == "PrefixConsistency"), "{status}");
}
