//! What the commands take that are about servers in the background.

use std::path::PathBuf;

use crate::driver::recorder::RECORD;

/// Which servers a command is about.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ServiceArgs {
    /// The configuration of each server.
    #[arg(required = true)]
    pub(crate) zoo_cfg: Vec<PathBuf>,
    /// The pid file, instead of zookeeper_server.pid in dataDir. One configuration only.
    #[arg(long, value_name = "FILE", env = "ZOOPIDFILE")]
    pub(crate) pid_file: Option<PathBuf>,
}

/// How servers are started.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct StartOptions {
    /// Log to quorate-server-ID.log in this directory, instead of in dataLogDir (or dataDir).
    #[arg(long, value_name = "DIR", env = "ZOO_LOG_DIR")]
    pub(crate) log_dir: Option<PathBuf>,
    /// Write every step down, each server in a file of its own in this directory.
    #[arg(long, value_name = "DIR", env = RECORD)]
    pub(crate) record: Option<PathBuf>,
    /// Fail if a server does not serve after this time. Default: 60 s after start-up for a standalone server
    /// or several servers together. One member of an ensemble gets 5 s, and may wait for a quorum after that.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) wait: Option<u32>,
}

/// How servers are stopped.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct StopOptions {
    /// How long a server may take to end after SIGTERM.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) timeout: u32,
    /// Kill a server that takes longer.
    #[arg(long)]
    pub(crate) force: bool,
}

/// What `quorate restart` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct RestartArgs {
    #[command(flatten)]
    pub(crate) service: ServiceArgs,
    #[command(flatten)]
    pub(crate) stop: StopOptions,
    #[command(flatten)]
    pub(crate) start: StartOptions,
    /// One server after the other, the leader last, each only when the one before serves again.
    #[arg(long)]
    pub(crate) rolling: bool,
}
