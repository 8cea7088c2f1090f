//! `quorate reload`: asks servers to read their configuration again.

use rustix::process::Signal;

use super::args::ServiceArgs;
use super::instance::{FAILED, Instance, complain, complain_of, say};
use super::process;
use crate::error::{Error, system};

/// Send SIGHUP to every server that runs in the background. What changed is in each server's log.
///
/// # Errors
/// Arguments that contradict each other; then none is asked.
pub(crate) fn reload(service: &ServiceArgs) -> Result<u8, Error> {
    let (instances, wrong) = Instance::load_good(service)?;
    let mut code = complain_of(&wrong);
    for instance in &instances {
        match ask(instance) {
            Ok(Some(pid)) => say(instance, &format!("reads its configuration again (process {pid})")),
            Ok(None) => {
                complain(instance, "is not running");
                code = FAILED;
            }
            Err(why) => {
                complain(instance, &why.to_string());
                code = FAILED;
            }
        }
    }
    Ok(code)
}

fn ask(instance: &Instance) -> Result<Option<i32>, Error> {
    let Some(pid) = instance.running()? else { return Ok(None) };
    process::signal(pid, Signal::HUP).map_err(system("sending SIGHUP"))?;
    Ok(Some(pid))
}
