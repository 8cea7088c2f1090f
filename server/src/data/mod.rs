//! `quorate data`: what operators do with a server's files.

mod output;
mod place;
mod purge;

use clap::Subcommand;

use crate::error::Error;

/// What can be done with a data directory.
#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Remove old snapshots and the logs that only they need, as zkCleanup.sh does. The server must not
    /// run: a running one purges itself (autopurge.purgeInterval).
    Purge(purge::PurgeArgs),
}

impl DataCommand {
    /// Do it; returns the exit code.
    ///
    /// # Errors
    /// Why it cannot be done.
    pub(crate) fn run(&self) -> Result<u8, Error> {
        match self {
            DataCommand::Purge(args) => purge::run(args).map(|()| 0),
        }
    }
}
