//! What operators do with a server's files: `quorate data`, `quorate log`, `quorate snapshot`.

mod check;
mod initialize;
mod log;
mod place;
mod purge;
mod show;
mod snapshot;

use clap::Subcommand;

pub(crate) use self::log::LogCommand;
pub(crate) use self::snapshot::SnapshotCommand;
use crate::error::Error;

/// What can be done with a data directory.
#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Say what is in a data directory, whether it is in order, and what a start would recover. Nothing is
    /// changed, and a server may run meanwhile. Exit code 0: in order. Exit code 1: something is damaged that
    /// a start does not need. Exit code 3: a server would not start, with the place and what to do.
    Check(check::CheckArgs),
    /// Make the directories of a new server, its `myid`, and the file `initialize`, as
    /// zkServer-initialize.sh does.
    Initialize(initialize::InitializeArgs),
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
            DataCommand::Check(args) => check::run(args),
            DataCommand::Initialize(args) => initialize::run(args).map(|()| 0),
            DataCommand::Purge(args) => purge::run(args).map(|()| 0),
        }
    }
}
