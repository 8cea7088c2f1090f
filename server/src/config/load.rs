//! From a file's name to a configuration, or to everything that is wrong with the file.

use std::path::Path;

use super::error::{ConfigErrors, Mistake, Warning};
use super::meaning;
use super::server_config::{ServerConfig, Strictness};
use super::typed::Typed;

impl ServerConfig {
    /// Read a `zoo.cfg`, the dynamic file it names and the `myid` file.
    ///
    /// # Errors
    /// Every mistake in them, with file, line and key.
    pub fn load(file: &Path, strictness: Strictness) -> Result<(ServerConfig, Vec<Warning>), ConfigErrors> {
        let (config, typed) = ServerConfig::understand(file, strictness);
        match config {
            Some(config) if typed.errors.is_empty() => Ok((config, typed.warnings)),
            _ => Err(ConfigErrors(typed.errors)),
        }
    }

    /// What can be understood of a file, and everything there is to say about it.
    pub(super) fn understand(file: &Path, strictness: Strictness) -> (Option<ServerConfig>, Typed) {
        let mut typed = Typed::read(file);
        if typed.errors.iter().any(|e| matches!(e.kind, Mistake::Unreadable(_) | Mistake::BadEscape)) {
            return (None, typed);
        }
        let config = meaning::mean(&mut typed);
        if strictness == Strictness::Strict || typed.boolean("strict") {
            typed.refuse_ignored();
        }
        (config, typed)
    }
}
