//! `quorate bench`: figures of a real ensemble, and no figures where an answer is missing or an argument
//! wrong.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Output, Stdio};

use serde_json::Value;

use crate::harness::{Ensemble, Setup, free_ports, quorate, until};

fn bench(words: &str) -> Output {
    quorate().arg("bench").args(words.split_whitespace()).output().unwrap()
}

/// The JSON that a successful run prints.
fn figures(words: &str) -> Value {
    let Output { status, stdout, stderr } = bench(&format!("{words} --json -"));
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    serde_json::from_slice(&stdout).unwrap()
}

fn number(value: &Value, path: &str) -> f64 {
    value.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("no {path} in {value:#}"))
}

fn everybody(ensemble: &Ensemble) -> String {
    ensemble.cluster(&ensemble.ids())
}

#[test]
fn load_on_an_ensemble_has_figures_and_leaves_nothing_behind() {
    let ensemble = Setup::voters(3).start();
    let me = std::process::id();
    let load = format!("load --servers {} --connections 6 --keys 50 --duration 1s", everybody(&ensemble));
    let found = figures(&format!("{load} --warmup 200ms --window 4 --read-ratio 70 --server-pid {me}"));
    assert_eq!((&found["mode"], &found["valid"]), (&"load".into(), &true.into()));
    let (reads, writes) = (number(&found, "/read/count"), number(&found, "/write/count"));
    assert!(reads > 0.0 && writes > 0.0, "{found:#}");
    assert_eq!(number(&found, "/operations"), reads + writes);
    for kind in ["read", "write"] {
        let of = |name: &str| number(&found, &format!("/{kind}/{name}_us"));
        assert!(0.0 < of("p50") && of("p50") <= of("p90") && of("p90") <= of("p99"), "{found:#}");
        assert!(of("p99") <= of("p999") && of("p999") <= of("max"), "{found:#}");
    }
    assert!(number(&found, "/machine/client_cpu_us_per_op") > 0.0);
    assert!(number(&found, "/machine/server_rss_bytes") > 100_000.0);
    let mut client = ensemble.connect(1);
    client.sync().unwrap();
    assert!(client.get("/bench", false).is_err());

    // At a rate, on two threads: as many as were due.
    let found = figures(&format!("{load} --warmup 0 --rate 200 --threads 2 --read-ratio 50 --value-size 10"));
    assert_eq!(number(&found, "/operations") + number(&found, "/unsent"), 200.0, "{found:#}");
    assert!(found["machine"]["server_cores"].is_null() && found["machine"]["quiet"].is_null());
}

#[test]
fn a_run_that_is_interrupted_has_figures() {
    let ensemble = Setup::voters(1).line("4lw.commands.whitelist=*").start();
    let mut child = quorate()
        .args(["bench", "load", "--servers", &everybody(&ensemble), "--connections", "2", "--keys", "5"])
        .args(["--warmup", "0", "--duration", "1h", "--json", "-"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    until("it is under way", || {
        let mntr = ensemble.server(1).word("mntr")?;
        let packets = mntr.lines().find_map(|line| line.strip_prefix("zk_packets_received\t"))?;
        (packets.parse::<u64>().ok()? > 1000).then_some(())
    });
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT)
        .unwrap();
    let found: Value = serde_json::from_reader(child.stdout.take().unwrap()).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!((&found["interrupted"], &found["valid"]), (&true.into(), &true.into()));
    assert!(number(&found, "/operations") > 0.0 && number(&found, "/duration_seconds") < 3600.0, "{found:#}");
    assert!(ensemble.connect(1).get("/bench", false).is_err(), "its znodes are removed");
}

#[test]
fn what_is_not_from_a_benchmark_stays() {
    let ensemble = Setup::voters(1).start();
    let mut client = ensemble.connect(1);
    client.create("/bench", b"precious", quorate_core::wire::client::CreateMode::Persistent).unwrap();
    let refused = bench(&format!("load --servers {} --keys 5 --duration 1s", everybody(&ensemble)));
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("/bench exists and is not from a benchmark"), "{said}");
    assert_eq!(client.get("/bench", false).unwrap().0, b"precious");
}

#[test]
fn a_server_that_dies_is_no_result() {
    let mut ensemble = Setup::voters(1).start();
    let dir = tempfile::tempdir().unwrap();
    let json = dir.path().join("figures.json");
    let words = format!("load --servers {} --keys 5 --duration 60s --json", everybody(&ensemble));
    let child: Child = quorate()
        .arg("bench")
        .args(words.split_whitespace())
        .arg(&json)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until("the load runs", || {
        (ensemble.connect(1).get("/bench/n0000000000000", false).ok()?.1.version >= 0).then_some(())
    });
    ensemble.kill(1);
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    assert_eq!(status.code(), Some(1), "{}", String::from_utf8_lossy(&stdout));
    assert_eq!(stdout, b"");
    assert!(!stderr.is_empty());
    let found: Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    assert_eq!(found["valid"], Value::Bool(false), "{found:#}");
}

#[test]
fn bad_arguments_are_usage_errors() {
    for words in [
        "",
        "loud",
        "load --servers localhost",
        "load --servers localhost:99999",
        "load --read-ratio 101",
        "load --connections 0",
        "load --window 0",
        "load --keys 0",
        "load --rate 0",
        "load --duration 0s",
        "load --duration soon",
        "load --value-size 2000000",
        "load --path bench",
        "load --path /zookeeper",
        "load --server-pid none",
        "watch --value-size 15",
        "sessions --sessions 0",
        "fill --znodes many",
        "failover --pid 127.0.0.1:2181=1",
        "failover --pid 127.0.0.1:2181",
        "ready",
        "ready --exec",
        "null --port 70000",
    ] {
        let refused = bench(words);
        assert_eq!(refused.status.code(), Some(2), "{words}");
        assert!(refused.stdout.is_empty() && !refused.stderr.is_empty(), "{words}");
    }
}

#[test]
fn fill_counts_znodes_and_ready_finds_them_after_a_restart() {
    let mut ensemble = Setup::voters(1).start();
    let at = everybody(&ensemble);
    let found = figures(&format!("fill --servers {at} --znodes 1234 --value-size 100 --keep"));
    assert_eq!((number(&found, "/znodes"), number(&found, "/path_size")), (1234.0, 21.0));
    assert!(number(&found, "/znodes_per_second") > 0.0);
    let mut client = ensemble.connect(1);
    assert_eq!(client.get("/bench", false).unwrap().1.num_children, 1234);
    drop(client);
    let busy = bench(&format!("ready --servers {at} --exec true"));
    assert_eq!(busy.status.code(), Some(1), "it answers already");

    ensemble.kill(1);
    let ready = |znodes: u32| {
        let words = format!("ready --servers {at} --znodes {znodes} --json - --exec");
        let mut command = quorate();
        command.arg("bench").args(words.split_whitespace()).arg(env!("CARGO_BIN_EXE_quorate"));
        command.args(["--log", "error", "server"]).arg(ensemble.config(1)).output().unwrap()
    };
    let found: Value = serde_json::from_slice(&ready(1234).stdout).unwrap();
    assert!(number(&found, "/ready_ms") > 0.0 && number(&found, "/rss_bytes") > 100_000.0);
    // One that is not there is no right answer.
    assert_eq!(ready(1235).status.code(), Some(1));
    let ended = bench(&format!("ready --servers {at} --exec false"));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("ended before it answered"));

    // The next run removes what was kept.
    ensemble.start_all();
    figures(&format!("fill --servers {at} --znodes 7"));
    assert!(ensemble.connect(1).get("/bench", false).is_err());
}

#[test]
fn sessions_ping_and_watches_fire_on_every_server() {
    let ensemble = Setup::voters(3).start();
    let at = everybody(&ensemble);
    let me = std::process::id();
    let found = figures(&format!(
        "sessions --servers {at} --sessions 60 --in-flight 7 --duration 1s --ping-interval 200ms --server-pid {me}"
    ));
    assert!(number(&found, "/opened_per_second") > 0.0);
    // Five a second each, unless this machine stood still meanwhile.
    let pings = number(&found, "/pings");
    assert!(0.0 < pings && pings <= 300.0, "{found:#}");
    assert_eq!(number(&found, "/ping/count"), pings);
    assert!(found["rss_per_session_bytes"].is_number());

    let found = figures(&format!("watch --servers {at} --sessions 60 --repeats 3"));
    assert_eq!(found["last_event_ms"].as_array().map(Vec::len), Some(3));
    assert!(number(&found, "/last_event_median_ms") >= number(&found, "/first_event_median_ms"));
}

#[test]
fn failover_kills_the_leader_and_finds_every_write() {
    let mut ensemble = Setup::voters(3).start();
    let leader = ensemble.await_leader();
    let pids: Vec<String> = ensemble
        .ids()
        .into_iter()
        .map(|id| format!("--pid 127.0.0.1:{}={}", ensemble.server(id).client, ensemble.pid(id)))
        .collect();
    let at = everybody(&ensemble);
    let found = figures(&format!(
        "failover --servers {at} --kill-after 500ms --duration 500ms --value-size 100 {}",
        pids.join(" ")
    ));
    assert!(!ensemble.is_alive(leader), "{found:#}");
    let killed = format!("127.0.0.1:{}", ensemble.server(leader).client);
    assert_eq!(found["killed"], Value::String(killed));
    assert!(number(&found, "/write_gap_ms") > 0.0 && number(&found, "/acknowledged") > 0.0);
    assert!(number(&found, "/reconnects") >= 1.0, "{found:#}");
    assert_eq!((number(&found, "/lost"), number(&found, "/expired")), (0.0, 0.0));
}

#[test]
fn the_floor_answers_every_mode() {
    for durable in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let [port] = free_ports();
        let _floor = floor(port, durable.then_some(dir.path()), &[]);
        floor_answers(&format!("127.0.0.1:{port}"));
        assert_eq!(logged(dir.path()), durable);
    }
}

#[test]
fn the_floor_of_a_quorum_answers_every_mode_once_more_than_half_have_logged() {
    let dirs = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let ports: [u16; 3] = free_ports();
    let quorum = ports.map(|port| port.to_string());
    let mut floors: Vec<Killed> =
        ports.iter().zip(&dirs).map(|(port, dir)| floor(*port, Some(dir.path()), &quorum)).collect();
    // Without the leader's own disk and one other nothing is answered, so all three have written.
    floor_answers(&ports.map(|port| format!("127.0.0.1:{port}")).join(","));
    assert!(dirs.iter().all(|dir| logged(dir.path())));
    // One may be missing.
    drop(floors.pop());
    let at = format!("127.0.0.1:{},127.0.0.1:{}", ports[0], ports[1]);
    figures(&format!("fill --servers {at} --znodes 300"));
    // Two may not: the write waits.
    drop(floors.pop());
    let waits = format!("bench fill --servers 127.0.0.1:{} --znodes 300", ports[0]);
    let mut filling = Killed(quorate().args(waits.split_whitespace()).stderr(Stdio::null()).spawn().unwrap());
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(filling.0.try_wait().unwrap().is_none(), "a quorum of one server out of three");
}

/// A floor that listens.
fn floor(port: u16, durable: Option<&Path>, quorum: &[String]) -> Killed {
    let words = format!("bench null --port {port} --value-size 100");
    let mut command = quorate();
    command.args(words.split_whitespace()).stdout(Stdio::piped());
    if let Some(directory) = durable {
        command.arg("--durable").arg(directory);
    }
    if !quorum.is_empty() {
        command.arg("--quorum").arg(quorum.join(","));
    }
    let mut floor = Killed(command.spawn().unwrap());
    let mut line = String::new();
    BufReader::new(floor.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, format!("ready: 127.0.0.1:{port}\n"));
    floor
}

fn floor_answers(at: &str) {
    let at = format!("--servers {at}");
    let load = "--keys 10 --connections 5 --value-size 100 --duration 300ms --warmup 0 --read-ratio 50";
    assert!(number(&figures(&format!("load {at} {load}")), "/operations") > 0.0);
    figures(&format!("fill {at} --znodes 300"));
    figures(&format!("sessions {at} --sessions 20 --duration 300ms --ping-interval 100ms"));
    figures(&format!("watch {at} --sessions 20 --repeats 2"));
}

/// Whether anything was written into a floor's log.
fn logged(directory: &Path) -> bool {
    std::fs::read(directory.join("null.log")).is_ok_and(|log| log.iter().any(|byte| *byte != 0))
}

/// A process that ends with this value.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
