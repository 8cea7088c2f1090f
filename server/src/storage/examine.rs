//! Looks at a data directory without changing it: what is in it, and what a start would make of it.
//!
//! What a start would do is found by letting it do it on an [`Overlay`].

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use quorate_core::ids::{Epoch, Zxid};
use quorate_core::wire::files::{Compression, FileKind};
use quorate_core::wire::state::Snapshot;

use super::config::StorageConfig;
use super::disk::Disk;
use super::epochs::EpochFiles;
use super::error::{During, StorageError};
use super::install::Marker;
use super::overlay::Overlay;
use super::paths::{
    ACCEPTED_EPOCH, CURRENT_EPOCH, INSTALLING, LOCK, Paths, TEMPORARY, TRUNCATE, UNSYNCED, parse_marker,
};
use super::recovery::{PassedOver, Recovered};
use super::{history, recovery};

/// What a file in a data directory is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum What {
    /// A log and the transaction its name says it begins with.
    Log(Zxid),
    /// A snapshot and where its name says it stands.
    Snapshot(Zxid, Compression),
    /// One that storage keeps besides these, in words.
    Known(&'static str),
    /// None that is looked at.
    Other,
}

/// A file in `version-2`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct FoundFile {
    /// The file's path.
    pub(crate) path: PathBuf,
    /// What the file is.
    pub(crate) what: What,
    /// The file's length, in bytes.
    pub(crate) len: u64,
}

/// What a start would make of a directory.
pub(crate) struct Examined<I> {
    /// What it would begin with, without the log after the snapshot.
    pub(crate) recovered: Recovered<I>,
    /// `acceptedEpoch` and `currentEpoch` as they are in their files.
    pub(crate) epochs: (Option<Epoch>, Option<Epoch>),
    /// The last of them, or where the snapshot stands.
    pub(crate) last: Zxid,
    /// The torn snapshots that it would go on without.
    pub(crate) passed_over: Vec<PassedOver>,
    /// The snapshot is one that a first start would make.
    pub(crate) is_empty: bool,
    /// The directory as the start would leave it.
    pub(crate) overlay: Overlay,
}

/// Whether a server runs on these directories.
///
/// # Errors
/// A lock file cannot be read.
pub(crate) fn is_in_use(data_dir: &Path, data_log_dir: &Path) -> Result<bool, StorageError> {
    for dir in [data_dir, data_log_dir] {
        let path = dir.join(LOCK);
        if Overlay::is_locked(&path).during("look at", &path)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The files in both `version-2`, by kind and zxid.
///
/// # Errors
/// A directory cannot be listed. One that is not there has no files.
pub(crate) fn files(data_dir: &Path, data_log_dir: &Path) -> Result<Vec<FoundFile>, StorageError> {
    let paths = Paths::new(data_dir.to_path_buf(), data_log_dir.to_path_buf());
    let disk = Overlay::default();
    let mut found = Vec::new();
    for dir in paths.version_dirs() {
        if !disk.exists(dir).during("look for", dir)? {
            continue;
        }
        let entries = fs::read_dir(dir).during("list", dir)?;
        for entry in entries {
            // A name that is not UTF-8 is none of ours.
            let Ok(name) = entry.during("list", dir)?.file_name().into_string() else { continue };
            let path = dir.join(&name);
            // It may have been removed since.
            let Ok(meta) = path.symlink_metadata() else { continue };
            let what = if meta.is_dir() { What::Other } else { what(&name) };
            let len = path.metadata().map_or(0, |meta| meta.len());
            found.push(FoundFile { path, what, len });
        }
    }
    found.sort_by_key(|file| match file.what {
        What::Snapshot(zxid, _) => (0, zxid, file.path.clone()),
        What::Log(zxid) => (1, zxid, file.path.clone()),
        What::Known(_) => (2, Zxid::ZERO, file.path.clone()),
        What::Other => (3, Zxid::ZERO, file.path.clone()),
    });
    Ok(found)
}

fn what(name: &str) -> What {
    if let Some((zxid, compression)) = FileKind::Snapshot.parse_name(name) {
        return What::Snapshot(zxid, compression);
    }
    if let Some((zxid, _)) = FileKind::Log.parse_name(name) {
        return What::Log(zxid);
    }
    match name {
        ACCEPTED_EPOCH | CURRENT_EPOCH => What::Known("an epoch"),
        UNSYNCED => What::Known("this server does not vote before it has a leader's history"),
        _ if name.starts_with(TEMPORARY) => What::Known("never finished; the next start removes it"),
        _ if name.starts_with(INSTALLING) => What::Known("the log after a leader's snapshot; as that"),
        _ if Marker::parse(name).is_some() => {
            What::Known("a leader's snapshot; the next start finishes its installation")
        }
        _ if parse_marker(TRUNCATE, name).is_some() => {
            What::Known("a truncation of the log; the next start finishes it")
        }
        _ => What::Other,
    }
}

/// What a start would make of a directory. Nothing is changed.
///
/// # Errors
/// Why it would not start.
pub(crate) fn examine<I: Snapshot>(
    config: &StorageConfig,
    blank: &I::Builder,
    initial: impl FnOnce() -> I,
) -> Result<Examined<I>, StorageError> {
    let overlay = Overlay::default();
    let data_log_dir = config.data_log_dir.as_ref().unwrap_or(&config.data_dir);
    let is_empty = !files(&config.data_dir, data_log_dir)?.iter().any(|file| {
        matches!(file.what, What::Log(_) | What::Snapshot(..)) || {
            let name = file.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            Marker::parse(name).is_some()
        }
    });
    let mut last = Zxid::ZERO;
    let opened = recovery::open(&overlay, config, blank, initial, &mut |zxid, _| {
        last = zxid;
    })?;
    let epochs = EpochFiles::read(&Overlay::default(), &opened.paths)?.found();
    let last = last.max(opened.recovered.snapshot.zxid);
    let (recovered, passed_over) = (opened.recovered, opened.passed_over);
    Ok(Examined { recovered, epochs, last, passed_over, is_empty, overlay })
}

/// Give `keep` every transaction after `base`, oldest first.
///
/// # Errors
/// The log has a gap or is damaged.
pub(crate) fn log_after(
    overlay: &Overlay,
    config: &StorageConfig,
    base: Zxid,
    keep: &mut dyn FnMut(Zxid, Bytes),
) -> Result<(), StorageError> {
    let canonical = |dir: &Path| overlay.canonical(dir).during("resolve", dir);
    let data_dir = canonical(&config.data_dir)?;
    let data_log_dir = match &config.data_log_dir {
        Some(dir) => canonical(dir)?,
        None => data_dir.clone(),
    };
    history::read(overlay, &Paths::new(data_dir, data_log_dir), base, keep).map(|_| ())
}
