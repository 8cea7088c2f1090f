//! `quorate bench`: figures of a real ensemble, and no figures where an answer is missing or an argument wrong.

use std::process::{Child, Output, Stdio};

use serde_json::Value;

use crate::harness::{Ensemble, Setup, quorate, until};

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
    ] {
        let refused = bench(words);
        assert_eq!(refused.status.code(), Some(2), "{words}");
        assert!(refused.stdout.is_empty() && !refused.stderr.is_empty(), "{words}");
    }
}
