//! An ensemble of real processes: its configuration, its servers, what they say of themselves.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use quorate_spec::replay::{ReplayError, Summary};
use rustix::process::Signal;

use super::network::Network;
use super::ports::free_ports;
use super::process::{Exit, Process};
use super::raw_client::{RawClient, Session};
use super::stalling_disk;
use super::tail::tail;
use super::wait::{PATIENCE, eventually, until};

/// What an ensemble is made of.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    voters: u64,
    observers: u64,
    tick_ms: u32,
    lines: Vec<String>,
    wired: bool,
    recorded: bool,
}

impl Setup {
    /// `voters` servers that vote; 1 is a standalone server.
    pub(crate) fn voters(voters: u64) -> Setup {
        Setup { voters, observers: 0, tick_ms: 200, lines: Vec::new(), wired: false, recorded: false }
    }

    /// And servers that do not.
    pub(crate) fn observers(self, observers: u64) -> Setup {
        Setup { observers, ..self }
    }

    /// A further line in every `zoo.cfg`.
    pub(crate) fn line(mut self, line: &str) -> Setup {
        self.lines.push(line.to_owned());
        self
    }

    /// Servers reach each other by wires that can be cut ([`Ensemble::network`]).
    pub(crate) fn wired(self) -> Setup {
        Setup { wired: true, ..self }
    }

    /// Every server records its steps ([`Ensemble::replay`]). `QUORATE_E2E_RECORD` names a directory to keep
    /// the recordings of all tests in; then every test records.
    pub(crate) fn recorded(self) -> Setup {
        Setup { recorded: true, ..self }
    }

    /// Directories and configurations; nothing runs.
    pub(crate) fn prepare(self) -> Ensemble {
        let dir = tempfile::Builder::new().prefix("quorate-e2e-").tempdir().expect("a directory");
        let count = self.voters + self.observers;
        let servers: BTreeMap<u64, Server> = (1..=count)
            .map(|id| {
                let [client, quorum, election] = free_ports();
                let home = dir.path().join(format!("server.{id}"));
                (id, Server { id, home, client, quorum, election, process: None })
            })
            .collect();
        let mut network = Network::default();
        for server in servers.values() {
            fs::create_dir_all(server.data()).expect("a directory can be made");
            fs::write(server.data().join("myid"), format!("{}\n", server.id)).expect("myid can be written");
            fs::write(server.config(), self.zoo_cfg(server, &servers, &mut network))
                .expect("zoo.cfg can be written");
        }
        let name = dir.path().file_name().expect("it has a name");
        let recordings = match std::env::var_os("QUORATE_E2E_RECORD") {
            Some(kept) => Some(PathBuf::from(kept).join(name)),
            None => self.recorded.then(|| dir.path().join("recordings")),
        };
        Ensemble { setup: self, servers, network, recordings, stalling_disk: None, dir }
    }

    /// Start all servers and wait until they serve.
    pub(crate) fn start(self) -> Ensemble {
        let mut ensemble = self.prepare();
        ensemble.start_all();
        ensemble
    }

    /// All servers, serving; the disk of each can be stalled ([`Ensemble::stall`]). `None` where there is no
    /// C compiler.
    pub(crate) fn stalling(self) -> Option<Ensemble> {
        let mut ensemble = self.prepare();
        ensemble.stalling_disk = Some(stalling_disk::build(ensemble.dir.path())?);
        ensemble.start_all();
        Some(ensemble)
    }

    fn zoo_cfg(&self, me: &Server, servers: &BTreeMap<u64, Server>, network: &mut Network) -> String {
        let mut text = format!(
            "tickTime={}\ninitLimit=25\nsyncLimit=10\ndataDir={}\nclientPort={}\n\
             clientPortAddress=127.0.0.1\nmaxClientCnxns=0\npreAllocSize=64\n",
            self.tick_ms,
            me.data().display(),
            me.client
        );
        if servers.len() > 1 {
            for Server { id, quorum, election, .. } in servers.values() {
                let mut dialed = |port: u16| {
                    if self.wired && *id != me.id { network.wire(me.id, *id, port) } else { port }
                };
                let (quorum, election) = (dialed(*quorum), dialed(*election));
                let role = if *id > self.voters { "observer" } else { "participant" };
                text += &format!("server.{id}=127.0.0.1:{quorum}:{election}:{role}\n");
            }
        }
        for line in &self.lines {
            text += &format!("{line}\n");
        }
        text
    }
}

/// One server, running or not.
#[derive(Debug)]
pub(crate) struct Server {
    id: u64,
    home: PathBuf,
    /// The server's ports.
    pub(crate) client: u16,
    pub(crate) quorum: u16,
    pub(crate) election: u16,
    process: Option<Process>,
}

impl Server {
    /// The server's data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    /// While this file is there the disk of its log does not answer, if it can be stalled.
    fn stalled(&self) -> PathBuf {
        self.home.join("stalled")
    }

    /// Where logs and snapshots are.
    pub(crate) fn version_2(&self) -> PathBuf {
        self.data().join("version-2")
    }

    /// Everything it has logged, over all its starts.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// The answer to a four-letter word; `None` if it does not answer.
    pub(crate) fn word(&self, word: &str) -> Option<String> {
        let limit = Duration::from_millis(1000);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.client));
        let mut stream = TcpStream::connect_timeout(&address, limit).ok()?;
        stream.set_read_timeout(Some(limit)).ok()?;
        stream.write_all(word.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// `leader`, `follower`, `observer`, `standalone`; `None` if it does not serve.
    pub(crate) fn mode(&self) -> Option<String> {
        let answer = self.word("srvr")?;
        answer.lines().find_map(|line| line.strip_prefix("Mode: ")).map(str::to_owned)
    }

    /// Whether it answers that it does not serve.
    pub(crate) fn says_not_serving(&self) -> bool {
        self.word("srvr").is_some_and(|text| text.contains("not currently serving requests"))
    }

    /// The server's configuration file.
    pub(crate) fn config(&self) -> PathBuf {
        self.home.join("zoo.cfg")
    }

    fn log_path(&self) -> PathBuf {
        self.home.join("quorate.log")
    }
}

/// Servers by id, 1 and up; voters first.
#[derive(Debug)]
pub(crate) struct Ensemble {
    setup: Setup,
    servers: BTreeMap<u64, Server>,
    network: Network,
    recordings: Option<PathBuf>,
    /// Preloaded into every server, if there is one.
    stalling_disk: Option<PathBuf>,
    dir: tempfile::TempDir,
}

impl Ensemble {
    /// A server.
    pub(crate) fn server(&self, id: u64) -> &Server {
        &self.servers[&id]
    }

    /// The wires between servers, if there are ([`Setup::wired`]).
    pub(crate) fn network(&self) -> &Network {
        assert!(self.setup.wired, "these servers reach each other directly");
        &self.network
    }

    /// Every server's id.
    pub(crate) fn ids(&self) -> Vec<u64> {
        self.servers.keys().copied().collect()
    }

    /// The ids of those that vote.
    pub(crate) fn voters(&self) -> Vec<u64> {
        (1..=self.setup.voters).collect()
    }

    /// The ids of those that run.
    pub(crate) fn running(&self) -> Vec<u64> {
        self.servers.values().filter(|s| s.process.is_some()).map(|s| s.id).collect()
    }

    /// Start a server.
    pub(crate) fn start(&mut self, id: u64) {
        let mut environment: Vec<_> =
            self.recordings.iter().map(|dir| ("QUORATE_RECORD", dir.clone())).collect();
        if let Some(library) = &self.stalling_disk {
            environment.extend(stalling_disk::environment(library, &self.server(id).stalled()));
        }
        let server = self.server_mut(id);
        assert!(server.process.is_none(), "server {id} runs already");
        server.process = Some(Process::server(&server.config(), &server.log_path(), &environment));
    }

    /// Start everything that does not run and wait until all serve.
    pub(crate) fn start_all(&mut self) {
        for id in self.ids() {
            if self.server(id).process.is_none() {
                self.start(id);
            }
        }
        self.await_serving(&self.ids());
    }

    /// Start a server that is to refuse.
    pub(crate) fn start_refused(&mut self, id: u64) -> Exit {
        let server = self.server(id);
        let log = server.home.join("refused.log");
        Process::server(&server.config(), &log, &[]).ended()
    }

    /// The disk of a server's log does not answer any more.
    pub(crate) fn stall(&self, id: u64) {
        fs::write(self.server(id).stalled(), "").expect("the file can be made");
    }

    /// The disk of a server's log answers again.
    pub(crate) fn mend(&self, id: u64) {
        fs::remove_file(self.server(id).stalled()).expect("the disk was stalled");
    }

    /// kill -9.
    pub(crate) fn kill(&mut self, id: u64) {
        self.take(id).kill();
    }

    /// kill -9, all at once.
    pub(crate) fn kill_all(&mut self) {
        let running = self.running();
        for id in &running {
            self.signal(*id, Signal::KILL);
        }
        for id in running {
            drop(self.take(id));
        }
    }

    /// Ask a server to end; it must do so with success.
    pub(crate) fn stop(&mut self, id: u64) {
        let exit = self.take(id).stop();
        assert_eq!(exit.code, Some(0), "server {id}:\n{}", exit.log);
    }

    /// SIGSTOP: the process stays, its sockets stay, nothing moves.
    pub(crate) fn pause(&self, id: u64) {
        self.signal(id, Signal::STOP);
    }

    /// SIGCONT.
    pub(crate) fn resume(&self, id: u64) {
        self.signal(id, Signal::CONT);
    }

    /// Where the servers record.
    pub(crate) fn recordings(&self) -> PathBuf {
        self.recordings.clone().expect("the servers record")
    }

    /// Stop what runs, and run everything again that was recorded. The same steps must have the same outcome,
    /// the shell must have kept its contract, the ensemble the properties of ZAB.
    #[track_caller]
    pub(crate) fn replay(&mut self) -> Summary {
        for id in self.running() {
            self.stop(id);
        }
        let recordings = self.recordings();
        match quorate_spec::replay::replay(&[recordings], &mut |_| {}) {
            Ok(summary) => {
                println!("replayed: {summary:?}");
                summary
            }
            Err(ReplayError::Failed(failure)) => panic!("{}\n{failure}", failure.story.join("\n")),
            Err(other) => panic!("{other}"),
        }
    }

    /// Whether the process has not ended.
    pub(crate) fn is_alive(&mut self, id: u64) -> bool {
        self.server_mut(id).process.as_mut().is_some_and(Process::is_alive)
    }

    /// The process of a server that runs.
    pub(crate) fn pid(&self, id: u64) -> u32 {
        self.server(id).process.as_ref().expect("the server runs").pid()
    }

    /// A server's `zoo.cfg`.
    pub(crate) fn config(&self, id: u64) -> PathBuf {
        self.server(id).config()
    }

    /// Wait until these serve.
    #[track_caller]
    pub(crate) fn await_serving(&self, ids: &[u64]) {
        for id in ids {
            until(&format!("server {id} serves"), || {
                self.server(*id).mode().filter(|mode| mode != "read-only")
            });
        }
    }

    /// Kill the leader, wait for another one, and start the killed server again.
    #[track_caller]
    pub(crate) fn replace_leader(&mut self) {
        let leader = self.await_leader();
        self.kill(leader);
        self.await_leader();
        self.start_all();
    }

    /// Wait until one of those that run leads, and say which.
    #[track_caller]
    pub(crate) fn await_leader(&self) -> u64 {
        until("a server leads", || self.with_mode(&["leader", "standalone"]).into_iter().next())
    }

    /// Running voters that do not lead, once one leads and they serve.
    #[track_caller]
    pub(crate) fn await_followers(&self) -> Vec<u64> {
        let leader = self.await_leader();
        let others: Vec<u64> =
            self.running().into_iter().filter(|id| *id != leader && *id <= self.setup.voters).collect();
        self.await_serving(&others);
        others
    }

    /// Running servers that serve in one of these modes.
    pub(crate) fn with_mode(&self, modes: &[&str]) -> Vec<u64> {
        let fits = |id: &u64| self.server(*id).mode().is_some_and(|mode| modes.contains(&mode.as_str()));
        self.running().into_iter().filter(fits).collect()
    }

    /// Where clients connect: all servers, or these.
    pub(crate) fn cluster(&self, ids: &[u64]) -> String {
        let addresses: Vec<String> =
            ids.iter().map(|id| format!("127.0.0.1:{}", self.server(*id).client)).collect();
        addresses.join(",")
    }

    /// A new session with this server; retries while the server does not serve.
    #[track_caller]
    pub(crate) fn connect(&self, id: u64) -> RawClient {
        self.connect_for(id, 20 * self.setup.tick_ms)
    }

    /// A new session with this timeout (ms), of which the server may make another.
    #[track_caller]
    pub(crate) fn connect_for(&self, id: u64, timeout_ms: u32) -> RawClient {
        let wanted = Session::new(timeout_ms);
        until(&format!("server {id} gives a session"), || {
            RawClient::connect(self.server(id).client, &wanted).ok()
        })
    }

    /// One tick.
    pub(crate) fn tick(&self) -> Duration {
        Duration::from_millis(self.setup.tick_ms.into())
    }

    /// Wait until `server`'s log contains a text.
    #[track_caller]
    pub(crate) fn await_log(&self, id: u64, text: &str) {
        let found = eventually(PATIENCE, || self.server(id).log().contains(text));
        assert!(found, "not in the log of server {id}: {text:?}");
    }

    fn server_mut(&mut self, id: u64) -> &mut Server {
        self.servers.get_mut(&id).expect("there is such a server")
    }

    fn take(&mut self, id: u64) -> Process {
        self.server_mut(id).process.take().expect("the server runs")
    }

    pub(crate) fn signal(&self, id: u64, signal: Signal) {
        self.server(id).process.as_ref().expect("the server runs").signal(signal);
    }
}

impl Drop for Ensemble {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for server in self.servers.values() {
            let state = if server.process.is_some() { "running" } else { "down" };
            eprintln!("---- server {} ({state}), end of its log:\n{}", server.id, tail(&server.log_path()));
        }
    }
}
