//! `quorate bench chaos`: a short run is judged and says what it did; nonsense is a usage error.

use std::process::Output;

use quorate_spec::replay::replay;

use crate::harness::{quorate, seed};

fn chaos(words: &str) -> Output {
    quorate().args(["bench", "chaos"]).args(words.split_whitespace()).output().unwrap()
}

#[test]
fn a_short_run_keeps_every_promise() {
    let seed = seed();
    println!("QUORATE_E2E_SEED={seed}");
    let dir = tempfile::tempdir().unwrap();
    let kept = dir.path().join("kept");
    let words = format!("--seconds 5 --clients 4 --seed {seed} --no-replay --keep {}", kept.display());
    let Output { status, stdout, stderr } = chaos(&words);
    let said = String::from_utf8_lossy(&stdout);
    assert!(status.success(), "{said}\n{}", String::from_utf8_lossy(&stderr));
    assert!(said.contains(&format!("seed {seed}: 3 servers, 4 clients, 5 s")), "{said}");
    assert!(said.contains("longest time without an acknowledged write"), "{said}");
    assert!(said.contains("no client was told anything wrong"), "{said}");
    let replayed = replay(&[kept.join("recordings")], &mut |_| {}).unwrap();
    assert_eq!((replayed.servers, replayed.unpaired), (3, 0), "{replayed:?}");
    assert!(replayed.clients.operations > 0 && replayed.clients.writes > 0, "{replayed:?}");
    // What is there is not overwritten.
    let Output { status, stderr, .. } = chaos(&words);
    assert_eq!(status.code(), Some(1));
    assert!(String::from_utf8_lossy(&stderr).contains("is not empty"));
}

#[test]
fn bad_arguments_are_usage_errors() {
    for words in [
        "--servers 0",
        "--servers 10",
        "--servers three",
        "--clients 0",
        "--seconds 0",
        "--seconds 100000",
        "--seconds 1.5",
        "--seed none",
        "--operations many",
        "--keep",
        "--json -",
        "somewhere",
    ] {
        let refused = chaos(words);
        assert_eq!(refused.status.code(), Some(2), "{words}");
        assert!(refused.stdout.is_empty() && !refused.stderr.is_empty(), "{words}");
    }
}
