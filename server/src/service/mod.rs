//! `quorate start|stop|restart|status`: servers in the background, one or several at once, each
//! known by its configuration. The counterpart of `zkServer.sh`, with the same pid file.

mod announce;
pub(crate) mod args;
mod holder;
mod instance;
mod log_file;
mod pid_file;
mod probe;
mod process;
mod reload;
mod rolling;
mod start;
mod status;
mod stop;

use crate::error::Error;
use crate::logging::LogOptions;
use args::RestartArgs;
use instance::{DONE, Instance};

pub(crate) use announce::{Announcer, Progress};
pub(crate) use log_file::LogFile;
pub(crate) use probe::{Health, health, health_over};
pub(crate) use reload::reload;
pub(crate) use start::start;
pub(crate) use status::status;
pub(crate) use stop::stop;

/// Stop and start: all of them, or one after the other so that the ensemble goes on serving.
///
/// # Errors
/// A configuration that no server can start with; then none is stopped.
pub(crate) fn restart(args: &RestartArgs, log: &LogOptions) -> Result<u8, Error> {
    let instances = Instance::load_all(&args.service)?;
    if args.rolling {
        return rolling::restart(instances, args, log);
    }
    let stopped = stop::stop_all(&instances, &args.stop);
    if stopped == DONE { start(&args.service, &args.start, log) } else { Ok(stopped) }
}
