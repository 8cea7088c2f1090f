//! `quorate stop`: asks servers to end and waits until they have.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::args::{ServiceArgs, StopOptions};
use super::holder::Holder;
use super::instance::{DONE, FAILED, Instance, complain, complain_of, say};
use super::probe::Health;
use super::process;
use crate::error::{Error, system};

/// How long the system may take to end a process that is killed.
const KILL_LIMIT: Duration = Duration::from_secs(5);

/// End every server that runs in the background: all are asked first, then waited for. One whose
/// configuration cannot be read does not keep the others: it says where the pid file is.
///
/// # Errors
/// Arguments that contradict each other; then none is stopped.
pub(crate) fn stop(service: &ServiceArgs, options: &StopOptions) -> Result<u8, Error> {
    let (instances, wrong) = Instance::load_good(service)?;
    let code = complain_of(&wrong);
    let stopped = stop_all(&instances, options);
    Ok(if stopped == DONE { code } else { stopped })
}

/// Stop servers for configurations that are read already.
pub(super) fn stop_all(instances: &[Instance], options: &StopOptions) -> u8 {
    let mut code = DONE;
    let mut asked = Vec::new();
    for instance in instances {
        match ask(instance) {
            Ok(Some(pid)) => asked.push((instance, pid)),
            Ok(None) => {}
            Err(why) => {
                complain(instance, &why.to_string());
                code = FAILED;
            }
        }
    }
    let deadline = Instant::now() + Duration::from_secs(options.timeout.into());
    for (instance, pid) in asked {
        if let Err(why) = finish(instance, pid, deadline, options) {
            complain(instance, &why.to_string());
            code = FAILED;
        }
    }
    code
}

/// Send SIGTERM to the process of the pid file, if there is one.
fn ask(instance: &Instance) -> Result<Option<i32>, Error> {
    if let Some(pid) = instance.running()? {
        process::signal(pid, Signal::TERM).map_err(system("sending SIGTERM"))?;
        return Ok(Some(pid));
    }
    let answers = matches!(instance.health(), Some(Health::Serves(_) | Health::NotServing));
    let holder = instance.holder()?;
    if answers || holder.is_some() {
        let (data_dir, pid_file) = (instance.config.data_dir.display(), instance.pid_file.display());
        let what =
            if answers { "a server answers".to_owned() } else { format!("a server runs on {data_dir}") };
        let process = holder.map(Holder::suffix).unwrap_or_default();
        return Err(Error::Service(format!(
            "{what}{process}, but {pid_file} does not name its process: it was not started by `quorate start`, or \
             with another pid file"
        )));
    }
    forget(instance);
    say(instance, "is not running");
    Ok(None)
}

fn finish(instance: &Instance, pid: i32, deadline: Instant, options: &StopOptions) -> Result<(), Error> {
    let mut how = "stopped";
    if !process::gone_by(pid, deadline) {
        if !options.force {
            return Err(Error::Service(format!(
                "process {pid} has not ended {} s after SIGTERM; --force kills it, which loses nothing that \
                 was acknowledged",
                options.timeout
            )));
        }
        process::signal(pid, Signal::KILL).map_err(system("sending SIGKILL"))?;
        if !process::gone_by(pid, Instant::now() + KILL_LIMIT) {
            return Err(Error::Service(format!("process {pid} cannot be killed: it waits for the system")));
        }
        how = "killed";
    }
    forget(instance);
    say(instance, &format!("{how} (process {pid})"));
    Ok(())
}

/// Remove the pid file; a stale one does no harm.
fn forget(instance: &Instance) {
    let _ = std::fs::remove_file(&instance.pid_file);
}
