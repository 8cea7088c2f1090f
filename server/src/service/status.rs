//! `quorate status`: what each server says of itself.

use super::args::ServiceArgs;
use super::holder::Holder;
use super::instance::{DONE, FAILED, Instance, complain, complain_of, say};
use super::probe::Health;
use crate::error::Error;
use crate::output;

/// Print the mode of every server. All must serve for a success.
///
/// # Errors
/// Arguments that contradict each other.
pub(crate) fn status(args: &ServiceArgs) -> Result<u8, Error> {
    let (instances, wrong) = Instance::load_good(args)?;
    let mut code = complain_of(&wrong);
    for instance in &instances {
        if let Err(why) = show(instance) {
            complain(instance, &why);
            code = if code == DONE { FAILED } else { code };
        }
    }
    Ok(code)
}

fn show(instance: &Instance) -> Result<(), String> {
    let process = match (instance.running(), instance.holder()) {
        (Ok(Some(pid)), _) => format!(" (process {pid})"),
        (Ok(None), Ok(Some(Holder::Unknown))) => " (a process that is not known here)".to_owned(),
        (Ok(None), Ok(Some(holder))) => holder.suffix(),
        (Ok(None), Ok(None)) => String::new(),
        (Err(why), _) | (_, Err(why)) => return Err(why.to_string()),
    };
    let Some((host, port)) = instance.client() else {
        return Err(match process.as_str() {
            "" => "is not running in the background, and has no client port to ask at".to_owned(),
            process => format!("runs{process}, but has no client port to ask at"),
        });
    };
    say(instance, &format!("client port {port}, address {host}{process}"));
    match instance.ask(&host, port) {
        Health::Serves(mode) => {
            output::say(&format!("Mode: {mode}"));
            Ok(())
        }
        Health::NotServing => Err(format!("is up{process}, but does not serve: it knows no leader")),
        Health::Strange(line) => Err(format!("something else answers at {host}:{port}: {line:?}")),
        Health::Silent(why) if process.is_empty() => Err(format!("is not running: {host}:{port}: {why}")),
        Health::Silent(why) => Err(format!("runs{process}, but does not answer at {host}:{port}: {why}")),
    }
}
