//! Which directories a command is about: those of a `zoo.cfg`, or a data directory itself.

use std::path::{Path, PathBuf};

use crate::config::Directories;
use crate::error::Error;
use crate::storage::{StorageConfig, VERSION_DIR};

/// What `quorate data …` takes.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct PlaceArgs {
    /// A server's zoo.cfg, or its dataDir.
    #[arg(value_name = "DIR|ZOO_CFG")]
    place: PathBuf,
    /// The dataLogDir, if it is not the dataDir; a zoo.cfg says it itself.
    #[arg(long, value_name = "DIR")]
    log_dir: Option<PathBuf>,
}

/// Where a server's data is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Place {
    /// `dataDir`.
    pub(super) data_dir: PathBuf,
    /// `dataLogDir`.
    pub(super) data_log_dir: PathBuf,
    /// What a `zoo.cfg` says of them.
    pub(super) storage: StorageConfig,
    /// Whether there may be TTL znodes.
    pub(super) extended_types: bool,
    /// The ids of the members, if a `zoo.cfg` was named.
    pub(super) members: Vec<i64>,
}

impl PlaceArgs {
    /// Find the directories.
    ///
    /// # Errors
    /// What is wrong with the `zoo.cfg`; a directory that is not there.
    pub(super) fn resolve(&self) -> Result<Place, Error> {
        let place = self.resolve_new()?;
        for dir in [&place.data_dir, &place.data_log_dir] {
            if !dir.is_dir() {
                return Err(Error::Usage(format!("{} is not a directory", dir.display())));
            }
        }
        Ok(place)
    }

    /// The same for directories that may still have to be made.
    ///
    /// # Errors
    /// What is wrong with the `zoo.cfg`.
    pub(super) fn resolve_new(&self) -> Result<Place, Error> {
        if self.place.is_file() { self.of_file() } else { self.of_dir() }
    }

    fn of_file(&self) -> Result<Place, Error> {
        if self.log_dir.is_some() {
            let why = format!("{} says where the logs are: leave --log-dir out", self.place.display());
            return Err(Error::Usage(why));
        }
        let found = Directories::load(&self.place)?;
        let storage = StorageConfig {
            data_log_dir: Some(found.data_log_dir.clone()),
            trust_empty_snapshot: found.trust_empty_snapshot,
            autocreate_db: found.db_autocreate,
            ..StorageConfig::new(&found.data_dir)
        };
        let Directories { data_dir, data_log_dir, extended_types, members, .. } = found;
        Ok(Place { data_dir, data_log_dir, storage, extended_types, members })
    }

    fn of_dir(&self) -> Result<Place, Error> {
        let data_dir = outer(&self.place);
        let data_log_dir = self.log_dir.as_deref().map_or_else(|| data_dir.clone(), outer);
        let storage =
            StorageConfig { data_log_dir: Some(data_log_dir.clone()), ..StorageConfig::new(&data_dir) };
        Ok(Place { data_dir, data_log_dir, storage, extended_types: false, members: Vec::new() })
    }
}

/// The directory that `version-2` is in, if it was named instead.
fn outer(dir: &Path) -> PathBuf {
    let inner = dir.file_name().is_some_and(|name| name == VERSION_DIR) && !dir.join(VERSION_DIR).exists();
    match dir.parent() {
        Some(parent) if inner && parent == Path::new("") => PathBuf::from("."),
        Some(parent) if inner => parent.to_path_buf(),
        _ => dir.to_path_buf(),
    }
}
