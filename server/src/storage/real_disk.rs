//! The operating system's files.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, SeekFrom, flock, seek};

use super::disk::{Disk, SyncPoint};

/// At most one warning of slow syncs in this time.
const BETWEEN_WARNINGS: Duration = Duration::from_secs(10);

/// The operating system's files.
#[derive(Debug)]
pub struct RealDisk {
    warning_threshold: Duration,
    warnings: Mutex<Warnings>,
}

/// What was said of slow syncs.
#[derive(Debug, Default)]
struct Warnings {
    last: Option<Instant>,
    unsaid: u64,
}

impl Warnings {
    /// Whether to warn now; then also of how many that were kept quiet.
    fn due(&mut self, now: Instant) -> Option<u64> {
        if self.last.is_some_and(|last| now.duration_since(last) < BETWEEN_WARNINGS) {
            self.unsaid += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

impl RealDisk {
    /// A sync that takes longer than `warning_threshold` is worth a line in the log
    /// (`fsync.warningthresholdms`).
    pub fn new(warning_threshold: Duration) -> Self {
        RealDisk { warning_threshold, warnings: Mutex::default() }
    }

    fn watched(&self, point: SyncPoint, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let start = Instant::now();
        sync()?;
        let took = start.elapsed();
        if took > self.warning_threshold {
            let due = self.warnings.lock().unwrap_or_else(PoisonError::into_inner).due(Instant::now());
            if let Some(unsaid) = due {
                tracing::warn!(
                    "syncing {} took {} ms, longer than fsync.warningthresholdms ({} ms){}: every write waits \
                     for the disk",
                    point.of(),
                    took.as_millis(),
                    self.warning_threshold.as_millis(),
                    if unsaid == 0 { String::new() } else { format!(", as did {unsaid} others") },
                );
            }
        }
        Ok(())
    }
}

impl Default for RealDisk {
    /// Warns after ZooKeeper's one second.
    fn default() -> Self {
        RealDisk::new(Duration::from_secs(1))
    }
}

/// The names of the files in a directory; a name that is not UTF-8 is none of ours.
pub(super) fn file_names(dir: &Path) -> io::Result<Vec<String>> {
    let name = |entry: fs::DirEntry| -> io::Result<Option<String>> {
        let is_dir = match entry.file_type() {
            // It was removed meanwhile.
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            kind => kind?.is_dir(),
        };
        Ok(entry.file_name().into_string().ok().filter(|_| !is_dir))
    };
    fs::read_dir(dir)?.filter_map(|entry| entry.and_then(name).transpose()).collect()
}

/// The next byte that a file has a place for on the disk; `at` where the system cannot tell.
pub(super) fn next_data(file: &File, at: u64) -> io::Result<Option<u64>> {
    use rustix::io::Errno;
    match seek(file, SeekFrom::Data(at)) {
        Ok(data) => Ok(Some(data)),
        Err(Errno::NXIO) => Ok(None),
        Err(Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(Some(at)),
        Err(e) => Err(e.into()),
    }
}

impl Disk for RealDisk {
    type File = File;
    type Lock = File;

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        file_names(dir)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir(dir)
    }

    fn canonical(&self, dir: &Path) -> io::Result<PathBuf> {
        dir.canonicalize()
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        path.try_exists()
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).open(path)
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).open(path)
    }

    fn len(&self, file: &File) -> io::Result<u64> {
        Ok(file.metadata()?.len())
    }

    fn next_data(&self, file: &File, at: u64) -> io::Result<Option<u64>> {
        next_data(file, at)
    }

    fn read_at(&self, file: &File, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        while read < into.len() {
            match file.read_at(&mut into[read..], offset + read as u64) {
                Ok(0) => break,
                Ok(n) => read += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(read)
    }

    fn write_at(&self, file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn set_len(&self, file: &File, len: u64) -> io::Result<()> {
        file.set_len(len)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync(&self, file: &File, point: SyncPoint) -> io::Result<()> {
        self.watched(point, || file.sync_data())
    }

    fn sync_dir(&self, dir: &Path, point: SyncPoint) -> io::Result<()> {
        self.watched(point, || File::open(dir)?.sync_all())
    }

    fn lock(&self, path: &Path) -> io::Result<Option<File>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_what_they_should_be() {
        let dir = tempfile::tempdir().unwrap();
        let disk = RealDisk::default();
        let [a, b] = ["a", "b"].map(|name| dir.path().join(name));
        let file = disk.create(&a).unwrap();
        assert_eq!(disk.create(&a).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        disk.write_at(&file, 3, b"xyz").unwrap();
        disk.set_len(&file, 8).unwrap();
        disk.sync(&file, SyncPoint::LogRecords).unwrap();
        assert_eq!((disk.next_data(&file, 0).unwrap(), disk.next_data(&file, 8).unwrap()), (Some(0), None));
        let mut bytes = [9; 10];
        assert_eq!(disk.read_at(&file, 1, &mut bytes).unwrap(), 7);
        assert_eq!(&bytes[..7], b"\0\0xyz\0\0");
        disk.rename(&a, &b).unwrap();
        disk.sync_dir(dir.path(), SyncPoint::LogCreated).unwrap();
        disk.create_dir(&dir.path().join("snapshot.5")).unwrap();
        assert_eq!(disk.list(dir.path()).unwrap(), ["b"]);
        assert!(disk.exists(&b).unwrap() && !disk.exists(&a).unwrap());
        disk.remove(&b).unwrap();
        assert_eq!(disk.open(&b).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn what_was_never_written_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let disk = RealDisk::default();
        let file = disk.create(&dir.path().join("a")).unwrap();
        disk.set_len(&file, 64 << 20).unwrap();
        disk.write_at(&file, 40 << 20, b"x").unwrap();
        // A system without sparse files says that there is something everywhere.
        let found = disk.next_data(&file, 5).unwrap().unwrap();
        assert!(found == 5 || (1 << 20..=40 << 20).contains(&found), "{found}");
        assert!(disk.next_data(&file, 40 << 20).unwrap() == Some(40 << 20));
        let end = disk.next_data(&file, 41 << 20).unwrap();
        assert!(end.is_none() || end == Some(41 << 20), "{end:?}");
    }

    #[test]
    fn slow_syncs_are_told_once_in_a_while() {
        let mut warnings = Warnings::default();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(warnings.due(after(0)), Some(0));
        assert_eq!((warnings.due(after(3)), warnings.due(after(9))), (None, None));
        assert_eq!(warnings.due(after(10)), Some(2));
        assert_eq!((warnings.due(after(12)), warnings.due(after(40))), (None, Some(1)));
    }

    #[test]
    fn a_lock_has_one_owner() {
        let dir = tempfile::tempdir().unwrap();
        let (disk, path) = (RealDisk::default(), dir.path().join("lock"));
        let first = disk.lock(&path).unwrap();
        assert!(first.is_some());
        assert!(disk.lock(&path).unwrap().is_none());
        drop(first);
        assert!(disk.lock(&path).unwrap().is_some());
    }
}
