//! Signals that operators and their tools send.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use quorate_core::wire::client::CreateMode;
use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{PATIENCE, RawClient, Session, Setup, ensemble_ports, eventually, quorate, until};

/// What log rotation, supervisors and habit send.
const HARMLESS: [(Signal, &str); 5] = [
    (Signal::USR1, "SIGUSR1"),
    (Signal::USR2, "SIGUSR2"),
    (Signal::QUIT, "SIGQUIT"),
    (Signal::ALARM, "SIGALRM"),
    (Signal::XFSZ, "SIGXFSZ"),
];

fn send(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid as i32).unwrap(), signal).unwrap();
}

#[test]
fn a_server_says_what_it_was_sent_and_goes_on() {
    let mut ensemble = Setup::voters(1).start();
    let mut client = ensemble.connect(1);
    for (signal, name) in HARMLESS {
        send(ensemble.pid(1), signal);
        ensemble.await_log(1, &format!("{name} was sent"));
        client.create(&format!("/{name}"), b"", CreateMode::Persistent).unwrap();
    }
    send(ensemble.pid(1), Signal::PIPE);
    client.create("/after", b"", CreateMode::Persistent).unwrap();
    assert!(ensemble.is_alive(1));
    ensemble.stop(1);
}

/// While a server waits for its port, too.
#[test]
fn a_server_that_waits_for_its_port_goes_on_waiting() {
    let mut ensemble = Setup::voters(3).line("electionPortBindRetry=0").prepare();
    let taken = std::net::TcpListener::bind(("127.0.0.1", ensemble.server(1).election)).unwrap();
    ensemble.start(1);
    ensemble.await_log(1, "trying again");
    send(ensemble.pid(1), Signal::USR1);
    ensemble.await_log(1, "SIGUSR1 was sent");
    drop(taken);
    ensemble.start_all();
}

/// An ensemble in a temporary directory of its own making, below `tmp`.
struct Temporary {
    child: Child,
    tmp: tempfile::TempDir,
    port: u16,
}

impl Temporary {
    fn start() -> Temporary {
        let tmp = tempfile::tempdir().unwrap();
        let port = ensemble_ports(2);
        let child = quorate()
            .args(["ensemble", "--voters", "1", "--observers", "1", "--client-port", &port.to_string()])
            .env("TMPDIR", tmp.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(tmp.path().join("said")).unwrap())
            .spawn()
            .unwrap();
        let temporary = Temporary { child, tmp, port };
        until("it serves", || RawClient::connect(port + 1, &Session::new(4000)).ok());
        temporary
    }

    fn directories(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.tmp.path()).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.is_dir()).collect()
    }

    /// The processes of its servers.
    fn servers(&self) -> Vec<u32> {
        let directory = self.directories()[0].to_string_lossy().into_owned();
        let is_server = |pid: &u32| {
            let words =
                fs::read(Path::new("/proc").join(pid.to_string()).join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&words).contains(&directory)
        };
        let pids = fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str().and_then(|name| name.parse().ok()));
        pids.filter(is_server).collect()
    }

    fn code(&mut self) -> Option<i32> {
        let mut code = None;
        let ended = eventually(PATIENCE, || {
            code = self.child.try_wait().unwrap();
            code.is_some()
        });
        assert!(ended, "it does not end");
        code.unwrap().code()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_second_ctrl_c_removes_the_temporary_directory_too() {
    let mut ensemble = Temporary::start();
    let servers = ensemble.servers();
    assert_eq!((ensemble.directories().len(), servers.len()), (1, 2));
    // Its ends of the pipes that keep the servers alive are closed once the first signal is seen.
    let pipes = |pid: u32| {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().filter_map(Result::ok);
        let names = open.filter_map(|fd| fs::read_link(fd.path()).ok());
        names.filter(|to| to.to_string_lossy().starts_with("pipe:")).count()
    };
    let before = pipes(ensemble.child.id());
    // They cannot end by themselves: the first signal alone would wait for them.
    servers.iter().for_each(|pid| send(*pid, Signal::STOP));
    send(ensemble.child.id(), Signal::INT);
    until("the first signal is seen", || (pipes(ensemble.child.id()) + 2 == before).then_some(()));
    send(ensemble.child.id(), Signal::INT);
    assert_eq!(ensemble.code(), Some(130));
    assert_eq!(ensemble.directories(), Vec::<PathBuf>::new());
    for pid in servers {
        until("its servers are gone", || (!Path::new("/proc").join(pid.to_string()).exists()).then_some(()));
    }
}

#[test]
fn a_closed_terminal_ends_an_ensemble_and_removes_its_directory() {
    let mut ensemble = Temporary::start();
    send(ensemble.child.id(), Signal::USR1);
    until("it says so", || {
        let said = fs::read_to_string(ensemble.tmp.path().join("said")).unwrap();
        said.contains("SIGUSR1 was sent").then_some(())
    });
    RawClient::connect(ensemble.port, &Session::new(4000)).unwrap();
    send(ensemble.child.id(), Signal::HUP);
    assert_eq!(ensemble.code(), Some(0));
    assert_eq!(ensemble.directories(), Vec::<PathBuf>::new());
}
