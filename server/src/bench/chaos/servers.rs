//! The ensemble of a run: processes of this program, killed, paused, and started again; their disks.

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
use super::disks::{Disk, copy};
use super::relay::{Party, Ways};
use crate::driver::recorder::RECORD;
use crate::error::EXIT_LOG;
use crate::service::{Health, health};

/// Ports are taken from here: below those that the system gives to connections.
const PORTS: std::ops::Range<u64> = 11_000..32_000;
/// The length of a tick.
const TICK_MS: u32 = 200;
/// How often a server removes what recovery does not need. A full disk lasts less, as a rule, so that it is
/// felt; in this time a fast machine writes a quarter of a disk.
const PURGE_MS: u32 = 3000;
/// How long a server may take to end.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// How long after its disk was full a server may end for that reason: it may have stood still.
const FULL_LIMIT: Duration = Duration::from_secs(30);

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
    /// Where its data is.
    data: PathBuf,
    /// A disk of its own, if it has one.
    disk: Option<Disk>,
    /// The disk is full, or has been until then.
    full: Option<Full>,
    /// Whether the process has ended because its disk was full.
    starved: bool,
}

/// Whether a disk is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Full {
    Yes,
    Until(Instant),
}

/// All servers.
#[derive(Debug)]
pub(super) struct Servers {
    servers: Vec<Server>,
    recordings: PathBuf,
    /// How often a server has ended because its disk was full.
    starved: u64,
}

impl Servers {
    /// Write the configurations of `count` servers, which reach each other by wires only. With `disks` each
    /// has its data on a small disk of its own.
    ///
    /// # Errors
    /// No port is free; a file cannot be written.
    pub(super) fn plan(count: usize, home: &Path, ways: &Arc<Ways>, disks: bool) -> Result<Servers, Failure> {
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
            let mut data = directory.join("data");
            let mut disk = None;
            if disks {
                let path = directory.join("disk");
                fs::create_dir_all(&path).map_err(&failed)?;
                data = path.join("data");
                disk = Some(Disk::mount(path)?);
            }
            fs::create_dir_all(&data).map_err(&failed)?;
            fs::write(data.join("myid"), format!("{}\n", me + 1)).map_err(&failed)?;
            let mut text = format!(
                "tickTime={TICK_MS}\ninitLimit=10\nsyncLimit=5\nsnapCount=2000\ncommitLogCount=500\npreAllocSize=1024\n\
                 maxClientCnxns=0\n4lw.commands.whitelist=*\nclientPortAddress=127.0.0.1\n\
                 autopurge.purgeInterval={PURGE_MS}ms\n\
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
            servers.push(Server {
                ports: ports[me],
                config,
                log,
                child: None,
                paused: false,
                data,
                disk,
                full: None,
                starved: false,
            });
        }
        Ok(Servers { servers, recordings: home.join("recordings"), starved: 0 })
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
        server.purge()?;
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
        server.starved = false;
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

    /// Leave this room on a server's disk.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn fill(&mut self, index: Party, leave: u64) -> Result<(), Failure> {
        let server = &mut self.servers[index];
        server.full = Some(Full::Yes);
        server.disk.as_ref().map_or(Ok(()), |disk| disk.fill(leave)).map_err(system("filling a disk"))
    }

    /// Make room on a server's disk, and start the server if it has ended because there was none.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn free(&mut self, index: Party) -> Result<(), Failure> {
        let server = &mut self.servers[index];
        server.full = Some(Full::Until(Instant::now()));
        server.disk.as_ref().map_or(Ok(()), Disk::free).map_err(system("making room on a disk"))?;
        if server.starved { self.start(index) } else { Ok(()) }
    }

    /// A server that has ended though it was not killed, and what its log ends with. One whose disk is full
    /// may end, with the exit code for that, and is started when there is room.
    ///
    /// # Errors
    /// A server cannot be started.
    pub(super) fn fallen(&mut self) -> Result<Option<String>, Failure> {
        for index in 0..self.servers.len() {
            let server = &mut self.servers[index];
            let Some(child) = &mut server.child else { continue };
            let Some(status) = child.try_wait().map_err(system("asking after a server"))? else { continue };
            let starving = match server.full {
                None => false,
                Some(Full::Yes) => true,
                Some(Full::Until(then)) => then.elapsed() < FULL_LIMIT,
            };
            if starving && status.code() == Some(i32::from(EXIT_LOG)) {
                server.child = None;
                server.starved = true;
                self.starved += 1;
                if server.full != Some(Full::Yes) {
                    self.start(index)?;
                }
                continue;
            }
            let log = fs::read_to_string(&server.log).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines[lines.len().saturating_sub(10)..].join("\n  ");
            return Ok(Some(format!(
                "server {} ended by itself with {status}; its log ends:\n  {tail}",
                index + 1
            )));
        }
        Ok(None)
    }

    /// How often a server has ended because its disk was full.
    pub(super) fn starved(&self) -> u64 {
        self.starved
    }

    /// Put the data where it outlives the disks. The servers are killed for that.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn keep_data(&mut self) -> Result<(), Failure> {
        for index in 0..self.servers.len() {
            self.kill(index);
            let server = &self.servers[index];
            if server.disk.is_some() {
                let kept = server.config.with_file_name("data");
                copy(&server.data, &kept).map_err(system("keeping a server's data"))?;
            }
        }
        Ok(())
    }

    /// The server that says that it leads. Those that stand still are not asked.
    pub(super) fn leader(&self) -> Option<Party> {
        self.servers.iter().position(|server| server.mode().as_deref() == Some("leader"))
    }

    /// Wait until all of them serve. One that still ends because its disk was full is started again.
    ///
    /// # Errors
    /// A server cannot be started.
    pub(super) fn all_serve(&mut self, limit: Duration) -> Result<bool, Failure> {
        let until = Instant::now() + limit;
        loop {
            if self.fallen()?.is_some() {
                return Ok(false);
            }
            if self.servers.iter().all(|server| server.mode().is_some()) {
                return Ok(true);
            }
            if Instant::now() > until {
                return Ok(false);
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
    /// Remove old snapshots and logs before the disk is full of them.
    fn purge(&self) -> Result<(), Failure> {
        if self.disk.as_ref().is_some_and(Disk::is_half_full) && self.full != Some(Full::Yes) {
            let failed = system("removing old files");
            let program = std::env::current_exe().map_err(&failed)?;
            let mut purge = Command::new(program);
            let output = purge.args(["data", "purge"]).arg(&self.config).output().map_err(&failed)?;
            if !output.status.success() {
                let why = String::from_utf8_lossy(&output.stderr);
                return Err(Failure::Broken(format!("quorate data purge: {}", why.trim())));
            }
        }
        Ok(())
    }

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
