//! Disks that stop to answer: a small library that is preloaded into the servers holds back their log's
//! syncs.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The library, built for one test, or `None` where there is no C compiler.
pub(crate) fn build(dir: &Path) -> Option<PathBuf> {
    let library = dir.join("stalling_disk.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/harness/stalling_disk.c");
    let built = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).status();
    match built {
        Ok(status) => {
            assert!(status.success(), "{source} cannot be compiled");
            Some(library)
        }
        Err(_) => None,
    }
}

/// What a server under test is started with: the library, and the file that stalls its disk while it is
/// there.
pub(crate) fn environment(library: &Path, stalled: &Path) -> [(&'static str, PathBuf); 2] {
    [("LD_PRELOAD", library.to_path_buf()), ("QUORATE_TEST_STALLED", stalled.to_path_buf())]
}
