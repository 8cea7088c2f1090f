//! Commands of the operator's guide, run as they are written there.

use std::path::Path;
use std::process::{Command, Stdio};

/// Run the commands below this marker in `docs/OPERATING.md` in an empty directory, with some words replaced:
/// ports that may be taken. What they print.
pub(crate) fn run_guide(marker: &str, words: &[(&str, &str)]) -> String {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/OPERATING.md");
    let guide = std::fs::read_to_string(guide).expect("the guide is there");
    let begin = format!("<!-- commands: {marker} -->\n\n```sh\n");
    let (_, rest) = guide.split_once(&begin).unwrap_or_else(|| panic!("the guide has no {begin}"));
    let (commands, _) = rest.split_once("```").expect("the block ends");
    let commands = words.iter().fold(commands.to_owned(), |text, (from, to)| text.replace(from, to));
    let dir = tempfile::tempdir().expect("a directory");
    let program = Path::new(env!("CARGO_BIN_EXE_quorate"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = program.parent().map(Path::to_owned).into_iter().chain(std::env::split_paths(&path));
    let done = Command::new("sh")
        .args(["-ec", &commands])
        .current_dir(dir.path())
        .env("PATH", std::env::join_paths(paths).expect("paths"))
        .stdin(Stdio::null())
        .output()
        .expect("there is a shell");
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{commands}\n{said}");
    said
}
