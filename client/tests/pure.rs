//! Without the feature `tokio` nothing below the client touches sockets, clocks or threads.

use std::path::Path;
use std::process::Command;

/// What `cargo tree` says is compiled for this package with these options, by name.
fn tree(options: &[&str]) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "-e", "normal,build", "--prefix", "none", "-f", "{p}"])
        .args(options)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .output()
        .expect("cargo can be started");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut names: Vec<String> =
        said.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[test]
fn the_pure_half_depends_on_core_alone() {
    let names = tree(&["-p", "quorate-client", "--no-default-features"]);
    let expected =
        ["bytes", "cfg-if", "crc32fast", "foldhash", "hashbrown", "quorate-client", "quorate-core"];
    let strange: Vec<_> = names.iter().filter(|name| !expected.contains(&name.as_str())).collect();
    assert!(strange.is_empty(), "{strange:?}");
    assert!(names.iter().any(|name| name == "quorate-core"), "{names:?}");
}

#[test]
fn no_tokio_is_below_spec() {
    for package in ["quorate-spec", "quorate-checks"] {
        let names = tree(&["-p", package]);
        assert!(names.iter().any(|name| name == "stateright"), "{names:?}");
        for shell in ["tokio", "mio", "socket2", "tracing"] {
            assert!(!names.iter().any(|name| name == shell), "{package} depends on {shell}");
        }
    }
    // The test can fail: the whole client has it.
    assert!(tree(&["-p", "quorate-client"]).iter().any(|name| name == "tokio"));
}
