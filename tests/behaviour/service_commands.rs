//! `quorate start|stop|restart|status`: servers in the background, known by their configurations.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Output, Stdio};

use quorate_core::wire::client::CreateMode;
use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Ensemble, Pseudo, Setup, ensemble_ports, quorate};

/// Servers in the background. They would outlive the test: this value ends them.
struct Background {
    configs: Vec<PathBuf>,
}

impl Background {
    fn of(ensemble: &Ensemble) -> Background {
        Background { configs: ensemble.ids().into_iter().map(|id| ensemble.server(id).config()).collect() }
    }

    /// A command for these of the configurations.
    fn run_for(&self, which: &[usize], words: &[&str]) -> Output {
        quorate()
            .args(words)
            .args(which.iter().map(|index| &self.configs[*index]))
            .env_remove("ZOOPIDFILE")
            .env_remove("ZOO_LOG_DIR")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// A command for all of them.
    fn run(&self, words: &[&str]) -> Output {
        self.run_for(&(0..self.configs.len()).collect::<Vec<_>>(), words)
    }

    fn pid_file(&self, index: usize) -> PathBuf {
        self.configs[index].with_file_name("data").join("zookeeper_server.pid")
    }

    fn pid(&self, index: usize) -> Option<i32> {
        fs::read_to_string(self.pid_file(index)).ok()?.parse().ok()
    }

    fn signal(&self, index: usize, signal: Signal) {
        kill_process(Pid::from_raw(self.pid(index).unwrap()).unwrap(), signal).unwrap();
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // Only processes that are known to be these servers are ended.
        self.run(&["stop", "--timeout", "0", "--force"]);
    }
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[track_caller]
fn succeeded(output: &Output) -> String {
    let (code, out, err) = said(output);
    assert_eq!(code, Some(0), "{out}{err}");
    out
}

#[track_caller]
fn failed_with(expected: i32, output: &Output) -> String {
    let (code, out, err) = said(output);
    assert_eq!(code, Some(expected), "{out}{err}");
    err
}

fn is_alive(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The process that is to ask after one that has ended may not do so.
    stat.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.trim_start().starts_with('Z'))
}

fn modes(status: &str) -> Vec<&str> {
    status.lines().filter_map(|line| line.strip_prefix("Mode: ")).collect()
}

#[test]
fn a_server_starts_answers_and_stops() {
    let ensemble = Setup::voters(1).prepare();
    let background = Background::of(&ensemble);
    let not_there = failed_with(1, &background.run(&["status"]));
    assert!(not_there.contains("is not running"), "{not_there}");
    let out = succeeded(&background.run(&["start"]));
    let pid = background.pid(0).unwrap();
    let port = ensemble.server(1).client;
    assert!(out.ends_with(&format!(": started as process {pid}, standalone at 127.0.0.1:{port}\n")), "{out}");
    // It answers by now, and the process that started it is gone.
    let mut client = ensemble.connect(1);
    client.create("/kept", b"", CreateMode::Persistent).unwrap();
    let status = succeeded(&background.run(&["status"]));
    assert!(status.contains(&format!("client port {port}, address 127.0.0.1 (process {pid})")), "{status}");
    assert_eq!(modes(&status), ["standalone"]);

    let again = failed_with(1, &background.run(&["start"]));
    assert!(again.contains(&format!("already running as process {pid}")), "{again}");
    assert_eq!(background.pid(0), Some(pid));

    let out = succeeded(&background.run(&["restart"]));
    let second = background.pid(0).unwrap();
    assert!(second != pid && !is_alive(pid) && is_alive(second), "{out}");
    assert!(ensemble.connect(1).exists("/kept", false).unwrap().is_some());

    let out = succeeded(&background.run(&["stop"]));
    assert!(out.contains(&format!("stopped (process {second})")), "{out}");
    assert!(!is_alive(second) && !background.pid_file(0).exists());
    let out = succeeded(&background.run(&["stop"]));
    assert!(out.contains("is not running"), "{out}");
}

#[test]
fn it_leads_a_session_of_its_own_and_logs_to_its_file() {
    let ensemble = Setup::voters(1).prepare();
    let background = Background::of(&ensemble);
    let logs = ensemble.server(1).data().join("logs");
    succeeded(&background.run(&["start", "--log-dir", logs.to_str().unwrap()]));
    let pid = background.pid(0).unwrap();
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let session = stat.rsplit(')').next().unwrap().split_whitespace().nth(3).unwrap();
    assert_eq!(session, pid.to_string());
    let log = logs.join("quorate-server-1.log");
    assert!(fs::read_to_string(&log).unwrap().contains("client port: listening on"));
    succeeded(&background.run(&["restart"]));
    let default = ensemble.server(1).data().join("quorate-server-1.log");
    assert!(fs::read_to_string(default).unwrap().contains("client port: listening on"));
}

#[test]
fn several_configurations_are_an_ensemble() {
    let ensemble = Setup::voters(3).observers(1).prepare();
    let background = Background::of(&ensemble);
    let out = succeeded(&background.run(&["start"]));
    assert_eq!(out.matches("started as process").count(), 4, "{out}");
    let mut client = ensemble.connect(4);
    client.create("/kept", b"", CreateMode::Persistent).unwrap();
    let status = succeeded(&background.run(&["status"]));
    let mut modes = modes(&status);
    assert_eq!(modes[3], "observer");
    modes.sort_unstable();
    assert_eq!(modes, ["follower", "follower", "leader", "observer"]);
    // One after the other: there is a quorum all the time.
    let before: Vec<_> = (0..4).map(|index| background.pid(index)).collect();
    succeeded(&background.run(&["restart", "--rolling"]));
    for (index, before) in before.iter().enumerate() {
        assert_ne!(background.pid(index), *before, "server {}", index + 1);
    }
    assert!(ensemble.connect(1).exists("/kept", false).unwrap().is_some());
    // A part of them.
    succeeded(&background.run_for(&[3], &["stop"]));
    let (code, out, err) = said(&background.run(&["status"]));
    assert_eq!((code, out.matches("Mode: ").count()), (Some(1), 3), "{out}{err}");
    assert!(err.contains("server.4/zoo.cfg: is not running"), "{err}");
    let pids: Vec<i32> = (0..3).map(|index| background.pid(index).unwrap()).collect();
    succeeded(&background.run(&["stop"]));
    assert!(!pids.into_iter().any(is_alive));
}

#[test]
fn a_member_without_a_quorum_is_up_and_does_not_serve() {
    let ensemble = Setup::voters(3).prepare();
    let background = Background::of(&ensemble);
    let out = succeeded(&background.run_for(&[0], &["start"]));
    assert!(out.contains("it waits for a quorum"), "{out}");
    assert!(ensemble.server(1).says_not_serving());
    let err = failed_with(1, &background.run_for(&[0], &["status"]));
    assert!(err.contains("is up") && err.contains("does not serve"), "{err}");
    // A user that says how long to wait wants to know.
    let err = failed_with(1, &background.run_for(&[0], &["restart", "--wait", "1"]));
    assert!(err.contains("does not serve after 1 s"), "{err}");
    let out = succeeded(&background.run_for(&[1], &["start", "--wait", "40"]));
    assert!(out.contains("leader at") || out.contains("follower at"), "{out}");
    succeeded(&background.run_for(&[0], &["status"]));
}

#[test]
fn a_start_that_fails_says_why() {
    let ensemble = Setup::voters(1).prepare();
    let background = Background::of(&ensemble);
    let taken = TcpListener::bind(("127.0.0.1", ensemble.server(1).client)).unwrap();
    let err = failed_with(14, &background.run(&["start"]));
    assert!(err.contains("ended with exit code 14") && err.contains("already in use"), "{err}");
    assert!(!background.pid_file(0).exists());
    drop(taken);
    let epoch = ensemble.server(1).version_2().join("currentEpoch");
    fs::create_dir_all(ensemble.server(1).version_2()).unwrap();
    fs::write(&epoch, "seven").unwrap();
    let err = failed_with(3, &background.run(&["start"]));
    assert!(err.contains("currentEpoch") && !err.contains("already in use"), "{err}");
    fs::remove_file(epoch).unwrap();
    succeeded(&background.run(&["start"]));
}

#[test]
fn a_configuration_that_is_wrong_starts_nothing() {
    let ensemble = Setup::voters(3).prepare();
    let background = Background::of(&ensemble);
    fs::remove_file(ensemble.server(2).data().join("myid")).unwrap();
    for command in ["start", "stop", "restart", "status"] {
        let err = failed_with(2, &background.run(&[command]));
        assert!(err.contains("server.2/data/myid"), "{command}: {err}");
    }
    assert!(background.pid(0).is_none());
    // What is wrong with one does not keep the others from being stopped or looked at.
    succeeded(&background.run_for(&[0], &["start"]));
    let pid = background.pid(0).unwrap();
    let (code, out, err) = said(&background.run(&["status"]));
    assert!(code == Some(2) && out.contains(&format!("(process {pid})")), "{out}{err}");
    let (code, out, err) = said(&background.run(&["stop"]));
    assert!(code == Some(2) && out.contains(&format!("stopped (process {pid})")), "{out}{err}");
    assert!(!is_alive(pid) && err.contains("server.2/data/myid"), "{err}");
    fs::write(ensemble.server(2).data().join("myid"), "2").unwrap();
    let err = failed_with(2, &background.run_for(&[0, 0], &["start"]));
    assert!(err.contains("have the same dataDir"), "{err}");
    let err = failed_with(2, &background.run(&["start", "--pid-file", "/tmp/x"]));
    assert!(err.contains("one configuration"), "{err}");
}

#[test]
fn a_directory_that_is_not_to_be_made_is_not_made() {
    let ensemble = Setup::voters(1).line("datadir.autocreate=false").prepare();
    let background = Background::of(&ensemble);
    fs::remove_dir_all(ensemble.server(1).data()).unwrap();
    let err = failed_with(1, &background.run(&["start"]));
    assert!(err.contains("does not exist, and datadir.autocreate=false"), "{err}");
    assert!(!ensemble.server(1).data().exists());
}

#[test]
fn a_stale_pid_file_is_nobodys_business() {
    let ensemble = Setup::voters(1).prepare();
    let background = Background::of(&ensemble);
    // A process that is there, and is no server of this configuration: this one.
    let me = std::process::id().to_string();
    for stale in [me.as_str(), "1", "4194304", "nonsense", ""] {
        fs::write(background.pid_file(0), stale).unwrap();
        let out = succeeded(&background.run(&["stop"]));
        assert!(out.contains("is not running"), "{stale:?}: {out}");
        fs::write(background.pid_file(0), stale).unwrap();
        succeeded(&background.run(&["start"]));
        assert_ne!(background.pid(0).unwrap().to_string(), stale);
        succeeded(&background.run(&["stop"]));
    }
}

#[test]
fn another_servers_process_is_left_alone() {
    // The number that server 1 had before a crash is server 2's by now.
    let (one, other) = (Setup::voters(1).prepare(), Setup::voters(1).prepare());
    let (one, other) = (Background::of(&one), Background::of(&other));
    succeeded(&other.run(&["start"]));
    let pid = other.pid(0).unwrap();
    fs::write(one.pid_file(0), pid.to_string()).unwrap();
    succeeded(&one.run(&["stop"]));
    assert!(is_alive(pid));
    assert_eq!(modes(&succeeded(&other.run(&["status"]))), ["standalone"]);
}

#[test]
fn a_server_that_does_not_stop_is_killed_only_when_asked_to() {
    let ensemble = Setup::voters(1).prepare();
    let background = Background::of(&ensemble);
    succeeded(&background.run(&["start"]));
    let pid = background.pid(0).unwrap();
    background.signal(0, Signal::STOP);
    let err = failed_with(1, &background.run(&["stop", "--timeout", "0"]));
    assert!(err.contains(&format!("process {pid} has not ended")), "{err}");
    assert_eq!(background.pid(0), Some(pid));
    let err = failed_with(1, &background.run(&["status"]));
    assert!(err.contains("does not answer"), "{err}");
    let out = succeeded(&background.run(&["stop", "--timeout", "0", "--force"]));
    assert!(out.contains(&format!("killed (process {pid})")), "{out}");
    assert!(!is_alive(pid) && !background.pid_file(0).exists());
}

#[test]
fn a_whitelist_without_srvr_does_not_hide_the_mode() {
    let ensemble = Setup::voters(1).line("4lw.commands.whitelist=ruok").prepare();
    let background = Background::of(&ensemble);
    let out = succeeded(&background.run(&["start"]));
    assert!(out.contains("standalone at"), "{out}");
    assert_eq!(modes(&succeeded(&background.run(&["status"]))), ["standalone"]);
    succeeded(&background.run(&["stop"]));
}

#[test]
fn a_server_in_the_foreground_is_not_stopped_by_surprise() {
    let mut ensemble = Setup::voters(1).start();
    let background = Background::of(&ensemble);
    let err = failed_with(1, &background.run(&["stop"]));
    assert!(err.contains("a server answers") && err.contains("not started by `quorate start`"), "{err}");
    assert_eq!(modes(&succeeded(&background.run(&["status"]))), ["standalone"]);
    let err = failed_with(1, &background.run(&["start"]));
    let pid = ensemble.pid(1);
    assert!(err.contains("a server runs on") && err.contains(&format!("(process {pid})")), "{err}");
    assert!(!background.pid_file(0).exists());
    // Another one in the foreground says what is the matter, too.
    let exit = ensemble.start_refused(1);
    assert!(
        exit.code == Some(3) && exit.log.contains("another server uses this data directory"),
        "{}",
        exit.log
    );
}

#[test]
fn a_copy_of_a_configuration_is_the_same_server() {
    let ensemble = Setup::voters(1).prepare();
    let mut background = Background::of(&ensemble);
    let copy = background.configs[0].with_file_name("copy.cfg");
    fs::copy(&background.configs[0], &copy).unwrap();
    background.configs.push(copy);
    succeeded(&background.run_for(&[0], &["start"]));
    let pid = background.pid(0).unwrap();
    let err = failed_with(1, &background.run_for(&[1], &["start"]));
    assert!(err.contains(&format!("already running as process {pid}")), "{err}");
    assert_eq!(background.pid(0), Some(pid), "its pid file is still there");
    let status = succeeded(&background.run_for(&[1], &["status"]));
    assert!(status.contains(&format!("(process {pid})")), "{status}");
    // Another pid file, or one that was lost, hides no server.
    for command in ["start", "stop"] {
        let elsewhere = ensemble.server(1).data().join("elsewhere.pid");
        let words = [command, "--pid-file", elsewhere.to_str().unwrap()];
        let err = failed_with(1, &background.run_for(&[0], &words));
        assert!(err.contains(&format!("(process {pid})")) && err.contains("does not name"), "{err}");
        assert!(is_alive(pid) && !elsewhere.exists());
    }
    let out = succeeded(&background.run_for(&[1], &["stop"]));
    assert!(out.contains(&format!("stopped (process {pid})")), "{out}");
    assert!(!is_alive(pid) && !background.pid_file(0).exists());
}

#[test]
fn a_rolling_restart_keeps_a_quorum() {
    let ensemble = Setup::voters(3).prepare();
    let background = Background::of(&ensemble);
    succeeded(&background.run(&["start"]));
    let rolling = ["restart", "--rolling"];
    // One of three is down: a quorum hangs on both of the others.
    succeeded(&background.run_for(&[2], &["stop"]));
    let pids = [background.pid(0), background.pid(1)];
    let err = failed_with(1, &background.run_for(&[0, 1], &rolling));
    assert!(err.contains("no quorum would be left: server 3 does not serve"), "{err}");
    assert_eq!([background.pid(0), background.pid(1)], pids, "no server was stopped");
    // The one that is down may be part of it: it comes first, as nothing hangs on it.
    succeeded(&background.run(&rolling));
    assert_eq!(modes(&succeeded(&background.run(&["status"]))).len(), 3);
    // One that does not come back ends it.
    let broken = ensemble.server(2).version_2().join("currentEpoch");
    let pids: Vec<_> = (0..3).map(|index| background.pid(index)).collect();
    succeeded(&background.run_for(&[1], &["stop"]));
    fs::write(&broken, "seven").unwrap();
    let (code, out, err) = said(&background.run(&rolling));
    assert!(code != Some(0) && err.contains("currentEpoch"), "{out}{err}");
    assert_eq!([background.pid(0), background.pid(2)], [pids[0], pids[2]], "no other server was stopped");
}

#[test]
fn the_pid_file_can_be_elsewhere() {
    let ensemble = Setup::voters(1).prepare();
    let background = Background::of(&ensemble);
    let file = ensemble.server(1).data().join("run/quorate.pid");
    let words = |command| [command, "--pid-file", file.to_str().unwrap()];
    succeeded(&background.run(&words("start")));
    let pid: i32 = fs::read_to_string(&file).unwrap().parse().unwrap();
    assert!(is_alive(pid) && !background.pid_file(0).exists());
    let out = succeeded(&background.run(&words("stop")));
    assert!(out.contains(&format!("stopped (process {pid})")) && !file.exists(), "{out}");
}

/// What `quorate ensemble --data-dir` has written is an ensemble for these commands.
#[test]
fn a_pseudo_ensemble_goes_on_in_the_background() {
    let dir = tempfile::tempdir().unwrap();
    let port = ensemble_ports(4);
    Pseudo::start(port, dir.path(), 3, 1).stop();
    let config = |id: u16| dir.path().join(format!("server.{id}/zoo.cfg"));
    let background = Background { configs: (1..=4).map(config).collect() };
    succeeded(&background.run(&["start"]));
    let status = succeeded(&background.run(&["status"]));
    assert_eq!(modes(&status).len(), 4, "{status}");
    succeeded(&background.run(&["stop"]));
    // And back.
    Pseudo::start(port, dir.path(), 3, 1).stop();
}
