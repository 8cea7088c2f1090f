//! Which commit the program is built from, and when: for `srvr`, `stat`, `mntr` and `--version`.
//!
//! A released build is reproducible: the date is SOURCE_DATE_EPOCH, or that of the commit. The commit is
//! QUORATE_COMMIT, or what git says, or `unknown` outside of a repository. A development build is not made
//! anew for each commit: it says `debug` instead.

use std::env;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

#[path = "src/admin/civil.rs"]
mod civil;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/admin/civil.rs");
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    println!("cargo::rerun-if-env-changed=QUORATE_COMMIT");
    let released = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    if released {
        // What HEAD is, and what it points to.
        for name in ["HEAD", "logs/HEAD"] {
            if let Some(path) = git(&["rev-parse", "--git-path", name]).filter(|path| exists(path)) {
                println!("cargo::rerun-if-changed={path}");
            }
        }
    }
    let named = env::var("QUORATE_COMMIT").ok().filter(|commit| is_word(commit));
    let found = || if released { git(&["rev-parse", "HEAD"]) } else { Some("debug".to_owned()) };
    let commit =
        named.or_else(found).filter(|commit| is_word(commit)).unwrap_or_else(|| "unknown".to_owned());
    let given = env::var("SOURCE_DATE_EPOCH").ok().and_then(|seconds| seconds.trim().parse().ok());
    let committed = || git(&["log", "-1", "--format=%ct"]).and_then(|seconds| seconds.parse().ok());
    let seconds = given.or_else(|| if released { committed() } else { None }).unwrap_or_else(now);
    println!("cargo::rustc-env=QUORATE_COMMIT={commit}");
    println!("cargo::rustc-env=QUORATE_BUILT={}", civil::build_date(seconds));
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

/// Nothing that would break the line it stands in.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'_')
}

fn exists(path: &str) -> bool {
    std::path::Path::new(path).exists()
}

/// The answer of git about this source; none without git, or if the source is in no repository.
fn git(words: &[&str]) -> Option<String> {
    let output = Command::new("git").args(words).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
