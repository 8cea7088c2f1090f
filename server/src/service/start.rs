//! `quorate start`: launches servers and returns when they are there, or says why they are not.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::announce::Progress;
use super::args::{ServiceArgs, StartOptions};
use super::holder::Holder;
use super::instance::{DONE, FAILED, Instance, complain, say};
use super::log_file::LogFile;
use super::pid_file::Claim;
use super::process;
use crate::driver::recorder::RECORD;
use crate::error::{Error, system};
use crate::logging::LogOptions;
use crate::storage::StorageError;

/// How long is waited for a server that is up to serve, if nothing is said. A whole ensemble (or a server
/// that is alone) has to elect. A single member may have to wait for the others' operators.
pub(super) const ALL_LIMIT: Duration = Duration::from_secs(60);
const ONE_LIMIT: Duration = Duration::from_secs(5);
/// How long a process may take to let go of its files after it has ended.
const ENDING: Duration = Duration::from_secs(1);

/// A server that was launched here.
struct Launched<'a> {
    instance: &'a Instance,
    child: Child,
    claim: Claim,
    log: LogFile,
    progress: Option<Progress>,
    /// The members that it waits for, in its own words.
    waits: String,
}

/// What a server's pipe gives.
enum News {
    Progress(usize, Progress),
    /// The other end is closed: the process has ended.
    Ended(usize),
}

/// Launch every server that does not run, and wait for all of them.
///
/// # Errors
/// A configuration that no server can start with; then none is started.
pub(crate) fn start(service: &ServiceArgs, options: &StartOptions, log: &LogOptions) -> Result<u8, Error> {
    let instances = Instance::load_all(service)?;
    start_all(&instances, options, log, options.wait.map(|s| Duration::from_secs(s.into())))
}

/// Start servers for configurations that are read already. With `must_serve` every server must serve within
/// that time.
pub(super) fn start_all(
    instances: &[Instance],
    options: &StartOptions,
    log: &LogOptions,
    must_serve: Option<Duration>,
) -> Result<u8, Error> {
    let logs = log_paths(instances, options)?;
    let mut code = DONE;
    let mut launched = Vec::new();
    let (teller, news) = channel();
    for (instance, log_path) in instances.iter().zip(&logs) {
        match launch(instance, log_path.clone(), options, log) {
            Ok(server) => launched.push(server),
            Err(why) => {
                complain(instance, &why.to_string());
                code = FAILED;
            }
        }
    }
    for (index, server) in launched.iter_mut().enumerate() {
        if let Some(out) = server.child.stdout.take() {
            let teller = teller.clone();
            thread::spawn(move || listen(index, out, &teller));
        }
    }
    drop(teller);
    let whole = instances.len() > 1 || instances.iter().all(|i| i.config.is_standalone());
    let limit = must_serve.unwrap_or(if whole { ALL_LIMIT } else { ONE_LIMIT });
    let ended = wait(&mut launched, &news, limit, options.wait.is_some());
    for (index, status) in &ended {
        let Launched { instance, log, .. } = &launched[*index];
        let tail = log.tail();
        complain(instance, &format!("{}; its log, {}, ends:\n{tail}", how(*status), log.path.display()));
        code = if code == DONE { exit_code(*status) } else { code };
    }
    for (index, server) in launched.into_iter().enumerate() {
        if ended.contains_key(&index) {
            // If it cannot be removed the next start will see that its process is gone.
            let _ = server.claim.remove();
        } else if !report(&server, limit, whole || must_serve.is_some()) && code == DONE {
            code = FAILED;
        }
    }
    Ok(code)
}

/// One log per server, by its name in the directory of the command or of the configuration.
fn log_paths(instances: &[Instance], options: &StartOptions) -> Result<Vec<PathBuf>, Error> {
    let mut taken: BTreeMap<PathBuf, &Instance> = BTreeMap::new();
    let mut paths = Vec::new();
    for instance in instances {
        let directory = options.log_dir.as_ref().unwrap_or(&instance.config.data_log_dir);
        let path = directory.join(format!("quorate-server-{}.log", instance.config.id));
        if let Some(other) = taken.insert(path.clone(), instance) {
            return Err(Error::Usage(format!(
                "{} and {} would both log to {}: start them with different --log-dir",
                other.zoo_cfg.display(),
                instance.zoo_cfg.display(),
                path.display()
            )));
        }
        paths.push(path);
    }
    Ok(paths)
}

fn launch<'a>(
    instance: &'a Instance,
    log_path: PathBuf,
    options: &StartOptions,
    log: &LogOptions,
) -> Result<Launched<'a>, Error> {
    let refused = |text: String| Err(Error::Service(text));
    // The pid file and the log would make them.
    let (config, dirs) = (&instance.config, [&instance.config.data_dir, &instance.config.data_log_dir]);
    if let Some(path) = dirs.into_iter().find(|dir| !config.files.autocreate_dirs && !dir.is_dir()) {
        return Err(StorageError::NoDirectory { path: path.clone() }.into());
    }
    let Some(mut claim) = Claim::take(&instance.pid_file).map_err(system("writing the pid file"))? else {
        return refused("is being started already".to_owned());
    };
    let named = claim.pid().map_err(system("reading the pid file"))?;
    if let Some(pid) = named.filter(|pid| process::runs(*pid, &instance.zoo_cfg, &instance.config.data_dir)) {
        return refused(format!("already running as process {pid}"));
    }
    if let Some(holder) = lasting_holder(instance)? {
        // The pid file may name that very server; what this start has made of it goes again.
        if named.is_none() {
            let _ = claim.remove();
        }
        return refused(format!(
            "a server runs on {} already{}, and {} does not name it: it was not started by `quorate start`, or \
             with another pid file",
            instance.config.data_dir.display(),
            holder.suffix(),
            instance.pid_file.display()
        ));
    }
    if let Some(pid) = named {
        say(instance, &format!("process {pid} of the pid file is gone; starting anew"));
    }
    let (log_file, stderr) = LogFile::open(&log_path)
        .map_err(|why| Error::Service(format!("{} cannot be written: {why}", log_path.display())))?;
    let program = std::env::current_exe().map_err(system("finding this program"))?;
    let child = Command::new(program)
        .args(log.arguments())
        .args(["server", "--background"])
        .arg(&instance.zoo_cfg)
        .envs(options.record.iter().map(|dir| (RECORD, dir)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .map_err(system("starting a server"))?;
    claim.write(child.id()).map_err(system("writing the pid file"))?;
    Ok(Launched { instance, child, claim, log: log_file, progress: None, waits: String::new() })
}

/// The server on this data directory. One that is not known by its number may be about to be gone: a
/// process that was killed just now.
fn lasting_holder(instance: &Instance) -> Result<Option<Holder>, Error> {
    let until = Instant::now() + ENDING;
    loop {
        match instance.holder()? {
            Some(Holder::Unknown) if Instant::now() < until => thread::sleep(Duration::from_millis(10)),
            holder => return Ok(holder),
        }
    }
}

fn listen(index: usize, out: ChildStdout, teller: &Sender<News>) {
    for line in BufReader::new(out).lines().map_while(Result::ok) {
        if let Some(progress) = Progress::from_line(&line) {
            let _ = teller.send(News::Progress(index, progress));
        }
    }
    let _ = teller.send(News::Ended(index));
}

/// Wait until every server serves or has ended. They may take `limit` for that. The time until they are up
/// counts only if `strictly`: there may be a lot of data to read. Answers with those that have ended.
fn wait(
    launched: &mut [Launched<'_>],
    news: &Receiver<News>,
    limit: Duration,
    strictly: bool,
) -> BTreeMap<usize, ExitStatus> {
    let mut ended = BTreeMap::new();
    let mut deadline = Instant::now() + limit;
    loop {
        let pending = |(index, server): (usize, &Launched<'_>)| {
            !ended.contains_key(&index) && !matches!(server.progress, Some(Progress::Serves(_)))
        };
        if !launched.iter().enumerate().any(pending) {
            return ended;
        }
        let all_up =
            (launched.iter().enumerate()).all(|(i, s)| s.progress.is_some() || ended.contains_key(&i));
        let heard = if strictly || all_up {
            news.recv_timeout(deadline.saturating_duration_since(Instant::now()))
        } else {
            news.recv().map_err(|_| RecvTimeoutError::Disconnected)
        };
        match heard {
            Ok(News::Progress(index, Progress::Waits(members))) => launched[index].waits = members,
            Ok(News::Progress(index, progress)) => {
                if progress == Progress::Up && !strictly {
                    deadline = Instant::now() + limit;
                }
                launched[index].progress = Some(progress);
            }
            Ok(News::Ended(index)) => {
                if let Ok(status) = launched[index].child.wait() {
                    ended.insert(index, status);
                }
            }
            Err(_) => return ended,
        }
    }
}

/// Say how a server that runs has come up; whether that is what was asked for.
fn report(server: &Launched<'_>, limit: Duration, must_serve: bool) -> bool {
    let Launched { instance, child, progress, log, waits, .. } = server;
    let waits = if waits.is_empty() { String::new() } else { format!("; not connected: {waits}") };
    let (pid, seconds) = (child.id(), limit.as_secs());
    let at = instance.client().map(|(host, port)| format!(" at {host}:{port}")).unwrap_or_default();
    match progress {
        Some(Progress::Serves(mode)) => {
            say(instance, &format!("started as process {pid}, {mode}{at}"));
            return true;
        }
        Some(Progress::Up | Progress::Waits(_)) if !must_serve => {
            say(instance, &format!("started as process {pid}; it waits for a quorum{at}{waits}"));
            return true;
        }
        Some(Progress::Up | Progress::Waits(_)) => complain(
            instance,
            &format!("process {pid} is up, but does not serve after {seconds} s: no quorum{at}{waits}"),
        ),
        None => complain(
            instance,
            &format!(
                "process {pid} is not up after {seconds} s; it goes on, and its log, {}, ends:\n{}",
                log.path.display(),
                log.tail()
            ),
        ),
    }
    false
}

fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("did not start: it ended with exit code {code}"),
        (None, Some(signal)) => format!("did not start: it was ended by signal {signal}"),
        (None, None) => "did not start".to_owned(),
    }
}

fn exit_code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).filter(|code| *code != DONE).unwrap_or(FAILED)
}
