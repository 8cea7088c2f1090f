//! Whether a process runs a certain configuration: a pid file outlives crashes and reboots, and its
//! number may be another process's by now.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::config::Directories;

/// How often a process is looked at while its end is waited for.
const PAUSE: Duration = Duration::from_millis(20);

/// How many words of a command line may be its configuration.
const WORDS: usize = 16;

/// The class that runs a ZooKeeper server: it keeps its pid in the same file.
const JAVA_MAIN: &[u8] = b"org.apache.zookeeper.server.quorum.QuorumPeerMain";

/// Whether the process is there and runs. A process that has ended and that its parent has not asked after
/// does not run, once all of its threads have ended. Until then its files are open and its locks held.
pub(super) fn is_alive(pid: i32) -> bool {
    let Some(id) = Pid::from_raw(pid) else { return false };
    if test_kill_process(id) == Err(Errno::SRCH) {
        return false;
    }
    // "pid (name) state …": the name may contain anything.
    let state = fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|stat| stat.rsplit(')').next().and_then(|rest| rest.trim_start().chars().next()));
    !matches!(state, Some('Z' | 'X')) || threads(pid) > 1
}

/// How many threads a process has; 0 where the system does not tell.
fn threads(pid: i32) -> usize {
    fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count)
}

/// Whether the process runs and is a server with this configuration (an absolute path without links). One
/// with another configuration that has the same `dataDir` is the same server. Where the system does not tell
/// what a process was started with, every process is.
pub(super) fn runs(pid: i32, config: &Path, data_dir: &Path) -> bool {
    if !is_alive(pid) {
        return false;
    }
    let Some(line) = command_line(pid) else { return true };
    let directory = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
    let same_data = |file: &Path| {
        let data = Directories::load(file).ok().map(|found| directory.join(found.data_dir));
        data.is_some_and(|data| same_place(&data, data_dir))
    };
    let is_config = |word: &[u8]| {
        let file = directory.join(Path::new(std::ffi::OsStr::from_bytes(word)));
        !word.is_empty()
            && file.canonicalize().is_ok_and(|file| file == config || file.is_file() && same_data(&file))
    };
    // The configuration comes after what makes the process a server.
    let server = line.split(|byte| *byte == 0).skip_while(|word| !makes_a_server(word)).skip(1);
    server.take(WORDS).any(is_config)
}

/// Whether a process is one of Quorate's or ZooKeeper's servers.
pub(super) fn is_server(pid: i32) -> bool {
    let line = command_line(pid);
    line.is_some_and(|line| line.split(|byte| *byte == 0).any(makes_a_server))
}

fn makes_a_server(word: &[u8]) -> bool {
    word == b"server" || word == JAVA_MAIN
}

fn command_line(pid: i32) -> Option<Vec<u8>> {
    fs::read(format!("/proc/{pid}/cmdline")).ok()
}

fn same_place(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

/// Ask the process to end, or end it.
pub(super) fn signal(pid: i32, signal: Signal) -> io::Result<()> {
    let Some(pid) = Pid::from_raw(pid) else { return Ok(()) };
    match kill_process(pid, signal) {
        Ok(()) | Err(Errno::SRCH) => Ok(()),
        Err(why) => Err(why.into()),
    }
}

/// Whether the process is gone before `deadline`.
pub(super) fn gone_by(pid: i32, deadline: Instant) -> bool {
    loop {
        if !is_alive(pid) {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    /// A process that does nothing and whose command line has these words in it.
    fn sleeper(dir: &Path, words: &[&str]) -> std::process::Child {
        Command::new("sh")
            .args(["-c", "echo up; read -r _"])
            .args(words)
            .current_dir(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    }

    #[test]
    fn a_server_is_known_by_its_configuration() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let (mine, other) = (root.join("zoo.cfg"), root.join("other.cfg"));
        let (data, copy) = (root.join("data"), root.join("copy.cfg"));
        fs::create_dir(&data).unwrap();
        fs::write(&mine, "dataDir=data\n").unwrap();
        fs::write(&other, "dataDir=elsewhere\n").unwrap();
        fs::write(&copy, format!("dataDir={}/../data\n", data.display())).unwrap();
        for (words, expected) in [
            (&["quorate", "server", "zoo.cfg"][..], true),
            (&["quorate", "server", mine.to_str().unwrap()], true),
            (&["java", "org.apache.zookeeper.server.quorum.QuorumPeerMain", "./zoo.cfg"], true),
            (&["quorate", "server", "copy.cfg"], true),
            (&["quorate", "server", "other.cfg"], false),
            (&["editor", "zoo.cfg"], false),
            (&[], false),
        ] {
            let mut child = sleeper(&root, words);
            // It has said something: the words are its own by now.
            let mut said = [0; 2];
            io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut said).unwrap();
            let pid = child.id() as i32;
            assert!(is_alive(pid));
            assert_eq!(runs(pid, &mine, &data), expected, "{words:?}");
            child.kill().unwrap();
            // Ended, and its parent has not asked after it.
            assert!(gone_by(pid, Instant::now() + Duration::from_secs(10)));
            child.wait().unwrap();
            assert!(!runs(pid, &mine, &data));
        }
    }
}
