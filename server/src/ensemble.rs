//! `quorate ensemble`: a whole ensemble on this machine, one child process per server.
//!
//! Every address is on 127.0.0.1. A child ends when its standard input does, so none outlives this
//! process, however it ends.

use std::fs;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use signal_hook::consts::{SIGALRM, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;
use signal_hook::low_level::signal_name;

use crate::config::{LearnerType, ServerConfig, Strictness};
use crate::driver::recorder::RECORD;
use crate::error::{Error, system};
use crate::logging::LogOptions;
use crate::output::{complain, say};
use crate::service::{Health, LogFile, health_over};
use crate::tls::Context;

mod secure;

/// What `quorate ensemble` takes.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct EnsembleArgs {
    /// Servers that vote.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) voters: u8,
    /// Servers that only watch.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) observers: u8,
    /// The first server's client port; the others follow. Quorum ports begin 707 above it,
    /// election ports 1707 above it (2181: 2888 and 3888).
    #[arg(long, default_value_t = 2181, value_parser = clap::value_parser!(u16).range(1..=63_000))]
    pub(crate) client_port: u16,
    /// Keep the servers' data here; without it a temporary directory is used and removed.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// tickTime of the servers, in milliseconds.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(10..=60_000))]
    pub(crate) tick_time: u32,
    /// Write every step of every server down, for `quorate-checks replay`.
    #[arg(long, value_name = "DIR", env = RECORD)]
    pub(crate) record: Option<PathBuf>,
    /// TLS on every port. Keys are made in the data directory; what clients need is printed.
    #[arg(long)]
    pub(crate) secure: bool,
    /// A further line for every server's zoo.cfg, for example `snapCount=1000`. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

/// Quorum ports begin this far above the first client port, election ports a thousand further.
const QUORUM_OFFSET: u16 = 707;
const ELECTION_OFFSET: u16 = 1707;
/// How long the servers may take until all of them serve.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long a server may take to stop before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// The exit code after a second signal, as shells have it for Ctrl-C.
const HURRIED: u8 = 130;

/// What the signals of this process have asked for.
#[derive(Clone, Default)]
struct Wish {
    /// The ensemble is to end.
    stop: Arc<AtomicBool>,
    /// At once: servers that have not ended are killed.
    hurry: Arc<AtomicBool>,
}

/// Run an ensemble until a signal ends it; returns the exit code.
pub(crate) fn run(args: &EnsembleArgs, log: &LogOptions) -> Result<u8, Error> {
    let plans = plan(args)?;
    check_ports(&plans)?;
    let wish = listen_to_signals()?;
    let (directory, temporary) = directory(args)?;
    let secure = args.secure.then(|| directory.clone());
    let mut ensemble = Ensemble { servers: Vec::new(), leader: None, secure };
    let result = ensemble.start(args, &plans, &directory, log).and_then(|()| ensemble.watch(&wish.stop));
    ensemble.stop(&wish.hurry);
    if let Some(temporary) = temporary {
        // What cannot be removed is left to the system's own cleaning of its temporary directory.
        let _ = temporary.close();
    }
    result.map(|()| if wish.hurry.load(Ordering::Relaxed) { HURRIED } else { 0 })
}

/// What one server will be.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Plan {
    id: u16,
    role: LearnerType,
    client: u16,
    quorum: u16,
    election: u16,
}

fn plan(args: &EnsembleArgs) -> Result<Vec<Plan>, Error> {
    let count = u16::from(args.voters) + u16::from(args.observers);
    let port = |offset: u16, index: u16| {
        args.client_port.checked_add(offset).and_then(|p| p.checked_add(index)).ok_or_else(|| {
            Error::Usage(format!("--client-port {}: the ports would end above 65535", args.client_port))
        })
    };
    let overlaps = |(from, to): (u16, u16)| to - from < count;
    if [(0, QUORUM_OFFSET), (QUORUM_OFFSET, ELECTION_OFFSET)].into_iter().any(overlaps) || count > 255 {
        return Err(Error::Usage(format!("{count} servers are too many for one machine's ports")));
    }
    (0..count)
        .map(|index| {
            Ok(Plan {
                id: index + 1,
                role: if index < u16::from(args.voters) {
                    LearnerType::Participant
                } else {
                    LearnerType::Observer
                },
                client: port(0, index)?,
                quorum: port(QUORUM_OFFSET, index)?,
                election: port(ELECTION_OFFSET, index)?,
            })
        })
        .collect()
}

/// Every port must be free before anything starts.
fn check_ports(plans: &[Plan]) -> Result<(), Error> {
    for plan in plans {
        let ports =
            [("client port", plan.client), ("quorum port", plan.quorum), ("election port", plan.election)];
        for (what, port) in ports {
            let address = local(port);
            match TcpListener::bind(address) {
                Ok(_) => {}
                Err(why) if why.kind() == ErrorKind::AddrInUse => {
                    return Err(Error::Usage(format!(
                        "{what} {address} is already in use by another program"
                    )));
                }
                Err(why) => return Err(Error::Bind { what, address: address.to_string(), why }),
            }
        }
    }
    Ok(())
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// The first signal that asks for the end lets the servers end, the second kills them; the temporary
/// directory goes in both cases. A terminal that is closed sends SIGHUP.
fn listen_to_signals() -> Result<Wish, Error> {
    let wish = Wish::default();
    let others = [SIGALRM, SIGUSR1, SIGUSR2];
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGQUIT].iter().chain(&others))
        .map_err(system("catching signals"))?;
    let told = wish.clone();
    let listen = move || {
        for signal in signals.forever() {
            if others.contains(&signal) {
                let name = signal_name(signal).unwrap_or("a signal");
                complain(&format!("{name} was sent: nothing is done about it, the ensemble goes on"));
            } else if told.stop.swap(true, Ordering::Relaxed) {
                told.hurry.store(true, Ordering::Relaxed);
            }
        }
    };
    thread::Builder::new().name("signals".into()).spawn(listen).map_err(system("starting a thread"))?;
    Ok(wish)
}

fn directory(args: &EnsembleArgs) -> Result<(PathBuf, Option<tempfile::TempDir>), Error> {
    match &args.data_dir {
        Some(directory) => {
            fs::create_dir_all(directory).map_err(system("creating the data directory"))?;
            let absolute = fs::canonicalize(directory).map_err(system("finding the data directory"))?;
            Ok((absolute, None))
        }
        None => {
            let temporary = tempfile::Builder::new()
                .prefix("quorate-")
                .tempdir()
                .map_err(system("creating a temporary directory"))?;
            Ok((temporary.path().to_owned(), Some(temporary)))
        }
    }
}

/// The zoo.cfg of one server.
fn zoo_cfg(args: &EnsembleArgs, plans: &[Plan], me: &Plan, home: &Path) -> String {
    let key = if args.secure { "secureClientPort" } else { "clientPort" };
    let mut text = format!(
        "tickTime={}\ninitLimit=10\nsyncLimit=5\ndataDir={}\n{key}={}\n\
         {key}Address=127.0.0.1\nmaxClientCnxns=0\n4lw.commands.whitelist=*\n",
        args.tick_time,
        home.join("data").display(),
        me.client
    );
    if args.secure {
        text += &secure::lines(home);
    }
    if plans.len() > 1 {
        if args.voters == 1 {
            text += "standaloneEnabled=false\n";
        }
        for plan in plans {
            let Plan { id, role, quorum, election, .. } = plan;
            text += &format!("server.{id}=127.0.0.1:{quorum}:{election}:{role}\n");
        }
    }
    for line in &args.set {
        text += line;
        text.push('\n');
    }
    text
}

struct Server {
    plan: Plan,
    child: Child,
    log: LogFile,
    ended: Option<ExitStatus>,
    /// How this server is asked where it takes clients with TLS only.
    tls: Option<Arc<ClientConfig>>,
}

struct Ensemble {
    servers: Vec<Server>,
    leader: Option<u16>,
    /// Where keys and certificates are, if there is TLS.
    secure: Option<PathBuf>,
}

impl Ensemble {
    fn start(
        &mut self,
        args: &EnsembleArgs,
        plans: &[Plan],
        directory: &Path,
        log: &LogOptions,
    ) -> Result<(), Error> {
        let program = std::env::current_exe().map_err(system("finding this program"))?;
        if args.secure {
            secure::make(directory)?;
        }
        for plan in plans {
            let home = directory.join(format!("server.{}", plan.id));
            self.servers.push(start_server(&program, args, plans, plan, &home, log)?);
        }
        Ok(())
    }

    /// Wait until every server serves, say so, then report what changes until told to stop.
    fn watch(&mut self, stop: &AtomicBool) -> Result<(), Error> {
        let began = Instant::now();
        let mut ready = false;
        while !stop.load(Ordering::Relaxed) {
            self.notice_deaths(ready)?;
            let modes: Vec<Option<String>> = self.servers.iter().map(Server::mode).collect();
            let leads = |mode: &Option<String>| matches!(mode.as_deref(), Some("leader" | "standalone"));
            let leader = modes.iter().position(leads).map(|index| self.servers[index].plan.id);
            if !ready && modes.iter().all(Option::is_some) && leader.is_some() {
                (ready, self.leader) = (true, leader);
                self.announce(&modes);
            } else if ready && leader.is_some() && leader != self.leader {
                self.leader = leader;
                say(&format!("server {} leads now", leader.unwrap_or_default()));
            } else if ready && leader.is_none() && self.leader.is_some() {
                self.leader = None;
                say("no server leads");
            }
            if !ready && began.elapsed() > START_LIMIT {
                return Err(Error::Ensemble(self.not_ready(&modes)));
            }
            pause(if ready { Duration::from_millis(500) } else { Duration::from_millis(20) }, stop);
        }
        Ok(())
    }

    fn announce(&self, modes: &[Option<String>]) {
        say(&format!(
            "{:<4} {:<12} {:<17} {:<17} {:<17} {:<8} {}",
            "id", "configured", "client", "quorum", "election", "pid", "mode"
        ));
        for (server, mode) in self.servers.iter().zip(modes) {
            let Plan { id, role, client, quorum, election } = &server.plan;
            say(&format!(
                "{id:<4} {:<12} {:<17} {:<17} {:<17} {:<8} {}",
                role.to_string(),
                local(*client).to_string(),
                local(*quorum).to_string(),
                local(*election).to_string(),
                server.child.id(),
                mode.as_deref().unwrap_or("-")
            ));
        }
        let addresses: Vec<String> = self.servers.iter().map(|s| local(s.plan.client).to_string()).collect();
        if let Some(directory) = &self.secure {
            secure::announce(directory, &addresses).iter().for_each(|line| say(line));
        }
        say(&format!("ready: connect with {}", addresses.join(",")));
    }

    fn notice_deaths(&mut self, ready: bool) -> Result<(), Error> {
        for server in &mut self.servers {
            if server.ended.is_some() {
                continue;
            }
            server.ended = server.child.try_wait().map_err(system("asking after a server"))?;
            let Some(status) = server.ended else { continue };
            let Plan { id, .. } = server.plan;
            let text = format!("server {id} ended with {status}; its log ends:\n{}", server.log.tail());
            if !ready {
                return Err(Error::Ensemble(text));
            }
            say(&text);
        }
        if self.servers.iter().all(|s| s.ended.is_some()) {
            return Err(Error::Ensemble("every server has ended".to_owned()));
        }
        Ok(())
    }

    fn not_ready(&self, modes: &[Option<String>]) -> String {
        let silent: Vec<String> = self
            .servers
            .iter()
            .zip(modes)
            .filter(|(_, mode)| mode.is_none())
            .map(|(server, _)| format!("server {}, whose log ends:\n{}", server.plan.id, server.log.tail()))
            .collect();
        format!("after {} s these do not serve: {}", START_LIMIT.as_secs(), silent.join("\n"))
    }

    /// Ask every server to end, wait for it, and kill what does not, or what has no time for that.
    fn stop(&mut self, hurry: &AtomicBool) {
        for server in &mut self.servers {
            drop(server.child.stdin.take());
        }
        let deadline = Instant::now() + STOP_LIMIT;
        for server in &mut self.servers {
            while matches!(server.child.try_wait(), Ok(None)) {
                let hurried = hurry.load(Ordering::Relaxed);
                if hurried || Instant::now() > deadline {
                    say(&format!("server {} has not ended; killing it", server.plan.id));
                    let _ = server.child.kill();
                    let _ = server.child.wait();
                    break;
                }
                sleep(Duration::from_millis(10));
            }
        }
    }
}

fn start_server(
    program: &Path,
    args: &EnsembleArgs,
    plans: &[Plan],
    plan: &Plan,
    home: &Path,
    log: &LogOptions,
) -> Result<Server, Error> {
    let failed = system("preparing a server's directory");
    let data = home.join("data");
    fs::create_dir_all(&data).map_err(&failed)?;
    fs::write(data.join("myid"), format!("{}\n", plan.id)).map_err(&failed)?;
    let config = home.join("zoo.cfg");
    fs::write(&config, zoo_cfg(args, plans, plan, home)).map_err(&failed)?;
    let (meant, warnings) = ServerConfig::load(&config, Strictness::AsTheFileSays)?;
    // All servers have the same lines.
    if plan.id == 1 && !args.set.is_empty() {
        warnings.iter().for_each(|warning| complain(&format!("warning: {}: {}", warning.key, warning.text)));
    }
    let (log_file, stderr) = LogFile::open(&home.join("quorate.log")).map_err(&failed)?;
    let child = Command::new(program)
        .args(log.arguments())
        .args(["server", "--stop-on-stdin-eof"])
        .arg(&config)
        .envs(args.record.iter().map(|dir| (RECORD, dir)))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(stderr)
        .spawn()
        .map_err(system("starting a server"))?;
    let tls = meant.tls.client.as_ref().filter(|_| args.secure).and_then(|tls| Context::load(tls).ok());
    let tls = tls.map(|context| context.client);
    Ok(Server { plan: plan.clone(), child, log: log_file, ended: None, tls })
}

impl Server {
    /// What `srvr` calls this server, if it serves.
    fn mode(&self) -> Option<String> {
        match health_over(&Ipv4Addr::LOCALHOST.to_string(), self.plan.client, self.tls.as_ref()) {
            Health::Serves(mode) => Some(mode),
            _ => None,
        }
    }
}

fn pause(duration: Duration, stop: &AtomicBool) {
    let until = Instant::now() + duration;
    while Instant::now() < until && !stop.load(Ordering::Relaxed) {
        sleep(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(voters: u8, observers: u8, client_port: u16) -> EnsembleArgs {
        EnsembleArgs {
            record: None,
            voters,
            observers,
            client_port,
            data_dir: None,
            tick_time: 2000,
            secure: false,
            set: vec!["snapCount=500".into()],
        }
    }

    #[test]
    fn the_default_ports_are_zookeepers() {
        let plans = plan(&args(3, 1, 2181)).unwrap();
        let first =
            Plan { id: 1, role: LearnerType::Participant, client: 2181, quorum: 2888, election: 3888 };
        assert_eq!(plans[0], first);
        assert_eq!((plans.len(), plans[3].role, plans[3].election), (4, LearnerType::Observer, 3891));
    }

    #[test]
    fn ports_must_exist() {
        assert!(matches!(plan(&args(3, 1, 63_829)), Err(Error::Usage(_))));
        assert!(plan(&args(100, 100, 2181)).is_ok());
    }

    #[test]
    fn a_port_in_use_is_named_before_anything_starts() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let plan = Plan { id: 1, role: LearnerType::Participant, client: port, quorum: 1, election: 1 };
        let error = check_ports(&[plan]).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("client port 127.0.0.1:{port} is already in use by another program")
        );
        assert_eq!(error.exit_code(), crate::error::EXIT_USAGE);
    }

    #[test]
    fn the_generated_configuration_is_one_a_server_takes() {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join("data");
        fs::create_dir_all(&data).unwrap();
        let args = args(3, 1, 2181);
        let plans = plan(&args).unwrap();
        for me in &plans {
            fs::write(data.join("myid"), format!("{}\n", me.id)).unwrap();
            let file = home.path().join("zoo.cfg");
            fs::write(&file, zoo_cfg(&args, &plans, me, home.path())).unwrap();
            let (config, warnings) = ServerConfig::load(&file, Strictness::Strict).unwrap();
            assert_eq!(warnings, vec![]);
            assert_eq!((config.id.0, config.role, config.snap_count), (i64::from(me.id), me.role, 500));
        }
    }
}
