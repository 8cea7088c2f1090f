//! Which process uses a data directory. A server keeps a lock on it while it runs; a pid file may be lost,
//! stale, or that of another configuration.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::storage::{LOCK, StorageError, is_in_use};

/// A live server on a data directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Holder {
    /// The process with this id.
    Process(i32),
    /// A process that the system does not name: in another container, most likely.
    Unknown,
}

impl Holder {
    /// ` (process 17)`, or nothing.
    pub(super) fn suffix(self) -> String {
        match self {
            Holder::Process(pid) => format!(" (process {pid})"),
            Holder::Unknown => String::new(),
        }
    }
}

/// The server that runs on these directories, if one does.
///
/// # Errors
/// A lock file is there and cannot be looked at.
pub(super) fn holder(data_dir: &Path, data_log_dir: &Path) -> Result<Option<Holder>, StorageError> {
    if !is_in_use(data_dir, data_log_dir)? {
        return Ok(None);
    }
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    let pid = [data_dir, data_log_dir].into_iter().find_map(|dir| {
        let inode = fs::metadata(dir.join(LOCK)).ok()?.ino();
        owner(&locks, inode).filter(|pid| super::process::is_server(*pid))
    });
    Ok(Some(pid.map_or(Holder::Unknown, Holder::Process)))
}

/// The process with the exclusive lock on a file, by the text of `/proc/locks`:
/// `1: FLOCK  ADVISORY  WRITE 4711 08:01:131 0 EOF`.
fn owner(locks: &str, inode: u64) -> Option<i32> {
    locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, "WRITE", pid, place, ..] = words.as_slice() else { return None };
        let same = place.rsplit(':').next()?.parse() == Ok(inode);
        pid.parse().ok().filter(|pid| same && *pid > 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_of_a_lock_is_found_by_its_file() {
        let locks = "1: POSIX  ADVISORY  WRITE 7 00:31:131 0 EOF\n2: FLOCK  ADVISORY  WRITE 4711 08:01:131 0 EOF\n\
                     2: -> FLOCK  ADVISORY  WRITE 12 08:01:131 0 EOF\n3: FLOCK  ADVISORY  WRITE 0 08:01:9 0 EOF\n";
        assert_eq!(owner(locks, 131), Some(4711));
        assert_eq!(owner(locks, 9), None, "a process of another container has no number here");
        assert_eq!(owner(locks, 8), None);
        assert_eq!(owner("", 131), None);
    }

    #[test]
    fn a_directory_without_a_lock_is_free() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(holder(dir.path(), dir.path()).unwrap(), None);
        fs::write(dir.path().join(LOCK), "").unwrap();
        assert_eq!(holder(dir.path(), dir.path()).unwrap(), None);
        let lock = fs::File::open(dir.path().join(LOCK)).unwrap();
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
        // The lock is this test's own, which is no server.
        assert_eq!(holder(dir.path(), dir.path()).unwrap(), Some(Holder::Unknown));
    }
}
