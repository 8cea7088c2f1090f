//! A configuration file that is read again while its server runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::error::{ConfigErrors, Warning};
use super::keys::name;
use super::typed::Typed;
use super::{ServerConfig, Strictness};

/// The keys that a running server follows.
pub(crate) const FOLLOWED: &[&str] = &[
    name::FOUR_LETTER_WHITELIST,
    name::AUTOPURGE_PURGE_INTERVAL,
    name::AUTOPURGE_SNAP_RETAIN_COUNT,
    name::GLOBAL_OUTSTANDING_LIMIT,
    name::MAX_CLIENT_CNXNS,
    name::MAX_CNXNS,
    name::NIO_SESSIONLESS_CNXN_TIMEOUT,
    name::QUORATE_CLIENT_MEMORY,
    name::QUORATE_LOG,
    name::QUORATE_SLOW_REQUEST,
];

/// Reads the file again.
#[derive(Debug)]
pub(crate) struct Reloader {
    file: PathBuf,
    strictness: Strictness,
    /// The values that are in force, or that were told to wait for a start.
    known: Mutex<BTreeMap<String, String>>,
}

/// What has changed since the file was read last.
#[derive(Debug)]
pub(crate) struct Changes {
    /// All of it. Only the keys in `followed` are to be taken from it.
    pub(crate) config: ServerConfig,
    /// Keys that a running server follows.
    pub(crate) followed: Vec<String>,
    /// Keys that need a start.
    pub(crate) later: Vec<String>,
    /// Advice.
    pub(crate) warnings: Vec<Warning>,
}

impl Reloader {
    /// A file that was read already.
    pub(crate) fn new(file: &Path, strictness: Strictness) -> Reloader {
        let known = Mutex::new(Typed::read(file).texts());
        Reloader { file: file.to_owned(), strictness, known }
    }

    /// Read the file again. A file with mistakes changes nothing.
    ///
    /// # Errors
    /// Every mistake, as at a start.
    pub(crate) fn read(&self) -> Result<Changes, ConfigErrors> {
        let (config, warnings) = ServerConfig::load(&self.file, self.strictness)?;
        let new = Typed::read(&self.file).texts();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = known.keys().chain(new.keys()).collect::<std::collections::BTreeSet<_>>();
        let changed = keys.into_iter().filter(|key| known.get(*key) != new.get(*key)).cloned();
        let (followed, later) = changed.partition(|key| FOLLOWED.contains(&key.as_str()));
        *known = new;
        Ok(Changes { config, followed, later, warnings })
    }
}

impl Changes {
    /// The line in the log.
    pub(crate) fn summary(&self) -> String {
        let list = |keys: &[String]| if keys.is_empty() { "nothing".to_owned() } else { keys.join(", ") };
        format!(
            "configuration read again: changed now: {}; needs a restart: {}",
            list(&self.followed),
            list(&self.later)
        )
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_changed_is_told_apart_and_a_broken_file_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("zoo.cfg");
        let write = |lines: &str| {
            let text = format!("dataDir={}\nclientPort=2181\n{lines}", dir.path().display());
            fs::write(&file, text).unwrap();
        };
        write("tickTime=2000\nmaxCnxns=5\n");
        let reloader = Reloader::new(&file, Strictness::AsTheFileSays);
        let keys = |changes: &Changes| (changes.followed.join(" "), changes.later.join(" "));
        assert_eq!(keys(&reloader.read().unwrap()), (String::new(), String::new()));
        write("tickTime=3000\nmaxCnxns=6\nmaxClientCnxns=7\n");
        let changes = reloader.read().unwrap();
        assert_eq!(keys(&changes), ("maxClientCnxns maxCnxns".to_owned(), "tickTime".to_owned()));
        assert_eq!((changes.config.max_cnxns, changes.config.max_client_cnxns), (6, 7));
        write("tickTime=soon\nmaxCnxns=8\n");
        assert!(reloader.read().is_err());
        // A key that is gone has its default again.
        write("tickTime=3000\nmaxCnxns=8\n");
        let changes = reloader.read().unwrap();
        assert_eq!(keys(&changes), ("maxClientCnxns maxCnxns".to_owned(), String::new()));
        assert_eq!(changes.config.max_client_cnxns, 60);
    }

    #[test]
    fn every_key_that_is_followed_is_a_key() {
        assert!(FOLLOWED.iter().all(|key| super::super::keys::lookup(key).is_some()));
    }
}
