//! Which directories a command is about: those of a `zoo.cfg`, or a data directory itself.

use std::io::ErrorKind;
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
                let (dir, named) = (dir.display(), self.place.is_dir());
                return Err(Error::Usage(match place.storage.autocreate_dirs {
                    _ if named => format!("{dir} is not a directory"),
                    true => {
                        format!(
                            "{dir} is not a directory; if nothing is there, a start makes it and begins empty"
                        )
                    }
                    false => {
                        format!("{dir} is not a directory, and a start does not make it (datadir.autocreate)")
                    }
                }));
            }
        }
        Ok(place)
    }

    /// The place, where directories that a `zoo.cfg` names may still have to be made. What the command line
    /// names must be there: a mistyped name would otherwise become a directory.
    ///
    /// # Errors
    /// What is wrong with the `zoo.cfg`; a path that is not there.
    pub(super) fn resolve_new(&self) -> Result<Place, Error> {
        for path in std::iter::once(&self.place).chain(&self.log_dir) {
            if let Err(why) = std::fs::metadata(path) {
                let hint = if why.kind() == ErrorKind::NotFound { neighbour(path) } else { None };
                let hint = hint.map(|name| format!("; did you mean {}?", name.display())).unwrap_or_default();
                return Err(Error::Usage(format!("{}: {why}{hint}", path.display())));
            }
        }
        if self.place.is_dir() { self.of_dir() } else { self.of_file() }
    }

    fn of_file(&self) -> Result<Place, Error> {
        if self.log_dir.is_some() {
            let why = format!("{} says where the logs are: leave --log-dir out", self.place.display());
            return Err(Error::Usage(why));
        }
        let mut found = Directories::load(&self.place)?;
        (found.data_dir, found.data_log_dir) = (whole(found.data_dir), whole(found.data_log_dir));
        let storage = StorageConfig {
            data_log_dir: Some(found.data_log_dir.clone()),
            trust_empty_snapshot: found.trust_empty_snapshot,
            autocreate_db: found.db_autocreate,
            autocreate_dirs: found.autocreate_dirs,
            ..StorageConfig::new(&found.data_dir)
        };
        let Directories { data_dir, data_log_dir, extended_types, members, .. } = found;
        Ok(Place { data_dir, data_log_dir, storage, extended_types, members })
    }

    fn of_dir(&self) -> Result<Place, Error> {
        let data_dir = whole(outer(&self.place));
        let data_log_dir = self.log_dir.as_deref().map_or_else(|| data_dir.clone(), |dir| whole(outer(dir)));
        let storage =
            StorageConfig { data_log_dir: Some(data_log_dir.clone()), ..StorageConfig::new(&data_dir) };
        Ok(Place { data_dir, data_log_dir, storage, extended_types: false, members: Vec::new() })
    }
}

/// The directory from the root on, without links: what is found must not depend on how it was written.
fn whole(dir: PathBuf) -> PathBuf {
    dir.canonicalize().or_else(|_| std::path::absolute(&dir)).unwrap_or(dir)
}

/// A file or directory beside the one that is not there, with a similar name.
fn neighbour(path: &Path) -> Option<PathBuf> {
    let wanted = path.file_name()?.to_string_lossy().into_owned();
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    let names = std::fs::read_dir(parent.unwrap_or(Path::new("."))).ok()?.filter_map(Result::ok);
    let near = names.filter_map(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        let distance = strsim::damerau_levenshtein(&wanted, &name);
        (distance <= 2).then_some((distance, name))
    });
    near.min().map(|(_, name)| path.with_file_name(name))
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
