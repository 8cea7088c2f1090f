//! The ensemble of a run: processes of this program, which are killed, paused, and started again.

use std::fs::{self, OpenOptions};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::super::failure::{Failure, system};
use super::super::value::Random;
use super::relay::{Party, Ways};
use crate::cli::RECORD;
use crate::service::{Health, health};

/// Ports are taken from here: below those that the system gives to connections.
const PORTS: std::ops::Range<u64> = 11_000..32_000;
/// The length of a tick.
const TICK_MS: u32 = 200;
/// How long a server may take to end.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// The ports of one server.
#[derive(Clone, Copy, Debug)]
struct Ports {
    client: u16,
    quorum: u16,
    election: u16,
}

/// One server.
#[derive(Debug)]
struct Server {
    ports: Ports,
    config: PathBuf,
    log: PathBuf,
    child: Option<Child>,
    paused: bool,
}

/// All servers.
#[derive(Debug)]
pub(super) struct Servers {
    servers: Vec<Server>,
    recordings: PathBuf,
}

impl Servers {
    /// Write the configurations of `count` servers, which reach each other by wires only.
    ///
    /// # Errors
    /// No port is free; a file cannot be written.
    pub(super) fn plan(count: usize, home: &Path, ways: &Arc<Ways>) -> Result<Servers, Failure> {
        let failed = system("preparing a server's directory");
        let mut random = Random::new(u64::from(std::process::id()));
        let mut held = Vec::new();
        let mut ports = Vec::new();
        for _ in 0..count {
            let [client, quorum, election] = [0; 3].map(|_| free_port(&mut random, &mut held));
            ports.push(Ports { client: client?, quorum: quorum?, election: election? });
        }
        drop(held);
        let mut servers = Vec::new();
        for me in 0..count {
            let directory = home.join(format!("server.{}", me + 1));
            let data = directory.join("data");
            fs::create_dir_all(&data).map_err(&failed)?;
            fs::write(data.join("myid"), format!("{}\n", me + 1)).map_err(&failed)?;
            let mut text = format!(
                "tickTime={TICK_MS}\ninitLimit=10\nsyncLimit=5\nsnapCount=2000\ncommitLogCount=500\n\
                 maxClientCnxns=0\n4lw.commands.whitelist=*\nclientPortAddress=127.0.0.1\n\
                 dataDir={}\nclientPort={}\n",
                data.display(),
                ports[me].client
            );
            for (other, at) in ports.iter().enumerate() {
                let (quorum, election) = match other == me {
                    true => (at.quorum, at.election),
                    false => {
                        let wire = |port| Ok::<u16, Failure>(ways.wire(me, other, port)?.port());
                        (wire(at.quorum)?, wire(at.election)?)
                    }
                };
                text += &format!("server.{}=127.0.0.1:{quorum}:{election}\n", other + 1);
            }
            let config = directory.join("zoo.cfg");
            fs::write(&config, text).map_err(&failed)?;
            let log = directory.join("quorate.log");
            servers.push(Server { ports: ports[me], config, log, child: None, paused: false });
        }
        Ok(Servers { servers, recordings: home.join("recordings") })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.servers.len()
    }

    /// Where they write down what they do.
    pub(super) fn recordings(&self) -> &Path {
        &self.recordings
    }

    /// A server's client port.
    pub(super) fn port(&self, server: Party) -> u16 {
        self.servers[server].ports.client
    }

    /// Start a server that is not running.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn start(&mut self, index: Party) -> Result<(), Failure> {
        let server = &mut self.servers[index];
        if server.child.is_some() {
            return Ok(());
        }
        let failed = system("starting a server");
        let log = OpenOptions::new().create(true).append(true).open(&server.log).map_err(&failed)?;
        let program = std::env::current_exe().map_err(system("finding this program"))?;
        let child = Command::new(program)
            .args(["--log", "info", "server", "--stop-on-stdin-eof"])
            .arg(&server.config)
            .env(RECORD, &self.recordings)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(&failed)?;
        server.child = Some(child);
        server.paused = false;
        Ok(())
    }

    /// Kill a server (SIGKILL).
    pub(super) fn kill(&mut self, index: Party) {
        let server = &mut self.servers[index];
        server.paused = false;
        if let Some(mut child) = server.child.take() {
            // One that has ended already is as dead.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Stop a server where it stands (SIGSTOP), or let it go on.
    pub(super) fn pause(&mut self, index: Party, paused: bool) {
        let server = &mut self.servers[index];
        if let Some(child) = &server.child {
            let signal = if paused { Signal::STOP } else { Signal::CONT };
            // One that has ended cannot be stopped.
            let _ = kill_process(Pid::from_child(child), signal);
            server.paused = paused;
        }
    }

    /// A server that has ended though it was not killed, and what its log ends with.
    pub(super) fn fallen(&mut self) -> Option<String> {
        self.servers.iter_mut().enumerate().find_map(|(index, server)| {
            let status = server.child.as_mut()?.try_wait().ok()??;
            let log = fs::read_to_string(&server.log).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines[lines.len().saturating_sub(10)..].join("\n  ");
            Some(format!("server {} ended by itself with {status}; its log ends:\n  {tail}", index + 1))
        })
    }

    /// The server that says that it leads. Those that stand still are not asked.
    pub(super) fn leader(&self) -> Option<Party> {
        self.servers.iter().position(|server| server.mode().as_deref() == Some("leader"))
    }

    /// Wait until all of them serve.
    pub(super) fn all_serve(&self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        loop {
            if self.servers.iter().all(|server| server.mode().is_some()) {
                return true;
            }
            if Instant::now() > until {
                return false;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Let all of them end in order.
    ///
    /// # Errors
    /// One does not end in time.
    pub(super) fn stop(&mut self) -> Result<(), Failure> {
        for server in &mut self.servers {
            if let Some(child) = &mut server.child {
                drop(child.stdin.take());
            }
        }
        let until = Instant::now() + STOP_LIMIT;
        for (index, server) in self.servers.iter_mut().enumerate() {
            while let Some(child) = &mut server.child {
                if child.try_wait().map_err(system("asking after a server"))?.is_some() {
                    server.child = None;
                } else if Instant::now() > until {
                    return Err(Failure::Broken(format!("server {} does not end when asked to", index + 1)));
                } else {
                    thread::sleep(Duration::from_millis(10));
                }
            }
        }
        Ok(())
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        // One that stands still would stay.
        (0..self.servers.len()).for_each(|index| self.kill(index));
    }
}

impl Server {
    fn mode(&self) -> Option<String> {
        if self.child.is_none() || self.paused {
            return None;
        }
        match health(&Ipv4Addr::LOCALHOST.to_string(), self.ports.client) {
            Health::Serves(mode) => Some(mode),
            _ => None,
        }
    }
}

/// A port on which no program listens, held until all are found.
fn free_port(random: &mut Random, held: &mut Vec<TcpListener>) -> Result<u16, Failure> {
    for _ in 0..1000 {
        let port = (PORTS.start + random.below(PORTS.end - PORTS.start)) as u16;
        if let Ok(listener) = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))) {
            held.push(listener);
            return Ok(port);
        }
    }
    Err(Failure::Unfit("no free port was found on 127.0.0.1".to_owned()))
}
