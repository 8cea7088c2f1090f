//! One server of a command, and what is said about it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::args::ServiceArgs;
use super::{pid_file, probe, process};
use crate::config::{ConfigErrors, ServerConfig, Strictness};
use crate::error::{EXIT_USAGE, Error, system};
use crate::output;
use crate::service::holder::{Holder, holder};
use crate::service::probe::{Health, health_over};
use crate::tls::Context;

/// The exit code of a command that has done all it was asked to.
pub(super) const DONE: u8 = 0;

/// The exit code if some server is not in the state that was asked for.
pub(super) const FAILED: u8 = 1;

/// One server, as its configuration describes it.
#[derive(Debug)]
pub(super) struct Instance {
    /// The configuration file, absolute and without links.
    pub(super) zoo_cfg: PathBuf,
    pub(super) config: ServerConfig,
    /// Where its process id is kept while it runs in the background.
    pub(super) pid_file: PathBuf,
}

impl Instance {
    pub(super) fn load(zoo_cfg: &Path, pid_file: Option<&Path>) -> Result<Instance, ConfigErrors> {
        let (config, _) = ServerConfig::load(zoo_cfg, Strictness::AsTheFileSays)?;
        let zoo_cfg = zoo_cfg.canonicalize().unwrap_or_else(|_| zoo_cfg.to_owned());
        let pid_file = pid_file.map_or_else(|| config.data_dir.join(pid_file::NAME), Path::to_owned);
        Ok(Instance { zoo_cfg, config, pid_file })
    }

    /// All of them, or everything that is wrong with any of them.
    pub(super) fn load_all(args: &ServiceArgs) -> Result<Vec<Instance>, Error> {
        let (instances, wrong) = Instance::load_good(args)?;
        if wrong.0.is_empty() { Ok(instances) } else { Err(wrong.into()) }
    }

    /// Those that can be read, and everything that is wrong with the others.
    pub(super) fn load_good(args: &ServiceArgs) -> Result<(Vec<Instance>, ConfigErrors), Error> {
        if args.pid_file.is_some() && args.zoo_cfg.len() > 1 {
            return Err(Error::Usage(
                "--pid-file names the file of one server; give one configuration".into(),
            ));
        }
        let mut wrong = Vec::new();
        let mut instances: Vec<Instance> = Vec::new();
        for zoo_cfg in &args.zoo_cfg {
            match Instance::load(zoo_cfg, args.pid_file.as_deref()) {
                Ok(instance) => instances.push(instance),
                Err(errors) => wrong.extend(errors.0),
            }
        }
        let mut data_dirs: BTreeMap<&Path, &Path> = BTreeMap::new();
        for Instance { zoo_cfg, config, .. } in &instances {
            if let Some(other) = data_dirs.insert(&config.data_dir, zoo_cfg) {
                return Err(Error::Usage(format!(
                    "{} and {} have the same dataDir, {}",
                    other.display(),
                    zoo_cfg.display(),
                    config.data_dir.display()
                )));
            }
        }
        Ok((instances, ConfigErrors(wrong)))
    }

    /// The process that runs it in the background.
    pub(super) fn running(&self) -> Result<Option<i32>, Error> {
        let pid = pid_file::read(&self.pid_file).map_err(system("reading the pid file"))?;
        Ok(pid.filter(|pid| process::runs(*pid, &self.zoo_cfg, &self.config.data_dir)))
    }

    /// Whatever server runs on its data directory.
    pub(super) fn holder(&self) -> Result<Option<Holder>, Error> {
        Ok(holder(&self.config.data_dir, &self.config.data_log_dir)?)
    }

    /// Where clients reach it, if it takes any.
    pub(super) fn client(&self) -> Option<(String, u16)> {
        let config = &self.config;
        config.client.as_ref().or(config.tls.secure_client.as_ref()).map(probe::reachable)
    }

    /// How the server at its own client port is. One that takes clients with TLS only is asked with its own
    /// keys.
    pub(super) fn ask(&self, host: &str, port: u16) -> Health {
        let tls = self.config.tls.client.as_ref().filter(|_| self.config.client.is_none());
        let client = tls.and_then(|settings| Context::load(settings).ok()).map(|context| context.client);
        health_over(host, port, client.as_ref())
    }

    pub(super) fn health(&self) -> Option<Health> {
        self.client().map(|(host, port)| self.ask(&host, port))
    }
}

/// One line about a server.
pub(super) fn say(instance: &Instance, text: &str) {
    output::say(&format!("{}: {text}", instance.zoo_cfg.display()));
}

/// One line about a server that is not as it was asked to be.
pub(super) fn complain(instance: &Instance, text: &str) {
    output::complain(&format!("{}: {text}", instance.zoo_cfg.display()));
}

/// Say what is wrong with some of the configurations; the exit code that follows from that.
pub(super) fn complain_of(wrong: &ConfigErrors) -> u8 {
    for mistake in &wrong.0 {
        output::complain(&mistake.to_string());
    }
    if wrong.0.is_empty() { DONE } else { EXIT_USAGE }
}
