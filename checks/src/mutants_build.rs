//! This program, built with broken rules: the build is made and run.

use std::path::Path;
use std::process::ExitCode;

use crate::out::errln;

/// The environment variable with the directory that broken rules are built in.
const TARGET: &str = "QUORATE_MUTANTS_TARGET";

/// Run this program with these arguments in a build that has broken rules. Empty ones are left out.
pub(crate) fn in_mutants_build(arguments: &[&str]) -> ExitCode {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let target = std::env::var_os(TARGET)
        .unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../target/mutants").into());
    if !Path::new(manifest).exists() {
        errln!("broken rules are built from this program's source, and {manifest} is not there");
        return ExitCode::from(2);
    }
    errln!(
        "building the broken rules in {} (the first time takes minutes; {TARGET} names another directory)",
        Path::new(&target).display()
    );
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = std::process::Command::new(cargo)
        .args(["run", "--release", "--quiet", "--features", "mutants"])
        .args(["--manifest-path", manifest, "--target-dir"])
        .arg(&target)
        .arg("--")
        .args(arguments.iter().filter(|argument| !argument.is_empty()))
        .status();
    match status {
        // What the other build says is what this one would say; cargo itself fails with 101.
        Ok(status) => match status.code() {
            Some(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
            None => ExitCode::FAILURE,
        },
        Err(error) => {
            errln!("cannot build the broken rules: {error}");
            ExitCode::from(2)
        }
    }
}
